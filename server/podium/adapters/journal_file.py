"""The file behind the journal: where it lies, and how it is connected to, written and read.

One SQLite file for each workspace, in write-ahead-log mode. Several processes may share it: the write lock
is taken before the next number is read, so numbers never collide. Everything here blocks; `journal` keeps
it off the event loop.
"""

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from platformdirs import user_state_path

from podium.adapters.journal_errors import (
    BUSY_S,
    JournalDamaged,
    explained,
    is_damage,
    kind_of,
)
from podium.adapters.journal_rescue import is_json
from podium.domain.events import Event, Record, from_json
from podium.errors import UserError

MISSIONS = "SELECT id, (SELECT coalesce(max(seq), 0) FROM records WHERE mission = number) FROM missions ORDER BY number"
"""Gives the number of the last record of each mission, oldest first."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Events of one mission to be written together, with their JSON and when they happened (seconds since 1970).

    With `after`, they are written only if that is the number of the mission's last record.
    """

    mission_id: str
    times: tuple[float, ...]
    events: tuple[Event, ...]
    lines: tuple[str, ...]
    after: int | None = None


def state_dir() -> Path:
    """Return where Podium keeps what outlives a session: `PODIUM_STATE_DIR`, else the platform's place."""
    override = os.environ.get("PODIUM_STATE_DIR")
    return Path(override) if override else user_state_path("podium", appauthor=False)


def place(state: Path, workspace: Path) -> Path:
    """Return where the journal of the folder `workspace` lies: its name is a hash of the folder's real path."""
    real = os.fsencode(workspace.resolve())
    return state.absolute() / "journals" / f"{sha256(real).hexdigest()[:32]}.sqlite3"


def connect(path: Path, mode: Literal["ro", "rw"]) -> sqlite3.Connection:
    """Return a connection that is in no transaction; the file must exist."""
    return sqlite3.connect(
        f"{path.as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_S,
        isolation_level=None,
        check_same_thread=False,  # opened in one thread, used in another, never in two at once
    )


def connect_writer(path: Path) -> sqlite3.Connection:
    """Return a connection whose commits are on the disk when they return; the file must exist."""
    db = connect(path, "rw")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("PRAGMA journal_size_limit=67108864")  # bytes: a burst does not leave a huge log behind
    return db


def connect_reader(path: Path) -> sqlite3.Connection:
    """Return a connection for reading, also where nothing can be written.

    SQLite keeps a file beside one in write-ahead-log mode while it reads. On a disk that takes none, the
    journal is read as it lies there, if nothing stands in a log beside it.
    """
    db = connect(path, "ro")
    try:
        db.execute("SELECT 1 FROM sqlite_schema").fetchone()
    except sqlite3.OperationalError as error:
        db.close()
        log = path.with_name(path.name + "-wal")
        stuck = kind_of(error) in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}
        if not stuck or not path.exists() or (log.exists() and log.stat().st_size):
            raise
        return sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)
    except sqlite3.Error:
        db.close()
        raise
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
        "SELECT seq, at, CAST(event AS BLOB) FROM records JOIN missions ON mission = number"
        " WHERE id = ? AND seq > ? ORDER BY seq"
    )
    rows = select(path, query, mission_id, after)
    try:
        return [Record(mission_id, seq, at, from_json(line)) for seq, at, line in rows]
    except ValueError as error:
        if not all(is_json(line) for _, _, line in rows):
            raise suspected(path) from error
        raise UserError(
            f"The journal {path} holds events of mission {mission_id} that this Podium cannot read: update Podium. "
            "Other missions can be used."
        ) from error


def missions(path: Path) -> list[tuple[str, int]]:
    """Return the number of the last record of each mission, by id, oldest first.

    Raises:
        UserError: the file is damagedor cannot be read.
    """
    return select(path, MISSIONS)


def select(path: Path, query: str, *values: str | int) -> list[tuple[Any, ...]]:
    """Return the rows of a query, on a connection of its own beside the writer's.

    Raises:
        UserError: the file is damaged, cannot be read, or is gone.
    """
    try:
        with closing(connect_reader(path)) as db:
            return db.execute(query, values).fetchall()
    except sqlite3.Error as error:
        raise told(error, path) from error


def told(error: OSError | sqlite3.Error, path: Path) -> Exception:
    """Return what to raise for `error`; where it is damage, the next start looks through the whole file."""
    return suspected(path) if is_damage(error) else explained(error, path)


DECISION_S = 1.0
"""How long a decision of another process is waited for: most are no more than a few records."""


def only_decider(path: Path) -> sqlite3.Connection:
    """Return what holds off every other process that calls this for the journal `path`, until it is closed.

    It is a lock of SQLite on an empty file of its own, so that the system lets go of it with the process.

    Raises:
        UserError: another process holds it, and does so for a while.
    """
    lock = sqlite3.connect(path.with_suffix(".deciding"), timeout=DECISION_S, check_same_thread=False)
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        lock.close()
        if kind_of(error) != sqlite3.SQLITE_BUSY:
            raise explained(error, path) from error
        raise UserError(
            "Another Podium is applying a decision in this workspace; try again when it has."
        ) from error
    return lock


def suspected(path: Path) -> JournalDamaged:
    """Return what to raise where damage was met; the next start then looks through the whole file."""
    with suppress(OSError):
        path.with_suffix(".suspect").touch(mode=0o600)
    return JournalDamaged(path)


def _insert(db: sqlite3.Connection, batch: Sequence[Entry]) -> list[list[Record]]:
    lasts: dict[str, _Last] = {}
    rows: list[tuple[int, int, float, str]] = []
    written: list[list[Record]] = []
    for entry in batch:
        last = lasts.get(entry.mission_id) or _last(db, entry.mission_id)
        if entry.after not in {None, last.seq}:
            written.append([])
            continue
        records: list[Record] = []
        at = last.at
        each = zip(entry.times, entry.events, entry.lines, strict=True)
        for n, (when, event, line) in enumerate(each, last.seq + 1):
            at = max(when, at)  # where the clock was set back, time stands still rather than going back
            records.append(Record(entry.mission_id, n, at, event))
            rows.append((last.mission, n, at, line))
        lasts[entry.mission_id] = _Last(last.mission, last.seq + len(records), at)
        written.append(records)
    db.executemany("INSERT INTO records (mission, seq, at, event) VALUES (?, ?, ?, ?)", rows)
    return written


@dataclass(frozen=True, slots=True)
class _Last:
    """Where a mission's records end: the mission's number, and the number and time of its last record."""

    mission: int
    seq: int
    at: float


def _last(db: sqlite3.Connection, mission_id: str) -> _Last:
    """Return where a mission's records end, making the mission's row where there is none."""
    found = db.execute("SELECT number FROM missions WHERE id = ?", (mission_id,)).fetchone()
    if found is None:
        found = db.execute("INSERT INTO missions (id) VALUES (?) RETURNING number", (mission_id,)).fetchone()
    query = "SELECT seq, at FROM records WHERE mission = ? ORDER BY seq DESC LIMIT 1"
    seq, at = db.execute(query, found).fetchone() or (0, 0.0)
    return _Last(found[0], seq, at)
