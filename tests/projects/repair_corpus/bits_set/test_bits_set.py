import pytest
from bits_set import count_bits, lowest_bit

@pytest.mark.parametrize("number, count", [(0, 0), (1, 1), (5, 2), (255, 8), (256, 1), (1023, 10)])
def test_count(number, count):
    assert count_bits(number) == count

def test_lowest():
    assert lowest_bit(12) == 4
