from power_set import power_set

def test_empty():
    assert power_set([]) == [[]]

def test_one():
    assert power_set([1]) == [[], [1]]

def test_three():
    assert power_set([1, 2, 3]) == [[], [3], [2], [2, 3], [1], [1, 3], [1, 2], [1, 2, 3]]
