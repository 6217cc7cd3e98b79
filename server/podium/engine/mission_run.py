"""One mission while it runs: its state, its agents, and the few things that all its parts share.

The run is the only writer of its mission: `record` makes an event durable, folds it into the state and
shows it, in this order. What a kind of mission does stands in `missions.py`, what a task goes through in
`task_run.py`.
"""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import NoReturn

import anyio
import anyio.lowlevel

from podium.config import Settings
from podium.domain.checks import Candidate
from podium.domain.events import (
    Apply,
    Ending,
    Event,
    FindingChanged,
    LeaseAwaited,
    MissionEnded,
    MissionInterrupted,
    MissionKind,
    MissionPaused,
    MissionResumed,
    PlanSet,
    ProposalMade,
    QuestionAnswered,
    QuestionAsked,
    Record,
    Steered,
    TaskAccepted,
    TimeWorked,
    WorkRestarted,
)
from podium.domain.masking import Mask
from podium.domain.messages import Json
from podium.domain.mission import MissionState, fold, states_after
from podium.domain.plan import CLOSED, Task, Urgency
from podium.domain.rights import Role
from podium.domain.steering import Steer, When
from podium.engine import briefs
from podium.engine.agent import Agent, AgentDesk
from podium.engine.aim import Aim
from podium.engine.briefs import Assignment, Brief
from podium.engine.budget import Budget
from podium.engine.dialects import Acquaintances, Dialects
from podium.engine.governor import Governor
from podium.engine.landing import Landing
from podium.engine.leases import Leases
from podium.engine.looks import Looks
from podium.engine.past import Diverged, Past
from podium.engine.pausing import PausableChecks, Pausing
from podium.engine.plan_desk import PlanDesk, left_behind
from podium.engine.restoring import numbers_used, tree_of
from podium.engine.roles import TEAM
from podium.engine.room import Windows
from podium.engine.steering import Steering
from podium.engine.stopwatch import Stopwatch
from podium.engine.tools.tool import ToolContext
from podium.engine.tree import CandidateTree, UserFiles
from podium.engine.turns import Turns
from podium.engine.verification import CheckDesk
from podium.errors import NotRecorded, OutOfReach, ToolError, UserError
from podium.ports import Checks, FrontEnd, Journal, Knowledge, Model, Workspace


@dataclass(frozen=True, slots=True)
class Services:
    """The outside world of all missions of one workspace, and what was learned of its models.

    `mask` is what models and the journal see instead of secrets; `governor` decides when which provider is asked.
    """

    model: Model
    workspace: Workspace
    checks: Checks
    journal: Journal
    front_end: FrontEnd
    knowledge: Knowledge
    mask: Mask = field(default_factory=Mask)
    acquaintances: Acquaintances = field(default_factory=Acquaintances)
    governor: Governor = field(default_factory=Governor)


@dataclass(frozen=True, slots=True)
class MissionRequest:
    """What the user asked for. `tasks` is a ready plan. With `auto` the user is asked nothing.

    `overrides` are the settings that were given for this mission alone.
    """

    kind: MissionKind
    goal: str
    apply: Apply = "verified"
    files: tuple[str, ...] = ()
    text: str = ""
    tasks: tuple[Task, ...] = ()
    finding_ids: tuple[str, ...] = ()
    auto: bool = False
    overrides: Mapping[str, Json] = field(default_factory=dict[str, Json])


RANKS: Mapping[MissionKind, int] = {"search": 0, "fix": 1, "task": 2, "plan": 2, "review": 3}
"""Whose requests go first where a provider takes only so many: those that the user waits for at this moment."""

CLOCKS_PART_S = 60.0
"""How far the times of a mission's records may be from the time that it has worked, before that is recorded."""

_log = logging.getLogger(__name__)

NOBODY_ANSWERS = "Nobody answers in this mission. Decide yourself what is safest, and say so in your summary."

Publish = Callable[[Record, MissionState], Awaitable[None]]


@dataclass(slots=True)
class _Pending:
    """A question that an agent or task waits on."""

    answered: anyio.Event = field(default_factory=anyio.Event)
    answer: str = ""


