"""One record of a mission as text: a line that says what happened, or all that it holds.

What a record holds was written by models and programs, so characters that a terminal would obey are shown, not sent.
"""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, cast

from podium.cli.diff import diff_of
from podium.domain.changes import FileEdit
from podium.domain.checks import CheckResult
from podium.domain.events import Event, Record
from podium.domain.findings import Finding
from podium.domain.messages import Usage
from podium.domain.plan import Task

_WIDTH = 60
"""Characters that a text may take in a line."""


def headline(record: Record, begun: float) -> str:
    """Return what happened in one line, with its number and the seconds since the mission has `begun`."""
    name = record.event.kind.replace("_", " ")
    parts = (_short(value) for _, value in _members(record.event))
    return f"{record.seq:5} {record.at - begun:8.1f} s  {name}  {' · '.join(filter(None, parts))}".rstrip()


def whole(event: Event) -> Iterator[str]:
    """Return everything that an event holds, in lines."""
    for name, value in _members(event):
        match value:
            case tuple() if value and isinstance(value[0], FileEdit):
                yield from _safe(diff_of(cast("tuple[FileEdit, ...]", value)).plain).splitlines()
            case CheckResult():
                yield f"{name}: {_short(value)}"
                yield from (f"  {line}" for line in _safe(value.output).splitlines())
            case _:
                first, *more = _text(value).splitlines() or [""]
                yield f"{name}: {first}"
                yield from (f"  {line}" for line in more)


def _members(event: Event) -> Iterator[tuple[str, Any]]:
    """Give the members of an event that say anything, by name."""
    for field in fields(event):
        value = getattr(event, field.name)
        if field.name != "kind" and value not in ("", (), {}, None):
            yield field.name, value


def _short(value: Any) -> str:  # noqa: ANN401 - any member of an event
    text = " ".join(_text(value).split())
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"


def _text(value: Any) -> str:  # noqa: ANN401, C901, PLR0911 - any member of an event
    match value:
        case str():
            return _safe(value)
        case FileEdit():
            return _safe(value.path)
        case CheckResult():
            return f"{_safe(value.check)}: exit {value.exit_code}, {value.duration_s:.1f} s"
        case Usage():
            return f"{value.prompt_tokens} + {value.completion_tokens} tokens"
        case Task():
            return _safe(f"{value.id} {value.title}")
        case Finding():
            return _safe(f"{value.path}:{value.line} {value.severity}: {value.message}")
        case tuple() | list():
            items = cast("tuple[Any, ...]", value)
            joint = (
                "\n"
                if len(items) > 1 and all(isinstance(item, dict | Task | Finding) for item in items)
                else ", "
            )
            return joint.join(_text(item) for item in items)
        case Mapping():
            members = cast("Mapping[str, Any]", value)
            if "role" in members:
                return "\n".join(_said(members))
            return ", ".join(f"{_safe(name)}={_text(item)}" for name, item in members.items())
        case _ if is_dataclass(value):
            return " ".join(_text(getattr(value, f.name)) for f in fields(value))
        case _:
            return str(value)


def _said(message: Mapping[str, Any]) -> Iterator[str]:
    """Give what a message of a conversation says, and which tools it calls."""
    if content := message.get("content"):
        yield f"{message['role']}: {_text(content)}"
    for call in message.get("tool_calls") or ():
        function = call.get("function", {})
        yield f"calls {_text(function.get('name'))} {_text(function.get('arguments'))}"


def _safe(text: str) -> str:
    """Return a text in which every character can be printed."""
    return "".join(c if c.isprintable() or c in "\n\t" else ascii(c)[1:-1] for c in text)
