"""Verification: what is run before a change counts, and what its results mean.

The desk runs checks for one mission, remembers results by tree, and compares with the baseline, the
tree as the user had it when the mission began. Only what it returns can close a task.
"""

import ast
import hashlib
import json
import re
import tomllib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import anyio

from podium.domain import fingerprint
from podium.domain.changes import FileEdit
from podium.domain.checks import Candidate, Check, CheckResult, Failure
from podium.domain.events import CheckFinished, CheckPurpose, Event
from podium.domain.paths import confined
from podium.engine.past import Past
from podium.errors import ToolError, UserError
from podium.ports import Checks

MOST_NARROWED = 20
"""To how many tests a check is narrowed at most."""


@dataclass(frozen=True, slots=True)
class CheckCall:
    """A check, narrowed to `targets` (test ids or paths) where there are any.

    `aimed` means that nobody asked for these targets: they are the part of the check that a change reaches.
    """

    check: Check
    targets: tuple[str, ...] = ()
    aimed: bool = False

    @property
    def text(self) -> str:
        """The call as plans write it."""
        return " ".join((self.check.name, *self.targets))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says of a tree: `problems` is empty when it may pass.

    `excused` names the checks that are red only as they were before the mission, `red` those that speak
    against the tree, narrowed to the tests that failed and had not failed before.
    """

    results: tuple[CheckResult, ...]
    problems: tuple[str, ...]
    excused: tuple[str, ...]
    fingerprint: str
    red: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether nothing speaks against the tree."""
        return not self.problems

    def and_then(self, other: "Verdict") -> "Verdict":
        """Return what this one, which passed, and a further one say together."""
        return replace(
            other,
            results=(*self.results, *other.results),
            excused=tuple(dict.fromkeys((*self.excused, *other.excused))),
        )


