import pytest
from maximum_subarray import best_sum

@pytest.mark.parametrize("values, total", [
    ([], 0), ([1, 2], 3), ([-1], 0), ([-2, 1, -3, 4, -1, 2, 1, -5, 4], 6), ([5, -9, 6], 6), ([-1, 3], 3)])
def test_sum(values, total):
    assert best_sum(values) == total
