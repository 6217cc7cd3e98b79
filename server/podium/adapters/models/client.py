"""The `Model` of the LSP process: sends requests to the model process, and keeps that process alive.

It never imports a language model library, and asks no provider again: that is for who asks. But a model process
that died is started again, and what it had not answered is asked again of the next one.
"""

import itertools
import os
import subprocess
import sys
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NoReturn, TypeAlias

import anyio
import anyio.abc

from podium.adapters.models import wire
from podium.adapters.models.environment import (
    child_environment,
    key_for,
    key_variables,
    missing_key,
    of_provider,
    sendable,
    with_provider,
)
from podium.adapters.models.faults import missing_key_error
from podium.errors import ModelUnavailable
from podium.ports import ModelAnswer, ModelFault, ModelRequest, Usage

_COMMAND = (sys.executable, "-P", "-m", "podium.adapters.models.host")  # -P: never import from the workspace
_EXIT_TIMEOUT_S = 2.0
_MOST_LOST = 2
"""A request that was in flight when so many processes died is not given to another one."""


_Alike: TypeAlias = tuple[str, str | None, str | None, bytes]
"""What makes two requests the same: model, address, key, and the conversation with its tools."""


@dataclass(slots=True)
class _Call:
    """A call that waits for its reply: the line that makes it, and how many processes died over it.

    `n_waiting` wait for it, of whom the first that goes on has `paid`. A request that is `alike` joins it.
    """

    id: int
    line: bytes
    alike: "_Alike | None" = None
    n_waiting: int = 0
    paid: bool = False
    n_lost: int = 0
    done: anyio.Event = field(default_factory=anyio.Event)
    reply: wire.ToClient | None = None


class _Outbox:
    """Lines on their way to the child. Putting never waits, so that a cancelled call can still say so."""

    def __init__(self) -> None:
        self._lines: deque[bytes] = deque()
        self._filled = anyio.Event()

    def put(self, line: bytes) -> None:
        self._lines.append(line)
        self._filled.set()

    async def take(self) -> bytes:
        """Wait until there are lines, then return and remove all of them."""
        while not self._lines:
            self._filled = anyio.Event()
            await self._filled.wait()
        lines = b"".join(self._lines)
        self._lines.clear()
        return lines

    def clear(self) -> None:
        self._lines.clear()


