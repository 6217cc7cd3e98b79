import pytest
from merge_intervals import merge

@pytest.mark.parametrize("intervals, union", [
    ([], []), ([(1, 2)], [(1, 2)]), ([(1, 3), (2, 4)], [(1, 4)]), ([(1, 2), (4, 5)], [(1, 2), (4, 5)]),
    ([(1, 10), (2, 3)], [(1, 10)]), ([(5, 6), (1, 2), (2, 5)], [(1, 6)])])
def test_merge(intervals, union):
    assert merge(intervals) == union
