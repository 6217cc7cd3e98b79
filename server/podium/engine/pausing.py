"""Pausing: while a mission is paused, nothing of it begins.

A model request that is under way is finished, because its answer is paid for. A check or command that runs
is stopped, so that the machine is the user's again, and begun anew afterwards: it changes nothing but its
own copy of the tree. A delivery that has begun is finished.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import TypeVar

import anyio

from podium.domain.checks import Candidate, Check, CheckResult
from podium.ports import Checks, Known

T = TypeVar("T")


class Pausing:
    """Whether one mission may go on. Whatever begins something waits for `passed` right before."""

    def __init__(self) -> None:
        self._resumed: anyio.Event | None = None
        self._stoppable: set[anyio.CancelScope] = set()

    def pause(self) -> None:
        """Let nothing begin, and stop what can be begun anew."""
        self._resumed = self._resumed or anyio.Event()
        for scope in self._stoppable:
            scope.cancel()

    def resume(self) -> None:
        """Let everything go on."""
        if self._resumed is not None:
            self._resumed.set()
            self._resumed = None

    @property
    def paused(self) -> bool:
        """Whether nothing may begin."""
        return self._resumed is not None

    async def passed(self) -> None:
        """Return at once, or when the mission is resumed."""
        while self._resumed is not None:
            await self._resumed.wait()

    async def restartable(self, work: Callable[[], Awaitable[T]]) -> T:
        """Return what `work` gives; a pause stops it, and it begins anew when the mission is resumed."""
        while True:
            await self.passed()
            with anyio.CancelScope() as scope:
                self._stoppable.add(scope)
                try:
                    return await work()
                finally:
                    self._stoppable.discard(scope)


class PausableChecks:
    """Checks that a pause stops, and that begin anew afterwards."""

    def __init__(self, checks: Checks, pausing: Pausing) -> None:
        self._checks = checks
        self._pausing = pausing

    def found(self) -> Sequence[Check]:
        """Return the checks of this project."""
        return self._checks.found()

    @property
    def confined(self) -> bool:
        """Whether commands run in a sandbox."""
        return self._checks.confined

    async def run(
        self, candidate: Candidate, check: Check, targets: Sequence[str] = (), known: Known = lambda _: None
    ) -> CheckResult:
        """Run `check` on `candidate`, unless the result is `known`."""
        return await self._pausing.restartable(lambda: self._checks.run(candidate, check, targets, known))

    async def run_command(self, candidate: Candidate, command: str) -> CheckResult:
        """Run a shell command on a throw-away copy of `candidate`."""
        return await self._pausing.restartable(lambda: self._checks.run_command(candidate, command))

    async def try_out(
        self,
        candidate: Candidate,
        variants: Sequence[Mapping[str, bytes]],
        check: Check,
        targets: Sequence[str],
        tolerated: Collection[str] = (),
    ) -> Sequence[CheckResult]:
        """Return the result of `check` for each variant of `candidate`."""
        return await self._pausing.restartable(
            lambda: self._checks.try_out(candidate, variants, check, targets, tolerated)
        )
