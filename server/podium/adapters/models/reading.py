"""Reads a streamed answer to its end, or to where it breaks off."""

import time
from collections.abc import AsyncIterator

import anyio
import httpx

from podium.adapters.models.assembly import Assembly
from podium.adapters.models.events import Events

_LAST_BYTES_S = 1.0


class BrokeOff(Exception):
    """The stream ended before the answer did; the message says how, as the end of a sentence."""


async def read_stream(response: httpx.Response, assembly: Assembly) -> None:
    """Put the answer together until it is complete, or runs away.

    Raises:
        BadChunk, StreamError: as the assembly does.
        ReadTimeout: nothing came of the answer.
        BrokeOff: it ended or stalled before it was complete.
    """
    chunks = response.aiter_bytes()
    try:
        await _take_in(chunks, assembly)
    except httpx.ReadTimeout as error:
        if not assembly.begun:
            raise
        if not assembly.is_complete:
            raise BrokeOff(", and sent nothing more") from error
    except httpx.HTTPError as error:
        if not assembly.is_complete:
            raise BrokeOff("") from error
    if assembly.ended:
        await _drain(chunks)
    elif not assembly.is_complete and not assembly.runs_away:
        raise BrokeOff("")


async def _take_in(chunks: AsyncIterator[bytes], assembly: Assembly) -> None:
    events = Events()
    async for chunk in chunks:
        for data in events.feed(chunk):
            assembly.add(data, time.monotonic())
        if assembly.ended or assembly.runs_away:
            return
    for data in events.rest():
        assembly.add(data, time.monotonic())


async def _drain(chunks: AsyncIterator[bytes]) -> None:
    """Read what is left of the response: then its connection can be used again."""
    with anyio.move_on_after(_LAST_BYTES_S):
        try:
            async for _ in chunks:
                pass
        except httpx.HTTPError:
            return
