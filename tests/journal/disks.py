"""Disks that fail, for tests: small real ones where the system lets us mount them, and one that is asked to."""

import os
import sqlite3
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from podium.adapters import journal_file


class SmallDisk:
    """A file system of its own at `at`, in memory."""

    def __init__(self, at: Path) -> None:
        self.at = at
        self._ballast = at / "ballast"

    def fill(self) -> None:
        """Leave no byte free."""
        try:
            with self._ballast.open("ab", buffering=0) as ballast:
                while ballast.write(b"x" * 4096):
                    pass
        except OSError:
            return

    def free(self) -> None:
        """Give back what `fill` took."""
        self._ballast.unlink()

    def set_read_only(self) -> None:
        """Let nothing be written; nobody may have a file of it open for writing."""
        subprocess.run(["mount", "-o", "remount,ro", self.at], check=True)

    def set_writable(self) -> None:
        """Let files be written again."""
        subprocess.run(["mount", "-o", "remount,rw", self.at], check=True)


@contextmanager
def small_disk(at: Path, size: str = "1m") -> Generator[SmallDisk]:
    """Mount a disk of `size` at the folder `at`, which is made; where nobody may mount, the test is skipped."""
    at.mkdir()
    if (
        os.geteuid()
        or subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", at], check=False).returncode
    ):
        pytest.skip("a disk of its own takes the right to mount one")
    try:
        yield SmallDisk(at)
    finally:
        subprocess.run(["umount", "--lazy", at], check=True)


class FailingDisk:
    """What the writer's connection meets: set `fault` to have every write fail as SQLite says it then.

    It fails when it is to reach the disk, with all of it in SQLite's hands. That a full disk, and one with errors, look like this is what the tests on a real one show.
    """

    FULL = (sqlite3.SQLITE_FULL, "database or disk is full")
    BROKEN = (sqlite3.SQLITE_IOERR_WRITE, "disk I/O error")

    def __init__(self) -> None:
        self.fault: tuple[int, str] | None = None

    def connect(self, path: Path) -> sqlite3.Connection:
        """Return a connection for writing that fails when it is told to."""
        disk = self

        class Connection(sqlite3.Connection):
            def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
                if disk.fault is not None and sql == "COMMIT":
                    error = sqlite3.OperationalError(disk.fault[1])
                    error.sqlite_errorcode = disk.fault[0]
                    raise error
                return super().execute(sql, *values)  # type: ignore[arg-type]

        journal_file.connect_writer(path).close()
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=Connection)
        db.execute("PRAGMA synchronous=FULL")
        return db
