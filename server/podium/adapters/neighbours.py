"""The other servers on this workspace: each listens on the loopback address, and says where in a file of its own.

The files lie beside the journal, for their owner alone, and hold a secret: who can read one may connect. A server
writes its own file, and then connects to all others that it finds, so that of any two the later one finds the
earlier, and nobody looks a second time. Where none can be written, or nothing can be listened on, this server is on
its own: it sees what others did when somebody asks.

Any program on this machine can connect. Until it has told the secret it may say a line, and take little: there are
never more than a few such connections.
"""

import logging
import os
import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack, suppress
from hmac import compare_digest
from pathlib import Path

import anyio
import anyio.to_thread
from anyio import TASK_STATUS_IGNORED
from anyio.abc import ByteStream, Listener, SocketAttribute, SocketStream, TaskGroup, TaskStatus
from anyio.streams.buffered import BufferedByteReceiveStream
from pydantic import BaseModel, ConfigDict, ValidationError

from podium.adapters.neighbour_link import Link, next_line
from podium.adapters.processes import process_lives, wait_until_gone
from podium.domain.events import Process
from podium.domain.requests import Request
from podium.errors import NotReached
from podium.ports import Hearer

HELLO_S, HELLO_BYTES = 5.0, 4096
"""How long a connection may take to say who it is, and how much it may say."""
STRANGERS = 32
"""How many connections may be about to say who they are; others are closed at once."""
AGAIN_S = 0.5
"""How long nobody is let in after that failed: who knocked is still there, and would be tried without a pause."""
MEET_S = 1.0
"""How long a server that starts waits for the others, which answer in milliseconds unless they are stopped."""

_LOOPBACK = "127.0.0.1"

_log = logging.getLogger(__name__)


