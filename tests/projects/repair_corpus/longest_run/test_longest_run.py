import pytest
from longest_run import longest_run

@pytest.mark.parametrize("values, length", [
    ([], 0), ([1], 1), ([1, 2, 3], 3), ([3, 2, 1], 1), ([1, 2, 3, 1, 2], 3), ([5, 1, 2, 3, 4, 0], 4), ([1, 1, 1], 1)])
def test_length(values, length):
    assert longest_run(values) == length
