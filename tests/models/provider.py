"""A provider on loopback that speaks OpenAI's chat format and Anthropic's messages (and Ollama's and Gemini's) over HTTP.

Replies and faults are scripted. Whoever asks for a stream gets one (`formats`), unless the provider cannot.

In a test:

    async with Provider([says("hello"), calls(("read_file", {"path": "a.py"}))]) as provider:
        ...                             # ask a model with api_base=provider.url
        provider.requests[0].body       # what was asked

As a process: `python -m tests.models.provider SCRIPT.json` prints the port on its first line and serves
until it is ended; `GET /requests` returns what was asked. SCRIPT.json is a list of replies, each one of

    {"say": "text"}
    {"calls": [{"name": "read_file", "arguments": {"path": "a.py"}}]}
    {"status": 429, "message": "slow down", "code": "rate_limit_exceeded", "headers": {"retry-after": "2"}}
    {"text": "not json at all"}
    {"drop": true}

with `"breaks": "cut"` (or another word of `formats.Break`), `"delay_s": 0.5` and, for answers, `"usage": {...}` where wanted. The last reply is not repeated:
a request too many gets status 500 and says so.
"""

import json
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias, cast

import anyio
import anyio.abc

from tests.models import formats
from tests.models.formats import FOR_EVER_S, Break, Piece

Body: TypeAlias = dict[str, Any]

USAGE: Body = {
    "prompt_tokens": 1000,
    "completion_tokens": 8,
    "total_tokens": 1008,
    "prompt_tokens_details": {"cached_tokens": 768},
}


@dataclass(frozen=True, slots=True)
class Reply:
    """What the provider does with one request: wait, then send this response, or close the connection."""

    status: int = 200
    body: Body | str = ""
    headers: dict[str, str] = field(default_factory=dict[str, str])
    delay_s: float = 0.0
    drop: bool = False
    breaks: Break | None = None
    chunk_s: float = 0.0
    """How long a stream pauses between two of its events."""

    def breaking(self, how: Break) -> "Reply":
        """Return the same reply, broken on its way."""
        return replace(self, breaks=how)

    def after(self, delay_s: float) -> "Reply":
        """Return the same reply, sent `delay_s` seconds later."""
        return replace(self, delay_s=delay_s)


@dataclass(slots=True)
class Received:
    """One request as it arrived. Times are `time.monotonic()`; None for what has not happened."""

    path: str
    headers: dict[str, str]
    body: Body
    arrived_at: float
    answered_at: float | None = None
    abandoned_at: float | None = None
    """When the client closed the connection before the reply; `abandoned` is set then."""
    abandoned: anyio.Event = field(default_factory=anyio.Event)

    @property
    def streams(self) -> bool:
        """Whether a stream is asked for."""
        return bool(self.body.get("stream")) or "streamGenerateContent" in self.path

    @property
    def role(self) -> str:
        """Who of Podium's team asks: every agent is told its role once."""
        told = "\n".join(str(message.get("content")) for message in self.body["messages"])
        return told.partition("# Your role: ")[2].partition("\n")[0].lower()


Respond: TypeAlias = Callable[[Received], Reply | Awaitable[Reply]]


def says(text: str | None, usage: Body | None = USAGE, finish_reason: str = "stop", **more: object) -> Reply:
    """Return an answer in words; `usage=None` leaves the token counts out, `more` goes into the message."""
    return _answer({"role": "assistant", "content": text, **more}, finish_reason, usage)


def calls(
    *tools: tuple[str, Body | str], text: str | None = None, usage: Body | None = USAGE, **more: object
) -> Reply:
    """Return an answer that calls tools, each given as its name and its arguments (or their raw JSON text).

    `more` goes into the message.
    """
    tool_calls = [
        {
            "id": f"call_{next(_call_ids)}",
            "type": "function",
            "function": {
                "name": name,
                "arguments": arguments if isinstance(arguments, str) else json.dumps(arguments),
            },
        }
        for name, arguments in tools
    ]
    message: Body = {"role": "assistant", "content": text, "tool_calls": tool_calls, **more}
    return _answer(message, "tool_calls", usage)


