"""How many requests a provider bears at the same time: found by trying, as TCP finds its window.

It begins low and doubles with every round of answers until the first refusal; and, since a refusal comes at once
and an answer only after a while, also when as many as are allowed have been under way for a moment without one.
From the first refusal on one more a round is allowed up to the number that was refused; beyond that only now and
then. A refusal takes away a third, once for all that were under way when it came.
"""

from dataclasses import dataclass, replace

MOST = 50
_FIRST = 10
_CUT = 0.7
_HOLD_S, _LONGEST_HOLD_S = 5.0, 60.0
_UNREFUSED_S = 0.25
"""When a request that was not refused counts as one that will be answered."""


@dataclass(frozen=True, slots=True)
class Concurrency:
    """The number of requests that may be under way, and what it was learned from.

    `ceiling` is the most that is known to go well. At `probe_at`, `hold_s` after the last refusal, it is raised by
    `step`, twice as much each time that this goes well. `last_cut` is the number of the last request that was sent before the last cut.
    `filled_at` is when as many as allowed came to be under way.
    """

    limit: float = _FIRST
    ceiling: int = MOST
    step: int = 1
    hold_s: float = _HOLD_S
    probe_at: float = 0.0
    refused_once: bool = False
    last_cut: int = 0
    filled_at: float = 0.0

    def allows(self, n_under_way: int) -> bool:
        """Return whether one more may begin beside those under way."""
        return n_under_way < int(self.limit)

    def sent(self, n_under_way: int, now: float) -> "Concurrency":
        """Return it when one more was sent, so that `n_under_way` are."""
        return self if self.allows(n_under_way) else replace(self, filled_at=now)

    @property
    def doubles_at(self) -> float | None:
        """When more are allowed if none of those under way is refused; None where that is known to be too many."""
        return None if self.refused_once or self.limit >= MOST else self.filled_at + _UNREFUSED_S

    def later(self, n_under_way: int, now: float) -> "Concurrency":
        """Return it at the time `now`: as many as are allowed under way for a while, unrefused, teach that more may be."""
        if self.allows(n_under_way) or self.doubles_at is None or now < self.doubles_at:
            return self
        return replace(self, limit=min(self.limit * 2, float(MOST)))

    def succeeded(self, beside: int, now: float) -> "Concurrency":
        """Return what an answer teaches, to a request that was sent as the `beside`-th under way.

        Where not even half of the limit was made use of, nothing is known of more. The other half of the requests
        makes up the round.
        """
        if beside * 2 <= self.limit:
            return self
        if int(self.limit) < self.ceiling:
            more = self.limit + (2 / self.limit if self.refused_once else 2)
            return replace(self, limit=min(more, float(self.ceiling)))
        if self.ceiling == MOST or now < self.probe_at:
            return self
        ceiling = min(MOST, self.ceiling + self.step)
        return replace(
            self,
            ceiling=ceiling,
            limit=min(self.limit + 1, float(ceiling)),
            step=self.step * 2,
            hold_s=_HOLD_S,
            probe_at=now + _HOLD_S,
        )

    def refused(self, number: int, beside: int, last_number: int, now: float) -> "Concurrency":
        """Return what the refusal of request `number` teaches; `last_number` is the last one sent so far."""
        if number <= self.last_cut:
            return self
        if beside == 1:
            return self.eased(number, last_number)  # it is others that ask too much
        good = max(1, min(beside - 1, self.ceiling))
        hold_s = min(self.hold_s * 2, _LONGEST_HOLD_S) if self.refused_once else self.hold_s
        return Concurrency(max(1.0, good * _CUT), good, 1, hold_s, now + hold_s, True, last_number)

    def eased(self, number: int, last_number: int) -> "Concurrency":
        """Return what it is after a sign of overload that says nothing about the number under way."""
        if number <= self.last_cut:
            return self
        return replace(self, limit=max(1.0, self.limit * _CUT), refused_once=True, last_cut=last_number)
