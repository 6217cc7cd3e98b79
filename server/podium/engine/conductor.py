"""The conductor: starts, finds, steers and ends the missions of one workspace.

It owns the task group in which missions run, so they outlive the request that started them. Missions of
another server that lives are shown, and that server is asked to steer them. Nothing here decides what a mission does.
"""

import logging
import os
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import assert_never

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from podium import __version__
from podium.config import Settings
from podium.domain import mission_file
from podium.domain.events import (
    Event,
    FindingChanged,
    FindingState,
    MissionContinued,
    MissionEnded,
    MissionImported,
    MissionInterrupted,
    MissionPruned,
    MissionStarted,
    Process,
    Record,
)
from podium.domain.mission import MissionState, Question
from podium.domain.mission_file import MissionFile
from podium.domain.mission_request import MissionRequest
from podium.domain.plan_edits import PlanEdit, read_edit
from podium.domain.plan_text import Page
from podium.domain.pruning import Dropped, Rules, to_drop, without_conversations
from podium.domain.requests import (
    AnswerQuestion,
    CancelMission,
    HandOver,
    PauseMission,
    Request,
    ResumeMission,
    SteerMission,
)
from podium.domain.steering import Steer, When
from podium.engine.chronicle import Chronicle
from podium.engine.elsewhere import Alone, Elsewhere
from podium.engine.mission_run import MissionRun
from podium.engine.missions import carry_out
from podium.engine.plan_desk import PlanDesk
from podium.engine.proposals import ProposalDesk
from podium.engine.resuming import request_again, request_of
from podium.engine.services import Services
from podium.engine.undo import Undoing, turn
from podium.engine.verification import require_check
from podium.errors import UserError
from podium.ports import Neighbours, Subscriber

