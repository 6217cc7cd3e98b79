from running_average import average, moving

def test_average():
    assert average([]) == 0.0
    assert average([1, 2]) == 1.5

def test_moving():
    assert moving([1, 2, 3, 4], 2) == [1.5, 2.5, 3.5]
    assert moving([1, 2, 3], 3) == [2.0]
    assert moving([1], 1) == [1.0]
