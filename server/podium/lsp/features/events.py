"""`podium/event`: every event of every mission, for clients that announce that they want them."""

from collections.abc import Mapping
from typing import cast

import anyio
import anyio.lowlevel
from pydantic import TypeAdapter

from podium.domain.events import MissionContinued, MissionEnded, Record, to_json
from podium.domain.messages import Json
from podium.engine.conductor import Conductor
from podium.lsp.host import Host
from podium.lsp.protocol import EventParams

_OBJECT: TypeAdapter[dict[str, Json]] = TypeAdapter(dict[str, Json])


def follow(host: Host, conductor: Conductor) -> None:
    """Send the events of the missions that `conductor` knows of, if the client's capabilities ask for them.

    Of one that another server carries out already, and of one that goes on after an interruption, those from before
    come first, so that a client has all of it; each event is sent once.
    """
    if _wanted(host.client.experimental):
        _Feed(host, conductor).follow()


class _Feed:
    """What one client is sent; `_sent` numbers the last event of each mission that has not ended."""

    def __init__(self, host: Host, conductor: Conductor) -> None:
        self._host = host
        self._conductor = conductor
        self._sent: dict[str, int] = {}
        self._one = anyio.Lock()

    def follow(self) -> None:
        self._conductor.subscribe(self._host.guarded("events", self._show))
        for state in self._conductor.states():
            if self._conductor.elsewhere(state):
                self._host.spawn("events", self._catch_up(state.id))

    async def _show(self, record: Record) -> None:
        async with self._one:
            if isinstance(record.event, MissionContinued):
                await self._send_past(record.mission_id, until=record.seq)
            self._send(record, past=False)

    async def _catch_up(self, mission_id: str) -> None:
        async with self._one:
            await self._send_past(mission_id, until=None)

    async def _send_past(self, mission_id: str, until: int | None) -> None:
        for record in await self._conductor.records(mission_id):
            if until is None or record.seq < until:
                self._send(record, past=True)
                await anyio.lowlevel.checkpoint()

    def _send(self, record: Record, *, past: bool) -> None:
        if record.seq <= self._sent.get(record.mission_id, 0):
            return
        event = _OBJECT.validate_json(to_json(record.event))
        params = EventParams(
            mission_id=record.mission_id, seq=record.seq, at=record.at, event=event, past=past
        )
        self._host.notify("podium/event", params)
        self._sent[record.mission_id] = record.seq
        if isinstance(record.event, MissionEnded):
            del self._sent[record.mission_id]


def _wanted(experimental: object) -> bool:
    if not isinstance(experimental, Mapping):
        return False
    ours = cast("Mapping[str, object]", experimental).get("podium")
    return isinstance(ours, Mapping) and bool(cast("Mapping[str, object]", ours).get("events"))
