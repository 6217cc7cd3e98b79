"""Rank the lines of a project by how suspicious its failing tests make them.

A script, not a module: it is run with the project's own interpreter (3.8 or later) in the tree to
examine, imports nothing of Podium, and prints one line `PODIUM-SUSPECTS {json}`. Arguments are test ids
that are run first. Each test runs under line coverage with a time limit, so that a test that never ends
is a failing test with the lines of its loop. The formula is Ochiai's: `ef / sqrt(f * (ef + ep))`.

It judges nothing: it neither fails nor passes a tree, and exits with 0 whenever it could print.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Protocol

if sys.path and Path(sys.path[0] or ".").resolve() == Path(__file__).resolve().parent:
    sys.path[0] = str(Path.cwd())

import pytest

if TYPE_CHECKING:
    from _typeshed import TraceFunction

MARK = "PODIUM-SUSPECTS "
TOTAL_S = 60.0
TEST_S = 5.0
TEST_AFTER_A_HANG_S = 1.0
TIMES_THE_SLOWEST = 20
MAX_SUSPECTS = 150
MAX_FAILING = 40
MAX_MESSAGE = 300


class TestTooSlow(BaseException):
    """Raised inside a test that used up its time; not an Exception, so that no test can swallow it."""

    __test__ = False


class Project:
    """The tree below the working directory: which files are its own, and which of those are tests."""

    def __init__(self) -> None:
        self.root = Path.cwd().resolve()
        self.collected: set[str] = set()
        self._known: dict[str, str | None] = {}

    def own(self, filename: str) -> str | None:
        """Return `filename` relative to the root with `/`, or None when it is not the project's source."""
        if filename not in self._known:
            self._known[filename] = self._relative(filename)
        return self._known[filename]

    def _relative(self, filename: str) -> str | None:
        try:
            path = Path(filename).resolve().relative_to(self.root)
        except (ValueError, OSError):
            return None
        hidden = any(part.startswith(".") or part in ("site-packages", "node_modules") for part in path.parts)
        return None if hidden or path.suffix != ".py" else path.as_posix()

    def is_test(self, path: str) -> bool:
        """Return whether `path` (relative) belongs to the tests rather than to what they test."""
        parts = path.split("/")
        name = parts[-1]
        return (
            name.startswith("test_")
            or name.endswith("_test.py")
            or name == "conftest.py"
            or any(part in ("tests", "test") for part in parts[:-1])
            or path in self.collected
        )


class Lines(Protocol):
    """Records which lines each test runs."""

    def switch(self, test: str) -> None:
        """Count the lines run from now on for `test`; an empty name stands for no test."""

    def lines(self) -> dict[str, dict[int, set[str]]]:
        """Return tests by line by file, and stop measuring."""
        ...


class CoverageLines:
    """Lines run by each test, measured by the `coverage` package (its tracer is written in C)."""

    def __init__(self, project: Project) -> None:
        coverage = importlib.import_module("coverage")
        self._coverage = coverage.Coverage(
            data_file=None, config_file=False, include=[str(project.root) + "/*"]
        )
        self._coverage.start()

    def switch(self, test: str) -> None:
        """Count the lines run from now on for `test`; an empty name stands for no test."""
        self._coverage.switch_context(test)

    def lines(self) -> dict[str, dict[int, set[str]]]:
        """Return tests by line by file, and stop measuring."""
        self._coverage.stop()
        data = self._coverage.get_data()
        return {
            name: {line: set(tests) - {""} for line, tests in data.contexts_by_lineno(name).items()}
            for name in data.measured_files()
        }


