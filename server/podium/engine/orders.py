"""What the user wants of a mission: carried out where it runs here, asked of the server that it runs in otherwise.

What other servers ask for goes the same way, with the missions that run here.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import assert_never

from podium.config import Settings
from podium.domain.events import Event, MissionEnded
from podium.domain.mission import MissionState
from podium.domain.plan_edits import PlanEdit, read_edit
from podium.domain.plan_text import Page
from podium.domain.requests import (
    AnswerQuestion,
    CancelMission,
    HandOver,
    PauseMission,
    Request,
    ResumeMission,
    SteerMission,
    TakePlan,
)
from podium.domain.steering import Steer, When
from podium.engine.chronicle import Chronicle
from podium.engine.elsewhere import Elsewhere
from podium.engine.mission_run import MissionRun
from podium.engine.ownership import Ownership
from podium.engine.plan_desk import PlanDesk
from podium.engine.publication import Publication
from podium.engine.running import Running
from podium.engine.services import Services
from podium.engine.verification import require_check
from podium.errors import UserError

_CANCELLED = "Cancelled by the user."


class Orders:
    """Takes the user's orders, and those that other servers' users have for missions that run here."""

    def __init__(
        self,
        services: Services,
        running: Running,
        chronicle: Chronicle,
        publication: Publication,
        ownership: Ownership,
        elsewhere: Elsewhere,
    ) -> None:
        self._services = services
        self._running = running
        self._runs = running.runs
        self._chronicle = chronicle
        self._publication = publication
        self._ownership = ownership
        self._elsewhere = elsewhere
        self._take_plan = _refuse_plan

    async def cancel(self, mission_id: str) -> MissionState:
        """End a mission and return it; one that has ended stays as it is, one that was interrupted does not go on.

        Raises:
            UserError: there is no such mission, or the server that carries it out does not answer.
        """
        if run := self._runs.get(mission_id):  # first of all: what runs here stops before the journal is read
            run.decide_ending("cancelled", _CANCELLED)
            await self._running.wait(mission_id)
            return await self._chronicle.latest(mission_id)
        state = await self._chronicle.latest(mission_id)
        if self._ownership.elsewhere(state):
            await self._elsewhere.ask(state, CancelMission(mission_id), "cancel it")
        elif state.interrupted:
            async with self._ownership.decidable(mission_id, "cancel it") as state:
                if state.interrupted:
                    return await self._publication.add(mission_id, MissionEnded("cancelled", _CANCELLED))
        return await self._chronicle.latest(mission_id)

    async def pause(self, mission_id: str) -> MissionState:
        """Let nothing of a mission begin from now on, and return it.

        Raises:
            UserError: there is no such mission, it does not run, or its server does not answer.
        """
        state = await self._chronicle.latest(mission_id)
        if self._ownership.elsewhere(state):
            await self._elsewhere.ask(state, PauseMission(mission_id), "pause it")
            return await self._chronicle.latest(mission_id)
        run = self._require_running(state, "pause")
        await run.pause()
        return run.state

    async def resume(self, mission_id: str, settings: Settings) -> MissionState:
        """Let a paused or interrupted mission go on, or carry out what one has planned, and return it.

        One that goes on without an editor goes on here.

        Raises:
            UserError: there is no such mission, its server does not answer, or it has ended with something else.
        """
        state = await self._chronicle.latest(mission_id)
        if self._ownership.elsewhere(state) and state.paused:
            await self._elsewhere.ask(state, ResumeMission(mission_id), "resume it")
            return await self._chronicle.latest(mission_id)
        await self._have_handed_over(state)
        async with self._ownership.decidable(mission_id, "resume it") as state:
            if (run := self._runs.get(mission_id)) is not None:
                await run.resume()
                return run.state
            records = await self._services.journal.read(mission_id, 0)
            return await self._running.go_on(state, records, settings)
        raise AssertionError("a decision is never left early")

    async def take_over(self, mission_id: str, settings: Settings) -> MissionState:
        """Go on here with a mission that goes on without an editor, or did so last, and return it.

        Raises:
            UserError: there is no such mission, or it cannot go on here.
        """
        await self._have_handed_over(await self._chronicle.latest(mission_id))
        return await self.resume(mission_id, settings)

    async def _have_handed_over(self, state: MissionState) -> None:
        """Have a mission interrupted that goes on without an editor, so that it can go on here."""
        if state.detached and self._ownership.elsewhere(state):
            await self._elsewhere.ask(state, HandOver(state.id), "wait for it")

    async def steer(self, mission_id: str, message: str, task_id: str, when: When) -> Steer:
        """Give a message of the user to a mission's agents (see `domain.steering`).

        Raises:
            UserError: there is no such mission or task, it has ended, or its server does not answer.
        """
        state = await self._chronicle.latest(mission_id)
        if self._ownership.elsewhere(state):
            request = SteerMission(mission_id, message, task_id, when)
            steer_id = await self._elsewhere.ask(state, request, "steer it")
            return (await self._chronicle.latest(mission_id)).steers[steer_id]
        return await self._require_running(state, "steer").steering.say(message, task_id, when)

    async def answer(self, question_id: str, answer: str) -> MissionState:
        """Answer an open question and return its mission.

        Raises:
            UserError: the question is not open, or the server that its mission runs in does not answer.
        """
        await self._chronicle.catch_up()
        state, _ = self._chronicle.question(question_id)
        if self._ownership.elsewhere(state):
            await self._elsewhere.ask(state, AnswerQuestion(state.id, question_id, answer), "answer it")
            return await self._chronicle.latest(state.id)
        run = self._runs.get(state.id)
        if run is None:
            raise UserError(_interrupted(state))
        await run.questions.answer(question_id, answer)
        return run.state

    # --- the plan document ---------------------------------------------------------------------------

    async def edit_plan(self, mission_id: str, base: Page, page: Page) -> PlanEdit:
        """Take what the user made of the plan document `base`, and return what it was.

        A plan that waits to be carried out can be edited as well. Where another server carries the mission out, that
        one reads the document, which must have been saved.

        Raises:
            UserError: the mission has ended, or its server refuses, or does not answer.
        """
        if (run := self._runs.get(mission_id)) is not None:
            return await run.plans.edit(base, page)
        state = await self._chronicle.latest(mission_id)
        if self._ownership.elsewhere(state):
            edit = self.read_plan(mission_id, base, page)
            if not edit.problems:
                await self._elsewhere.ask(state, TakePlan(mission_id), "edit its plan")
            return edit
        async with self._ownership.decidable(mission_id, "edit its plan") as state:
            if not state.plan_waits:
                raise UserError("The mission has ended; edits of its plan have no effect.")
            desk = PlanDesk(partial(self._record_decided, mission_id), self._require_check)
            return await desk.edit(base, page)
        raise AssertionError("a decision is never left early")

    def on_plan_handed_over(self, take: Callable[[str], None]) -> None:
        """Call `take` with a mission that runs here when its plan document was saved at another server.

        It raises a UserError where that cannot be taken.
        """
        self._take_plan = take

    async def _record_decided(
        self, mission_id: str, decide: Callable[[MissionState], Sequence[Event]]
    ) -> None:
        for event in decide(self._chronicle.at_hand(mission_id)):
            await self._publication.add(mission_id, event)

    def read_plan(self, mission_id: str, base: Page, page: Page) -> PlanEdit:
        """Return what an edit of the plan document would change, without taking it."""
        run = self._runs.get(mission_id)
        check = run.desk.require if run else self._require_check
        return read_edit(self._chronicle.at_hand(mission_id).plan, base, page, check)

    def _require_check(self, text: str) -> None:
        require_check(self._services.checks.found(), text)

    # --- for other servers ---------------------------------------------------------------------------

    async def carry_out(self, request: Request) -> str:
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
            case TakePlan():
                self._take_plan(mission_id)
            case HandOver():
                await self._running.hand_over(mission_id)
            case _:
                assert_never(request)
        return ""

    def _require_running(self, state: MissionState, act: str) -> MissionRun:
        """Return a mission that runs here.

        Raises:
            UserError: there is none; the sentence names what was to be done (`act`).
        """
        if (run := self._runs.get(state.id)) is not None:
            return run
        if state.interrupted:
            raise UserError(f"There is nothing to {act}: {_interrupted(state)}")
        raise UserError(f"There is nothing to {act}: the mission {state.id!r} has ended.")


def _refuse_plan(mission_id: str) -> None:
    raise UserError(
        f"The mission {mission_id!r} goes on without an editor, and its plan is not edited meanwhile."
    )


def _interrupted(state: MissionState) -> str:
    return f"The mission {state.id!r} was interrupted; let it go on first (podium.resume)."
