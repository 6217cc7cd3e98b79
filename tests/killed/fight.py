"""Two servers on one workspace that want to go on with the same mission at the same moment, again and again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal, TypeAlias, cast

import anyio

from podium.adapters import journal_file
from podium.domain.events import Event, MissionContinued, MissionEnded, MissionInterrupted, Record
from podium.lsp.client import RequestFailed, ServerDied
from tests.killed.job import MORTAL, SERVE, Place, follow, live, serving

Fate: TypeAlias = Literal["carried on", "killed while it carried on", "refused", "killed"]


@dataclass
class Round:
    """What became of both servers, what the refused ones said, and what the journal holds of the mission afterwards.

    `mission` is there where it ended.
    """

    fates: list[Fate] = field(default_factory=list[Fate])
    refusals: list[str] = field(default_factory=list[str])
    mission: Mapping[str, Any] | None = None
    events: Sequence[Event] = ()
    n_before: int = 0
    """How many of the events were there before the round."""

    def foul(self) -> str:
        """Return what is wrong with the round, nothing if the mission had one owner at each time, and one end at most.

        Who takes over must find it interrupted, since its owner is dead; only that one leaves it to another. Nobody
        is refused in favour of nobody.
        """
        owners = [e.process for e in self.events[self.n_before :] if isinstance(e, MissionContinued)]
        n_killed = sum(fate.startswith("killed") for fate in self.fates)
        n_ends = sum(isinstance(event, MissionEnded) for event in self.events)
        if len({*owners}) != len(owners):
            return "one server took it over twice"
        if any(
            isinstance(after, MissionContinued) and not isinstance(before, MissionInterrupted)
            for before, after in pairwise(self.events)
        ):
            return "it was taken over while it ran"
        n_carried = self.fates.count("carried on")
        if len(owners) - n_killed > 1 or not n_carried <= n_ends <= n_carried + n_killed:
            return "it was not carried to its end by one"
        if n_ends > 1 or (n_ends and not isinstance(self.events[-1], MissionEnded)):
            return "it went on after its end"
        if "refused" in self.fates and not owners and not n_killed:
            return "one was refused in favour of nobody"
        return ""


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
        start, now = _Start(), Round(n_before=len(recorded(there)))
        async with anyio.create_task_group() as both:
            for _ in range(2):
                both.start_soon(_contend, there, (*MORTAL, *death) if death else SERVE, start, now)
        now.events = [record.event for record in recorded(there)]
        rounds.append(now)
        if not death:
            break
    return rounds


def recorded(there: Place) -> Sequence[Record]:
    """Return the records of the mission, as the journal has them."""
    path = journal_file.place(there.state, there.root)
    ((mission_id, _),) = journal_file.missions(path)
    return journal_file.read(path, mission_id, 0)


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