class _Hello(BaseModel):
    """Who a server is: what stands in its file, with its port; and what it says first where it connects, without."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    secret: str
    process: int
    started: str = ""
    port: int = 0

    @property
    def sender(self) -> Process:
        return Process(self.process, self.started)


class LocalNeighbours:
    """The other servers whose files lie in `folder`; implements `podium.ports.Neighbours`."""

    def __init__(
        self, folder: Path, process: Process, lives: Callable[[Process], bool] = process_lives
    ) -> None:
        self._folder = folder
        self._process = process
        self._lives = lives
        self._links: list[Link] = []
        self._n_strangers = 0

    def tell(self, mission_id: str, seq: int) -> None:
        """Tell them all that a mission has news: `seq` is the number of its last record."""
        for link in self._links:
            link.tell(mission_id, seq)

    def reaches(self, process: Process) -> bool:
        """Return whether this server is in touch."""
        return any(link.process == process for link in self._links)

    async def ask(self, process: Process, request: Request) -> str:
        """Have another server do something with a mission that it carries out, and return its receipt.

        Raises:
            NotReached: it gave no answer; whether it has done it is not known.
            UserError: it refused.
        """
        for link in self._links:
            if link.process == process:
                return await link.ask(request)
        raise NotReached(f"The Podium with process {process.id} cannot be reached.")

    async def run(self, hearer: Hearer, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """Keep in touch with them until cancelled."""
        try:
            listener = await anyio.create_tcp_listener(local_host=_LOOPBACK)
        except OSError as error:
            _log.warning("other servers on this workspace are not told what happens here: %s", error)
            task_status.started()
            return
        secret = secrets.token_urlsafe(32)
        port = listener.extra(SocketAttribute.local_port)  # noqa: S610 - nothing of Django's
        hello = _Hello(secret=secret, process=self._process.id, started=self._process.started, port=port)

        async def called(stream: ByteStream) -> None:
            await self._called(stream, secret, hearer)

        async with listener, anyio.create_task_group() as tasks:
            tasks.start_soon(_let_in, listener, called, tasks)
            with ExitStack() as announced:
                try:
                    place = await anyio.to_thread.run_sync(self._announce, hello)
                except OSError as error:
                    _log.warning("other servers on this workspace do not find this one: %s", error)
                else:
                    announced.callback(_remove, place)
                    await self._call_all(await anyio.to_thread.run_sync(self._others), hearer, tasks)
                task_status.started()
                await anyio.sleep_forever()

    def _announce(self, hello: _Hello) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        place = self._folder / f"{self._process.id}.json"
        place.unlink(missing_ok=True)
        descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(hello.model_dump_json())
        return place

    def _others(self) -> list[_Hello]:
        """Return the servers that are there; the files of those that are gone are removed."""
        found: list[_Hello] = []
        for place in self._folder.glob("*.json"):
            try:
                hello = _Hello.model_validate_json(place.read_bytes())
            except (OSError, ValidationError):
                continue  # it is being written: that server will find this one
            if hello.sender == self._process:
                continue
            if self._lives(hello.sender):
                found.append(hello)
            else:
                _remove(place)
        return found

    # --- connections --------------------------------------------------------------------------------

    async def _called(self, stream: ByteStream, secret: str, hearer: Hearer) -> None:
        """Let in who knows the secret."""
        async with stream:
            received = BufferedByteReceiveStream(stream)
            hello = await self._hello_of(received)
            if hello is not None and compare_digest(hello.secret.encode(), secret.encode()):
                link = Link(hello.sender, stream, received)
                link.welcome()
                await self._keep(link, hearer, anyio.Event())

    async def _hello_of(self, received: BufferedByteReceiveStream) -> _Hello | None:
        """Return who connects; None where it does not say so, or too many are about to."""
        if self._n_strangers >= STRANGERS:
            return None
        self._n_strangers += 1
        try:
            return _Hello.model_validate_json(await next_line(received, HELLO_S, HELLO_BYTES) or b"")
        except ValidationError:
            return None
        finally:
            self._n_strangers -= 1

    async def _call_all(self, others: Sequence[_Hello], hearer: Hearer, tasks: TaskGroup) -> None:
        """Connect to these servers, and return when all of them have answered that do so at once."""
        calls = [anyio.Event() for _ in others]
        for other, answered in zip(others, calls, strict=True):
            tasks.start_soon(self._call, other, hearer, answered)
        with anyio.move_on_after(MEET_S):
            for answered in calls:
                await answered.wait()

    async def _call(self, other: _Hello, hearer: Hearer, answered: anyio.Event) -> None:
        hello = other.model_copy(update={"process": self._process.id, "started": self._process.started})
        try:
            async with await anyio.connect_tcp(_LOOPBACK, other.port) as stream:
                received = BufferedByteReceiveStream(stream)
                await stream.send(hello.model_dump_json(exclude={"port"}).encode() + b"\n")
                if await next_line(received, HELLO_S) is not None:
                    await self._keep(Link(other.sender, stream, received), hearer, answered)
        except (OSError, anyio.BrokenResourceError) as error:
            _log.info("the Podium with process %d is not reached: %s", other.process, error)
        finally:
            answered.set()

    async def _keep(self, link: Link, hearer: Hearer, met: anyio.Event) -> None:
        """Be in touch with a neighbour until it is gone; `met` is set as soon as it can be asked."""
        self._links.append(link)
        met.set()
        try:
            await link.run(hearer)
        finally:
            self._links.remove(link)
        await wait_until_gone(link.process)
        await hearer.look()


async def _let_in(
    listener: Listener[SocketStream], called: Callable[[ByteStream], Awaitable[None]], tasks: TaskGroup
) -> None:
    """Have `called` see to each connection in `tasks`; a lack of descriptors, or who hangs up at once, ends nothing."""
    while True:
        try:
            await listener.serve(called, tasks)
        except* OSError as errors:
            _log.warning("another server could not be let in: %s", errors.exceptions[0])
        await anyio.sleep(AGAIN_S)


def _remove(place: Path) -> None:
    with suppress(OSError):
        place.unlink()
