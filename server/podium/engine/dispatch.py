"""Carries out a model's tool calls: rights, validation, and errors that the model can learn from."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from pydantic import ValidationError

from podium.domain.changes import FileEdit
from podium.domain.messages import Json, Message, sound
from podium.domain.rights import TOOLS_OF, Role
from podium.engine.decisions import Decision
from podium.engine.tools.table import TOOLS
from podium.engine.tools.tool import ToolContext
from podium.errors import ToolError


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call in an answer; `arguments` is the text that the model wrote."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """What a call gave: text for the model, and a decision if it made one."""

    text: str
    ok: bool
    arguments: Mapping[str, Json] = field(default_factory=dict[str, Json])
    edits: tuple[FileEdit, ...] = ()
    decision: Decision | None = None


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
    before = {edit.path: edit for edit in context.tree.edits()}
    if call.name not in TOOLS_OF[role]:
        return ToolOutcome(f"error: {_not_yours(role, call.name)}", False, arguments)
    tool = TOOLS[call.name]
    try:
        arguments = _parsed(call)
        result = await tool.run(context, tool.arguments.model_validate(arguments))
    except ValidationError as error:
        return ToolOutcome(f"error: {_wrong(call.name, error)}", False, arguments)
    except ToolError as error:
        return ToolOutcome(f"error: {error}", False, arguments)
    edits = tuple(edit for edit in context.tree.edits() if before.get(edit.path) != edit)
    if isinstance(result, str):
        return ToolOutcome(result, True, arguments, edits)
    return ToolOutcome("Accepted.", True, arguments, edits, result)


def _not_yours(role: Role, name: str) -> str:
    yours = ", ".join(TOOLS_OF[role])
    if name in TOOLS:
        return f"A {role} may not use {name}. Your tools are: {yours}."
    return f"There is no tool {name!r}. Your tools are: {yours}."


def _parsed(call: ToolCall) -> dict[str, Json]:
    try:
        value = json.loads(call.arguments)
    except ValueError as error:
        raise ToolError(
            f"The arguments of {call.name} are not valid JSON ({error}); send the call again."
        ) from error
    if not isinstance(value, dict):
        raise ToolError(f"The arguments of {call.name} must be a JSON object.")
    arguments = cast("dict[str, Json]", value)
    if sound(arguments) != arguments:
        raise ToolError(f"The arguments of {call.name} hold half of a surrogate pair; send the call again.")
    return arguments


def _wrong(name: str, error: ValidationError) -> str:
    details = [
        f"{'.'.join(str(p) for p in e['loc'])}: {e['msg'].lower()}"
        for e in error.errors(include_url=False)[:5]
    ]
    return f"Wrong arguments for {name}: {'; '.join(details)}."
