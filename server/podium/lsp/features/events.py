"""`podium/event`: every event of every mission, for clients that announce that they want them."""

from collections.abc import Mapping
from typing import cast

from pydantic import TypeAdapter

from podium.domain.events import Record, to_json
from podium.domain.messages import Json
from podium.engine.conductor import Conductor
from podium.lsp.host import Host
from podium.lsp.protocol import EventParams

_OBJECT: TypeAdapter[dict[str, Json]] = TypeAdapter(dict[str, Json])


def follow(host: Host, conductor: Conductor) -> None:
    """Send the events of `conductor`'s missions if the client's capabilities ask for them."""
    if not _wanted(host.client.experimental):
        return

    def show(record: Record) -> None:
        event = _OBJECT.validate_json(to_json(record.event))
        params = EventParams(mission_id=record.mission_id, seq=record.seq, at=record.at, event=event)
        host.notify("podium/event", params)

    conductor.subscribe(host.guarded("events", show))


def _wanted(experimental: object) -> bool:
    if not isinstance(experimental, Mapping):
        return False
    ours = cast("Mapping[str, object]", experimental).get("podium")
    return isinstance(ours, Mapping) and bool(cast("Mapping[str, object]", ours).get("events"))
