"""Directories that hold a candidate tree while something runs on it.

A slot is reused: before each run it is compared with what it should hold, file by file, and only the
differences are written. Whatever the last run left behind is removed the same way, so nothing passes from
one run to the next. Slots never touch the workspace.
"""

import hashlib
import io
import os
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Collection, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeAlias

import anyio
import anyio.to_thread

from podium.adapters.checks.listing import Listing
from podium.errors import ToolError

if sys.platform != "win32":
    import fcntl

PLUGIN = "podium_pytest_report"
"""Name under which the reporting plugin is importable; it lies alone in its directory, so it shadows nothing."""

_RUNTIME = Path(__file__).parent / "runtime"
_PREFIX = "podium-checks-"
_YOUNG_S = 3600
_MAX_OUTPUT = 64 * 1024**2
_RACY_NS = 50_000_000
"""A file that changed this shortly before it was read could change again without its times changing."""

Stamp: TypeAlias = tuple[int, int, int, int, int]
"""Mode, size, modification and change time in ns, and inode: equal stamps mean an untouched file."""


@dataclass(frozen=True, slots=True)
class _Held:
    """One file in a slot: the stamp of its source (None: not to be trusted), its own, and its part of the hash."""

    source: Stamp | None
    own: Stamp
    entry: bytes


