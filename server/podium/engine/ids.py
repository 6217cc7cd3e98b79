"""Ids that are new in a mission, also in one that goes on with what it has recorded."""

from collections.abc import Iterable

from podium.domain.events import (
    AgentStarted,
    ProposalMade,
    QuestionAsked,
    Record,
    Steered,
    TaskAccepted,
)


class Ids:
    """Gives ids that are new in a mission; `records` are those that it has already."""

    def __init__(self, mission_id: str, records: Iterable[Record] = ()) -> None:
        self._mission_id = mission_id
        self._numbers = _numbers_used(records)

    def fresh(self, prefix: str) -> str:
        """Return an id that is new in this mission, such as `worker-3`."""
        self._numbers[prefix] = self._numbers.get(prefix, 0) + 1
        return f"{prefix}-{self._numbers[prefix]}"

    def fresh_anywhere(self, prefix: str) -> str:
        """Return an id that no mission has, such as `m-1.q-3`."""
        return f"{self._mission_id}.{self.fresh(prefix)}"


def _numbers_used(records: Iterable[Record]) -> dict[str, int]:
    """Return the highest number of each kind of id in a mission, such as 3 for `worker-3`."""
    numbers: dict[str, int] = {}
    for record in records:
        match record.event:
            case (
                AgentStarted(agent_id=used)
                | QuestionAsked(question_id=used)
                | ProposalMade(proposal_id=used)
                | TaskAccepted(proposal_id=used)
                | Steered(steer_id=used)
            ) if used:
                prefix, _, number = used.rpartition(".")[2].rpartition("-")
                numbers[prefix] = max(numbers.get(prefix, 0), int(number))
            case _:
                pass
    return numbers