class TracedLines:
    """Lines run by each test, measured with `sys.settrace`: slower, and always there."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._test = ""
        self._lines: dict[str, dict[int, set[str]]] = {}
        sys.settrace(self._call)
        threading.settrace(self._call)

    def switch(self, test: str) -> None:
        """Count the lines run from now on for `test`; an empty name stands for no test."""
        self._test = test

    def lines(self) -> dict[str, dict[int, set[str]]]:
        """Return tests by line by file, and stop measuring."""
        sys.settrace(None)
        return self._lines

    def _call(self, frame: FrameType, event: str, _arg: object) -> TraceFunction | None:
        return self._line if event == "call" and self._project.own(frame.f_code.co_filename) else None

    def _line(self, frame: FrameType, event: str, _arg: object) -> TraceFunction | None:
        if self._test and event == "line":
            by_line = self._lines.setdefault(frame.f_code.co_filename, {})
            by_line.setdefault(frame.f_lineno, set()).add(self._test)
        return self._line


class Watch:
    """A pytest plugin: gives each test a time limit and a coverage context, and notes what failed."""

    def __init__(self, project: Project, lines: Lines, first: Sequence[str]) -> None:
        self.project = project
        self.lines = lines
        self.first = list(first)
        self.deadline = time.monotonic() + TOTAL_S
        self.hangs = 0
        self.slowest_s = 0.0
        self.ran: set[str] = set()
        self.failing: dict[str, dict[str, object]] = {}
        self.traced: dict[str, list[tuple[str, int]]] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Put the tests named on the command line first."""
        for item in items:
            path = self.project.own(str(item.path))
            if path:
                self.project.collected.add(path)
        items.sort(key=lambda item: not any(item.nodeid.startswith(name) for name in self.first))

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, None]:
        """Run one test in its own context; stop the session when the time for all tests is over."""
        self.lines.switch(item.nodeid)
        self.ran.add(item.nodeid)
        yield
        self.lines.switch("")
        if time.monotonic() > self.deadline:
            item.session.shouldstop = "the time for all tests is over"

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_call(self) -> Generator[None, object, None]:
        """Limit the time of the test's own code; after one that hung, by what those that passed took."""
        usual = min(TEST_S, max(TEST_AFTER_A_HANG_S, TIMES_THE_SLOWEST * self.slowest_s))
        started = time.monotonic()
        with time_limit(usual if self.hangs else TEST_S):
            outcome = yield
        if getattr(outcome, "excinfo", None) is None:
            self.slowest_s = max(self.slowest_s, time.monotonic() - started)

    def pytest_exception_interact(self, node: pytest.Item, call: pytest.CallInfo[object]) -> None:
        """Note the failure of a test, or of the import of a test file, with its traceback."""
        if call.excinfo is None:
            return
        self.hangs += call.excinfo.errisinstance(TestTooSlow)
        frames = [(self.project.own(str(entry.path)), entry.lineno + 1) for entry in call.excinfo.traceback]
        own = [(path, line) for path, line in frames if path is not None]
        in_tests = [place for place in own if self.project.is_test(place[0])]
        path, line = in_tests[-1] if in_tests else (self.project.own(str(node.path)) or "", 0)
        message = f"{call.excinfo.typename}: {call.excinfo.value}"
        self.ran.add(node.nodeid)
        self.failing[node.nodeid] = {
            "test": node.nodeid,
            "path": path,
            "line": line,
            "message": message[:MAX_MESSAGE],
        }
        self.traced[node.nodeid] = [place for place in own if not self.project.is_test(place[0])]


@contextmanager
def time_limit(seconds: float) -> Generator[None]:
    """Raise TestTooSlow in the main thread after `seconds`, where the system has interval timers."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_signal: int, _frame: object) -> None:
        raise TestTooSlow(f"no result after {seconds:.1f} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def start_lines(project: Project) -> Lines:
    """Return the best line recorder that can be had here, already recording."""
    lent = os.environ.get("PODIUM_COVERAGE_PATH")
    if importlib.util.find_spec("coverage") is not None:
        return CoverageLines(project)
    if not lent:
        return TracedLines(project)
    sys.path.append(lent)
    try:
        return CoverageLines(project)
    except ImportError:
        return TracedLines(project)
    finally:
        sys.path.remove(lent)  # pytest must not load plugins that the project does not have


def pytest_arguments() -> list[str]:
    """Return the options that keep a run quiet, clean and under this script's own time limits."""
    options = ["-q", "--tb=no", "-p", "no:cacheprovider", "-p", "no:faulthandler"]
    loads_plugins = "PYTEST_DISABLE_PLUGIN_AUTOLOAD" not in os.environ
    if loads_plugins and importlib.util.find_spec("pytest_cov") is not None:
        options.append("--no-cov")
    return options


