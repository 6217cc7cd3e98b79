"""Updating a text in which somebody is typing: whoever types keeps every line that they have changed.

A three-way merge in which one side yields. An update of a line that the user changed as well is put off: it is
neither in the merged text nor in the base that the next update starts from, and so comes again once the user has
let go of the line.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from podium.domain.lines import Change, changes, split_lines


@dataclass(frozen=True, slots=True)
class Yielded:
    """The `text` after an update, and the `base` that it has in common with the updates taken so far.

    What differs between the two is what the user typed.
    """

    text: str
    base: str


def updated(base: str, update: str, typed: str) -> Yielded:
    """Return `typed`, which was made of `base`, brought up to date with `update` where the user did not type."""
    b, u, t = split_lines(base), split_lines(update), split_lines(typed)
    text: list[str] = []
    taken: list[str] = []
    at = 0
    for region in _regions(_by_line(changes(b, u)), _by_line(changes(b, t))):
        same = b[at : region.start]
        at = region.end
        old = b[region.start : region.end]
        new, own = _side(u, region.update, region), _side(t, region.typed, region)
        text += same
        taken += same
        if not region.typed or (region.update and new == own):
            text += new
            taken += new
        elif region.update and region.start == region.end:
            text += [*own, *new]
            taken += new
        else:
            text += own
            taken += old
    return Yielded(_joined(text + b[at:]), _joined(taken + b[at:]))


@dataclass(slots=True)
class _Region:
    """Lines `start:end` of the base that changed, and each side's changes in there."""

    start: int
    end: int
    update: list[Change] = field(default_factory=list[Change])
    typed: list[Change] = field(default_factory=list[Change])


def _by_line(found: Sequence[Change]) -> list[Change]:
    """Return the changes, those of several lines to as many others line by line."""
    fine: list[Change] = []
    for change in found:
        n_lines = change.end - change.start
        if n_lines == change.new_end - change.new_start:
            fine += [
                Change(change.start + i, change.start + i + 1, change.new_start + i, change.new_start + i + 1)
                for i in range(n_lines)
            ]
        else:
            fine.append(change)
    return fine


def _regions(update: Sequence[Change], typed: Sequence[Change]) -> list[_Region]:
    """Return the changed ranges of the base, joined where they overlap; those that only touch stay apart."""
    regions: list[_Region] = []
    tagged = [(change.start, change.end, 0, change) for change in update]
    tagged += [(change.start, change.end, 1, change) for change in typed]
    for start, end, side, change in sorted(tagged, key=lambda entry: entry[:3]):
        last = regions[-1] if regions else None
        if last is None or not (start < last.end or (start, end) == (last.start, last.end)):
            last = _Region(start, end)
            regions.append(last)
        last.end = max(last.end, end)
        (last.typed if side else last.update).append(change)
    return regions


def _side(lines: Sequence[str], side: Sequence[Change], region: _Region) -> list[str]:
    """Return what stands on one side for `region`; nothing for a side without changes there."""
    if not side:
        return []
    low = side[0].new_start - (side[0].start - region.start)
    high = side[-1].new_end + (region.end - side[-1].end)
    return [*lines[low:high]]


def _joined(lines: Sequence[str]) -> str:
    """Return the lines as a text; only the last may lack its line end."""
    return "".join([*(line if line.endswith("\n") else f"{line}\n" for line in lines[:-1]), *lines[-1:]])
