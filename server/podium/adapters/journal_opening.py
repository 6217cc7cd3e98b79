"""Opening a journal: it is made where there is none, and put aside where it is damaged.

Everything here blocks; `journal` keeps it off the event loop.
"""

import sqlite3
import stat
import tempfile
from collections.abc import Generator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from podium.adapters.journal_errors import (
    BUSY_S,
    JournalDamaged,
    JournalUnusable,
    explained,
    is_damage,
    kind_of,
)
from podium.adapters.journal_file import MISSIONS, connect, connect_reader, select
from podium.adapters.journal_moved import Left, bring, hint, is_same, left_behind, may_be, meta_of
from podium.adapters.journal_rescue import Rescue, carry_over, is_sound, put_aside, replace
from podium.adapters.journal_upkeep import SUMMARIES
from podium.errors import UserError

SCHEMA = 1
_OTHERS_S = 1.0
"""How long to wait until nobody else has a damaged journal open; who opens it too lets go of it in milliseconds."""


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


@dataclass(frozen=True, slots=True)
class Held:
    """A journal that exists and fits this Podium. Nobody puts it aside until `release` is called.

    `notice` says what the user should know: what became of a damaged one that was there before, or of one that lay
    elsewhere.
    """

    path: Path
    lock: sqlite3.Connection | None
    notice: str = ""

    def release(self) -> None:
        """Let others put the journal aside, where it is damaged."""
        if self.lock is not None:
            self.lock.close()


def hold(path: Path, workspace: Path) -> Held:
    """Make sure that the journal at `path` can be used: create it, or put a damaged one aside.

    Folder and files are for their owner alone.

    Raises:
        JournalUnusable: the disk or its rights do not let us; that may pass.
        JournalDamaged: it is damaged, and another process has it open.
        UserError: another version of Podium wrote it; it has not been changed.
    """
    try:
        notice = _create(path, workspace.resolve())
        held = Held(path, _shared(path), notice)
        with ExitStack() as stack:
            stack.callback(held.release)
            if not _is_damaged(path):
                _complete(path, workspace.resolve())
                stack.pop_all()
                return held
        rescue = _rescue(path, workspace.resolve())
        return Held(path, _shared(path), rescue.sentence() if rescue else "")
    except (OSError, sqlite3.Error) as error:
        raise explained(error, path) from error


def _create(path: Path, workspace: Path) -> str:
    """Make sure that the journal exists, and return what the user should know.

    That of a folder that was moved comes along. A new one is built under another name and linked into place, so that
    no process ever sees half of one.
    """
    path.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    _set_mode(path.parent, 0o700)
    if path.exists():
        for suffix in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                _set_mode(path.with_name(path.name + suffix), 0o600)
        return ""
    left = list(left_behind(path.parent, connect_reader))
    for moved in left:
        if is_same(moved, workspace, connect_reader):
            return _bring(moved, path)
    with _new(path.parent, workspace) as new, suppress(FileExistsError):
        path.hardlink_to(new)
    return " ".join(hint(gone) for gone in left if may_be(gone, workspace))


def _bring(moved: Left, path: Path) -> str:
    """Bring a journal along.

    Raises:
        JournalUnusable: a Podium still works in the folder where it was.
    """
    with closing(_connect_lock(moved.path, _OTHERS_S)) as lock:
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            raise JournalUnusable(
                f"The missions of this folder are in use by another Podium, which was started when it lay at "
                f"{moved.workspace}: close that one, then try again."
            ) from error
        if not moved.path.exists():  # another process has brought it
            return ""
        return bring(moved, path, partial(connect, mode="rw"))


def _complete(path: Path, workspace: Path) -> None:
    """Make the table of summaries, which an earlier Podium did not, and let the journal know its folder."""
    meta = dict(select(path, "SELECT key, value FROM meta"))
    has_summaries = select(path, "SELECT 1 FROM sqlite_schema WHERE name = 'summaries'")
    now = meta_of(workspace)
    if has_summaries and now.items() <= meta.items():
        return
    with suppress(sqlite3.OperationalError), closing(connect(path, "rw")) as db:
        if not has_summaries:
            db.execute(SUMMARIES)
        db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", now.items())


def _set_mode(path: Path, mode: int) -> None:
    if stat.S_IMODE(path.stat().st_mode) != mode:
        path.chmod(mode)


@contextmanager
def _new(folder: Path, workspace: Path) -> Generator[Path]:
    """Build an empty journal in `folder`, which goes again unless it is moved or linked elsewhere."""
    with tempfile.TemporaryDirectory(prefix="new-", dir=folder) as scratch:
        new = Path(scratch, "journal")
        new.touch(mode=0o600)  # SQLite gives the files beside it the same mode
        with closing(connect(new, "rw")) as db:
            db.execute("PRAGMA auto_vacuum=INCREMENTAL")
            db.execute("PRAGMA journal_mode=WAL")
            db.executescript(_TABLES)
            db.execute(SUMMARIES)
            meta = {"schema": str(SCHEMA), **meta_of(workspace)}
            db.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
        yield new


def _shared(path: Path) -> sqlite3.Connection | None:
    """Return what keeps others from putting the journal aside; None on a disk that takes nothing.

    It is a lock of SQLite on an empty file of its own, so that the system lets go of it with the process.
    """
    lock = _connect_lock(path, BUSY_S)
    try:
        lock.execute("BEGIN")
        lock.execute("SELECT 1 FROM sqlite_schema").fetchall()
    except sqlite3.OperationalError as error:
        lock.close()
        if kind_of(error) == sqlite3.SQLITE_BUSY:
            raise
        return None
    return lock


def _connect_lock(path: Path, timeout_s: float) -> sqlite3.Connection:
    users = path.with_suffix(".users")
    with suppress(OSError):
        users.touch(mode=0o600)
    return sqlite3.connect(users, timeout=timeout_s, isolation_level=None, check_same_thread=False)


def _is_damaged(path: Path) -> bool:
    """Return whether the file is damaged, as far as opening it shows; all of it is read if something was found.

    Raises:
        UserError: another version of Podium wrote it.
    """
    try:
        with closing(connect_reader(path)) as db:
            tables = {name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
            if not tables >= {"meta", "missions", "records"}:
                return True
            (schema,) = db.execute("SELECT max(value) FROM meta WHERE key = 'schema'").fetchone()
            _require_schema(path, schema)
            db.execute(MISSIONS).fetchall()
            if (suspect := path.with_suffix(".suspect")).exists():
                if not is_sound(db):
                    return True
                suspect.unlink()
    except sqlite3.Error as error:
        if is_damage(error):
            return True
        raise
    return False


def _require_schema(path: Path, schema: str) -> None:
    if schema != str(SCHEMA):
        raise UserError(
            f"The journal {path} was written by another version of Podium (schema {schema}, this one"
            f" writes {SCHEMA}): update Podium, or move the file away to start a new journal."
        )


def _rescue(path: Path, workspace: Path) -> Rescue | None:
    """Put a damaged journal aside; None where another process has done so meanwhile."""
    with closing(_connect_lock(path, _OTHERS_S)) as lock:
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            raise JournalDamaged(path) from error
        if not _is_damaged(path):
            return None
        with _new(path.parent, workspace) as new:
            with closing(connect(new, "rw")) as db:
                db.execute("BEGIN")
                n_whole, n_cut = carry_over(path, db)
                db.execute("COMMIT")
            kept = put_aside(path)
            replace(path, new)
        path.with_suffix(".suspect").unlink(missing_ok=True)
    return Rescue(kept, n_whole, n_cut)
