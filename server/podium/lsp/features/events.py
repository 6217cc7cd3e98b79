"""`podium/event`: every event of every mission, for clients that announce that they want them."""

from collections.abc import Mapping
from typing import cast

import anyio.lowlevel
from pydantic import TypeAdapter

from podium.domain.events import MissionContinued, Record, to_json
from podium.domain.messages import Json
from podium.engine.conductor import Conductor
from podium.lsp.host import Host
from podium.lsp.protocol import EventParams

_OBJECT: TypeAdapter[dict[str, Json]] = TypeAdapter(dict[str, Json])


def follow(host: Host, conductor: Conductor) -> None:
    """Send the events of `conductor`'s missions if the client's capabilities ask for them.

    Of one that goes on after an interruption, those from before come first, so that a client has all of it.
    """
    if not _wanted(host.client.experimental):
        return

    def send(record: Record, *, past: bool) -> None:
        event = _OBJECT.validate_json(to_json(record.event))
        params = EventParams(
            mission_id=record.mission_id, seq=record.seq, at=record.at, event=event, past=past
        )
        host.notify("podium/event", params)

    async def show(record: Record) -> None:
        if isinstance(record.event, MissionContinued):
            for earlier in await conductor.records(record.mission_id):
                if earlier.seq < record.seq:
                    send(earlier, past=True)
                    await anyio.lowlevel.checkpoint()
        send(record, past=False)

    conductor.subscribe(host.guarded("events", show))


def _wanted(experimental: object) -> bool:
    if not isinstance(experimental, Mapping):
        return False
    ours = cast("Mapping[str, object]", experimental).get("podium")
    return isinstance(ours, Mapping) and bool(cast("Mapping[str, object]", ours).get("events"))
