import pytest
from edit_distance import edit_distance

@pytest.mark.parametrize("source, target, edits", [
    ("", "", 0), ("a", "", 1), ("", "ab", 2), ("kitten", "sitting", 3), ("flaw", "lawn", 2), ("same", "same", 0),
    ("intention", "execution", 5)])
def test_distance(source, target, edits):
    assert edit_distance(source, target) == edits
