"""The host: one client on standard input and output, and everything that lives as long as it does.

Features register what they handle and are told nothing of the wire. The host owns two task groups: in
`task_group` runs what outlives the request that started it (missions), in `services` what must outlive
even that (writers, other processes). Ending cancels the first, waits for its tasks, then the second.

Deliberately absent: pygls' workspace and documents. `documents` is the only copy of the editor's text.
"""

import asyncio  # noqa: TID251 - the threads that own the streams reach the loop through it
import logging
import threading
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import TypeAlias, TypeVar, cast, overload

import anyio
from anyio.abc import TaskGroup, TaskStatus
from lsprotocol import types
from pygls.capabilities import ServerCapabilitiesBuilder

from podium import __version__
from podium.domain.events import Process
from podium.domain.messages import Json
from podium.domain.text import Encoding
from podium.lsp.documents import Documents
from podium.lsp.inbox import Inbox
from podium.lsp.lifetime import HANG_UP, end_process_after, wait_signal
from podium.lsp.messages import InvalidParams
from podium.lsp.rpc import Handler, Peer, Routes, expect
from podium.lsp.transport import BadFrame, Outbox, claim_stdio, read_frames
from podium.lsp.wire import read_params
from podium.ports import Subscriber

_log = logging.getLogger(__name__)
_FLUSH_S = 2.0

P = TypeVar("P")
T = TypeVar("T")

OnInitialize: TypeAlias = Callable[[types.InitializeParams, types.ServerCapabilities], object]
"""Sees what the client is and may change what the server says it can; may return an awaitable."""

CommandHandler: TypeAlias = Callable[[types.ExecuteCommandParams], object]
"""Gets the whole request, work-done token included; returns the result or an awaitable of it."""

SeeEnd: TypeAlias = Callable[[Process], Awaitable[bool]]
"""Returns True when a process has ended, and False at once where its end cannot be seen."""


