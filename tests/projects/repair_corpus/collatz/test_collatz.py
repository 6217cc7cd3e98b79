import pytest
from collatz import collatz_length

@pytest.mark.parametrize("n, length", [(1, 1), (2, 2), (3, 8), (6, 9), (7, 17), (27, 112)])
def test_length(n, length):
    assert collatz_length(n) == length
