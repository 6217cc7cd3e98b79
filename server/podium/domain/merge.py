r"""Merging by line, hunks and diffs, so that what the user typed meanwhile is never overwritten.

The rules are those of `git merge-file`: changes of the two sides that overlap or touch are a conflict
unless both sides made the same one. Conflicts come back as values; no marker ever enters a text.
Texts may have any line endings; lines end at `\n` and a `\r` belongs to its line.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from podium.domain.lines import Change, changes, split_lines

_CONTEXT = 3


@dataclass(frozen=True, slots=True)
class Span:
    """Lines `start:end` of a text, 0-based, and their content with line endings."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """A place that both sides changed in different ways."""

    base: Span
    ours: Span
    theirs: Span


@dataclass(frozen=True, slots=True)
class Merge:
    """The merged text; where there are conflicts, it holds ours in those places."""

    text: str
    conflicts: tuple[Conflict, ...]


@dataclass(frozen=True, slots=True)
class Hunk:
    """One replacement in a text: lines `start:end` (0-based), code points `offset:end_offset`.

    `old` is what stands there, `new` what takes its place, both with line endings. `new_start` is the
    line at which `new` begins in the text that results.
    """

    start: int
    end: int
    new_start: int
    offset: int
    end_offset: int
    old: str
    new: str


def merge3(base: str, ours: str, theirs: str) -> Merge:
    """Return `base` with the changes of both sides, and the places where they contradict each other."""
    if base == ours or ours == theirs:
        return Merge(theirs, ())
    if base == theirs:
        return Merge(ours, ())
    b, o, t = split_lines(base), split_lines(ours), split_lines(theirs)
    return _merged(b, o, t, _regions(changes(b, o), changes(b, t)))


def overlaid(base: str, ours: str, theirs: str) -> str:
    """Return `base` with the changes of both sides, and ours where they contradict each other.

    Lines that occur more than once, blank ones above all, say little of what belongs together. So two changes
    of theirs with nothing else between them count as one here, unless each brings as many lines as it takes:
    a line of ours could else be there twice, in its place and, as they changed it, a little further down.
    """
    b, o, t = split_lines(base), split_lines(ours), split_lines(theirs)
    return _merged(b, o, t, _regions(changes(b, o), _joined(b, t))).text


def _joined(a: Sequence[str], b: Sequence[str]) -> list[Change]:
    """Return what turns `a` into `b`, changes joined where only lines lie between them that occur more than once."""
    in_a, in_b = Counter(a), Counter(b)
    joined: list[Change] = []
    for change in changes(a, b):
        last = joined[-1] if joined else None
        between = a[last.end : change.start] if last else ()
        if last and _shift(last, change) and not any(in_a[line] == in_b[line] == 1 for line in between):
            joined[-1] = Change(last.start, change.end, last.new_start, change.new_end)
        else:
            joined.append(change)
    return joined


def _shift(*found: Change) -> bool:
    """Return whether any of the changes moves the lines behind it."""
    return any(c.end - c.start != c.new_end - c.new_start for c in found)


def _merged(b: list[str], o: list[str], t: list[str], regions: Iterable["_Region"]) -> Merge:
    merged: list[str] = []
    conflicts: list[Conflict] = []
    done = 0
    for region in regions:
        merged += b[done : region.start]
        done = region.end
        at_ours, at_theirs = _span(o, region.ours, region), _span(t, region.theirs, region)
        merged.append(at_ours.text if region.ours else at_theirs.text)
        if region.ours and region.theirs and at_ours.text != at_theirs.text:
            at_base = Span(region.start, region.end, "".join(b[region.start : region.end]))
            conflicts.append(Conflict(at_base, at_ours, at_theirs))
    return Merge("".join(merged + b[done:]), tuple(conflicts))


def meet(base: str, ours: str, theirs: str) -> bool:
    """Return whether both sides changed the same place of `base`, or touch there, be it in the same way."""
    b, o, t = split_lines(base), split_lines(ours), split_lines(theirs)
    return any(region.ours and region.theirs for region in _regions(changes(b, o), changes(b, t)))


@dataclass(slots=True)
class _Region:
    """Lines `start:end` of the base that changed, and each side's changes in there."""

    start: int
    end: int
    ours: list[Change]
    theirs: list[Change]