class Host:
    """What features see of the client and of the server's life."""

    def __init__(
        self,
        inbox: Inbox,
        outbox: Outbox,
        task_group: TaskGroup,
        services: TaskGroup,
        see_end: SeeEnd,
        grace_s: float,
    ) -> None:
        self.task_group = task_group
        self.services = services
        self.documents = Documents()
        self.exit_code = 1
        self._ending = False
        self._see_end = see_end
        self._grace_s = grace_s
        self._routes = Routes()
        self._peer = Peer(inbox, outbox, task_group, self._routes)
        self._options: dict[str, object] = {}
        self._commands: dict[str, CommandHandler] = {}
        self._on_initialize: list[OnInitialize] = []
        self._on_departure: list[Callable[[], None]] = []
        self._initialize_params: types.InitializeParams | None = None
        self._register_own()

    # --- what features register ---------------------------------------------------------------------

    @overload
    def request(
        self, method: str, handler: Callable[[P], object], params: type[P], options: object = None
    ) -> None: ...
    @overload
    def request(
        self, method: str, handler: Callable[[Json], object], params: None = None, options: object = None
    ) -> None: ...
    def request(
        self,
        method: str,
        handler: Callable[[P], object] | Callable[[Json], object],
        params: type[P] | None = None,
        options: object = None,
    ) -> None:
        """Let `handler` answer `method`: a plain function at once, a coroutine function as a task.

        Its params are read as `params`, a pydantic model or a class of lsprotocol, and what does not fit
        is refused before the handler is called; without `params` it gets the JSON that was sent. It
        returns anything that has a form in JSON, and raises `RpcError` or `UserError` to refuse.
        `options` are the method's options in the server's capabilities, such as `CodeActionOptions`.

        Raises:
            ValueError: the method is taken.
        """
        if method in self._routes.requests:
            raise ValueError(f"{method} is already handled")
        self._routes.requests[method] = _reading(handler, params)
        if options is not None:
            self._options[method] = options

    @overload
    def notification(self, method: str, handler: Callable[[P], object], params: type[P]) -> None: ...
    @overload
    def notification(self, method: str, handler: Callable[[Json], object], params: None = None) -> None: ...
    def notification(
        self,
        method: str,
        handler: Callable[[P], object] | Callable[[Json], object],
        params: type[P] | None = None,
    ) -> None:
        """Let `handler` hear `method`, after those that were registered before it."""
        self._routes.notifications.setdefault(method, []).append(_reading(handler, params))

    def command(self, name: str, handler: CommandHandler) -> None:
        """Let `handler` run the command `name` of `workspace/executeCommand`.

        Raises:
            ValueError: the name is taken.
        """
        if name in self._commands:
            raise ValueError(f"{name} is already a command")
        self._commands[name] = handler

    def on_initialize(self, callback: OnInitialize) -> None:
        """Call `callback` before `initialize` is answered, in the order of registration."""
        self._on_initialize.append(callback)

    def on_departure(self, callback: Callable[[], None]) -> None:
        """Call `callback` when the client is gone, right before the server ends; it must not wait for anything."""
        self._on_departure.append(callback)

    # --- what features use --------------------------------------------------------------------------

    @property
    def initialize_params(self) -> types.InitializeParams:
        """What the client said of itself.

        Raises:
            RuntimeError: it has not said anything yet.
        """
        if self._initialize_params is None:
            raise RuntimeError("the client has not sent initialize")
        return self._initialize_params

    @property
    def client(self) -> types.ClientCapabilities:
        """What the client can do."""
        return self.initialize_params.capabilities

    @property
    def encoding(self) -> Encoding:
        """The encoding that positions are counted in, on both sides."""
        return self.documents.encoding

    @property
    def n_open_requests(self) -> int:
        """How many requests are open, the client's and our own."""
        return self._peer.n_open

    def notify(self, method: str, params: object = None) -> None:
        """Send a notification; may be called from any thread."""
        self._peer.notify(method, params)

    def notify_if_room(self, method: str, params: object = None) -> bool:
        """Send a notification that may be lost; return False where the client lags too far behind."""
        return self._peer.notify_if_room(method, params)

    @overload
    async def ask(self, method: str, params: object, timeout_s: float) -> object: ...
    @overload
    async def ask(self, method: str, params: object, timeout_s: float, kind: type[T]) -> T: ...
    async def ask(
        self, method: str, params: object, timeout_s: float, kind: type[T] | None = None
    ) -> T | object:
        """Send a request and return the client's result, as LSP types it, checked to be a `kind` if given.

        Raises:
            AskFailed: the client refused, did not answer in time, or answered something else.
        """
        answer = await self._peer.ask(method, params, timeout_s)
        return answer if kind is None else expect(answer, kind)

    def spawn(self, name: str, work: Awaitable[object]) -> None:
        """Run `work` until it or the server ends; a defect in it is logged and ends nothing else."""
        self._peer.spawn(name, work)

    def guarded(self, name: str, subscriber: Subscriber) -> Subscriber:
        """Return a subscriber whose defects are logged, and neither end the mission nor the server."""
        return self._peer.guarded(name, subscriber)

    def stop(self, exit_code: int) -> None:
        """End the server; the first caller decides the exit code."""
        if not self._ending:
            self._ending = True
            self.exit_code = exit_code
            end_process_after(self._grace_s, exit_code)
            self.task_group.cancel_scope.cancel()

    def part(self, exit_code: int) -> None:
        """End the server because its client is gone."""
        if not self._ending:
            for callback in self._on_departure:
                callback()
            self.stop(exit_code)

    # --- the protocol's own methods -----------------------------------------------------------------

    async def run(self) -> None:
        """Handle the client's messages until its stream ends, then end the server."""
        await self._peer.receive()
        self.part(0 if self._peer.shutting_down else 1)

    def _register_own(self) -> None:
        docs = self.documents
        self.request(types.INITIALIZE, self._initialize, types.InitializeParams)
        self.request(types.SHUTDOWN, self._shutdown)
        self.notification(types.EXIT, self._exit)
        self.request(types.WORKSPACE_EXECUTE_COMMAND, self._execute_command, types.ExecuteCommandParams)
        self.notification(types.TEXT_DOCUMENT_DID_OPEN, docs.did_open, types.DidOpenTextDocumentParams)
        self.notification(types.TEXT_DOCUMENT_DID_CHANGE, docs.did_change, types.DidChangeTextDocumentParams)
        self.notification(types.TEXT_DOCUMENT_DID_SAVE, docs.did_save, types.DidSaveTextDocumentParams)
        self.notification(types.TEXT_DOCUMENT_DID_CLOSE, docs.did_close, types.DidCloseTextDocumentParams)

    async def _initialize(self, params: types.InitializeParams) -> types.InitializeResult:
        self._initialize_params = params
        encoding = ServerCapabilitiesBuilder.choose_position_encoding(params.capabilities)
        self.documents.encoding = types.PositionEncodingKind(encoding).value
        capabilities = self._capabilities(params.capabilities)
        for callback in self._on_initialize:
            outcome = callback(params, capabilities)
            if isawaitable(outcome):
                await outcome
        if params.process_id is not None:
            self.task_group.start_soon(self._watch_parent, params.process_id)
        self._peer.initialized = True
        return types.InitializeResult(capabilities, types.ServerInfo("podium", __version__))

    def _capabilities(self, client: types.ClientCapabilities) -> types.ServerCapabilities:
        capabilities = ServerCapabilitiesBuilder(
            client,
            {*self._routes.requests, *self._routes.notifications},
            self._options,
            list(self._commands),
            types.TextDocumentSyncKind.Incremental,
            position_encoding=self.encoding,
        ).build()
        capabilities.execute_command_provider = types.ExecuteCommandOptions(
            commands=list(self._commands), work_done_progress=True
        )
        return capabilities

    def _execute_command(self, params: types.ExecuteCommandParams) -> object:
        handler = self._commands.get(params.command)
        if handler is None:
            raise InvalidParams(f"command: there is no command {params.command}")
        return handler(params)

    def _shutdown(self, _params: Json) -> None:
        self._peer.shutting_down = True
        self._peer.cancel_running()

    def _exit(self, _params: Json) -> None:
        self.part(0 if self._peer.shutting_down else 1)

    async def _watch_parent(self, pid: int) -> None:
        """End with the client's process; where that cannot be seen, the end of its stream tells of it."""
        if await self._see_end(Process(pid)):
            _log.warning("The client's process %d is gone.", pid)
            self.part(1)


