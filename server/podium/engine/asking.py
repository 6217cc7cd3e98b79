"""One question to a model, with what may go wrong on the way: waiting, trying again, falling back."""

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import anyio

from podium.errors import ModelUnavailable
from podium.ports import ContextOverflow, Model, ModelAnswer, ModelFault, ModelRequest

TRIES = 6
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 60.0
PATIENCE_S = 300.0
"""A provider that asks for a longer wait than this cannot answer."""

OnFault = Callable[[str, float | None], Awaitable[None]]
"""Called with what went wrong, and in how many seconds it is tried again (None: it is not)."""


async def ask(
    model: Model, request: ModelRequest, fallbacks: Sequence[str], on_fault: OnFault
) -> ModelAnswer:
    """Return an answer from the request's model, or from the first of `fallbacks` that gives one.

    A passing fault is tried again up to 6 times with exponential, jittered waits of at most 60 s, or as
    long as the provider asked for, up to 5 minutes.

    Raises:
        ModelUnavailable: no model can answer; the message is the first model's.
        ContextOverflow: the conversation is too long.
    """
    first: ModelUnavailable | None = None
    for name in (request.model, *fallbacks):
        try:
            return await _persist(model, replace(request, model=name), on_fault)
        except ModelUnavailable as error:
            first = first or error
            await on_fault(str(error), None)
    assert first is not None  # noqa: S101 - the loop ran at least once
    raise first


async def _persist(model: Model, request: ModelRequest, on_fault: OnFault) -> ModelAnswer:
    for attempt in range(1, TRIES + 1):
        try:
            return await model.complete(request)
        except ContextOverflow:
            raise
        except ModelFault as fault:
            if attempt == TRIES:
                raise ModelUnavailable(
                    f"The model {request.model} failed {TRIES} times in a row, last with: {str(fault).rstrip('.')}. "
                    "Try again later, or set `fallbacks`."
                ) from fault
            jitter = random.uniform(0.5, 1.5)  # noqa: S311 - spreads agents out, guards nothing
            wait_s = min(FIRST_WAIT_S * 2 ** (attempt - 1) * jitter, LONGEST_WAIT_S)
            if fault.retry_after_s is not None:
                wait_s = fault.retry_after_s
            if wait_s > PATIENCE_S:
                raise ModelUnavailable(
                    f"The provider of {request.model} asks to wait {wait_s / 60:.0f} minutes. "
                    "Try again later, or set `fallbacks`."
                ) from fault
            await on_fault(str(fault), wait_s)
            await anyio.sleep(wait_s)
    raise AssertionError("unreachable")
