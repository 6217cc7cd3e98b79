import pytest
from staircase_paths import paths

@pytest.mark.parametrize("rows, columns, blocked, number", [
    (1, 1, set(), 1), (2, 2, set(), 2), (3, 3, set(), 6), (3, 3, {(1, 1)}, 2), (2, 2, {(0, 1), (1, 0)}, 0)])
def test_paths(rows, columns, blocked, number):
    assert paths(rows, columns, blocked) == number
