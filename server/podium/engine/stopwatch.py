"""The time that a mission has worked, for its budget: by a clock that nobody sets, and not while it waits."""

import time
from collections.abc import Callable


class Stopwatch:
    """Runs from the start, unless it is held; `spent_s` are the seconds that an earlier run has used.

    `now` gives seconds and never goes back; it does not count the time that the machine sleeps.
    """

    def __init__(self, spent_s: float = 0.0, now: Callable[[], float] = time.monotonic) -> None:
        self._spent_s = spent_s
        self._now = now
        self._since: float | None = now()

    @property
    def minutes(self) -> float:
        """The minutes that it has run."""
        running_s = 0.0 if self._since is None else self._now() - self._since
        return (self._spent_s + running_s) / 60

    def hold(self, *, held: bool) -> None:
        """Stand still, or go on."""
        if held and self._since is not None:
            self._spent_s += self._now() - self._since
            self._since = None
        elif not held and self._since is None:
            self._since = self._now()
