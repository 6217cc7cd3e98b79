"""What a provider allows in a stretch of time: as it says itself, or as its refusals teach.

Providers count in one of two ways: what was used comes back bit by bit (OpenAI, Anthropic), or all of it at the end
of a stretch. The first is assumed until a refusal shows that it was wrong.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

MINUTE_S = 60.0
_GROWTH = 1.25
_HOLD_S, _LONGEST_HOLD_S = 60.0, 960.0

Unit: TypeAlias = Literal["requests", "tokens"]


@dataclass(frozen=True, slots=True)
class Told:
    """What a provider said with a reply: how much of `limit` is left, and in how many seconds all is there again."""

    remaining: int
    limit: int | None = None
    reset_s: float | None = None


Rates: TypeAlias = Mapping[Unit, Told]
"""What a provider told about its limits; what it did not mention is not there."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """How much may still be used, as the reply to request `basis` told at the time `at`.

    `spent` was used by requests that were sent after that one. At the time `full_at` all of `limit` is there
    again; until then nothing comes back where the provider counts `in_steps`.
    """

    basis: int
    at: float
    remaining: int
    limit: int | None
    full_at: float | None
    spent: float = 0.0
    in_steps: bool = False

    def wait_s(self, need: float, now: float) -> float:
        """Return in how many seconds `need` may be used; 0 for now."""
        if self.full_at is None or now >= self.full_at:
            return 0.0
        lacking = (need if self.limit is None else min(need, self.limit)) - (self.remaining - self.spent)
        until_full_s = self.full_at - now
        if lacking <= 0:
            return 0.0
        if self.in_steps or self.limit is None or self.limit <= self.remaining:
            return until_full_s
        per_s = (self.limit - self.remaining) / (self.full_at - self.at)
        return max(0.0, min(until_full_s, lacking / per_s - (now - self.at)))

    def after(self, told: Told, number: int, spent_since: float, now: float) -> "Allowance":
        """Return what the reply to request `number` tells; what was `spent_since` it does not know of."""
        if number < self.basis:
            return self
        return replace(allowance(told, number, spent_since, now), in_steps=self.in_steps)


def allowance(told: Told, number: int, spent_since: float, now: float) -> Allowance:
    """Return what the first reply tells, that to request `number`."""
    full_at = None if told.reset_s is None else now + told.reset_s
    return Allowance(number, now, told.remaining, told.limit, full_at, spent_since)


@dataclass(frozen=True, slots=True)
class Window:
    """The requests of the last minute by the times at which they were sent, and how many may be that many.

    `limit` is learned from refusals alone, where a provider says nothing; None before the first one. It is
    tried to raise it after `hold_s` without a refusal.
    """

    sent: tuple[float, ...] = ()
    limit: int | None = None
    hold_s: float = _HOLD_S
    raise_at: float = 0.0

    def wait_s(self, now: float) -> float:
        """Return in how many seconds another request may be sent; 0 for now."""
        if self.limit is None:
            return 0.0
        recent = [at for at in self.sent if at > now - MINUTE_S]
        return 0.0 if len(recent) < self.limit else recent[-self.limit] + MINUTE_S - now

    def after_sending(self, now: float) -> "Window":
        """Return the window with one more request."""
        limit, raise_at = self.limit, self.raise_at
        if limit is not None and now >= raise_at:
            limit, raise_at = int(limit * _GROWTH) + 1, now + self.hold_s
        recent = tuple(at for at in self.sent if at > now - MINUTE_S)
        return replace(self, sent=(*recent, now), limit=limit, raise_at=raise_at)

    def without(self, at: float) -> "Window":
        """Return the window without the request that was sent at the time `at`: a refused one does not count."""
        index = self.sent.index(at) if at in self.sent else len(self.sent)
        return replace(self, sent=self.sent[:index] + self.sent[index + 1 :])

    def refused(self, at: float, now: float) -> "Window":
        """Return what the refusal of the request that was sent at the time `at` teaches."""
        window = self.without(at)
        good = sum(at - MINUTE_S < earlier <= at for earlier in window.sent)
        if good == 0:
            return window
        learned = good if window.limit is None else min(good, window.limit)
        known = window.limit is not None and learned < window.limit
        hold_s = min(window.hold_s * 2, _LONGEST_HOLD_S) if known else window.hold_s
        return replace(window, limit=learned, hold_s=hold_s, raise_at=now + hold_s)