def serve(build: Callable[[Host], Awaitable[None]], see_end: SeeEnd, *, grace_s: float = 10.0) -> int:
    """Serve the client on this process's standard streams and return the exit code.

    `build` registers the features, before the first message is read; it may start tasks in the host's
    groups. The exit code is 0 after `shutdown` and `exit`, 1 when the client went without `shutdown`, 143
    after SIGTERM, 130 after SIGINT, 129 after SIGHUP, by which a terminal takes its client along. The process belongs
    to the server: from the moment it is to end, it has `grace_s` left, whatever still runs in it.
    """
    return anyio.run(_serve, build, see_end, grace_s)


async def _serve(build: Callable[[Host], Awaitable[None]], see_end: SeeEnd, grace_s: float) -> int:
    fd_in, fd_out = claim_stdio()
    inbox = Inbox()
    loop = asyncio.get_running_loop()
    outbox = Outbox(fd_out, lost=lambda: _post(loop, host.part, 1))
    services, task_group = anyio.create_task_group(), anyio.create_task_group()
    host = Host(inbox, outbox, task_group, services, see_end, grace_s)
    try:
        async with services:
            async with task_group:
                await task_group.start(_end_on_signal, host)
                await build(host)
                threading.Thread(target=_read, args=(fd_in, inbox), name="lsp-in", daemon=True).start()
                await host.run()
            services.cancel_scope.cancel()
    finally:
        outbox.close(_FLUSH_S)
    return host.exit_code


async def _end_on_signal(host: Host, *, task_status: TaskStatus[None]) -> None:
    number = await wait_signal(task_status=task_status)
    end = host.part if number == HANG_UP else host.stop
    end(128 + number)


def _read(fd: int, inbox: Inbox) -> None:
    """Feed the inbox until the client's stream ends; the body of the reader thread."""
    try:
        for body in read_frames(fd):
            inbox.put(body)
    except BadFrame as error:
        _log.error("The client's stream is unreadable: %s.", error)
    finally:
        inbox.end()


def _post(loop: asyncio.AbstractEventLoop, call: Callable[[int], None], argument: int) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(call, argument)


def _reading(handler: Callable[[P], object] | Callable[[Json], object], kind: type[P] | None) -> Handler:
    """Return a handler that reads the client's JSON as `kind` first, where there is one."""
    if kind is None:
        return cast("Handler", handler)
    typed = cast("Callable[[P], object]", handler)
    return lambda params: typed(read_params(params, kind))
