import pytest
from fibonacci_memo import fibonacci

@pytest.mark.parametrize("n, value", [(0, 0), (1, 1), (2, 1), (3, 2), (10, 55), (50, 12586269025)])
def test_values(n, value):
    assert fibonacci(n) == value
