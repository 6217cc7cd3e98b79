import pytest
from change_ways import ways

@pytest.mark.parametrize("amount, coins, number", [
    (0, [1], 1), (5, [], 0), (5, [1], 1), (5, [1, 2, 5], 4), (3, [2], 0), (10, [2, 5, 3, 6], 5), (1, [2], 0)])
def test_ways(amount, coins, number):
    assert ways(amount, coins) == number
