"""Tries many variants of a candidate, so fast that searching for a repair becomes practical.

Workers share one list of variants; each has a slot and, for pytest, a warm process in it. A variant first
runs the tests that are known to fail, in a fork; only one that turns them green costs a whole fresh run.
"""

import os
from collections import deque
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

import anyio
import anyio.to_thread

from podium.adapters.checks.process import Finished, Limits, Output, end, limited, start
from podium.adapters.checks.run import REPORT, narrowed, report_of, result_of, run_check, with_plugin
from podium.adapters.checks.stand import Stand
from podium.adapters.checks.warm import SCRIPT, ForkRequest, Warm, WarmProcessLost
from podium.domain.checks import Check, CheckResult, Failure
from podium.errors import ToolError

NOT_RUN = 125
ENOUGH_GREEN = 6

_OUTPUT = "output.txt"
_NOTES = "modules.txt"
_BASELINE_S = 20.0
_BASELINE_TEST_S = 5.0
_LEAST_S = 2.0
_AFTER_A_HANG_S = 10.0
_FORK_MEMORY_BYTES = 2 * 1024**3


@dataclass(frozen=True, slots=True)
class Pace:
    """How long the targets of one variant may take in all, and each of them."""

    total_s: float
    test_s: float


@dataclass(frozen=True, slots=True)
class Baseline:
    """What the targets of one tree need: their pace, and the installed modules that are worth preloading."""

    tree_hash: str
    targets: tuple[str, ...]
    pace: Pace
    modules: tuple[str, ...]


