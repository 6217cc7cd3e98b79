"""Missions that are killed at any append to the journal, again and again, and go on each time.

The world is made up (`made_up_world`), and its death is a `BaseException` that nothing catches: from then on
whatever the dead server would still do to the world is refused.
"""
# ruff: noqa: ARG002 - what the ports pass, and nobody needs here

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.config import Settings
from podium.domain.changes import FileEdit
from podium.domain.checks import Candidate, Check, CheckResult
from podium.domain.conversation import conversation
from podium.domain.events import (
    Event,
    MissionContinued,
    MissionEnded,
    MissionInterrupted,
    ModelAnswered,
    ProposalDelivered,
    Record,
    WorkRestarted,
)
from podium.domain.mission import MissionState, replay
from podium.domain.mission_request import MissionRequest
from podium.domain.plan import CLOSED
from podium.engine.conductor import Conductor
from podium.engine.services import Services
from podium.ports import Delivery, Known, ModelAnswer, ModelRequest
from tests.edits import virtual_time
from tests.engine import test_schedule_fuzz as schedule
from tests.engine.made_up_world import Checks, Files, MemoryJournal, Models, Page, Pause


class Killed(BaseException):
    """The server is gone."""


@dataclass(slots=True)
class Life:
    """When the server dies: at which of its appends to the journal, before or after it."""

    deaths: list[int]
    n_appends: int = 0
    dead: bool = False

    def go_on(self) -> None:
        """Do nothing, unless the server is dead."""
        if self.dead:
            raise Killed

    def append(self) -> None:
        """Begin an append, or die right before it."""
        self.go_on()
        self.n_appends += 1
        self._die_at(2 * self.n_appends)

    def appended(self) -> None:
        """End an append, or die right after it."""
        self.go_on()
        self._die_at(2 * self.n_appends + 1)

    def _die_at(self, moment: int) -> None:
        if self.deaths and self.deaths[0] <= moment:
            del self.deaths[0]
            self.dead = True
            raise Killed


@dataclass(slots=True)
class MortalJournal(MemoryJournal):
    life: Life = field(default_factory=lambda: Life([]))

    async def append(
        self, mission_id: str, events: Sequence[Event], after: int | None = None
    ) -> Sequence[Record]:
        self.life.append()
        records = await MemoryJournal.append(self, mission_id, events, after)
        self.life.appended()
        return records


@dataclass(slots=True)
class MortalFiles(Files):
    """Refuses to change from what it does not hold: then an edit was lost, or applied twice."""

    life: Life = field(default_factory=lambda: Life([]))
    n_deliveries: int = 0

    async def deliver(self, label: str, edits: Sequence[FileEdit]) -> Delivery:
        self.life.go_on()
        await anyio.sleep(0.01)
        self.life.go_on()
        held = {edit.path: self.contents.get(edit.path) for edit in edits}
        self.contents |= {edit.path: edit.after for edit in edits if edit.after is not None}
        self.n_deliveries += 1
        await anyio.sleep(0.01)
        self.life.go_on()
        return Delivery("disk", edits=tuple(replace(edit, before=held[edit.path]) for edit in edits))


@dataclass(slots=True)
class MortalChecks(Checks):
    life: Life = field(default_factory=lambda: Life([]))

    async def run(
        self,
        candidate: Candidate,
        check: Check,
        targets: Sequence[str] = (),
        known: Known = lambda _: None,
    ) -> CheckResult:
        self.life.go_on()
        result = await Checks.run(self, candidate, check, targets, known)
        self.life.go_on()
        return result


