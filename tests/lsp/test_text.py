"""Text: lines as LSP defines them, positions in three encodings, edits that cost what they touch."""

import tracemalloc
from itertools import pairwise
from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from podium.domain.text import Encoding, Position, Text, split_lines

ENCODINGS: tuple[Encoding, ...] = get_args(Encoding)
CODECS = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}

pieces = st.sampled_from(
    ["a", "é", "語", "🙂", "\ud83d", "\udc00", "\n", "\r", "\r\n", "\f", "\v", "\x1c", "\x85", "\u2028"]
)
contents = st.lists(pieces, max_size=30).map("".join)
dense = st.lists(st.sampled_from(["a", "🙂", "\n", "\r"]), max_size=6).map("".join)
encodings = st.sampled_from(ENCODINGS)
positions = st.builds(Position, st.integers(-1, 12), st.integers(-1, 20))


def units(text: str, encoding: Encoding) -> int:
    """Return the length of `text` by an independent count: each code point encoded on its own."""
    codec, width = CODECS[encoding]
    return sum(len(char.encode(codec, "surrogatepass")) // width for char in text)


def reference_offset(content: str, position: Position, encoding: Encoding) -> int:
    """Return the offset of `position` by walking over the whole text, character by character."""
    if position.line < 0:
        return 0
    offset = line = 0
    while line < position.line:
        if offset == len(content):
            return offset
        step = 2 if content[offset : offset + 2] == "\r\n" else 1
        line += content[offset] in "\r\n"
        offset += step
    left = position.character
    while offset < len(content) and content[offset] not in "\r\n":
        left -= units(content[offset], encoding)
        if left < 0:
            break
        offset += 1
    return offset


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        ("", [""]),
        ("a", ["a"]),
        ("a\n", ["a\n", ""]),
        ("a\r\nb\rc\n\rd", ["a\r\n", "b\r", "c\n", "\r", "d"]),
        ("a\fb\vc\x85d\u2028e\x1cf", ["a\fb\vc\x85d\u2028e\x1cf"]),
    ],
)
def test_only_the_three_line_ends_of_lsp_end_a_line(content: str, lines: list[str]) -> None:
    assert split_lines(content) == lines
    assert Text(content).n_lines == len(lines)


@given(contents)
def test_lines_are_the_text_and_each_but_the_last_has_one_line_end(content: str) -> None:
    lines = split_lines(content)
    assert "".join(lines) == content
    assert all(line.endswith(("\n", "\r")) for line in lines[:-1])
    assert not lines[-1].endswith(("\n", "\r"))
    assert not any(a.endswith("\r") and b.startswith("\n") for a, b in pairwise(lines))


@given(contents, encodings)
def test_every_offset_survives_the_way_to_a_position_and_back(content: str, encoding: Encoding) -> None:
    text = Text(content)
    for offset in range(len(content) + 1):
        back = text.offset_at(text.position_at(offset, encoding), encoding)
        inside_line_end = content[offset - 1 : offset + 1] == "\r\n" and offset > 0
        assert back == (offset - 1 if inside_line_end else offset)


@given(contents, positions, encodings)
def test_positions_are_found_where_a_walk_over_the_text_finds_them(
    content: str, position: Position, encoding: Encoding
) -> None:
    assert Text(content).offset_at(position, encoding) == reference_offset(content, position, encoding)


@given(contents, positions, encodings)
def test_a_position_counts_the_units_before_it(content: str, position: Position, encoding: Encoding) -> None:
    text = Text(content)
    offset = text.offset_at(position, encoding)
    found = text.position_at(offset, encoding)
    start = text.offset_at(Position(found.line, 0), encoding)
    assert found.character == units(content[start:offset], encoding)


@given(dense, st.lists(st.tuples(positions, positions, dense), min_size=1, max_size=4), encodings)
@example("a\r", [(Position(1, 0), Position(1, 0), "\nb")], "utf-16")
@example("a\rb\n", [(Position(1, 0), Position(1, 1), "")], "utf-16")
@example("a\n\nb", [(Position(0, 1), Position(1, 0), "\r")], "utf-16")
@example("ab\n\n", [(Position(0, 1), Position(1, 0), "\r"), (Position(0, 0), Position(0, 0), "\n")], "utf-8")
def test_edits_give_what_replacing_in_the_whole_text_gives(
    content: str, edits: list[tuple[Position, Position, str]], encoding: Encoding
) -> None:
    text = Text(content)
    for start, end, new in edits:
        left, right = sorted(reference_offset(content, place, encoding) for place in (start, end))
        content = content[:left] + new + content[right:]
        text.replace(start, end, new, encoding)
        lines = split_lines(content)
        assert text.content == content
        assert [text.line(i) for i in range(text.n_lines)] == lines
        last = Position(len(lines) - 1, 0)
        assert text.offset_at(last, encoding) == len(content) - len(lines[-1])


@pytest.mark.parametrize(
    ("content", "position", "offset"),
    [
        ("abc", Position(0, 10), 3),
        ("abc\ndef", Position(0, 10), 3),
        ("abc\r\ndef", Position(0, 4), 3),
        ("abc\ndef", Position(9, 0), 7),
        ("abc\n", Position(1, 5), 4),
    ],
)
def test_positions_beyond_an_end_are_clamped_to_it(content: str, position: Position, offset: int) -> None:
    for encoding in ENCODINGS:
        assert Text(content).offset_at(position, encoding) == offset


def test_a_position_inside_a_character_is_clamped_to_its_start() -> None:
    assert Text("a🙂b").offset_at(Position(0, 2), "utf-16") == 1
    assert [Text("a🙂b").offset_at(Position(0, n), "utf-8") for n in range(7)] == [0, 1, 1, 1, 1, 2, 3]


def test_an_edit_of_a_large_document_costs_what_it_touches() -> None:
    text = Text("a line of some length, as they are in real files, with some more words\n" * 20_000)
    tracemalloc.start()
    try:
        for number in range(1000):
            place = Position(10_000, number % 50)
            text.replace(place, place, "x", "utf-16")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 300_000  # splitting or joining the text would take 1.4 MB
    assert text.line(10_000).count("x") == 1000
