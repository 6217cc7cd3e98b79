"""A conversation read back: which tools were called with what, and what each answered.

All that builtin/repair knows stands in the messages; nothing is remembered between two requests.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from podium.adapters.repair.reports import Ran, Suspects, ran, suspects
from podium.ports import Json, Message, ModelAnswer, ModelRequest, Usage

_NUMBERED = re.compile(r"(\d+)\t(.*)", re.DOTALL)
_CUT = re.compile(r"\[lines (\d+)-(\d+) of (\d+); pass start_line=(\d+) to read on\]\s*")


@dataclass(frozen=True, slots=True)
class Step:
    """One tool call and its result; `result` is None while there is none."""

    tool: str
    arguments: dict[str, Json]
    result: str | None

    @property
    def failed(self) -> bool:
        """Whether the tool refused the call."""
        return self.result is None or self.result.startswith("error:")


@dataclass(frozen=True, slots=True)
class Pages:
    """What was read of a file: its text so far, and the line to read on from (None when it is whole)."""

    text: str
    next_line: int | None


def steps(messages: Sequence[Message]) -> list[Step]:
    """Return every tool call of the conversation with its result, in order."""
    results = {
        str(message.get("tool_call_id")): str(message.get("content") or "")
        for message in messages
        if message.get("role") == "tool"
    }
    found: list[Step] = []
    for message in messages:
        calls = message.get("tool_calls")
        if message.get("role") != "assistant" or not isinstance(calls, list):
            continue
        for call in calls:
            function = cast("dict[str, dict[str, str]]", call)["function"]
            arguments = cast("dict[str, Json]", json.loads(function["arguments"] or "{}"))
            found.append(
                Step(function["name"], arguments, results.get(str(cast("dict[str, Json]", call)["id"])))
            )
    return found


def last_run(done: Sequence[Step], command: str) -> Ran | None:
    """Return the latest result of `run_command(command)`, or None when it was not run or gave no result."""
    for step in reversed(done):
        if (
            step.tool == "run_command"
            and step.arguments.get("command") == command
            and step.result is not None
        ):
            return ran(step.result)
    return None


def has_run(done: Sequence[Step], command: str) -> bool:
    """Return whether `command` was run."""
    return any(step.tool == "run_command" and step.arguments.get("command") == command for step in done)


def last_suspects(done: Sequence[Step]) -> Suspects | None:
    """Return the latest report of the check `suspects`."""
    run = last_run(done, "suspects")
    return suspects(run.output) if run else None


def pages(done: Sequence[Step], path: str) -> Pages | None:
    """Return what was read of the file at `path`, or None when it was not read or cannot be."""
    text, expected, found = "", 1, False
    next_line: int | None = None
    for step in done:
        if (
            step.tool != "read_file"
            or step.arguments.get("path") != path
            or step.result is None
            or step.failed
        ):
            continue
        if step.arguments.get("start_line", 1) not in (expected, None):
            continue
        page, next_line = _page(step.result)
        text, found, expected = text + page, True, next_line or 0
    return Pages(text, next_line) if found else None


def was_read(done: Sequence[Step], path: str) -> bool:
    """Return whether reading `path` was tried at all."""
    return any(step.tool == "read_file" and step.arguments.get("path") == path for step in done)


def _page(result: str) -> tuple[str, int | None]:
    """Return the text of a page, each line ended, and the line to read on from."""
    lines: list[str] = []
    for raw in result.removesuffix("\n").split("\n"):
        cut = _CUT.fullmatch(raw)
        if cut:
            return "".join(lines), int(cut.group(4))
        numbered = _NUMBERED.fullmatch(raw)
        if numbered:
            lines.append(numbered.group(2) + "\n")
    return "".join(lines), None


def call(request: ModelRequest, tool: str, **arguments: Json) -> ModelAnswer:
    """Return the answer that calls `tool`."""
    function: Json = {"name": tool, "arguments": json.dumps(arguments, ensure_ascii=False)}
    identity = f"call_{len(request.messages)}"
    message: Message = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": identity, "type": "function", "function": function}],
    }
    return ModelAnswer(message, "tool_calls", Usage(cost_usd=0.0))
