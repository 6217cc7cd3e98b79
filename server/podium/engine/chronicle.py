"""The missions of a workspace as the journal has them, whichever server carried them out.

Servers share the journal and nothing else. What another one wrote is read when somebody asks; nobody is told
of it meanwhile.
"""

from collections.abc import Callable, Container
from contextlib import suppress

import anyio

from podium.domain.events import Event, MissionEnded, Process, Record
from podium.domain.mission import MissionState, fold
from podium.errors import UserError
from podium.ports import Journal

_DIED = MissionEnded("stopped", "Podium was ended while the mission ran.")


class Chronicle:
    """The state of every mission, up to the record that was read last. Missions in `running` run here.

    `unreadable` says of each mission whose records cannot be read why that is so.
    """

    def __init__(
        self, journal: Journal, process_lives: Callable[[Process], bool], running: Container[str]
    ) -> None:
        self.states: dict[str, MissionState] = {}
        self.unreadable: dict[str, str] = {}
        self._journal = journal
        self._process_lives = process_lives
        self._running = running
        self._n_read: dict[str, int] = {}
        self._ranks: dict[str, int] = {}
        self._reading = anyio.Lock()

    def tell(self, record: Record, state: MissionState) -> None:
        """Take the state of a mission that runs here, after its latest record."""
        self.states[state.id] = state
        self._n_read[state.id] = record.seq

    async def catch_up(self) -> None:
        """Read what other servers wrote; a mission whose server is gone is ended.

        Raises:
            UserError: the journal cannot be read. Where that is so of single missions, the others can be used.
        """
        async with self._reading:
            found = await self._journal.missions()
            self._ranks = {mission_id: rank for rank, mission_id in enumerate(found)}
            for mission_id, last in found.items():
                if mission_id in self._running:
                    continue
                try:
                    await self._follow(mission_id, last)
                except UserError as problem:
                    self.unreadable[mission_id] = str(problem)
                else:
                    self.unreadable.pop(mission_id, None)

    async def _follow(self, mission_id: str, last: int) -> None:
        if self._n_read.get(mission_id, 0) < last:
            await self._read_on(mission_id)
        state = self.states[mission_id]
        if not state.ending and not self._process_lives(state.process):
            # Another server may see the same at the same time; one of them writes it down. Where the journal
            # takes nothing now, the mission is shown as it stands there.
            with suppress(UserError):
                await self._journal.append(mission_id, [_DIED], after=self._n_read[mission_id])
            await self._read_on(mission_id)

    def newest_first(self) -> list[MissionState]:
        """Return all missions; they are in the order in which they began, whatever their clocks said."""
        newest = len(self._ranks)
        return sorted(self.states.values(), key=lambda s: self._ranks.get(s.id, newest), reverse=True)

    async def add(self, mission_id: str, event: Event) -> Record:
        """Record an event of a mission that has ended, fold it in, and return its record."""
        async with self._reading:
            (record,) = await self._journal.append(mission_id, [event])
            await self._read_on(mission_id)
            return record

    async def _read_on(self, mission_id: str) -> None:
        state = self.states.get(mission_id, MissionState(mission_id))
        n_read = self._n_read.get(mission_id, 0)
        for record in await self._journal.read(mission_id, n_read):
            state, n_read = fold(state, record.event, record.at), record.seq
        self.states[mission_id], self._n_read[mission_id] = state, n_read
