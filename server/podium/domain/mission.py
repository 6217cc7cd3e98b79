"""The state of a mission: nothing but the fold of its events.

There is no other copy of the state. `fold` is pure, so replaying the journal gives exactly what was
shown before a restart.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias, TypeVar, assert_never

from podium.domain.changes import FileEdit
from podium.domain.checks import CheckResult
from podium.domain.events import (
    AcceptanceBegun,
    AgentEnded,
    AgentStarted,
    AgentTold,
    Apply,
    AttemptStarted,
    ChangeClashed,
    CheckFinished,
    ConversationCompacted,
    Event,
    FactsLearned,
    FactsRecalled,
    FindingChanged,
    LeaseAwaited,
    MissionContinued,
    MissionEnded,
    MissionImported,
    MissionInterrupted,
    MissionKind,
    MissionPaused,
    MissionPruned,
    MissionResumed,
    MissionStarted,
    ModelAnswered,
    ModelAsked,
    ModelAwaited,
    ModelFailed,
    Place,
    PlacesFound,
    PlanSet,
    Process,
    ProposalDecided,
    ProposalDelivered,
    ProposalMade,
    ProposalRedone,
    ProposalRefused,
    ProposalUndone,
    ProposalWithdrawn,
    QuestionAnswered,
    QuestionAsked,
    Record,
    ReviewSubmitted,
    Steered,
    TaskAccepted,
    TaskDropped,
    TaskReopened,
    TaskStuck,
    TaskTakenOver,
    TimeWorked,
    ToolReturned,
    WorkRestarted,
)
from podium.domain.findings import Finding
from podium.domain.knowledge import Fact
from podium.domain.limits import Spent
from podium.domain.plan import Plan, TaskState
from podium.domain.proposals import ProposalHunk, between, numbered
from podium.domain.rights import Role
from podium.domain.spending import Account, Spending, booked
from podium.domain.steering import Steer, audience

Status: TypeAlias = Literal[
    "planning",
    "running",
    "waiting",
    "paused",
    "interrupted",
    "signed_off",
    "stopped",
    "cancelled",
    "failed",
]
ProposalState: TypeAlias = Literal["waiting", "delivered", "rejected", "withdrawn", "undone"]
_DOING: Mapping[str, str] = {
    "read_file": "reading",
    "list_files": "looking around",
    "outline": "looking around",
    "search": "searching",
    "run_command": "running a check",
    "edit_file": "editing",
    "write_file": "writing",
    "delete_file": "deleting",
    "move_file": "moving",
    "try_edits": "trying changes",
    "finish": "verifying",
    "submit_plan": "planning",
    "submit_context": "reporting",
    "submit_review": "judging",
    "change_plan": "changing the plan",
    "sign_off": "signing off",
    "answer": "answering",
    "ask_user": "asking you",
}
"""What an agent is doing once it has called a tool."""
_ASKING = "asking the model"
_UNFINISHED = "It had not ended when it was exported."

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class AgentView:
    """A running agent as others see it. `doing` is what it does now, in a few words, and `doing_since` when.

    `waiting` means that it can only go on when the user answers.
    """

    id: str
    role: Role
    task_id: str
    model: str
    since: float
    doing: str = "starting"
    doing_since: float = 0.0
    waiting: bool = False
    requests: int = 0
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Question:
    """A question that is still open."""

    id: str
    text: str
    options: tuple[str, ...]
    task_id: str
    agent_id: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """A verified change and whether it has reached the user's files.

    `accepted` and `rejected` number the hunks that the user decided on; it waits while any is undecided.
    `accepting` are those that are on their way into the user's files, or were when the server was killed.
    `refused` says that it could not be delivered, so that it waits for the user in every mode.
    `written` is what its delivery, or its undoing, really changed in the files, in order: the reverse of
    it is what undo, or redo, brings there. `delivered_at` is seconds since 1970, 0 before.
    """

    id: str
    label: str
    edits: tuple[FileEdit, ...]
    task_id: str
    state: ProposalState = "waiting"
    reason: str = ""
    refused: bool = False
    accepted: tuple[int, ...] = ()
    rejected: tuple[int, ...] = ()
    accepting: tuple[int, ...] = ()
    written: tuple[FileEdit, ...] = ()
    delivered_at: float = 0.0

    def hunks(self) -> tuple[ProposalHunk, ...]:
        """Return the hunks of the change, decided or not."""
        return numbered(self.edits)

    def undecided(self) -> tuple[int, ...]:
        """Return the numbers of the hunks that wait for the user; none unless the proposal waits."""
        if self.state != "waiting":
            return ()
        decided = {*self.accepted, *self.rejected}
        return tuple(hunk.number for hunk in self.hunks() if hunk.number not in decided)

    def pending(self) -> tuple[FileEdit, ...]:
        """Return what the hunks that wait would change, on top of those that were accepted."""
        return between(self.edits, self.accepted, {*self.accepted, *self.undecided()})


@dataclass(frozen=True, slots=True)
class Pause:
    """When a mission was paused, and until when; 0 while it is. Seconds since 1970, UTC."""

    since: float
    until: float = 0.0


@dataclass(frozen=True, slots=True)
class MissionState:
    """What is known of a mission after its events so far.

    `attempts` counts by task; `checks` holds the latest gate result by task (empty key: the whole
    mission) and check name; `known` is what all agents are told of the project; `reasons` say of dropped and stuck tasks why they are; `ended_at` is 0 while it
    runs; `imported` says that it comes from elsewhere, and has no effect here, `pruned` that its conversations were
    dropped. `interrupted` says that its server ended while it ran, and none goes on with it yet; `detached`
    that it went on without an editor last. `worked_s` is the time
    until the latest event, `last_at`, without what was spent waiting for the user, paused or interrupted. Times are
    seconds since 1970, UTC.
    """

    id: str
    goal: str = ""
    kind: MissionKind = "task"
    model: str = ""
    apply: Apply = "verified"
    process: Process = field(default_factory=lambda: Process(0))
    started_at: float = 0.0
    ended_at: float = 0.0
    ending: Literal["", "signed_off", "stopped", "cancelled", "failed"] = ""
    reason: str = ""
    interrupted: bool = False
    detached: bool = False
    worked_s: float = 0.0
    last_at: float = 0.0
    known: tuple[Fact, ...] = ()
    plan: Plan = field(default_factory=Plan)
    reasons: Mapping[str, str] = field(default_factory=dict[str, str])
    attempts: Mapping[str, int] = field(default_factory=dict[str, int])
    checks: Mapping[tuple[str, str], CheckResult] = field(default_factory=dict[tuple[str, str], CheckResult])
    agents: Mapping[str, AgentView] = field(default_factory=dict[str, AgentView])
    findings: Mapping[str, Finding] = field(default_factory=dict[str, Finding])
    places: tuple[Place, ...] = ()
    summary: str = ""
    questions: Mapping[str, Question] = field(default_factory=dict[str, Question])
    proposals: Mapping[str, Proposal] = field(default_factory=dict[str, Proposal])
    steers: Mapping[str, Steer] = field(default_factory=dict[str, Steer])
    pauses: tuple[Pause, ...] = ()
    taken_over: frozenset[str] = frozenset()
    imported: bool = False
    pruned: bool = False
    spent: Spent = field(default_factory=Spent)
    spending: Spending = field(default_factory=dict[Account, Spent])

    @property
    def status(self) -> Status:
        """The one word for where the mission stands."""
        if self.ending:
            return self.ending
        if self.interrupted:
            return "interrupted"
        if self.paused:
            return "paused"
        if self.questions and all(agent.waiting for agent in self.agents.values()):
            return "waiting"
        if self.under_review() and self.plan.closed() and not self.agents:
            return "waiting"
        return "running" if self.plan.tasks or self.kind in {"review", "search"} else "planning"

    @property
    def paused(self) -> bool:
        """Whether nothing may begin now."""
        return bool(self.pauses) and not self.pauses[-1].until

    def doing(self, agent: AgentView) -> tuple[str, float]:
        """Return what an agent does now, and since when; in a pause, only a request to a model goes on."""
        if self.paused and not agent.waiting and agent.doing != _ASKING:
            return "paused", max(agent.doing_since, self.pauses[-1].since)
        return agent.doing, agent.doing_since

    def under_review(self) -> tuple[Proposal, ...]:
        """Return the proposals that wait for the user's decision."""
        if self.imported:
            return ()
        everything = self.apply == "review" or bool(self.ending)
        return tuple(p for p in self.proposals.values() if p.state == "waiting" and (everything or p.refused))

    def kept(self) -> tuple[Proposal, ...]:
        """Return the proposals of a mission that ended without an editor which nobody has been offered yet."""
        if not self.detached or self.apply == "review" or self.ending in {"", "cancelled"}:
            return ()
        waiting = (p for p in self.proposals.values() if p.state == "waiting")
        return tuple(p for p in waiting if not (p.refused or p.accepted or p.rejected))

    @property
    def plan_waits(self) -> bool:
        """Whether this ended with a plan that nobody has carried out yet."""
        return self.kind == "plan" and self.ending == "signed_off"

    @property
    def progress(self) -> tuple[int, int]:
        """Closed and total tasks."""
        return self.plan.count("completed", "dropped"), len(self.plan.tasks)