class CheckDesk:
    """Runs the checks of one mission; every result that somebody asked for is recorded as an event."""

    def __init__(
        self,
        checks: Checks,
        baseline: Callable[[], Candidate],
        record: Callable[[Event], Awaitable[None]],
        past: Past,
    ) -> None:
        self._checks = checks
        self._baseline = baseline
        self._record = record
        self._past = past
        self._by_name = {check.name: check for check in checks.found()}
        self._results: dict[tuple[str, str], CheckResult] = {}
        self._locks: dict[tuple[str, str], anyio.Lock] = {}
        self._failing: dict[tuple[str, str], tuple[str, ...]] = {}
        for finished in past.checks:
            self._know(finished)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the project's checks."""
        return tuple(self._by_name)

    @property
    def confined(self) -> bool:
        """Whether commands run in a sandbox."""
        return self._checks.confined

    def gates(self) -> tuple[CheckCall, ...]:
        """Return the checks that gate a change when the plan names none: the tests."""
        return tuple(CheckCall(check) for check in self._by_name.values() if check.kind == "test")

    def call(self, text: str) -> CheckCall | None:
        """Return the check that `text` names, with its targets, or None if it names no check.

        Raises:
            ToolError: a target is an option, or leaves the workspace.
        """
        return _call(self._by_name, text)

    def require(self, text: str) -> CheckCall:
        """Return the check that `text` names.

        Raises:
            ToolError: there is no such check; the message lists those that exist.
        """
        return _required(self._by_name, text)

    async def run(
        self, candidate: Candidate, call: CheckCall, task_id: str = "", purpose: CheckPurpose = "agent"
    ) -> CheckResult:
        """Return the result of a check; one that ran on the same tree before is recorded, but not run, again."""
        if purpose != "agent" and (was := self._past.take(CheckFinished)) is not None:
            return was.result
        ran, result = await self._result(candidate, call)
        if call.check.kind != "probe":
            if not call.targets:
                self._failing[task_id, call.check.name] = _failed(result)
            await self._record(CheckFinished(task_id, result, purpose, ran))
        return result

    def _know(self, finished: CheckFinished) -> None:
        """Remember a recorded result, as if it had come just now."""
        result, call = finished.result, finished.call
        self._results.setdefault((result.tree_hash, call), result)
        if finished.purpose == "baseline":
            self._results["baseline", call] = result
        elif call == result.check:
            self._failing[finished.task_id, result.check] = _failed(result)

    async def _result(self, candidate: Candidate, call: CheckCall) -> tuple[str, CheckResult]:
        """Return the call that was run on a tree, at most once, and its result.

        For an aimed call a green whole check will do.
        """

        def whole(tree_hash: str) -> CheckResult | None:
            found = self._results.get((tree_hash, call.check.name)) if call.aimed else None
            return found if found and found.green else None

        def known(tree_hash: str) -> CheckResult | None:
            return whole(tree_hash) or self._results.get((tree_hash, call.text))

        async with self._locks.setdefault((_changed(candidate), call.text), anyio.Lock()):
            result = await self._checks.run(candidate, call.check, call.targets, known)
            if known(result.tree_hash) is None:
                self._results[result.tree_hash, call.text] = result
            return call.check.name if whole(result.tree_hash) else call.text, result

    async def run_command(self, candidate: Candidate, command: str) -> CheckResult:
        """Run a model's own command on a throw-away copy of the tree."""
        return await self._checks.run_command(candidate, command)

    async def try_out(
        self, candidate: Candidate, variants: Sequence[Mapping[str, bytes]], call: CheckCall, task_id: str
    ) -> Sequence[CheckResult]:
        """Return the check's result for each variant; tests that failed at its last run go first.

        Where the call names targets, those must pass, and of the rest of the check only what failed before
        the mission may fail.
        """
        if call.targets:
            before = await self._before(CheckCall(call.check))
            tolerated = {f.test for f in before.failures if f.test} - set(call.targets)
            return await self._checks.try_out(candidate, variants, call.check, call.targets, tolerated)
        key = (task_id, call.check.name)
        if key not in self._failing:
            await self.run(candidate, call, task_id)
        return await self._checks.try_out(candidate, variants, call.check, self._failing.get(key, ()))

    async def gate(
        self,
        candidate: Candidate,
        edits: Sequence[FileEdit],
        calls: Sequence[CheckCall],
        task_id: str = "",
        *,
        named: bool = False,
        final: bool = False,
    ) -> Verdict:
        """Return whether a tree may pass: its changed files parse, and its checks are green.

        A check that is red is excused when it has no failure that the baseline did not already have. One
        that the task names (`named`) must also have fewer failures than the baseline, since the task was
        to do something about it; one with targets must be green. A `final` gate is the mission's, not the task's.

        Raises:
            UserError: a check does not even start, neither here nor on the baseline: that excuses nothing.
        """
        reliving = self._past.next(CheckFinished) is not None
        if not reliving and (broken := unparsable(edits)):
            return Verdict((), tuple(broken), (), fingerprint.of_texts(broken))
        results: list[CheckResult] = []
        problems: list[str] = []
        excused: list[str] = []
        red: list[CheckResult] = []
        narrowed: list[str] = []
        for call in calls or self.gates():
            result = await self.run(candidate, call, task_id, "final" if final else "gate")
            results.append(result)
            if result.green:
                continue
            whole = call.aimed or not call.targets
            before = await self._before(call) if whole else None
            if before is not None and result.never_started and before.never_started:
                raise UserError(_cannot_start(call.check, described(result).partition("Output:\n")[2]))
            if before is not None and _excusable(result, before, named=named):
                excused.append(call.check.name if call.aimed else call.text)
                continue
            red.append(result)
            narrowed.append(_narrowed(call, result, before))
            problems.append(described(result))
        found = fingerprint.of_checks(red)
        return Verdict(tuple(results), tuple(problems), tuple(excused), found, tuple(narrowed))

    async def _before(self, call: CheckCall) -> CheckResult:
        key = ("baseline", call.text)
        async with self._locks.setdefault(key, anyio.Lock()):
            if key not in self._results:
                _, result = await self._result(self._baseline(), call)
                await self._record(CheckFinished("", result, "baseline", call.text))
                self._results[key] = result
        return self._results[key]


def troubles(checks: Iterable[Check]) -> str:
    """Return a sentence on the checks that cannot start here; empty where all seem to."""
    return " ".join(_cannot_start(check, check.trouble) for check in checks if check.trouble)


def _cannot_start(check: Check, why: str) -> str:
    return (
        f"The check {check.name} cannot start ({why.strip() or check.command}); install what it needs, or change the "
        "setting `checks`."
    )


def _changed(candidate: Candidate) -> str:
    """Return a hash of what a candidate changes: who asks for the same at the same time waits for one run."""
    told = hashlib.sha256()
    for path, content in sorted(candidate.overlay.items()):
        mark = b"-" if content is None else b"%d" % len(content)
        told.update(b"%s\0%s\0%s" % (path.encode("utf-8", "surrogateescape"), mark, content or b""))
    return told.hexdigest()


def _failed(result: CheckResult) -> tuple[str, ...]:
    return tuple(f.test for f in result.failures if f.test)


def _excusable(result: CheckResult, baseline: CheckResult, *, named: bool) -> bool:
    better = len(result.failures) < len(baseline.failures)
    return not new_failures(result, baseline) and (better or not named)


