"""Bytes to text and back."""

import codecs

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from podium.domain.text_file import MAX_BYTES, TextFile
from podium.errors import ToolError

mixed_text = st.lists(
    st.sampled_from(["a", "é€", "\r\n", "\n", "\r", "\t", "\x0c", "\u2028", "😀", " "])
).map("".join)
contents = st.one_of(
    st.binary(max_size=60),
    mixed_text.map(lambda text: text.encode()),
    mixed_text.map(lambda text: codecs.BOM_UTF8 + text.encode()),
    mixed_text.map(lambda text: codecs.BOM_UTF16_LE + text.encode("utf-16-le")),
    mixed_text.map(lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be")),
    st.text(st.characters(max_codepoint=255)).map(lambda text: text.encode("latin-1")),
)


@settings(deadline=None, max_examples=200)
@given(contents)
def test_an_unedited_file_comes_back_byte_for_byte(content: bytes) -> None:
    try:
        file = TextFile.decode(content)
    except ToolError:
        assume(False)
        return
    assert file.encode(file.text) == content
    assert "\r" not in file.text


plain_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\ufeff"))


@settings(deadline=None)
@given(mixed_text, st.sampled_from([b"", codecs.BOM_UTF8]), plain_text)
def test_what_is_written_is_read_again(before: str, mark: bytes, after: str) -> None:
    file = TextFile.decode(mark + before.encode())
    assert TextFile.decode(file.encode(after)).text == after


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["\n", "\r\n"])), min_size=1), st.data())
def test_lines_above_and_below_an_edit_keep_their_own_endings(
    lines: list[tuple[str, str]], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(lines)))
    parts = ["".join(line) for line in lines]
    file = TextFile.decode("".join(parts).encode())
    seen = file.text.split("\n")
    edited = "\n".join([*seen[:at], "NEW", *seen[at:]])
    expected = "".join([*parts[:at], "NEW" + file.newline, *parts[at:]])
    assert file.encode(edited).decode() == expected


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"a\r\nb\r\n", "a\nb\n"),
        (b"a\rb\r", "a\nb\n"),
        (codecs.BOM_UTF8 + b"a\n", "a\n"),
        (codecs.BOM_UTF16_LE + "é\r\n".encode("utf-16-le"), "é\n"),
        (codecs.BOM_UTF16_BE + "é\n".encode("utf-16-be"), "é\n"),
        (b"caf\xe9\n", "café\n"),
        (b"", ""),
        (b"\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
    ],
)
def test_a_model_sees_plain_text(content: bytes, text: str) -> None:
    assert TextFile.decode(content).text == text


@pytest.mark.parametrize(
    "content", [b"\x7fELF\0\0", b"\x89PNG\r\n\x1a\n\0", bytes(range(128, 160)), "a".encode("utf-32"), b"a\0b"]
)
def test_a_binary_file_is_refused(content: bytes) -> None:
    with pytest.raises(ToolError, match="binary"):
        TextFile.decode(content)


def test_a_huge_file_is_refused() -> None:
    with pytest.raises(ToolError, match="too large"):
        TextFile.decode(b"a" * (MAX_BYTES + 1))
    assert TextFile.decode(b"a" * MAX_BYTES).text


@pytest.mark.parametrize(
    ("content", "text", "expected"),
    [
        (b"a\r\nb\r\n", "a\nnew\nb\n", b"a\r\nnew\r\nb\r\n"),
        (b"a\r\nb", "a\nb2", b"a\r\nb2"),
        (b"a\r\nb\nc\r\n", "a\nB\nc\n", b"a\r\nB\nc\r\n"),
        (b"a\r\nb\nc\r\n", "a\nb\nc\nd\n", b"a\r\nb\nc\r\nd\r\n"),
        (b"a\r\nb\nc\r\n", "a\nc\n", b"a\r\nc\r\n"),
        (b"a\r\nb\r\n", "a\r\nb\r\nc\r\n", b"a\r\nb\r\nc\r\n"),
        (codecs.BOM_UTF8 + b"a\n", "b\n", codecs.BOM_UTF8 + b"b\n"),
        (b"caf\xe9\n", "café, thé\n", b"caf\xe9, th\xe9\n"),
        (b"a\n", "", b""),
        (b"", "a\n", b"a\n"),
    ],
)
def test_an_edit_keeps_encoding_mark_and_endings(content: bytes, text: str, expected: bytes) -> None:
    assert TextFile.decode(content).encode(text) == expected


@pytest.mark.parametrize(("content", "text"), [(b"caf\xe9\n", "ok\ncafé 3 €\n"), (b"a\n", "ok\nx \ud83d\n")])
def test_a_character_that_the_encoding_lacks_is_told_with_its_line(content: bytes, text: str) -> None:
    with pytest.raises(ToolError, match=r"line 2 .*encoding, or as an escape"):
        TextFile.decode(content).encode(text)
