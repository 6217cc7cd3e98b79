import pytest
from common_subsequence import common

@pytest.mark.parametrize("a, b, found", [
    ("", "x", ""), ("abc", "abc", "abc"), ("abcde", "ace", "ace"), ("xaxb", "ab", "ab"), ("ab", "cd", ""), ("aab", "azb", "ab"), ("a", "aa", "a")])
def test_common(a, b, found):
    assert common(a, b) == found
