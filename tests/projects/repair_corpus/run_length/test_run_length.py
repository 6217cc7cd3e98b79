import pytest
from run_length import decode, encode

@pytest.mark.parametrize("text, runs", [
    ("", []), ("a", [("a", 1)]), ("aab", [("a", 2), ("b", 1)]), ("abba", [("a", 1), ("b", 2), ("a", 1)])])
def test_encode(text, runs):
    assert encode(text) == runs

def test_round_trip():
    assert decode(encode("hellooo world")) == "hellooo world"

def test_decode():
    assert decode([("x", 3)]) == "xxx"
