"""What the agents of a mission record at the same moment is written together, in order, or refused to each."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import anyio
import anyio.lowlevel
import pytest

from podium.domain.events import Event, MissionStarted, PlacesFound, Record
from podium.domain.mission import MissionState
from podium.engine.past import Past
from podium.engine.recording import Recording
from podium.errors import UserError
from tests.engine.made_up_world import MemoryJournal

pytestmark = pytest.mark.anyio
AGENTS = 50


@dataclass(slots=True)
class SlowJournal(MemoryJournal):
    """Counts its writes, and fails where it is told to."""

    n_writes: int = 0
    full: bool = False
    written: list[Event] = field(default_factory=list[Event])

    async def append(
        self, mission_id: str, events: Sequence[Event], after: int | None = None
    ) -> Sequence[Record]:
        self.n_writes += 1
        for _ in range(10):
            await anyio.lowlevel.checkpoint()
        if self.full:
            raise UserError("The disk is full.")
        records = await MemoryJournal.append(self, mission_id, events, after)
        self.written += [record.event for record in records]
        return records


def recording(journal: MemoryJournal, shown: list[Event], lost: list[str]) -> Recording:
    async def show(record: Record, _: MissionState) -> None:
        shown.append(record.event)

    return Recording(MissionState("m-1"), 0, journal, Past(), show, lost.append)


def found(agent: int, n: int) -> PlacesFound:
    return PlacesFound(f"{agent}.{n}", (), "t")


async def test_what_fifty_agents_record_at_once_takes_a_few_writes_and_stays_in_order() -> None:
    journal, shown, lost = SlowJournal(), list[Event](), list[str]()
    mission = recording(journal, shown, lost)
    await mission.record(MissionStarted("Do it.", "task", "m", "verified"))

    async def agent(number: int) -> None:
        for n in range(3):
            await mission.record(found(number, 2 * n), found(number, 2 * n + 1))
            assert found(number, 2 * n + 1) in shown

    async with anyio.create_task_group() as agents:
        for number in range(AGENTS):
            agents.start_soon(agent, number)
    assert shown == journal.written
    assert len(shown) == 1 + AGENTS * 6
    assert journal.n_writes < 20
    for number in range(AGENTS):
        own = [e for e in shown if isinstance(e, PlacesFound) and e.summary.startswith(f"{number}.")]
        assert own == [found(number, n) for n in range(6)]


async def test_what_the_journal_does_not_take_is_told_to_everybody_who_waited() -> None:
    journal, shown, lost = SlowJournal(full=True), list[Event](), list[str]()
    mission = recording(journal, shown, lost)
    refused: list[str] = []

    async def agent(number: int) -> None:
        try:
            await mission.record(found(number, 0))
        except UserError as error:
            refused.append(str(error))

    async with anyio.create_task_group() as agents:
        for number in range(AGENTS):
            agents.start_soon(agent, number)
    assert refused == ["The disk is full."] * AGENTS
    assert lost == ["The disk is full."]
    assert shown == []


async def test_a_decision_sees_what_was_recorded_before_it() -> None:
    journal, shown, lost = SlowJournal(), list[Event](), list[str]()
    mission = recording(journal, shown, lost)

    def decide(state: MissionState) -> Sequence[Event]:
        assert state.goal == "Do it."
        return [found(0, 0)]

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(mission.record, found(1, 0))
        tasks.start_soon(mission.record, MissionStarted("Do it.", "task", "m", "verified"))
        tasks.start_soon(mission.record_decided, decide)
    assert shown[-1] == found(0, 0)
