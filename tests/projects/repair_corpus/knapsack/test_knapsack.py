import pytest
from knapsack import best_value

@pytest.mark.parametrize("items, capacity, value", [
    ([], 10, 0), ([(5, 3)], 4, 0), ([(5, 3)], 5, 3), ([(1, 1), (2, 6), (3, 10), (5, 16)], 7, 22),
    ([(4, 5), (4, 5), (7, 9)], 8, 10)])
def test_value(items, capacity, value):
    assert best_value(items, capacity) == value