class Slot:
    """One directory with a candidate tree, and places beside it for what a run writes."""

    def __init__(self, home: Path, root: Path) -> None:
        self.tree = home / "tree"
        self.out = home / "out"
        self.cache = home / "cache"
        self.plugins = home / "plugins"
        for place in (self.tree, self.out, self.cache, self.plugins):
            place.mkdir(parents=True)
        shutil.copyfile(_RUNTIME / "pytest_report.py", self.plugins / f"{PLUGIN}.py")
        self._root = root
        self._source, self._tree = str(root), str(self.tree)
        self._held: dict[str, _Held] = {}
        self._made: set[str] = set()

    def clear_output(self) -> None:
        """Remove what the last run wrote beside the tree."""
        for place in self.out.iterdir():
            if place.is_dir() and not place.is_symlink():
                remove_tree(place)
            else:
                place.unlink()

    def read_output(self, name: str) -> bytes:
        """Return what the run wrote into a file beside the tree, or nothing.

        The run chose what lies there: only a regular file is read, never what a link leads to, and at most
        64 MiB of it.
        """
        try:
            number = os.open(
                self.out / name, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
            )
        except OSError:
            return b""
        with os.fdopen(number, "rb") as file:
            return file.read(_MAX_OUTPUT) if stat.S_ISREG(os.fstat(number).st_mode) else b""

    def sync(
        self,
        listing: Listing,
        overlay: Mapping[str, bytes | None],
        executable: Collection[str] = (),
        *,
        link_dependencies: bool,
    ) -> str:
        """Make the tree hold exactly the candidate, and return its hash; `executable` are paths of the overlay.

        The hash is SHA-256 over the sorted paths, modes and contents; it does not depend on the slot.
        Dependency directories appear empty, to be mounted over, or as links to the user's own.

        Raises:
            ToolError: a path of the overlay leaves the workspace or lies in a dependency directory.
        """
        laid_over = {self._confined(path, listing): content for path, content in overlay.items()}
        wanted = {path for path in listing.files if path not in laid_over}
        wanted |= {path for path, content in laid_over.items() if content is not None}
        dependencies = set(listing.dependencies)
        self._clean(wanted, dependencies)
        for path in sorted(wanted):
            content = laid_over.get(path)
            if content is None:
                self._take_from_disk(path)
            else:
                self._take_content(path, content, is_executable=path in executable)
        for path in dependencies:
            self._provide(path, link=link_dependencies)
        return self._hash()

    def _confined(self, path: str, listing: Listing) -> str:
        """Return where `path` really lies below the root."""
        pure = PurePosixPath(path)
        if pure.is_absolute() or not pure.parts or ".." in pure.parts or ".git" in pure.parts:
            raise ToolError(f"{path} is not a path inside the workspace.")
        real = (self._root / pure).parent.resolve() / pure.name
        if not real.is_relative_to(self._root):
            raise ToolError(f"{path} leads out of the workspace.")
        inside = real.relative_to(self._root).as_posix()
        if any(inside == place or inside.startswith(place + "/") for place in listing.dependencies):
            raise ToolError(f"{path} lies in a directory of installed dependencies, which checks only read.")
        return inside

    def _clean(self, wanted: set[str], dependencies: set[str]) -> None:
        """Remove what is not wanted, and forget what is no longer as it was written.

        Afterwards the tree consists of the files in `_held` and the directories in `_made`.
        """
        present = self._walk(_directories(wanted | dependencies), dependencies)
        kept: dict[str, _Held] = {}
        for path, stamp in present:
            held = self._held.get(path)
            if held is not None and held.own == stamp and path in wanted:
                kept[path] = held
            else:
                Path(self._tree, path).unlink()
        self._held = kept

    def _walk(self, directories: set[str], dependencies: set[str]) -> list[tuple[str, Stamp]]:
        """Return every file and link in the tree; directories that are not wanted are removed on the way."""
        found: list[tuple[str, Stamp]] = []
        pending = [""]
        self._made = set()
        while pending:
            here = pending.pop()
            self._made.add(here)
            prefix = f"{here}/" if here else ""
            place = f"{self._tree}/{here}"
            Path(place).chmod(0o755)
            with os.scandir(place) as entries:
                for entry in entries:
                    path = prefix + entry.name
                    if not entry.is_dir(follow_symlinks=False):
                        found.append((path, _stamp(entry.stat(follow_symlinks=False))))
                    elif path in directories:
                        pending.append(path)
                    elif path not in dependencies:
                        remove_tree(Path(entry.path))
        return found

    def _take_from_disk(self, path: str) -> None:
        source = f"{self._source}/{path}"
        try:
            before = os.lstat(source)
        except (FileNotFoundError, NotADirectoryError):
            self._drop(path)
            return
        held = self._held.get(path)
        if held is not None and held.source == _stamp(before):
            return
        read_at_ns = time.time_ns()
        if stat.S_ISLNK(before.st_mode):
            content, mode = os.fsencode(Path(source).readlink()), "120000"
        elif stat.S_ISREG(before.st_mode):
            content, mode = _content(source), _mode(before)
        else:
            self._drop(path)
            return
        racy = before.st_mtime_ns > read_at_ns - _RACY_NS
        self._write(path, content, mode, None if racy else _stamp(before))

    def _take_content(self, path: str, content: bytes, *, is_executable: bool) -> None:
        source = self._root / path
        mode = "100755" if is_executable else "100644"
        if source.is_file():
            mode = _mode(source.stat())
        self._write(path, content, mode, None)

    def _write(self, path: str, content: bytes, mode: str, source: Stamp | None) -> None:
        entry = _entry(path, mode, content)
        held = self._held.get(path)
        if held is not None and held.entry == entry:
            own = held.own
        else:
            self._drop(path)
            self._make_directory(path.rpartition("/")[0])
            own = _create(f"{self._tree}/{path}", content, mode)
        self._held[path] = _Held(source, own, entry)

    def _make_directory(self, path: str) -> None:
        if path not in self._made:
            Path(self._tree, path).mkdir(parents=True, exist_ok=True)
            self._made |= _directories((f"{path}/",))

    def _drop(self, path: str) -> None:
        if self._held.pop(path, None) is not None:
            Path(self._tree, path).unlink()

    def _provide(self, path: str, *, link: bool) -> None:
        place = self.tree / path
        if link:
            if not place.is_symlink():
                place.parent.mkdir(parents=True, exist_ok=True)
                place.symlink_to(self._root / path)
        else:
            place.mkdir(parents=True, exist_ok=True)

    def _hash(self) -> str:
        return hashlib.sha256(b"".join(held.entry for _, held in sorted(self._held.items()))).hexdigest()


