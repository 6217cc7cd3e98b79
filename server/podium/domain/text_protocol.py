"""Tools in words: a conversation for models that cannot be offered any, which call them in their text.

What is said is a function of the conversation, message by message, so each request begins with the bytes of the
one before here too. How the calls are read from the answers stands in `text_calls`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from podium.domain.messages import Json, Message


def in_words(messages: Sequence[Message], instructions: str) -> tuple[Message, ...]:
    """Return the conversation without tool calls and results; `instructions` tell of the tools, before all else.

    What lies between two answers becomes one message of the user: many local models take no other order.
    """
    names = dict(_names(messages))
    said: list[tuple[str, str]] = []
    for message in messages:
        role, text = _said(message, names)
        if said and role == "user" == said[-1][0]:
            said[-1] = (role, f"{said[-1][1]}\n\n{text}")
        else:
            said.append((role, text))
    if said and said[0][0] == "system":
        said[0] = ("system", f"{instructions}\n\n{said[0][1]}")
    else:
        said.insert(0, ("system", instructions))
    return tuple({"role": role, "content": text} for role, text in said)


def described(tools: Iterable[Mapping[str, Json]]) -> str:
    """Return one line for each tool: its name, its arguments with their types, and what it is for."""
    return "\n".join(_signature(cast("Mapping[str, Json]", tool["function"])) for tool in tools)


def _said(message: Message, names: Mapping[str, str]) -> tuple[str, str]:
    role, content = str(message["role"]), str(message.get("content") or "")
    if role == "tool":
        name = names.get(str(message.get("tool_call_id")), "")
        return "user", f'<tool_result name="{name}">\n{content}\n</tool_result>'
    calls = [_call(name, arguments) for _, name, arguments in _calls(message)]
    return role, "\n".join(filter(None, [content, *calls]))


def _call(name: str, arguments: str) -> str:
    return f'<tool_call>\n{{"name": "{name}", "arguments": {arguments}}}\n</tool_call>'


def _calls(message: Message) -> Iterable[tuple[str, str, str]]:
    calls = message.get("tool_calls")
    for call in cast("list[dict[str, Json]]", calls) if isinstance(calls, list) else []:
        function = cast("dict[str, str]", call["function"])
        yield str(call["id"]), function["name"], function["arguments"]


def _names(messages: Sequence[Message]) -> Iterable[tuple[str, str]]:
    return ((call_id, name) for message in messages for call_id, name, _ in _calls(message))


def _signature(function: Mapping[str, Json]) -> str:
    parameters = _type(cast("dict[str, Json]", function["parameters"])).removeprefix("{").removesuffix("}")
    return f"- {function['name']}({parameters}): {function['description']}"


def _type(schema: Mapping[str, Json]) -> str:
    """Return a type as people write it: `[string]`, `{name: type, optional?: type}`, `"one" | "other"`."""
    if isinstance(options := schema.get("enum"), list):
        return " | ".join(json.dumps(option) for option in options)
    match schema.get("type"):
        case "array":
            return f"[{_type(cast('dict[str, Json]', schema.get('items', {})))}]"
        case "object" if isinstance(properties := schema.get("properties"), dict):
            required = cast("list[str]", schema.get("required", []))
            members = cast("dict[str, dict[str, Json]]", properties)
            inside = ", ".join(_member(name, of, name in required) for name, of in members.items())
            return f"{{{inside}}}"
        case "object" if isinstance(values := schema.get("additionalProperties"), dict):
            return f"{{string: {_type(values)}}}"
        case kind:
            return str(kind or "any")


def _member(name: str, schema: Mapping[str, Json], required: bool) -> str:
    about = f" ({schema['description']})" if "description" in schema else ""
    return f"{name}{'' if required else '?'}: {_type(schema)}{about}"
