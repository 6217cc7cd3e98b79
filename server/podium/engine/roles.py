"""The team as data: what each role is told, may use, and how long it may take.

The prompts are Markdown in `podium/prompts`; the tools stand in `domain.rights`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from podium.domain.rights import Role


@dataclass(frozen=True, slots=True)
class RoleSpec:
    """A role. `prompt` names a file in `prompts/`; `steps` is how many answers one turn may take."""

    role: Role
    prompt: str
    steps: int


TEAM: Mapping[Role, RoleSpec] = {
    "commander": RoleSpec("commander", "commander", 15),
    "planner": RoleSpec("planner", "planner", 30),
    "searcher": RoleSpec("searcher", "searcher", 15),
    "worker": RoleSpec("worker", "worker", 50),
    "reviewer": RoleSpec("reviewer", "reviewer", 20),
}


@cache
def prompt(name: str) -> str:
    """Return the text of `prompts/<name>.md`."""
    return files("podium").joinpath("prompts", f"{name}.md").read_text(encoding="utf-8").strip()


def filled(name: str, /, **values: str) -> str:
    """Return a prompt with its `{variables}` filled in.

    Raises:
        KeyError: the prompt names a variable that is not given.
    """
    return prompt(name).format_map(values)
