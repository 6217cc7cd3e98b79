"""What is dropped of old missions, by rules that the settings state.

Nothing is dropped of a mission that is not settled (`domain.summary`), nor of the latest ones. Age is counted from
the latest mission of the workspace rather than from a clock: a clock that is set drops nothing, and neither does a
holiday.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from podium.domain.events import (
    AgentStarted,
    AgentTold,
    CheckFinished,
    ConversationCompacted,
    Event,
    ModelAnswered,
    Record,
    ToolReturned,
)
from podium.domain.mission import MissionState
from podium.domain.summary import is_settled

_DAY_S = 86_400.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Rules:
    """The latest `missions` are kept whole. Of older ones, conversations are dropped after some days, then all."""

    missions: int
    conversations_days: float
    undo_days: float


@dataclass(frozen=True, slots=True)
class Dropped:
    """The ids of missions whose conversations go, and of those that go altogether."""

    conversations: tuple[str, ...] = ()
    missions: tuple[str, ...] = ()


def to_drop(missions: Sequence[MissionState], rules: Rules) -> Dropped:
    """Return what the rules drop; `missions` are all of a workspace, the newest first."""
    latest = max((state.started_at for state in missions), default=0.0)
    old = [state for state in missions[rules.missions :] if is_settled(state)]
    gone = _older(old, latest, rules.undo_days)
    return Dropped(
        tuple(s.id for s in _older(old, latest, rules.conversations_days) if not s.pruned and s not in gone),
        tuple(state.id for state in gone),
    )


def _older(missions: Iterable[MissionState], latest: float, days: float) -> list[MissionState]:
    return [state for state in missions if latest - state.ended_at > days * _DAY_S]


def without_conversations(records: Iterable[Record]) -> list[Record]:
    """Return the records that change when conversations are dropped, as they are then.

    What happened stays told, only without the words; the fold of all records is the same, and undo works.
    """
    slim = ((record, _slim(record.event)) for record in records)
    return [replace(record, event=event) for record, event in slim if event != record.event]


def _slim(event: Event) -> Event:  # noqa: PLR0911 - one case for each event that holds words
    match event:
        case AgentStarted():
            return replace(event, opening=())
        case ModelAnswered():
            return replace(event, message={"role": "assistant"})
        case AgentTold():
            return replace(event, message={"role": "user"})
        case ToolReturned():
            return replace(event, arguments={}, result="", edits=())
        case ConversationCompacted():
            return replace(event, note={"role": "user"}, cut={})
        case CheckFinished() if event.purpose not in {"gate", "final"}:
            return replace(event, result=replace(event.result, output="", failures=()))
        case _:
            return event
