import pytest
from quick_select import kth_smallest

@pytest.mark.parametrize("values", [[1], [3, 1, 2], [5, 5, 5, 1], [9, 8, 7, 6, 5, 4, 3, 2, 1], [2, 2, 3, 3, 1, 1]])
def test_every_k(values):
    assert [kth_smallest(values, k) for k in range(len(values))] == sorted(values)