def _regions(ours: Sequence[Change], theirs: Sequence[Change]) -> list[_Region]:
    """Return the ranges of the base that changed on any side, joined where they overlap or touch."""
    regions: list[_Region] = []
    tagged = [(change.start, change.end, 0, change) for change in ours]
    tagged += [(change.start, change.end, 1, change) for change in theirs]
    for start, end, side, change in sorted(tagged, key=lambda entry: entry[:3]):
        if regions and start <= regions[-1].end:
            regions[-1].end = max(regions[-1].end, end)
        else:
            regions.append(_Region(start, end, [], []))
        (regions[-1].theirs if side else regions[-1].ours).append(change)
    return regions


def _span(lines: list[str], side: list[Change], region: _Region) -> Span:
    """Return what stands on one side for `region`; empty for a side without changes there."""
    if not side:
        return Span(0, 0, "")
    low = side[0].new_start - (side[0].start - region.start)
    high = side[-1].new_end + (region.end - side[-1].end)
    return Span(low, high, "".join(lines[low:high]))


def hunks(before: str, after: str) -> list[Hunk]:
    """Return the smallest line-wise replacements that turn `before` into `after`, in order."""
    a, b = split_lines(before), split_lines(after)
    found: list[Hunk] = []
    line = offset = 0
    for change in changes(a, b):
        offset += sum(map(len, a[line : change.start]))
        line = change.end
        old, new = "".join(a[change.start : change.end]), "".join(b[change.new_start : change.new_end])
        found.append(Hunk(change.start, change.end, change.new_start, offset, offset + len(old), old, new))
        offset += len(old)
    return found


def apply_hunks(before: str, chosen: Iterable[Hunk]) -> str:
    """Return `before` with some of the hunks that `hunks(before, ...)` gave, in any order."""
    text = before
    for hunk in sorted(chosen, key=lambda hunk: hunk.offset, reverse=True):
        text = text[: hunk.offset] + hunk.new + text[hunk.end_offset :]
    return text


def unified_diff(path: str, before: str | None, after: str | None) -> str:
    """Return the change as git shows it, empty when there is none; None stands for no file."""
    if before == after:
        return ""
    a, b = split_lines(before or ""), split_lines(after or "")
    out = [
        f"--- {'/dev/null' if before is None else 'a/' + path}\n",
        f"+++ {'/dev/null' if after is None else 'b/' + path}\n",
    ]
    for group in _groups(changes(a, b)):
        out += _diff_of(group, a, b)
    return "".join(out)


def _groups(found: list[Change]) -> list[list[Change]]:
    """Return the changes, those together whose context lines would overlap."""
    groups: list[list[Change]] = []
    for change in found:
        if groups and change.start - groups[-1][-1].end <= 2 * _CONTEXT:
            groups[-1].append(change)
        else:
            groups.append([change])
    return groups


def _diff_of(group: list[Change], a: list[str], b: list[str]) -> list[str]:
    first, last = group[0], group[-1]
    above = min(_CONTEXT, first.start)
    below = min(_CONTEXT, len(a) - last.end)
    low, high = first.start - above, last.end + below
    header = f"@@ -{_range(low, high)} +{_range(first.new_start - above, last.new_end + below)} @@\n"
    out = [header]
    line = low
    for change in group:
        out += [_shown(" ", text) for text in a[line : change.start]]
        out += [_shown("-", text) for text in a[change.start : change.end]]
        out += [_shown("+", text) for text in b[change.new_start : change.new_end]]
        line = change.end
    return out + [_shown(" ", text) for text in a[line:high]]


def _range(start: int, end: int) -> str:
    """Return a hunk header's range: 1-based, and the line before where it is empty."""
    length = end - start
    return f"{start + 1 if length else start}" + ("" if length == 1 else f",{length}")


def _shown(sign: str, line: str) -> str:
    return sign + line if line.endswith("\n") else f"{sign}{line}\n\\ No newline at end of file\n"
