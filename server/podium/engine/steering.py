"""Steering: how what the user says reaches the agents that it is meant for.

The state of the mission holds what was said and who heard it. An agent looks here before each request; an
interrupt also takes the request in flight away from it.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import anyio

from podium.domain.events import Event, Steered
from podium.domain.mission import MissionState
from podium.domain.plan import CLOSED
from podium.domain.rights import Role
from podium.domain.steering import Steer, When
from podium.engine.ids import Ids
from podium.engine.recording import Recording
from podium.errors import UserError

T = TypeVar("T")


@dataclass(eq=False, slots=True)
class _InFlight:
    """A model request of an agent, which an interrupt abandons."""

    role: Role
    task_id: str
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)


class Steering:
    """What the user says in one mission. `state` gives it as the agents see it."""

    def __init__(self, state: Callable[[], MissionState], recording: Recording, ids: Ids) -> None:
        self._state = state
        self._recording = recording
        self._ids = ids
        self._in_flight: set[_InFlight] = set()

    async def say(self, message: str, task_id: str, when: When) -> Steer:
        """Give the user's message to the agents that it is meant for, now or when there are any.

        Raises:
            UserError: there is no such task, or it is closed, or the mission has ended in the same moment.
        """
        steer_id = self._ids.fresh_anywhere("s")

        def said(state: MissionState) -> Sequence[Event]:
            if task_id:
                _require_open(state, task_id)
            return (Steered(steer_id, message, task_id, when),)

        await self._recording.record_of_user(said)
        return self._recording.state.steers[steer_id]

    def unheard(self, role: Role, task_id: str, heard: Collection[str] = ()) -> list[Steer]:
        """Return what an agent is to hear and has not, oldest first."""
        steers = self._state().steers.values()
        return [steer for steer in steers if steer.id not in heard and steer.concerns(role, task_id)]

    async def abandonable(self, role: Role, task_id: str, work: Callable[[], Awaitable[T]]) -> T | None:
        """Return what `work` gives, or None when an interrupt that concerns the agent stopped it."""
        request = _InFlight(role, task_id)
        self._in_flight.add(request)
        try:
            with request.scope:
                return await work()
        finally:
            self._in_flight.discard(request)
        return None

    def interrupt(self, steer: Steer) -> None:
        """Abandon the requests of all agents that are to hear this."""
        for request in self._in_flight:
            if steer.concerns(request.role, request.task_id):
                request.scope.cancel()


def _require_open(state: MissionState, task_id: str) -> None:
    task = state.plan.tasks.get(task_id)
    if task is None:
        known = ", ".join(state.plan.tasks) or "none yet"
        raise UserError(f"There is no task {task_id!r}; the plan's tasks are: {known}.")
    if task.state in CLOSED:
        raise UserError(f"Task {task_id!r} is {task.state}; steer the mission without `taskId` instead.")
