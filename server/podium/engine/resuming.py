"""Going on with a mission later: with what one only planned, or where one was interrupted."""

from collections.abc import Sequence
from dataclasses import replace

from podium.config import Settings
from podium.domain.events import MissionStarted, Record
from podium.domain.mission import MissionState
from podium.domain.mission_request import MissionRequest
from podium.errors import UserError


def request_again(state: MissionState, records: Sequence[Record], settings: Settings) -> MissionRequest:
    """Return the request that carries out the plan of a mission that has ended.

    Raises:
        UserError: it did not end with a plan.
    """
    if not state.plan_waits:
        raise UserError(
            f"The mission {state.id!r} has ended: {state.reason.rstrip('.') or state.ending}. Only what is paused, was "
            "interrupted, or was planned by podium.plan can go on; start another mission for the rest."
        )
    request = request_of(records)
    tasks = tuple(state.plan.tasks.values())
    return replace(request, kind="task", apply=settings.apply, tasks=tasks, overrides={})


def request_of(records: Sequence[Record]) -> MissionRequest:
    """Return what the user asked for, when a mission with these records was last begun."""
    events = (record.event for record in reversed(records))
    started = next(event for event in events if isinstance(event, MissionStarted))
    return MissionRequest(
        started.mission_kind,
        started.goal,
        started.apply,
        started.files,
        started.text,
        started.tasks,
        started.finding_ids,
        started.auto,
        started.overrides,
    )
