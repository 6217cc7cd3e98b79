"""On what a mission's requests were spent: by role, task and model, from the providers' own numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from podium.domain.limits import Spent
from podium.domain.messages import Usage
from podium.domain.rights import Role


@dataclass(frozen=True, slots=True)
class Account:
    """What a request is booked on. `task_id` is empty for what concerns the whole mission."""

    role: Role
    task_id: str
    model: str


Spending: TypeAlias = Mapping[Account, Spent]
Kind: TypeAlias = Literal["role", "task", "model"]
KINDS: tuple[Kind, ...] = ("role", "task", "model")


def booked(spending: Spending, account: Account, usage: Usage) -> Spending:
    """Return the spending with one more answer."""
    return {**spending, account: spending.get(account, Spent()).with_answer(usage)}


def summed(spending: Spending, kind: Kind) -> dict[str, Spent]:
    """Return what was spent by role, task or model, in the order in which each came first."""
    sums: dict[str, Spent] = {}
    for account, spent in spending.items():
        name = {"role": account.role, "task": account.task_id, "model": account.model}[kind]
        sums[name] = sums.get(name, Spent()) + spent
    return sums
