"""Limits of a mission: checked before the next model call, with what the calls in flight may still use."""

from dataclasses import dataclass, replace
from math import ceil
from typing import Literal, TypeAlias

from podium.domain.messages import Usage

SAME_ERROR_LIMIT = 3
"""How often the same fingerprint may come back for a task before the user is asked."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a mission may use up. None means that there is no limit.

    `iterations` are attempts over all tasks; `minutes` is wall time without the time spent waiting for
    the user.
    """

    iterations: int = 100
    parallel: int = 50
    tokens: int | None = None
    usd: float | None = None
    minutes: float | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """What a mission has used up so far, from the providers' own numbers.

    Of `estimated` answers the provider told none; their tokens are counted by length. `corrections` are the answers
    and calls that were good for nothing, of which the model was told so.
    """

    attempts: int = 0
    model_requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cost_usd: float = 0.0
    cost_known: bool = True
    estimated: int = 0
    corrections: int = 0

    def __add__(self, other: "Spent") -> "Spent":
        """Return the sum of both."""
        return Spent(
            self.attempts + other.attempts,
            self.model_requests + other.model_requests,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cached_tokens + other.cached_tokens,
            self.cost_usd + other.cost_usd,
            self.cost_known and other.cost_known,
            self.estimated + other.estimated,
            self.corrections + other.corrections,
        )

    def with_answer(self, usage: Usage) -> "Spent":
        """Return this with what one more answer has used."""
        return self + Spent(
            model_requests=1,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            cached_tokens=usage.cached_tokens,
            cost_usd=usage.cost_usd or 0.0,
            cost_known=usage.cost_usd is not None,
            estimated=int(usage.estimated),
        )

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens together."""
        return self.prompt_tokens + self.completion_tokens

    def with_more(self, prompts: "Expected") -> "Spent":
        """Return this with what prompts have used by estimate."""
        return replace(
            self, prompt_tokens=self.prompt_tokens + prompts.tokens, cost_usd=self.cost_usd + prompts.usd
        )


@dataclass(frozen=True, slots=True)
class Expected:
    """What calls that are not answered yet will use, by estimate."""

    tokens: int = 0
    usd: float = 0.0

    def __add__(self, other: "Expected") -> "Expected":
        """Return the sum of both."""
        return Expected(self.tokens + other.tokens, self.usd + other.usd)


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is known of a mission's calls, to estimate the next one; of what varies, the most that was seen.

    Before the first answer a token counts as three characters. An answer counts as 1,000 tokens, or as the
    longest one so far. Money costs nothing until a provider has told a price.
    """

    tokens_per_char: float | None = None
    answer_tokens: int = 1000
    usd_per_token: float = 0.0

    def learned(self, prompt_chars: int, usage: Usage) -> "Forecast":
        """Return the forecast after one more answer, to a prompt of `prompt_chars`."""
        per_char = usage.prompt_tokens / max(1, prompt_chars)
        n_tokens = usage.prompt_tokens + usage.completion_tokens
        price = (usage.cost_usd or 0.0) / n_tokens if n_tokens else 0.0
        return Forecast(
            max(self.tokens_per_char or 0.0, per_char),
            max(self.answer_tokens, usage.completion_tokens),
            max(self.usd_per_token, price),
        )

    def of(self, new_chars: int, known_tokens: int = 0) -> Expected:
        """Return what a call will use whose prompt has `new_chars` beyond `known_tokens`."""
        return self.prompt(new_chars, known_tokens) + self._priced(self.answer_tokens)

    def prompt(self, new_chars: int, known_tokens: int = 0) -> Expected:
        """Return what such a prompt alone will use."""
        per_char = 1 / 3 if self.tokens_per_char is None else self.tokens_per_char
        return self._priced(known_tokens + ceil(new_chars * per_char))

    def _priced(self, tokens: int) -> Expected:
        return Expected(tokens, tokens * self.usd_per_token)


Room: TypeAlias = Literal["enough", "perhaps", "none"]
"""Whether a call fits into the budget: `perhaps` once those in flight have used less than expected."""


def room(limits: Limits, spent: Spent, in_flight: Expected, call: Expected) -> Room:
    """Return whether `call` fits into what is left beside the calls `in_flight`."""
    if _fits(limits, spent, in_flight + call):
        return "enough"
    return "perhaps" if _fits(limits, spent, call) else "none"


def _fits(limits: Limits, spent: Spent, more: Expected) -> bool:
    tokens_fit = limits.tokens is None or spent.tokens + more.tokens <= limits.tokens
    return tokens_fit and (limits.usd is None or spent.cost_usd + more.usd <= limits.usd)


def too_little(limits: Limits, spent: Spent, call: Expected) -> str:
    """Return a sentence naming the limit that a call for which there is no room would go beyond."""
    if limits.tokens is not None and spent.tokens + call.tokens > limits.tokens:
        return (
            f"Of the budget of {limits.tokens} tokens, {limits.tokens - spent.tokens} are left, too few for "
            "the next request; raise `budget.tokens` to go on."
        )
    return (
        f"What is left of the budget of {limits.usd or 0:g} USD is too little for the next request; "
        "raise `budget.usd` to go on."
    )


def exceeded(limits: Limits, spent: Spent, minutes: float) -> str:
    """Return a sentence naming the limit that is used up, or an empty string."""
    if limits.tokens is not None and spent.tokens >= limits.tokens:
        return f"The budget of {limits.tokens} tokens is used up; raise `budget.tokens` to go on."
    if limits.usd is not None and spent.cost_usd >= limits.usd:
        return f"The budget of {limits.usd:g} USD is used up; raise `budget.usd` to go on."
    if limits.minutes is not None and minutes >= limits.minutes:
        return f"The budget of {limits.minutes:g} minutes is used up; raise `budget.minutes` to go on."
    return ""


def attempts_exceeded(limits: Limits, n_begun: int) -> str:
    """Return a sentence when no further attempt may begin, or an empty string."""
    if n_begun >= limits.iterations:
        return f"The limit of {limits.iterations} attempts is reached; raise `max_iterations` to go on."
    return ""