class Slots:
    """A few slots in a private directory, lent to one run each; `n` of them at most."""

    def __init__(self, root: Path, n: int, temporary: Path | None = None) -> None:
        self.n = n
        self._temporary = temporary or Path(tempfile.gettempdir())
        self._root = root
        self._free: list[Slot] = []
        self._turn = anyio.Semaphore(n)
        self._making = anyio.Lock()
        self._home: Path | None = None
        self._lock: int | None = None
        self._n_made = 0

    @property
    def wanted(self) -> bool:
        """Whether somebody waits for a slot."""
        return self._turn.statistics().tasks_waiting > 0

    @asynccontextmanager
    async def take(self) -> AsyncGenerator[Slot]:
        """Lend a slot, the one last used first; who waits while all are lent gets one in the order of asking."""
        async with self._turn:
            slot = self._free.pop() if self._free else await self._made()
            try:
                yield slot
            finally:
                self._free.append(slot)

    def remove(self) -> None:
        """Delete all slots from the disk. Nothing may run in them any more."""
        if self._home is not None:
            remove_tree(self._home)
            self._home = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        self._free.clear()

    async def _made(self) -> Slot:
        """Return a new slot; one is made after the other, so that they lie in one directory under names of their own."""
        async with self._making:
            return await anyio.to_thread.run_sync(self._make)

    def _make(self) -> Slot:
        if self._home is None:
            remove_orphans(self._temporary)
            self._home = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=self._temporary)).resolve()
            self._lock = _lock(self._home)
        self._n_made += 1
        return Slot(self._home / f"slot-{self._n_made}", self._root)


def remove_orphans(temporary: Path) -> None:
    """Delete the slot directories of processes that died without doing so themselves.

    A living owner holds a lock on a file in its directory; a directory without one may be in the making.
    """
    if sys.platform == "win32":
        return
    for home in temporary.glob(f"{_PREFIX}*"):
        try:
            if home.is_symlink() or home.stat().st_uid != os.getuid():
                continue
            lock = os.open(home / "lock", os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            with suppress(OSError):  # somebody else removes it
                if time.time() - home.stat().st_mtime > _YOUNG_S:
                    remove_tree(home)
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove_tree(home)
        except BlockingIOError:
            continue
        finally:
            os.close(lock)


def remove_tree(place: Path) -> None:
    """Delete a directory, also where a run has taken away its own write permission, or still removes parts of it."""
    for directory, names, _ in os.walk(place):
        for below in (Path(directory) / name for name in names):
            with suppress(FileNotFoundError):
                if not below.is_symlink():
                    below.chmod(0o700)
    shutil.rmtree(place, ignore_errors=True)


def _lock(home: Path) -> int | None:
    if sys.platform == "win32":
        return None
    lock = os.open(home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def _directories(paths: Iterable[str]) -> set[str]:
    """Return every directory above any of `paths`, the top ("") included."""
    found = {""}
    for path in paths:
        above = path.rpartition("/")[0]
        while above not in found:
            found.add(above)
            above = above.rpartition("/")[0]
    return found


def _entry(path: str, mode: str, content: bytes) -> bytes:
    """Return the part of the tree's hash that one file is."""
    return f"{path}\0{mode}\0".encode("utf-8", "surrogateescape") + hashlib.sha256(content).digest()


def _content(path: str) -> bytes:
    with io.FileIO(path) as file:
        return file.readall()


def _create(path: str, content: bytes, mode: str) -> Stamp:
    """Write a file or link where there is none, and return its stamp."""
    if mode == "120000":
        Path(path).symlink_to(os.fsdecode(content))
        return _stamp(os.lstat(path))
    rights = 0o755 if mode == "100755" else 0o644
    left = memoryview(content)
    with io.FileIO(path, "x") as file:
        while left:
            left = left[file.write(left) :]
        status = os.fstat(file.fileno())
    if stat.S_IMODE(status.st_mode) != rights:
        Path(path).chmod(rights)
        status = os.lstat(path)
    return _stamp(status)


def _stamp(status: os.stat_result) -> Stamp:
    return (status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def _mode(status: os.stat_result) -> str:
    return "100755" if status.st_mode & stat.S_IXUSR else "100644"
