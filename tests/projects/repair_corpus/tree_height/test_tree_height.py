from tree_height import Tree, height, leaves

def test_height():
    assert height(None) == 0
    assert height(Tree(1)) == 1
    assert height(Tree(1, Tree(2, Tree(3)), Tree(4))) == 3

def test_leaves():
    assert leaves(Tree(1, Tree(2), Tree(3, Tree(4)))) == 2
