"""Strands: the steps of a mission that one piece of control flow takes one after another.

All that is done for one task is a strand, with its agents; so is what the mission does itself (planning, judging the
whole). Strands run at the same time, and what the user does comes in between; within a strand the order of steps is
the order of the code. Nothing here knows what the steps mean.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from podium.domain.events import (
    AgentEnded,
    AgentStarted,
    AgentTold,
    AttemptStarted,
    ChangeClashed,
    CheckFinished,
    ConversationCompacted,
    Event,
    FactsLearned,
    FactsRecalled,
    LeaseAwaited,
    ModelAnswered,
    ModelAsked,
    ModelFailed,
    PlacesFound,
    PlanSet,
    ProposalDelivered,
    ProposalMade,
    ProposalRefused,
    ProposalWithdrawn,
    QuestionAsked,
    Record,
    ReviewSubmitted,
    TaskAccepted,
    TaskReopened,
    TaskStuck,
    TaskTakenOver,
    ToolReturned,
    WorkRestarted,
)

OWN = ""
"""The strand of the mission itself; all others have their task's id."""


@dataclass(slots=True)
class Weaver:
    """Tells of one event after another which strand it belongs to."""

    _agents: dict[str, str] = field(default_factory=dict[str, str])
    _owned: dict[str, str] = field(default_factory=dict[str, str])

    def strand(self, event: Event) -> str | None:  # noqa: C901, PLR0911 - by where the kinds say it
        """Return the strand of the next event; None where it came from outside of all strands, or many share it."""
        match event:
            case AgentStarted(agent_id, _, task_id):
                self._agents[agent_id] = task_id
                return task_id
            case ProposalMade(proposal_id, _, _, task_id):
                self._owned[proposal_id] = task_id
                return task_id
            case ProposalDelivered(owned) | ProposalRefused(owned) | ProposalWithdrawn(owned):
                return self._owned.get(owned)
            case QuestionAsked():
                return event.task_id or self._agents.get(event.agent_id, OWN)
            case AttemptStarted() | ReviewSubmitted() | ChangeClashed() | TaskAccepted() | TaskStuck():
                return event.task_id
            case TaskReopened() | TaskTakenOver() | PlacesFound() | WorkRestarted():
                return event.task_id
            case CheckFinished():
                return {"gate": event.task_id, "final": OWN}.get(event.purpose)
            case ModelAsked() | ModelAnswered() | ModelFailed() | ToolReturned() | LeaseAwaited():
                return self._agents.get(event.agent_id)
            case AgentTold() | ConversationCompacted() | AgentEnded() | FactsLearned():
                return self._agents.get(event.agent_id)
            case PlanSet(author=author):
                return None if author == "user" else self._agents.get(author, OWN)
            case FactsRecalled():
                return OWN
            case _:
                return None


def is_step(event: Event) -> bool:
    """Return whether going through the strand again takes this step for certain, at this place.

    What agents are told and what their tools returned is theirs to look up; what went wrong on the way to an answer
    does not happen again, unless the user took the request back.
    """
    match event:
        case ModelFailed():
            return event.reason == ABANDONED
        case CheckFinished():
            return event.purpose in {"gate", "final"}
        case (
            AttemptStarted()
            | ReviewSubmitted()
            | ChangeClashed()
            | TaskAccepted()
            | TaskStuck()
            | TaskReopened()
            | TaskTakenOver()
            | AgentStarted()
            | ModelAsked()
            | ModelAnswered()
            | AgentEnded()
            | PlacesFound()
            | PlanSet()
            | FactsRecalled()
            | QuestionAsked()
            | ProposalMade()
            | ProposalDelivered()
            | ProposalRefused()
            | ProposalWithdrawn()
        ):
            return True
        case _:
            return False


ABANDONED = "abandoned, because the user interrupts"
"""Why a request failed that the user took back."""


def same_step(was: Event, now: Event) -> bool:
    """Return whether two steps are the same one, whatever else they say."""
    return _key(was) == _key(now)


def _key(step: Event) -> tuple[object, ...]:  # noqa: PLR0911 - by what names each kind
    match step:
        case AttemptStarted():
            return step.kind, step.number
        case ModelAsked() | ModelAnswered() | ModelFailed():
            return step.kind, step.request_id
        case AgentStarted() | AgentEnded():
            return step.kind, step.agent_id
        case CheckFinished():
            return step.kind, step.result.check
        case QuestionAsked():
            return step.kind, step.question_id
        case ProposalMade() | ProposalDelivered() | ProposalRefused() | ProposalWithdrawn():
            return step.kind, step.proposal_id
        case _:
            return (step.kind,)


def woven(records: Iterable[Record]) -> dict[str, list[Record]]:
    """Return the records of each strand, in order, from where its work was last begun."""
    weaver = Weaver()
    strands: dict[str, list[Record]] = {}
    for record in records:
        strand = weaver.strand(record.event)
        if isinstance(record.event, WorkRestarted):
            strands.pop(record.event.task_id, None)
        elif strand is not None:
            strands.setdefault(strand, []).append(record)
    return strands
