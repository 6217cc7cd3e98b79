"""How the indentation that a model wrote maps to the one that a file has."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


def indent_of(line: str) -> str:
    """Return the white space that `line` begins with."""
    return line[: len(line) - len(line.lstrip())]


@dataclass(frozen=True, slots=True)
class Shift:
    """A change of indentation that is the same for every line of a block.

    `removed` goes from the front of a line and `added` comes in its place; what is left, or for
    `n_levels` other than None the whole of it, is counted in `unit` and written in `file_unit`.
    """

    removed: str = ""
    added: str = ""
    unit: str = ""
    file_unit: str = ""
    n_levels: int | None = None

    def __call__(self, line: str) -> str:
        """Return `line`, indented as the file would have it; blank lines come back empty."""
        indent = indent_of(line)
        if not line.strip():
            return ""
        if self.n_levels is not None:
            return self._in_file_units(indent, self.n_levels) + line.lstrip()
        if indent.startswith(self.removed):
            rest = indent[len(self.removed) :]
            return self.added + self._in_file_units(rest, 0) + line.lstrip()
        return line.lstrip()

    def _in_file_units(self, indent: str, n_levels: int) -> str:
        if not self.unit or (self.n_levels is None and self.unit[0] == self.file_unit[0]):
            return indent
        if not indent.startswith(self.unit) and (len(indent) or not n_levels):
            return indent
        count, rest = divmod(len(indent), len(self.unit))
        return self.file_unit * max(0, count + n_levels) + " " * rest


def shift_between(
    pairs: Sequence[tuple[str, str]], written: Sequence[str], file: Sequence[str]
) -> Shift | None:
    """Return the one shift that turns every first indentation of `pairs` into the second, or None.

    `written` are all lines of the edit and `file` those of the file; they tell the units.
    """
    unit, file_unit = unit_of(written), unit_of(file)
    if all(mine == there for mine, there in pairs):
        return Shift(unit=unit, file_unit=file_unit) if not any(mine for mine, _ in pairs) else Shift()
    grown = {there.removesuffix(mine) if there.endswith(mine) else None for mine, there in pairs}
    if len(grown) == 1 and None not in grown:
        return Shift("", grown.pop() or "", unit, file_unit)
    shrunk = {mine.removesuffix(there) if mine.endswith(there) else None for mine, there in pairs}
    if len(shrunk) == 1 and None not in shrunk:
        return Shift(shrunk.pop() or "", "", unit, file_unit)
    levels = {_levels(there, file_unit) - _levels(mine, unit) for mine, there in pairs}
    if len(levels) == 1 and not math.isnan(step := levels.pop()):
        return Shift(unit=unit, file_unit=file_unit, n_levels=int(step))
    return None


def unit_of(lines: Sequence[str]) -> str:
    """Return what one level of indentation is in `lines`: a tab, or the usual number of spaces."""
    indents = [indent_of(line) for line in lines if line.strip()]
    if sum("\t" in indent for indent in indents) * 2 > sum(bool(indent) for indent in indents):
        return "\t"
    widths = [len(indent) for indent in indents if "\t" not in indent]
    steps = Counter(b - a for a, b in pairwise(widths) if b - a > 1)
    if steps:
        return " " * max(steps, key=lambda step: (steps[step], -step))
    common = math.gcd(*widths)
    return " " * (4 if common % 4 == 0 else common)


def _levels(indent: str, unit: str) -> float:
    count, rest = divmod(len(indent), len(unit))
    return math.nan if rest or indent != unit * count else count
