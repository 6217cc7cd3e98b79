"""The JSON-RPC peer: what becomes of each message, and every error in one place.

pygls' own protocol class is not used. It answers invalid params with a popup instead of a response, takes
nested objects for messages, renames keys, hangs on null results and drops requests after `shutdown`; what
would remain after correcting that is the name. What pygls does well, the computation of the server's
capabilities from its features, is used by `host`.

Messages are handled one at a time in the order of their arrival. A plain function runs to its end before
the next message is looked at; a coroutine function is started at once and runs up to its first wait, so
that both see the documents as they were when the client asked.
"""

import itertools
import logging
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import TypeAlias, TypeVar, assert_never

import anyio
from anyio.abc import TaskGroup
from anyio.lowlevel import checkpoint

from podium.domain.events import Record
from podium.domain.messages import Json
from podium.errors import UserError
from podium.lsp import messages as rpc
from podium.lsp.inbox import CANCEL_REQUEST, Inbox, cancelled_id
from podium.lsp.messages import (
    Answer,
    Incoming,
    Malformed,
    MessageId,
    Notification,
    Refusal,
    Request,
    RpcError,
)
from podium.lsp.transport import Outbox
from podium.lsp.wire import Unreadable, encode, read_result
from podium.ports import Subscriber

_log = logging.getLogger(__name__)

Handler: TypeAlias = Callable[[Json], object | Awaitable[object]]
"""Takes the params as they were sent; returns the result, or an awaitable of it."""

T = TypeVar("T")


class AskFailed(Exception):
    """The client did not do what it was asked.

    ├── ClientRefused     it answered with an error
    ├── ClientSilent      it did not answer in time
    └── ClientUnreadable  its answer is not what the method returns
    """


class ClientRefused(AskFailed):
    """The client answered with an error response."""

    def __init__(self, method: str, refusal: Refusal) -> None:
        super().__init__(f"{method}: {refusal.message} ({refusal.code})")
        self.code = refusal.code
        self.data = refusal.data


class ClientSilent(AskFailed):
    """The client did not answer in time; it has been told that nobody waits any more."""


class ClientUnreadable(AskFailed):
    """The client answered with something else than the method's result, such as null."""


@dataclass(slots=True)
class _Asked:
    """A request of ours that waits for its response."""

    answered: anyio.Event = field(default_factory=anyio.Event)
    response: Answer | Refusal | None = None


@dataclass(slots=True)
class Routes:
    """Who handles what: one handler for a request, any number for a notification, in their order."""

    requests: dict[str, Handler] = field(default_factory=dict[str, Handler])
    notifications: dict[str, list[Handler]] = field(default_factory=dict[str, list[Handler]])


