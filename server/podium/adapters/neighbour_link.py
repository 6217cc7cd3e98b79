"""The connection between two servers on one workspace: lines of JSON in both directions, alike on both ends.

A line tells which missions have news, or is a request with a number, or the answer to one. News that waits to be
sent is put together: a neighbour that does not read makes nothing grow.
"""

import itertools
import json
import logging
import math
from dataclasses import dataclass, field

import anyio
from anyio.abc import ByteStream, TaskGroup
from anyio.streams.buffered import BufferedByteReceiveStream
from pydantic import BaseModel, ConfigDict, ValidationError

from podium.domain import requests
from podium.domain.events import Process
from podium.domain.requests import Request
from podium.errors import NotReached, UserError
from podium.ports import Hearer

ANSWER_S = 20.0
"""How long a neighbour may take to do what it is asked: checks that run are stopped in this time."""

LINE_BYTES = 16 * 1024 * 1024

_log = logging.getLogger(__name__)


class _Line(BaseModel):
    """What stands in a line; only what it is about is there."""

    model_config = ConfigDict(extra="ignore")

    news: dict[str, int] | None = None
    ask: str | None = None
    number: int = 0
    receipt: str | None = None
    refusal: str | None = None


@dataclass(slots=True)
class _Asked:
    """A request that waits for its answer; `outcome` stays None where none comes any more."""

    answered: anyio.Event = field(default_factory=anyio.Event)
    outcome: _Line | None = None


class Link:
    """One neighbour, as long as it is there."""

    def __init__(self, process: Process, stream: ByteStream, received: BufferedByteReceiveStream) -> None:
        self.process = process
        self._stream = stream
        self._received = received
        self._news: dict[str, int] = {}
        self._lines: list[str] = []
        self._to_send = anyio.Event()
        self._asked: dict[int, _Asked] = {}
        self._numbers = itertools.count(1)

    def welcome(self) -> None:
        """Send a line that says nothing: the neighbour may ask, and is told of all news, from here on."""
        self._send()

    def tell(self, mission_id: str, seq: int) -> None:
        """Tell the neighbour, as soon as it reads, that a mission has news."""
        self._news[mission_id] = seq
        self._to_send.set()

    async def ask(self, request: Request) -> str:
        """Return the neighbour's receipt.

        Raises:
            NotReached: it gave no answer.
            UserError: it refused.
        """
        number = next(self._numbers)
        asked = self._asked[number] = _Asked()
        self._send(ask=requests.to_json(request), number=number)
        try:
            with anyio.move_on_after(ANSWER_S):
                await asked.answered.wait()
        finally:
            self._asked.pop(number, None)
        if asked.outcome is None:
            raise NotReached(f"The Podium with process {self.process.id} gave no answer.")
        if asked.outcome.refusal is not None:
            raise UserError(asked.outcome.refusal)
        return asked.outcome.receipt or ""

    async def run(self, hearer: Hearer) -> None:
        """Take in what the neighbour sends, and send, until it is gone."""
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._write)
                tasks.start_soon(hearer.look)
                await self._read(hearer, tasks)
                tasks.cancel_scope.cancel()
        finally:
            for asked in self._asked.values():
                asked.answered.set()

    async def _read(self, hearer: Hearer, tasks: TaskGroup) -> None:
        while (body := await next_line(self._received)) is not None:
            try:
                line = _Line.model_validate_json(body)
            except ValidationError as error:
                _log.warning("the Podium with process %d speaks another language: %s", self.process.id, error)
                return
            if line.news is not None:
                await hearer.hear(line.news)
            elif line.ask is not None:
                tasks.start_soon(self._answer, hearer, line.ask, line.number)
            elif (asked := self._asked.get(line.number)) is not None:
                asked.outcome = line
                asked.answered.set()

    async def _answer(self, hearer: Hearer, body: str, number: int) -> None:
        try:
            receipt = await hearer.carry_out(requests.from_json(body))
        except UserError as error:
            self._send(number=number, refusal=str(error))
        except ValueError:
            self._send(number=number, refusal="The Podium that carries the mission out is another version.")
        else:
            self._send(number=number, receipt=receipt)

    def _send(self, **members: str | int) -> None:
        self._lines.append(json.dumps(members))
        self._to_send.set()

    async def _write(self) -> None:
        while True:
            await self._to_send.wait()
            self._to_send = anyio.Event()
            lines, self._lines = self._lines, []
            if self._news:
                lines.append(json.dumps({"news": self._news}))
                self._news = {}
            try:
                await self._stream.send("".join(f"{line}\n" for line in lines).encode())
            except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                return  # the reader sees it too


async def next_line(
    received: BufferedByteReceiveStream, within_s: float = math.inf, most_bytes: int = LINE_BYTES
) -> bytes | None:
    """Return what the other side sends up to the end of a line; None where it is gone, too slow, or says too much."""
    with anyio.move_on_after(within_s):
        try:
            return await received.receive_until(b"\n", most_bytes)
        except (anyio.EndOfStream, anyio.IncompleteRead, anyio.BrokenResourceError, anyio.DelimiterNotFound):
            return None
    return None
