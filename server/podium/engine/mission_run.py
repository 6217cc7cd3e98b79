"""One mission while it runs: its parts, what they share, and how it stops.

Each part owns its state: what was recorded (`recording.py`), what the user is asked and says (`questions.py`,
`steering.py`), the checks, the plan, the way into the user's files. What a kind of mission does stands in
`missions.py`, what a task goes through in `task_run.py`.
"""

import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import NoReturn

import anyio
import anyio.lowlevel

from podium.config import Settings
from podium.domain.checks import Candidate
from podium.domain.events import (
    Ending,
    Event,
    FindingChanged,
    LeaseAwaited,
    MissionEnded,
    MissionInterrupted,
    MissionPaused,
    MissionResumed,
    PlanSet,
    ProposalMade,
    Record,
    Steered,
    TaskAccepted,
    WorkRestarted,
)
from podium.domain.messages import Json
from podium.domain.mission import MissionState, states_after
from podium.domain.mission_request import MissionRequest
from podium.domain.plan import Urgency
from podium.domain.rights import Role
from podium.engine import briefs
from podium.engine.agent import Agent, AgentDesk
from podium.engine.aim import Aim
from podium.engine.briefs import Assignment, Brief
from podium.engine.budget import Budget
from podium.engine.dialects import Dialects
from podium.engine.ids import Ids
from podium.engine.landing import Landing
from podium.engine.leases import Leases
from podium.engine.looks import Looks
from podium.engine.past import Diverged, Past
from podium.engine.pausing import PausableChecks, Pausing
from podium.engine.plan_desk import PlanDesk, left_behind
from podium.engine.questions import Questions
from podium.engine.recording import Recording, Tell
from podium.engine.restoring import tree_of
from podium.engine.roles import TEAM
from podium.engine.room import Windows
from podium.engine.services import Services
from podium.engine.steering import Steering
from podium.engine.tools.tool import ToolContext
from podium.engine.tree import CandidateTree, UserFiles
from podium.engine.turns import Turns
from podium.engine.verification import CheckDesk
from podium.errors import OutOfReach

_log = logging.getLogger(__name__)

NOBODY_ANSWERS = "Nobody answers in this mission. Decide yourself what is safest, and say so in your summary."


