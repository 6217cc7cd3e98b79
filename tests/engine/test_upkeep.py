"""Settled missions leave memory, are listed from summaries that are never taken for the truth, and grow old."""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from podium.adapters.journal import SqliteJournal
from podium.domain.changes import FileEdit
from podium.domain.events import (
    AgentEnded,
    AgentStarted,
    Event,
    FindingChanged,
    MissionEnded,
    MissionStarted,
    ProposalDelivered,
    ProposalMade,
    Record,
    ReviewSubmitted,
)
from podium.domain.findings import Finding
from podium.domain.mission import MissionState, replay
from podium.domain.pruning import Rules
from podium.domain.summary import edition, summary_of
from podium.engine.chronicle import AT_HAND
from podium.engine.conductor import Conductor
from podium.errors import UserError
from tests.engine.test_conductor import root, services

__all__ = ["root"]

pytestmark = pytest.mark.anyio
DAY = 86_400.0
N_MISSIONS = AT_HAND + 3
FINDING = Finding("f-1", "calc.py", 1, "", "warning", "wrong", "It is wrong.", "", "read")
EDIT = FileEdit("calc.py", b"old\n", b"new\n")


def settled(mission_id: str) -> list[Event]:
    return [
        MissionStarted(f"goal of {mission_id}", "task", "m", "verified"),
        AgentStarted("worker-1", "worker", "", "m", ({"role": "user", "content": "words"},)),
        AgentEnded("worker-1", "done"),
        ProposalMade(f"{mission_id}.p-1", "change", (EDIT,)),
        ProposalDelivered(f"{mission_id}.p-1", "disk", (EDIT,)),
        MissionEnded("signed_off", "Done."),
    ]


async def record(
    journal: SqliteJournal, missions: Mapping[str, Sequence[Event]], days: Sequence[float] = ()
) -> None:
    for n, (mission_id, events) in enumerate(missions.items()):
        at = (days[n] if days else n) * DAY
        await journal.take_in([Record(mission_id, seq, at, e) for seq, e in enumerate(events, 1)])


def ids(states: Sequence[MissionState]) -> list[str]:
    return [state.id for state in states]


