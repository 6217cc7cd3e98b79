"""What the user asks for: a mission that is to be started."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from podium.domain.events import Apply, MissionKind
from podium.domain.messages import Json
from podium.domain.plan import Task

_RANKS: Mapping[MissionKind, int] = {"search": 0, "fix": 1, "task": 2, "plan": 2, "review": 3}


@dataclass(frozen=True, slots=True)
class MissionRequest:
    """What the user asked for. `tasks` is a ready plan. With `auto` the user is asked nothing.

    `overrides` are the settings that were given for this mission alone.
    """

    kind: MissionKind
    goal: str
    apply: Apply = "verified"
    files: tuple[str, ...] = ()
    text: str = ""
    tasks: tuple[Task, ...] = ()
    finding_ids: tuple[str, ...] = ()
    auto: bool = False
    overrides: Mapping[str, Json] = field(default_factory=dict[str, Json])

    @property
    def rank(self) -> int:
        """How urgent it is where a provider takes only so many requests: what the user waits for now goes first (0)."""
        return _RANKS[self.kind]