class MissionRun:
    """A running mission. `run` in `missions.py` drives it; `end` and cancelling its scope stop it.

    `records` are those that it has already, where it goes on after an end or an interruption. One that was
    interrupted relives them (see `engine.past`).
    """

    def __init__(
        self,
        state: MissionState,
        request: MissionRequest,
        services: Services,
        settings: Settings,
        show: Tell,
        records: Sequence[Record] = (),
    ) -> None:
        lived = records if state.interrupted else ()
        states = states_after(state.id, lived)
        self.past = Past(lived, states)
        self.request = request
        self.settings = settings
        self.services = services
        self.ending: tuple[Ending, str] | None = None
        self.interruption = ""
        self.scope = anyio.CancelScope()
        n_records = records[-1].seq if records else 0
        self._show = show
        self.recording = Recording(state, n_records, services.journal, self.past, self._heed, self.interrupt)
        self._ids = Ids(state.id, records)
        self.questions = Questions(self.recording, self.past, self._ids, state.questions)
        self.steering = Steering(lambda: self.state, self.recording, self._ids)
        self._pausing = Pausing()
        if state.paused:
            self._pausing.pause()
        self.leases = Leases(lambda: self.past.reliving)
        user_files = UserFiles(services.workspace)
        self.root = str(services.workspace.root)
        self.tree = tree_of(self.root, lived, states, user_files)
        self._unsaved_at_start = dict(user_files.overlay())
        self.aim = Aim(services.workspace)
        self.landing = Landing(
            self.tree,
            services.front_end,
            lambda: self.state,
            self.recording.record,
            self._pausing.passed,
            self.past,
        )
        checks = PausableChecks(services.checks, self._pausing)
        self.desk = CheckDesk(checks, self._baseline, self.recording.record, self.past)
        self.plans = PlanDesk(self.recording.record_of_user, self.desk.require)
        self.advised: set[str] = set()
        self._brief: Brief | None = None
        self._looks = Looks()
        self._looked = anyio.Event()
        limits = settings.limits()
        self.budget = Budget(limits, lambda: self.state.spent, lambda: self.recording.minutes, self._stop)
        self._turns = Turns(limits.parallel)
        self._agents = AgentDesk(
            Dialects(services.model, services.acquaintances, settings.models),
            self._turns,
            self.recording,
            self.budget,
            self._urgency,
            lambda task_id: self.state.plan.tasks.get(task_id),
            self._pausing,
            self.steering,
            services.governor,
            Windows(services.acquaintances, settings.models, settings.api_base),
            request.rank,
            self.past,
            settings.api_base,
            settings.api_key_env,
            settings.fallbacks,
            settings.stall_s,
        )

    @property
    def state(self) -> MissionState:
        """The mission as it is; as it was then, for a strand that relives its past."""
        return self.past.view() or self.recording.state

    # --- what runs, and how it ends -------------------------------------------------------------------

    def look_again(self) -> None:
        """Tell who waits to start tasks that there may be some: one ended or got stuck, or the plan is another."""
        self._looked.set()
        self._looked = anyio.Event()

    async def something_to_start(self) -> None:
        """Wait until `look_again` is called."""
        await self._looked.wait()

    async def _heed(self, record: Record, state: MissionState) -> None:
        """Let what was recorded take its effect on what runs, and show it; `state` is the mission after it."""
        try:
            self.landing.follow(record.event, state)
        except OutOfReach as problem:  # what is recorded stands
            self.interrupt(str(problem))
        match record.event:
            case PlanSet():
                self.look_again()
            case MissionPaused():
                self._pausing.pause()
            case MissionResumed():
                self._pausing.resume()
            case Steered(steer_id, when="interrupt"):
                self.steering.interrupt(state.steers[steer_id])
            case _:
                pass
        await self._show(record, state)

    async def end(self, status: Ending, reason: str) -> NoReturn:
        """Stop everything in this mission; it ends with `status` and `reason`."""
        self.decide_ending(status, reason)
        await anyio.lowlevel.checkpoint()
        raise AssertionError("a cancelled scope lets nothing pass")

    def decide_ending(self, status: Ending, reason: str) -> None:
        """Stop everything in this mission; the first ending decided counts, and none where it was interrupted."""
        if not self.interruption:
            self.ending = self.ending or (status, reason)
        self.scope.cancel()

    def interrupt(self, reason: str) -> None:
        """Stop everything in this mission where it is: another server, or the next start, can go on with it."""
        if not self.ending:
            self.interruption = self.interruption or reason
        self.scope.cancel()

    async def close(self) -> None:
        """Record how the mission ended, or that it was interrupted."""
        if self.interruption:
            await self.recording.record(MissionInterrupted(self.interruption))
            return
        status, reason = self.ending or ("failed", "The mission came to no end.")
        await self.recording.record(*self.questions.withdraw(), MissionEnded(status, reason))

    async def _stop(self, sentence: str) -> NoReturn:
        await self.end("stopped", sentence)

    async def restart(self, task_id: str, diverged: Diverged) -> None:
        """Let the strand that cannot relive its past begin anew: what it left open ends."""
        _log.warning(
            "mission %s: the work on %r begins anew, because its record does not fit: %s",
            self.recording.state.id,
            task_id or "the mission's own steps",
            diverged,
        )
        await self.recording.record(*self._left_behind(task_id), WorkRestarted(task_id, str(diverged)))

    async def settle(self) -> None:
        """Record what happened right before an interruption, and was not recorded any more."""
        await self.landing.settle()
        if left := [event for task_id in self.past.dropped for event in self._left_behind(task_id)]:
            await self.recording.record(*left)

    def _left_behind(self, task_id: str) -> list[Event]:
        """Return what ends of a task's past: its agents, their questions, and the findings that are open."""
        found = (self.recording.state.findings.get(finding_id) for finding_id in self.past.reviewed(task_id))
        dismissed = [FindingChanged(f.id, "dismissed") for f in found if f is not None and f.state == "open"]
        return [*left_behind(self.recording.state, task_id), *dismissed]

    def _urgency(self, task_id: str) -> Urgency:
        """Return how urgent a task is; what is done for no single task comes first."""
        return self.state.plan.urgency().get(task_id, (-len(self.state.plan.tasks) - 1, 0))

    def _baseline(self) -> Candidate:
        """Return the user's files without what this mission has delivered into them."""
        edits = self.tree.edits()
        before = {edit.path: edit.before for edit in edits}
        deleted = {edit.path: edit.permissions for edit in edits if edit.after is None}
        return Candidate(self.root, {**self._unsaved_at_start, **before}, deleted)

    def proposal_id(self) -> str:
        """Return the id of the mission's next proposal."""
        was = self.past.next(TaskAccepted) or self.past.next(ProposalMade)
        if was is not None and was.proposal_id:
            return was.proposal_id
        return self._ids.fresh_anywhere("p")

    # --- agents -------------------------------------------------------------------------------------

    def agent(
        self, role: Role, assignment: Assignment, task_id: str = "", *, role_prompt: str = "", model: str = ""
    ) -> Agent:
        """Return a new agent of `role`; it begins when its context is entered.

        `role_prompt` names the prompt that takes the place of the role's own, `model` that of its model.
        """
        spec = TEAM[role]
        said = self.steering.unheard(role, task_id)
        opening = briefs.opening(self._mission_brief(), role_prompt or spec.prompt, assignment, said)
        if (was := self.past.agent(role)) is not None:
            opening = replace(opening, messages=was.opening, heard=was.steers)
            return Agent(was.agent_id, spec, task_id, was.model, opening, self._agents)
        model = model or self.settings.model_for(role)
        return Agent(self._ids.fresh(role), spec, task_id, model, opening, self._agents)

    def _mission_brief(self) -> Brief:
        """Return what all agents are told first: made once, so that all their prompts begin alike."""
        if self._brief is None:
            project = briefs.project_brief(
                self.tree, self.services.checks.found(), self.services.workspace.root.name, self.state.known
            )
            request = self.request
            self._brief = briefs.mission_brief(project, self.state.goal, request.files, request.text)
        return self._brief

    def context(self, tree: CandidateTree, agent_id: str, task_id: str = "") -> ToolContext:
        """Return what the tool calls of an agent may touch."""

        async def ask(text: str, options: tuple[str, ...]) -> str:
            if self.request.auto:
                return NOBODY_ANSWERS
            async with self._turns.stepped_aside(self._urgency(task_id)):
                return await self.questions.ask(text, options, task_id, agent_id)

        @asynccontextmanager
        async def waits(path: str, holder: str) -> AsyncGenerator[None]:
            await self.recording.record(LeaseAwaited(agent_id, path, holder))
            async with self._turns.stepped_aside(self._urgency(task_id)):
                yield

        async def claim(path: str) -> bool:
            tree.permissions(path)  # refuses links: what is written through one changes another file
            return await self.leases.claim(task_id, path, waits)

        return ToolContext(
            tree,
            self.desk,
            claim,
            ask,
            task_id,
            self.state.plan,
            self.may_ask_for_commands,
            mask=self.services.mask,
            looks=self._looks,
        )

    def stepped_aside(self, task_id: str) -> AbstractAsyncContextManager[None]:
        """Let another agent have the turn of one that waits for somebody else."""
        return self._turns.stepped_aside(self._urgency(task_id))

    @property
    def may_ask_for_commands(self) -> bool:
        """Whether the user is asked before a model's own command runs without a sandbox."""
        return self.settings.policy == "ask" and not self.request.auto

    def facts(self, **more: Json) -> Mapping[str, Json]:
        """Return the mission as data, for models that are programs."""
        return {
            "goal": self.state.goal,
            "kind": self.state.kind,
            "files": list(self.request.files),
            "text": self.request.text,
            "checks": list(self.desk.names),
            "test_checks": [call.check.name for call in self.desk.gates()],
            **more,
        }

    # --- the user -----------------------------------------------------------------------------------

    async def pause(self) -> None:
        """Let nothing begin from now on; what is under way is finished or stopped (see `engine.pausing`)."""
        await self.recording.record_of_user(lambda state: () if state.paused else (MissionPaused(),))

    async def resume(self) -> None:
        """Go on where the mission was paused."""
        await self.recording.record_of_user(lambda state: (MissionResumed(),) if state.paused else ())
