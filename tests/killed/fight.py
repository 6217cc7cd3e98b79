"""Two servers on one workspace that want to go on with the same mission at the same moment, again and again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, cast

import anyio

from podium.lsp.client import RequestFailed, ServerDied
from tests.killed.job import MORTAL, SERVE, Place, follow, live, serving

Fate: TypeAlias = Literal["carried on", "killed while it carried on", "refused", "killed"]


@dataclass
class Round:
    """What became of both servers, and what the refused one said; `mission` is there where it ended."""

    fates: list[Fate] = field(default_factory=list[Fate])
    refusals: list[str] = field(default_factory=list[str])
    mission: Mapping[str, Any] | None = None

    @property
    def is_fair(self) -> bool:
        """Whether one server carried the mission to its end at most, and none was refused in favour of nobody.

        One that was killed while it carried on leaves the mission to the other.
        """
        if "carried on" in self.fates:
            return self.fates.count("carried on") == 1
        return "killed" in self.fates or "killed while it carried on" in self.fates


class _Start:
    """Lets two go when both are there, or one of them will never be."""

    def __init__(self) -> None:
        self._n = 0
        self._both = anyio.Event()

    def arrive(self) -> None:
        self._n += 1
        if self._n == 2:
            self._both.set()

    async def wait(self) -> None:
        self.arrive()
        await self._both.wait()


async def fight(there: Place, deaths: Sequence[tuple[str, str]]) -> list[Round]:
    """Interrupt the mission, have two servers fight for it until it has ended, and return the rounds.

    In each round, both servers die at the moment that `deaths` names (as `tests.killed.mortal` takes it); when those
    are used up, they live.
    """
    await live(there, (*MORTAL, "6", "after"))
    rounds: list[Round] = []
    while not (rounds and rounds[-1].mission):
        death = deaths[len(rounds)] if len(rounds) < len(deaths) else None
        start, now = _Start(), Round()
        async with anyio.create_task_group() as both:
            for _ in range(2):
                both.start_soon(_contend, there, (*MORTAL, *death) if death else SERVE, start, now)
        rounds.append(now)
        if not death:
            break
    return rounds


async def _contend(there: Place, serve: Sequence[str], start: _Start, now: Round) -> None:
    fate: Fate = "killed"
    arrived = False
    try:
        async with serving(there, serve) as (client, events):
            listed = cast("list[dict[str, Any]]", (await client.execute("podium.missions", {}))["missions"])
            mission_id = str(listed[0]["missionId"])
            arrived = True
            await start.wait()
            try:
                await client.execute("podium.resume", {"missionId": mission_id})
            except RequestFailed as refusal:
                if "ended before it answered" not in str(refusal):
                    fate = "refused"
                    now.refusals.append(str(refusal))
            else:
                fate = "killed while it carried on"
                now.mission, _ = await follow(client, events, mission_id)
                fate = "carried on"
    except* (ServerDied, RequestFailed):
        pass
    finally:
        if not arrived:
            start.arrive()
        now.fates.append(fate)
