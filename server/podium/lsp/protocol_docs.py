"""Renders the wire contract as Markdown: `python -m podium.lsp.protocol_docs > docs/protocol.md`."""

import sys
from collections.abc import Iterable, Mapping
from typing import Any, cast, get_args

from pydantic import BaseModel

from podium.lsp.protocol import ANSWERED, COMMANDS, NOTIFICATIONS, SENT, Wire

_HEAD = """\
# The protocol

Podium speaks LSP 3.17 and adds commands and one notification of its own. This page is rendered from
`server/podium/lsp/protocol.py`.

Names are camel case on the wire. Each command takes one JSON object as its only argument; where the table
names a field, a string may come instead of the object and means that field. Unknown fields, missing fields
and wrong types are refused with error -32602, whose message names the field. Whatever else cannot be done is
refused with -32803 and one sentence that says what to do.

Times are seconds since 1970 (UTC). Paths are relative to the workspace folder, with `/`; lines are 1-based
and inclusive. A `range` is an LSP range. `?` marks what may be left out or null.
"""


def render() -> str:
    """Return the whole page."""
    parts = [_HEAD, *_methods(), *_commands(), *_own(), *_values()]
    return "\n".join(parts).rstrip() + "\n"


def _methods() -> Iterable[str]:
    for title, methods in (("What the server answers", ANSWERED), ("What the server sends", SENT)):
        yield f"## {title}\n"
        yield "| method | what for |\n|---|---|"
        yield from (f"| `{method}` | {text} |" for method, text in methods.items())
        yield ""


def _commands() -> Iterable[str]:
    yield "## Commands\n"
    yield "| command | does | a string means | result |\n|---|---|---|---|"
    for name, command in COMMANDS.items():
        string = f"`{command.text_field}`" if command.text_field else "–"
        yield f"| [`{name}`](#{name.replace('.', '')}) | {command.summary} | {string} | {_link(command.result)} |"
    yield ""
    for name, command in COMMANDS.items():
        yield f"### {name}\n\n{command.summary} {_doc(command.params)}\n"
        yield from _fields(command.params)


def _own() -> Iterable[str]:
    yield "## Notifications of our own\n"
    for method, (text, params) in NOTIFICATIONS.items():
        yield f"### {method}\n\n{text}\n"
        yield from _fields(params)


def _values() -> Iterable[str]:
    yield "## Values\n"
    for model in _reachable():
        yield f"### {model.__name__}\n\n{_doc(model)}\n"
        yield from _fields(model)


def _reachable() -> list[type[Wire]]:
    """Return every model that a command's parameters or result lead to, in order of appearance."""
    found: dict[str, type[Wire]] = {}
    pending = [model for command in COMMANDS.values() for model in (command.params, command.result)]
    shown = {command.params for command in COMMANDS.values()}
    while pending:
        model = pending.pop(0)
        if model.__name__ in found:
            continue
        if model not in shown:
            found[model.__name__] = model
        pending += [m for field in model.model_fields.values() for m in _models(field.annotation)]
    return list(found.values())


def _models(annotation: object) -> list[type[Wire]]:
    if isinstance(annotation, type) and issubclass(annotation, Wire):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]


def _fields(model: type[BaseModel]) -> Iterable[str]:
    schema = model.model_json_schema(by_alias=True)
    properties = cast("Mapping[str, dict[str, Any]]", schema.get("properties", {}))
    if not properties:
        yield "No fields.\n"
        return
    required = set(cast("list[str]", schema.get("required", [])))
    yield "| field | type |\n|---|---|"
    for name, field in properties.items():
        optional = "" if name in required else "?"
        yield f"| `{name}`{optional} | {_type(field)} |"
    yield ""


def _type(field: Mapping[str, Any]) -> str:
    if "$ref" in field:
        name = str(field["$ref"]).rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    if "anyOf" in field:
        return " or ".join(_type(option) for option in field["anyOf"] if option != {"type": "null"})
    if field.get("type") == "array":
        return f"list of {_type(field.get('items', {}))}"
    return str(field.get("type", "any"))


def _link(model: type[Wire]) -> str:
    return f"[{model.__name__}](#{model.__name__.lower()})"


def _doc(model: type[Wire]) -> str:
    return " ".join((model.__doc__ or "").split())


if __name__ == "__main__":
    sys.stdout.write(render())
