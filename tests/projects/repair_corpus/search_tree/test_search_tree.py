from search_tree import SearchTree

def build(*keys):
    tree = SearchTree()
    for key in keys:
        tree.insert(key)
    return tree

def test_empty():
    assert build().in_order() == []

def test_ordered():
    assert build(5, 3, 8, 1, 4, 7, 9).in_order() == [1, 3, 4, 5, 7, 8, 9]

def test_left_chain():
    assert build(5, 4, 3, 2, 1).in_order() == [1, 2, 3, 4, 5]

def test_right_chain():
    assert build(1, 2, 3).in_order() == [1, 2, 3]
