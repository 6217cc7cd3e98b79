import pytest
from rotate_list import rotate

@pytest.mark.parametrize("items, n, rotated", [
    ([], 3, []), ([1, 2, 3], 0, [1, 2, 3]), ([1, 2, 3], 1, [3, 1, 2]), ([1, 2, 3, 4, 5], 2, [4, 5, 1, 2, 3]), ([1, 2, 3], 4, [3, 1, 2]), ([1, 2, 3], -1, [2, 3, 1])])
def test_rotate(items, n, rotated):
    assert rotate(items, n) == rotated
