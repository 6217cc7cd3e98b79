import pytest
from binary_search_insert import insert_position

@pytest.mark.parametrize("values, wanted, position", [
    ([], 3, 0), ([1], 0, 0), ([1], 1, 0), ([1], 2, 1), ([1, 3, 5, 7], 5, 2), ([1, 3, 5, 7], 6, 3),
    ([1, 3, 5, 7], 9, 4), ([2, 2, 2, 2], 2, 0), ([1, 2, 2, 2, 3], 2, 1)])
def test_position(values, wanted, position):
    assert insert_position(values, wanted) == position
