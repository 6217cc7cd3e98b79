"""A chat completion in OpenAI's format, read leniently: what is used of it, and nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict

from podium.adapters.models import wire
from podium.adapters.models.answers import CalledTool, Counted, answer
from podium.adapters.models.prices import openai_prices
from podium.adapters.models.thoughts import with_thought
from podium.ports import ModelAnswer


class _Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _Function(_Lenient):
    name: str | None = None
    arguments: Any = None


class _ToolCall(_Lenient):
    id: str | None = None
    function: _Function


class _Message(_Lenient):
    content: Any = None
    refusal: str | None = None
    reasoning_content: Any = None
    thinking_blocks: Any = None
    tool_calls: Sequence[_ToolCall] | None = None


class _Choice(_Lenient):
    message: _Message
    finish_reason: str | None = None


class _TokenDetails(_Lenient):
    cached_tokens: int | None = None


class _Tokens(_Lenient):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _TokenDetails | None = None
    prompt_cache_hit_tokens: int | None = None  # DeepSeek's name for the same

    def counted(self) -> Counted:
        """Return the provider's count."""
        details = self.prompt_tokens_details
        cached = (details.cached_tokens if details else None) or self.prompt_cache_hit_tokens
        return Counted(self.prompt_tokens or 0, self.completion_tokens or 0, cached or 0)


class Completion(_Lenient):
    """An answer; the first choice counts."""

    choices: Sequence[_Choice]
    usage: _Tokens | None = None

    @property
    def has_calls(self) -> bool:
        """Whether tools are called."""
        return any(choice.message.tool_calls for choice in self.choices)

    def answer(self, name: str, ask: wire.Ask, headers: Mapping[str, str]) -> ModelAnswer:
        """Return the answer that OpenAI's model `name`, or one like it, gave to `ask`."""
        choice = self.choices[0]
        message = choice.message
        called = [
            CalledTool(call.id, call.function.name, call.function.arguments)
            for call in message.tool_calls or ()
        ]
        counted = self.usage.counted() if self.usage else None
        if counted and (prices := openai_prices(name)):
            counted = replace(counted, cost_usd=prices.of(counted))
        finish_reason = "refusal" if message.refusal else choice.finish_reason
        said = answer(ask, message.content or message.refusal, called, finish_reason, counted, headers)
        return with_thought(said, ask.head.model, message.thinking_blocks, message.reasoning_content)
