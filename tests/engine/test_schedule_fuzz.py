"""Whole missions under every order of events: each ends in a named state, and the limits hold on the way."""

import random
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

import anyio
from anyio.abc import TaskGroup
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.config import Settings
from podium.domain.events import (
    AgentEnded,
    AgentStarted,
    AttemptStarted,
    Event,
    MissionEnded,
    MissionPaused,
    MissionResumed,
    ModelAnswered,
    ModelAsked,
    ModelFailed,
    PlanSet,
    QuestionAnswered,
    QuestionAsked,
    Record,
    TaskAccepted,
    TaskDropped,
    TaskReopened,
    TaskStuck,
)
from podium.domain.mission import MissionState, fold, replay
from podium.domain.mission_request import MissionRequest
from podium.domain.plan import CLOSED, Task
from podium.domain.plan_text import Field, Item, Value, parse, rendered
from podium.domain.steering import When
from podium.engine.briefs import task_text
from podium.engine.conductor import Conductor
from podium.engine.services import Services
from podium.errors import UserError
from podium.ports import Subscriber
from tests.edits import virtual_time
from tests.engine.made_up_world import PATHS, Checks, Files, MemoryJournal, Models, Page, Pause

LONGEST_S = 100_000.0
ANSWERS = ("retry", "retry", "skip", "look at the other file", "stop")


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a mission is carried out under; `cancelled_after_s` of virtual time, if at all.

    `n_acts` is how often the user says something, pauses the mission for a while, or edits its plan; `lag_s` is how
    long a write to the journal takes.
    """

    seed: int
    n_tasks: int
    parallel: int
    iterations: int
    tokens: int | None
    cancelled_after_s: float | None
    n_acts: int
    lag_s: float

    @property
    def limits(self) -> dict[str, object]:
        """The settings that limit the mission."""
        budget = {"tokens": self.tokens} if self.tokens else {}
        return {"max_parallel": self.parallel, "max_iterations": self.iterations, "budget": budget}


@dataclass(slots=True)
class Seen:
    """What came of a mission."""

    state: MissionState
    events: list[Event]
    models: Models
    left: tuple[str, ...]


CONDITIONS = st.builds(
    Conditions,
    seed=st.integers(0, 2**32),
    n_tasks=st.integers(1, 12),
    parallel=st.integers(1, 6),
    iterations=st.integers(1, 60),
    tokens=st.none() | st.integers(5_000, 400_000),
    cancelled_after_s=st.none() | st.floats(0, 200),
    n_acts=st.integers(0, 8),
    lag_s=st.sampled_from((0.001, 0.5)),
)


async def carry_out(conditions: Conditions) -> Seen:
    """Carry one mission out to its end.

    Raises:
        RuntimeError: everything waits, and nothing would ever happen.
    """
    random.seed(conditions.seed)
    chance = random.Random(conditions.seed)  # noqa: S311 - chance in a test
    pause = Pause()
    files, journal = Files(pause=pause), MemoryJournal(lag_s=conditions.lag_s)
    models = Models(chance, conditions.n_tasks, pause=pause)
    services = Services(models, files, Checks(chance, pause=pause), journal, files, Page())
    state, left = MissionState(""), tuple[str, ...]()
    async with anyio.create_task_group() as world, Conductor(services, lambda _: True) as conductor:
        conductor.subscribe(user(conductor, world, chance))
        conductor.subscribe(partial(feel, pause))
        moments = Moments()
        conductor.subscribe(moments.pass_by)
        goal = MissionRequest("task", "Make it right.")
        mission_id = await conductor.start(goal, Settings.model_validate(conditions.limits))
        if conditions.cancelled_after_s is not None:
            world.start_soon(_cancel, conductor, mission_id, conditions.cancelled_after_s)
        for _ in range(conditions.n_acts):
            world.start_soon(act, conductor, mission_id, moments, chance)
        with anyio.fail_after(LONGEST_S):
            state = await conductor.wait(mission_id, None)
        left = tuple(path for task in state.plan.tasks for path in conductor.holds(mission_id, task))
        world.cancel_scope.cancel()
    assert replay(state.id, journal.records) == state
    return Seen(state, [record.event for record in journal.records], models, left)


def user(conductor: Conductor, world: TaskGroup, chance: random.Random) -> Subscriber:
    """Return what answers every question, sooner or later."""

    def see(record: Record) -> None:
        if isinstance(record.event, QuestionAsked):
            world.start_soon(answer, conductor, chance, record.event.question_id)

    return see


async def answer(conductor: Conductor, chance: random.Random, question_id: str) -> None:
    """Answer a question after a while, if it is still open then."""
    await anyio.sleep(chance.uniform(0.01, 60))
    if question := conductor.states()[0].questions.get(question_id):
        await conductor.orders.answer(question_id, chance.choice(question.options or ANSWERS))


def feel(pause: Pause, record: Record) -> None:
    """Let the world know when a mission is paused."""
    match record.event:
        case MissionPaused():
            pause.lasts = True
        case MissionResumed() | MissionEnded():
            pause.lasts = False
        case _:
            pass


async def go_on(conductor: Conductor, mission_id: str, chance: random.Random) -> None:
    """Let a paused mission go on after a while."""
    await anyio.sleep(chance.uniform(0, 60))
    await conductor.orders.resume(mission_id, Settings.model_validate({}))


class Moments:
    """The records of a mission as moments to act at: what hurts is done between two of them, not at any time."""

    def __init__(self) -> None:
        self._n = 0
        self._news = anyio.Event()

    def pass_by(self, _: Record) -> None:
        """See a record."""
        self._n += 1
        self._news.set()
        self._news = anyio.Event()

    async def come(self, number: int) -> None:
        """Return right after the record with this number."""
        while self._n < number:
            await self._news.wait()


async def act(conductor: Conductor, mission_id: str, moments: Moments, chance: random.Random) -> None:
    """Do something with the mission at some moment; where it has ended before, that is refused."""
    await moments.come(chance.randint(1, 150))
    with suppress(UserError):
        match chance.choice(("pause", "steer", "steer", "edit", "edit")):
            case "pause":
                await conductor.orders.pause(mission_id)
                await go_on(conductor, mission_id, chance)
            case "steer":
                task_id = chance.choice(("", *conductor.state(mission_id).plan.tasks))
                when = chance.choice(_WHENS)
                await conductor.orders.steer(mission_id, f"Think of {chance.random()}.", task_id, when)
            case _:
                await _edit(conductor, mission_id, chance)


_WHENS: tuple[When, ...] = ("next", "interrupt")


async def _edit(conductor: Conductor, mission_id: str, chance: random.Random) -> None:
    """Save another plan than the one that is shown: with a task more or less, another order, or other words."""
    state = conductor.state(mission_id)
    if not state.plan.tasks:
        return
    base = parse(rendered(state))
    items = [*base.items]
    await anyio.sleep(chance.uniform(0, 5))
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(items)) if items else 0
        match chance.randint(0, 4):
            case 0:
                items.insert(at, Item("", "pending", f"More {chance.random()}", 0, 1))
            case 1 if items:
                del items[at]
            case 2 if items:
                items.insert(chance.randrange(len(items)), items.pop(at))
            case 3 if items:
                files = Field("files", 0, (Value(chance.choice(PATHS), 0, 1),))
                needs = tuple(
                    Value(item.id, 0, 1) for item in items[:at] if item.id and chance.random() < 0.3
                )
                items[at] = replace(items[at], fields=(files, Field("needs", 0, needs)))
            case _ if items:
                items[at] = replace(items[at], instructions=f"Do it {chance.random()}.")
            case _:
                pass
    edit = await conductor.orders.edit_plan(mission_id, base, replace(base, items=tuple(items)))
    assert edit.problems or isinstance(edit.summary, str)


async def _cancel(conductor: Conductor, mission_id: str, after_s: float) -> None:
    await anyio.sleep(after_s)
    await conductor.orders.cancel(mission_id)


@settings(max_examples=120, deadline=None)
@given(CONDITIONS)
def test_every_mission_ends_in_a_named_state_and_within_its_limits(conditions: Conditions) -> None:
    seen = virtual_time.run(lambda: carry_out(conditions))
    assert seen.state.ending in {"signed_off", "stopped", "failed", "cancelled"}
    assert seen.state.reason
    assert "defect" not in seen.state.reason
    assert [type(event) for event in seen.events].count(MissionEnded) == 1
    assert isinstance(seen.events[-1], MissionEnded)
    assert (seen.models.in_flight, seen.left, len(seen.state.questions)) == (0, (), 0)
    assert seen.models.most_in_flight <= conditions.parallel
    assert seen.state.spent.attempts <= conditions.iterations
    assert conditions.tokens is None or seen.models.asked_tokens <= conditions.tokens
    if seen.state.ending == "signed_off":
        assert all(task.state in CLOSED for task in seen.state.plan.tasks.values())
    each_task_is_done_once(seen.events)
    what_is_accepted_was_reviewed_as_it_says_now(seen.events)
    nobody_decides_without_having_heard_the_user(seen.events)
    planned = {task.id for event in seen.events if isinstance(event, PlanSet) for task in event.tasks}
    assert planned == {*seen.state.plan.tasks}, "a task was lost"
    agents_ask_and_are_answered_in_turn(seen.events)


def each_task_is_done_once(events: Sequence[Event]) -> None:
    """Assert that attempts of a task follow each other, and none comes before its needs or after its end.

    What the user makes of a task in the moment in which it begins comes too late for the needs and files it began with.
    """
    attempts: Counter[str] = Counter()
    closed: set[str] = set()
    working: dict[str, tuple[str, ...]] = {}
    tasks: dict[str, Task] = {}
    before: dict[str, Task] = {}
    edited: set[str] = set()
    for event in events:
        match event:
            case PlanSet():
                before, tasks = tasks, {task.id: task for task in event.tasks}
                edited |= {t for t in before if before[t].files != tasks.get(t, before[t]).files}
            case AttemptStarted():
                attempts[event.task_id] += 1
                assert event.number == attempts[event.task_id]
                assert event.task_id not in closed
                if event.task_id not in working:
                    needs = (set(task.needs) for of in (before, tasks) if (task := of.get(event.task_id)))
                    assert any(needed <= closed for needed in needs)
                    working[event.task_id] = tasks[event.task_id].files
                held = [path for task_id in working.keys() - edited for path in working[task_id]]
                assert len(held) == len(set(held))
            case TaskAccepted() | TaskDropped():
                assert event.task_id not in closed
                closed.add(event.task_id)
                working.pop(event.task_id, None)
            case TaskStuck():
                working.pop(event.task_id, None)
            case TaskReopened():
                assert event.task_id not in closed
            case _:
                pass


def what_is_accepted_was_reviewed_as_it_says_now(events: Sequence[Event]) -> None:
    """Assert that a task says at its end what it said when its Reviewer was asked for the last time."""
    reviewed: dict[str, str] = {}
    said: dict[str, str] = {}
    read: dict[str, str] = {}
    for event in events:
        match event:
            case PlanSet():
                said = {task.id: task_text(task) for task in event.tasks}
            case AgentStarted(agent_id, "reviewer", task_id):
                reviewed[agent_id] = task_id
            case ModelAsked(agent_id) if task_id := reviewed.get(agent_id):
                read[task_id] = said[task_id]
            case TaskAccepted(task_id, proposal_id=made) if made:  # else the user did it
                assert said[task_id] == read[task_id]
            case _:
                pass


def nobody_decides_without_having_heard_the_user(events: Sequence[Event]) -> None:
    """Assert that who is done has in its conversation what was said before its last answer."""
    state = MissionState("m")
    owed: dict[str, set[str]] = {}
    for event in events:
        if isinstance(event, AgentEnded) and event.outcome == "done":
            told = {steer.id for steer in state.steers.values() if event.agent_id in steer.told}
            assert owed.pop(event.agent_id, set()) <= told
        state = fold(state, event, 1.0)
        if isinstance(event, ModelAnswered):
            agent = state.agents[event.agent_id]
            concerns = (s.id for s in state.steers.values() if s.concerns(agent.role, agent.task_id))
            owed[event.agent_id] = {*concerns}


def agents_ask_and_are_answered_in_turn(events: Sequence[Event]) -> None:
    """Assert that an agent asks one thing at a time and only while it runs, and that no question is left open."""
    running: dict[str, str | None] = {}
    asked: set[str] = set()
    for event in events:
        match event:
            case AgentStarted():
                assert event.agent_id not in running
                running[event.agent_id] = None
            case ModelAsked():
                assert running[event.agent_id] is None, "it is asked twice at once"
                running[event.agent_id] = event.request_id
            case ModelFailed(reason=reason) if reason.startswith("abandoned"):
                running[event.agent_id] = None
            case ModelAnswered():
                assert running[event.agent_id] == event.request_id
                running[event.agent_id] = None
            case AgentEnded():
                running.pop(event.agent_id)
            case QuestionAsked():
                asked.add(event.question_id)
            case QuestionAnswered():
                asked.remove(event.question_id)
            case _:
                pass
    assert not asked
