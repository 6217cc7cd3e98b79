"""`--json`: a mission as lines for programs, one event each and one at the end."""

import json
from collections.abc import Mapping
from typing import TextIO

import anyio

from podium.cli.questions import unattended_answer
from podium.domain.events import Event
from podium.domain.limits import Spent
from podium.domain.messages import Json
from podium.domain.mission import MissionState, Question
from podium.domain.spending import KINDS, summed


def mission_ended(state: MissionState, status: str, reason: str) -> dict[str, Json]:
    """Return the last line; `wall_s` is from the mission's first event to its last.

    `estimated` counts the requests of which the provider told no numbers. In `spent_by.task`, what concerns no
    single task has no name.
    """
    return {
        "kind": "mission_ended",
        "event": "mission_ended",
        "mission_id": state.id,
        "status": status,
        "reason": reason,
        "tasks": len(state.plan.tasks),
        "attempts": state.spent.attempts,
        **_numbers(state.spent),
        "spent_by": {
            kind: {name: _numbers(spent) for name, spent in summed(state.spending, kind).items()}
            for kind in KINDS
        },
        "wall_s": round(max(0.0, state.ended_at - state.started_at), 3),
    }


def _numbers(spent: Spent) -> dict[str, Json]:
    return {
        "model_requests": spent.model_requests,
        "prompt_tokens": spent.prompt_tokens,
        "completion_tokens": spent.completion_tokens,
        "cached_tokens": spent.cached_tokens,
        "cost_usd": round(spent.cost_usd, 6) if spent.cost_known else None,
        "estimated": spent.estimated,
    }


class JsonView:
    """Writes each event as it came from the server. Nobody is asked."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def happened(self, params: Mapping[str, Json], _event: Event, _state: MissionState) -> None:
        """Write the event's line."""
        self._write(params)

    async def keep_fresh(self) -> None:
        """Do nothing: lines do not age."""
        await anyio.sleep_forever()

    async def ask(self, question: Question) -> str:
        """Return what stands for an answer."""
        return unattended_answer(question)

    def ended(self, state: MissionState, status: str, reason: str) -> None:
        """Write the last line."""
        self._write(mission_ended(state, status, reason))

    def _write(self, line: Mapping[str, Json]) -> None:
        self._out.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._out.flush()
