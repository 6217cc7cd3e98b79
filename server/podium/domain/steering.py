"""Steering: what the user says while a mission runs, and whom it is meant for."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, TypeAlias

from podium.domain.rights import Role

When: TypeAlias = Literal["next", "interrupt"]
"""At the agent's next step, or at once: then the model request in flight is abandoned and asked anew."""

_EVERYBODY: tuple[Role, ...] = ("commander", "planner", "searcher", "worker", "reviewer")


@dataclass(frozen=True, slots=True)
class Steer:
    """A message of the user. `told` are the agents that have it in their conversation, in order.

    `at` is seconds since 1970, UTC.
    """

    id: str
    text: str
    task_id: str
    when: When
    roles: tuple[Role, ...]
    at: float
    told: tuple[str, ...] = ()

    def concerns(self, role: Role, task_id: str) -> bool:
        """Return whether an agent of `role`, at work on `task_id`, is to hear this.

        A Commander judges the whole, so it hears what was said about single tasks too.
        """
        return role in self.roles and (self.task_id in {"", task_id} or role == "commander")


def audience(task_id: str, running: Collection[Role]) -> tuple[Role, ...]:
    """Return the roles that a message is meant for, now and later; `running` are those at work.

    What is said to a Planner comes into the plan, so only the Commander has to know it too; what is said
    to a Commander is the Commander's to carry out.
    """
    if not task_id and "planner" in running:
        return ("planner", "commander")
    if not task_id and "commander" in running:
        return ("commander",)
    return _EVERYBODY
