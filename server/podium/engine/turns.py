"""Turns: how many agents may run at once, and who is next when there are more.

The most urgent goes first, and among equals who has waited longest; a capacity limiter of the event loop
knows only the order of arrival.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from heapq import heapify, heappop, heappush
from itertools import count

import anyio

from podium.domain.plan import Urgency


class Turns:
    """`n` turns, each taken by one agent while it thinks and works."""

    def __init__(self, n: int) -> None:
        self._free = n
        self._waiting: list[tuple[Urgency, int, anyio.Event]] = []
        self._numbers = count()

    async def take(self, urgency: Urgency) -> None:
        """Take a turn, or wait for one. Who took it gives it back."""
        if self._free:
            self._free -= 1
            return
        place = (urgency, next(self._numbers), anyio.Event())
        heappush(self._waiting, place)
        try:
            await place[2].wait()
        except anyio.get_cancelled_exc_class():
            if place[2].is_set():
                self.give_back()
            else:
                self._waiting.remove(place)
                heapify(self._waiting)
            raise

    def give_back(self) -> None:
        """Give a turn to the most urgent one who waits, or put it aside for who comes next."""
        if self._waiting:
            heappop(self._waiting)[2].set()
        else:
            self._free += 1

    @asynccontextmanager
    async def turn(self, urgency: Urgency) -> AsyncGenerator[None]:
        """Take a turn for what is done inside."""
        await self.take(urgency)
        try:
            yield
        finally:
            self.give_back()

    @asynccontextmanager
    async def stepped_aside(self, urgency: Urgency) -> AsyncGenerator[None]:
        """Let another one have this turn meanwhile; the agent whose turn it is enters this."""
        self.give_back()
        try:
            yield
        finally:
            with anyio.CancelScope(shield=True):
                await self.take(urgency)
