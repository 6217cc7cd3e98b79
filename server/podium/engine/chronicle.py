"""The missions of a workspace as the journal has them, whichever server carried them out.

Servers share the journal. What another one wrote is read when somebody asks, or as soon as it says that there is
something (`engine.elsewhere`). In memory are the missions of which something is open, and those that were settled
last; of all others the journal keeps a summary (`domain.summary`), and their records are folded again for who wants
to see more.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import anyio
import anyio.to_thread

from podium.domain.events import Event, MissionInterrupted, Process, Record
from podium.domain.mission import MissionState, Question, fold, replay
from podium.domain.summary import edition, from_line, is_settled, summary_of, to_line
from podium.errors import UserError
from podium.ports import Journal

AT_HAND = 4
"""How many settled missions stay in memory: what was settled last is looked at next."""

_DIED = MissionInterrupted("Podium was ended while the mission ran.")


class Chronicle:
    """The missions, each up to the record that was read last. Missions in `running` run here.

    `heard` gets what others wrote since the first `catch_up`, when it is read.
    `states` are those at hand; `unreadable` says of each mission whose records cannot be read why that is so.
    """

    def __init__(
        self,
        journal: Journal,
        process_lives: Callable[[Process], bool],
        running: Mapping[str, object],
        heard: Callable[[Record], None] = lambda _: None,
    ) -> None:
        self.states: dict[str, MissionState] = {}
        self.unreadable: dict[str, str] = {}
        self._journal = journal
        self._process_lives = process_lives
        self._running = running
        self._heard = heard
        self._n_read: dict[str, int] = {}
        self._ranks: dict[str, int] = {}
        self._settled: list[str] = []
        self._unsummarized: dict[str, tuple[int, str]] = {}
        self._stranded: dict[str, MissionInterrupted] = {}
        self._opened = False
        self._reading = anyio.Lock()

    def tell(self, record: Record, state: MissionState) -> None:
        """Take the state of a mission that runs here, after its latest record."""
        self.states[state.id] = state
        self._n_read[state.id] = record.seq

    async def catch_up(self) -> None:
        """Read what other servers wrote; a mission whose server is gone is interrupted.

        Raises:
            UserError: the journal cannot be read. Where that is so of single missions, the others can be used.
        """
        async with self._reading:
            opened = self._opened
            known = self._n_read.keys() - self._running.keys()  # what begins from here on is not looked for
            found = await self._journal.missions()
            if not self._opened:
                summaries = await self._journal.summaries(edition())
                self._n_read = {mission_id: found[mission_id] for mission_id in summaries}
                self._opened = True
            self._ranks = {mission_id: rank for rank, mission_id in enumerate(found)}
            for mission_id in known - found.keys():
                self._forget(mission_id)
            for mission_id, last in found.items():
                if mission_id in self._running:
                    continue
                try:
                    await self._follow(mission_id, last, told=opened)
                except UserError as problem:
                    self.unreadable[mission_id] = str(problem)
                else:
                    self.unreadable.pop(mission_id, None)
            await self._summarize()

    async def follow(self, latest: Mapping[str, int]) -> None:
        """Read on in single missions, each up to the record with this number at least.

        Raises:
            UserError: the journal cannot be read.
        """
        if not latest.keys() <= self._n_read.keys():
            await self.catch_up()
        async with self._reading:
            for mission_id, last in latest.items():
                if mission_id not in self._running and mission_id in self._n_read:
                    await self._follow(mission_id, last)
            await self._summarize()

    async def _follow(self, mission_id: str, last: int, *, told: bool = True) -> None:
        if self._n_read.get(mission_id, 0) < last:
            await self._read_on(mission_id, told=told)
        state = self.states.get(mission_id)
        if state is None:
            return
        if (interrupted := self._stranded.get(mission_id)) is not None:
            with suppress(UserError):
                written = await self._journal.append(
                    mission_id, [interrupted], after=self._n_read[mission_id]
                )
                del self._stranded[mission_id]
                await self._read_on(mission_id, own=written, told=told)
        elif not (state.ending or state.interrupted) and not self._process_lives(state.process):
            # Another server may see the same at the same time; one of them writes it down. Where the journal
            # takes nothing now, the mission is shown as it stands there.
            with suppress(UserError):
                await self._journal.append(mission_id, [_DIED], after=self._n_read[mission_id])
            await self._read_on(mission_id, told=told)
        self._settle(mission_id)

    def strand(self, mission_id: str, interrupted: MissionInterrupted) -> int:
        """Take a mission for interrupted whose journal takes nothing, and record that as soon as it does.

        Return the number that the record will have.
        """
        state = self.states[mission_id]
        self.states[mission_id] = fold(state, interrupted, state.last_at)
        self._stranded[mission_id] = interrupted
        return self._n_read[mission_id] + 1

    async def settle(self, mission_id: str) -> None:
        """Let a mission that does not run go from memory, soon, if nothing of it is open any more."""
        async with self._reading:
            self._settle(mission_id)
            await self._summarize()

    async def _summarize(self) -> None:
        summaries, self._unsummarized = self._unsummarized, {}
        if summaries:
            await self._journal.summarize(edition(), summaries)

    def _settle(self, mission_id: str) -> None:
        state = self.states.get(mission_id)
        if state is None or not is_settled(state):
            return
        if mission_id not in self._settled:
            self._settled.append(mission_id)
            self._unsummarized[mission_id] = (self._n_read[mission_id], to_line(summary_of(state)))
        while len(self._settled) > AT_HAND:
            oldest = self._settled.pop(0)
            if is_settled(self.states[oldest]) and oldest not in self._running:
                del self.states[oldest]

    def _forget(self, mission_id: str) -> None:
        """Let go of a mission that is not in the journal any more."""
        self._n_read.pop(mission_id)
        self.states.pop(mission_id, None)
        if mission_id in self._settled:
            self._settled.remove(mission_id)

    def knows(self, mission_id: str) -> bool:
        """Return whether there is such a mission."""
        return mission_id in self.unreadable or mission_id in self._n_read

    def put_away(self, mission_id: str) -> bool:
        """Return whether this is a settled mission that is not at hand."""
        return mission_id in self._n_read and mission_id not in self.states

    async def whole(self, mission_id: str) -> MissionState:
        """Return a mission with everything.

        Raises:
            UserError: there is no such mission, or its records cannot be read.
        """
        if mission_id in self.unreadable:
            raise UserError(self.unreadable[mission_id])
        if not self.put_away(mission_id):
            return self.at_hand(mission_id)
        return replay(mission_id, await self._journal.read(mission_id))

    async def latest(self, mission_id: str) -> MissionState:
        """Return a mission with everything, as it is now, whichever server carried it out.

        Raises:
            UserError: there is no such mission, or its records cannot be read.
        """
        await self.catch_up()
        return await self.whole(mission_id)

    def at_hand(self, mission_id: str) -> MissionState:
        """Return a mission that is at hand.

        Raises:
            UserError: it is not, or its records cannot be read.
        """
        if mission_id in self.unreadable:
            raise UserError(self.unreadable[mission_id])
        if mission_id not in self.states:
            raise UserError(f"There is no mission {mission_id!r}; podium.missions lists them.")
        return self.states[mission_id]

    def owner_of(self, finding_id: str) -> MissionState:
        """Return the mission that a finding belongs to.

        Raises:
            UserError: there is no such finding.
        """
        for state in self.states.values():
            if finding_id in state.findings and not state.imported:
                return state
        raise UserError(f"There is no finding {finding_id!r}.")

    def question(self, question_id: str) -> tuple[MissionState, Question]:
        """Return an open question with its mission.

        Raises:
            UserError: there is no such open question.
        """
        for state in self.states.values():
            if question_id in state.questions:
                return state, state.questions[question_id]
        raise UserError(f"There is no open question {question_id!r}.")

    def newest_first(self) -> list[MissionState]:
        """Return the missions at hand; they are in the order in which they began, whatever their clocks said."""
        newest = len(self._ranks)
        return sorted(self.states.values(), key=lambda s: self._ranks.get(s.id, newest), reverse=True)

    async def in_short(self) -> list[MissionState]:
        """Return all missions, newest first; those that are not at hand without their changes and results."""
        lines = await self._journal.summaries(edition())
        away = [mission_id for mission_id in self._n_read if mission_id not in self.states]
        summaries = await anyio.to_thread.run_sync(_read_summaries, {i: lines[i] for i in away if i in lines})
        for mission_id in away:
            if mission_id not in summaries:
                summaries[mission_id] = summary_of(replay(mission_id, await self._journal.read(mission_id)))
        newest = len(self._ranks)
        everything = {**summaries, **self.states}.values()
        return sorted(everything, key=lambda s: self._ranks.get(s.id, newest), reverse=True)

    async def add(self, mission_id: str, event: Event) -> Record:
        """Record an event of a mission that does not run, fold it in, and return its record."""
        async with self._reading:
            (record,) = await self._journal.append(mission_id, [event])
            await self._read_on(mission_id, own=[record])
            if mission_id in self._settled:
                self._settled.remove(mission_id)  # so that it is summarized again
            return record

    async def _read_on(self, mission_id: str, *, own: Sequence[Record] = (), told: bool = True) -> None:
        """Read what a mission has more; what others wrote is heard of where it is `told`, and not `own`."""
        state = self.states.get(mission_id)
        known = self._n_read.get(mission_id, 0)
        n_read = known if state else 0
        state = state or MissionState(mission_id)
        records = await self._journal.read(mission_id, n_read)
        if mission_id in self._running:  # it goes on here since, and tells itself what it records
            return
        for record in records:
            state, n_read = fold(state, record.event, record.at), record.seq
        self.states[mission_id], self._n_read[mission_id] = state, n_read
        mine = {record.seq for record in own}
        for record in records:
            if told and record.seq > known and record.seq not in mine:
                self._heard(record)


def _read_summaries(lines: Mapping[str, str]) -> dict[str, MissionState]:
    """Return the summaries in `lines`; those that are damaged are left out."""
    found: dict[str, MissionState] = {}
    for mission_id, line in lines.items():
        with suppress(ValueError):
            found[mission_id] = from_line(line)
    return found
