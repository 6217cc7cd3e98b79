from insertion_sort import insertion_sort

def test_sorts():
    assert insertion_sort([3, 1, 2]) == [1, 2, 3]
    assert insertion_sort([5, 4, 3, 2, 1]) == [1, 2, 3, 4, 5]
    assert insertion_sort([]) == []
    assert insertion_sort([2, 2, 1]) == [1, 2, 2]

def test_leaves_the_argument_alone():
    items = [2, 1]
    insertion_sort(items)
    assert items == [2, 1]

def test_sorted_stays():
    assert insertion_sort([1, 2, 3]) == [1, 2, 3]