@dataclass(slots=True, eq=False)
class _Entry:
    """Events that wait for the journal, and why it did not take them."""

    events: Sequence[Event]
    problem: UserError | anyio.ClosedResourceError | None = None


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
        publish: Publish,
        records: Sequence[Record] = (),
    ) -> None:
        self._state = state
        lived = records if state.interrupted else ()
        states = states_after(state.id, lived)
        self.past = Past(lived, states)
        self.request = request
        self.settings = settings
        self.services = services
        self.limits = settings.limits()
        self.leases = Leases(lambda: self.past.reliving)
        self.scope = anyio.CancelScope()
        user_files = UserFiles(services.workspace)
        self.root = str(services.workspace.root)
        self.tree = tree_of(self.root, lived, states, user_files)
        self._unsaved_at_start = dict(user_files.overlay())
        self.aim = Aim(services.workspace)
        self._pausing = Pausing()
        if state.paused:
            self._pausing.pause()
        self.landing = Landing(
            self.tree,
            services.front_end,
            lambda: self.state,
            self.record,
            self._pausing.passed,
            self.past,
        )
        self._steering = Steering(lambda: self.state)
        self.desk = CheckDesk(
            PausableChecks(services.checks, self._pausing), self._baseline, self.record, self.past
        )
        self.plans = PlanDesk(self._record_of_user, self.desk.require)
        self.ending: tuple[Ending, str] | None = None
        self.interruption = ""
        self._unrecorded = ""
        self.advised: set[str] = set()
        self._brief: Brief | None = None
        self._looks = Looks()
        self._publish = publish
        self._writing = anyio.Lock()
        self._unwritten: list[_Entry] = []
        self._looked = anyio.Event()
        self._watch = Stopwatch(state.worked_s if state.interrupted else 0.0)
        self._n_records = records[-1].seq if records else 0
        self._numbers = numbers_used(records)
        self._pending = {question_id: _Pending() for question_id in state.questions}
        self.budget = Budget(self.limits, lambda: self.state.spent, lambda: self._watch.minutes, self._stop)
        self._turns = Turns(self.limits.parallel)
        self._agents = AgentDesk(
            Dialects(services.model, services.acquaintances, settings.models),
            self._turns,
            self.record,
            self.budget,
            self._urgency,
            lambda task_id: self.state.plan.tasks.get(task_id),
            self._pausing,
            self._steering,
            services.governor,
            Windows(services.acquaintances, settings.models, settings.api_base),
            RANKS[request.kind],
            self.past,
            settings.api_base,
            settings.api_key_env,
            settings.fallbacks,
            settings.stall_s,
        )

    @property
    def state(self) -> MissionState:
        """The mission as it is; as it was then, for a strand that relives its past."""
        return self.past.view() or self._state

    # --- recording and ending -----------------------------------------------------------------------

    async def record(self, *events: Event) -> None:
        """Make events durable, fold them, and show them, in order and never in parts; what is relived is so already.

        What agents record while the journal is busy goes to it together: fifty of them wait for one flush
        to the disk, not for fifty.
        """
        if not (events := tuple(self.past.relive(events))):
            return
        entry = _Entry(events)
        self._unwritten.append(entry)
        with anyio.CancelScope(shield=True):
            async with self._writing:
                if entry in self._unwritten:
                    await self._write_waiting()
        if entry.problem is not None:
            raise entry.problem

    async def record_decided(self, decide: Callable[[MissionState], Sequence[Event]]) -> None:
        """Record the events that `decide` gives for the state as it is when nothing else is being recorded.

        What it raises comes back, and nothing is recorded. Where a change of the plan is relived, nothing is
        decided again.

        Raises:
            ToolError: when it was relived, it was refused.
        """
        if self.past.reliving:
            if self.past.take(PlanSet) is None:
                raise ToolError("The plan was not changed.")
            return
        with anyio.CancelScope(shield=True):
            async with self._writing:
                await self._write_waiting()
                await self._write(decide(self._state))

    async def _record_of_user(self, decide: Callable[[MissionState], Sequence[Event]]) -> None:
        """Record what the user decides on a mission that runs; once its end is recorded, nothing is.

        Raises:
            UserError: it has ended in the same moment.
        """

        def while_it_runs(state: MissionState) -> Sequence[Event]:
            if state.ending:
                raise UserError(f"The mission {state.id!r} has just ended.")
            return decide(state)

        await self.record_decided(while_it_runs)

    async def _write_waiting(self) -> None:
        entries, self._unwritten = self._unwritten, []
        try:
            await self._write([event for entry in entries for event in entry.events])
        except (UserError, anyio.ClosedResourceError) as problem:
            for entry in entries:
                entry.problem = problem

    async def _write(self, events: Sequence[Event]) -> None:
        if not events:
            return
        for record in await self._appended(events):
            self._n_records = record.seq
            self._state = fold(self._state, record.event, record.at)
            self._watch.hold(held=self._state.status in {"waiting", "paused"})
            try:
                self.landing.follow(record.event, self._state)
            except OutOfReach as problem:  # what is recorded stands
                self.interrupt(str(problem))
            self._heed(record.event)
            await self._publish(record, self._state)
        over = self._state.ending or self._state.interrupted  # after that, nothing is recorded
        if not over and abs(self._state.worked_s - 60 * self._watch.minutes) > CLOCKS_PART_S:
            await self._write([TimeWorked(60 * self._watch.minutes)])

    async def _appended(self, events: Sequence[Event]) -> Sequence[Record]:
        """Return the records of `events`. Where one was not taken, none that follows is: the record has no holes."""
        if self._unrecorded:
            raise NotRecorded(self._unrecorded)
        try:
            records = await self.services.journal.append(self._state.id, events, after=self._n_records)
            if not records:
                raise NotRecorded(
                    f"Another Podium goes on with the mission {self._state.id!r}; it ends here."
                )
        except UserError as problem:
            self._unrecorded = str(problem)
            self.interrupt(self._unrecorded)
            raise
        return records

    def look_again(self) -> None:
        """Tell who waits to start tasks that there may be some: one ended or got stuck, or the plan is another."""
        self._looked.set()
        self._looked = anyio.Event()

    async def something_to_start(self) -> None:
        """Wait until `look_again` is called."""
        await self._looked.wait()

    def _heed(self, event: Event) -> None:
        """Let what was recorded take its effect on what runs."""
        match event:
            case PlanSet():
                self.look_again()
            case MissionPaused():
                self._pausing.pause()
            case MissionResumed():
                self._pausing.resume()
            case Steered(steer_id, when="interrupt"):
                self._steering.interrupt(self._state.steers[steer_id])
            case _:
                pass

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

    async def restart(self, task_id: str, diverged: Diverged) -> None:
        """Let the strand that cannot relive its past begin anew: what it left open ends."""
        _log.warning(
            "mission %s: the work on %r begins anew, because its record does not fit: %s",
            self._state.id,
            task_id or "the mission's own steps",
            diverged,
        )
        await self.record(*self._left_behind(task_id), WorkRestarted(task_id, str(diverged)))

    async def settle(self) -> None:
        """Record what happened right before an interruption, and was not recorded any more."""
        await self.landing.settle()
        if left := [event for task_id in self.past.dropped for event in self._left_behind(task_id)]:
            await self.record(*left)

    def _left_behind(self, task_id: str) -> list[Event]:
        """Return what ends of a task's past: its agents, their questions, and the findings that are open."""
        found = (self._state.findings.get(finding_id) for finding_id in self.past.reviewed(task_id))
        dismissed = [FindingChanged(f.id, "dismissed") for f in found if f is not None and f.state == "open"]
        return [*left_behind(self._state, task_id), *dismissed]

    def interrupt(self, reason: str) -> None:
        """Stop everything in this mission where it is: another server, or the next start, can go on with it."""
        if not self.ending:
            self.interruption = self.interruption or reason
        self.scope.cancel()

    async def close(self) -> None:
        """Record how the mission ended, or that it was interrupted."""
        if self.interruption:
            await self.record(MissionInterrupted(self.interruption))
            return
        status, reason = self.ending or ("failed", "The mission came to no end.")
        unanswered = [question_id for question_id in self._pending if question_id in self.state.questions]
        self._pending.clear()
        await self.record(
            *(QuestionAnswered(question_id, None) for question_id in unanswered), MissionEnded(status, reason)
        )

    async def _stop(self, sentence: str) -> NoReturn:
        await self.end("stopped", sentence)

    def _urgency(self, task_id: str) -> Urgency:
        """Return how urgent a task is; what is done for no single task comes first."""
        return self.state.plan.urgency().get(task_id, (-len(self.state.plan.tasks) - 1, 0))

    def _baseline(self) -> Candidate:
        """Return the user's files without what this mission has delivered into them."""
        edits = self.tree.edits()
        before = {edit.path: edit.before for edit in edits}
        deleted = {edit.path: edit.permissions for edit in edits if edit.after is None}
        return Candidate(self.root, {**self._unsaved_at_start, **before}, deleted)

    def fresh_id(self, prefix: str) -> str:
        """Return an id that is new in this mission, such as `worker-3`."""
        self._numbers[prefix] = self._numbers.get(prefix, 0) + 1
        return f"{prefix}-{self._numbers[prefix]}"

    def proposal_id(self) -> str:
        """Return the id of the mission's next proposal."""
        was = self.past.next(TaskAccepted) or self.past.next(ProposalMade)
        if was is not None and was.proposal_id:
            return was.proposal_id
        return f"{self.state.id}.{self.fresh_id('p')}"

    # --- agents -------------------------------------------------------------------------------------

    def agent(
        self, role: Role, assignment: Assignment, task_id: str = "", *, role_prompt: str = "", model: str = ""
    ) -> Agent:
        """Return a new agent of `role`; it begins when its context is entered.

        `role_prompt` names the prompt that takes the place of the role's own, `model` that of its model.
        """
        spec = TEAM[role]
        said = self._steering.unheard(role, task_id)
        opening = briefs.opening(self._mission_brief(), role_prompt or spec.prompt, assignment, said)
        if (was := self.past.agent(role)) is not None:
            opening = replace(opening, messages=was.opening, heard=was.steers)
            return Agent(was.agent_id, spec, task_id, was.model, opening, self._agents)
        model = model or self.settings.model_for(role)
        return Agent(self.fresh_id(role), spec, task_id, model, opening, self._agents)

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
                return await self.question(text, options, task_id, agent_id)

        @asynccontextmanager
        async def waits(path: str, holder: str) -> AsyncGenerator[None]:
            await self.record(LeaseAwaited(agent_id, path, holder))
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

    async def question(self, text: str, options: Sequence[str], task_id: str = "", agent_id: str = "") -> str:
        """Ask the user and return the answer, however long it takes."""
        if (was := self.past.take(QuestionAsked)) is not None:
            question_id = was.question_id
            if (answer := self.past.answer(question_id)) is not None:
                return answer
            pending = self._pending.setdefault(question_id, _Pending())
        else:
            question_id = f"{self._state.id}.{self.fresh_id('q')}"
            pending = self._pending[question_id] = _Pending()
            await self.record(QuestionAsked(question_id, text, tuple(options), task_id, agent_id))
        await pending.answered.wait()
        return pending.answer

    async def answer(self, question_id: str, answer: str) -> None:
        """Give the answer to an open question; whoever asked goes on.

        Raises:
            UserError: it has just been answered, or no longer matters.
        """

        def answered(state: MissionState) -> Sequence[Event]:
            if question_id not in state.questions:
                raise UserError(f"The question {question_id!r} is answered already.")
            return (QuestionAnswered(question_id, answer),)

        await self._record_of_user(answered)
        pending = self._pending.setdefault(question_id, _Pending())  # who asked may come to it later
        pending.answer = answer
        pending.answered.set()

    async def pause(self) -> None:
        """Let nothing begin from now on; what is under way is finished or stopped (see `engine.pausing`)."""
        await self._record_of_user(lambda state: () if state.paused else (MissionPaused(),))

    async def resume(self) -> None:
        """Go on where the mission was paused."""
        await self._record_of_user(lambda state: (MissionResumed(),) if state.paused else ())

    async def steer(self, message: str, task_id: str, when: When) -> Steer:
        """Give the user's message to the agents that it is meant for, now or when there are any.

        Raises:
            UserError: there is no such task, or it is closed, or the mission has ended in the same moment.
        """
        steer_id = f"{self.state.id}.{self.fresh_id('s')}"

        def said(state: MissionState) -> Sequence[Event]:
            if task_id:
                self._require_open(state, task_id)
            return (Steered(steer_id, message, task_id, when),)

        await self._record_of_user(said)
        return self.state.steers[steer_id]

    def _require_open(self, state: MissionState, task_id: str) -> None:
        task = state.plan.tasks.get(task_id)
        if task is None:
            known = ", ".join(state.plan.tasks) or "none yet"
            raise UserError(f"There is no task {task_id!r}; the plan's tasks are: {known}.")
        if task.state in CLOSED:
            raise UserError(f"Task {task_id!r} is {task.state}; steer the mission without `taskId` instead.")
