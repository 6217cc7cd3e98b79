"""The budget of a mission: what a model call is expected to use is set aside before it is made.

So fifty agents that ask at the same moment cannot spend the last thousand tokens fifty times. A call that
only fits if those in flight turn out cheaper waits for them. One that is abandoned, because the user interrupts or its
task was dropped, is paid for all the same: its prompt counts against the budget, by estimate.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NoReturn

import anyio
import anyio.lowlevel

from podium.domain import limits
from podium.domain.limits import Expected, Forecast, Limits, Spent
from podium.domain.messages import Usage


@dataclass(slots=True, eq=False)
class Call:
    """A call in flight: what it is expected to use, its prompt alone, and whether its answer has come."""

    expected: Expected
    prompt: Expected
    answered: bool = False


class Budget:
    """Lets calls and attempts begin while the limits allow it.

    Args of the constructor: `spent` and `minutes` tell what the mission has used so far; `stop` ends it,
    with the sentence that names the limit.
    """

    def __init__(
        self,
        limits: Limits,
        spent: Callable[[], Spent],
        minutes: Callable[[], float],
        stop: Callable[[str], Awaitable[NoReturn]],
    ) -> None:
        self._limits = limits
        self._spent = spent
        self._minutes = minutes
        self._stop = stop
        self._forecast = Forecast()
        self._in_flight: list[Call] = []
        self._abandoned = Expected()
        self._answered = anyio.Event()
        self._n_begun = 0

    @property
    def estimates(self) -> bool:
        """Whether the size of prompts matters here."""
        return self._limits.tokens is not None or self._limits.usd is not None

    async def attempt(self) -> None:
        """Count one more attempt at a task; the mission ends instead where it is one too many."""
        self._n_begun = max(self._n_begun, self._spent().attempts)
        if sentence := limits.attempts_exceeded(self._limits, self._n_begun):
            await self._stop(sentence)
        self._n_begun += 1

    @asynccontextmanager
    async def call(self, new_chars: int, known_tokens: int) -> AsyncGenerator[Call]:
        """Surround one model call, from before it is made until its answer is recorded.

        Its prompt has `known_tokens` and `new_chars` more. Where the budget cannot bear it, the mission ends. One
        that is not marked as answered was abandoned.
        """
        call = await self._set_aside(new_chars, known_tokens)
        try:
            yield call
        except anyio.get_cancelled_exc_class():
            self._abandoned += call.prompt
            raise
        else:
            self._abandoned += Expected() if call.answered else call.prompt
        finally:
            self._in_flight.remove(call)
            self._answered.set()
            self._answered = anyio.Event()

    async def _set_aside(self, new_chars: int, known_tokens: int) -> Call:
        while True:
            spent = self._spent().with_more(self._abandoned)
            if sentence := limits.exceeded(self._limits, spent, self._minutes()):
                await self._stop(sentence)
            expected = self._forecast.of(new_chars, known_tokens)
            in_flight = sum((call.expected for call in self._in_flight), Expected())
            room = limits.room(self._limits, spent, in_flight, expected)
            if room == "none":
                await self._stop(limits.too_little(self._limits, spent, expected))
            if room == "enough":
                # A call that was stopped may be paid for: what it gave free is not for others that are stopped.
                await anyio.lowlevel.checkpoint_if_cancelled()
                call = Call(expected, self._forecast.prompt(new_chars, known_tokens))
                self._in_flight.append(call)
                return call
            await self._answered.wait()

    def lose(self, new_chars: int, known_tokens: int) -> None:
        """Count a call without an answer, made before the mission was interrupted, as one that may be paid for."""
        self._abandoned += self._forecast.prompt(new_chars, known_tokens)

    def learn(self, prompt_chars: int, usage: Usage) -> None:
        """Let the next estimates know what a call with a prompt of `prompt_chars` has used."""
        self._forecast = self._forecast.learned(prompt_chars, usage)
