"""The governor: when which request goes to a provider, so that no agent fails because of a limit.

There is one for all missions. Requests to one provider with one key share a pace (`domain.pace`), which their
outcomes teach; who must wait stands in a queue, the most important first, then the most urgent, then who came first.
A request that the provider refuses for now keeps its place and is sent again.

Another server on this machine has a governor of its own: what the two share are the provider's replies.
"""

import random
from bisect import insort
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count
from math import inf
from typing import TypeAlias
from urllib.parse import urlsplit

import anyio

from podium.domain.pace import Pace, Sent, Wait, Why
from podium.domain.plan import Urgency
from podium.engine.pausing import Pausing
from podium.errors import ModelUnavailable, ModelUnreachable
from podium.ports import ContextOverflow, Model, ModelAnswer, ModelFault, ModelRequest, RateLimited

_NOTICE_S, _TURN_NOTICE_S = 1.0, 10.0
"""Shorter waits are not shown: those that the provider causes, and those for the answers to other requests."""
_SAME_S = 0.2

Priority: TypeAlias = tuple[int, Urgency]
"""What sorts requests, the first to be sent first: whom it is for, and how urgent its task is."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request waits: for whom, why, and in about how many seconds it goes on (None: unknown)."""

    provider: str
    why: Why
    seconds: float | None

    def __str__(self) -> str:
        """Return it in words, for the user."""
        match self.why:
            case "rate limit":
                what = f"waiting for {self.provider}'s rate limit"
            case "fault":
                what = f"waiting until {self.provider} works again"
            case "turn":
                what = f"waiting for its turn at {self.provider}"
        return what if self.seconds is None else f"{what}, {self.seconds:.0f} s"