def summaries(path: Path) -> list[tuple[int, str]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT seq, edition FROM summaries ORDER BY mission").fetchall()


async def test_settled_missions_are_listed_in_short_and_shown_whole_without_staying_in_memory(
    root: Path,
) -> None:
    names = [f"m-{n}" for n in range(N_MISSIONS)]
    async with services(root) as outside:
        assert isinstance(outside.journal, SqliteJournal)
        await record(outside.journal, {name: settled(name) for name in names})
        wanted = {name: replay(name, await outside.journal.read(name)) for name in names}
        for opened in ("folded once", "from summaries"):
            async with Conductor(outside, lambda _: True) as conductor:
                assert len(conductor.states()) <= AT_HAND, opened
                listed = await conductor.in_short()
                assert ids(listed) == names[::-1]
                assert [summary_of(state) for state in listed] == [summary_of(wanted[s.id]) for s in listed]
                assert [await conductor.whole(name) for name in names] == [*wanted.values()]
                assert len(conductor.states()) <= AT_HAND, opened
        assert summaries(outside.journal.path) == [(6, edition())] * N_MISSIONS


@pytest.mark.parametrize("fault", ["of another edition", "of fewer records", "damaged", "gone"])
async def test_a_summary_that_does_not_hold_is_not_believed(root: Path, fault: str) -> None:
    async with services(root) as outside:
        journal = outside.journal
        assert isinstance(journal, SqliteJournal)
        await record(journal, {name: settled(name) for name in ("m-1", "m-2")})
        line = '{"id": "m-1", "goal": "a lie", "ending": "failed"}'
        match fault:
            case "of another edition":
                await journal.summarize("another", {"m-1": (6, line)})
            case "of fewer records":
                await journal.summarize(edition(), {"m-1": (5, line)})
            case "damaged":
                await journal.summarize(edition(), {"m-1": (6, "{")})
            case _:
                pass
        async with Conductor(outside, lambda _: True) as conductor:
            assert [state.goal for state in await conductor.in_short()] == ["goal of m-2", "goal of m-1"]


async def test_a_mission_of_which_something_is_open_is_at_hand_after_a_restart(root: Path) -> None:
    reviewed = [
        MissionStarted("look", "review", "m", "verified"),
        ReviewSubmitted("", False, (FINDING,)),
        MissionEnded("signed_off", "1 finding."),
    ]
    async with services(root) as outside:
        assert isinstance(outside.journal, SqliteJournal)
        await record(outside.journal, {"m-1": reviewed} | {f"m-{n}": settled(f"m-{n}") for n in range(2, 9)})
        for _ in range(2):
            async with Conductor(outside, lambda _: True) as conductor:
                assert "m-1" in ids(conductor.states())
                assert conductor.owner_of("f-1").id == "m-1"
        await outside.journal.append("m-1", [FindingChanged("f-1", "dismissed")])
        async with Conductor(outside, lambda _: True) as conductor:
            with pytest.raises(UserError, match="no finding"):
                conductor.owner_of("f-2")
            assert (await conductor.whole("m-1")).findings["f-1"].state == "dismissed"
        async with Conductor(outside, lambda _: True) as conductor:
            assert conductor.states() == []


async def test_what_another_server_adds_to_a_settled_mission_is_seen(root: Path) -> None:
    async with services(root) as outside:
        assert isinstance(outside.journal, SqliteJournal)
        await record(outside.journal, {name: settled(name) for name in ("m-1", "m-2")})
        async with Conductor(outside, lambda _: True) as one, Conductor(outside, lambda _: True) as two:
            (root / "calc.py").write_bytes(b"new\n")
            await one.undo("m-1")
            assert (await two.whole("m-1")).proposals["m-1.p-1"].state == "undone"
            await two.undo("m-1")
            assert (root / "calc.py").read_bytes() == b"new\n"
            assert (await one.whole("m-1")).proposals["m-1.p-1"].state == "delivered"


async def test_old_missions_lose_their_conversations_keep_undo_and_go_at_last(root: Path) -> None:
    (root / "calc.py").write_bytes(b"new\n")
    async with services(root) as outside:
        assert isinstance(outside.journal, SqliteJournal)
        names = ("gone", "pruned", "kept", "latest")
        await record(outside.journal, {n: settled(n) for n in names}, (10, 190, 195, 300))
        async with Conductor(outside, lambda _: True) as conductor:
            before = await conductor.whole("pruned")
            dropped = await conductor.archive.prune(Rules(2, 30, 180))
            assert (dropped.conversations, dropped.missions) == (("pruned",), ("gone",))
            assert ids(await conductor.in_short()) == ["latest", "kept", "pruned"]
            with pytest.raises(UserError, match="no mission 'gone'"):
                await conductor.whole("gone")
            after = await conductor.whole("pruned")
            assert replace(after, pruned=False, last_at=before.last_at) == before
            assert after.pruned
            raw = str([r.event for r in await outside.journal.read("pruned")])
            assert ("words" in raw, "b'old" in raw) == (False, True)
            assert "words" in str([r.event for r in await outside.journal.read("kept")])
            await conductor.undo("pruned")
            assert (root / "calc.py").read_bytes() == b"old\n"
            assert (await conductor.archive.prune(Rules(2, 30, 180))).conversations == ()


async def test_a_mission_that_another_server_dropped_is_gone_here_too(root: Path) -> None:
    async with services(root) as outside:
        assert isinstance(outside.journal, SqliteJournal)
        await record(outside.journal, {n: settled(n) for n in ("old", "new")}, (1, 1000))
        async with Conductor(outside, lambda _: True) as one, Conductor(outside, lambda _: True) as two:
            assert len(await two.in_short()) == 2
            await one.archive.prune(Rules(1, 0, 0))
            assert ids(await two.in_short()) == ["new"]
            with pytest.raises(UserError, match="no mission 'old'"):
                await two.undo("old")
            assert await outside.journal.missions() == {"new": 6}
