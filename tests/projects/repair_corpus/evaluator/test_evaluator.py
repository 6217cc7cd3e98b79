import pytest
from evaluator import evaluate

@pytest.mark.parametrize("text, value", [
    ("3", 3), ("1 2 +", 3), ("5 3 -", 2), ("8 2 /", 4), ("2 3 4 * +", 14), ("10 2 8 * + 3 -", 23)])
def test_value(text, value):
    assert evaluate(text.split()) == value
