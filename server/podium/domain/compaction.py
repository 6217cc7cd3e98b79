"""Making a conversation shorter without losing its thread.

Goal, rules, plan and task stand in the opening, which stays to the byte. The latest steps stay as well, with long
results cut. What lies between goes, and a note says what was done there: each call in a line, and word for word
what the user said, what they answered, and what was last found wrong. Nothing is summarised by a model.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from podium.domain.answers import FLAWS
from podium.domain.conversation import Conversation
from podium.domain.messages import Json, Message

HEADING = "# Earlier steps, left out to save room"
FOUND_WRONG = "# What was found wrong last"

_DECIDED = (
    "What you were told before this still counts, and what you decided stays decided: go on from here, and look "
    "again at what you need."
)
_LEAST_LINES, _MOST_LINES, _LONGEST_LINE = 5, 60, 120
_LEAST_WORDS, _LONGEST_WORDS, _LONGEST_PROBLEMS = 300, 1_500, 4_000
_LEAST_RESULT = 400
_LEAST_PART, _A_WORD_ON_IT = 400, 120
_VERBATIM = frozenset({"ask_user"})
LOOKS = frozenset({"read_file", "list_files", "outline", "search"})
"""Tools that only look: the same call gives the same result while the files stay as they are."""


@dataclass(frozen=True, slots=True)
class Compaction:
    """What makes a conversation shorter; the fields are those of the event."""

    kept: int
    dropped: int
    note: Message
    cut: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class _Call:
    """A call of a dropped step with its result."""

    name: str
    arguments: dict[str, Json]
    result: str


def compacted(messages: Conversation, kept: int, most_chars: int) -> Compaction | None:
    """Return how to bring what follows the first `kept` messages down to about `most_chars` characters.

    The last step always stays, its results cut if need be. None where that makes nothing shorter.
    """
    steps = _steps(messages, kept)
    if not steps:
        return None
    most_note, most_chars = most_chars // 3, most_chars * 2 // 3
    most_result = max(_LEAST_RESULT, most_chars // 3)
    first, used = len(steps) - 1, _size(steps[-1], most_result)
    n_results = sum(message.get("role") == "tool" for message in steps[-1])
    if used > most_chars and n_results:
        most_result = max(_LEAST_RESULT, most_chars // (n_results + 1))
        used = _size(steps[-1], most_result)
    while first and used + _size(steps[first - 1], most_result) <= most_chars:
        first -= 1
        used += _size(steps[first], most_result)
    cut = dict(_cut(steps[first:], most_result))
    dropped = [message for step in steps[:first] for message in step]
    note: Message = {"role": "user", "content": _note(dropped, most_note)} if dropped else {}
    if len(json.dumps(note)) < sum(len(json.dumps(message)) for message in dropped):
        return Compaction(kept, len(dropped), note, cut)
    return Compaction(kept, 0, {}, cut) if cut else None


def shortened_result(text: str, most: int) -> str:
    """Return a tool's result at most about `most` characters long, with a word on how to see the rest."""
    if len(text) <= most:
        return text
    head = most * 2 // 3
    left_out = len(text) - most
    return (
        f"{text[:head]}\n[… {left_out} characters left out to save room; ask for a narrower part to see them …]\n"
        f"{text[head + left_out :]}"
    )


