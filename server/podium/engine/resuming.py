"""Carrying out later what a mission only planned: the same mission goes on with its plan."""

from collections.abc import Iterable

from podium.config import Settings
from podium.domain.events import AgentStarted, MissionStarted, ProposalMade, QuestionAsked, Record, Steered
from podium.domain.mission import MissionState
from podium.engine.mission_run import MissionRequest
from podium.errors import UserError


def request_again(state: MissionState, records: Iterable[Record], settings: Settings) -> MissionRequest:
    """Return the request that carries out the plan of a mission that has ended.

    Raises:
        UserError: it did not end with a plan.
    """
    if not state.plan_waits:
        raise UserError(
            f"The mission {state.id!r} has ended: {state.reason.rstrip('.') or state.ending}. Only what is paused, or "
            "was planned by podium.plan, can go on; start another mission for the rest."
        )
    first = next(record.event for record in records if isinstance(record.event, MissionStarted))
    tasks = tuple(state.plan.tasks.values())
    return MissionRequest("task", state.goal, settings.apply, first.files, first.text, tasks)


def numbers_used(records: Iterable[Record]) -> dict[str, int]:
    """Return the highest number of each kind of id in a mission, such as 3 for `worker-3`."""
    numbers: dict[str, int] = {}
    for record in records:
        match record.event:
            case (
                AgentStarted(agent_id=used)
                | QuestionAsked(question_id=used)
                | ProposalMade(proposal_id=used)
                | Steered(steer_id=used)
            ):
                prefix, _, number = used.rpartition(".")[2].rpartition("-")
                numbers[prefix] = max(numbers.get(prefix, 0), int(number))
            case _:
                pass
    return numbers
