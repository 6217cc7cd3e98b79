"""The pace at which one provider may be asked with one key: all that its replies teach, in one value.

How many requests may be under way and whether it works at all counts for the provider; what it allows in a
minute is counted for each model, as providers do.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from podium.domain.allowance import Allowance, Rates, Unit, Window, allowance
from podium.domain.breaker import Breaker
from podium.domain.concurrency import Concurrency

Refusal: TypeAlias = Literal["rate", "concurrency", "unclear", "overload"]
"""Why a provider refuses a request for now: too many in a time, too many at once, one of both, or it has too
much to do."""

Why: TypeAlias = Literal["turn", "rate limit", "fault"]
"""Why a request waits: for others to end, for the provider's limits, or because the provider fails."""

_FIRST_BACKOFF_S, _LONGEST_BACKOFF_S, _CONCURRENCY_BACKOFF_S = 1.0, 60.0, 8.0
_AT_ONCE_S = 0.001
_RATE_WAIT_S = 5.0
"""Whoever asks to wait this long counts in minutes."""


@dataclass(frozen=True, slots=True)
class Wait:
    """A request may not be sent yet: perhaps at the time `until`, or (None) only once another one has ended."""

    why: Why
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """A request under way: its number, when it was sent, and as the how-many-th of those under way."""

    number: int
    model: str
    at: float
    beside: int
    tokens: float


@dataclass(frozen=True, slots=True)
class _ModelPace:
    """What is known of one model's limits; `not_before` ends the last wait that was asked for.

    `refusals` counts rounds without an answer between them: what was under way together (up to number `round`)
    is refused together.
    """

    not_before: float = 0.0
    refusals: int = 0
    round: int = 0
    allowances: Mapping[Unit, Allowance] = field(default_factory=dict[Unit, Allowance])
    window: Window = field(default_factory=Window)
    tokens_each: float = 0.0

    def wait_s(self, now: float) -> float:
        told = [self._wait_of(unit, now) for unit in self.allowances]
        learned = 0.0 if "requests" in self.allowances else self.window.wait_s(now)
        return max(self.not_before - now, learned, *told, 0.0)

    def _wait_of(self, unit: Unit, now: float) -> float:
        need = 1.0 if unit == "requests" else self.tokens_each
        return self.allowances[unit].wait_s(need, now)

    def after_sending(self, now: float) -> "_ModelPace":
        spent: Mapping[Unit, float] = {"requests": 1.0, "tokens": self.tokens_each}
        allowances = {
            unit: replace(known, spent=known.spent + spent[unit]) for unit, known in self.allowances.items()
        }
        return replace(self, allowances=allowances, window=self.window.after_sending(now))

    def told(self, rates: Rates, sent: Sent, n_since: int, now: float) -> "_ModelPace":
        allowances = dict(self.allowances)
        for unit, told in rates.items():
            spent = n_since * (1.0 if unit == "requests" else self.tokens_each)
            known = allowances.get(unit)
            allowances[unit] = (
                known.after(told, sent.number, spent, now)
                if known
                else allowance(told, sent.number, spent, now)
            )
        return replace(self, allowances=allowances)

    def refused(self, sent: Sent, last_number: int) -> "_ModelPace":
        if sent.number <= self.round:
            return self
        return replace(self, refusals=self.refusals + 1, round=last_number)

    def limited(self, rates: Rates, sent: Sent, asked_s: float | None, now: float) -> "_ModelPace":
        """Return what a refusal for too many requests in a time teaches: nothing had come back bit by bit."""
        in_steps = {
            unit: replace(known, in_steps=True) if unit in rates and rates[unit].remaining <= 0 else known
            for unit, known in self.allowances.items()
        }
        counted = asked_s is not None and asked_s >= _RATE_WAIT_S
        window = self.window.refused(sent.at, now) if counted else self.window.without(sent.at)
        return replace(self, allowances=in_steps, window=window)

    def held(self, asked_s: float | None, now: float, jitter: float, longest_s: float) -> "_ModelPace":
        """Return the pace after a refusal on which all wait: as long as asked, or longer each time."""
        backoff_s = _FIRST_BACKOFF_S * 2.0 ** min(self.refusals - 1, 10)
        wait_s = min(backoff_s, longest_s) * jitter if asked_s is None else asked_s * (1 + 0.05 * jitter)
        return replace(self, not_before=max(self.not_before, now + wait_s))