def fails(status: int, message: str, code: str | None = None, **headers: str) -> Reply:
    """Return an error as providers send it; header names are given with `_` for `-`."""
    error = {"message": message, "type": code or "error", "code": code}
    return Reply(status, {"error": error}, {name.replace("_", "-"): value for name, value in headers.items()})


def drops() -> Reply:
    """Return the reply that closes the connection without a word."""
    return Reply(drop=True)


class Provider:
    """Serves `replies` in order, or what a function makes of each request; records every request.

    Only `POST .../chat/completions` and `.../messages` take a reply. `url` ends in `/v1` and is the `api_base`
    to use. One that `streams` no answer ignores the wish for a stream.
    """

    def __init__(self, replies: Iterable[Reply] | Respond, *, streams: bool = True) -> None:
        self._streams = streams
        self.requests: list[Received] = []
        self.connections = 0
        self.url = ""
        self.port = 0
        self._respond: Respond = replies if callable(replies) else _in_order(iter(replies))

    async def __aenter__(self) -> Self:
        self._listener = await anyio.create_tcp_listener(local_host="127.0.0.1", backlog=1024)
        self.port = self._listener.extra(anyio.abc.SocketAttribute.local_port)  # noqa: S610 - not Django
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self._tasks = await anyio.create_task_group().__aenter__()
        self._tasks.start_soon(self._listener.serve, self._serve)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tasks.cancel_scope.cancel()
        await self._tasks.__aexit__(None, None, None)
        await self._listener.aclose()

    async def _serve(self, stream: anyio.abc.ByteStream) -> None:
        self.connections += 1
        async with stream:
            connection = _Connection(stream)
            try:
                while (request := await connection.read()) is not None:
                    if not await self._handle(connection, request):
                        return
            except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                return

    async def _handle(self, connection: "_Connection", request: Received) -> bool:
        """Answer one request; return whether the connection stays open."""
        if request.path.endswith("/models"):
            await connection.write(Reply(body={"object": "list", "data": []}))
            return True
        if request.path == "/requests":
            asked = [
                {"arrived_at": seen.arrived_at, "answered_at": seen.answered_at, "body": seen.body}
                for seen in self.requests
            ]
            await connection.write(Reply(body={"requests": asked}))
            return True
        self.requests.append(request)
        made = self._respond(request)
        reply = made if isinstance(made, Reply) else await made
        if reply.delay_s and await connection.closed_within(reply.delay_s):
            request.abandoned_at = time.monotonic()
            request.abandoned.set()
            return False
        if reply.drop:
            return False
        request.answered_at = time.monotonic()
        return await self._answer(connection, request, reply)

    async def _answer(self, connection: "_Connection", request: Received, reply: Reply) -> bool:
        body, path = reply.body, request.path
        if not isinstance(body, dict) or reply.status != 200 or "choices" not in body:
            if isinstance(body, dict) and "error" in body:
                reply = replace(reply, body=formats.error(body, path))
            await connection.write(reply)
            return True
        if request.streams and self._streams:
            pieces = formats.broken(formats.streamed(body, path), reply.breaks, path)
            if reply.chunk_s:
                pieces = [one for piece in pieces for one in (piece, reply.chunk_s)]
        else:
            reply = replace(reply, body=formats.whole(body, path))
            if reply.breaks is None:
                await connection.write(reply)
                return True
            pieces = [FOR_EVER_S if reply.breaks in {"stall", "silence"} else None]
        stays = await connection.write_pieces(reply, pieces)
        if stays is None:
            request.abandoned_at = time.monotonic()
            request.abandoned.set()
        return bool(stays)