def replay(mission_id: str, records: Iterable[Record]) -> MissionState:
    """Return the state after `records`."""
    state = MissionState(mission_id)
    for record in records:
        state = fold(state, record.event, record.at)
    return state


def states_after(mission_id: str, records: Iterable[Record]) -> list[MissionState]:
    """Return the state after each of `records`."""
    state = MissionState(mission_id)
    return [state := fold(state, record.event, record.at) for record in records]


def fold(state: MissionState, event: Event, at: float) -> MissionState:
    """Return the state after `event`, which happened `at` (seconds since 1970)."""
    works = state.last_at and state.status in {"planning", "running"}
    unseen = isinstance(event, MissionInterrupted)  # for how long it went on before is not known
    worked_s = state.worked_s + (max(0.0, at - state.last_at) if works and not unseen else 0.0)
    if isinstance(event, MissionStarted):
        worked_s = 0.0
    if isinstance(event, TimeWorked):
        worked_s = event.worked_s
    return replace(_after(state, event, at), worked_s=worked_s, last_at=at)


def _after(state: MissionState, event: Event, at: float) -> MissionState:  # noqa: C901, PLR0911, PLR0912, PLR0915 - one case for each event
    match event:
        case MissionStarted():
            return replace(
                state,
                goal=event.goal,
                kind=event.mission_kind,
                model=event.model,
                apply=event.apply,
                process=Process(event.process, event.process_started),
                started_at=at,
                ended_at=0.0,
                ending="",
                reason="",
                interrupted=False,
                detached=False,
            )
        case MissionInterrupted():
            return replace(state, interrupted=True, reason=event.reason)
        case MissionContinued():
            process = Process(event.process, event.process_started)
            return replace(state, process=process, interrupted=False, detached=event.detached, reason="")
        case PlanSet():
            return replace(state, plan=Plan.of(event.tasks))
        case FactsRecalled():
            return replace(state, known=event.facts)
        case AttemptStarted():
            return replace(
                state,
                plan=state.plan.with_state(event.task_id, "running"),
                attempts={**state.attempts, event.task_id: event.number},
                spent=replace(state.spent, attempts=state.spent.attempts + 1),
            )
        case CheckFinished():
            if event.purpose not in {"gate", "final"}:
                return state
            return replace(state, checks={**state.checks, (event.task_id, event.result.check): event.result})
        case ReviewSubmitted():
            return replace(state, findings={**state.findings, **{f.id: f for f in event.findings}})
        case TaskAccepted():
            return replace(state, plan=state.plan.with_state(event.task_id, "completed"))
        case TaskStuck():
            return _with_reason(state, event.task_id, "stuck", event.reason)
        case TaskReopened():
            plan = state.plan.with_state(event.task_id, "pending")
            return replace(state, plan=plan, taken_over=state.taken_over - {event.task_id})
        case TaskTakenOver():
            return replace(state, taken_over=state.taken_over | {event.task_id})
        case TaskDropped():
            return _with_reason(state, event.task_id, "dropped", event.reason)
        case AgentStarted():
            view = AgentView(event.agent_id, event.role, event.task_id, event.model, at, doing_since=at)
            state = replace(state, agents={**state.agents, event.agent_id: view})
            return _told(state, event.agent_id, event.steers)
        case ModelAsked():
            return _agent(state, event.agent_id, at, _ASKING, requests=1)
        case ModelAnswered():
            agent = state.agents[event.agent_id]
            account = Account(agent.role, agent.task_id, event.model or agent.model)
            spending = booked(state.spending, account, event.usage)
            state = replace(state, spent=state.spent.with_answer(event.usage), spending=spending)
            tokens = event.usage.prompt_tokens + event.usage.completion_tokens
            return _agent(state, event.agent_id, at, _intention(event), tokens=tokens)
        case ModelFailed():
            doing = "waiting for the model" if event.again_in_s is not None else "failed"
            return _agent(state, event.agent_id, at, doing)
        case ModelAwaited():
            return _agent(state, event.agent_id, at, event.reason)
        case LeaseAwaited():
            return _agent(state, event.agent_id, at, f"waiting for {event.path} (task {event.holder})")
        case AgentTold(agent_id, steer_id=steer_id):
            state = _corrected(state) if event.correction else state
            return _told(state, agent_id, (steer_id,) if steer_id else ())
        case ToolReturned(malformed=True):
            return _corrected(state)
        case ChangeClashed() | WorkRestarted() | TimeWorked():
            return state
        case ToolReturned() | FactsLearned() | ConversationCompacted():
            return state
        case AgentEnded():
            return replace(state, agents=_without(state.agents, event.agent_id))
        case FindingChanged():
            finding = replace(state.findings[event.finding_id], state=event.state)
            return replace(state, findings={**state.findings, finding.id: finding})
        case PlacesFound():
            return state if event.task_id else replace(state, places=event.places, summary=event.summary)
        case QuestionAsked():
            question = Question(event.question_id, event.text, event.options, event.task_id, event.agent_id)
            state = replace(state, questions={**state.questions, question.id: question})
            return _waiting(state, event.agent_id, at, waiting=True)
        case QuestionAnswered():
            agent_id = state.questions[event.question_id].agent_id
            state = replace(state, questions=_without(state.questions, event.question_id))
            return _waiting(state, agent_id, at, waiting=False)
        case ProposalMade():
            proposal = Proposal(event.proposal_id, event.label, event.edits, event.task_id)
            return replace(state, proposals={**state.proposals, proposal.id: proposal})
        case ProposalDelivered():
            return _proposal(_written(state, event, at), event.proposal_id, "delivered", "")
        case ProposalRefused():
            refused = replace(state.proposals[event.proposal_id], refused=True, reason=event.reason)
            return replace(state, proposals={**state.proposals, refused.id: refused})
        case ProposalWithdrawn():
            to = "delivered" if state.proposals[event.proposal_id].accepted else "withdrawn"
            return _proposal(state, event.proposal_id, to, "")
        case AcceptanceBegun():
            accepting = replace(state.proposals[event.proposal_id], accepting=event.hunks)
            return replace(state, proposals={**state.proposals, accepting.id: accepting})
        case ProposalDecided():
            return _decided(_written(state, event, at), event)
        case ProposalUndone() | ProposalRedone():
            return _turned(state, event)
        case Steered():
            roles = audience(event.task_id, {agent.role for agent in state.agents.values()})
            steer = Steer(event.steer_id, event.text, event.task_id, event.when, roles, at)
            return replace(state, steers={**state.steers, steer.id: steer})
        case MissionPaused():
            return state if state.paused else replace(state, pauses=(*state.pauses, Pause(at)))
        case MissionResumed():
            return _resumed(state, at)
        case MissionPruned():
            return replace(state, pruned=True)
        case MissionImported():
            ended = state if state.ending else _after_end(state, MissionEnded("stopped", _UNFINISHED), at)
            return replace(ended, imported=True)
        case MissionEnded():
            return _after_end(state, event, at)
        case _:
            assert_never(event)