def scores(watch: Watch, lines: dict[tuple[str, int], set[str]]) -> dict[tuple[str, int], float]:
    """Return Ochiai's score of each line that a failing test ran; lines of tracebacks count for more."""
    n_failing = len(watch.failing)
    found: dict[tuple[str, int], float] = {}
    for place, tests in lines.items():
        fails = len(tests & set(watch.failing))
        if fails:
            found[place] = fails / math.sqrt(n_failing * len(tests))
    for frames in watch.traced.values():
        for place in set(frames):
            found[place] = found.get(place, 0.0) + 0.2 / n_failing
        if frames:
            found[frames[-1]] += 0.3 / n_failing
    return found


def groups(
    watch: Watch, lines: dict[tuple[str, int], set[str]], found: dict[tuple[str, int], float]
) -> dict[str, int]:
    """Return a group number for each failing test; tests of one group have suspect lines in common.

    Tests that fail for different faults share helpers at most, so that a third of common lines tells
    them apart.
    """
    runs: dict[str, set[tuple[str, int]]] = {
        test: {place for place, tests in lines.items() if test in tests and place in found}
        | set(watch.traced[test])
        for test in watch.failing
    }
    members: list[tuple[set[tuple[str, int]], list[str]]] = []
    for test, places in runs.items():
        for known, tests in members:
            if len(known & places) * 3 >= min(len(known), len(places)):
                known |= places
                tests.append(test)
                break
        else:
            members.append((set(places), [test]))
    return {test: number for number, (_, tests) in enumerate(members) for test in tests}


def report(watch: Watch) -> dict[str, object]:
    """Return what is printed: the failing tests and the most suspicious lines, best first."""
    project = watch.project
    lines: dict[tuple[str, int], set[str]] = {}
    for filename, by_line in watch.lines.lines().items():
        path = project.own(filename)
        if path is not None and not project.is_test(path):
            for line, tests in by_line.items():
                lines[path, line] = tests
    found = scores(watch, lines)
    group_of = groups(watch, lines, found)
    failing: list[dict[str, object]] = []
    for test, failure in list(watch.failing.items())[:MAX_FAILING]:
        failing.append({**failure, "group": group_of[test]})
    suspects: list[dict[str, object]] = []
    for (path, line), score in sorted(found.items(), key=lambda item: (-item[1], item[0]))[:MAX_SUSPECTS]:
        tests = lines.get((path, line), set())
        fails = tests & set(watch.failing)
        suspects.append(
            {
                "path": path,
                "line": line,
                "score": round(score, 4),
                "fails": len(fails),
                "passes": len(tests) - len(fails),
                "groups": sorted({group_of[test] for test in fails}),
            }
        )
    return {"failing": failing, "tests": len(watch.ran), "suspects": suspects}


def main(first: Sequence[str]) -> int:
    """Run the tests once, print the report, and return the exit code of this script."""
    sys.dont_write_bytecode = True
    os.environ["PYTEST_TIMEOUT"] = "0"  # pytest-timeout would use the same timer
    project = Project()
    watch = Watch(project, start_lines(project), first)
    try:
        pytest.main(pytest_arguments(), plugins=[watch])
    finally:
        sys.stdout.write("\n" + MARK + json.dumps(report(watch), separators=(",", ":")) + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
