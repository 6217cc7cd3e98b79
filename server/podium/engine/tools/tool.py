"""What a tool is: a name, a description for the model, validated arguments, and a function."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

from pydantic import BaseModel, ConfigDict

from podium.domain.masking import Mask
from podium.domain.messages import Json
from podium.domain.plan import Plan
from podium.engine.decisions import Decision
from podium.engine.looks import Looks
from podium.engine.tree import CandidateTree
from podium.engine.verification import CheckDesk


class Arguments(BaseModel):
    """Base of all arguments: unknown names are errors that the model is told about."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


A = TypeVar("A", bound=Arguments)

Ask = Callable[[str, tuple[str, ...]], Awaitable[str]]
Claim = Callable[[str], Awaitable[bool]]
"""Leases a path for writing, and returns whether that took a wait in which the file may have changed."""


@dataclass(frozen=True, slots=True)
class ToolContext:
    """What a tool call may touch: the agent's own tree, its mission's checks, and the user by question.

    `consult` is asked before the user; an empty answer leaves the question to them.
    """

    tree: CandidateTree
    desk: CheckDesk
    claim: Claim
    ask: Ask
    task_id: str = ""
    plan: Plan = field(default_factory=Plan)
    ask_for_commands: bool = True
    consult: Ask | None = None
    mask: Mask = field(default_factory=Mask)
    looks: Looks = field(default_factory=Looks)


@dataclass(frozen=True, slots=True)
class Tool(Generic[A]):
    """A tool. `run` returns the text for the model, or the agent's decision."""

    name: str
    description: str
    arguments: type[A]
    run: Callable[[ToolContext, A], Awaitable[str | Decision]]

    def schema(self, owners: str = "") -> dict[str, Json]:
        """Return the tool as function calling offers it (OpenAI format); `owners` opens the description."""
        parameters = cast("dict[str, Json]", _lean(self.arguments.model_json_schema()))
        return {
            "type": "function",
            "function": {
                "name": self.name,
                "description": owners + self.description,
                "parameters": parameters,
            },
        }


def _lean(schema: Any) -> Any:  # noqa: ANN401 - any part of a JSON schema
    """Return the schema without what only costs tokens.

    Titles, `$defs`, null branches, defaults and limits go, and that no other names are allowed: what a model
    gets wrong, validation explains.
    """
    defs = schema.pop("$defs", {})

    def lean(node: Any) -> Any:  # noqa: ANN401 - any part of a JSON schema
        if isinstance(node, list):
            return [lean(item) for item in cast("list[Any]", node)]
        if not isinstance(node, dict):
            return node
        node = cast("dict[str, Any]", node)
        if "$ref" in node:
            return lean(defs[node["$ref"].rsplit("/", 1)[-1]])
        options = [o for o in node.get("anyOf", []) if o != {"type": "null"}]
        if len(options) == 1:
            return lean({k: v for k, v in node.items() if k not in {"anyOf", "default"}} | options[0])
        kept = {k: v for k, v in node.items() if not (k == "title" and isinstance(v, str))}
        if kept.get("additionalProperties") is False:
            del kept["additionalProperties"]
            kept.pop("description", None)
        for name in ("default", "minLength", "maxLength", "minItems", "maxItems", "minimum", "pattern"):
            if not isinstance(kept.get(name), dict):  # a parameter may bear such a name
                kept.pop(name, None)
        return {k: lean(v) for k, v in kept.items()}

    return lean(schema)
