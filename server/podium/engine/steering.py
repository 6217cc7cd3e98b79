"""Steering: how what the user says reaches the agents that it is meant for.

The state of the mission holds what was said and who heard it. An agent looks here before each request; an
interrupt also takes the request in flight away from it.
"""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from typing import TypeVar

import anyio

from podium.domain.mission import MissionState
from podium.domain.rights import Role
from podium.domain.steering import Steer

T = TypeVar("T")


@dataclass(eq=False, slots=True)
class _InFlight:
    """A model request of an agent, which an interrupt abandons."""

    role: Role
    task_id: str
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)


class Steering:
    """What the user has said in one mission."""

    def __init__(self, state: Callable[[], MissionState]) -> None:
        self._state = state
        self._in_flight: set[_InFlight] = set()

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
