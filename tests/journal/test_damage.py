"""A damaged journal is kept under another name, and what can be read of it is carried over."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from podium.adapters.journal import SqliteJournal
from podium.adapters.journal_rescue import CUT
from podium.domain.events import AgentEnded, Event, MissionEnded, MissionStarted
from podium.errors import UserError

pytestmark = pytest.mark.anyio
PAGE = 4096


def mission(n_events: int) -> list[Event]:
    begun = MissionStarted("goal", "task", "builtin/repair", "verified")
    return [
        begun,
        *[AgentEnded("agent", f"{n} " + "x" * 500) for n in range(n_events)],
        MissionEnded("signed_off", ""),
    ]


async def journal_with(workspace: Path, n_missions: int, n_events: int = 20) -> Path:
    """Return the path of a closed journal of `workspace`, kept below it, with missions that ended."""
    async with await SqliteJournal.open(workspace, state=workspace) as journal:
        for number in range(n_missions):
            await journal.append(f"m-{number}", mission(n_events))
    return journal.path


async def read_all(workspace: Path) -> tuple[dict[str, list[Event]], str]:
    """Return the events of every mission as the next start finds them, and what it says."""
    async with await SqliteJournal.open(workspace, state=workspace) as journal:
        found = {name: [r.event for r in await journal.read(name)] for name in await journal.missions()}
        return found, journal.notice


def kept(notice: str) -> Path:
    """Return the path that a notice names."""
    named = re.search(r"kept as (\S+\.sqlite3);", notice)
    assert named
    return Path(named[1])


@pytest.mark.parametrize("damage", [b"no database at all" * 300, b"", b"SQLite format 3\0 and then nothing"])
async def test_a_file_that_is_no_journal_is_kept_aside_and_a_new_one_begins(
    tmp_path: Path, damage: bytes
) -> None:
    path = await journal_with(tmp_path, 1)
    path.write_bytes(damage)
    found, notice = await read_all(tmp_path)
    assert found == {}
    assert "was damaged" in notice
    assert kept(notice).read_bytes() == damage
    await journal_with(tmp_path, 1)
    found, notice = await read_all(tmp_path)
    assert (found, notice) == ({"m-0": mission(20)}, "")


async def test_damage_that_a_read_meets_is_put_aside_at_the_next_start(tmp_path: Path) -> None:
    path = await journal_with(tmp_path, 8)
    whole = bytearray(path.read_bytes())
    (page,) = _pages_of(path, "m-3", 10)
    whole[page * PAGE : (page + 1) * PAGE] = b"\xff" * PAGE
    path.write_bytes(whole)
    async with await SqliteJournal.open(tmp_path, state=tmp_path) as journal:
        assert len(await journal.missions()) == 8, "the others are shown"
        with pytest.raises(UserError, match=r"is damaged: close every Podium .* start one again"):
            await journal.read("m-3")
        assert await journal.read("m-0")
    assert path.read_bytes() == whole
    found, notice = await read_all(tmp_path)
    assert kept(notice).read_bytes() == whole
    assert "7 missions could be read" in notice
    assert "1 more up to where" in notice
    assert {name: events == mission(20) for name, events in found.items() if name != "m-3"} == dict.fromkeys(
        (f"m-{n}" for n in range(8) if n != 3), True
    )
    cut = found["m-3"]
    assert cut[:-1] == mission(20)[: len(cut) - 1]
    assert cut[-1] == CUT
    assert (await read_all(tmp_path))[1] == ""


async def test_an_event_that_is_no_text_any_more_is_damage(tmp_path: Path) -> None:
    path = await journal_with(tmp_path, 2)
    path.write_bytes(path.read_bytes().replace(b'"5 xx', b'"5\xffxx', 1))
    async with await SqliteJournal.open(tmp_path, state=tmp_path) as journal:
        with pytest.raises(UserError, match="is damaged"):
            [await journal.read(name) for name in await journal.missions()]
    found, _ = await read_all(tmp_path)
    assert [events[-1] == CUT for events in found.values()].count(True) == 1


async def test_a_torn_write_ahead_log_gives_what_was_written_before(tmp_path: Path) -> None:
    async with await SqliteJournal.open(tmp_path, state=tmp_path) as journal:
        for number in range(5):
            await journal.append(f"m-{number}", mission(3))
        log = journal.path.with_name(journal.path.name + "-wal")
        (tmp_path / "copy").mkdir()
        copy = tmp_path / "copy" / journal.path.name
        copy.write_bytes(journal.path.read_bytes())
        whole_log = log.read_bytes()
    copy.with_name(copy.name + "-wal").write_bytes(whole_log[: len(whole_log) - PAGE])
    with closing(sqlite3.connect(copy)) as db:
        last = db.execute("SELECT count(*) FROM missions").fetchone()[0]
    assert 3 <= last < 5, "SQLite drops the torn end by itself; nothing of it was acknowledged"


async def test_a_damaged_journal_that_another_podium_has_open_stays_where_it_is(tmp_path: Path) -> None:
    async with await SqliteJournal.open(tmp_path, state=tmp_path) as journal:
        await journal.append("m", mission(3))
        whole = journal.path.read_bytes()
        journal.path.write_bytes(b"\xff" * len(whole))
        with pytest.raises(UserError, match="close every Podium"):
            await SqliteJournal.open(tmp_path, state=tmp_path)
        assert journal.path.read_bytes() == b"\xff" * len(whole)
        journal.path.write_bytes(whole)


@given(pages=st.sets(st.integers(0, 40), min_size=1, max_size=6), garbage=st.binary(min_size=1, max_size=9))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_damaged_a_mission_is_whole_or_a_beginning_of_it_that_says_so(
    tmp_path_factory: pytest.TempPathFactory, pages: set[int], garbage: bytes
) -> None:
    async def damage() -> None:
        workspace = tmp_path_factory.mktemp("damaged")
        path = await journal_with(workspace, 6)
        torn = bytearray(path.read_bytes())
        for page in pages:
            torn[page * PAGE : (page + 1) * PAGE] = (garbage * PAGE)[:PAGE]
        path.write_bytes(torn)
        path.with_suffix(".suspect").touch()
        found, notice = await read_all(workspace)
        whole = mission(20)
        if not notice:  # only what SQLite does not use was hit
            assert found == {f"m-{number}": whole for number in range(6)}
            return
        assert kept(notice).read_bytes() == torn
        for events in found.values():
            assert events == whole or (events[-1] == CUT and events[:-1] == whole[: len(events) - 1])

    anyio.run(damage)


def _pages_of(path: Path, name: str, seq: int) -> list[int]:
    """Return the page that holds one record, found by its text."""
    with closing(sqlite3.connect(path)) as db:
        query = "SELECT event FROM records JOIN missions ON mission = number WHERE id = ? AND seq = ?"
        (event,) = db.execute(query, (name, seq)).fetchone()
        whole = path.read_bytes()
        number = int(name.removeprefix("m-"))
    places = [m.start() for m in re.finditer(re.escape(event.encode()), whole)]
    return [sorted(places)[number] // PAGE]
