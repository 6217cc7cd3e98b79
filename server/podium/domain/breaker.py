"""A breaker for a provider that fails: it waits, tries with one request, and waits longer if that fails too."""

from dataclasses import dataclass, replace

FAULTS = 5
"""How many faults in a row, of whichever requests, open it."""
_FIRST_WAIT_S, _LONGEST_WAIT_S = 2.0, 60.0


@dataclass(frozen=True, slots=True)
class Breaker:
    """Faults in a row, since when, and what follows from them.

    It is open from the fifth on: nothing is sent before `until`, and then one request, the `probe`, alone.
    """

    faults: int = 0
    since: float = 0.0
    until: float = 0.0
    wait_s: float = _FIRST_WAIT_S
    probe: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether all wait."""
        return self.faults >= FAULTS

    def blocked_s(self, now: float) -> float | None:
        """Return for how many seconds nothing may be sent: 0 if something may, None until the probe is back."""
        if not self.is_open:
            return 0.0
        return None if self.probe is not None else max(0.0, self.until - now)

    def after_sending(self, number: int) -> "Breaker":
        """Return the breaker after request `number` was let through."""
        return replace(self, probe=number) if self.is_open else self

    def broke(self, number: int, now: float, jitter: float) -> "Breaker":
        """Return the breaker after request `number` failed; `jitter` is a factor for the wait."""
        if not self.is_open:
            since = self.since if self.faults else now
            return replace(self, faults=self.faults + 1, since=since, until=now + self.wait_s * jitter)
        if number != self.probe:
            return self  # sent before it opened
        wait_s = min(self.wait_s * 2, _LONGEST_WAIT_S)
        return replace(self, faults=self.faults + 1, wait_s=wait_s, until=now + wait_s * jitter, probe=None)

    def abandoned(self, number: int) -> "Breaker":
        """Return the breaker after nobody waits for request `number` any more, however it would have ended."""
        return replace(self, probe=None) if number == self.probe else self
