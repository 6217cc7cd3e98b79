"""Carries out a model's tool calls: rights, validation, and errors that the model can learn from."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from pydantic import ValidationError

from podium.domain.answers import unreadable
from podium.domain.changes import FileEdit
from podium.domain.conversions import converted
from podium.domain.messages import Json, Message, sound
from podium.domain.rights import TOOLS_OF, Role
from podium.engine.decisions import Decision
from podium.engine.secrets import with_secrets
from podium.engine.tools.table import TOOLS
from podium.engine.tools.tool import Arguments, Tool, ToolContext
from podium.errors import ToolError

CONVERSIONS = 2
"""How often arguments of the wrong type are converted: a list in a text may hold texts that are lists."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call in an answer as it was understood; `arguments` is a JSON object as text."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """What a call gave: text for the model, and a decision if it made one.

    A `malformed` call is none: nobody offers such a tool to this role, or the tool does not take its arguments. It is
    `useless` where nothing of it could be read.
    """

    text: str
    ok: bool
    arguments: Mapping[str, Json] = field(default_factory=dict[str, Json])
    edits: tuple[FileEdit, ...] = ()
    decision: Decision | None = None
    useless: bool = False
    malformed: bool = False


def calls_of(message: Message) -> list[ToolCall]:
    """Return the tool calls of an assistant's message, in order."""
    calls: list[ToolCall] = []
    raw = message.get("tool_calls")
    for call in raw if isinstance(raw, list) else []:
        if isinstance(call, dict) and isinstance(function := call.get("function"), dict):
            calls.append(
                ToolCall(
                    str(call.get("id")), str(function.get("name")), str(function.get("arguments") or "{}")
                )
            )
    return calls


async def carry_out(role: Role, call: ToolCall, context: ToolContext) -> ToolOutcome:
    """Return what the call gave. Whatever the model did wrong becomes an error result, never an exception."""
    arguments: dict[str, Json] = {}
    before = context.tree.edits()
    if call.name not in TOOLS_OF[role]:
        return ToolOutcome(
            f"error: {_not_yours(role, call.name)}", False, arguments, useless=True, malformed=True
        )
    tool = TOOLS[call.name]
    try:
        arguments = _parsed(call)
    except ToolError as error:
        return ToolOutcome(f"error: {error}", False, arguments, useless=True, malformed=True)
    try:
        arguments, validated = _validated(tool, arguments)
        if (meant := with_secrets(call.name, arguments, context.tree, context.mask)) is not arguments:
            arguments, validated = _validated(tool, meant)
        result = await tool.run(context, validated)
    except ValidationError as error:
        return ToolOutcome(f"error: {_wrong(call.name, error)}", False, arguments, malformed=True)
    except ToolError as error:
        return ToolOutcome(f"error: {error}", False, arguments, _made(before, context.tree.edits()))
    edits = _made(before, context.tree.edits())
    if isinstance(result, str):
        return ToolOutcome(result, True, arguments, edits)
    return ToolOutcome("Accepted.", True, arguments, edits, result)


def _made(before: Iterable[FileEdit], after: Iterable[FileEdit]) -> tuple[FileEdit, ...]:
    """Return what a call changed in its tree, whose changes it had `before` and `after`; what it took back, too."""
    was, now = ({edit.path: edit for edit in edits} for edits in (before, after))
    made = (edit for path, edit in now.items() if was.get(path) != edit)
    taken_back = (FileEdit(path, edit.before, edit.before) for path, edit in was.items() if path not in now)
    return (*made, *taken_back)


def _not_yours(role: Role, name: str) -> str:
    yours = ", ".join(TOOLS_OF[role])
    if name in TOOLS:
        return f"A {role} may not use {name}. Your tools are: {yours}."
    return f"There is no tool {name!r}. Your tools are: {yours}."


def _parsed(call: ToolCall) -> dict[str, Json]:
    arguments = cast("dict[str, Json]", json.loads(call.arguments))
    if problem := unreadable(arguments):
        raise ToolError(
            f"The arguments of {call.name} cannot be read as a JSON object ({problem}); send the call again."
        )
    if sound(arguments) != arguments:
        raise ToolError(f"The arguments of {call.name} hold half of a surrogate pair; send the call again.")
    return arguments


def _validated(tool: Tool[Any], arguments: dict[str, Json]) -> tuple[dict[str, Json], Arguments]:
    """Return the arguments as they were meant, also as the tool takes them.

    Raises:
        ValidationError: they are wrong; it speaks of them as they were given.
    """
    first: ValidationError | None = None
    meant = arguments
    for _ in range(CONVERSIONS + 1):
        try:
            return meant, tool.arguments.model_validate(meant)
        except ValidationError as error:
            first = first or error
            wrong = [(e["loc"], e["type"]) for e in error.errors(include_url=False)]
            meant = converted(meant, wrong)
    assert first is not None  # noqa: S101 - the loop ran at least once
    raise first


def _wrong(name: str, error: ValidationError) -> str:
    details = [
        f"{'.'.join(str(p) for p in e['loc'])}: {e['msg'].lower()}"
        for e in error.errors(include_url=False)[:5]
    ]
    return f"Wrong arguments for {name}: {'; '.join(details)}."
