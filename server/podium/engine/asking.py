"""One question to a model, with what may go wrong on the way: waiting, trying again, falling back."""

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

import anyio

from podium.engine.governor import Asker, Governor, Patience
from podium.errors import ModelUnavailable
from podium.ports import ContextOverflow, Model, ModelAnswer, ModelFault, ModelRequest

TRIES = 8
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 60.0

ALONE = Patience()
WITH_FALLBACK = Patience(limit_s=60.0, outage_s=20.0, first_outage_s=20.0)
"""How long is waited for a provider when another model may answer instead."""


class TooLong(Exception):
    """The conversation is too long for `model`; its window holds `window` tokens, where the provider said so."""

    def __init__(self, model: str, window: int | None) -> None:
        super().__init__(model)
        self.model = model
        self.window = window


OnFault = Callable[[str, float | None], Awaitable[None]]
"""Called with what went wrong, and in how many seconds it is tried again (None: it is not)."""


@dataclass(frozen=True, slots=True)
class Inquiry:
    """How a question is asked: of which model, by whom, and who hears of faults.

    `fallbacks` are asked when the request's own model cannot answer, one after the other.
    """

    model: Model
    asker: Asker
    governor: Governor
    fallbacks: Sequence[str]
    on_fault: OnFault

    async def ask(self, request: ModelRequest) -> ModelAnswer:
        """Return an answer from the request's model, or from the first fallback that gives one.

        A passing fault is tried again up to 8 times with exponential, jittered waits of at most 60 s, or as
        long as the provider asked for. Waiting for a provider's limits, or until it works again, counts as no fault.

        Raises:
            ModelUnavailable: no model can answer; the message is the first model's.
            TooLong: a model that was asked cannot read that much.
        """
        names = (request.model, *self.fallbacks)
        first: ModelUnavailable | None = None
        for name in names:
            patience = ALONE if name == names[-1] else WITH_FALLBACK
            try:
                return await self._persist(replace(request, model=name), patience)
            except ContextOverflow as error:
                raise TooLong(name, error.window) from error
            except ModelUnavailable as error:
                first = first or error
                await self.on_fault(str(error), None)
        assert first is not None  # noqa: S101 - the loop ran at least once
        raise first

    async def _persist(self, request: ModelRequest, patience: Patience) -> ModelAnswer:
        for attempt in range(1, TRIES + 1):
            try:
                return await self.governor.ask(self.model, request, self.asker, patience)
            except ContextOverflow:
                raise
            except ModelFault as fault:
                if attempt == TRIES:
                    raise ModelUnavailable(
                        f"The model {request.model} failed {TRIES} times in a row, last with: "
                        f"{str(fault).rstrip('.')}. Try again later, or set `fallbacks`."
                    ) from fault
                jitter = random.uniform(0.5, 1.5)  # noqa: S311 - spreads agents out, guards nothing
                wait_s = min(FIRST_WAIT_S * 2 ** (attempt - 1) * jitter, LONGEST_WAIT_S)
                if fault.retry_after_s is not None:
                    wait_s = fault.retry_after_s
                if wait_s > patience.limit_s:
                    raise ModelUnavailable(
                        f"The provider of {request.model} asks to wait {wait_s / 60:.0f} minutes. "
                        "Try again later, or set `fallbacks`."
                    ) from fault
                await self.on_fault(str(fault), wait_s)
                await anyio.sleep(wait_s)
        raise AssertionError("unreachable")
