"""A disk that is full, read-only or not there: what is told, what still works, and that it works again later."""

import sqlite3
from pathlib import Path

import pytest

from podium.adapters.journal import SqliteJournal
from podium.domain.events import AgentEnded
from podium.errors import UserError
from tests.journal.disks import FailingDisk, small_disk

pytestmark = pytest.mark.anyio
FULL = "cannot grow because the disk is full: free some space, then try again"


def ended(outcome: str = "done") -> AgentEnded:
    return AgentEnded("agent-1", outcome)


async def seqs(journal: SqliteJournal) -> list[int]:
    return [record.seq for record in await journal.read("m")]


async def test_a_disk_that_fills_fails_appends_and_they_work_again_once_there_is_space(
    tmp_path: Path,
) -> None:
    with small_disk(tmp_path / "disk") as disk:
        async with await SqliteJournal.open(tmp_path, state=disk.at) as journal:
            await journal.append("m", [ended()])
            disk.fill()
            with pytest.raises(UserError, match=f"{journal.path} {FULL}") as raised:
                await journal.append("m", [ended("x" * 300_000)])
            assert await seqs(journal) == [1], "what there was can be read"
            disk.free()
            assert [r.seq for r in await journal.append("m", [ended("x" * 300_000)])] == [2]
            assert await seqs(journal) == [1, 2]
    assert _code(raised.value) == FailingDisk.FULL[0], "the fake fails as the real one does"


async def test_a_journal_opens_on_a_full_disk_and_is_written_once_there_is_space(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        disk.fill()
        async with await SqliteJournal.open(tmp_path, state=disk.at) as journal:
            assert FULL in journal.notice or "No space left" in journal.notice
            assert await journal.missions() == {}
            with pytest.raises(UserError, match=r"full|No space"):
                await journal.append("m", [ended()])
            disk.free()
            assert [r.seq for r in await journal.append("m", [ended()])] == [1]
            assert await seqs(journal) == [1]


async def test_on_a_read_only_disk_missions_are_shown_and_none_begins(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        async with await SqliteJournal.open(tmp_path, state=disk.at) as journal:
            await journal.append("m", [ended()])
        before = journal.path.read_bytes()
        disk.set_read_only()
        async with await SqliteJournal.open(tmp_path, state=disk.at) as journal:
            assert "cannot be opened for writing: make sure that" in journal.notice
            assert await journal.missions() == {"m": 1}
            assert await seqs(journal) == [1]
            with pytest.raises(UserError, match=r"cannot be opened for writing: .* PODIUM_STATE_DIR"):
                await journal.append("m", [ended()])
            assert journal.path.read_bytes() == before
            disk.set_writable()
            assert [r.seq for r in await journal.append("m", [ended()])] == [2]


async def test_where_no_journal_can_be_made_there_are_no_missions_and_none_begins(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        disk.set_read_only()
        async with await SqliteJournal.open(tmp_path, state=disk.at) as journal:
            assert await journal.missions() == {}
            assert await seqs(journal) == []
            with pytest.raises(UserError, match=r"Read-only file system.*PODIUM_STATE_DIR"):
                await journal.append("m", [ended()])


@pytest.mark.parametrize("blocked", ["state", "state/journals"])
async def test_a_state_directory_that_cannot_be_made_is_told(tmp_path: Path, blocked: str) -> None:
    where = tmp_path / blocked
    where.parent.mkdir(exist_ok=True)
    where.write_bytes(b"a file in the way")
    async with await SqliteJournal.open(tmp_path, state=tmp_path / "state") as journal:
        with pytest.raises(UserError, match=r"cannot be used \(.+\): .*set PODIUM_STATE_DIR"):
            await journal.append("m", [ended()])
        assert where.read_bytes() == b"a file in the way"
        where.unlink()
        assert [r.seq for r in await journal.append("m", [ended()])] == [1]


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [(FailingDisk.FULL, FULL), (FailingDisk.BROKEN, "could not be read or written: check its disk")],
)
async def test_a_disk_that_fails_is_told_and_tried_again(
    tmp_path: Path, fault: tuple[int, str], sentence: str
) -> None:
    disk = FailingDisk()
    async with await SqliteJournal.open(tmp_path, state=tmp_path, connect=disk.connect) as journal:
        disk.fault = fault
        with pytest.raises(UserError, match=sentence):
            await journal.append("m", [ended()])
        disk.fault = None
        assert [r.seq for r in await journal.append("m", [ended()])] == [1]


async def test_a_journal_that_is_taken_away_takes_no_event_that_would_be_lost(tmp_path: Path) -> None:
    async with await SqliteJournal.open(tmp_path, state=tmp_path) as journal:
        await journal.append("m", [ended()])
        away = journal.path.rename(tmp_path / "away")
        with pytest.raises(UserError, match="was moved or deleted while Podium used it: put it back"):
            await journal.append("m", [ended()])
        away.rename(journal.path)
        assert [r.seq for r in await journal.append("m", [ended()])] == [2]


def _code(error: UserError) -> int:
    assert isinstance(error.__cause__, sqlite3.Error)
    return error.__cause__.sqlite_errorcode & 0xFF