@dataclass(frozen=True, slots=True)
class Pace:
    """The pace of one provider and key. Times are seconds of any clock that only goes forward."""

    concurrency: Concurrency = field(default_factory=Concurrency)
    breaker: Breaker = field(default_factory=Breaker)
    n_under_way: int = 0
    last_number: int = 0
    models: Mapping[str, _ModelPace] = field(default_factory=dict[str, _ModelPace])

    def wait(self, model: str, now: float) -> Wait | None:
        """Return why a request to `model` must wait and for how long, or None if it may be sent."""
        blocked_s = self.breaker.blocked_s(now)
        if blocked_s is None or blocked_s > _AT_ONCE_S:
            return Wait("fault", None if blocked_s is None else now + blocked_s)
        limited_s = self._of(model).wait_s(now)
        if limited_s > _AT_ONCE_S:
            return Wait("rate limit", now + limited_s)
        if self.concurrency.later(self.n_under_way, now).allows(self.n_under_way):
            return None
        return Wait("turn", self.concurrency.doubles_at)

    def send(self, model: str, now: float) -> tuple["Pace", Sent]:
        """Return the pace with one more request under way, and that request."""
        of_model, number = self._of(model), self.last_number + 1
        sent = Sent(number, model, now, self.n_under_way + 1, of_model.tokens_each)
        pace = replace(
            self._with(model, of_model.after_sending(now)),
            n_under_way=self.n_under_way + 1,
            last_number=number,
            breaker=self.breaker.after_sending(number),
            concurrency=self.concurrency.later(self.n_under_way, now).sent(self.n_under_way + 1, now),
        )
        return pace, sent

    def succeeded(self, sent: Sent, rates: Rates, n_tokens: int, now: float) -> "Pace":
        """Return what an answer teaches that cost `n_tokens`."""
        of_model = self._of(sent.model).told(rates, sent, self.last_number - sent.number, now)
        each = of_model.tokens_each
        of_model = replace(
            of_model, refusals=0, tokens_each=each + (n_tokens - each) / 4 if each else n_tokens
        )
        return replace(
            self._ended(self._with(sent.model, of_model), sent),
            concurrency=self.concurrency.succeeded(sent.beside, now),
            breaker=Breaker(),
        )

    def refused(
        self, sent: Sent, why: Refusal, asked_s: float | None, rates: Rates, now: float, jitter: float
    ) -> "Pace":
        """Return what a refusal teaches; `asked_s` is how long the provider asks to wait, `jitter` a factor."""
        of_model = self._of(sent.model).told(rates, sent, self.last_number - sent.number, now)
        of_model = of_model.refused(sent, self.last_number)
        why = _clearer(why, asked_s, rates)
        concurrency, breaker = self.concurrency, self.breaker.abandoned(sent.number)
        if why in {"rate", "unclear"}:
            of_model = of_model.limited(rates, sent, asked_s, now)
        if why in {"concurrency", "unclear"}:
            concurrency = concurrency.refused(sent.number, sent.beside, self.last_number, now)
        if why == "overload":
            concurrency = concurrency.eased(sent.number, self.last_number)
            breaker = self.breaker.broke(sent.number, now, jitter)
        if why != "concurrency" or of_model.refusals > 1:
            longest_s = _LONGEST_BACKOFF_S if why != "concurrency" else _CONCURRENCY_BACKOFF_S
            of_model = of_model.held(asked_s, now, jitter, longest_s)
        pace = self._ended(self._with(sent.model, of_model), sent)
        return replace(pace, concurrency=concurrency, breaker=breaker)

    def broke(self, sent: Sent, now: float, jitter: float) -> "Pace":
        """Return what a fault of the provider teaches."""
        return replace(self._ended(self, sent), breaker=self.breaker.broke(sent.number, now, jitter))

    def abandoned(self, sent: Sent) -> "Pace":
        """Return the pace without a request that says nothing about the provider."""
        return self._ended(self, sent)

    def _of(self, model: str) -> _ModelPace:
        return self.models.get(model, _ModelPace())

    def _with(self, model: str, of_model: _ModelPace) -> "Pace":
        return replace(self, models={**self.models, model: of_model})

    def _ended(self, pace: "Pace", sent: Sent) -> "Pace":
        return replace(pace, n_under_way=pace.n_under_way - 1, breaker=pace.breaker.abandoned(sent.number))


def _clearer(why: Refusal, asked_s: float | None, rates: Rates) -> Refusal:
    """Return why a request was refused as far as what is left, or else the wait that is asked for, tells."""
    if why != "unclear":
        return why
    if rates:
        return "rate" if any(told.remaining <= 0 for told in rates.values()) else "concurrency"
    return "rate" if asked_s is not None and asked_s >= _RATE_WAIT_S else "unclear"