_log = logging.getLogger(__name__)
_THIS = Process(os.getpid())
_CLOSED = "Podium was closed while the mission ran."
_TAKEN_OVER = "An editor takes the mission over."
_CANCELLED = "Cancelled by the user."


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
        self._services = services
        self._process_lives = process_lives
        self._process = process
        self._detached = detached
        self._runs: dict[str, MissionRun] = {}
        self._chronicle = Chronicle(
            services.journal, process_lives, self._runs, lambda r: self._elsewhere.take(r)
        )
        self._elsewhere = Elsewhere(
            neighbours or Alone(), self._chronicle, services.journal, self._show, self._carry_out
        )
        self._ended: dict[str, anyio.Event] = {}
        self._turning = anyio.Lock()
        self._deciding = anyio.Lock()
        self._subscribers: list[Subscriber] = []
        self._tasks: TaskGroup
        self._listening: TaskGroup
        self.proposals = ProposalDesk(
            services.front_end, services.workspace, self._decidable, self._record_in
        )

    async def __aenter__(self) -> "Conductor":
        await self.catch_up()
        self._listening = await anyio.create_task_group().__aenter__()
        self._tasks = await anyio.create_task_group().__aenter__()
        await self._listening.start(self._elsewhere.run)
        return self

    async def __aexit__(self, *exception: object) -> None:
        for run in self._runs.values():
            run.interrupt(_CLOSED)
        try:
            await self._tasks.__aexit__(None, None, None)
        finally:
            self._listening.cancel_scope.cancel()
            await self._listening.__aexit__(None, None, None)

    async def catch_up(self) -> None:
        """Learn what other servers on this workspace did meanwhile.

        Raises:
            UserError: the journal cannot be read.
        """
        await self._chronicle.catch_up()

    def subscribe(self, subscriber: Subscriber) -> None:
        """Have every record of every mission shown to `subscriber`, after it is durable."""
        self._subscribers.append(subscriber)

    async def start(self, request: MissionRequest, settings: Settings) -> str:
        """Start a mission and return its id, once its start is durable.

        Raises:
            UserError: a finding to fix is unknown or of a mission that runs elsewhere, or the journal takes
                no more.
        """
        for finding_id in request.finding_ids:
            self._require_here(self.owner_of(finding_id), "fix what it finds there once it has ended")
        mission_id = f"m-{secrets.token_hex(4)}"
        run = MissionRun(MissionState(mission_id), request, self._services, settings, self._publish)
        await self._begin(run)
        return mission_id

    async def _begin(self, run: MissionRun) -> None:
        request, settings = run.request, run.settings
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

    async def _set_going(self, run: MissionRun, event: MissionStarted | MissionContinued) -> None:
        mission_id = run.state.id
        self._runs[mission_id] = run
        self._ended[mission_id] = anyio.Event()
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
                self._ended.pop(mission_id).set()
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
            await self._show_stranded(run, run.interruption or str(error))

    async def _show_stranded(self, run: MissionRun, reason: str) -> None:
        """Show that a mission stopped where the journal has no room for that; it is recorded when there is some."""
        interrupted = MissionInterrupted(reason)
        state = run.state
        seq = self._chronicle.strand(state.id, interrupted)
        await self._show(Record(state.id, seq, state.last_at, interrupted))

    async def _mark(self, run: MissionRun, to: FindingState) -> None:
        """Move the findings that a fix mission works on through their life, in the missions that own them."""
        for finding_id in run.request.finding_ids:
            owner = self.owner_of(finding_id)
            if owner.findings[finding_id].state == to:
                continue
            event = FindingChanged(finding_id, to)
            await self._record_in(owner.id, event)

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
            async with self._decidable(mission_id) as state:
                state = await self.proposals.settled(state)
                record = partial(self._record_in, mission_id)
                seen = self._services.workspace.read if self._is_of_another(state) else None
                return await turn(state, task_id, self._services.front_end, record, seen=seen)

    async def _record_in(self, mission_id: str, event: Event) -> MissionState:
        """Record an event of a mission, whether it runs or not, and return its state after it."""
        if (run := self._runs.get(mission_id)) is not None:
            await run.recording.record(event)
            return run.state
        record = await self._chronicle.add(mission_id, event)
        self._elsewhere.tell(mission_id, record.seq)
        await self._show(record)
        state = self.state(mission_id)
        await self._chronicle.settle(mission_id)
        return state

    @asynccontextmanager
    async def _decidable(
        self, mission_id: str, act: str = "decide on its changes"
    ) -> AsyncGenerator[MissionState]:
        """Yield a mission whose proposals can be decided on here: one that runs here, or has ended.

        Nobody else decides on one that has ended meanwhile.

        Raises:
            UserError: there is no such mission, or it runs in another process, or one decides just now.
        """
        if (run := self._runs.get(mission_id)) is not None:
            yield run.state
            return
        async with self._deciding, self._services.journal.deciding():
            await self.catch_up()
            if not self._chronicle.knows(mission_id):
                raise UserError("There is no such proposal; podium.show lists a mission's proposals.")
            state = await self._chronicle.whole(mission_id)
            self._require_here(state, act)
            _require_own(state)
            yield state

    def elsewhere(self, state: MissionState) -> bool:
        """Return whether another server carries this mission out."""
        runs = not (state.ending or state.interrupted)
        return runs and state.id not in self._runs and state.process != self._process

    def _is_of_another(self, state: MissionState) -> bool:
        """Return whether the server that carried the mission out is another one, and still has its editor."""
        return state.process != self._process and self._process_lives(state.process)

    def _require_here(self, state: MissionState, act: str) -> None:
        if self.elsewhere(state):
            raise UserError(
                f"The mission {state.id!r} does not run here but in another Podium (process "
                f"{state.process.id}); {act} there."
            )

    async def edit_plan(self, mission_id: str, base: Page, page: Page) -> PlanEdit:
        """Take what the user made of the plan document `base`, and return what it was.

        A plan that waits to be carried out can be edited as well.

        Raises:
            UserError: the mission has ended, or runs in another process.
        """
        if (run := self._runs.get(mission_id)) is not None:
            return await run.plans.edit(base, page)
        async with self._decidable(mission_id, "edit its plan") as state:
            if not state.plan_waits:
                raise UserError("The mission has ended; edits of its plan have no effect.")
            desk = PlanDesk(partial(self._record_decided_in, mission_id), self._require_check)
            return await desk.edit(base, page)

    async def _record_decided_in(
        self, mission_id: str, decide: Callable[[MissionState], Sequence[Event]]
    ) -> None:
        for event in decide(self.state(mission_id)):
            await self._record_in(mission_id, event)

    def read_plan(self, mission_id: str, base: Page, page: Page) -> PlanEdit:
        """Return what an edit of the plan document would change, without taking it."""
        run = self._runs.get(mission_id)
        check = run.desk.require if run else self._require_check
        return read_edit(self.state(mission_id).plan, base, page, check)

    def _require_check(self, text: str) -> None:
        require_check(self._services.checks.found(), text)

    def owner_of(self, finding_id: str) -> MissionState:
        """Return the mission that a finding belongs to.

        Raises:
            UserError: there is no such finding.
        """
        for state in self._chronicle.states.values():
            if finding_id in state.findings and not state.imported:
                return state
        raise UserError(f"There is no finding {finding_id!r}.")

    async def _publish(self, record: Record, state: MissionState) -> None:
        self._chronicle.tell(record, state)
        self._elsewhere.tell(record.mission_id, record.seq)
        await self._show(record)

    async def _show(self, record: Record) -> None:
        for subscriber in self._subscribers:
            shown = subscriber(record)
            if shown is not None:
                await shown

    def states(self) -> list[MissionState]:
        """Return the missions at hand, newest first: all of which anything is open, and those settled last.

        Those of other servers are as of the last `catch_up`.
        """
        return self._chronicle.newest_first()

    async def in_short(self) -> list[MissionState]:
        """Return all missions, newest first; those that are not at hand without their changes and results."""
        await self.catch_up()
        return await self._chronicle.in_short()

    def put_away(self, mission_id: str) -> bool:
        """Return whether this is a settled mission that is not at hand; `whole` has it."""
        return self._chronicle.put_away(mission_id)

    async def prune(self, rules: Rules) -> Dropped:
        """Drop what the rules say of old missions, and return what that was.

        Raises:
            UserError: another Podium decides on missions just now, or the journal does not take it.
        """
        async with self._deciding, self._services.journal.deciding():
            dropped = to_drop(await self.in_short(), rules)
            for mission_id in dropped.conversations:
                records = await self._services.journal.read(mission_id, 0)
                await self._services.journal.drop(without_conversations(records), ())
                await self._chronicle.add(mission_id, MissionPruned())
                await self._chronicle.settle(mission_id)
            await self._services.journal.drop((), dropped.missions)
            await self.catch_up()
            return dropped

    async def exported(self, mission_id: str) -> str:
        """Return a mission as a file, its secrets masked (see `domain.mission_file`).

        Raises:
            UserError: there is no such mission, or its records cannot be read.
        """
        await self.whole(mission_id)
        records = tuple(await self._services.journal.read(mission_id, 0))
        mission = MissionFile(mission_id, __version__, time.time(), records)
        return await anyio.to_thread.run_sync(mission_file.written, mission, self._services.mask)

    async def take_in(self, mission: MissionFile) -> MissionState:
        """Take an exported mission into the journal, and return it.

        Raises:
            UserError: there is a mission with its id already, or the journal takes no more.
        """
        imported = MissionImported(mission.podium, mission.exported_at)
        last = Record(mission.mission_id, len(mission.records) + 1, time.time(), imported)
        if not await self._services.journal.take_in((*mission.records, last)):
            raise UserError(f"There is a mission {mission.mission_id!r} here already; podium.show shows it.")
        return await self.whole(mission.mission_id)

    def unreadable(self) -> Mapping[str, str]:
        """Return why missions cannot be shown, by id; as of the last `catch_up`."""
        return self._chronicle.unreadable

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
        await self.catch_up()
        return await self._chronicle.whole(mission_id)

    def holds(self, mission_id: str, task_id: str) -> tuple[str, ...]:
        """Return the files that a task of a running mission has leased."""
        run = self._runs.get(mission_id)
        return run.leases.held_by(task_id) if run else ()

    async def wait(self, mission_id: str, timeout_s: float | None) -> MissionState:
        """Return the mission when it has ended or was interrupted, or as it is after `timeout_s` seconds.

        One of another server that is out of touch is returned as it is.

        Raises:
            UserError: there is no such mission.
        """
        state = await self.whole(mission_id)
        with anyio.move_on_after(timeout_s):
            if mission_id in self._runs:
                await self._ended[mission_id].wait()
            elif self.elsewhere(state):
                await self._elsewhere.until_stopped(lambda: self._is_over(mission_id), state.process)
        return await self.whole(mission_id)

    def _is_over(self, mission_id: str) -> bool:
        state = self._chronicle.states.get(mission_id)
        return state is None or not self.elsewhere(state)

    async def cancel(self, mission_id: str) -> MissionState:
        """End a mission and return it; one that has ended stays as it is, one that was interrupted does not go on.

        Raises:
            UserError: there is no such mission, or the server that carries it out does not answer.
        """
        if run := self._runs.get(mission_id):  # first of all: what runs here stops before the journal is read
            run.decide_ending("cancelled", _CANCELLED)
            await self._ended[mission_id].wait()
            return await self.whole(mission_id)
        state = await self.whole(mission_id)
        if self.elsewhere(state):
            await self._elsewhere.ask(state, CancelMission(mission_id), "cancel it")
        elif state.interrupted:
            async with self._decidable(mission_id, "cancel it") as state:
                if state.interrupted:
                    return await self._record_in(mission_id, MissionEnded("cancelled", _CANCELLED))
        return await self.whole(mission_id)

    async def pause(self, mission_id: str) -> MissionState:
        """Let nothing of a mission begin from now on, and return it.

        Raises:
            UserError: there is no such mission, it does not run, or its server does not answer.
        """
        state = await self.whole(mission_id)
        if self.elsewhere(state):
            await self._elsewhere.ask(state, PauseMission(mission_id), "pause it")
            return await self.whole(mission_id)
        run = self._running(state, "pause")
        await run.pause()
        return run.state

    async def resume(self, mission_id: str, settings: Settings) -> MissionState:
        """Let a paused or interrupted mission go on, or carry out what one has planned, and return it.

        Raises:
            UserError: there is no such mission, its server does not answer, or it has ended with something else.
        """
        state = await self.whole(mission_id)
        if self.elsewhere(state) and state.paused:
            await self._elsewhere.ask(state, ResumeMission(mission_id), "resume it")
            return await self.whole(mission_id)
        async with self._decidable(mission_id, "resume it") as state:
            run = self._runs.get(mission_id)
            if run is not None:
                await run.resume()
            else:
                records = await self.records(mission_id)
                run = await self._resumed(state, records, settings)
            return run.state

    async def _resumed(
        self, state: MissionState, records: Sequence[Record], settings: Settings
    ) -> MissionRun:
        if not state.interrupted:
            request = request_again(state, records, settings)
            run = MissionRun(state, request, self._services, settings, self._publish, records)
            await self._begin(run)
            return run
        request = request_of(records)
        settings = settings.with_overrides(request.overrides)
        run = MissionRun(state, request, self._services, settings, self._publish, records)
        continued = MissionContinued(self._process.id, self._process.started, self._detached)
        await self._set_going(run, continued)
        return run

    async def records(self, mission_id: str) -> Sequence[Record]:
        """Return all records of a mission.

        Raises:
            UserError: the journal cannot be read.
        """
        return await self._services.journal.read(mission_id, 0)

    async def take_over(self, mission_id: str, settings: Settings) -> MissionState:
        """Go on here with a mission that goes on without an editor, or did so last, and return it.

        Raises:
            UserError: there is no such mission, or it cannot go on here.
        """
        state = await self.whole(mission_id)
        if state.detached and self.elsewhere(state):
            await self._elsewhere.ask(state, HandOver(mission_id), "wait for it")
        return await self.resume(mission_id, settings)

    def running(self) -> list[str]:
        """Return the ids of the missions that run here."""
        return [*self._runs]

    def is_own(self, state: MissionState) -> bool:
        """Return whether this server carried the mission out last."""
        return state.process == self._process

    def interrupted(self) -> list[MissionState]:
        """Return the missions that can go on where their servers ended, the oldest first."""
        return [state for state in reversed(self.states()) if state.interrupted]

    async def steer(self, mission_id: str, message: str, task_id: str, when: When) -> Steer:
        """Give a message of the user to a mission's agents (see `domain.steering`).

        Raises:
            UserError: there is no such mission or task, it has ended, or its server does not answer.
        """
        state = await self.whole(mission_id)
        if self.elsewhere(state):
            request = SteerMission(mission_id, message, task_id, when)
            steer_id = await self._elsewhere.ask(state, request, "steer it")
            return (await self.whole(mission_id)).steers[steer_id]
        return await self._running(state, "steer").steering.say(message, task_id, when)

    def _running(self, state: MissionState, act: str) -> MissionRun:
        """Return a mission that runs here.

        Raises:
            UserError: there is none; the sentence names what was to be done (`act`).
        """
        if (run := self._runs.get(state.id)) is not None:
            return run
        if state.interrupted:
            raise UserError(f"There is nothing to {act}: {_interrupted(state)}")
        raise UserError(f"There is nothing to {act}: the mission {state.id!r} has ended.")

    def question(self, question_id: str) -> tuple[MissionState, Question]:
        """Return an open question with its mission.

        Raises:
            UserError: there is no such open question.
        """
        for state in self._chronicle.states.values():
            if question_id in state.questions:
                return state, state.questions[question_id]
        raise UserError(f"There is no open question {question_id!r}.")

    async def answer(self, question_id: str, answer: str) -> MissionState:
        """Answer an open question and return its mission.

        Raises:
            UserError: the question is not open, or the server that its mission runs in does not answer.
        """
        await self.catch_up()
        state, _ = self.question(question_id)
        if self.elsewhere(state):
            await self._elsewhere.ask(state, AnswerQuestion(state.id, question_id, answer), "answer it")
            return await self.whole(state.id)
        run = self._runs.get(state.id)
        if run is None:
            raise UserError(_interrupted(state))
        await run.questions.answer(question_id, answer)
        return run.state

    async def _carry_out(self, request: Request) -> str:
        """Do what the user wants who sits at another server, with a mission that runs here, and return the receipt.

        Raises:
            UserError: it does not run here, or this cannot be done with it.
        """
        mission_id = request.mission_id
        if mission_id not in self._runs:
            raise UserError(f"The mission {mission_id!r} has just ended there.")
        match request:
            case SteerMission(_, message, task_id, when):
                return (await self.steer(mission_id, message, task_id, when)).id
            case AnswerQuestion(_, question_id, answer):
                await self.answer(question_id, answer)
            case PauseMission():
                await self.pause(mission_id)
            case ResumeMission():
                await self._runs[mission_id].resume()
            case CancelMission():
                await self.cancel(mission_id)
            case HandOver():
                await self._hand_over(mission_id)
            case _:
                assert_never(request)
        return ""

    async def _hand_over(self, mission_id: str) -> None:
        if not self._detached:
            raise UserError(f"The mission {mission_id!r} goes on in another editor.")
        self._runs[mission_id].interrupt(_TAKEN_OVER)
        await self._ended[mission_id].wait()


def _require_own(state: MissionState) -> None:
    if state.imported:
        raise UserError(
            f"The mission {state.id!r} was imported: it can be shown and replayed, but it speaks of other files than "
            "those of this workspace."
        )


def _interrupted(state: MissionState) -> str:
    return f"The mission {state.id!r} was interrupted; let it go on first (podium.resume)."