class Peer:
    """The client, as this side sees it: its messages go to handlers, ours go into the outbox.

    Handlers' coroutines run in `tasks`. Everything here belongs to the event loop, but `notify` and
    `notify_if_room` may be called from any thread.
    """

    def __init__(self, inbox: Inbox, outbox: Outbox, tasks: TaskGroup, routes: Routes) -> None:
        self._inbox = inbox
        self._outbox = outbox
        self._tasks = tasks
        self._routes = routes
        self._running: dict[MessageId, anyio.CancelScope] = {}
        self._asked: dict[MessageId, _Asked] = {}
        self._ids = itertools.count(1)
        self.initialized = False
        self.shutting_down = False

    @property
    def n_open(self) -> int:
        """How many requests are open in either direction."""
        return len(self._running) + len(self._asked)

    async def receive(self) -> None:
        """Handle messages until the client's stream ends."""
        while (message := await self._inbox.get()) is not None:
            self._handle(message)
            # A task that was just started gets to its first wait before the next message is handled.
            await checkpoint()

    def notify(self, method: str, params: object = None) -> None:
        """Send a notification."""
        self._outbox.put(encode(_call(method, params)))

    def notify_if_room(self, method: str, params: object = None) -> bool:
        """Send a notification unless the client lags behind; return whether it was sent."""
        return self._outbox.offer(encode(_call(method, params)))

    async def ask(self, method: str, params: object, timeout_s: float) -> object:
        """Send a request and return the client's result, as LSP types it for `method`.

        When the wait ends early, by the timeout or because the caller is cancelled, the client is told
        with `$/cancelRequest`, and an answer that still comes is ignored.

        Raises:
            ClientRefused: the client answered with an error.
            ClientSilent: no answer within `timeout_s`.
            ClientUnreadable: the answer is not a result of this method.
        """
        message_id = f"podium-{next(self._ids)}"
        body = encode({"id": message_id, **_call(method, params)})
        self._asked[message_id] = asked = _Asked()
        try:
            self._outbox.put(body)
            with anyio.fail_after(timeout_s):
                await asked.answered.wait()
        except TimeoutError:
            raise ClientSilent(f"{method}: no answer within {timeout_s:g} s") from None
        finally:
            if self._asked.pop(message_id, None) is not None:
                self.notify(CANCEL_REQUEST, {"id": message_id})
        if isinstance(asked.response, Refusal):
            raise ClientRefused(method, asked.response)
        try:
            return read_result(method, asked.response.result if asked.response else None)
        except Unreadable as error:
            raise ClientUnreadable(f"{method}: {error}") from None

    def cancel_running(self) -> None:
        """Cancel every request of the client that is still being worked on."""
        for scope in list(self._running.values()):
            scope.cancel()

    def _handle(self, message: Incoming) -> None:
        match message:
            case Request():
                self._handle_request(message)
            case Notification():
                self._handle_notification(message)
            case Answer() | Refusal():
                asked = self._asked.pop(message.id, None)
                if asked is None:
                    _log.debug("A late or unasked response: %s", message.id)
                    return
                asked.response = message
                asked.answered.set()
            case Malformed():
                _log.warning("A message that is none: %s", message.message)
                self._refuse(message.id, RpcError(message.code, message.message))
            case _:
                assert_never(message)

    def _handle_request(self, request: Request) -> None:
        with self._answering(request.id, request.method):
            handler = self._admit(request)
            outcome = handler(request.params)
            if isawaitable(outcome):
                self._running[request.id] = scope = anyio.CancelScope()
                self._tasks.start_soon(self._finish, request, outcome, scope, name=request.method)
            else:
                self._respond(request.id, outcome)

    def _admit(self, request: Request) -> Handler:
        """Return the handler of `request`.

        Raises:
            RpcError: it must not be handled now, or there is no handler.
        """
        if self._inbox.withdrawn(request.id):
            raise RpcError(rpc.CANCELLED, "cancelled before it was started")
        if self.shutting_down:
            raise RpcError(rpc.INVALID_REQUEST, "shutting down")
        if self.initialized and request.method == "initialize":
            raise RpcError(rpc.INVALID_REQUEST, "initialize was already answered")
        if not self.initialized and request.method != "initialize":
            raise RpcError(rpc.NOT_INITIALIZED, "initialize must come first")
        if request.id in self._running:
            raise RpcError(rpc.INVALID_REQUEST, f"a request with the id {request.id!r} is still open")
        handler = self._routes.requests.get(request.method)
        if handler is None:
            raise RpcError(rpc.METHOD_NOT_FOUND, f"unknown method {request.method}")
        return handler

    async def _finish(self, request: Request, outcome: Awaitable[object], scope: anyio.CancelScope) -> None:
        with self._answering(request.id, request.method):
            try:
                with scope:
                    self._respond(request.id, await outcome)
                if scope.cancelled_caught:
                    raise RpcError(rpc.CANCELLED, "cancelled")
            finally:
                del self._running[request.id]

    def _handle_notification(self, notification: Notification) -> None:
        if notification.method == CANCEL_REQUEST:
            message_id = cancelled_id(notification.params)
            if message_id is not None:
                self._inbox.forget(message_id)
                if scope := self._running.get(message_id):
                    scope.cancel()
            return
        if notification.method != "exit" and (self.shutting_down or not self.initialized):
            return
        for handler in self._routes.notifications.get(notification.method, ()):
            with self._answering(None, notification.method):
                outcome = handler(notification.params)
                if isawaitable(outcome):
                    self.spawn(notification.method, outcome)

    def spawn(self, name: str, work: Awaitable[object]) -> None:
        """Run `work` as a task of the server; a defect in it is logged and ends nothing else."""
        self._tasks.start_soon(self._guarded, name, work, name=name)

    def guarded(self, name: str, subscriber: Subscriber) -> Subscriber:
        """Return a subscriber whose defects are logged, and go no further."""

        async def show(record: Record) -> None:
            with self._answering(None, name):
                shown = subscriber(record)
                if shown is not None:
                    await shown

        return show

    async def _guarded(self, name: str, work: Awaitable[object]) -> None:
        with self._answering(None, name):
            await work

    @contextmanager
    def _answering(self, message_id: MessageId | None, method: str) -> Generator[None]:
        """Turn what a handler raises into a response; without an id, into an entry of the log."""
        try:
            yield
        except RpcError as error:
            self._refuse_or_log(message_id, method, error)
        except UserError as error:
            self._refuse_or_log(message_id, method, RpcError(rpc.REQUEST_FAILED, str(error)))
        except Exception:  # noqa: BLE001 - a defect in a handler must not end the server
            _log.exception("A defect in the handler of %s", method)
            if message_id is not None:
                self._refuse(
                    message_id, RpcError(rpc.INTERNAL_ERROR, f"{method} failed; see the server's log")
                )
        except anyio.get_cancelled_exc_class():
            if message_id is not None:
                self._refuse(message_id, RpcError(rpc.CANCELLED, "the server is ending"))
            raise

    def _refuse_or_log(self, message_id: MessageId | None, method: str, error: RpcError) -> None:
        if message_id is None:
            _log.warning("%s: %s", method, error.message)
        else:
            self._refuse(message_id, error)

    def _respond(self, message_id: MessageId, result: object) -> None:
        self._outbox.put(encode({"id": message_id, "result": result}))

    def _refuse(self, message_id: MessageId | None, error: RpcError) -> None:
        told: dict[str, object] = {"code": error.code, "message": error.message}
        if error.data is not None:
            told["data"] = error.data
        self._outbox.put(encode({"id": message_id, "error": told}))


def expect(answer: object, kind: type[T]) -> T:
    """Return `answer` where it is a `kind`.

    Raises:
        ClientUnreadable: it is something else.
    """
    if isinstance(answer, kind):
        return answer
    raise ClientUnreadable(f"{kind.__name__} expected, got {type(answer).__name__}")


def _call(method: str, params: object) -> dict[str, object]:
    return {"method": method} if params is None else {"method": method, "params": params}
