"""The user's files as they are now: the editor's open buffers over the disk.

Every path is confined by where it really lies, so that a symbolic link cannot lead out of the folder.
"""

import codecs
import os
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import anyio

from podium.adapters.checks.listing import list_project
from podium.domain.changes import FileEdit
from podium.domain.paths import confined
from podium.domain.text_file import TextFile
from podium.errors import FolderGone, ToolError, UserError

_MASK = os.umask(0o077)
os.umask(_MASK)
NEW_FILE = 0o666 & ~_MASK
"""The permissions of a file that any program of this user creates. There is no way to ask for the mask alone."""

Buffers = Callable[[], Iterable[tuple[Path, str]]]
"""Gives the path and the text of every open document."""


class DiskWorkspace:
    """One workspace folder; implements `podium.ports.Workspace`.

    Where an open document lies is found out when it is first seen, and again whenever all of them are listed
    (`paths`, `unsaved`): to follow links takes longer than to read a file, and a search reads thousands.
    """

    def __init__(self, root: Path, buffers: Buffers = lambda: ()) -> None:
        self._root = root.resolve()
        self._buffers = buffers
        self._places: dict[Path, str | None] = {}

    @property
    def root(self) -> Path:
        """The folder, absolute and resolved."""
        return self._root

    def read(self, path: str) -> bytes | None:
        """Return the content now, or None where there is no file.

        Raises:
            ToolError: the path leaves the folder, or names a protected file or a directory.
        """
        path = confined(path)
        open_here = [text for place, text in self._buffers() if self._place(place) == path]
        on_disk = self._on_disk(path)
        return _as_saved(open_here[-1], on_disk) if open_here else on_disk

    def read_saved(self, path: str) -> bytes | None:
        """Return the content on the disk, whatever an open buffer holds, or None where there is no file.

        Raises:
            ToolError: as for `read`.
        """
        return self._on_disk(confined(path))

    def permissions(self, path: str) -> int | None:
        """Return the permissions on the disk as in `chmod`, None for those that any new file gets, and for no file.

        Raises:
            ToolError: as for `read`; or the path leads through a symbolic link.
        """
        path = confined(path)
        self._on_disk(path)
        real = (self._root / path).resolve().relative_to(self._root).as_posix()
        if real != path:
            raise ToolError(
                f"{path} is a symbolic link to {real}. Links stay as they are; work on {real} instead."
            )
        try:
            mode = stat.S_IMODE((self._root / path).stat().st_mode)
        except FileNotFoundError:
            return None
        return None if mode == NEW_FILE else mode

    def unsaved(self) -> Mapping[str, bytes]:
        """Return the content of every open buffer that differs from the disk."""
        changed: dict[str, bytes] = {}
        for path, buffer in self._open().items():
            on_disk = self._on_disk(path)
            content = _as_saved(buffer, on_disk)
            if content != on_disk:
                changed[path] = content
        return changed

    def paths(self) -> Sequence[str]:
        """Return the project's files that git does not ignore, sorted; unsaved new files included."""
        return sorted({*list_project(self._root).files, *self._open()})

    async def working_changes(self) -> Sequence[FileEdit]:
        """Return what differs from the last commit, unsaved text and untracked files included.

        Raises:
            UserError: the folder is no git repository, or git is missing.
        """
        changed = await self._git("diff", "--name-only", "--relative", "-z", "HEAD", "--", ".")
        untracked = await self._git("ls-files", "-z", "--others", "--exclude-standard")
        names = {os.fsdecode(name) for name in (changed + untracked).split(b"\0") if name}
        edits: list[FileEdit] = []
        for path in sorted({*names, *self.unsaved()}):
            try:
                after = self.read(path)
            except ToolError:
                continue
            tracked = await self._git("ls-tree", "--name-only", "-z", "HEAD", "--", path)
            before = await self._git("show", f"HEAD:./{path}") if tracked else None
            if before != after:
                edits.append(FileEdit(path, before, after))
        return edits

    async def _git(self, *arguments: str) -> bytes:
        argv = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", *arguments]
        try:
            done = await anyio.run_process(argv, cwd=self._root, check=False)
        except FileNotFoundError as error:
            raise UserError("git is not installed; name a file to review instead.") from error
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise UserError(f"git cannot tell what changed: {said[-1] if said else 'it failed'}.")
        return done.stdout

    def _open(self) -> dict[str, str]:
        """Return the text of the open documents that an agent may see, by path."""
        self._places = {}
        found = {self._place(place): text for place, text in self._buffers()}
        return {path: text for path, text in found.items() if path is not None}

    def _place(self, document: Path) -> str | None:
        """Return the path of an open document, or None where an agent may not see it."""
        places = self._places  # another thread may list them just now
        if document not in places:
            try:
                path = confined(document.resolve().relative_to(self._root).as_posix())
            except (ValueError, ToolError):
                path = None
            places[document] = path
        return places[document]

    def _on_disk(self, path: str) -> bytes | None:
        place = self._root / path
        real = place.resolve()
        if not real.is_relative_to(self._root):
            raise ToolError(f"{path} leads out of the project's folder; it cannot be used.")
        confined(real.relative_to(self._root).as_posix())
        try:
            return place.read_bytes()
        except FileNotFoundError:
            if not self._root.is_dir():
                raise FolderGone(self._root) from None
            return None
        except (IsADirectoryError, NotADirectoryError) as error:
            raise ToolError(f"{path} is not a file; list_files shows the files.") from error
        except PermissionError as error:
            raise ToolError(f"{path} may not be read.") from error


def _as_saved(buffer: str, on_disk: bytes | None) -> bytes:
    """Return the bytes that saving the buffer would write, in the encoding that the file has."""
    if not on_disk:
        return buffer.encode("utf-8", "surrogatepass")
    try:
        file = TextFile.decode(on_disk)
    except ToolError:
        return buffer.encode("utf-8", "surrogatepass")
    text = buffer.removeprefix("\ufeff") if file.mark else buffer
    try:
        return file.mark + text.encode(file.encoding)
    except UnicodeEncodeError:
        return (codecs.BOM_UTF8 if file.mark else b"") + text.encode("utf-8", "surrogatepass")
