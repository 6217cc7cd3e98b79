"""Runs the project's checks on candidate trees: the adapter behind the port `Checks`."""

import os
import stat
import sys
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.to_thread

from podium.adapters.checks.discovery import found_checks, missing_tools
from podium.adapters.checks.interpreter import Interpreter, interpreter, signature
from podium.adapters.checks.listing import list_project
from podium.adapters.checks.run import run_check
from podium.adapters.checks.sandbox import Sandbox, detect
from podium.adapters.checks.slots import Slots
from podium.adapters.checks.stand import Stand
from podium.adapters.checks.tryout import Baseline, TryOut
from podium.domain.checks import Candidate, Check, CheckResult
from podium.ports import Known

COMMAND_TIMEOUT_S = 300.0
SLICE_S = 2.0
"""How long variants of one candidate keep a slot for which others wait; the variant that runs is finished."""


@dataclass(frozen=True, slots=True)
class Description:
    """What works here, in sentences for `podium doctor`."""

    sandbox: str
    confined: bool
    interpreter: str
    checks: tuple[str, ...]
    missing: tuple[str, ...]


class LocalChecks:
    """The checks of one workspace folder, run on this machine; implements `podium.ports.Checks`.

    Runs are concurrent, as many as there are slots; further ones wait. Close it with `aclose` when nothing
    runs any more: that deletes its temporary files.
    """

    def __init__(
        self,
        root: Path,
        configured: Mapping[str, str | Sequence[str]] | None = None,
        sandbox: Sandbox | None = None,
        parallel: int | None = None,
        inherited: Mapping[str, str] | None = None,
        slice_s: float = SLICE_S,
    ) -> None:
        """Prepare to run checks of `root`.

        Args:
            root: the workspace folder.
            configured: checks by name, as command line or list of words; they replace those found in files.
            sandbox: how commands are confined; found by trying where none is given.
            parallel: how many runs there may be at once; by default one for each core.
            inherited: the environment that commands get the harmless part of; by default this process's.
            slice_s: how long variants keep a slot for which others wait.

        Raises:
            UserError: a configured check is not a command.
        """
        self._root = root.resolve()
        self._configured = dict(configured or {})
        self._sandbox = sandbox or detect()
        self._inherited = dict(os.environ if inherited is None else inherited)
        self._slots = Slots(self._root, parallel or os.cpu_count() or 1)
        self._slice_s = slice_s
        self._baseline: Baseline | None = None
        self._python: tuple[tuple[float, ...], Interpreter] | None = None
        found_checks(self._root, self._configured)

    def found(self) -> Sequence[Check]:
        """Return the checks of this project: configured ones, else those found in its files."""
        return found_checks(self._root, self._configured)

    @property
    def confined(self) -> bool:
        """Whether commands run in a sandbox that keeps them off the network and the user's files."""
        return self._sandbox.confines

    def describe(self) -> Description:
        """Return what works here. It starts interpreters: call it in a thread."""
        python = self._interpreter()
        found = [check for check in self.found() if check.kind != "probe"]
        checks = tuple(f"{check.name}: {check.command}" for check in found if not check.trouble)
        troubles = tuple(f"{check.name} cannot start: {check.trouble}" for check in found if check.trouble)
        return Description(
            self._sandbox.describe(),
            self.confined,
            f"{python.path}: {python.source}",
            checks,
            troubles if self._configured else missing_tools(self._root),
        )

    async def run(
        self, candidate: Candidate, check: Check, targets: Sequence[str] = (), known: Known = lambda _: None
    ) -> CheckResult:
        """Run `check` on `candidate`, narrowed to `targets` where the tool can be (pytest, npm).

        Nothing runs where `known` has the result already, for the hash of every file that the check would see.

        Raises:
            ToolError: the candidate changes a path outside the workspace.
        """
        async with self._stand(candidate) as stand:
            return await run_check(stand, candidate.overlay, check, targets, known)

    async def run_command(self, candidate: Candidate, command: str) -> CheckResult:
        """Run a shell command on a throw-away copy of `candidate`, for 300 s at most.

        Raises:
            ToolError: the candidate changes a path outside the workspace.
        """
        shell = ("cmd", "/c") if sys.platform == "win32" else ("sh", "-c")
        check = Check("command", (*shell, command), "probe", COMMAND_TIMEOUT_S)
        async with self._stand(candidate) as stand:
            return await run_check(stand, candidate.overlay, check)

    async def try_out(
        self,
        candidate: Candidate,
        variants: Sequence[Mapping[str, bytes]],
        check: Check,
        targets: Sequence[str],
        tolerated: Collection[str] = (),
    ) -> Sequence[CheckResult]:
        """Return the result of `check` for each variant of `candidate`, in their order.

        For pytest the `targets` run first, in forks of a warm process and with about ten times the time that
        they need now; a variant that does not turn them green is not run further, the others run the whole
        check in a fresh process, in which only `tolerated` tests may fail. After six green variants the rest is not run: exit code 125. A variant that
        cannot be laid over the candidate has exit code 125 as well.
        """
        attempt = TryOut(candidate.overlay, variants, check, targets, tolerated, self._baseline)
        async with anyio.create_task_group() as workers:
            for _ in range(min(self._slots.n, len(variants))):
                workers.start_soon(self._work_on, attempt, candidate)
        self._baseline = attempt.baseline
        return attempt.results()

    async def aclose(self) -> None:
        """Delete the temporary files."""
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._slots.remove)

    async def _work_on(self, attempt: TryOut, candidate: Candidate) -> None:
        """Run variants in slots that are given to who waits after a while, and taken again in turn."""
        while attempt.more:
            async with self._stand(candidate) as stand:
                until = anyio.current_time() + self._slice_s
                await attempt.work(
                    stand, lambda until=until: self._slots.wanted and anyio.current_time() >= until
                )

    @asynccontextmanager
    async def _stand(self, candidate: Candidate) -> AsyncGenerator[Stand]:
        async with self._slots.take() as slot:
            listing = await anyio.to_thread.run_sync(list_project, self._root)
            python = await anyio.to_thread.run_sync(self._interpreter)
            executable = {path for path, mode in candidate.created.items() if mode and mode & stat.S_IXUSR}
            yield Stand(self._root, slot, listing, self._sandbox, python, self._inherited, executable)

    def _interpreter(self) -> Interpreter:
        now = signature(self._root)
        if self._python is None or self._python[0] != now:
            self._python = (now, interpreter(self._root, self._sandbox, self._inherited))
        return self._python[1]
