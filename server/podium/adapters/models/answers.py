"""Answers in the contract's shape, made of what a provider sent: the same for every way of asking one."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from podium.adapters.models import wire
from podium.adapters.models.rates import rates_in
from podium.ports import Json, Message, ModelAnswer, Usage

_CHARACTERS_PER_TOKEN = 3.5


@dataclass(frozen=True, slots=True)
class CalledTool:
    """One tool call as the provider sent it; some local servers send an object in place of its JSON text."""

    id: str | None
    name: str | None
    arguments: object


@dataclass(frozen=True, slots=True)
class Counted:
    """The provider's own count of tokens; `cached` of the prompt's were read from its cache."""

    prompt: int
    completion: int
    cached: int
    cost_usd: float | None = None


def answer(
    ask: wire.Ask,
    content: object,
    called: Sequence[CalledTool],
    finish_reason: str | None,
    counted: Counted | None,
    headers: Mapping[str, str],
) -> ModelAnswer:
    """Return the answer to `ask`; without a count (or with one of no prompt tokens) it is estimated.

    `content` is a text, or the parts of one as some providers send it, of which what was only thought goes.
    `headers` (lower case names) are those of the reply: they tell of the provider's limits.
    """
    message: Message = {"role": "assistant", "content": text_of(content)}
    calls: list[Json] = [
        {
            "id": call.id or f"call_{ask.head.request_id}_{index}",
            "type": "function",
            "function": {"name": call.name or "", "arguments": _arguments_text(call.arguments)},
        }
        for index, call in enumerate(called)
    ]
    if calls:
        message["tool_calls"] = calls
    return ModelAnswer(
        message, finish_reason or "stop", _usage(ask, message, counted), rates=rates_in(headers)
    )


def text_of(content: object) -> str | None:
    """Return the text of what may be a text, or the parts of one, of which what was only thought goes."""
    if not isinstance(content, list):
        return content if isinstance(content, str) else None
    parts = cast("list[object]", content)
    texts = [cast("dict[str, object]", part).get("text") for part in parts if isinstance(part, dict)]
    return "".join(text for text in texts if isinstance(text, str)) or None


def _arguments_text(arguments: object) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments or {})


def _usage(ask: wire.Ask, message: Message, counted: Counted | None) -> Usage:
    if counted is None or not counted.prompt:
        answered = len(json.dumps(message))
        return Usage(_estimated_tokens(len(ask.conversation)), _estimated_tokens(answered), estimated=True)
    return Usage(counted.prompt, counted.completion, counted.cached, cost_usd=counted.cost_usd)


def _estimated_tokens(n_characters: int) -> int:
    return round(n_characters / _CHARACTERS_PER_TOKEN)
