"""The plan of a running mission, while the user edits its document.

What the user changes is decided on the plan as it is at that moment, and recorded before anything else is: no
event comes between. A task that the user drops is stopped where it is, unless its change is already on the way into
the mission's tree; from there on it counts as closed.
"""

from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeAlias

import anyio

from podium.domain.events import AgentEnded, Event, PlanSet, QuestionAnswered, TaskDropped
from podium.domain.mission import MissionState
from podium.domain.plan import Plan
from podium.domain.plan_edits import DROPPED, PlanEdit, read_edit
from podium.domain.plan_text import Page
from podium.engine.decisions import PlanChanged
from podium.errors import ToolError

RecordDecided: TypeAlias = Callable[[Callable[[MissionState], Sequence[Event]]], Awaitable[None]]
"""Records the events that a function gives for the state as it is once nothing else is being recorded."""


class PlanDesk:
    """Takes the user's edits of one mission's plan. `check` raises a ToolError for an unknown check's name."""

    def __init__(self, record: RecordDecided, check: Callable[[str], object]) -> None:
        self._record = record
        self._check = check
        self._at_work: dict[str, anyio.CancelScope] = {}
        self._closing: set[str] = set()
        self._given_up: set[str] = set()

    async def edit(self, base: Page, page: Page) -> PlanEdit:
        """Take what the user made of `base` into the plan, and return what it was.

        An edit with problems changes nothing.
        """
        edit = PlanEdit(())

        def decide(state: MissionState) -> Sequence[Event]:
            nonlocal edit
            seen = state.plan
            for task_id in self._closing:
                seen = seen.with_state(task_id, "completed")
            edit = read_edit(seen, base, page, self._check)
            self._given_up.update(edit.dropped if edit.changes else ())
            return events_of(edit, state.plan)

        await self._record(decide)
        for task_id in self._given_up & self._at_work.keys():
            self._at_work[task_id].cancel()
        return edit

    async def change(self, changed: PlanChanged, commander_id: str) -> None:
        """Take a Commander's change into the plan; what it drops is stopped.

        Raises:
            ToolError: it does not fit the plan as it is now.
        """

        def decide(state: MissionState) -> Sequence[Event]:
            for task_id in (*changed.drop, *changed.reword):
                if task_id in self._closing:
                    raise ToolError(f"Task {task_id!r} is already completed.")
            plan = state.plan.changed(changed.add, changed.drop, changed.reword, changed.needs)
            self._given_up.update(changed.drop)
            dropped = [TaskDropped(task_id, why) for task_id, why in changed.drop.items()]
            return [*dropped, PlanSet(tuple(plan.tasks.values()), changed.reason, commander_id)]

        await self._record(decide)
        for task_id in changed.drop.keys() & self._at_work.keys():
            self._at_work[task_id].cancel()

    @contextmanager
    def at_work(self, task_id: str) -> Generator[anyio.CancelScope]:
        """Surround all work on a task: it is cancelled when the user drops the task."""
        with anyio.CancelScope() as scope:
            self._at_work[task_id] = scope
            try:
                yield scope
            finally:
                del self._at_work[task_id]

    @contextmanager
    def closing(self, task_id: str) -> Generator[bool]:
        """Surround what closes a task, and yield whether it may be closed: the user may have dropped it."""
        if task_id in self._given_up:
            yield False
            return
        self._closing.add(task_id)
        try:
            yield True
        finally:
            self._closing.discard(task_id)


def events_of(edit: PlanEdit, plan: Plan) -> list[Event]:
    """Return what an edit of `plan` comes to; nothing where it changes nothing."""
    if not edit.changes:
        return []
    states = {task.id: task.state for task in plan.tasks.values() if task.id not in edit.dropped}
    tasks = tuple(replace(task, state=states.get(task.id, task.state)) for task in edit.tasks)
    dropped = [TaskDropped(task_id, DROPPED) for task_id in edit.dropped]
    return [*dropped, PlanSet(tasks, f"The user edited the plan: {edit.summary}.", "user")]


def left_behind(state: MissionState, task_id: str) -> list[Event]:
    """Return what ends with a task that was stopped: its agents, and their questions."""
    agents = [AgentEnded(agent.id, "stopped") for agent in state.agents.values() if agent.task_id == task_id]
    questions = [QuestionAnswered(q.id, None) for q in state.questions.values() if q.task_id == task_id]
    return [*questions, *agents]
