"""`podium/event`: in which order a client gets the events of a mission that goes on after an interruption."""

from collections.abc import Awaitable, Sequence
from typing import cast

import anyio
import anyio.lowlevel
import pytest
from anyio.abc import TaskGroup
from lsprotocol import types

from podium.domain.events import AgentTold, Event, MissionContinued, MissionEnded, MissionStarted, Record
from podium.domain.mission import MissionState
from podium.engine.conductor import Conductor
from podium.lsp.features import events
from podium.lsp.host import Host
from podium.lsp.protocol import EventParams
from podium.ports import Subscriber

pytestmark = pytest.mark.anyio
N_BEFORE = 100


class Server:
    """Host and conductor, as far as the feature sees them: `sent` has the number of each event, and whether it is past.

    The journal is read when `readable` is set. `running` are the missions that another server carries out.
    """

    def __init__(
        self,
        tasks: TaskGroup,
        sent: list[tuple[int, bool]],
        running: Sequence[MissionState] = (),
        recorded: Sequence[Record] = (),
    ) -> None:
        self.client = types.ClientCapabilities(experimental={"podium": {"events": True}})
        self.readable = anyio.Event()
        self.sent = sent
        self._tasks = tasks
        self._running = running
        self._recorded = recorded or [_record(seq, _TOLD) for seq in range(1, N_BEFORE + 3)]
        self._subscriber: Subscriber
        events.follow(cast("Host", self), cast("Conductor", self))

    def guarded(self, _: str, subscriber: Subscriber) -> Subscriber:
        return subscriber

    def subscribe(self, subscriber: Subscriber) -> None:
        self._subscriber = subscriber

    def spawn(self, _: str, work: Awaitable[object]) -> None:
        async def run() -> None:
            await work

        self._tasks.start_soon(run)

    def notify(self, _: str, params: EventParams) -> None:
        self.sent.append((params.seq, params.past))

    def states(self) -> Sequence[MissionState]:
        return self._running

    def elsewhere(self, _: MissionState) -> bool:
        return True

    async def records(self, _: str) -> Sequence[Record]:
        await self.readable.wait()
        return self._recorded

    async def show(self, record: Record) -> None:
        assert self._subscriber(record) is None, "the mission would wait"
        await anyio.lowlevel.checkpoint()


_TOLD = AgentTold("a", {"role": "user", "content": "x"})
BEFORE = [(seq, True) for seq in range(1, N_BEFORE + 1)]


def _record(seq: int, event: Event) -> Record:
    return Record("m", seq, 0.0, event)


async def test_events_from_before_come_first_and_the_mission_does_not_wait_for_them() -> None:
    sent: list[tuple[int, bool]] = []
    async with anyio.create_task_group() as tasks:
        server = Server(tasks, sent)
        await server.show(_record(N_BEFORE + 1, MissionContinued(1)))
        await server.show(_record(N_BEFORE + 2, _TOLD))
        await server.show(Record("other", 1, 0.0, MissionStarted("Mend it", "task", "m", "verified")))
        assert sent == [(1, False)], "of the other mission"
        server.readable.set()
        await anyio.wait_all_tasks_blocked()
        await server.show(_record(N_BEFORE + 3, _TOLD))
    assert sent[1:] == [*BEFORE, *((N_BEFORE + n, False) for n in (1, 2, 3))]


async def test_what_happens_while_earlier_events_are_sent_comes_after_them() -> None:
    sent: list[tuple[int, bool]] = []
    async with anyio.create_task_group() as tasks:
        server = Server(tasks, sent)
        server.readable.set()
        await server.show(_record(N_BEFORE + 1, MissionContinued(1)))
        while not sent:
            await anyio.lowlevel.checkpoint()
        assert len(sent) < N_BEFORE
        await server.show(_record(N_BEFORE + 2, _TOLD))
    assert sent == [*BEFORE, (N_BEFORE + 1, False), (N_BEFORE + 2, False)]


async def test_a_server_that_ends_has_sent_everything() -> None:
    sent: list[tuple[int, bool]] = []
    async with anyio.create_task_group() as tasks:
        server = Server(tasks, sent)
        server.readable.set()
        await server.show(_record(N_BEFORE + 1, MissionContinued(1)))
        while not sent:
            await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()
    assert sent == [*BEFORE, (N_BEFORE + 1, False)]


async def test_what_is_read_of_a_mission_that_has_just_ended_elsewhere_is_not_sent_again_when_it_is_heard_of() -> (
    None
):
    sent: list[tuple[int, bool]] = []
    end = [_record(1, _TOLD), _record(2, MissionEnded("signed_off", "Done."))]
    async with anyio.create_task_group() as tasks:
        server = Server(tasks, sent, [MissionState("m")], end)
        server.readable.set()
        await anyio.wait_all_tasks_blocked()
        for record in [*end, _record(3, _TOLD)]:
            await server.show(record)
    assert sent == [(1, True), (2, True), (3, False)]
