import pytest
from palindromes import longest_palindrome

@pytest.mark.parametrize("text, found", [
    ("", ""), ("a", "a"), ("abc", "a"), ("abba", "abba"), ("xabay", "aba"), ("bananas", "anana"), ("cbbd", "bb")])
def test_longest(text, found):
    assert longest_palindrome(text) == found