def _after_end(state: MissionState, event: MissionEnded, at: float) -> MissionState:
    return replace(
        _resumed(state, at),
        ending=event.status,
        reason=event.reason,
        ended_at=at,
        agents={},
        questions={},
    )


def _with_reason(state: MissionState, task_id: str, to: TaskState, reason: str) -> MissionState:
    return replace(state, plan=state.plan.with_state(task_id, to), reasons={**state.reasons, task_id: reason})


def _agent(
    state: MissionState, agent_id: str, at: float, doing: str, requests: int = 0, tokens: int = 0
) -> MissionState:
    view = state.agents[agent_id]
    view = replace(
        view,
        doing=doing,
        doing_since=view.doing_since if doing == view.doing else at,
        requests=view.requests + requests,
        tokens=view.tokens + tokens,
    )
    return replace(state, agents={**state.agents, agent_id: view})


def _waiting(state: MissionState, agent_id: str, at: float, *, waiting: bool) -> MissionState:
    if agent_id not in state.agents:
        return state
    state = _agent(state, agent_id, at, "waiting for you" if waiting else "going on")
    view = replace(state.agents[agent_id], waiting=waiting)
    return replace(state, agents={**state.agents, agent_id: view})


def _corrected(state: MissionState) -> MissionState:
    return replace(state, spent=replace(state.spent, corrections=state.spent.corrections + 1))


