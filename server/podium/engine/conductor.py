"""The conductor: starts and finds the missions of one workspace, and puts together what is done with them.

What the user wants of a mission are `orders`, what waits for review are `proposals`, and old missions lie in the
`archive`. Missions of another server that lives are shown, and that server is asked to steer them. Nothing here
decides what a mission does.
"""

import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import anyio
from anyio.abc import TaskGroup

from podium.config import Settings
from podium.domain.events import Process, Record
from podium.domain.mission import MissionState, Question
from podium.domain.mission_request import MissionRequest
from podium.engine.archive import Archive
from podium.engine.chronicle import Chronicle
from podium.engine.elsewhere import Alone, Elsewhere
from podium.engine.mission_run import MissionRun
from podium.engine.orders import Orders
from podium.engine.ownership import Ownership
from podium.engine.proposals import ProposalDesk
from podium.engine.publication import Publication
from podium.engine.running import Running
from podium.engine.services import Services
from podium.engine.undo import Undoing, turn
from podium.ports import Neighbours, Subscriber

_THIS = Process(os.getpid())


class Conductor:
    """All missions of a workspace. Enter it before use; leaving it interrupts what still runs.

    A `detached` one has no editor: an editor's server takes its missions over when there is one.
    """

    def __init__(
        self,
        services: Services,
        process_lives: Callable[[Process], bool],
        process: Process = _THIS,
        neighbours: Neighbours | None = None,
        *,
        detached: bool = False,
    ) -> None:
        neighbours = neighbours or Alone()
        journal = services.journal
        self._services = services
        self._runs: dict[str, MissionRun] = {}
        self._chronicle = Chronicle(journal, process_lives, self._runs, lambda r: self._elsewhere.take(r))
        self._publication = Publication(self._chronicle, self._runs, neighbours.tell)
        self._ownership = Ownership(self._runs, self._chronicle, journal, process, process_lives)
        self._running = Running(
            services, self._runs, self._chronicle, self._publication, process, detached=detached
        )
        self._elsewhere = Elsewhere(
            neighbours, self._chronicle, journal, self._publication.show, lambda r: self.orders.carry_out(r)
        )
        self._turning = anyio.Lock()
        self._listening: TaskGroup
        self.orders = Orders(
            services, self._running, self._chronicle, self._publication, self._ownership, self._elsewhere
        )
        self.archive = Archive(journal, self._chronicle, self._ownership, services.mask)
        self.proposals = ProposalDesk(
            services.front_end, services.workspace, self._ownership.decidable, self._publication.add
        )

    async def __aenter__(self) -> "Conductor":
        await self.catch_up()
        self._listening = await anyio.create_task_group().__aenter__()
        await self._running.__aenter__()
        await self._listening.start(self._elsewhere.run)
        return self

    async def __aexit__(self, *exception: object) -> None:
        try:
            await self._running.__aexit__(*exception)
        finally:
            self._listening.cancel_scope.cancel()
            await self._listening.__aexit__(None, None, None)

    def subscribe(self, subscriber: Subscriber) -> None:
        """Have every record of every mission shown to `subscriber`, after it is durable."""
        self._publication.subscribe(subscriber)

    async def start(self, request: MissionRequest, settings: Settings) -> str:
        """Start a mission and return its id, once its start is durable.

        Raises:
            UserError: a finding to fix is unknown or of a mission that runs elsewhere, or the journal takes
                no more.
        """
        for finding_id in request.finding_ids:
            owner = self.owner_of(finding_id)
            self._ownership.require_here(owner, "fix what it finds there once it has ended")
        mission_id = f"m-{secrets.token_hex(4)}"
        await self._running.begin(mission_id, request, settings)
        return mission_id

    async def undo(self, mission_id: str, task_id: str = "") -> Undoing:
        """Undo what a mission, or one task of it, delivered; where that is undone, redo it.

        Raises:
            UserError: there is no such mission, nothing to undo, or it runs on.
        """
        await self.whole(mission_id)
        async with self._turning:
            if (run := self._runs.get(mission_id)) is not None:
                await self.proposals.settled(run.state)
                return await run.landing.undo(task_id)
            async with self._ownership.decidable(mission_id) as state:
                state = await self.proposals.settled(state)
                record = partial(self._publication.add, mission_id)
                seen = self._services.workspace.read if self._ownership.is_of_another(state) else None
                return await turn(state, task_id, self._services.front_end, record, seen=seen)

    async def wait(self, mission_id: str, timeout_s: float | None) -> MissionState:
        """Return the mission when it has ended or was interrupted, or as it is after `timeout_s` seconds.

        One of another server that is out of touch is returned as it is.

        Raises:
            UserError: there is no such mission.
        """
        state = await self.whole(mission_id)
        with anyio.move_on_after(timeout_s):
            if mission_id in self._runs:
                await self._running.wait(mission_id)
            elif self.elsewhere(state):
                await self._elsewhere.until_stopped(lambda: self._is_over(mission_id), state.process)
        return await self.whole(mission_id)

    def _is_over(self, mission_id: str) -> bool:
        state = self._chronicle.states.get(mission_id)
        return state is None or not self.elsewhere(state)

    # --- missions to be found ------------------------------------------------------------------------

    async def catch_up(self) -> None:
        """Learn what other servers on this workspace did meanwhile.

        Raises:
            UserError: the journal cannot be read.
        """
        await self._chronicle.catch_up()

    def states(self) -> list[MissionState]:
        """Return the missions at hand, newest first: all of which anything is open, and those settled last.

        Those of other servers are as of the last `catch_up`.
        """
        return self._chronicle.newest_first()

    def state(self, mission_id: str) -> MissionState:
        """Return a mission that is at hand; one of another server as of the last `catch_up`.

        Raises:
            UserError: it is not at hand, or its records cannot be read.
        """
        return self._chronicle.at_hand(mission_id)

    async def whole(self, mission_id: str) -> MissionState:
        """Return a mission with everything, as it is now, whichever server carried it out.

        Raises:
            UserError: there is no such mission, or its records cannot be read.
        """
        return await self._chronicle.latest(mission_id)

    async def in_short(self) -> list[MissionState]:
        """Return all missions, newest first; those that are not at hand without their changes and results."""
        await self.catch_up()
        return await self._chronicle.in_short()

    def put_away(self, mission_id: str) -> bool:
        """Return whether this is a settled mission that is not at hand; `whole` has it."""
        return self._chronicle.put_away(mission_id)

    def unreadable(self) -> Mapping[str, str]:
        """Return why missions cannot be shown, by id; as of the last `catch_up`."""
        return self._chronicle.unreadable

    async def records(self, mission_id: str) -> Sequence[Record]:
        """Return all records of a mission.

        Raises:
            UserError: the journal cannot be read.
        """
        return await self._services.journal.read(mission_id, 0)

    def owner_of(self, finding_id: str) -> MissionState:
        """Return the mission that a finding belongs to.

        Raises:
            UserError: there is no such finding.
        """
        return self._chronicle.owner_of(finding_id)

    def question(self, question_id: str) -> tuple[MissionState, Question]:
        """Return an open question with its mission.

        Raises:
            UserError: there is no such open question.
        """
        return self._chronicle.question(question_id)

    def interrupted(self) -> list[MissionState]:
        """Return the missions that can go on where their servers ended, the oldest first."""
        return [state for state in reversed(self.states()) if state.interrupted]

    def running(self) -> list[str]:
        """Return the ids of the missions that run here."""
        return [*self._runs]

    def elsewhere(self, state: MissionState) -> bool:
        """Return whether another server carries this mission out."""
        return self._ownership.elsewhere(state)

    def is_own(self, state: MissionState) -> bool:
        """Return whether this server carried the mission out last."""
        return self._ownership.is_own(state)

    def holds(self, mission_id: str, task_id: str) -> tuple[str, ...]:
        """Return the files that a task of a running mission has leased."""
        run = self._runs.get(mission_id)
        return run.leases.held_by(task_id) if run else ()
