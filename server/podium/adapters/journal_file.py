"""The file behind the journal: where it lies, its tables, and its errors as sentences.

One SQLite file for each workspace, in write-ahead-log mode. Several processes may share it: the write lock
is taken before the next number is read, so numbers never collide. Everything here blocks; `journal` keeps
it off the event loop.
"""

import os
import sqlite3
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from platformdirs import user_state_path

from podium.domain.events import Event, Record, from_json
from podium.errors import UserError

SCHEMA = 1
BUSY_S = 10.0
"""How long to wait for another process that holds the file; its transactions take milliseconds."""

_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE missions (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE);
CREATE TABLE records (
    mission INTEGER NOT NULL REFERENCES missions (number),
    seq INTEGER NOT NULL,
    at REAL NOT NULL,
    event TEXT NOT NULL,
    UNIQUE (mission, seq)
);
"""

_NO_ACCESS = "cannot be written: make it and its folder writable, or set PODIUM_STATE_DIR to another folder"
_DAMAGED = "is damaged: move the file away to start a new journal"
_ADVICE: Mapping[int, str] = {
    sqlite3.SQLITE_FULL: "cannot grow because the disk is full: free some space, then try again",
    sqlite3.SQLITE_IOERR: "could not be read or written: check its disk and the space left on it, then try again",
    sqlite3.SQLITE_BUSY: f"was held by another Podium for {BUSY_S:.0f} s: close that one, then try again",
    sqlite3.SQLITE_READONLY: _NO_ACCESS,
    sqlite3.SQLITE_CANTOPEN: (
        "cannot be opened: make sure that it is there and that its folder is writable, or set"
        " PODIUM_STATE_DIR to another folder"
    ),
    sqlite3.SQLITE_PERM: _NO_ACCESS,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
}


@dataclass(frozen=True, slots=True)
class Entry:
    """Events of one mission to be written together; `lines` are their JSON, `at` is in seconds since 1970.

    With `after`, they are written only if that is the number of the mission's last record.
    """

    mission_id: str
    at: float
    events: tuple[Event, ...]
    lines: tuple[str, ...]
    after: int | None = None


def state_dir() -> Path:
    """Return where Podium keeps what outlives a session: `PODIUM_STATE_DIR`, else the platform's place."""
    override = os.environ.get("PODIUM_STATE_DIR")
    return Path(override) if override else user_state_path("podium", appauthor=False)


def prepare(state: Path, workspace: Path) -> Path:
    """Return the path of the journal of the folder `workspace`, which exists now and fits this Podium.

    The file's name is a hash of the folder's real path. Folder and files are for their owner alone.

    Raises:
        UserError: the file cannot be used; it has not been changed then.
    """
    real = workspace.resolve()
    path = state.absolute() / "journals" / f"{sha256(os.fsencode(real)).hexdigest()[:32]}.sqlite3"
    try:
        _create(path, real)
        _verify(path)
    except (OSError, sqlite3.Error) as error:
        raise explained(error, path) from error
    return path


def connect(path: Path) -> sqlite3.Connection:
    """Return a connection whose commits are on the disk when they return; the file must exist."""
    db = _connect(path, "rw")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("PRAGMA journal_size_limit=67108864")  # bytes: a burst does not leave a huge log behind
    return db


def write(db: sqlite3.Connection, batch: Sequence[Entry]) -> list[list[Record]]:
    """Write `batch` in one transaction, all or nothing, and return the records of each entry, durable.

    Raises:
        sqlite3.Error: nothing was written; `explained` has the words for it.
    """
    try:
        db.execute("BEGIN IMMEDIATE")  # other processes wait from here: the numbers read below stay true
        written = _insert(db, batch)
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")
    return written


def read(path: Path, mission_id: str, after: int) -> list[Record]:
    """Return the records of one mission in order, those up to number `after` left out.

    Raises:
        UserError: the file is damaged, or holds events of a newer Podium.
    """
    query = (
        "SELECT seq, at, event FROM records JOIN missions ON mission = number"
        " WHERE id = ? AND seq > ? ORDER BY seq"
    )
    rows = select(path, query, mission_id, after)
    try:
        return [Record(mission_id, seq, at, from_json(line)) for seq, at, line in rows]
    except ValueError as error:
        raise UserError(
            f"The journal {path} holds events of mission {mission_id} that this Podium cannot read:"
            " update Podium, or move the file away to start a new journal."
        ) from error


