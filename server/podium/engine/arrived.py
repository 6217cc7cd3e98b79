"""Whether a change is in the user's files already, where its delivery was begun and nobody knows how it ended.

That can be told by content alone: of what the change was to do, and of what the file holds now. What is there is not
delivered again, however the user typed around it; what is not, is still to be delivered.
"""

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, replace
from typing import Literal

from podium.domain.changes import FileEdit
from podium.engine.tree import MergeConflict, merged_content
from podium.errors import ToolError


@dataclass(frozen=True, slots=True)
class Arrived:
    """What of a change is `there`, with what the files hold now and would without it, and what is `lacking`."""

    there: tuple[FileEdit, ...]
    lacking: tuple[FileEdit, ...]

    def place(self, unsaved: Container[str]) -> Literal["editor", "disk"]:
        """Return where that is which is there; `unsaved` are the files that the editor holds unsaved."""
        return "editor" if any(edit.path in unsaved for edit in self.there) else "disk"


def arrived(edits: Iterable[FileEdit], read: Callable[[str], bytes | None]) -> Arrived:
    """Return which of `edits` the user's files hold."""
    there: list[FileEdit] = []
    lacking: list[FileEdit] = []
    for edit in edits:
        try:
            now = read(edit.path)
        except ToolError:
            lacking.append(edit)
            continue
        if edit.before is None and now == b"" and edit.after:
            # A file is created empty before it is filled.
            lacking.append(replace(edit, before=b""))
        elif _is_in(edit, now):
            there.append(replace(edit, before=_without(edit, now), after=now))
        else:
            lacking.append(edit)
    return Arrived(tuple(there), tuple(lacking))


def _is_in(edit: FileEdit, now: bytes | None) -> bool:
    """Return whether a file holds a change: it has nothing to add, or only taking it out again fits."""
    try:
        return merged_content(edit, now) == now
    except MergeConflict:
        return _without(edit, now) != now


def _without(edit: FileEdit, now: bytes | None) -> bytes | None:
    """Return what a file would hold without a change; what it holds, where that cannot be told."""
    try:
        return merged_content(edit.back(), now)
    except MergeConflict:
        return now
