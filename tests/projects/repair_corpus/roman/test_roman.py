import pytest
from roman import from_roman

@pytest.mark.parametrize("text, number", [
    ("I", 1), ("III", 3), ("IV", 4), ("IX", 9), ("XL", 40), ("MCMXCIV", 1994), ("LVIII", 58), ("XIV", 14)])
def test_numbers(text, number):
    assert from_roman(text) == number
