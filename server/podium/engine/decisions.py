"""What agents decide. A decision is a validated tool call; nothing that a model merely says counts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from podium.domain.events import Place
from podium.domain.findings import Severity
from podium.domain.plan import Task


@dataclass(frozen=True, slots=True)
class PlanSubmitted:
    """The Planner's tasks; their graph was validated. `learned` has the place of each fact that it found."""

    tasks: tuple[Task, ...]
    learned: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class ContextSubmitted:
    """What a Searcher found."""

    summary: str
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class WorkFinished:
    """A Worker claims that its task is done; checks and the Reviewer decide whether it is.

    `learned` has the place of each fact that it found.
    """

    summary: str
    learned: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Remark:
    """A finding as a Reviewer words it; `line` is 1-based, 0 when the quote could not be located."""

    path: str
    quote: str
    line: int
    severity: Severity
    code: str
    message: str
    suggestion: str


@dataclass(frozen=True, slots=True)
class ReviewDecided:
    """A Reviewer's verdict."""

    approved: bool
    remarks: tuple[Remark, ...]


@dataclass(frozen=True, slots=True)
class PlanChanged:
    """The Commander's changes to the plan; `reason` is recorded. `needs` has what tasks need from now on."""

    add: tuple[Task, ...]
    drop: Mapping[str, str]
    reword: Mapping[str, str]
    reason: str
    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])


@dataclass(frozen=True, slots=True)
class SignedOff:
    """The Commander declares the goal reached; `dismiss` has its reason for each finding that may stay."""

    summary: str
    dismiss: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Answered:
    """The Commander's answer to what it was asked; empty where the user is to answer."""

    text: str


Decision: TypeAlias = (
    PlanSubmitted | ContextSubmitted | WorkFinished | ReviewDecided | PlanChanged | SignedOff | Answered
)


class AgentGaveUp(Exception):
    """The agent cannot come to a decision; the message says why, in one sentence."""
