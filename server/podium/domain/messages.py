"""Conversations with models, as values."""

from dataclasses import dataclass
from typing import TypeAlias

from pydantic import JsonValue

Json: TypeAlias = JsonValue
"""Any JSON value: null, boolean, number, string, list or object."""
Message: TypeAlias = dict[str, Json]
"""One message of a conversation, as in the OpenAI chat format (role, content, tool_calls, tool_call_id)."""

THOUGHT = "thought"
"""The one name in an assistant's message that is not OpenAI's: what the model thought before it called tools, to be
sent back to it where its provider wants that (see `adapters.models.thoughts`)."""


def sound(value: Json) -> Json:
    """Return a JSON value without lone surrogates, which models produce and no file or pipe can hold."""
    match value:
        case str():
            return value.encode("utf-8", "replace").decode("utf-8")
        case list():
            return [sound(item) for item in value]
        case dict():
            return {str(sound(name)): sound(item) for name, item in value.items()}
        case _:
            return value


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens and money of one answer. `estimated` marks numbers that did not come from the provider."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cost_usd: float | None = None
    estimated: bool = False
