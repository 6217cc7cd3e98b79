"""A proposal's hunks: what the user accepts or rejects one by one.

Hunks are numbered from 1 over all files of a proposal, in order, and keep their numbers whatever is
decided. A file that is created or deleted, or whose change is not one of lines (binary content, another
encoding), is one hunk.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, TypeAlias

from podium.domain.changes import FileEdit
from podium.domain.lines import changes, split_lines
from podium.domain.merge import Hunk, Merge, apply_hunks, hunks, merge3
from podium.domain.text_file import TextFile
from podium.errors import ToolError

HunkState: TypeAlias = Literal["waiting", "accepted", "rejected"]


@dataclass(frozen=True, slots=True)
class ProposalHunk:
    """One decision for the user.

    `line` is 1-based, in the text that the proposal was based on. `diff` holds the lines that go and
    come, with their signs; of what is not text it says the size. `lines` is None where the whole file is
    the hunk.
    """

    number: int
    path: str
    line: int
    diff: str
    lines: Hunk | None


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a hunk lies in a text as it is now: lines `start:end`, 0-based, empty for a pure insertion.

    `fits` says whether it can be merged there; it cannot where the user changed the same lines.
    """

    start: int
    end: int
    fits: bool


@lru_cache(maxsize=64)
def numbered(edits: tuple[FileEdit, ...]) -> tuple[ProposalHunk, ...]:
    """Return the hunks of a proposal, numbered from 1; remembered, since they are asked for at each keystroke."""
    found: list[ProposalHunk] = []
    for edit in edits:
        texts = _texts(edit)
        if texts is None:
            found.append(ProposalHunk(len(found) + 1, edit.path, 1, _whole(edit), None))
            continue
        for hunk in hunks(texts[0].text, texts[1]):
            diff = _signed("-", hunk.old) + _signed("+", hunk.new)
            found.append(ProposalHunk(len(found) + 1, edit.path, hunk.start + 1, diff, hunk))
    return tuple(found)


def between(edits: tuple[FileEdit, ...], had: Collection[int], then: Collection[int]) -> tuple[FileEdit, ...]:
    """Return what leads from the hunks `had` to the hunks `then`, both by number; unchanged files are left out."""
    every = numbered(edits)
    found = (replace(edit, before=_with(edit, every, had), after=_with(edit, every, then)) for edit in edits)
    return tuple(edit for edit in found if edit.before != edit.after)


def places(
    edit: FileEdit, every: Sequence[ProposalHunk], had: Collection[int], now: str
) -> dict[int, Placed]:
    r"""Return where the hunks of `edit` lie in `now`, the file's text with `\n` endings, by their numbers.

    `had` are the hunks of the proposal that are in the file already; they have no place.
    """
    mine = [hunk for hunk in every if hunk.path == edit.path]
    texts = _texts(edit)
    if texts is None:
        return {hunk.number: Placed(0, 0, fits=True) for hunk in mine if hunk.number not in had}
    before = texts[0].text
    base = apply_hunks(before, _chosen(edit, every, had))
    theirs = changes(split_lines(base), split_lines(now))
    found: dict[int, Placed] = {}
    shift = 0
    for hunk in mine:
        assert hunk.lines is not None  # noqa: S101 - the change is one of lines
        if hunk.number in had:
            shift += len(split_lines(hunk.lines.new)) - len(split_lines(hunk.lines.old))
            continue
        start, end = hunk.lines.start + shift, hunk.lines.end + shift
        moved = sum((c.new_end - c.new_start) - (c.end - c.start) for c in theirs if c.end < start)
        found[hunk.number] = Placed(start + moved, end + moved, fits=True)
        if any(c.start <= end and c.end >= start for c in theirs):
            ours = apply_hunks(before, _chosen(edit, every, {*had, hunk.number}))
            found[hunk.number] = _among_changes(merge3(base, ours, now), now, found[hunk.number])
    return found


def _among_changes(merged: Merge, now: str, otherwise: Placed) -> Placed:
    """Return the place of a hunk where the user changed something right there."""
    if merged.conflicts:
        theirs = merged.conflicts[0].theirs
        return Placed(theirs.start, theirs.end, fits=False)
    if missing := hunks(now, merged.text):
        return Placed(missing[0].start, missing[-1].end, fits=True)
    return Placed(otherwise.start, otherwise.start, fits=True)


def _with(edit: FileEdit, every: Iterable[ProposalHunk], numbers: Collection[int]) -> bytes | None:
    """Return the file with some of the hunks only."""
    mine = {hunk.number for hunk in every if hunk.path == edit.path}
    if mine <= set(numbers):
        return edit.after
    texts = _texts(edit)
    if texts is None or not mine & set(numbers):
        return edit.before
    return texts[0].encode(apply_hunks(texts[0].text, _chosen(edit, every, numbers)))


def _chosen(edit: FileEdit, every: Iterable[ProposalHunk], numbers: Collection[int]) -> list[Hunk]:
    return [h.lines for h in every if h.path == edit.path and h.number in numbers and h.lines is not None]


def _texts(edit: FileEdit) -> tuple[TextFile, str] | None:
    """Return the file and its new text where the change is one of lines, and nothing else."""
    if edit.before is None or edit.after is None:
        return None
    try:
        before, after = TextFile.decode(edit.before), TextFile.decode(edit.after)
        same = before.text != after.text and before.encode(after.text) == edit.after
    except ToolError:
        return None
    return (before, after.text) if same else None


def _whole(edit: FileEdit) -> str:
    try:
        before, after = (TextFile.decode(content or b"").text for content in (edit.before, edit.after))
    except ToolError:
        return f"(not text: {len(edit.before or b'')} bytes become {len(edit.after or b'')})\n"
    return _signed("-", before) + _signed("+", after)


def _signed(sign: str, text: str) -> str:
    return "".join(
        f"{sign}{line}" if line.endswith("\n") else f"{sign}{line}\n" for line in split_lines(text)
    )
