"""A folder that is moved keeps its missions; where that cannot be told, the user hears where they are."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from podium.adapters.journal import SqliteJournal
from podium.domain.events import AgentEnded
from podium.errors import UserError

pytestmark = pytest.mark.anyio


@pytest.fixture
def old(tmp_path: Path) -> Path:
    (folder := tmp_path / "old").mkdir()
    (folder / "a.txt").write_text("a", encoding="utf-8")
    return folder


def moved(folder: Path, to: Path) -> Path:
    """Move a folder, as the user does, and return where it is."""
    return folder.rename(to)


async def note(workspace: Path, *mission_ids: str) -> tuple[list[str], str, Path]:
    """Record an event in each of the missions, and return all that there are, with the notice and the journal."""
    async with await SqliteJournal.open(workspace, state=workspace.parent / "state") as journal:
        for mission_id in mission_ids:
            await journal.append(mission_id, [AgentEnded("agent-1", "done")])
        return [*await journal.missions()], journal.notice, journal.path


async def test_the_missions_of_a_folder_that_is_moved_come_along_with_all_that_stands_in_the_log(
    old: Path, tmp_path: Path
) -> None:
    _, _, path = await note(old, "m-1")
    with closing(sqlite3.connect(path)) as db, db:  # what a kill leaves: a log that nobody has folded in
        db.execute("PRAGMA wal_autocheckpoint=0")
        db.execute("UPDATE records SET event = replace(event, 'done', 'late')")
        for suffix in ("-wal", "-shm"):
            shutil.copy(f"{path}{suffix}", tmp_path / suffix)
        shutil.copy(path, tmp_path / "main")
    shutil.copy(tmp_path / "main", path)
    for suffix in ("-wal", "-shm"):
        shutil.copy(tmp_path / suffix, f"{path}{suffix}")
    new = moved(old, tmp_path / "new")
    missions, notice, _ = await note(new, "m-2")
    assert missions == ["m-1", "m-2"]
    assert notice == f"This folder lay at {old} before; its missions came along."
    assert not path.exists()
    assert (await note(new))[1] == ""
    assert await note(old.parent / "new", "m-3") != []
    moved(new, old)
    assert (await note(old))[0] == ["m-1", "m-2", "m-3"], "and back again"


async def test_a_folder_that_is_copied_leaves_its_missions_where_they_are(old: Path, tmp_path: Path) -> None:
    await note(old, "m-1")
    shutil.copytree(old, tmp_path / "copy")
    assert (await note(tmp_path / "copy"))[:2] == ([], "")
    assert (await note(old))[0] == ["m-1"]


async def test_another_folder_with_the_same_number_takes_no_missions(old: Path, tmp_path: Path) -> None:
    await note(old, "m-1")
    (old / "a.txt").unlink()
    new = moved(old, tmp_path / "new")
    (new / "b.txt").write_text("younger than the last event", encoding="utf-8")
    assert (await note(new))[:2] == ([], "")


async def test_a_folder_that_cannot_be_looked_at_keeps_its_missions_and_others_are_opened_all_the_same(
    old: Path, tmp_path: Path
) -> None:
    _, _, path = await note(old, "m-1")
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE meta SET value = ? WHERE key = 'workspace'", (str(tmp_path / ("x" * 300)),))
    (other := tmp_path / "other").mkdir()
    assert (await note(other, "m-2"))[:2] == (["m-2"], "")
    assert path.exists()


async def test_where_it_cannot_be_told_the_user_hears_where_the_missions_are_and_how_to_get_them(
    old: Path, tmp_path: Path
) -> None:
    _, _, path = await note(old, "m-1")
    shutil.copytree(old, tmp_path / "other/old")
    shutil.rmtree(old)
    async with await SqliteJournal.open(tmp_path / "other/old", state=tmp_path / "state") as journal:
        assert f"missions of the folder {old}, which is gone, in {path}" in journal.notice
        assert await journal.missions() == {}
    moved(tmp_path / "other", old)  # any folder does
    assert (await note(old))[0] == ["m-1"], "as the notice says"


async def test_missions_that_another_podium_has_open_stay_until_it_is_closed(
    old: Path, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    async with await SqliteJournal.open(old, state=state) as first:
        await first.append("m-1", [AgentEnded("agent-1", "done")])
        new = moved(old, tmp_path / "new")
        async with await SqliteJournal.open(new, state=state) as second:
            assert "close that one" in second.notice
            with pytest.raises(UserError, match="close that one"):
                await second.append("m-2", [AgentEnded("agent-1", "done")])
            await first.aclose()
            await second.append("m-2", [AgentEnded("agent-1", "done")])
            assert [*await second.missions()] == ["m-1", "m-2"]
