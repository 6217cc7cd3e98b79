"""What goes wrong with the journal's file, as sentences that say what to do.

Two kinds are told apart: what may pass (a full disk, a folder that is read-only just now), after which a later
try can succeed, and damage, which stays until the file is put aside.
"""

import sqlite3
from collections.abc import Mapping
from pathlib import Path

from podium.errors import NotRecorded, UserError

BUSY_S = 10.0
"""How long to wait for another process that holds the file; its transactions take milliseconds."""

_NO_ACCESS = "cannot be written: make it and its folder writable, or set PODIUM_STATE_DIR to another folder; until then no mission begins"
_PASSING: Mapping[int, str] = {
    sqlite3.SQLITE_FULL: "cannot grow because the disk is full: free some space, then try again",
    sqlite3.SQLITE_IOERR: "could not be read or written: check its disk and the space left on it, then try again",
    sqlite3.SQLITE_BUSY: f"was held by another Podium for {BUSY_S:.0f} s: close that one, then try again",
    sqlite3.SQLITE_READONLY: _NO_ACCESS,
    sqlite3.SQLITE_CANTOPEN: (
        "cannot be opened for writing: make sure that it is there and that its folder is writable, or set"
        " PODIUM_STATE_DIR to another folder; until then no mission begins"
    ),
    sqlite3.SQLITE_PERM: _NO_ACCESS,
}
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class JournalUnusable(NotRecorded):
    """The file cannot be used as it is now; that may pass, so it is worth another try later."""


class JournalDamaged(UserError):
    """The file is damaged; the next start puts it aside and carries over what can be read."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"The journal {path} is damaged: close every Podium that works in this workspace and start one again. "
            "It keeps the damaged file under another name, and carries over what can be read."
        )


def explained(error: OSError | sqlite3.Error, path: Path) -> Exception:
    """Return what to raise for `error`: a UserError where the user can help, else the error itself."""
    if isinstance(error, OSError):
        return JournalUnusable(
            f"The journal {path} cannot be used ({error.strerror}): free space on its disk, or set"
            " PODIUM_STATE_DIR to a folder that Podium may write to."
        )
    code = kind_of(error)
    if code in _DAMAGE:
        return JournalDamaged(path)
    return JournalUnusable(f"The journal {path} {_PASSING[code]}.") if code in _PASSING else error


def is_damage(error: OSError | sqlite3.Error) -> bool:
    """Return whether `error` says that the file holds something else than it should."""
    return isinstance(error, sqlite3.Error) and kind_of(error) in _DAMAGE


def kind_of(error: sqlite3.Error) -> int:
    """Return what went wrong, as SQLite numbers it: the low byte names the kind."""
    return int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)) & 0xFF
