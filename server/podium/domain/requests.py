"""What a server asks of another one: to do something with a mission that the other carries out.

A request says what the user wants, and takes effect as an event of the mission, which only its own server records.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from pydantic import ConfigDict, Discriminator, TypeAdapter

from podium.domain.events import (
    MissionEnded,
    MissionInterrupted,
    MissionPaused,
    MissionResumed,
    PlanSet,
    QuestionAnswered,
    Record,
    Steered,
)
from podium.domain.steering import When


@dataclass(frozen=True, slots=True)
class SteerMission:
    """Say something to a mission's agents; the receipt is the id of what was said."""

    mission_id: str
    message: str
    task_id: str = ""
    when: When = "next"
    kind: Literal["steer"] = "steer"


@dataclass(frozen=True, slots=True)
class AnswerQuestion:
    """Answer an open question."""

    mission_id: str
    question_id: str
    answer: str
    kind: Literal["answer"] = "answer"


@dataclass(frozen=True, slots=True)
class PauseMission:
    """Let nothing begin from now on."""

    mission_id: str
    kind: Literal["pause"] = "pause"


@dataclass(frozen=True, slots=True)
class ResumeMission:
    """Let a paused mission go on."""

    mission_id: str
    kind: Literal["resume"] = "resume"


@dataclass(frozen=True, slots=True)
class CancelMission:
    """End a mission."""

    mission_id: str
    kind: Literal["cancel"] = "cancel"


@dataclass(frozen=True, slots=True)
class HandOver:
    """Interrupt a mission that goes on without an editor, so that it goes on in one."""

    mission_id: str
    kind: Literal["hand_over"] = "hand_over"


@dataclass(frozen=True, slots=True)
class TakePlan:
    """Take what was saved in a mission's plan document; the receipt says that it will be read from the file."""

    mission_id: str
    kind: Literal["take_plan"] = "take_plan"


Request: TypeAlias = (
    SteerMission | AnswerQuestion | PauseMission | ResumeMission | CancelMission | HandOver | TakePlan
)

_REQUEST: TypeAdapter[Request] = TypeAdapter(
    Annotated[Request, Discriminator("kind")], config=ConfigDict(defer_build=True)
)


def to_json(request: Request) -> str:
    """Return a request as one line."""
    return _REQUEST.dump_json(request).decode()


def from_json(line: str) -> Request:
    """Return the request that `to_json` wrote.

    Raises:
        ValueError: it is none.
    """
    return _REQUEST.validate_json(line)


def receipt_in(request: Request, records: Iterable[Record]) -> str | None:
    """Return the receipt of a request that took effect among `records`; None where it did not.

    It is for one whose answer was lost: the server that was asked may have ended before it could answer, and after
    it had recorded.
    """
    for record in records:
        match request, record.event:
            case SteerMission(_, message, task_id), Steered(steer_id, text, about) if (
                message == text and task_id == about
            ):
                return steer_id
            case AnswerQuestion(_, question_id, answer), QuestionAnswered(answered, given) if (
                question_id == answered and answer == given
            ):
                return ""
            case (
                (PauseMission(), MissionPaused())
                | (ResumeMission(), MissionResumed())
                | (CancelMission(), MissionEnded(status="cancelled"))
                | (HandOver(), MissionInterrupted())
                | (TakePlan(), PlanSet(author="user"))
            ):
                return ""
            case _:
                pass
    return None
