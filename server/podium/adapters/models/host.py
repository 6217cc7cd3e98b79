"""The model process: reads requests from standard input, answers on standard output, until input ends.

It runs as `python -m podium.adapters.models.host`. Programs (`builtin/...`) answer in worker threads.
OpenAI-compatible endpoints at an address of the user's own are asked over HTTP directly, everything else
through litellm. Each way is loaded on first need, in a thread, so that the others answer meanwhile.

It keeps no state between requests but the habits of endpoints, repeats nothing, and speaks nothing but `wire` lines: whatever
libraries print goes to standard error.
"""

import importlib
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal, Protocol, TypeAlias, assert_never

import anyio
import anyio.abc
import anyio.from_thread
import anyio.to_thread

from podium.adapters.models import wire
from podium.adapters.models.prices import listed_window
from podium.errors import ModelUnavailable
from podium.ports import ModelAnswer, ModelFault, ModelRequest

PROGRAMS = {"builtin/repair": "podium.adapters.repair.model"}
"""The built-in programs: each is a module with `answer(request: ModelRequest) -> ModelAnswer`."""


Way: TypeAlias = Literal["program", "direct", "litellm"]
"""How a model is asked."""

_BACKENDS = {
    "direct": ("podium.adapters.models.direct_backend", "DirectBackend"),
    "litellm": ("podium.adapters.models.litellm_backend", "LitellmBackend"),
}


class _Backend(Protocol):
    async def rehearse(self, model: str) -> None: ...

    async def complete(self, ask: wire.Ask) -> ModelAnswer: ...


def way_to(model: str, api_base: str | None) -> Way:
    """Return how `model` is asked; a bare name at an address is an OpenAI-compatible one."""
    provider, named, _ = model.partition("/")
    if provider == "builtin" and named:
        return "program"
    return "direct" if api_base and (provider == "openai" or not named) else "litellm"


class Host:
    """Answers the messages of one client; `send` takes each line for it."""

    def __init__(self, tasks: anyio.abc.TaskGroup, send: Callable[[bytes], None]) -> None:
        self._tasks = tasks
        self._send = send
        self._scopes: dict[int, anyio.CancelScope] = {}
        self._backends: dict[Way, _Backend] = {}
        self._windows: dict[str, int | None] = {}
        self._loading = {way: anyio.Lock() for way in _BACKENDS}
        self._threads = anyio.CapacityLimiter(max(2, os.cpu_count() or 1))

    def receive(self, message: wire.ToHost) -> None:
        """Start or cancel what `message` asks for; returns at once."""
        match message:
            case wire.Ask() | wire.Warm():
                if isinstance(message, wire.Ask):
                    os.environ.update(message.environ)
                scope = self._scopes[message.id] = anyio.CancelScope()
                self._tasks.start_soon(self._serve, message, scope)
            case wire.Cancel():
                if scope := self._scopes.get(message.id):
                    scope.cancel()
            case _:
                assert_never(message)

    async def _serve(self, message: wire.Ask | wire.Warm, scope: anyio.CancelScope) -> None:
        with scope:
            self._send(wire.encode(await self._outcome(message)))
        del self._scopes[message.id]

    async def _outcome(self, message: wire.Ask | wire.Warm) -> wire.ToClient:
        try:
            if isinstance(message, wire.Warm):
                await self._warm(message.model, message.api_base)
                return wire.Warmed(message.id)
            head = message.head
            way = way_to(head.model, head.api_base)
            if way == "program":
                answer = await self._program(message.request())
            else:
                answer = await (await self._backend(way, head.model)).complete(message)
                answer = replace(answer, window=await self._window(head.model))
        except (ModelFault, ModelUnavailable) as error:
            return wire.Failed.of(message.id, error)
        return wire.Answered(message.id, answer)

    async def _window(self, model: str) -> int | None:
        if model not in self._windows:
            self._windows[model] = await anyio.to_thread.run_sync(listed_window, model)
        return self._windows[model]

    async def _program(self, request: ModelRequest) -> ModelAnswer:
        module = PROGRAMS.get(request.model)
        if module is None:
            known = " or ".join(PROGRAMS)
            raise ModelUnavailable(f"There is no built-in model `{request.model}`: set `model` to {known}.")
        return await anyio.to_thread.run_sync(
            partial(_answer_of, module, request), abandon_on_cancel=True, limiter=self._threads
        )

    async def _warm(self, model: str, api_base: str | None) -> None:
        way = way_to(model, api_base)
        if way != "program":
            await self._backend(way, model)

    async def _backend(self, way: Literal["direct", "litellm"], model: str) -> _Backend:
        # Whoever comes first may be cancelled; the import goes on in its thread, and the next one joins it.
        async with self._loading[way]:
            if way not in self._backends:
                backend = await anyio.to_thread.run_sync(_load, way, abandon_on_cancel=True)
                await backend.rehearse(model)
                self._backends[way] = backend
            return self._backends[way]


def _load(way: Literal["direct", "litellm"]) -> _Backend:
    module, name = _BACKENDS[way]
    backend: _Backend = getattr(importlib.import_module(module), name).load()
    return backend


def _answer_of(module: str, request: ModelRequest) -> ModelAnswer:
    try:
        answer: Callable[[ModelRequest], ModelAnswer] = importlib.import_module(module).answer
    except ImportError as error:
        raise ModelUnavailable(
            f"The installation is incomplete ({error}): install podium-ls again."
        ) from error
    return answer(request)


async def serve(stdin: int, stdout: int) -> None:
    """Answer the messages on file descriptor `stdin` until it ends; then drop what is unanswered."""
    async with anyio.create_task_group() as tasks:
        host = Host(tasks, partial(_write_all, stdout))
        await anyio.to_thread.run_sync(partial(_read_messages, stdin, host.receive), abandon_on_cancel=True)
        tasks.cancel_scope.cancel()


def _read_messages(stdin: int, receive: Callable[[wire.ToHost], None]) -> None:
    lines = wire.Lines()
    while chunk := os.read(stdin, 1 << 16):
        for line in lines.feed(chunk):
            anyio.from_thread.run_sync(receive, wire.decode_to_host(line))


def _write_all(stdout: int, line: bytes) -> None:
    # Blocking is fine: the client always reads, and has nothing else to wait for.
    rest = memoryview(line)
    while rest:
        rest = rest[os.write(stdout, rest) :]


def main() -> None:
    """Run the model process on this process's standard input and output."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="podium models: %(message)s")
    stdin, stdout = os.dup(0), os.dup(1)
    with Path(os.devnull).open(encoding="utf-8") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    try:
        anyio.run(serve, stdin, stdout)
    except* BrokenPipeError:
        pass  # The client is gone: there is nobody to answer.
    finally:
        os.close(stdout)  # After a crash, this is how the client knows.
    sys.stderr.flush()
    os._exit(0)  # Threads of libraries would keep the process alive.


if __name__ == "__main__":
    main()
