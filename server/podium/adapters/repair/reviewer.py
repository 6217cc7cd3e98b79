"""The reviewer: approves what the recorded checks prove, and nothing that touches the tests.

For a mission that only reviews, it runs the tests and reports each failing one at its place.
"""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import cast

from podium.adapters.repair import advice
from podium.adapters.repair.conversation import Step, call, has_run, last_run, pages, steps, was_read
from podium.adapters.repair.facts import Facts
from podium.adapters.repair.reports import Failed
from podium.ports import Json, ModelAnswer, ModelRequest

_DIFF_FILE = re.compile(r"^(?:---|\+\+\+) (?:[ab]/)?([^\t\n]+)", re.MULTILINE)
MAX_FINDINGS = 50
MAX_DELETED = 12
"""More lines than this that go and do not come back are no small repair."""


def review(request: ModelRequest, facts: Facts) -> ModelAnswer:
    """Return the next step of a review, and at last the verdict.

    Raises:
        ModelUnavailable: the mission asks for a review, and there is no pytest check to base it on.
    """
    if facts.kind == "review" and facts.task is None:
        return _review_project(request, facts)
    findings = [*_red(facts), *_odd(facts.diff)]
    verdict = "reject" if findings else "approve"
    return call(request, "submit_review", verdict=verdict, findings=cast("Json", findings))


def _red(facts: Facts) -> Iterator[dict[str, Json]]:
    for result in facts.results:
        if not result.green and result.check not in facts.excused:
            for failed in result.failures or [
                Failed(message=f"{result.check} ended with {result.exit_code}")
            ]:
                yield _finding(failed.path, "", failed.line, "failing-check", failed.message or failed.test)


def _odd(diff: str) -> Iterator[dict[str, Json]]:
    for path in dict.fromkeys(name for name in _DIFF_FILE.findall(diff) if name != "/dev/null"):
        if is_test(path):
            yield _finding(path, "", 0, "test-changed", "A repair may not change the tests that judge it.")
    lines = diff.splitlines()
    gone = sum(line.startswith("-") and not line.startswith("---") for line in lines)
    came = sum(line.startswith("+") and not line.startswith("+++") for line in lines)
    if gone - came > MAX_DELETED:
        path = next(iter(_DIFF_FILE.findall(diff)), "")
        yield _finding(path, "", 0, "much-deleted", f"{gone - came} lines more are deleted than written.")


def _review_project(request: ModelRequest, facts: Facts) -> ModelAnswer:
    check = facts.test_check()
    if check is None:
        raise advice.no_pytest()
    done = steps(request.messages)
    if not has_run(done, check):
        return call(request, "run_command", command=check)
    run = last_run(done, check)
    failures = run.failures[:MAX_FINDINGS] if run else []
    for path in dict.fromkeys(failed.path for failed in failures if failed.path):
        page = pages(done, path)
        if page and page.next_line:
            return call(request, "read_file", path=path, start_line=page.next_line)
        if not page and not was_read(done, path):
            return call(request, "read_file", path=path)
    findings = [
        _finding(
            failed.path,
            _line_of(done, failed),
            failed.line,
            "failing-test",
            f"{failed.test}: {failed.message}",
        )
        for failed in failures
    ]
    verdict = "reject" if findings or run is None or not run.green else "approve"
    return call(request, "submit_review", verdict=verdict, findings=cast("Json", findings))


def _line_of(done: list[Step], failed: Failed) -> str:
    page = pages(done, failed.path)
    lines = page.text.splitlines() if page else []
    return lines[failed.line - 1].strip() if 0 < failed.line <= len(lines) else ""


def is_test(path: str) -> bool:
    """Return whether `path` belongs to the tests of a project."""
    parts = PurePosixPath(path).parts
    name = parts[-1]
    return (
        name.startswith("test_")
        or name.endswith("_test.py")
        or name == "conftest.py"
        or bool({"tests", "test"} & set(parts[:-1]))
    )


def _finding(path: str, quote: str, line: int, code: str, message: str) -> dict[str, Json]:
    found: dict[str, Json] = {
        "path": path,
        "quote": quote,
        "severity": "error",
        "code": code,
        "message": message,
    }
    return found | {"line": line} if line else found
