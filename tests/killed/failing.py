"""The mission on a disk that takes nothing from one of its writes on, until it is mended."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from podium.domain.messages import Json
from podium.lsp.client import Client, RequestFailed
from tests.killed.job import MORTAL, SERVE, Events, Place, follow, serving
from tests.killed.mortal import FAILING

ADVICE = {"full": "free some space", "broken": "check its disk"}


@dataclass
class Failure:
    """What came of it: what the user was `told`, and the mission at its end.

    `n_again` is how many answers were asked for again although the journal had them, `n_lost` how many it could not
    take; `n_stops` how often the mission stopped.
    """

    told: list[str] = field(default_factory=list[str])
    mission: Mapping[str, Any] | None = None
    n_again: int = 0
    n_lost: int = 0
    n_stops: int = 0

    def is_clear(self, fault: str) -> bool:
        """Whether the user was told what is wrong and what to do, each time."""
        return bool(self.told) and all(ADVICE[fault.partition("-")[0]] in said for said in self.told)


async def fail(there: Place, n_write: int, fault: str, n_requests: int) -> Failure:
    """Carry the mission out on a disk that fails at a write; it is mended whenever somebody is told.

    A mission that stops goes on in the same server, and after every second write in another one.
    """
    failure = Failure()

    def told(what: object) -> None:
        failure.told.append(str(what))
        for failing in there.state.rglob(FAILING):
            failing.unlink()

    async with serving(there, (*MORTAL, str(n_write), fault)) as (client, events):
        goal: dict[str, Json] = {"goal": "Correct the texts."}
        try:
            started = await client.execute("podium.task", goal)
        except RequestFailed as refusal:
            told(refusal)
            started = await client.execute("podium.task", goal)
        mission_id = str(started["missionId"])
        failure.mission, _ = await follow(client, events, mission_id, told)
        if failure.mission["status"] != "interrupted":
            return failure
        failure.n_stops = 1
        told(failure.mission["reason"])
        if n_write % 2:
            await _go_on(there, client, events, mission_id, n_requests, failure)
            return failure
    async with serving(there, SERVE) as (client, events):
        await _go_on(there, client, events, mission_id, n_requests, failure)
    return failure


async def _go_on(
    there: Place, client: Client, events: Events, mission_id: str, n_requests: int, failure: Failure
) -> None:
    mission: dict[str, Json] = {"missionId": mission_id}
    shown = await client.execute("podium.show", mission)
    n_answered = cast("dict[str, Any]", shown["spent"])["modelRequests"]
    n_asked = len(there.asked)
    failure.n_lost = n_asked - n_answered
    await client.execute("podium.resume", mission)
    failure.mission, _ = await follow(client, events, mission_id)
    failure.n_again = max(0, len(there.asked) - n_asked - (n_requests - n_answered))
