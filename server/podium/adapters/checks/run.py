"""One run of one check in a slot, from the candidate's files to the result."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import anyio.to_thread

from podium.adapters.checks.process import Finished, run_process
from podium.adapters.checks.pytest_results import (
    PytestReport,
    failures_in_text,
    other_failures,
    pytest_failures,
    read_report,
)
from podium.adapters.checks.slots import PLUGIN
from podium.adapters.checks.stand import Stand, coverage_place
from podium.domain.checks import Check, CheckResult, Failure
from podium.ports import Known

REPORT = "report.jsonl"
TEST_LIMIT_S = 30.0
"""How long one test may run before it counts as hanging, and never more than half the time of the check."""

_FLAG = re.compile(r"-[qvxslh]+|--(?:exitfirst|verbose|quiet|lf|ff|nf|sw|no-header|no-summary|strict-\w+)")


async def run_check(
    stand: Stand,
    overlay: Mapping[str, bytes | None],
    check: Check,
    targets: Sequence[str] = (),
    known: Known = lambda _: None,
) -> CheckResult:
    """Return what the check says about the workspace with `overlay` laid over it, by a run unless that is `known`.

    A run that somebody else killed says nothing about the candidate; it is repeated, once.

    Raises:
        ToolError: the overlay leaves the workspace.
    """
    tree_hash = await anyio.to_thread.run_sync(stand.sync, overlay)
    if result := known(tree_hash):
        return result
    stand.slot.clear_output()
    env = stand.env()
    argv = narrowed(check, targets, stand.root)
    if check.is_pytest:
        argv = with_plugin(argv)
        env |= stand.report_env(REPORT, min(TEST_LIMIT_S, check.timeout_s / 2))
    if check.kind == "probe":
        env["PODIUM_COVERAGE_PATH"] = str(coverage_place())
    finished = await run_process(stand.argv(argv), stand.slot.tree, env, check.timeout_s)
    if finished.was_killed:
        await anyio.to_thread.run_sync(stand.sync, overlay)
        stand.slot.clear_output()
        finished = await run_process(stand.argv(argv), stand.slot.tree, env, check.timeout_s)
    return result_of(stand, check, argv, finished, tree_hash)


def result_of(
    stand: Stand, check: Check, argv: Sequence[str], finished: Finished, tree_hash: str
) -> CheckResult:
    """Return the result of a run that ended in this slot; a test run that saw the user's own files failed."""
    output = stand.in_workspace(finished.output)
    exit_code = finished.exit_code
    failures: tuple[Failure, ...] = ()
    if check.is_pytest:
        report = report_of(stand)
        exit_code = 1 if exit_code == 0 and report.strays else exit_code
        failures = pytest_failures(report, exit_code, output, timed_out=finished.timed_out)
    elif finished.timed_out:
        failures = (Failure(f"{check.name} was ended after {check.timeout_s:g} s"), *failures_in_text(output))
    elif exit_code != 0:
        failures = other_failures(output, exit_code)
    return CheckResult(
        check.name,
        tuple(stand.words(argv)),
        exit_code,
        finished.duration_s,
        output,
        tree_hash,
        failures,
        finished.timed_out,
    )


def report_of(stand: Stand) -> PytestReport:
    """Return what the plugin wrote during the last run in the slot."""
    return read_report(stand.in_workspace(stand.slot.read_output(REPORT).decode("utf-8", "replace")))


def with_plugin(argv: Sequence[str]) -> list[str]:
    """Return the command line of pytest with the reporting plugin."""
    return [*argv[:3], "-p", PLUGIN, *argv[3:]]


def narrowed(check: Check, targets: Sequence[str], root: Path) -> list[str]:
    """Return the command line for the targets only, where the tool can be narrowed."""
    if not targets:
        return list(check.argv)
    if check.is_pytest:
        options = [
            word
            for before, word in zip(check.argv[2:], check.argv[3:], strict=False)
            if not _is_path(before, word, root)
        ]
        return [*check.argv[:3], *options, *targets]
    if check.argv[:1] == ("npm",):
        return [*check.argv, "--", *targets]
    return list(check.argv)


def _is_path(before: str, word: str, root: Path) -> bool:
    """Return whether a word of pytest's command line names tests, and is no option's value."""
    is_value = before.startswith("-") and "=" not in before and not _FLAG.fullmatch(before)
    return not word.startswith("-") and not is_value and (root / word.split("::")[0]).exists()
