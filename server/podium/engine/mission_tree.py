"""A mission's tree: the user's files as they are now, and over them the accepted changes that are not there yet.

What a delivery brought into the user's files belongs to the user from then on: typed over, undone, or left,
later tasks see what is there. A change that still waits lies over the user's files, and where both hold
something else at the same lines, the tree has the change's: the tasks that need it go on from what was
verified. The user's own files keep the user's lines until the user accepts the change; once it is rejected,
the tree is without it too.
"""

from collections.abc import Callable, Collection, Container, Mapping, Sequence
from dataclasses import replace

from podium.domain.changes import FileEdit
from podium.domain.conflicts import both_sides
from podium.domain.merge import overlaid
from podium.domain.mission import MissionState
from podium.domain.text_file import TextFile
from podium.engine.tree import Below, CandidateTree, MergeConflict, merged_content
from podium.errors import ToolError


class MissionTree(CandidateTree):
    """Changes by key, in the order in which they were accepted, over the user's files.

    `refresh` takes in what the user did since; reading gives what the last refresh found for files with
    changes that wait, and what the user has now for all others.
    """

    def __init__(self, root: str, below: Below) -> None:
        super().__init__(root, below)
        self._changes: dict[str, tuple[FileEdit, ...]] = {}
        self._hidden: dict[str, tuple[bytes | None, bytes | None]] = {}
        """What the user's side holds (second) although it still reads as the first: in a buffer that the server
        does not see, or on the disk below a buffer that has not loaded it."""
        self._seen: dict[str, bytes | None] = {}
        """The user's files, for each path that the mission changed, as `_base` has taken them in."""

    def land(self, key: str, edits: Sequence[FileEdit]) -> list[str]:
        """Lay a task's change over this tree, merged; return both sides of each conflict instead, if any."""
        self.refresh()
        clashing = _clashing(edits, self.read)
        if not clashing:
            self.put(key, edits)
        return [both_sides(edit, self.read(edit.path)) for edit in clashing]

    def conflicts(self, edits: Sequence[FileEdit]) -> list[str]:
        """Return the paths in which `edits` do not fit what this tree holds, and change nothing."""
        return [edit.path for edit in _clashing(edits, self.read)]

    def put(self, key: str, edits: Sequence[FileEdit]) -> None:
        """Let `edits` be the change of `key` that the user's files lack, even against what they hold."""
        was = self._changes.get(key)
        if was is not None or edits:
            self._changes[key] = tuple(edits)
        for edit in edits:
            if edit.path not in self._base:
                self._base[edit.path] = self._seen[edit.path] = self.users(edit.path)
        if was is None:
            self._lay_last(edits)
        else:
            self._lay({edit.path for edit in (*was, *edits)})

    def as_one(self, key: str) -> tuple[FileEdit, ...]:
        """Make one change of `key` of all that the user's files lack, and return it.

        It is based on what its parts were based on, without the parts before: where the user's text is another
        there, it does not fit, as each part would not.
        """
        self.refresh()
        base: dict[str, FileEdit] = {}
        for edits in self._changes.values():
            for edit in edits:
                earlier = base.get(edit.path)
                base[edit.path] = (
                    edit if earlier is None else edit.behind(earlier, _laid_over(earlier.back(), edit.before))
                )
        found = (replace(edit, after=self.read(path)) for path, edit in sorted(base.items()))
        self._changes = {key: tuple(edit for edit in found if edit.before != edit.after)}
        return self._changes[key]

    def take_out(self, key: str) -> None:
        """Let this tree no longer hold the change of `key`, nor follow what becomes of it."""
        self._lay({edit.path for edit in self._changes.pop(key, ())})

    def holds(self, key: str) -> bool:
        """Return whether the change of `key` was laid over this tree, also if it was delivered since."""
        return key in self._changes

    def put_rest(self, key: str, state: MissionState) -> None:
        """Let this tree hold what still waits of the proposal `key`, unless its task is doing it again."""
        if self.holds(key):
            self.put(key, state.proposals[key].pending())

    def lie_on(self, below: Below) -> None:
        """Lie on other files from now on: what they hold else is what the user did."""
        self._below = below
        self.refresh()

    def delivered(self, edits: Sequence[FileEdit]) -> None:
        """Take note that this changed in the user's files, by this mission and not by the user."""
        for edit in edits:
            self._base.setdefault(edit.path, edit.before)
            users = self.users(edit.path)
            try:
                then = merged_content(edit, users)
            except MergeConflict:
                then = users  # typed over already
            if then != users:
                self._hidden[edit.path] = (self._read_below(edit.path), then)
            self._seen[edit.path] = edit.after
        self._lay({edit.path for edit in edits})

    def refresh(self) -> None:
        """Take in what the user did to the files that this mission changes."""
        typed: set[str] = set()
        for path, seen in self._seen.items():
            users = self.users(path)
            if users != seen:
                self._base[path] = _laid_over(FileEdit(path, seen, self._base[path]), users)
                self._seen[path] = users
                typed.add(path)
        self._lay(typed)

    def _lay_last(self, edits: Sequence[FileEdit]) -> None:
        """Lay the last of the changes over all others."""
        for edit in edits:
            now = self._now[edit.path] if edit.path in self._now else self.users(edit.path)
            self._now[edit.path] = _laid_over(edit, now)

    def _lay(self, paths: Collection[str]) -> None:
        """Lay the changes over what the user's side holds of `paths`."""
        now = {path: self.users(path) for path in paths}
        for edits in self._changes.values():
            for edit in edits:
                if edit.path in now:
                    now[edit.path] = _laid_over(edit, now[edit.path])
        waiting = {edit.path for edits in self._changes.values() for edit in edits}
        for path, content in now.items():
            if path in waiting or path in self._hidden:
                self._now[path] = content
            else:
                self._now.pop(path, None)

    def permissions(self, path: str) -> int | None:
        """Return those that a waiting change gives to a file that it creates, or those of the user's file."""
        waiting = self.created()
        return waiting[path] if path in waiting else super().permissions(path)

    def created(self) -> Mapping[str, int | None]:
        """Return the permissions of the files that waiting changes create."""
        edits = (edit for edits in self._changes.values() for edit in edits)
        return {edit.path: edit.permissions for edit in edits if edit.before is None}

    def conflicts_with_user(self, edits: Sequence[FileEdit]) -> list[str]:
        """Return both sides of each conflict between `edits` and what the user's files hold now."""
        return [both_sides(edit, self.users(edit.path)) for edit in _clashing(edits, self.users)]

    def edits(self) -> tuple[FileEdit, ...]:
        """Return what the mission changes, delivered or not, without files that are as they would be else."""
        found = (FileEdit(path, base, self.read(path)) for path, base in sorted(self._base.items()))
        return tuple(edit for edit in found if edit.before != edit.after)

    def users(self, path: str) -> bytes | None:
        """Return what the user's side holds, as far as can be known."""
        held = self._read_below(path)
        before, after = self._hidden.get(path, (held, held))
        if before == held:
            return after
        del self._hidden[path]
        return held

    def unsaved(self) -> Container[str]:
        """Return the files of which the user's side holds something else than the disk."""
        return self._below.overlay()

    def _read_below(self, path: str) -> bytes | None:
        """Return what the file below holds; what it held, where it cannot be read any more."""
        try:
            return self._below.read(path)
        except ToolError:
            return self._seen.get(path)


def _clashing(edits: Sequence[FileEdit], read: Callable[[str], bytes | None]) -> list[FileEdit]:
    found: list[FileEdit] = []
    for edit in edits:
        try:
            merged_content(edit, read(edit.path))
        except MergeConflict:
            found.append(edit)
    return found


def _laid_over(edit: FileEdit, current: bytes | None) -> bytes | None:
    """Return `edit` merged into `current`; where both changed the same lines, `edit` has its way."""
    try:
        return merged_content(edit, current)
    except MergeConflict:
        pass
    if current is None or edit.before is None or edit.after is None:
        return edit.after
    try:
        before, after, now = (TextFile.decode(c) for c in (edit.before, edit.after, current))
        return now.encode(overlaid(before.text, after.text, now.text))
    except ToolError:
        return edit.after