class _Connection:
    """HTTP/1.1 with keep-alive, as much of it as clients of a chat endpoint use."""

    def __init__(self, stream: anyio.abc.ByteStream) -> None:
        self._stream = stream
        self._buffer = bytearray()

    async def read(self) -> Received | None:
        """Return the next request, or None where the client has closed the connection."""
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if not await self._more():
                return None
        first, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length, start = int(headers.get("content-length", 0)), end + 4
        while len(self._buffer) < start + length:
            if not await self._more():
                return None
        arrived_at = time.monotonic()
        content = bytes(self._buffer[start : start + length])
        del self._buffer[: start + length]
        return Received(first.split()[1], headers, json.loads(content) if content else {}, arrived_at)

    async def write(self, reply: Reply) -> None:
        content = (json.dumps(reply.body) if isinstance(reply.body, dict) else reply.body).encode()
        headers = {"content-type": "application/json", "content-length": str(len(content)), **reply.headers}
        lines = [
            f"HTTP/1.1 {reply.status} Scripted",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        await self._stream.send("\r\n".join([*lines, "", ""]).encode() + content)

    async def write_pieces(self, reply: Reply, pieces: Sequence[Piece]) -> bool | None:
        """Stream; return whether the connection stays open, or None where the client has closed it."""
        headers = {"content-type": "text/event-stream", "transfer-encoding": "chunked", **reply.headers}
        lines = ["HTTP/1.1 200 Scripted", *(f"{name}: {value}" for name, value in headers.items())]
        await self._stream.send("\r\n".join([*lines, "", ""]).encode())
        for piece in pieces:
            match piece:
                case None:
                    return False
                case bytes():
                    try:
                        await self._stream.send(b"%x\r\n%b\r\n" % (len(piece), piece))
                    except anyio.BrokenResourceError:
                        return None
                case pause_s:
                    if await self.closed_within(pause_s):
                        return None
        await self._stream.send(b"0\r\n\r\n")
        return True

    async def closed_within(self, delay_s: float) -> bool:
        """Wait `delay_s` seconds and return False, or True as soon as the client has closed the connection."""
        with anyio.move_on_after(delay_s):
            while await self._more():
                pass
            return True
        return False

    async def _more(self) -> bool:
        try:
            self._buffer += await self._stream.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            return False
        return True


_call_ids = count(1)
_answer_ids = count(1)


def _answer(message: Body, finish_reason: str, usage: Body | None) -> Reply:
    body: Body = {
        "id": f"answer-{next(_answer_ids)}",
        "object": "chat.completion",
        "created": 1,
        "model": "scripted",
        "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}],
    }
    return Reply(body=body if usage is None else {**body, "usage": usage})


def _in_order(replies: Iterable[Reply]) -> Respond:
    rest = iter(replies)

    def respond(_request: Received) -> Reply:
        return next(rest, None) or fails(500, "The script has no reply left.")

    return respond


def reply_from(entry: Body) -> Reply:
    """Return the reply that one entry of SCRIPT.json describes.

    Raises:
        ValueError: it describes none.
    """
    usage = cast("Body | None", entry.get("usage", USAGE))
    match entry:
        case {"say": str(text)}:
            reply = says(text, usage)
        case {"calls": [*_]}:
            named = [(tool["name"], tool.get("arguments", {})) for tool in cast("list[Body]", entry["calls"])]
            reply = calls(*named, usage=usage)
        case {"status": int(status)}:
            reply = replace(
                fails(status, entry.get("message", ""), entry.get("code")), headers=entry.get("headers", {})
            )
        case {"text": str(text)}:
            reply = Reply(body=text)
        case {"drop": True}:
            reply = drops()
        case _:
            raise ValueError(f"no reply: {entry}")
    return replace(reply, delay_s=entry.get("delay_s", 0.0), breaks=entry.get("breaks"))


async def serve(script: Path) -> None:
    """Serve the replies of the file `script` until cancelled, after printing the port."""
    entries = cast("list[Body]", json.loads(await anyio.Path(script).read_text(encoding="utf-8")))
    async with Provider([reply_from(entry) for entry in entries]) as provider:
        print(provider.port, flush=True)
        await anyio.sleep_forever()


if __name__ == "__main__":
    anyio.run(serve, Path(sys.argv[1]))
