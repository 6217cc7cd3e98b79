import pytest
from to_base import to_base

@pytest.mark.parametrize("number, base, text", [
    (0, 2, "0"), (5, 2, "101"), (6, 2, "110"), (255, 16, "ff"), (254, 16, "fe"), (35, 36, "z"), (100, 10, "100")])
def test_digits(number, base, text):
    assert to_base(number, base) == text
