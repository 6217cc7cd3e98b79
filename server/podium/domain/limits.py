"""Limits of a mission: checked before the next model call, never after."""

from dataclasses import dataclass

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
    """What a mission has used up so far, from the providers' own numbers."""

    attempts: int = 0
    model_requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cost_usd: float = 0.0
    cost_known: bool = True

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens together."""
        return self.prompt_tokens + self.completion_tokens


def exceeded(limits: Limits, spent: Spent, minutes: float) -> str:
    """Return a sentence naming the limit that is used up, or an empty string."""
    if limits.tokens is not None and spent.tokens >= limits.tokens:
        return f"The budget of {limits.tokens} tokens is used up; raise `budget.tokens` to go on."
    if limits.usd is not None and spent.cost_usd >= limits.usd:
        return f"The budget of {limits.usd:g} USD is used up; raise `budget.usd` to go on."
    if limits.minutes is not None and minutes >= limits.minutes:
        return f"The budget of {limits.minutes:g} minutes is used up; raise `budget.minutes` to go on."
    return ""


def attempts_exceeded(limits: Limits, spent: Spent) -> str:
    """Return a sentence when no further attempt may begin, or an empty string."""
    if spent.attempts >= limits.iterations:
        return f"The limit of {limits.iterations} attempts is reached; raise `max_iterations` to go on."
    return ""
