r"""Changes are taken back character by character: whatever was typed into them since, it stays."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.domain.splices import Splice, around_line_ends, rebased, spliced, splices

texts = st.lists(st.sampled_from(["a\n", "b\n", "ab", "\r\n", "\n", "ba\r\n", "x"]), max_size=8).map("".join)


@given(before=texts, after=texts)
def test_splices_lead_from_one_text_to_the_other_also_around_line_ends(before: str, after: str) -> None:
    found = splices(before, after)
    assert spliced(before, found) == after
    wide = around_line_ends(before, found)
    assert spliced(before, wide) == after
    edges = [edge for splice in wide for edge in (splice.start, splice.end)]
    assert not any(before[edge - 1 : edge + 1] == "\r\n" for edge in edges if edge)


@given(before=texts, after=texts, data=st.data())
def test_what_is_typed_into_a_change_stays_when_the_change_is_taken_back(
    before: str, after: str, data: st.DataObject
) -> None:
    """The change is from `before` to `after`; then `TTT` is typed into `after`, perhaps over a part of it."""
    start = data.draw(st.integers(0, len(after)))
    typed = Splice(start, data.draw(st.integers(start, len(after))), "TTT")
    back = rebased(splices(after, before), typed)
    text = spliced(spliced(after, (typed,)), back)
    assert text.count("TTT") == 1
    kept = Counter(before) - Counter(after[typed.start : typed.end])
    assert not kept - Counter(text)  # nothing of the old text is lost but what was typed over
    if typed.start == typed.end:
        assert text.replace("TTT", "") == before


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        (Splice(0, 0, "!"), "!one two"),
        (Splice(5, 5, "!"), "one t!wo"),
        (Splice(4, 7, "!"), "one t!"),
        (Splice(3, 7, ""), "onet"),
    ],
)
def test_a_replaced_word_comes_back_beside_what_was_typed(typed: Splice, text: str) -> None:
    assert spliced(spliced("one 2wo", (typed,)), rebased((Splice(4, 5, "t"),), typed)) == text
