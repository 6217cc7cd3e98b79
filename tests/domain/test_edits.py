"""What becomes of the edits that models send."""

from collections import Counter
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.domain.edits import apply_edit, refuse_elisions
from podium.domain.text_file import TextFile
from podium.errors import ToolError
from tests.domain.edit_corpus import ROWS, Row


def apply_to_bytes(row: Row, content: bytes) -> tuple[bytes, str | None, str]:
    file = TextFile.decode(content)
    outcome = apply_edit(file.text, row.old, row.new, row.path)
    return file.encode(outcome.text), outcome.how, outcome.note


@pytest.mark.parametrize("row", [row for row in ROWS if row.how], ids=lambda row: row.name)
def test_an_edit_that_fits(row: Row) -> None:
    after = row.after if isinstance(row.after, bytes) else row.after.encode()
    content = row.file if isinstance(row.file, bytes) else row.file.encode()
    result, how, note = apply_to_bytes(row, content)
    assert (result.decode("latin-1"), how) == (after.decode("latin-1"), row.how)
    assert note or how == "exact"


@pytest.mark.parametrize("row", [row for row in ROWS if not row.how], ids=lambda row: row.name)
def test_an_edit_that_is_refused(row: Row) -> None:
    content = row.file if isinstance(row.file, bytes) else row.file.encode()
    with pytest.raises(ToolError, match=row.says) as refusal:
        apply_to_bytes(row, content)
    assert len(str(refusal.value).splitlines()) <= 18


def test_the_corpus_is_large_and_its_rows_have_names_of_their_own() -> None:
    assert len(ROWS) >= 150
    assert not [name for name, count in Counter(row.name for row in ROWS).items() if count > 1]


SHALLOWER_TWIN = "the depth as given wins over another"
"""Once the deeper of two equal blocks is edited, the other one is the only that `old` can mean."""


@pytest.mark.parametrize(
    "row",
    [row for row in ROWS if row.how and row.new and row.old and row.name != SHALLOWER_TWIN],
    ids=lambda row: row.name,
)
def test_an_edit_sent_twice_never_does_more_harm_than_an_error(row: Row) -> None:
    text = TextFile.decode(row.after if isinstance(row.after, bytes) else row.after.encode()).text
    try:
        again = apply_edit(text, row.old, row.new, row.path)
    except ToolError:
        return
    assert again.how == "already applied" or row.old in row.new or row.old.strip() in text


lines = st.lists(
    st.sampled_from(["a = 1", "    b = 2", "\tc()", "", "}", "# d", "x" * 30]), min_size=1, max_size=12
)


@settings(deadline=None, max_examples=100)
@given(lines, st.data())
def test_only_the_lines_of_the_edit_change(file: list[str], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(file) - 1))
    end = data.draw(st.integers(start + 1, len(file)))
    text = "".join(f"{line}\n" for line in file)
    old = "".join(f"{line.rstrip()} \n" for line in file[start:end])
    try:
        outcome = apply_edit(text, old, "UNIQUE_NEW\n")
    except ToolError:
        return
    expected = "".join(f"{line}\n" for line in [*file[:start], "UNIQUE_NEW", *file[end:]])
    assert outcome.text.replace("\t", "").replace(" ", "").replace("\n\n", "\n") == expected.replace(
        "\t", ""
    ).replace(" ", "").replace("\n\n", "\n")


def big_file() -> str:
    return "\n".join(f"def f{i}(a, b):\n    value = a * {i} + b\n    return value\n" for i in range(1250))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("def f700(a, b):\n    value = a * 700 + b\n", "def f700(a, b):\n    value = 0\n"),
        ("def f700(a, b):  \nvalue = a * 700 + b\n", "x\n"),
        (
            "def f700(a, b):\n    # note\n    value = a * 700 + b\n    return value\n\ndef f701(a, b):\n",
            "x\n",
        ),
        ("def h(a, b):\n    value = b * 1 + a\n    other()\n    return value\n", "x\n"),
        ("value = a * 1249 + c", "x"),
    ],
)
@pytest.mark.timeout(20)
def test_a_file_of_5000_lines_is_searched_in_far_less_than_its_square(old: str, new: str) -> None:
    text = big_file()
    for _ in range(3):
        with suppress(ToolError):
            apply_edit(text, old, new)


def test_a_near_miss_shows_the_file_s_own_lines_with_their_numbers() -> None:
    text = big_file()
    with pytest.raises(ToolError) as refusal:
        apply_edit(text, "def f700(a, b):\n    value = a * 700 - b\n    return value", "x")
    assert "2802\t    value = a * 700 + b" in str(refusal.value)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.text("abcdefgh =()", min_size=12, max_size=30), min_size=1, max_size=5))
def test_noise_never_matches_by_chance(noise: list[str]) -> None:
    text = "\n".join(f"def f{i}(a, b):\n    value = a * {i} + b\n    return value\n" for i in range(50))
    with pytest.raises(ToolError):
        apply_edit(text, "\n".join(["#", *noise]), "x")


def test_elisions_are_found_in_whole_files_too() -> None:
    with pytest.raises(ToolError, match="existing code"):
        refuse_elisions("import os\n# ... existing code ...\n")
    refuse_elisions("import os\n# ... existing code ...\n", ["# ... existing code ..."])


def test_a_very_long_line_is_searched_for_elisions_without_going_back_and_forth() -> None:
    refuse_elisions("# ... " + "rest of the code " * 200_000)