def _narrowed(call: CheckCall, result: CheckResult, before: CheckResult | None) -> str:
    """Return the check for those tests that fail now and did not before; the whole call where it cannot say."""
    old = {f.test for f in before.failures} if before else set[str]()
    new = [f.test for f in result.failures if f.test not in old]
    few = 0 < len(new) <= MOST_NARROWED and all(test and len(test.split()) == 1 for test in new)
    return CheckCall(call.check, tuple(new)).text if few and before is not None else call.text


def new_failures(result: CheckResult, baseline: CheckResult) -> bool:
    """Return whether a red `result` reports anything that the baseline did not."""
    if baseline.green or (result.timed_out and not baseline.timed_out):
        return True
    if not result.failures or not baseline.failures:
        return fingerprint.of_checks((result,)) != fingerprint.of_checks((baseline,))
    return bool({_identity(f) for f in result.failures} - {_identity(f) for f in baseline.failures})


def _identity(failure: Failure) -> str:
    return failure.test or f"{failure.path}|{fingerprint.normalised(failure.message)}"


def described(result: CheckResult, output_chars: int = 4000) -> str:
    """Return a red or green result in words for a model: what failed first, then the output's end."""
    state = "passed" if result.green else f"failed with exit code {result.exit_code}"
    if result.timed_out:
        state = f"did not end within {result.duration_s:.0f} s"
    lines = [f"{result.check} {state}."]
    for failure in result.failures[:20]:
        where = f" ({failure.path}:{failure.line})" if failure.path else ""
        lines.append(f"- {failure.test or result.check}{where}: {failure.message}")
    if len(result.failures) > 20:
        lines.append(f"- and {len(result.failures) - 20} more")
    if not result.green:
        lines.append("Output:\n" + output_of(result, output_chars))
    return "\n".join(lines)


_RULERS = re.compile(
    r"^([=_*~#-])\1{7,}(?= |$)|(?<= )([=_*~#-])\2{7,}$|(?<=\S) {8,}(?=\[ *\d+%\]$)", re.MULTILINE
)
_PYTEST_SUMMARY = re.compile(
    r"^=+ short test summary info =+\n(?:.*\n)*?(?=(?:=+ )?\d+ (?:failed|passed|error))", re.MULTILINE
)


def output_of(result: CheckResult, chars: int) -> str:
    """Return what a check printed, for a model: at most about `chars`, and without what says nothing more.

    Rulers become short, and pytest's summary goes where `failures` say the same.
    """
    text = _PYTEST_SUMMARY.sub("", result.output) if result.failures else result.output
    return shortened(_RULERS.sub(lambda ruler: ruler.group()[:3], text), chars)


def shortened(text: str, chars: int) -> str:
    """Return `text` with its middle left out when it is longer than `chars`."""
    if len(text) <= chars:
        return text
    head = chars // 4
    return f"{text[:head]}\n… {len(text) - chars} characters left out …\n{text[head - chars :]}"


def unparsable(edits: Sequence[FileEdit]) -> list[str]:
    """Return a sentence for each changed file that no longer parses but did before, or is new."""
    problems: list[str] = []
    for edit in edits:
        if edit.after is None:
            continue
        error = _syntax_error(edit.path, edit.after)
        if error and not (edit.before is not None and _syntax_error(edit.path, edit.before)):
            problems.append(f"{edit.path} does not parse: {error}")
    return problems


def _syntax_error(path: str, content: bytes) -> str:
    try:
        if path.endswith((".py", ".pyi")):
            ast.parse(content, path)
        elif path.endswith(".json"):
            json.loads(content)
        elif path.endswith(".toml"):
            tomllib.loads(content.decode("utf-8"))
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}"
    except ValueError as error:
        return str(error)
    return ""


def require_check(checks: Iterable[Check], text: str) -> CheckCall:
    """Return the one of `checks` that `text` names, with its targets.

    Raises:
        ToolError: there is no such check, or a target is an option or leaves the workspace.
    """
    return _required({check.name: check for check in checks}, text)


def _required(by_name: Mapping[str, Check], text: str) -> CheckCall:
    found = _call(by_name, text) if text.strip() else None
    if found is None:
        known = ", ".join(by_name) or "none in this project"
        raise ToolError(f"There is no check {text!r}; the checks are: {known}.")
    return found


def _call(by_name: Mapping[str, Check], text: str) -> CheckCall | None:
    name, *targets = text.split()
    check = by_name.get(name)
    if check is None:
        return None
    for target in targets:
        if target.startswith("-"):
            raise ToolError(f"{target!r} is not a test or a path; pass test ids or paths after {name!r}.")
        confined(target.split("::", 1)[0])
    return CheckCall(check, tuple(targets))
