"""An update never touches a line in which the user types, and nothing of it is lost."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.domain.lines import changes, split_lines
from podium.domain.yielding import updated

TEXTS = st.lists(st.sampled_from("abcdefgh"), max_size=9).map(lambda lines: "".join(f"{x}\n" for x in lines))
TYPED = st.lists(st.sampled_from("abcdeXYZ"), max_size=9).map("\n".join)


@pytest.mark.parametrize(
    ("base", "update", "typed", "text", "common"),
    [
        ("a\nb\nc\n", "A\nb\nc\n", "a\nb\nc!\n", "A\nb\nc!\n", "A\nb\nc\n"),
        ("a\nb\nc\n", "A\nB\nC\n", "a\nb!\nc\n", "A\nb!\nC\n", "A\nb\nC\n"),
        ("a\nb\n", "A\nb\n", "a\nnew\nb\n", "A\nnew\nb\n", "A\nb\n"),
        ("a\nb\n", "A\nB\n", "a\nb\nnew", "A\nB\nnew", "A\nB\n"),
        ("a\n", "a\nfrom here\n", "a\nfrom there", "a\nfrom there\nfrom here\n", "a\nfrom here\n"),
        ("a\nb\n", "a\nB\n", "a\n", "a\n", "a\nb\n"),
        ("a\nb\n", "a\n", "a\nb!\n", "a\nb!\n", "a\nb\n"),
    ],
)
def test_the_user_keeps_the_lines_that_they_changed(
    base: str, update: str, typed: str, text: str, common: str
) -> None:
    result = updated(base, update, typed)
    assert (result.text, result.base) == (text, common)


@given(TEXTS, TEXTS, TYPED)
@settings(max_examples=300, deadline=None)
def test_nothing_typed_is_lost_and_every_update_comes_in_the_end(base: str, update: str, typed: str) -> None:
    result = updated(base, update, typed)
    lines = split_lines(typed)
    own = [
        line.strip("\n")
        for change in changes(split_lines(base), lines)
        for line in lines[change.new_start : change.new_end]
    ]
    left = result.text.split("\n")
    for line in own:
        assert line in left
        left.remove(line)
    assert updated(base, base, typed).text == typed
    assert updated(base, update, base).text == update
    again = updated(result.base, update, result.text)
    assert updated(again.base, update, again.base).text == update
    assert updated(result.base, update, result.base).text == update