def _told(state: MissionState, agent_id: str, steer_ids: Iterable[str]) -> MissionState:
    steers = dict(state.steers)
    for steer_id in steer_ids:
        steers[steer_id] = replace(steers[steer_id], told=(*steers[steer_id].told, agent_id))
    return replace(state, steers=steers)


def _resumed(state: MissionState, at: float) -> MissionState:
    if not state.paused:
        return state
    return replace(state, pauses=(*state.pauses[:-1], replace(state.pauses[-1], until=at)))


def _intention(event: ModelAnswered) -> str:
    calls = event.message.get("tool_calls")
    if not isinstance(calls, list) or not calls:
        return "thinking"
    call = calls[0]
    function = call.get("function") if isinstance(call, dict) else None
    name = str(function.get("name")) if isinstance(function, dict) else ""
    return _DOING.get(name, name)


def _proposal(state: MissionState, proposal_id: str, to: ProposalState, reason: str) -> MissionState:
    proposal = replace(state.proposals[proposal_id], state=to, reason=reason)
    return replace(state, proposals={**state.proposals, proposal_id: proposal})


def _written(state: MissionState, event: ProposalDelivered | ProposalDecided, at: float) -> MissionState:
    was = state.proposals[event.proposal_id]
    delivered_at = at if event.edits else was.delivered_at
    proposal = replace(was, written=was.written + event.edits, delivered_at=delivered_at)
    return replace(state, proposals={**state.proposals, proposal.id: proposal})


def _turned(state: MissionState, event: ProposalUndone | ProposalRedone) -> MissionState:
    to: ProposalState = "undone" if isinstance(event, ProposalUndone) else "delivered"
    proposal = replace(state.proposals[event.proposal_id], state=to, written=event.edits)
    return replace(state, proposals={**state.proposals, proposal.id: proposal})


def _decided(state: MissionState, event: ProposalDecided) -> MissionState:
    """Return the state with a decision; the proposal waits on while it has hunks without one."""
    was = state.proposals[event.proposal_id]
    proposal = replace(
        was,
        accepted=(*was.accepted, *event.accepted),
        rejected=(*was.rejected, *event.rejected),
        accepting=(),
        reason=event.reason or was.reason,
    )
    if not proposal.undecided():
        proposal = replace(proposal, state="delivered" if proposal.accepted else "rejected")
    return replace(state, proposals={**state.proposals, proposal.id: proposal})


def _without(mapping: Mapping[K, V], key: K) -> dict[K, V]:
    return {k: v for k, v in mapping.items() if k != key}