class ModelProcess:
    """Answers requests in a child process that speaks to providers and hosts the built-in programs.

    `run` owns the child and must run for as long as answers are wanted; the child itself starts with the
    first request. `environ` is where keys are looked up and what the child's environment is taken from;
    the process's own by default.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ
        self._ids = itertools.count(1)
        self._calls: dict[int, _Call] = {}
        self._alike: dict[_Alike, _Call] = {}
        self._outbox = _Outbox()
        self.n_asked_again = 0
        """How many requests were asked again because a model process had died."""

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        """Return the model's answer. Cancelling the call closes the connection to the provider.

        A request that is in flight already is joined: one answer for all who ask the same, paid for once.

        Raises:
            ContextOverflow: the conversation is too long for this model.
            ModelFault: the provider failed in a way that may pass, or the model process died.
            ModelUnavailable: it will not answer until the user changes something.
        """
        full_name = _full_name(request)
        own_endpoint = request.api_base and full_name.startswith("openai/")
        environ = {} if own_endpoint else of_provider(full_name, self._environ)
        ask = wire.Ask.of(next(self._ids), request, self._key(request, full_name), environ)
        program = request.model.startswith("builtin/")  # what those answer depends on the facts as well
        alike = None if program else (request.model, request.api_base, ask.api_key, ask.conversation)
        call = (self._alike.get(alike) if alike else None) or self._begun(ask, alike)
        reply = await self._reply(call)
        assert isinstance(reply, wire.Answered)  # noqa: S101 - the other end is ours
        if call.paid:
            return replace(reply.answer, usage=Usage(cost_usd=0.0))
        call.paid = True
        return reply.answer

    async def warm(self, model: str, api_base: str | None = None) -> None:
        """Start the child and load what asking `model` takes (seconds for litellm); then return.

        Raises:
            ModelFault: the model process died.
            ModelUnavailable: what it takes is not installed, or cannot be set up.
        """
        await self._reply(self._begun(wire.Warm(next(self._ids), model, api_base)))

    async def run(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> NoReturn:
        """Own the child until cancelled, then end it."""
        task_status.started()
        while True:
            await self._run_child(await self._outbox.take())

    def _key(self, request: ModelRequest, full_name: str) -> str | None:
        """Return the key from the variable that the user named, or else from the provider's usual one; None without."""
        usual = key_variables(full_name)
        for variable in (request.api_key_env,) if request.api_key_env else usual:
            if not sendable(self._environ.get(variable, "")):
                raise ModelUnavailable(
                    f"{variable} holds characters that no key has: correct it in the environment of the editor."
                )
        if request.api_key_env:
            key = self._environ.get(request.api_key_env)
            if not key:
                raise ModelUnavailable(
                    f"{request.api_key_env} is empty: set it in the environment of the editor, "
                    f"or change `api_key_env`."
                )
            return key
        if not request.api_base and (variable := missing_key(full_name, self._environ)):
            raise missing_key_error(full_name, variable)
        return key_for(full_name, self._environ)

    def _begun(self, message: wire.Ask | wire.Warm, alike: _Alike | None = None) -> _Call:
        call = self._calls[message.id] = _Call(message.id, wire.encode(message), alike)
        if alike:
            self._alike[alike] = call
        self._outbox.put(call.line)
        return call

    async def _reply(self, call: _Call) -> wire.Answered | wire.Warmed:
        call.n_waiting += 1
        try:
            await call.done.wait()
        finally:
            call.n_waiting -= 1
            if not call.n_waiting and self._taken_off(call.id):
                self._outbox.put(wire.encode(wire.Cancel(call.id)))
        match call.reply:
            case wire.Failed() as failed:
                raise failed.error()
            case wire.Answered() | wire.Warmed() as reply:
                return reply
            case None:
                raise AssertionError("a call is done when it has a reply")

    def _settle(self, reply: wire.ToClient) -> None:
        # A call that was cancelled is gone; its answer may still arrive.
        if call := self._taken_off(reply.id):
            call.reply = reply
            call.done.set()

    def _taken_off(self, call_id: int) -> _Call | None:
        """Return a call that waited for its reply, and let nobody join it any more."""
        call = self._calls.pop(call_id, None)
        if call and call.alike:
            del self._alike[call.alike]
        return call

    def _fail_calls(self, error: ModelUnavailable) -> None:
        self._outbox.clear()  # the lines belong to the calls that fail now
        for call_id in list(self._calls):
            self._settle(wire.Failed.of(call_id, error))

    def _ask_again(self) -> None:
        """Give what a process that died has left unanswered to the next one, or give it up."""
        self._outbox.clear()  # the lines are those of the calls
        for call_id, call in list(self._calls.items()):
            call.n_lost += 1
            if call.n_lost == _MOST_LOST:
                fault = ModelFault("The model process ended before it answered.")
                self._settle(wire.Failed.of(call_id, fault))
            else:
                self.n_asked_again += 1
                self._outbox.put(call.line)

    async def _run_child(self, first: bytes) -> None:
        try:
            child = await anyio.open_process(
                _COMMAND,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=None,
                env=child_environment(self._environ),
                cwd=sys.prefix,  # a folder in which no library finds settings of the workspace
                start_new_session=True,  # an interrupt from the keyboard is for the parent to handle
            )
        except OSError as error:
            self._fail_calls(ModelUnavailable(f"The model process cannot be started: {error}."))
            return
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._send_to, child, first)
                await self._receive_from(child)
                tasks.cancel_scope.cancel()
        finally:
            # At once: what is asked from here on is for the next child.
            self._ask_again()
            with anyio.CancelScope(shield=True):
                await _end(child)

    async def _send_to(self, child: anyio.abc.Process, first: bytes) -> None:
        assert child.stdin  # noqa: S101 - opened with a pipe
        try:
            await child.stdin.send(first)
            while True:
                await child.stdin.send(await self._outbox.take())
        except (anyio.BrokenResourceError, ConnectionError):
            return  # The child is dead; the end of its output says so too.

    async def _receive_from(self, child: anyio.abc.Process) -> None:
        assert child.stdout  # noqa: S101 - opened with a pipe
        lines = wire.Lines()
        async for chunk in child.stdout:
            for line in lines.feed(chunk):
                self._settle(wire.decode_to_client(line))


def _full_name(request: ModelRequest) -> str:
    bare = request.api_base and "/" not in request.model
    return f"openai/{request.model}" if bare else with_provider(request.model)


async def _end(child: anyio.abc.Process) -> None:
    """Close the child's input, on which it ends, and see that it does."""
    assert child.stdin  # noqa: S101 - opened with a pipe
    await child.stdin.aclose()
    with anyio.move_on_after(_EXIT_TIMEOUT_S):
        await child.wait()
    if child.returncode is None:
        child.kill()
    await child.aclose()
