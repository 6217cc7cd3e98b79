"""What is done with a damaged journal: it is kept under another name, and what can be read goes to a new one.

A mission is carried over up to the first of its records that cannot be read. Where that, or the damage, may have
cost it its end, it ends there and says so: it can be shown, and what it delivered can be undone. Nothing is
deleted, and nothing is written into the damaged file.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from podium.domain.events import MissionEnded, to_json

CUT = MissionEnded(
    "stopped", "The journal was damaged: what this mission did after this point is lost, and it cannot go on."
)
_BESIDE = ("-wal", "-shm")
_LIFE = {"mission_started", "mission_ended"}


@dataclass(frozen=True, slots=True)
class Rescue:
    """What became of a damaged journal: where it is kept, and how many missions were carried over, whole or cut."""

    kept: Path
    n_whole: int
    n_cut: int

    def sentence(self) -> str:
        """Return this for the user."""
        carried = f"{self.n_whole} missions could be read and were carried over"
        if self.n_cut:
            carried += f", and {self.n_cut} more up to where the damage begins"
        return (
            f"The journal of this workspace was damaged. The damaged file is kept as {self.kept}; {carried}."
        )


def is_sound(db: sqlite3.Connection) -> bool:
    """Return whether every page of a journal can be read, and every event is JSON; reads all of it.

    Raises:
        sqlite3.Error: it is not.
    """
    if db.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
        return False
    return all(is_json(event) for (event,) in db.execute("SELECT CAST(event AS BLOB) FROM records"))


def is_json(line: bytes) -> bool:
    """Return whether a line of the journal is what somebody wrote, known to us or not."""
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def carry_over(damaged: Path, into: sqlite3.Connection) -> tuple[int, int]:
    """Copy what can be read of a journal, and return how many missions that were, whole and cut short."""
    with closing(sqlite3.connect(f"{damaged.as_uri()}?mode=ro", uri=True)) as db:
        db.text_factory = bytes  # what is no text any more is for us to see, not to stumble over
        for number, mission_id in _rows(db, "SELECT number, id FROM missions ORDER BY number"):
            with suppress(UnicodeDecodeError, AttributeError, sqlite3.Error):
                into.execute("INSERT OR IGNORE INTO missions VALUES (?, ?)", (number, mission_id.decode()))
        numbers = [number for (number,) in into.execute("SELECT number FROM missions")]
        records = "SELECT mission, seq, at, event FROM records"
        # Forwards to the first bad page, backwards to the last one, and by each mission's own index.
        _take(_rows(db, f"{records} NOT INDEXED ORDER BY rowid"), into)
        _take(_rows(db, f"{records} NOT INDEXED ORDER BY rowid DESC"), into)
        for number in numbers:
            _take(_rows(db, f"{records} WHERE mission = {number:d} ORDER BY seq"), into)
    return _cut(into, numbers)


def put_aside(path: Path) -> Path:
    """Give a damaged journal, with what lies beside it, another name as well, and return that."""
    at = datetime.now(UTC)
    while (kept := path.with_name(f"{path.stem}.damaged-{at:%Y%m%d-%H%M%S-%f}{path.suffix}")).exists():
        at = datetime.now(UTC)
    for suffix in _BESIDE:
        with suppress(FileNotFoundError):
            kept.with_name(kept.name + suffix).hardlink_to(path.with_name(path.name + suffix))
    kept.hardlink_to(path)
    return kept


def replace(path: Path, new: Path) -> None:
    """Put `new` in the place of a journal that is kept elsewhere and that nobody has open.

    What lies beside the old one goes first: it must never be taken for the new one's.
    """
    for suffix in _BESIDE:
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    new.replace(path)


def _rows(db: sqlite3.Connection, query: str) -> Iterator[tuple[Any, ...]]:
    """Give the rows of a query until one cannot be read."""
    with suppress(sqlite3.Error):
        yield from db.execute(query)


def _take(rows: Iterator[tuple[Any, ...]], into: sqlite3.Connection) -> None:
    for mission, seq, at, event in rows:
        if isinstance(event, bytes) and is_json(event):
            with suppress(sqlite3.Error):
                row = (mission, seq, at, event.decode())
                into.execute("INSERT OR IGNORE INTO records VALUES (?, ?, ?, ?)", row)


def _cut(db: sqlite3.Connection, numbers: list[int]) -> tuple[int, int]:
    """End each mission where its first record is missing; return how many were whole, and how many are cut."""
    n_whole = n_cut = 0
    for number in numbers:
        last, at, ended = 0, 0.0, False
        rows = db.execute("SELECT seq, at, event FROM records WHERE mission = ? ORDER BY seq", (number,))
        for seq, when, event in rows.fetchall():
            if seq != last + 1:
                break
            last, at = seq, when
            if (kind := json.loads(event).get("kind")) in _LIFE:
                ended = kind == "mission_ended"
        lost = db.execute("DELETE FROM records WHERE mission = ? AND seq > ?", (number, last)).rowcount
        if not last:
            db.execute("DELETE FROM missions WHERE number = ?", (number,))
        elif ended and not lost:
            n_whole += 1
        else:
            n_cut += 1
            if not ended:
                row = (number, last + 1, at, to_json(CUT).decode())
                db.execute("INSERT INTO records VALUES (?, ?, ?, ?)", row)
    return n_whole, n_cut
