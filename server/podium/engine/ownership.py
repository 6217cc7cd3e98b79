"""Which server a mission belongs to just now, and so where something may be decided about it.

While a mission runs, its own server decides. One that has ended belongs to nobody: whoever decides on it does so alone,
under a lock that all servers on the workspace share.
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager

import anyio

from podium.domain.events import Process
from podium.domain.mission import MissionState
from podium.engine.chronicle import Chronicle
from podium.engine.mission_run import MissionRun
from podium.errors import UserError
from podium.ports import Journal


class Ownership:
    """Says of missions whose they are. Those in `runs` run here, in the server that is `process`."""

    def __init__(
        self,
        runs: Mapping[str, MissionRun],
        chronicle: Chronicle,
        journal: Journal,
        process: Process,
        process_lives: Callable[[Process], bool],
    ) -> None:
        self._runs = runs
        self._chronicle = chronicle
        self._journal = journal
        self._process = process
        self._process_lives = process_lives
        self._deciding = anyio.Lock()

    def elsewhere(self, state: MissionState) -> bool:
        """Return whether another server carries this mission out."""
        runs = not (state.ending or state.interrupted)
        return runs and state.id not in self._runs and state.process != self._process

    def is_own(self, state: MissionState) -> bool:
        """Return whether this server carried the mission out last."""
        return state.process == self._process

    def is_of_another(self, state: MissionState) -> bool:
        """Return whether the server that carried the mission out is another one, and still has its editor."""
        return state.process != self._process and self._process_lives(state.process)

    def require_here(self, state: MissionState, act: str) -> None:
        """Check that no other server carries this mission out.

        Raises:
            UserError: one does; the sentence names what is to be done (`act`) there.
        """
        if self.elsewhere(state):
            raise UserError(
                f"The mission {state.id!r} does not run here but in another Podium (process "
                f"{state.process.id}); {act} there."
            )

    @asynccontextmanager
    async def alone(self) -> AsyncGenerator[None]:
        """Surround what no other server on the workspace may do at the same time.

        Raises:
            UserError: another one decides on missions just now.
        """
        async with self._deciding, self._journal.deciding():
            yield

    @asynccontextmanager
    async def decidable(
        self, mission_id: str, act: str = "decide on its changes"
    ) -> AsyncGenerator[MissionState]:
        """Yield a mission that can be decided on here: one that runs here, or has ended.

        Nobody else decides on one that has ended meanwhile.

        Raises:
            UserError: there is no such mission, or it runs in another process, or one decides just now.
        """
        if (run := self._runs.get(mission_id)) is not None:
            yield run.state
            return
        async with self.alone():
            await self._chronicle.catch_up()
            if not self._chronicle.knows(mission_id):
                raise UserError("There is no such proposal; podium.show lists a mission's proposals.")
            state = await self._chronicle.whole(mission_id)
            self.require_here(state, act)
            if state.imported:
                raise UserError(
                    f"The mission {state.id!r} was imported: it can be shown and replayed, but it speaks of other "
                    "files than those of this workspace."
                )
            yield state