class TryOut:
    """One batch of variants; any number of workers may call `work` at the same time."""

    def __init__(
        self,
        overlay: Mapping[str, bytes | None],
        variants: Sequence[Mapping[str, bytes]],
        check: Check,
        targets: Sequence[str],
        tolerated: Collection[str] = (),
        known: Baseline | None = None,
    ) -> None:
        """Prepare a batch; `known` is the baseline of an earlier one, used where it is of the same tree."""
        self._tolerated = frozenset(tolerated)
        self._overlay = overlay
        self._variants = variants
        self._check = check
        self._targets = targets
        self._pending = deque(range(len(variants)))
        self._results: dict[int, CheckResult] = {}
        self.baseline = known
        self._measuring = anyio.Lock()

    def results(self) -> tuple[CheckResult, ...]:
        """Return the results so far in the order of the variants; 125 where one was not run."""
        missing = self._refused("not run: enough other variants are green")
        return tuple(self._results.get(index, missing) for index in range(len(self._variants)))

    @property
    def more(self) -> bool:
        """Whether there is a variant left to run, and not enough are green."""
        return bool(self._pending) and sum(result.green for result in self._results.values()) < ENOUGH_GREEN

    async def work(self, stand: Stand, gives_way: Callable[[], bool]) -> None:
        """Run variants in this slot until there are no more, or after one of them the slot `gives_way`."""
        if not self.more:
            return
        async with self._warm(stand) as warm:
            while self.more:
                index = self._pending.popleft()
                overlay = {**self._overlay, **self._variants[index]}
                try:
                    self._results[index] = await self._result(stand, warm, overlay)
                except ToolError as problem:
                    self._results[index] = self._refused(str(problem))
                if gives_way():
                    return

    async def _result(
        self, stand: Stand, warm: Warm | None, overlay: Mapping[str, bytes | None]
    ) -> CheckResult:
        if self._check.is_pytest and self._targets:
            first = await self._targets_only(stand, warm, overlay)
            if not first.green:
                return first
            whole = await run_check(stand, overlay, self._check)
            failing = {failure.test for failure in whole.failures}
            return first if failing and failing <= self._tolerated else whole
        return await run_check(stand, overlay, self._check)

    async def _targets_only(
        self, stand: Stand, warm: Warm | None, overlay: Mapping[str, bytes | None]
    ) -> CheckResult:
        pace = self.baseline.pace if self.baseline else Pace(self._check.timeout_s, self._check.timeout_s)
        if warm is not None:
            try:
                return await self._in_fork(stand, warm, overlay, pace)
            except WarmProcessLost:
                pace = Pace(pace.total_s + _LEAST_S, pace.test_s)
        check = replace(self._check, timeout_s=min(pace.total_s, self._check.timeout_s))
        return await run_check(stand, overlay, check, self._targets)

    async def _in_fork(
        self, stand: Stand, warm: Warm, overlay: Mapping[str, bytes | None], pace: Pace, notes: str = ""
    ) -> CheckResult:
        tree_hash = await anyio.to_thread.run_sync(stand.sync, overlay)
        stand.slot.clear_output()
        argv = with_plugin(narrowed(self._check, self._targets, stand.root))
        env = stand.report_env(REPORT, pace.test_s) | {"PODIUM_STOP_ON_HANG": "1"}
        request = ForkRequest(
            [*argv[3:], "--tb=native"],
            env,
            str(stand.slot.out / _OUTPUT),
            pace.total_s,
            _FORK_MEMORY_BYTES,
            str(stand.slot.out / notes) if notes else "",
        )
        answer = await warm.run(request)
        printed = Output()
        printed.add(stand.slot.read_output(_OUTPUT))
        finished = Finished(answer.exit_code, printed.text(), answer.duration_s, answer.timed_out)
        return result_of(stand, self._check, argv, finished, tree_hash)

    @asynccontextmanager
    async def _warm(self, stand: Stand) -> AsyncGenerator[Warm | None]:
        """Lend a warm process that has run the targets once; None where there cannot be one."""
        async with AsyncExitStack() as processes:
            warm: Warm | None = None
            if self._check.is_pytest and self._targets and hasattr(os, "fork"):
                try:
                    tree_hash = await anyio.to_thread.run_sync(stand.sync, self._overlay)
                    warm = await self._started(stand, processes)
                    if not await self._prepared(stand, warm, tree_hash):
                        warm = await self._started(stand, processes)
                except (OSError, WarmProcessLost, ToolError):
                    warm = None
            yield warm

    async def _started(self, stand: Stand, processes: AsyncExitStack) -> Warm:
        argv = limited(stand.argv(["{python}", str(SCRIPT)]), Limits())
        process = await start(argv, stand.slot.tree, stand.env(), stdin=True, keep_stderr=False)
        processes.push_async_callback(end, process)
        warm = Warm(process)
        await warm.ready()
        return warm

    async def _prepared(self, stand: Stand, warm: Warm, tree_hash: str) -> bool:
        """Preload the modules that the targets import, and set the pace by the time that they take then.

        False where the preloaded modules change what the targets say: then the process is of no use, and no
        later one preloads.
        """
        async with self._measuring:
            known = self.baseline
            if known is None or (known.tree_hash, known.targets) != (tree_hash, tuple(self._targets)):
                patience = Pace(_BASELINE_S, _BASELINE_TEST_S)
                now = await self._in_fork(stand, warm, self._overlay, patience, notes=_NOTES)
                modules = stand.slot.read_output(_NOTES).decode("utf-8", "replace").split()
                pace = _pace(now, hung=_hung(stand, now))
                await warm.preload(modules)
                again = await self._in_fork(stand, warm, self._overlay, pace)
                unchanged = _gist(again) == _gist(now)
                if unchanged:
                    pace = _pace(again, hung=_hung(stand, again))
                self.baseline = Baseline(
                    tree_hash, tuple(self._targets), pace, tuple(modules if unchanged else ())
                )
                return unchanged
        await warm.preload(known.modules)
        return True

    def _refused(self, why: str) -> CheckResult:
        return CheckResult(self._check.name, self._check.argv, NOT_RUN, 0.0, why, "", (Failure(why),))


def _pace(now: CheckResult, *, hung: bool) -> Pace:
    """Return about ten times the present time; where the targets hang now, 2 s for each and 10 s in all.

    The whole has twice as long as one test, so that a test that hangs is interrupted at its line first, and what
    begins before it may be slow on a busy machine.
    """
    if hung:
        return Pace(_AFTER_A_HANG_S, _LEAST_S)
    test_s = max(_LEAST_S, 10 * now.duration_s)
    return Pace(2 * test_s, test_s)


def _hung(stand: Stand, result: CheckResult) -> bool:
    return result.timed_out or report_of(stand).n_hung > 0


def _gist(result: CheckResult) -> tuple[object, ...]:
    return (result.exit_code, sorted(failure.test for failure in result.failures))
