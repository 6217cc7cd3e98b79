"""The past of a mission that goes on after an interruption.

A resumed mission runs the same code from its beginning, and each strand (`domain.strands`) goes through its recorded
steps again before it takes new ones. While it does, it *relives*: agents are given the answers that were paid for,
tools are not carried out again but their recorded edits made, checks and deliveries are not repeated, nothing is
recorded twice, and the strand sees the mission as it was then. Where its record ends, it lives on.

A strand whose code wants another step than the recorded one (it depended on what is not recorded) cannot relive
the rest: `Diverged` says so, and its work begins anew.
"""

from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TypeVar

from podium.domain.conversation import Conversation, after
from podium.domain.events import (
    AgentEnded,
    AgentStarted,
    AgentTold,
    CheckFinished,
    ConversationCompacted,
    Event,
    FactsLearned,
    FindingChanged,
    MissionStarted,
    ModelAnswered,
    ModelAsked,
    ModelFailed,
    QuestionAnswered,
    Record,
    ReviewSubmitted,
    TaskReopened,
    TaskStuck,
    ToolReturned,
    WorkRestarted,
)
from podium.domain.mission import MissionState
from podium.domain.plan import CLOSED, Task
from podium.domain.rights import Role
from podium.domain.strands import OWN, is_step, same_step, woven

E = TypeVar("E", bound=Event)

_STRAND: ContextVar[str | None] = ContextVar("strand", default=None)
"""The strand that runs in this task of the event loop; none where a request of the user is carried out."""


class Diverged(Exception):
    """A strand cannot relive its past; the message says at which step, and what it wanted instead."""


@dataclass(slots=True)
class _Strand:
    """The recorded steps of a strand; `at` is the next one, `seen` the record as of which the strand sees the mission."""

    steps: list[Record]
    at: int = 0
    seen: int = 0

    @property
    def next(self) -> Record | None:
        return self.steps[self.at] if self.at < len(self.steps) else None

    def pass_step(self) -> None:
        self.seen = max(self.seen, self.steps[self.at].seq)
        self.at += 1

    def pass_until(self, seq: int) -> None:
        """Leave the steps before record `seq` behind."""
        while (step := self.next) is not None and step.seq < seq:
            self.pass_step()
        self.seen = max(self.seen, seq)


@dataclass(frozen=True, slots=True)
class RelivedRequest:
    """A request that was recorded: the conversation that it held, and what of it the user had said.

    `shortened` says that something was left out of it. `answer` is None where it was in flight; it was `abandoned`
    where another one took its place, and `failed` where the agent gave up without an answer.
    """

    messages: Conversation
    steers: tuple[str, ...]
    shortened: bool
    answer: ModelAnswered | None
    abandoned: bool = False
    failed: bool = False


@dataclass(slots=True)
class _Agent:
    """What was recorded of one agent, as far as it is not in the strand's steps."""

    records: list[Record] = field(default_factory=list[Record])
    messages: Conversation = ()
    folded: int = 0

    def until(self, seq: int) -> tuple[Conversation, list[Event]]:
        """Return the conversation before record `seq`, and the events since the last call."""
        new: list[Event] = []
        while self.folded < len(self.records) and self.records[self.folded].seq < seq:
            event = self.records[self.folded].event
            self.messages = after(self.messages, event)
            new.append(event)
            self.folded += 1
        return self.messages, new