@dataclass(slots=True)
class MortalModels(Models):
    """Models that insist on being asked nothing twice, and only what the journal holds of a conversation."""

    journal: MortalJournal = field(default_factory=MortalJournal)
    asked: Counter[str] = field(default_factory=Counter[str])

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        self.journal.life.go_on()
        events = [record.event for record in self.journal.records]
        told = [e for e in events if getattr(e, "agent_id", "") == request.request_id.rpartition(".")[0]]
        assert conversation(told) == request.messages or not request.tools  # else it is put into words
        assert not any(isinstance(e, ModelAnswered) and e.request_id == request.request_id for e in told)
        self.asked[request.request_id] += 1
        answer = await Models.complete(self, request)
        self.journal.life.go_on()
        return answer


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of a mission, after how many deaths."""

    state: MissionState
    events: list[Event]
    files: MortalFiles
    models: MortalModels
    n_deaths: int


CONDITIONS = schedule.CONDITIONS.map(lambda c: replace(c, cancelled_after_s=None))


async def carry_out(conditions: schedule.Conditions, deaths: Sequence[int]) -> Ended:
    """Carry a mission out to its end, through all `deaths`."""
    random.seed(conditions.seed)
    chance = random.Random(conditions.seed)  # noqa: S311 - chance in a test
    journal = MortalJournal(life=Life(sorted(deaths)))
    pause = Pause()
    files = MortalFiles(life=journal.life, pause=pause)
    models = MortalModels(chance, conditions.n_tasks, pause=pause, journal=journal)
    checks = MortalChecks(chance, life=journal.life, pause=pause)
    services = Services(models, files, checks, journal, files, Page())
    n_deaths, state = 0, None
    while state is None:
        try:
            state = await _live(conditions, services, journal, pause, chance)
        except* Killed:
            n_deaths += 1
            journal.life.dead = False
    assert replay(state.id, journal.records) == state
    return Ended(state, [record.event for record in journal.records], files, models, n_deaths)


async def _live(
    conditions: schedule.Conditions,
    services: Services,
    journal: MortalJournal,
    pause: Pause,
    chance: random.Random,
) -> MissionState:
    ended = MissionState("")
    async with anyio.create_task_group() as world, Conductor(services, lambda _: False) as conductor:
        conductor.subscribe(schedule.user(conductor, world, chance))
        conductor.subscribe(partial(schedule.feel, pause))
        limits = Settings.model_validate(conditions.limits)
        if not journal.records:
            mission_id = await conductor.start(MissionRequest("task", "Make it right."), limits)
        else:
            (state,) = conductor.states()
            mission_id, pause.lasts = state.id, state.paused  # nobody was shown what was recorded last
            if not state.ending:
                await conductor.orders.resume(mission_id, limits)
                for question_id in state.questions:
                    world.start_soon(schedule.answer, conductor, chance, question_id)
                if state.paused:
                    world.start_soon(schedule.go_on, conductor, mission_id, chance)
        moments = schedule.Moments()
        conductor.subscribe(moments.pass_by)
        for _ in range(conditions.n_acts):
            world.start_soon(schedule.act, conductor, mission_id, moments, chance)
        with anyio.fail_after(schedule.LONGEST_S):
            ended = await conductor.wait(mission_id, None)
        world.cancel_scope.cancel()
    return ended


@settings(max_examples=60, deadline=None)
@given(CONDITIONS, st.lists(st.integers(2, 250), max_size=4, unique=True))
def test_a_mission_that_is_killed_again_and_again_comes_to_an_end_as_one_that_is_not(
    conditions: schedule.Conditions, deaths: list[int]
) -> None:
    ended = virtual_time.run(lambda: carry_out(conditions, deaths))
    assert ended.state.ending in {"signed_off", "stopped", "failed"}
    assert "defect" not in ended.state.reason
    assert [type(event) for event in ended.events].count(MissionEnded) == 1
    n_continued = sum(isinstance(event, MissionContinued) for event in ended.events)
    assert n_continued <= ended.n_deaths
    if not conditions.n_acts:  # what the user does in the moment of a decision is not told in its record
        assert not [event for event in ended.events if isinstance(event, WorkRestarted)]
    if ended.state.ending == "signed_off":
        assert all(task.state in CLOSED for task in ended.state.plan.tasks.values())
    delivered = [event for event in ended.events if isinstance(event, ProposalDelivered)]
    assert len({event.proposal_id for event in delivered}) == len(delivered) == ended.files.n_deliveries
    schedule.nobody_decides_without_having_heard_the_user(ended.events)
    schedule.each_task_is_done_once(ended.events)
    once = [e for e in ended.events if not isinstance(e, MissionInterrupted | MissionContinued)]
    schedule.agents_ask_and_are_answered_in_turn(once)
