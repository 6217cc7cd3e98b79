"""What is written into a journal beside what happens: summaries that may be made again, and what is dropped.

On connections of its own, in one transaction each; appends wait for it, milliseconds. Everything here blocks.
"""

import sqlite3
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from podium.adapters import journal_file
from podium.domain.events import Record, to_json

SUMMARIES = """
CREATE TABLE IF NOT EXISTS summaries (
    mission INTEGER PRIMARY KEY REFERENCES missions (number),
    seq INTEGER NOT NULL,
    edition TEXT NOT NULL,
    line TEXT NOT NULL
)
"""
_CURRENT = (
    "SELECT id, line FROM summaries JOIN missions ON mission = number WHERE edition = ?"
    " AND seq = (SELECT max(seq) FROM records WHERE records.mission = number)"
)
_SUMMARIZE = "INSERT OR REPLACE INTO summaries SELECT number, ?, ?, ? FROM missions WHERE id = ?"
_REWRITE = (
    "UPDATE records SET event = ? WHERE mission = (SELECT number FROM missions WHERE id = ?) AND seq = ?"
)
_FORGET = (
    "DELETE FROM summaries WHERE mission = (SELECT number FROM missions WHERE id = ?)",
    "DELETE FROM records WHERE mission = (SELECT number FROM missions WHERE id = ?)",
    "DELETE FROM missions WHERE id = ?",
)


def summaries(path: Path, edition: str) -> dict[str, str]:
    """Return the summaries, by mission, that this edition of the code made of all of a mission's records.

    Raises:
        UserError: the file is damaged, or cannot be read.
    """
    has = journal_file.select(path, "SELECT 1 FROM sqlite_schema WHERE name = 'summaries'")
    return dict(journal_file.select(path, _CURRENT, edition)) if has else {}


def summarize(path: Path, edition: str, summaries: Mapping[str, tuple[int, str]]) -> None:
    """Keep summaries of missions, each with the number of the last record that it is made of.

    Raises:
        UserError: the disk does not take it.
    """
    with _writing(path) as db:
        rows = ((seq, edition, line, mission_id) for mission_id, (seq, line) in summaries.items())
        db.executemany(_SUMMARIZE, rows)


def rewrite(path: Path, records: Iterable[Record]) -> None:
    """Put these records in the place of those with their numbers.

    Raises:
        UserError: the disk does not take it.
    """
    rows = ((to_json(r.event).decode(), r.mission_id, r.seq) for r in records)
    with _writing(path) as db:
        db.executemany(_REWRITE, rows)


def forget(path: Path, mission_ids: Sequence[str]) -> None:
    """Delete missions.

    Raises:
        UserError: the disk does not take it.
    """
    ids = [(mission_id,) for mission_id in mission_ids]
    with _writing(path) as db:
        for statement in _FORGET:
            db.executemany(statement, ids)


def give_back(path: Path) -> None:
    """Give the space of what was dropped back to the disk.

    Raises:
        UserError: that cannot be done.
    """
    try:
        with closing(journal_file.connect(path, "rw")) as db:
            db.execute("PRAGMA incremental_vacuum").fetchall()
    except sqlite3.Error as error:
        raise journal_file.told(error, path) from error


@contextmanager
def _writing(path: Path) -> Generator[sqlite3.Connection]:
    try:
        with closing(journal_file.connect_writer(path)) as db:
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.execute("COMMIT")
    except sqlite3.Error as error:
        raise journal_file.told(error, path) from error
