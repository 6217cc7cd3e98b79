"""What an answer of a model comes to, as it enters the conversation, and what is wrong with it.

Models think aloud, write calls as text, repeat themselves without end, say nothing, or are cut off. The
conversation holds what every provider takes back: no thinking in the text, calls as calls with names and ids that may be
sent and arguments that are JSON, and never an empty message.
"""

import json
import re
from collections.abc import Collection, Mapping

from podium.domain.lenient_json import read_object
from podium.domain.messages import THOUGHT, Json, Message
from podium.domain.text_calls import WrittenCall, written_calls

NOTHING = "(no answer)"
"""Stands in the conversation for an answer without content: providers take no empty message back."""
UNREADABLE = "unreadable"
"""The one argument of a call whose arguments are not JSON: how they begin, with `PROBLEM` beside it."""
PROBLEM = "problem"
REPEATED = "[… the same again and again]"

_QUOTED = 300
_THOUGHT = re.compile(r"<(think|thinking|thought|reasoning)>.*?(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_THOUGHT_END = re.compile(r"\A.*</(?:think|thinking)>", re.DOTALL | re.IGNORECASE)
_CHANNEL = re.compile(r"<\|channel\|>analysis<\|message\|>.*?(?:<\|end\|>|\Z)", re.DOTALL)
_NO_NAME = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST_NAME = 64
_WINDOW, _LONGEST_PERIOD, _LEAST_ROUNDS = 1_500, 300, 5

_EMPTY = "Your answer was empty. Call a tool now; to end your turn, decide with one."
_CUT_OFF = (
    "Your answer was cut off, because it grew too long. Think and say less, and call one tool; "
    "write a long file in parts."
)
_RUNAWAY = "Your answer repeated the same text without end. Stop that; call one tool now."
_REFUSED = (
    "You declined to answer. This is work on the user's own code, at their request: go on with a tool call. "
    "If something in it cannot be done, decide with a tool and say so there."
)
_SILENT = "Only tool calls count. Call a tool now; to end your turn, decide with one."
FLAWS = frozenset({_EMPTY, _CUT_OFF, _RUNAWAY, _REFUSED, _SILENT})
"""All that a model may be told of an answer without a call."""

_REFUSALS = frozenset({"content_filter", "refusal"})


def understood(
    message: Message,
    finish_reason: str,
    answer_id: str,
    known: Collection[str],
    taken: Collection[str] = (),
) -> Message:
    """Return a model's message as it enters the conversation.

    `known` are the names of all tools. Of an answer that was cut off, the last call is read only if it is whole. Calls get ids that begin with `answer_id` where they have none, or one
    of those `taken` in this conversation. Calls are read from the text only where there are no others.
    """
    content = message.get("content")
    text = _without_repetition(_without_thinking(content if isinstance(content, str) else ""))
    calls = _native_calls(message)
    if not calls:
        text, written = written_calls(text, known)
        calls = [(f"{answer_id}.said-{number}", call) for number, call in enumerate(written, 1)]
    if not calls:
        return {"role": "assistant", "content": text or NOTHING}
    used = set(taken)
    shaped: list[Json] = []
    for number, (given, call) in enumerate(calls, 1):
        call_id = given if given and given not in used else f"{answer_id}.call-{number}"
        used.add(call_id)
        arguments = _arguments(call.arguments, cut_off=finish_reason == "length" and number == len(calls))
        function: Json = {"name": tool_name(call.name, known), "arguments": arguments}
        shaped.append({"id": call_id, "type": "function", "function": function})
    thought: Message = {THOUGHT: message[THOUGHT]} if THOUGHT in message else {}
    return {"role": "assistant", "content": text or None, "tool_calls": shaped, **thought}


def flaw_of(message: Message, finish_reason: str) -> str:
    """Return what a model is told of an answer without a call, `message` being as `understood`."""
    text = str(message.get("content"))
    if text.endswith(REPEATED):
        return _RUNAWAY
    if finish_reason in _REFUSALS:
        return _REFUSED
    if finish_reason == "length":
        return _CUT_OFF
    return _EMPTY if text == NOTHING else _SILENT


def was_written(call_id: str) -> bool:
    """Return whether the call with this id was read from the text of an answer."""
    return ".said-" in call_id


def tool_name(name: str, known: Collection[str]) -> str:
    """Return the tool that a model means by `name`, however it spells it, else a name that may be sent."""
    if name in known:
        return name
    bare = re.split(r"[.:/]", name.partition("<|")[0].strip())[-1]
    by_letters = {_letters(tool): tool for tool in known}
    return by_letters.get(_letters(bare)) or _NO_NAME.sub("_", name)[:_LONGEST_NAME].strip("_") or "unnamed"


def _letters(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()


def _native_calls(message: Message) -> list[tuple[str, WrittenCall]]:
    calls: list[tuple[str, WrittenCall]] = []
    raw = message.get("tool_calls")
    for call in raw if isinstance(raw, list) else []:
        if isinstance(call, dict) and isinstance(function := call.get("function"), dict):
            arguments = function.get("arguments")
            text = arguments if isinstance(arguments, str) else json.dumps(arguments or {})
            calls.append(
                (str(call.get("id") or ""), WrittenCall(str(function.get("name") or ""), text or "{}"))
            )
    return calls


def _arguments(text: str, *, cut_off: bool) -> str:
    """Return arguments as JSON that every provider takes back."""
    try:
        if isinstance(json.loads(text), dict):
            return text
    except ValueError:
        pass
    try:
        value = read_object(text, whole=not cut_off)
    except ValueError as error:
        problem = "they were cut off, because the answer grew too long" if cut_off else str(error)
        value = {UNREADABLE: text[:_QUOTED] + "…" * (len(text) > _QUOTED), PROBLEM: problem}
    return json.dumps(value, ensure_ascii=False)


def unreadable(arguments: Mapping[str, Json]) -> str:
    """Return why the arguments of a call could not be read, or an empty string."""
    return str(arguments[PROBLEM]) if set(arguments) == {UNREADABLE, PROBLEM} else ""


def _without_thinking(text: str) -> str:
    """Return the text without what the model only thought, closed, cut off, or opened by its template."""
    text = _CHANNEL.sub("", _THOUGHT.sub("", text))
    return _THOUGHT_END.sub("", text).strip()


def _without_repetition(text: str) -> str:
    """Return `text` cut where its end begins to repeat the same few lines; no text of a person does."""
    tail = text[-_WINDOW:]
    if len(tail) < _WINDOW:
        return text
    period = next((p for p in range(1, _LONGEST_PERIOD + 1) if tail[p:] == tail[:-p]), 0)
    if not period or not tail.strip():
        return text
    start = len(text) - _WINDOW
    while start and text[start - 1] == text[start - 1 + period]:
        start -= 1
    return f"{text[: start + period].rstrip()}\n{REPEATED}"
