"""Journals of folders that are gone: one whose folder was moved to where a journal is opened now comes along.

That it is the same folder is told by what a move within one disk leaves as it was: the number that the file system
gave it, which may go to another folder later, and the age of something in it, which is older than the last record.
What was copied, or came from another disk, cannot be told; then the user hears where the missions are.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

Connect = Callable[[Path], sqlite3.Connection]


@dataclass(frozen=True, slots=True)
class Left:
    """The journal of a folder that is gone: where that was, and what it was."""

    path: Path
    workspace: Path
    folder: str


def meta_of(workspace: Path) -> Mapping[str, str]:
    """Return what a journal says of its folder."""
    return {"workspace": os.fsencode(workspace).decode(errors="replace"), "folder": identity(workspace)}


def identity(folder: Path) -> str:
    """Return what names a folder on this machine, wherever it is moved; nothing where there is none."""
    try:
        return _number(folder.stat())
    except OSError:
        return ""


def _number(found: os.stat_result) -> str:
    return f"{found.st_dev}:{found.st_ino}"


def left_behind(journals: Path, connect: Connect) -> Iterator[Left]:
    """Yield the journals that hold missions of folders that are gone; those that cannot be read are left out."""
    for path in sorted(journals.glob("*.sqlite3")):
        with suppress(sqlite3.Error), closing(connect(path)) as db:
            meta = dict(db.execute("SELECT key, value FROM meta").fetchall())
            workspace, folder = Path(meta["workspace"]), meta.get("folder", "")
            if _is_gone(workspace, folder) and db.execute("SELECT 1 FROM records LIMIT 1").fetchone():
                yield Left(path, workspace, folder)


def _is_gone(workspace: Path, folder: str) -> bool:
    """Return whether `folder` is not at `workspace` any more; one that cannot be looked at now is not gone."""
    try:
        found = workspace.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return folder not in {"", _number(found)}


def is_same(left: Left, workspace: Path, connect: Connect) -> bool:
    """Return whether `workspace` is the folder whose journal was left behind."""
    if not left.folder or identity(workspace) != left.folder:
        return False
    with suppress(OSError, sqlite3.Error), closing(connect(left.path)) as db:
        (last_at,) = db.execute("SELECT max(at) FROM records").fetchone()  # reads all of them
        with os.scandir(workspace) as entries:
            return any(entry.stat(follow_symlinks=False).st_ctime < last_at for entry in entries)
    return False


def may_be(left: Left, workspace: Path) -> bool:
    """Return whether `workspace` may be what lay where now nothing lies: it has the same name."""
    return left.workspace.name == workspace.name and not left.workspace.exists()


def hint(left: Left) -> str:
    """Return what the user should know of missions that may be this project's."""
    return (
        f"There are missions of the folder {left.workspace}, which is gone, in {left.path}. If this project lay there: "
        f"with a folder at that place, even an empty one, `podium missions` lists them there, and `podium export` and "
        "`podium import` bring them over."
    )


def bring(left: Left, path: Path, connect: Connect) -> str:
    """Make a journal that was left behind the one at `path`, and return what the user should know; nobody has it open.

    What stands in its log is folded into it first, so that it is one file.
    """
    with closing(connect(left.path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with suppress(FileNotFoundError):
        left.path.with_suffix(".suspect").rename(path.with_suffix(".suspect"))
    left.path.rename(path)
    return f"This folder lay at {left.workspace} before; its missions came along."
