"""What the user may do about a task that does not get on."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

WayOut: TypeAlias = Literal["retry", "other model", "skip", "take over", "stop"]

WAYS_OUT: Sequence[WayOut] = ("retry", "other model", "skip", "take over", "stop")


def way_out(answer: str) -> tuple[WayOut, str]:
    """Return which way an answer means, and what more it says: a hint, or the name of a model.

    What is none of the ways is a hint for another try.
    """
    said = answer.strip()
    for way in WAYS_OUT:
        if said.lower() == way:
            return way, ""
    first, _, model = said.rpartition(" ")
    if first.lower() == "other model":
        return "other model", model
    return "retry", said
