"""Messages between the reader thread and the event loop, in the order in which they arrived.

Frames are parsed in the reader thread, so that a cancellation is known as soon as it has been read, even
while the request it withdraws still waits behind others: such a request is never started.
"""

import asyncio  # noqa: TID251 - the one way to wake the loop from a thread that anyio does not own
import threading
from collections import deque

import anyio

from podium.domain.messages import Json
from podium.lsp.messages import Incoming, MessageId, Notification, parse, valid_id

CANCEL_REQUEST = "$/cancelRequest"
_MAX_WAITING = 4096


class Inbox:
    """A queue with one reader on the loop. Create it on the loop; `put` and `end` belong to a thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._room = threading.Semaphore(_MAX_WAITING)
        self._waiting: deque[Incoming] = deque()
        self._withdrawn: set[MessageId] = set()
        self._arrived: anyio.Event | None = None
        self._ended = False

    def put(self, body: bytes) -> None:
        """Add the message in the frame `body`; blocks while thousands wait already."""
        message = parse(body)
        self._room.acquire()
        with self._lock:
            self._waiting.append(message)
            if isinstance(message, Notification) and message.method == CANCEL_REQUEST:
                cancelled = cancelled_id(message.params)
                if cancelled is not None:
                    self._withdrawn.add(cancelled)
            self._wake()

    def end(self) -> None:
        """Say that nothing more will come; `get` returns None after the last message."""
        with self._lock:
            self._ended = True
            self._wake()

    async def get(self) -> Incoming | None:
        """Return the next message, or None when the stream has ended."""
        while True:
            with self._lock:
                if self._waiting:
                    self._room.release()
                    return self._waiting.popleft()
                if self._ended:
                    return None
                self._arrived = arrived = anyio.Event()
            await arrived.wait()

    def withdrawn(self, message_id: MessageId) -> bool:
        """Return whether a cancellation of `message_id` was read but not yet taken out of the queue."""
        return message_id in self._withdrawn

    def forget(self, message_id: MessageId) -> None:
        """Forget the cancellation of `message_id`: it has been dealt with."""
        with self._lock:
            self._withdrawn.discard(message_id)

    def _wake(self) -> None:
        if self._arrived is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._arrived.set)
            self._arrived = None


def cancelled_id(params: Json) -> MessageId | None:
    """Return the id that a `$/cancelRequest` names, or None where it names none."""
    return valid_id(params.get("id")) if isinstance(params, dict) else None