OnWait: TypeAlias = Callable[[Waiting], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: how important it is, whether its mission is paused, and who hears that it must wait."""

    priority: Priority
    pausing: Pausing
    on_wait: OnWait


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a request waits before its model counts as one that cannot answer, in seconds.

    `limit_s` is for limits, `outage_s` for a provider that fails, `first_outage_s` for one that never answered yet.
    """

    limit_s: float = 3600.0
    outage_s: float = 600.0
    first_outage_s: float = 30.0


@dataclass(slots=True, eq=False)
class _Ticket:
    """A request's place in the queue, with why it is still there and until when (None: until another one ends).

    Of the requests that wait for the same, one `leads`: it looks again when the time is over.
    """

    place: tuple[Priority, int]
    model: str
    patience: Patience
    since: float
    not_before: float = 0.0
    refused: bool = False
    sent: Sent | None = None
    why: Why = "turn"
    until: float | None = None
    leads: bool = False
    news: anyio.Event = field(default_factory=anyio.Event)
    shown: tuple[Why, float] | None = None

    def keep(self, why: Why, until: float | None, leads: bool) -> None:
        """Stay in the queue, and wake up if what is waited for has changed."""
        moved = until != self.until and (
            until is None or self.until is None or abs(until - self.until) > _SAME_S
        )
        if moved or why != self.why or leads != self.leads:
            self.news.set()
        self.why, self.until, self.leads = why, until, leads

    @property
    def look_again(self) -> float:
        """When to wake up without news."""
        turn = self.since + _TURN_NOTICE_S if self.why == "turn" and self.shown is None else inf
        return min(self.until if self.until is not None and self.leads else inf, turn)


class Governor:
    """Sends requests when their provider is likely to take them."""

    def __init__(self) -> None:
        self._lanes: dict[tuple[str, str], _Lane] = {}
        self._numbers = count()

    async def ask(
        self,
        model: Model,
        request: ModelRequest,
        asker: Asker,
        patience: Patience,
    ) -> ModelAnswer:
        """Return the model's answer, asked as often as its provider refuses for now or fails altogether.

        While the mission is paused, nothing is sent, and it takes nobody's turn.

        Raises:
            ContextOverflow, ModelFault, ModelUnavailable: as `Model.complete`; also when the wait would be
                longer than `patience`.
        """
        provider = provider_of(request)
        if provider == "builtin":
            await asker.pausing.passed()
            return await model.complete(request)
        key = (provider, request.api_key_env or "")
        lane = self._lanes.setdefault(key, _Lane(provider))
        ticket = _Ticket((asker.priority, next(self._numbers)), request.model, patience, anyio.current_time())
        while True:
            await asker.pausing.passed()
            sent = await lane.let_through(ticket, asker.on_wait)
            if asker.pausing.paused:
                lane.abandoned(sent)
                continue
            try:
                answer = await model.complete(request)
            except (ModelFault, ModelUnreachable) as error:
                if not lane.failed(ticket, sent, error):
                    raise
                continue
            except BaseException:
                lane.abandoned(sent)
                raise
            lane.succeeded(sent, answer)
            return answer


def provider_of(request: ModelRequest) -> str:
    """Return the name of the provider that answers `request`, as users know it."""
    if request.api_base and not request.model.startswith("builtin/"):
        return urlsplit(request.api_base).netloc or request.api_base
    return request.model.partition("/")[0]


class _Lane:
    """The requests to one provider with one key: those under way, in `pace`, and those that wait."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._pace = Pace()
        self._queue: list[_Ticket] = []
        self._last_fault = ""
        self._has_answered = False

    async def let_through(self, ticket: _Ticket, on_wait: OnWait) -> Sent:
        """Wait until the request of `ticket` may be sent; who is let through says how it went."""
        ticket.sent = None
        insort(self._queue, ticket, key=lambda waiting: waiting.place)
        self._admit()
        try:
            while ticket.sent is None:
                self._check_patience(ticket)
                if await self._show(ticket, on_wait):
                    continue
                with anyio.CancelScope(deadline=ticket.look_again):
                    await ticket.news.wait()
                ticket.news = anyio.Event()
                self._admit()
        except BaseException:
            if ticket.sent is not None:
                self.abandoned(ticket.sent)
            else:
                self._queue.remove(ticket)
                self._admit()
            raise
        return ticket.sent

    def succeeded(self, sent: Sent, answer: ModelAnswer) -> None:
        self._has_answered = True
        usage = answer.usage
        n_tokens = usage.prompt_tokens + usage.completion_tokens
        self._learn(self._pace.succeeded(sent, answer.rates, n_tokens, anyio.current_time()))

    def failed(self, ticket: _Ticket, sent: Sent, error: ModelFault | ModelUnreachable) -> bool:
        """Learn from an error; return whether it is no fault of the request, which may be sent again."""
        match error:
            case RateLimited():
                self._refused(ticket, sent, error)
                return True
            case ContextOverflow():
                self.abandoned(sent)
                return False
            case ModelUnreachable() if not self._has_answered:
                self.abandoned(sent)
                return False
            case _:
                self._last_fault = str(error).rstrip(".")
                self._learn(self._pace.broke(sent, anyio.current_time(), _jitter()))
                return isinstance(error, ModelUnreachable) or self._pace.breaker.is_open

    def _refused(self, ticket: _Ticket, sent: Sent, limited: RateLimited) -> None:
        now, asked_s = anyio.current_time(), limited.retry_after_s
        ticket.refused = True
        ticket.not_before = now + (asked_s or 0.0)
        self._learn(self._pace.refused(sent, limited.refusal, asked_s, limited.rates, now, _jitter()))

    def abandoned(self, sent: Sent) -> None:
        self._learn(self._pace.abandoned(sent))

    def _learn(self, pace: Pace) -> None:
        self._pace = pace
        self._admit()

    def _admit(self) -> None:
        """Let through who may be, and tell the others what they wait for."""
        now = anyio.current_time()
        waits: dict[str, Wait] = {}
        for ticket in list(self._queue):
            if ticket.not_before > now:
                ticket.keep("rate limit", ticket.not_before, leads=True)
            elif wait := waits.get(ticket.model):
                ticket.keep(wait.why, wait.until, leads=False)
            elif wait := self._pace.wait(ticket.model, now):
                waits[ticket.model] = wait
                ticket.keep(wait.why, wait.until, leads=True)
            else:
                self._pace, ticket.sent = self._pace.send(ticket.model, now)
                self._queue.remove(ticket)
                ticket.news.set()

    async def _show(self, ticket: _Ticket, on_wait: OnWait) -> bool:
        """Tell the user of the wait if it is long and not yet told; return whether it was told."""
        now, until = anyio.current_time(), ticket.until
        if ticket.why == "turn":
            until = None
            long = ticket.shown is None and now >= ticket.since + _TURN_NOTICE_S
        else:
            long = until is not None and until - now >= _NOTICE_S
        known = (
            ticket.shown is not None and ticket.shown[0] == ticket.why and (until or 0.0) < ticket.shown[1]
        )
        if not long or known:
            return False
        ticket.shown = (ticket.why, (until or now) + _NOTICE_S)
        await on_wait(Waiting(self._provider, ticket.why, until and until - now))
        return True

    def _check_patience(self, ticket: _Ticket) -> None:
        now, breaker = anyio.current_time(), self._pace.breaker
        until = ticket.until or now
        failing_s = max(now, until) - breaker.since if breaker.is_open else 0.0
        outage_s = ticket.patience.outage_s if self._has_answered else ticket.patience.first_outage_s
        limited_s = now - ticket.since if ticket.refused else 0.0
        if ticket.why == "rate limit":
            limited_s = max(limited_s, until - now)
        if failing_s > outage_s:
            said = f"fails, last with: {self._last_fault}"
        elif limited_s > ticket.patience.limit_s:
            said = f"takes no request for {_spoken(limited_s)} because of its limits"
        else:
            return
        raise ModelUnavailable(f"{self._provider} {said}. Try again later, or set `fallbacks`.")


def _spoken(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"


def _jitter() -> float:
    return random.uniform(0.5, 1.5)  # noqa: S311 - spreads agents and servers out, guards nothing