def select(path: Path, query: str, *values: str | int) -> list[tuple[Any, ...]]:
    """Return the rows of a query, on a connection of its own beside the writer's.

    Raises:
        UserError: the file is damaged or gone.
    """
    try:
        with closing(_connect(path, "ro")) as db:
            return db.execute(query, values).fetchall()
    except sqlite3.Error as error:
        raise explained(error, path) from error


def only_decider(path: Path) -> sqlite3.Connection:
    """Return what holds off every other process that calls this for the journal `path`, until it is closed.

    It is a lock of SQLite on an empty file of its own, so that the system lets go of it with the process.

    Raises:
        UserError: another process holds it.
    """
    lock = sqlite3.connect(path.with_suffix(".deciding"), timeout=0, check_same_thread=False)
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        lock.close()
        if _kind(error) != sqlite3.SQLITE_BUSY:
            raise explained(error, path) from error
        raise UserError(
            "Another Podium is applying a decision in this workspace; try again when it has."
        ) from error
    return lock


def explained(error: OSError | sqlite3.Error, path: Path) -> Exception:
    """Return what to raise for `error`: a UserError where the user can help, else the error itself."""
    if isinstance(error, OSError):
        return UserError(
            f"The journal {path} cannot be used ({error.strerror}): set PODIUM_STATE_DIR to a folder"
            " that Podium may write to."
        )
    code = _kind(error)
    return UserError(f"The journal {path} {_ADVICE[code]}.") if code in _ADVICE else error


def _kind(error: sqlite3.Error) -> int:
    """Return what went wrong, as SQLite numbers it: the low byte names the kind."""
    return int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)) & 0xFF


def _connect(path: Path, mode: Literal["ro", "rw"]) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_S,
        isolation_level=None,
        check_same_thread=False,  # opened in one thread, used in another, never in two at once
    )


def _create(path: Path, workspace: Path) -> None:
    """Make sure that the journal exists.

    It is built under another name and linked into place, so that no process ever sees half of one.
    """
    path.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.parent.chmod(0o700)
    if path.exists():
        for suffix in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                path.with_name(path.name + suffix).chmod(0o600)
        return
    with tempfile.TemporaryDirectory(prefix="new-", dir=path.parent) as folder:
        new = Path(folder, "journal")
        new.touch(mode=0o600)  # SQLite gives the files beside it the same mode
        with closing(_connect(new, "rw")) as db:
            db.execute("PRAGMA journal_mode=WAL")
            db.executescript(_TABLES)
            meta = {"schema": str(SCHEMA), "workspace": os.fsencode(workspace).decode(errors="replace")}
            db.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
        with suppress(FileExistsError):
            path.hardlink_to(new)


def _verify(path: Path) -> None:
    with closing(_connect(path, "ro")) as db:
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        if "meta" not in tables:
            raise UserError(f"The journal {path} {_DAMAGED}.")
        (schema,) = db.execute("SELECT max(value) FROM meta WHERE key = 'schema'").fetchone()
    if schema != str(SCHEMA):
        raise UserError(
            f"The journal {path} was written by another version of Podium (schema {schema}, this one"
            f" writes {SCHEMA}): update Podium, or move the file away to start a new journal."
        )


def _insert(db: sqlite3.Connection, batch: Sequence[Entry]) -> list[list[Record]]:
    last: dict[str, tuple[int, int]] = {}
    rows: list[tuple[int, int, float, str]] = []
    written: list[list[Record]] = []
    for entry in batch:
        mission, seq = last.get(entry.mission_id) or _last(db, entry.mission_id)
        if entry.after not in {None, seq}:
            written.append([])
            continue
        records: list[Record] = []
        for n, (event, line) in enumerate(zip(entry.events, entry.lines, strict=True), seq + 1):
            records.append(Record(entry.mission_id, n, entry.at, event))
            rows.append((mission, n, entry.at, line))
        last[entry.mission_id] = (mission, seq + len(records))
        written.append(records)
    db.executemany("INSERT INTO records (mission, seq, at, event) VALUES (?, ?, ?, ?)", rows)
    return written


def _last(db: sqlite3.Connection, mission_id: str) -> tuple[int, int]:
    """Return the mission's row and the number of its last record, making the row where there is none."""
    found = db.execute("SELECT number FROM missions WHERE id = ?", (mission_id,)).fetchone()
    if found is None:
        found = db.execute("INSERT INTO missions (id) VALUES (?) RETURNING number", (mission_id,)).fetchone()
    (seq,) = db.execute("SELECT max(seq) FROM records WHERE mission = ?", found).fetchone()
    return found[0], seq or 0
