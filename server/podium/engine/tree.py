"""Candidate trees: the user's files plus changes that nobody but the agents can see yet.

A task's tree reads through to the mission's tree (`mission_tree.py`), that one to the editor's open buffers
and the disk. The first change of a path records what it was based on, so that it can be merged later.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from podium.domain.changes import FileEdit
from podium.domain.checks import Candidate
from podium.domain.merge import merge3
from podium.domain.paths import confined
from podium.domain.text_file import TextFile
from podium.errors import ToolError
from podium.ports import Workspace


class Below(Protocol):
    """What a tree lies on."""

    def read(self, path: str) -> bytes | None:
        """Return a file's content, or None."""
        ...

    def overlay(self) -> Mapping[str, bytes | None]:
        """Return everything that differs from the disk."""
        ...

    def permissions(self, path: str) -> int | None:
        """Return the permissions of a file, None for those that any new file gets, and where there is none.

        Raises:
            ToolError: the path leads through a symbolic link.
        """
        ...

    def created(self) -> Mapping[str, int | None]:
        """Return the files that are not on the disk, and what permissions they are to have."""
        ...

    def paths(self) -> Sequence[str]:
        """Return the paths of all files, sorted."""
        ...


class UserFiles:
    """The bottom: the workspace as the user has it now."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def read(self, path: str) -> bytes | None:
        """Return the content now, unsaved text included."""
        return self._workspace.read(path)

    def overlay(self) -> Mapping[str, bytes | None]:
        """Return the unsaved buffers."""
        return self._workspace.unsaved()

    def permissions(self, path: str) -> int | None:
        """Return the permissions on the disk, where they are others than those of any new file."""
        return self._workspace.permissions(path)

    def created(self) -> Mapping[str, int | None]:
        """Return nothing: there is nothing but what the user has."""
        return {}

    def paths(self) -> Sequence[str]:
        """Return the project's files."""
        return self._workspace.paths()


class CandidateTree:
    """Changes over `below`. Paths are confined on every call; contents are bytes, None for no file."""

    def __init__(self, root: str, below: Below) -> None:
        self._root = root
        self._below = below
        self._base: dict[str, bytes | None] = {}
        self._now: dict[str, bytes | None] = {}
        self._permissions: dict[str, int | None] = {}
        """Those of the files that this tree deletes or creates."""

    def read(self, path: str) -> bytes | None:
        """Return the content of `path` in this tree, or None where there is no file.

        Raises:
            ToolError: the path leaves the workspace, or is protected.
        """
        path = confined(path)
        return self._now[path] if path in self._now else self._below.read(path)

    def text(self, path: str) -> TextFile:
        """Return the file as text.

        Raises:
            ToolError: there is no such file (the nearest names are given), or it is not text.
        """
        content = self.read(path)
        if content is None:
            name = path.rsplit("/", 1)[-1].lower()
            near = [p for p in self.paths() if p.rsplit("/", 1)[-1].lower() == name][:5]
            hint = f" Did you mean {', '.join(near)}?" if near else " Use list_files to see what there is."
            raise ToolError(f"There is no file {path}.{hint}")
        return TextFile.decode(content)

    def permissions(self, path: str) -> int | None:
        """Return the permissions of a file, None for those that any new file gets, and where there is none.

        Raises:
            ToolError: as for `read`; or the path leads through a symbolic link.
        """
        path = confined(path)
        return self._permissions[path] if path in self._permissions else self._below.permissions(path)

    def created(self) -> Mapping[str, int | None]:
        """Return the permissions of the files that are in this tree only, or in the trees below."""
        own = {path: given for path, given in self._permissions.items() if self._now[path] is not None}
        return {**self._below.created(), **own}

    def write(self, path: str, content: bytes | None, permissions: int | None = None) -> FileEdit:
        """Set or (None) delete a file in this tree, and return what changed; a new one gets `permissions`.

        Raises:
            ToolError: as for `read`; or what is to be deleted is a symbolic link.
        """
        path = confined(path)
        before = self.read(path)
        if content is None:
            self._permissions[path] = self.permissions(path)
        elif before is None:
            self._permissions[path] = permissions
        self._base.setdefault(path, before)
        self._now[path] = content
        return FileEdit(path, before, content)

    def make(self, edits: Sequence[FileEdit]) -> None:
        """Make changes as they were made before: on what they were based on then."""
        for edit in edits:
            self._base.setdefault(edit.path, edit.before)
            self._now[edit.path] = edit.after
            if edit.before is None or edit.after is None:
                self._permissions[edit.path] = edit.permissions

    def overlay(self) -> Mapping[str, bytes | None]:
        """Return everything in this tree that differs from the disk."""
        return {**self._below.overlay(), **self._now}

    def candidate(self) -> Candidate:
        """Return this tree as checks take it."""
        return Candidate(self._root, self.overlay(), self.created())

    def paths(self) -> Sequence[str]:
        """Return the paths of all files, sorted."""
        changed = self._now.items()
        gone = {path for path, content in changed if content is None}
        new = {path for path, content in changed if content is not None}
        return sorted({*self._below.paths(), *new} - gone)

    def edits(self) -> tuple[FileEdit, ...]:
        """Return what this tree changes, without files that are as they were."""
        return tuple(
            FileEdit(path, base, now, None if base is not None is not now else self._permissions.get(path))
            for path, now in sorted(self._now.items())
            if now != (base := self._base[path])
        )


class MergeConflict(Exception):
    """Both sides changed the same lines of a file."""


def merged_content(edit: FileEdit, current: bytes | None) -> bytes | None:
    """Return `edit` merged into what the file holds now.

    Raises:
        MergeConflict: both changed the same lines, one deleted what the other changed, or the encoding that
            the file has now cannot hold the change.
    """
    if current in (edit.before, edit.after):
        return edit.after
    if current is None or edit.before is None or edit.after is None:
        raise MergeConflict(edit.path)
    contents = (edit.before, edit.after, current)
    try:
        base, ours, theirs = files = tuple(TextFile.decode(content) for content in contents)
        if any(file.endings for file in files) and len({(file.encoding, file.mark) for file in files}) == 1:
            # Each line's own ending counts, unless somebody changed them all.
            exact = merge3(*(content[len(theirs.mark) :].decode(theirs.encoding) for content in contents))
            if not exact.conflicts:
                return theirs.mark + exact.text.encode(theirs.encoding)
        result = merge3(base.text, ours.text, theirs.text)
        merged = theirs.encode(result.text)
    except ToolError as error:
        raise MergeConflict(edit.path) from error
    if result.conflicts:
        raise MergeConflict(edit.path)
    return merged