class Past:
    """What was recorded of a mission before it was interrupted; empty for one that never was.

    `states` has the mission after each of the `records`.
    """

    def __init__(self, records: Sequence[Record] = (), states: Sequence[MissionState] = ()) -> None:
        self._strands: dict[str, _Strand] = {}
        self._states: dict[int, MissionState] = {}
        self._agents: dict[str, _Agent] = {}
        self._returned: dict[tuple[str, str], Record] = {}
        self._answers: dict[str, Record] = {}
        self._learned: set[str] = set()
        self._in_flight: set[str] = set()
        self._reviewed: dict[str, tuple[str, ...]] = {}
        self._held: dict[str, tuple[str, ...]] = {}
        self.checks: list[CheckFinished] = []
        self._open: tuple[str, ...] = ()
        self.dropped: tuple[str, ...] = ()
        self.begun_anew: frozenset[str] = frozenset()
        if records:
            self._remember(records, states)

    def _remember(self, records: Sequence[Record], states: Sequence[MissionState]) -> None:
        begun = max(n for n, record in enumerate(records) if isinstance(record.event, MissionStarted))
        strands = woven(records[begun:])
        now = states[-1]
        plan = now.plan.tasks
        opened = (name for name in strands if _is_open(now, name))
        self._open = tuple(sorted(opened, key=lambda name: plan[name].state != "running"))
        self._reviewed = {name: _findings(own) for name, own in strands.items()}
        self.dropped = tuple(name for name in strands.keys() & plan.keys() if plan[name].state == "dropped")
        self.begun_anew = frozenset(
            r.event.task_id for r in records[begun:] if isinstance(r.event, WorkRestarted)
        )
        by_seq = {record.seq: then for record, then in zip(records, states, strict=True)}
        before = {later.seq: earlier.seq for earlier, later in pairwise(records)}
        for name in (OWN, *self._open):
            own = strands.get(name, [])
            steps = [record for record in own if is_step(record.event)]
            if steps:
                self._strands[name] = _Strand(steps, seen=before[steps[0].seq])
            self._states |= {seq: by_seq[seq] for r in own for seq in (r.seq, before[r.seq])}
            for record in own:
                self._keep(record)
            if name in plan:
                self._held[name] = _held(plan[name], own)
        for record in records[begun:]:
            if isinstance(record.event, QuestionAnswered):
                self._answers[record.event.question_id] = record
                self._states[record.seq] = by_seq[record.seq]
            elif isinstance(record.event, CheckFinished):
                self.checks.append(record.event)

    def _keep(self, record: Record) -> None:
        event = record.event
        if isinstance(event, ToolReturned):
            self._returned[event.agent_id, event.call_id] = record
        if isinstance(event, FactsLearned):
            self._learned.add(event.agent_id)
        agent_id = getattr(event, "agent_id", "")
        if agent_id:
            self._agents.setdefault(agent_id, _Agent()).records.append(record)

    # --- strands ------------------------------------------------------------------------------------

    @contextmanager
    def strand(self, name: str) -> Generator[None]:
        """Surround the work of a strand."""
        token = _STRAND.set(name)
        try:
            yield
        finally:
            _STRAND.reset(token)

    def _current(self) -> _Strand | None:
        """Return the strand that runs here, while it relives."""
        if not self._strands:
            return None
        strand = self._strands.get(_STRAND.get() or OWN) if _STRAND.get() is not None else None
        return strand if strand is not None and strand.next is not None else None

    @property
    def reliving(self) -> bool:
        """Whether the strand that runs here has recorded steps before it."""
        return self._current() is not None

    def view(self) -> MissionState | None:
        """Return the mission as the strand that runs here saw it then; None where it lives."""
        strand = self._current()
        return self._states[strand.seen] if strand is not None else None

    def next(self, kind: type[E]) -> E | None:
        """Return the next recorded step if it is of this kind."""
        strand = self._current()
        step = strand.next if strand is not None else None
        return step.event if step is not None and isinstance(step.event, kind) else None

    def went_on_with(self, *kinds: type[Event]) -> bool | None:
        """Return whether the next recorded step is one of these; None where the strand lives, and decides."""
        strand = self._current()
        return None if strand is None or strand.next is None else isinstance(strand.next.event, kinds)

    def take(self, kind: type[E]) -> E | None:
        """Relive the next recorded step if it is of this kind, and return it."""
        event = self.next(kind)
        if event is not None:
            self._strands[_STRAND.get() or OWN].pass_step()
        return event

    def relive(self, events: Iterable[Event]) -> Sequence[Event]:
        """Relive the steps among `events`, and return what is to be recorded of them.

        Raises:
            Diverged: they are other steps than the recorded ones.
        """
        if not self._strands:
            return tuple(events)
        fresh = [event for event in events if not self._is_returned(event)]
        strand = self._current()
        if strand is None:
            asked_before = [isinstance(e, ModelAsked) and e.request_id in self._in_flight for e in fresh]
            return fresh if asked_before != [True] else ()
        steps = [event for event in fresh if is_step(event)]
        for step in steps:
            was = strand.next
            if was is None or not same_step(was.event, step):
                self.diverge(f"{step.kind} instead of {was.event.kind if was else 'nothing'}")
            strand.pass_step()
        # What was written together is there, or all of it is lacking.
        return [] if steps else [event for event in fresh if not isinstance(event, FindingChanged)]

    def _is_returned(self, event: Event) -> bool:
        return isinstance(event, ToolReturned) and (event.agent_id, event.call_id) in self._returned

    def diverge(self, what: str) -> None:
        """Give up reliving the strand that runs here.

        Raises:
            Diverged: always.
        """
        strand = self._strands.pop(_STRAND.get() or OWN)
        raise Diverged(f"{what} at step {strand.at + 1} of {len(strand.steps)}")

    def is_open(self, task_id: str) -> bool:
        """Return whether the strand of a task was interrupted."""
        return task_id in self._strands

    def open_tasks(self) -> tuple[str, ...]:
        """Return the tasks whose strands were interrupted, those at work first; none when asked a second time."""
        tasks, self._open = self._open, ()
        return tasks

    def held(self, task_id: str) -> tuple[str, ...]:
        """Return the files that an open task had leased in the end."""
        return self._held.get(task_id, ())

    def reviewed(self, task_id: str) -> tuple[str, ...]:
        """Return the ids of what the recorded reviews of a task found."""
        return self._reviewed.get(task_id, ())

    # --- agents -------------------------------------------------------------------------------------

    def agent(self, role: Role) -> AgentStarted | None:
        """Return the recorded agent that the strand begins next.

        Raises:
            Diverged: something else comes next.
        """
        started = self.next(AgentStarted)
        if self.reliving and (started is None or started.role != role):
            self.diverge(f"a {role} begins")
        return started

    def request(self, agent_id: str, request_id: str) -> RelivedRequest | None:
        """Return a recorded request of an agent, and relive it and its answer where it had one.

        Raises:
            Diverged: something else comes next.
        """
        strand = self._current()
        asked = strand.next if strand is not None else None
        if strand is None or asked is None:
            return None
        messages, told = self._agents.setdefault(agent_id, _Agent()).until(asked.seq)
        steers = tuple(event.steer_id for event in told if isinstance(event, AgentTold) and event.steer_id)
        shortened = any(isinstance(event, ConversationCompacted) for event in told)
        relived = RelivedRequest(messages, steers, shortened, None)
        if _is_end_of(agent_id, asked.event):
            return replace(relived, failed=True)
        if not isinstance(asked.event, ModelAsked) or asked.event.request_id != request_id:
            self.diverge(f"the request {request_id}")
        strand.pass_step()
        then = strand.next
        if then is None:
            self._in_flight.add(request_id)
            return relived
        if _is_end_of(agent_id, then.event):
            return replace(relived, failed=True)
        if isinstance(then.event, ModelAnswered) and then.event.request_id == request_id:
            strand.pass_step()
            return replace(relived, answer=then.event)
        if isinstance(then.event, ModelFailed):
            strand.pass_step()
        return replace(relived, abandoned=True)

    def returned(self, agent_id: str, call_id: str) -> ToolReturned | None:
        """Return what a tool call gave, and leave behind what was recorded while it was carried out."""
        record = self._returned.get((agent_id, call_id))
        if record is None or not isinstance(record.event, ToolReturned):
            return None
        if not record.event.decision and (strand := self._current()) is not None:
            strand.pass_until(record.seq)
        return record.event

    def learned(self, agent_id: str) -> bool:
        """Return whether what an agent learned is recorded."""
        return agent_id in self._learned

    def answer(self, question_id: str) -> str | None:
        """Return the recorded answer to a question; None where it is open."""
        record = self._answers.get(question_id)
        if record is None or not isinstance(record.event, QuestionAnswered):
            return None
        if (strand := self._current()) is not None:
            strand.seen = max(strand.seen, record.seq)
        return record.event.answer


def _is_end_of(agent_id: str, event: Event) -> bool:
    return isinstance(event, AgentEnded) and event.agent_id == agent_id


def _findings(own: Sequence[Record]) -> tuple[str, ...]:
    reviews = (record.event for record in own if isinstance(record.event, ReviewSubmitted))
    return tuple(finding.id for review in reviews for finding in review.findings)


def _held(task: Task, records: Iterable[Record]) -> tuple[str, ...]:
    held: dict[str, None] = dict.fromkeys(task.files)
    for record in records:
        match record.event:
            case TaskStuck():
                held = {}
            case TaskReopened():
                held |= dict.fromkeys(task.files)
            case ToolReturned(edits=edits):
                held |= dict.fromkeys(edit.path for edit in edits)
            case _:
                pass
    return tuple(held)


def _is_open(state: MissionState, task_id: str) -> bool:
    """Return whether something is left to do in the strand of a task."""
    if any(agent.task_id == task_id for agent in state.agents.values()):
        return task_id in state.plan.tasks and state.plan.tasks[task_id].state != "dropped"
    return task_id in state.plan.tasks and state.plan.tasks[task_id].state not in CLOSED
