"""A stream of litellm, put together under a clock: what comes is what OpenAI's chunks hold, whoever sent them.

litellm takes 0.4 ms of CPU for each chunk. Its own clock is that of the HTTP client, and not set for every
provider; so this one counts.
"""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, cast

import anyio

from podium.adapters.models import wire
from podium.adapters.models.assembly import Assembly
from podium.adapters.models.completion import Completion
from podium.ports import ModelAnswer, ModelFault

_CLOSE_S = 1.0
_HEADER = "llm_provider-"


class NothingCame(Exception):
    """The clock struck before the answer had begun."""


class _Stalled(Exception):
    """Nothing came for too long."""


class Chunk(Protocol):
    """What is used of a chunk."""

    def model_dump(self, *, exclude_none: bool) -> dict[str, Any]:
        """Return it as it came."""
        ...


class Stream(Protocol):
    """What is used of litellm's stream; `chunks` are those that came from the provider."""

    chunks: Sequence[Chunk]

    def __aiter__(self) -> AsyncIterator[Chunk]: ...

    async def aclose(self) -> None:
        """Close its connection."""
        ...


async def answer_of(stream: Stream, ask: wire.Ask, broken: type[Exception], stall_s: float) -> ModelAnswer:
    """Return the answer, or what counts of one that broke off with an error of the kind `broken`.

    Raises:
        NothingCame: it had not begun after `stall_s`.
        ModelFault: it stalled later, or held nothing.
        broken: it broke off, for a reason that is the provider's to tell.
    """
    head, assembly = ask.head, Assembly(time.monotonic())
    try:
        await _take_in(stream, assembly, stall_s)
    except _Stalled as error:
        if not assembly.begun:
            raise NothingCame from error
        if not (body := assembly.salvaged()):
            n = assembly.n_characters
            raise ModelFault(
                f"`{head.model}` broke off after {n} characters, and sent nothing more."
            ) from error
    except broken as error:
        if not (body := assembly.salvaged()):
            raise getattr(error, "original_exception", None) or error from error
    else:
        body = assembly.completion()
    if not any(chunk.model_dump(exclude_none=True).get("usage") for chunk in stream.chunks):
        body["usage"] = None  # what came in its place was made up
    completion = Completion.model_validate(body)
    if not assembly.n_characters and not completion.has_calls:
        raise ModelFault(
            f"`{head.model}` gave an answer without content."
        )  # or litellm did not understand it
    answer = completion.answer("", ask, _headers(stream))
    cost = cast("dict[str, Any]", body["usage"] or {}).get("cost")
    return answer if cost is None else replace(answer, usage=replace(answer.usage, cost_usd=cost))


async def _take_in(stream: Stream, assembly: Assembly, stall_s: float) -> None:
    chunks = aiter(stream)
    try:
        while not assembly.runs_away:
            try:
                with anyio.fail_after(stall_s):
                    chunk = await anext(chunks, None)
            except TimeoutError as error:
                raise _Stalled from error
            if chunk is None:
                return
            assembly.add_chunk(chunk.model_dump(exclude_none=True))
    finally:
        with anyio.move_on_after(_CLOSE_S, shield=True):
            await stream.aclose()


def _headers(stream: Stream) -> Mapping[str, str]:
    notes = cast("Mapping[str, Any]", getattr(stream, "_hidden_params", {}))
    found = cast("Mapping[str, object]", notes.get("additional_headers") or {})
    return {name.lower().removeprefix(_HEADER): str(value) for name, value in found.items()}