def narrowed(parts: Sequence[str], excess: int) -> dict[str, str]:
    """Return the longest of the parts, each with its middle left out, so that all lose about `excess` characters.

    What is short stays as it is, so less may be lost; none where that changes nothing.
    """
    level = max(map(len, parts), default=0)
    while level > _LEAST_PART and sum(max(0, len(part) - level) for part in parts) < excess:
        level = max(_LEAST_PART, level * 3 // 4)
    return {part: shortened_result(part, level) for part in parts if len(part) > level + _A_WORD_ON_IT}


def _steps(messages: Conversation, kept: int) -> list[list[Message]]:
    """Return what follows the opening in pieces that belong together: an answer, and all up to the next one."""
    steps: list[list[Message]] = []
    for message in messages[kept:]:
        if message.get("role") == "assistant" or not steps:
            steps.append([])
        steps[-1].append(message)
    return steps


def _size(step: Sequence[Message], most_result: int) -> int:
    return sum(
        min(len(str(message.get("content"))), most_result) + 60
        if message.get("role") == "tool"
        else len(json.dumps(message))
        for message in step
    )


def _cut(steps: Iterable[Sequence[Message]], most: int) -> Iterable[tuple[str, str]]:
    for message in (message for step in steps for message in step):
        text = str(message.get("content"))
        if message.get("role") == "tool" and len(short := shortened_result(text, most)) < len(text):
            yield str(message.get("tool_call_id")), short


def _note(dropped: Sequence[Message], most: int) -> str:
    """Return what is said of the dropped messages: about `most` characters, and a little more in narrow windows."""
    n_lines = min(_MOST_LINES, max(_LEAST_LINES, most // 3 // _LONGEST_LINE))
    most_words = min(_LONGEST_WORDS, max(_LEAST_WORDS, most // 3))
    most_problems = min(_LONGEST_PROBLEMS, max(_LEAST_WORDS, most // 3))
    lines, said, problems = _remembered(dropped)
    results = {str(m.get("tool_call_id")): str(m.get("content")) for m in dropped if m.get("role") == "tool"}
    for message in dropped:
        text = str(message.get("content") or "")
        if message.get("role") == "user" and not text.startswith(HEADING) and text not in FLAWS:
            said.append(text[:most_words])
        for call in _calls(message, results):
            lines.append(_line(call))
            if call.name in _VERBATIM:
                said.append(f"{call.arguments.get('question', '')}\n{call.result[:most_words]}")
            elif call.name == "finish" and call.result:
                problems = call.result[:most_problems]
    parts = [HEADING, *lines[-n_lines:], *said, _DECIDED]
    if problems:
        parts.append(f"{FOUND_WRONG}\n{problems}")
    return "\n".join(parts)


def _remembered(dropped: Sequence[Message]) -> tuple[list[str], list[str], str]:
    """Return the lines, the words and the problems of an earlier note, where one is dropped."""
    first = str(dropped[0].get("content") or "")
    if not first.startswith(HEADING):
        return [], [], ""
    told, _, problems = first.removeprefix(HEADING).partition(f"\n{FOUND_WRONG}\n")
    told = told.replace(_DECIDED, "").strip("\n")
    rows = told.split("\n") if told else []
    n_lines = next((n for n, row in enumerate(rows) if not row.startswith("- ")), len(rows))
    words = "\n".join(rows[n_lines:])
    return rows[:n_lines], [words] if words else [], problems


def _calls(message: Message, results: Mapping[str, str]) -> Iterable[_Call]:
    calls = message.get("tool_calls")
    for call in cast("list[dict[str, Json]]", calls) if isinstance(calls, list) else []:
        function = cast("dict[str, str]", call["function"])
        arguments = cast("dict[str, Json]", json.loads(function["arguments"]))
        yield _Call(function["name"], arguments, results.get(str(call["id"]), ""))


def _line(call: _Call) -> str:
    """Return what a call did, in one line: on what, and what came of it."""
    about = ", ".join(
        str(value)
        for value in call.arguments.values()
        if isinstance(value, str | int) and len(str(value)) < 80
    )
    return " ".join(f"- {call.name} {about}: {_outcome(call)}".split())[:_LONGEST_LINE]


def _outcome(call: _Call) -> str:
    """Return what a result says first; of a check, whether it was green, and what failed; of a look, its size."""
    result = call.result
    if call.name in LOOKS and not result.startswith("error:"):
        return f"{len(result.splitlines())} lines"
    try:
        value: object = json.loads(result)
    except ValueError:
        value = None
    if isinstance(value, dict) and "green" in value:
        check = cast("dict[str, list[dict[str, str]]]", value)
        failed = [str(failure.get("test") or failure.get("message")) for failure in check.get("failures", [])]
        return f"{'green' if check['green'] else 'red'} {' '.join(failed[:5])}"
    return result.strip().split("\n")[0] or "(nothing)"
