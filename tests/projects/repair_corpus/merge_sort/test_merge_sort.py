import pytest
from merge_sort import merge_sort

@pytest.mark.parametrize("values", [[], [1], [2, 1], [3, 1, 2], [5, 4, 3, 2, 1], [1, 2, 3, 4], [2, 2, 1, 1], [7, 0, 7, 3, 9, 1]])
def test_sorts(values):
    assert merge_sort(values) == sorted(values)
