r"""Text as an editor sees it: lines, positions in three encodings, and edits between them.

A line ends at `\n`, `\r\n` or `\r` and nowhere else, as LSP defines it: a form feed, U+2028 or U+0085 is
an ordinary character. Whoever splits there as well (`str.splitlines` does) disagrees with the editor
about every position below, and edits then land in the wrong line.

An offset is an index into the Python string, so it counts code points. A position is a line and a
character, both zero-based, and the character counts the units of an encoding: bytes for `utf-8`, 16-bit
units for `utf-16`, code points for `utf-32`. A lone surrogate is one code point: three bytes, one unit.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal, TypeAlias

Encoding: TypeAlias = Literal["utf-8", "utf-16", "utf-32"]

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+")
_ASTRAL = re.compile(r"[\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place between two characters; `character` counts units of the encoding that goes with it."""

    line: int
    character: int


class Text:
    """A text that is edited in place, line by line.

    An edit costs what it replaces, not what the text holds; the whole content and the table of line
    starts are made when asked for and kept until the next edit. Positions that lie outside are clamped:
    to the end of their line, or to the end of the text; one inside a character goes to its start.
    """

    def __init__(self, content: str = "") -> None:
        self._lines = split_lines(content)
        self._content: str | None = content
        self._starts: list[int] | None = None

    @property
    def content(self) -> str:
        """The whole text."""
        if self._content is None:
            self._content = "".join(self._lines)
        return self._content

    @property
    def n_lines(self) -> int:
        """The number of lines, at least 1: a text that ends with a line end has an empty last line."""
        return len(self._lines)

    def line(self, index: int) -> str:
        """Return a line with its line end; `index` is zero-based.

        Raises:
            IndexError: there is no such line.
        """
        return self._lines[index]

    def offset_at(self, position: Position, encoding: Encoding) -> int:
        """Return the offset of `position`, clamped into the text."""
        line, column = self._locate(position, encoding)
        return self._line_starts()[line] + column

    def position_at(self, offset: int, encoding: Encoding) -> Position:
        """Return the position of `offset`, clamped into the text; inside a line end is before it."""
        starts = self._line_starts()
        line = max(0, bisect_right(starts, offset) - 1)
        text = self._lines[line]
        column = max(0, min(offset - starts[line], _body_length(text)))
        return Position(line, _units_before(text, column, encoding))

    def replace(self, start: Position, end: Position, new: str, encoding: Encoding) -> None:
        """Put `new` in the place of everything from `start` to `end`, which may come in either order."""
        (first, left), (last, right) = sorted((self._locate(start, encoding), self._locate(end, encoding)))
        lines = self._lines
        merged = lines[first][:left] + new + lines[last][right:]
        stop = last + 1
        # An edit can bring `\r` and `\n` together, which are one line end then.
        if first > 0 and merged.startswith("\n") and lines[first - 1].endswith("\r"):
            first -= 1
            merged = lines[first] + merged
        fresh = split_lines(merged)
        if stop < len(lines):
            fresh.pop()  # the line after `merged` is already there
        lines[first:stop] = fresh
        self._content = self._starts = None

    def _locate(self, position: Position, encoding: Encoding) -> tuple[int, int]:
        """Return the line and the column in code points of `position`, both clamped."""
        if position.line < 0:
            return 0, 0
        if position.line >= len(self._lines):
            return len(self._lines) - 1, len(self._lines[-1])
        text = self._lines[position.line]
        column = _column_at(text, max(0, position.character), encoding)
        return position.line, min(column, _body_length(text))

    def _line_starts(self) -> list[int]:
        if self._starts is None:
            self._starts = list(accumulate(map(len, self._lines[:-1]), initial=0))
        return self._starts


def split_lines(content: str) -> list[str]:
    """Return the lines of `content` with their line ends; the last one has none, and may be empty."""
    lines: list[str] = _LINE.findall(content)
    if not lines or lines[-1][-1] in "\r\n":
        lines.append("")
    return lines


def _body_length(line: str) -> int:
    """Return the length of `line` without its line end."""
    if line.endswith("\r\n"):
        return len(line) - 2
    return len(line) - line.endswith(("\n", "\r"))


def _column_at(line: str, units: int, encoding: Encoding) -> int:
    """Return the column in code points that lies `units` into `line`, at most its length."""
    if encoding == "utf-32" or line.isascii():
        return min(units, len(line))
    if encoding == "utf-8":
        encoded = line.encode("utf-8", "surrogatepass")
        units = min(units, len(encoded))
        while units < len(encoded) and encoded[units] & 0xC0 == 0x80:
            units -= 1
        return len(encoded[:units].decode("utf-8", "surrogatepass"))
    n_pairs = 0
    for pair in _ASTRAL.finditer(line):
        if pair.start() + n_pairs + 2 > units:
            return min(pair.start(), units - n_pairs)
        n_pairs += 1
    return min(units - n_pairs, len(line))


def _units_before(line: str, column: int, encoding: Encoding) -> int:
    """Return how many units of `encoding` come before `column`, which counts code points."""
    if encoding == "utf-32" or line.isascii():
        return column
    if encoding == "utf-8":
        return len(line[:column].encode("utf-8", "surrogatepass"))
    return column + sum(1 for _ in _ASTRAL.finditer(line, 0, column))
