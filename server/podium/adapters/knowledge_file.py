"""The page with what is known about a project, `.podium/knowledge.md` in its workspace.

Several missions, also of several servers, may change it at once: each change is made under a lock, on what the
page holds at that moment, and replaces the file in one step. What cannot be read or written is told in the log;
a mission goes on without it.
"""

import logging
import os
import secrets
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import anyio.to_thread

if sys.platform != "win32":
    import fcntl

MOST_BYTES = 64 * 1024
"""A larger page is read up to here, and not written."""

_log = logging.getLogger(__name__)


class KnowledgeFile:
    """The page of one workspace; implements `podium.ports.Knowledge`."""

    def __init__(self, root: Path) -> None:
        self._home = root.resolve() / ".podium"
        self._page = self._home / "knowledge.md"

    async def read(self) -> str:
        """Return the page; empty where there is none, or it cannot be read."""
        return (await anyio.to_thread.run_sync(self._read))[0]

    async def update(self, change: Callable[[str], str]) -> None:
        """Replace the page by what `change`, called in another thread, makes of it."""
        await anyio.to_thread.run_sync(self._update, change)

    def _read(self) -> tuple[str, bool]:
        """Return the page, and whether that is all of it; nothing is read through a link."""
        if self._page.resolve() != self._page:
            return "", False
        try:
            with self._page.open("rb") as file:
                content = file.read(MOST_BYTES + 1)
        except FileNotFoundError:
            return "", True
        except OSError as error:
            _log.warning("%s cannot be read: %s", self._page, error.strerror)
            return "", False
        if len(content) > MOST_BYTES:
            content = content[:MOST_BYTES].rpartition(b"\n")[0]
            return content.decode("utf-8", "surrogateescape"), False
        return content.decode("utf-8", "surrogateescape"), True

    def _update(self, change: Callable[[str], str]) -> None:
        try:
            if self._home.resolve() != self._home or (self._home / ".gitignore").is_symlink():
                _log.warning("Nothing is kept of what was learned: a link leads out of %s", self._home)
                return
            if not self._page.exists() and not change(""):
                return
            self._home.mkdir(exist_ok=True)
            with suppress(FileExistsError), (self._home / ".gitignore").open("x", encoding="utf-8") as ignore:
                ignore.write("*\n")
            with self._locked():
                self._replace(change)
        except OSError as error:
            _log.warning("%s cannot be written: %s", self._page, error.strerror)

    @contextmanager
    def _locked(self) -> Generator[None]:
        """Keep everybody else who would change the page waiting."""
        if sys.platform == "win32":
            yield
            return
        folder = os.open(self._home, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def _replace(self, change: Callable[[str], str]) -> None:
        before, whole = self._read()
        after = change(before)
        if not whole or after == before:
            return
        fresh = self._page.with_name(f".{self._page.name}.{secrets.token_hex(4)}")
        try:
            fresh.write_bytes(after.encode("utf-8", "surrogateescape"))
            fresh.replace(self._page)
        finally:
            fresh.unlink(missing_ok=True)
