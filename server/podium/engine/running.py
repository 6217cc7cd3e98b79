"""The missions that run here, each from where it begins or goes on to where it ends or is interrupted.

They are tasks of one group, so that they outlive the requests that started them. Nothing here decides what a mission
does, nor whether it may run here.
"""

import logging
from collections.abc import Mapping, Sequence

import anyio
from anyio.abc import TaskGroup

from podium.config import Settings
from podium.domain.events import (
    FindingChanged,
    FindingState,
    MissionContinued,
    MissionStarted,
    Process,
    Record,
)
from podium.domain.mission import MissionState
from podium.domain.mission_request import MissionRequest
from podium.engine.chronicle import Chronicle
from podium.engine.mission_run import MissionRun
from podium.engine.missions import carry_out
from podium.engine.publication import Publication
from podium.engine.resuming import request_again, request_of
from podium.engine.services import Services
from podium.errors import UserError

_log = logging.getLogger(__name__)
_TAKEN_OVER = "An editor takes the mission over."
_CLOSED = "Podium was closed while the mission ran."


class Running:
    """What runs here, by mission in `runs`. Enter it before use; leaving it interrupts what still runs.

    A `detached` server has no editor: its missions say so.
    """

    def __init__(
        self,
        services: Services,
        runs: dict[str, MissionRun],
        chronicle: Chronicle,
        publication: Publication,
        process: Process,
        *,
        detached: bool,
    ) -> None:
        self._services = services
        self.runs: Mapping[str, MissionRun] = runs
        self._runs = runs
        self._chronicle = chronicle
        self._publication = publication
        self._process = process
        self._detached = detached
        self._over: dict[str, anyio.Event] = {}
        self._tasks: TaskGroup

    async def __aenter__(self) -> "Running":
        self._tasks = await anyio.create_task_group().__aenter__()
        return self

    async def __aexit__(self, *exception: object) -> None:
        for run in self._runs.values():
            run.interrupt(_CLOSED)
        await self._tasks.__aexit__(None, None, None)

    async def begin(self, mission_id: str, request: MissionRequest, settings: Settings) -> None:
        """Start a mission, and return once its start is durable.

        Raises:
            UserError: the journal takes no more.
        """
        await self._begin(MissionState(mission_id), request, settings, ())

    async def go_on(self, state: MissionState, records: Sequence[Record], settings: Settings) -> MissionState:
        """Go on with a mission that was interrupted, or carry out what one has planned, and return it.

        Raises:
            UserError: it has ended with something else, or the journal takes no more.
        """
        if not state.interrupted:
            return await self._begin(state, request_again(state, records, settings), settings, records)
        request = request_of(records)
        settings = settings.with_overrides(request.overrides)
        run = MissionRun(state, request, self._services, settings, self._publication.publish, records)
        continued = MissionContinued(self._process.id, self._process.started, self._detached)
        await self._set_going(run, continued)
        return run.state

    async def wait(self, mission_id: str) -> None:
        """Return when a mission that runs here does not run any more."""
        await self._over[mission_id].wait()

    async def hand_over(self, mission_id: str) -> None:
        """Interrupt a mission that runs here without an editor, so that it goes on in one.

        Raises:
            UserError: there is an editor here.
        """
        if not self._detached:
            raise UserError(f"The mission {mission_id!r} goes on in another editor.")
        self._runs[mission_id].interrupt(_TAKEN_OVER)
        await self.wait(mission_id)

    async def _begin(
        self, state: MissionState, request: MissionRequest, settings: Settings, records: Sequence[Record]
    ) -> MissionState:
        run = MissionRun(state, request, self._services, settings, self._publication.publish, records)
        started = MissionStarted(
            request.goal,
            request.kind,
            settings.model,
            request.apply,
            request.files,
            request.text,
            self._process.id,
            self._process.started,
            request.auto,
            request.tasks,
            request.finding_ids,
            request.overrides,
        )
        await self._set_going(run, started)
        return run.state

    async def _set_going(self, run: MissionRun, event: MissionStarted | MissionContinued) -> None:
        mission_id = run.state.id
        self._runs[mission_id] = run
        self._over[mission_id] = anyio.Event()
        try:
            await run.recording.record(event)
        except UserError:
            del self._runs[mission_id]
            raise
        self._tasks.start_soon(self._run, run, name=mission_id)

    async def _run(self, run: MissionRun) -> None:
        mission_id = run.state.id
        try:
            await self._mark(run, "fixing")
            await carry_out(run)
        except anyio.get_cancelled_exc_class():
            run.interrupt(_CLOSED)
            raise
        except Exception:  # noqa: BLE001 - a defect ends its mission, not the server
            _log.exception("mission %s failed by a defect of Podium", mission_id)
            run.decide_ending(
                "failed", "Podium has a defect that ended the mission; its log has the details."
            )
        finally:
            try:
                with anyio.CancelScope(shield=True):
                    await self._close(run)
            finally:
                del self._runs[mission_id]
                self._over.pop(mission_id).set()
                with anyio.CancelScope(shield=True):
                    await self._chronicle.settle(mission_id)

    async def _close(self, run: MissionRun) -> None:
        """Record how a mission ended; where the journal takes no more, the next start does that."""
        try:
            if not run.interruption:
                await self._mark(run, "fixed" if run.ending and run.ending[0] == "signed_off" else "open")
            await run.close()
        except UserError as error:
            _log.error("the end of mission %s is not recorded: %s", run.state.id, error)
            await self._publication.strand(run.state, run.interruption or str(error))

    async def _mark(self, run: MissionRun, to: FindingState) -> None:
        """Move the findings that a fix mission works on through their life, in the missions that own them."""
        for finding_id in run.request.finding_ids:
            owner = self._chronicle.owner_of(finding_id)
            if owner.findings[finding_id].state != to:
                await self._publication.add(owner.id, FindingChanged(finding_id, to))
