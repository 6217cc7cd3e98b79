"""The file: who may read it, which ones are refused, and what a full or broken disk does."""

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from podium.adapters import journal_file
from podium.adapters.journal import SqliteJournal
from podium.adapters.journal_opening import hold
from podium.domain.events import AgentEnded
from podium.errors import UserError

pytestmark = pytest.mark.anyio


def ended(outcome: str = "done") -> AgentEnded:
    return AgentEnded("agent-1", outcome)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def journal_with(workspace: Path, n_events: int) -> Path:
    """Return the path of a closed journal of `workspace`, kept below it, with events in it."""
    async with await SqliteJournal.open(workspace, state=workspace) as journal:
        await journal.append("m", [ended("x" * 500)] * n_events)
    return journal.path


async def test_folder_and_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    async with await SqliteJournal.open(tmp_path, state=tmp_path / "state") as journal:
        await journal.append("m", [ended()])
        files = list(journal.path.parent.iterdir())
        assert {path.name.partition(".")[2] for path in files} == {
            "sqlite3",
            "sqlite3-wal",
            "sqlite3-shm",
            "users",
        }
        assert {mode(path) for path in files} == {0o600}
        assert {mode(tmp_path / "state"), mode(journal.path.parent)} == {0o700}


async def test_a_journal_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = await journal_with(tmp_path, 1)
    path.chmod(0o644)
    path.parent.chmod(0o755)
    await journal_with(tmp_path, 1)
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)


async def test_one_workspace_has_one_journal_however_it_is_spelled(tmp_path: Path) -> None:
    real, other, link = tmp_path / "real", tmp_path / "other", tmp_path / "link"
    real.mkdir()
    other.mkdir()
    link.symlink_to(real)
    paths = [journal_file.place(tmp_path, folder) for folder in (real, link, real / ".." / "real", other)]
    assert paths[0] == paths[1] == paths[2] != paths[3]
    hold(paths[1], link).release()
    assert journal_file.select(paths[1], "SELECT value FROM meta WHERE key = 'workspace'") == [(str(real),)]


def test_the_state_directory_can_be_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODIUM_STATE_DIR", "/elsewhere")
    assert journal_file.state_dir() == Path("/elsewhere")
    monkeypatch.delenv("PODIUM_STATE_DIR")
    monkeypatch.setenv("XDG_STATE_HOME", "/home/user/state")
    assert journal_file.state_dir().name == "podium"


async def test_a_newer_journal_is_named_and_not_touched(tmp_path: Path) -> None:
    path = await journal_with(tmp_path, 3)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE meta SET value = '2' WHERE key = 'schema'")
    before = path.read_bytes()
    with pytest.raises(UserError, match=f"{path} was written by another version.*update Podium"):
        await SqliteJournal.open(tmp_path, state=tmp_path)
    assert path.read_bytes() == before


async def test_an_event_of_a_newer_podium_is_told_not_skipped(tmp_path: Path) -> None:
    path = await journal_with(tmp_path, 1)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("""INSERT INTO records VALUES (1, 2, 0.0, '{"kind": "from_the_future"}')""")
    async with await SqliteJournal.open(tmp_path, state=tmp_path) as journal:
        with pytest.raises(UserError, match="cannot read: update Podium"):
            await journal.read("m")


async def test_a_full_disk_fails_the_append_and_later_ones_work_again(tmp_path: Path) -> None:
    opened: list[sqlite3.Connection] = []

    def connect(path: Path) -> sqlite3.Connection:
        opened.append(journal_file.connect_writer(path))
        opened[0].execute("PRAGMA max_page_count=20")
        return opened[0]

    async with await SqliteJournal.open(tmp_path, state=tmp_path, connect=connect) as journal:
        await journal.append("m", [ended()])
        with pytest.raises(UserError, match=f"{journal.path} cannot grow because the disk is full"):
            await journal.append("m", [ended("x" * 100_000)])
        assert [record.seq for record in await journal.append("m", [ended("small")])] == [2]
        opened[0].execute("PRAGMA max_page_count=1000000")
        assert [record.seq for record in await journal.append("m", [ended("x" * 100_000)])] == [3]
        assert [record.seq for record in await journal.read("m")] == [1, 2, 3]


async def test_a_journal_that_another_process_holds_is_told_after_a_while(tmp_path: Path) -> None:
    def connect(path: Path) -> sqlite3.Connection:
        db = journal_file.connect_writer(path)
        db.execute("PRAGMA busy_timeout=100")
        return db

    async with await SqliteJournal.open(tmp_path, state=tmp_path, connect=connect) as journal:
        with closing(sqlite3.connect(journal.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(UserError, match="was held by another Podium"):
                await journal.append("m", [ended()])
            assert await journal.read("m") == [], "readers do not wait"
        assert [record.seq for record in await journal.append("m", [ended()])] == [1]


async def test_an_error_in_the_middle_of_a_commit_leaves_no_open_transaction(tmp_path: Path) -> None:
    async with await SqliteJournal.open(tmp_path, state=tmp_path) as journal:
        with closing(sqlite3.connect(journal.path, isolation_level=None)) as other:
            other.execute("CREATE TRIGGER no BEFORE INSERT ON records BEGIN SELECT RAISE(ABORT, 'no'); END")
            with pytest.raises(sqlite3.IntegrityError):
                await journal.append("m", [ended()])
            other.execute("DROP TRIGGER no")
        assert [record.seq for record in await journal.append("m", [ended()])] == [1]


async def test_a_journal_that_was_taken_away_is_told(tmp_path: Path) -> None:
    async with await SqliteJournal.open(tmp_path, state=tmp_path) as journal:
        journal.path.unlink()
        with pytest.raises(UserError, match=f"{journal.path} cannot be opened"):
            await journal.read("m")


async def test_a_read_only_file_fails_the_append_with_advice(tmp_path: Path) -> None:
    opened: list[sqlite3.Connection] = []

    def connect(path: Path) -> sqlite3.Connection:
        opened.append(journal_file.connect_writer(path))
        opened[0].execute("PRAGMA query_only=1")
        return opened[0]

    async with await SqliteJournal.open(tmp_path, state=tmp_path, connect=connect) as journal:
        with pytest.raises(UserError, match=r"cannot be written: .* PODIUM_STATE_DIR"):
            await journal.append("m", [ended()])
        opened[0].execute("PRAGMA query_only=0")
        assert [record.seq for record in await journal.append("m", [ended()])] == [1]
