"""`podium/event`: every event of every mission, for clients that announce that they want them."""

from collections import deque
from collections.abc import Mapping
from typing import cast

import anyio.lowlevel
from pydantic import TypeAdapter

from podium.domain.events import MissionContinued, MissionEnded, Record, to_json
from podium.domain.messages import Json
from podium.engine.conductor import Conductor
from podium.lsp.host import Host
from podium.lsp.protocol import EventParams

_AT_ONCE = 20
"""How many events from before are sent without a look at what else is to be done: about a millisecond's work."""

_OBJECT: TypeAdapter[dict[str, Json]] = TypeAdapter(dict[str, Json])


def follow(host: Host, conductor: Conductor) -> None:
    """Send the events of the missions that `conductor` knows of, if the client's capabilities ask for them.

    Of one that another server carries out already, and of one that goes on after an interruption, those from before
    come first, so that a client has all of it; each event is sent once. The mission does not wait for that: what
    happens meanwhile is sent after them.
    """
    if _wanted(host.client.experimental):
        _Feed(host, conductor).follow()


class _Feed:
    """What one client is sent.

    `_sent` numbers the last event of each mission of which one may come again; `_waiting` has the events of missions of
    which earlier ones are still to be sent.
    """

    def __init__(self, host: Host, conductor: Conductor) -> None:
        self._host = host
        self._conductor = conductor
        self._sent: dict[str, int] = {}
        self._waiting: dict[str, deque[Record]] = {}

    def follow(self) -> None:
        self._conductor.subscribe(self._host.guarded("events", self._show))
        for state in self._conductor.states():
            if self._conductor.elsewhere(state):
                self._begin_with_the_past(state.id)

    def _show(self, record: Record) -> None:
        if (waiting := self._waiting.get(record.mission_id)) is not None:
            waiting.append(record)
        elif isinstance(record.event, MissionContinued):
            self._begin_with_the_past(record.mission_id, record)
        else:
            self._send(record, past=False)

    def _begin_with_the_past(self, mission_id: str, *waiting: Record) -> None:
        self._waiting[mission_id] = deque(waiting)
        self._host.spawn("events", self._catch_up(mission_id))

    async def _catch_up(self, mission_id: str) -> None:
        """Send what was recorded before, then what waits; all at once where the server ends."""
        waiting = self._waiting[mission_id]
        past: deque[Record] = deque()
        try:
            records = await self._conductor.records(mission_id)
            past += (record for record in records if not waiting or record.seq < waiting[0].seq)
            while past:
                self._send_past(past, _AT_ONCE)
                await anyio.lowlevel.checkpoint()
        finally:
            self._send_past(past, len(past))
            for record in self._waiting.pop(mission_id):
                self._send(record, past=False)

    def _send_past(self, past: deque[Record], at_most: int) -> None:
        for _ in range(min(at_most, len(past))):
            self._send(past.popleft(), past=True)

    def _send(self, record: Record, *, past: bool) -> None:
        if record.seq <= self._sent.get(record.mission_id, 0):
            return
        event = _OBJECT.validate_json(to_json(record.event))
        params = EventParams(
            mission_id=record.mission_id, seq=record.seq, at=record.at, event=event, past=past
        )
        self._host.notify("podium/event", params)
        self._sent[record.mission_id] = record.seq
        if isinstance(record.event, MissionEnded) and not past:  # an end that was read may be heard of
            del self._sent[record.mission_id]


def _wanted(experimental: object) -> bool:
    if not isinstance(experimental, Mapping):
        return False
    ours = cast("Mapping[str, object]", experimental).get("podium")
    return isinstance(ours, Mapping) and bool(cast("Mapping[str, object]", ours).get("events"))
