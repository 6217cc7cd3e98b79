"""Whole missions under every order of events: each ends in a named state, and the limits hold on the way."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

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
    ModelAnswered,
    ModelAsked,
    PlanSet,
    QuestionAnswered,
    QuestionAsked,
    Record,
    TaskAccepted,
    TaskDropped,
    TaskReopened,
    TaskStuck,
)
from podium.domain.mission import MissionState, replay
from podium.domain.plan import CLOSED, Task
from podium.engine.conductor import Conductor
from podium.engine.mission_run import MissionRequest, Services
from podium.ports import Subscriber
from tests.edits import virtual_time
from tests.engine.made_up_world import Checks, Files, MemoryJournal, Models, Page

LONGEST_S = 100_000.0
ANSWERS = ("retry", "retry", "skip", "look at the other file", "stop")


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a mission is carried out under; `cancelled_after_s` of virtual time, if at all."""

    seed: int
    n_tasks: int
    parallel: int
    iterations: int
    tokens: int | None
    cancelled_after_s: float | None


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
)


async def carry_out(conditions: Conditions) -> Seen:
    """Carry one mission out to its end.

    Raises:
        RuntimeError: everything waits, and nothing would ever happen.
    """
    random.seed(conditions.seed)
    chance = random.Random(conditions.seed)  # noqa: S311 - chance in a test
    files, journal = Files(), MemoryJournal()
    models = Models(chance, conditions.n_tasks)
    services = Services(models, files, Checks(chance), journal, files, Page())
    state, left = MissionState(""), tuple[str, ...]()
    async with anyio.create_task_group() as world, Conductor(services, lambda _: True) as conductor:
        conductor.subscribe(_user(conductor, world, chance))
        limits = {
            "max_parallel": conditions.parallel,
            "max_iterations": conditions.iterations,
            "budget": {"tokens": conditions.tokens} if conditions.tokens else {},
        }
        goal = MissionRequest("task", "Make it right.")
        mission_id = await conductor.start(goal, Settings.model_validate(limits))
        if conditions.cancelled_after_s is not None:
            world.start_soon(_cancel, conductor, mission_id, conditions.cancelled_after_s)
        with anyio.fail_after(LONGEST_S):
            state = await conductor.wait(mission_id, None)
        left = tuple(path for task in state.plan.tasks for path in conductor.holds(mission_id, task))
        world.cancel_scope.cancel()
    assert replay(state.id, journal.records) == state
    return Seen(state, [record.event for record in journal.records], models, left)


def _user(conductor: Conductor, world: TaskGroup, chance: random.Random) -> Subscriber:
    async def answer(question: QuestionAsked) -> None:
        await anyio.sleep(chance.uniform(0.01, 60))
        if question.question_id in conductor.states()[0].questions:
            await conductor.answer(question.question_id, chance.choice(question.options or ANSWERS))

    def see(record: Record) -> None:
        if isinstance(record.event, QuestionAsked):
            world.start_soon(answer, record.event)

    return see


async def _cancel(conductor: Conductor, mission_id: str, after_s: float) -> None:
    await anyio.sleep(after_s)
    await conductor.cancel(mission_id)


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
    _each_task_is_done_once(seen.events)
    _agents_ask_and_are_answered_in_turn(seen.events)


def _each_task_is_done_once(events: Sequence[Event]) -> None:
    """Assert that attempts of a task follow each other, and none comes before its needs or after its end."""
    attempts: Counter[str] = Counter()
    closed: set[str] = set()
    working: set[str] = set()
    tasks: dict[str, Task] = {}
    for event in events:
        match event:
            case PlanSet():
                tasks = {task.id: task for task in event.tasks}
            case AttemptStarted():
                attempts[event.task_id] += 1
                assert event.number == attempts[event.task_id]
                assert event.task_id not in closed
                assert set(tasks[event.task_id].needs) <= closed
                working.add(event.task_id)
                held = [path for task_id in working for path in tasks[task_id].files]
                assert len(held) == len(set(held))
            case TaskAccepted() | TaskDropped():
                assert event.task_id not in closed
                closed.add(event.task_id)
                working.discard(event.task_id)
            case TaskStuck():
                working.discard(event.task_id)
            case TaskReopened():
                assert event.task_id not in closed
            case _:
                pass


def _agents_ask_and_are_answered_in_turn(events: Sequence[Event]) -> None:
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
