"""A pytest plugin that writes what happened as JSON lines, and stops a test that hangs.

It runs in the project's interpreter, so it is self-contained and needs Python 3.8 only. Podium loads it with
`-p`. Environment: PODIUM_REPORT (file to append to), PODIUM_ROOT (the tree), PODIUM_TEST_LIMIT_S (0: none),
PODIUM_STOP_ON_HANG, and, where no sandbox keeps the workspace away, PODIUM_WORKSPACE and
PODIUM_DEPENDENCIES (paths that are allowed in it). It takes them out of the environment, so that a pytest
started by a test reports nothing. PYTEST_DONT_REWRITE: there is no assertion in it.

Lines: {"started": id, "path", "line"}, {"passed": id, "seconds"}, {"failed": id, "path", "line", "message"},
{"hung": id}, {"strays": [[module, file], ...]}, {"ended": exit status}.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Generator, Iterator
from pathlib import Path
from types import FrameType, TracebackType

import pluggy
import pytest

NAMES = ("REPORT", "ROOT", "TEST_LIMIT_S", "STOP_ON_HANG", "WORKSPACE", "DEPENDENCIES")
given = dict.fromkeys(NAMES, "")
"""The settings of this run; in a worker of pytest-xdist those of the main process."""

INSTALLED = (os.sep + "site-packages" + os.sep, os.sep + "dist-packages" + os.sep)
LIMIT_AFTER_A_HANG_S = 3.0


def write(line: dict[str, object]) -> None:
    """Append one line, at once, so that it survives a crash of the process."""
    if given["REPORT"]:
        with Path(given["REPORT"]).open("a", encoding="utf-8") as report:
            report.write(json.dumps(line) + "\n")


class Watch:
    """Interrupts a test that runs too long, where signals can and no other plugin does it."""

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self.slowest_s = 0.0
        self.hung = False
        self.running = ""

    def __enter__(self) -> None:
        self.began = time.monotonic()
        if self.limit_s > 0:
            signal.signal(signal.SIGALRM, self.interrupt)
            signal.setitimer(signal.ITIMER_REAL, self.limit_s)

    def __exit__(self, *_: object) -> None:
        if self.limit_s > 0:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
        if not self.hung:
            self.slowest_s = max(self.slowest_s, time.monotonic() - self.began)

    def interrupt(self, _signal: int, _frame: FrameType | None) -> None:
        """Fail the test at the line where it hangs, and be less patient with the ones that follow."""
        limit_s, self.hung = self.limit_s, True
        self.limit_s = min(limit_s, max(LIMIT_AFTER_A_HANG_S, 20 * self.slowest_s))
        write({"hung": self.running})
        signal.setitimer(signal.ITIMER_REAL, self.limit_s)
        pytest.fail(f"still running after {limit_s:g} s, Podium's limit for one test")


class Reporter:
    """The hooks; one instance in each process of the run."""

    def __init__(self, config: pytest.Config) -> None:
        self.is_worker = hasattr(config, "workerinput")
        self.base = relative_directory(str(getattr(config, "rootpath", None) or config.rootdir))  # type: ignore[attr-defined]
        self.watch = Watch(float(given["TEST_LIMIT_S"] or 0) if may_watch(config) else 0)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: object) -> None:
        """Hand the settings to a worker of pytest-xdist, which does not see this environment."""
        getattr(node, "workerinput")["podium"] = given  # noqa: B009 - a type of pytest-xdist

    def pytest_runtest_logstart(self, nodeid: str, location: tuple[str, int | None, str]) -> None:
        """Note the test, so that a crash or the end of the time can be laid at its door."""
        if not self.is_worker:
            write(
                {
                    "started": self.base + nodeid,
                    "path": self.base + location[0],
                    "line": (location[1] or 0) + 1,
                }
            )

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Watch the time of one test with its fixtures."""
        self.watch.running = self.base + item.nodeid
        self.watch.hung = False
        with self.watch:
            yield
        if self.watch.hung and given["STOP_ON_HANG"]:
            item.session.shouldstop = "a test hangs"

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pluggy.Result[pytest.TestReport], None]:
        """Attach the place of a failure to the report while the traceback still exists."""
        report = (yield).get_result()
        if report.failed:
            path, line_number, _ = item.location
            place = describe(call.excinfo, self.base + str(path), (line_number or 0) + 1)
            if call.excinfo is None:
                place["message"] = shorten(str(report.longrepr))
            report.__dict__["podium"] = place

    def pytest_exception_interact(
        self, call: pytest.CallInfo[object], report: pytest.CollectReport | pytest.TestReport
    ) -> None:
        """Do the same for a file that cannot be collected."""
        if report.when == "collect":
            report.__dict__["podium"] = describe(call.excinfo, self.base + report.nodeid.split("::")[0], 0)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Report a file that cannot be collected."""
        if report.failed:
            self.failed(report)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Report how one phase of a test ended."""
        if report.failed:
            self.failed(report)
        elif report.when == "call" and report.passed and not self.is_worker:
            write({"passed": self.base + report.nodeid, "seconds": round(report.duration, 4)})

    def failed(self, report: pytest.CollectReport | pytest.TestReport) -> None:
        """Report a failure; with pytest-xdist the main process does it for the workers."""
        if not self.is_worker:
            place = getattr(report, "podium", None) or {"message": shorten(str(report.longrepr))}
            write(dict(place, failed=self.base + report.nodeid))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Report how the session ended, and which modules came from the workspace instead of the tree."""
        if given["WORKSPACE"]:
            strays = [[name, file] for name, file in imported_files() if is_stray(file)]
            if strays:
                write({"strays": strays[:20]})
        if not self.is_worker:
            write({"ended": int(exitstatus)})


def pytest_configure(config: pytest.Config) -> None:
    """Start reporting; in a worker of pytest-xdist with the settings of the main process."""
    given.update({name: os.environ.pop("PODIUM_" + name, "") for name in NAMES})
    given.update(getattr(config, "workerinput", {}).get("podium", {}))
    config.pluginmanager.register(Reporter(config), "podium_reporter")


def may_watch(config: pytest.Config) -> bool:
    """Return whether tests can be interrupted here without getting in the way of pytest-timeout."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        return False
    if config.pluginmanager.hasplugin("timeout"):
        settings = (
            config.getoption("timeout", None),
            os.environ.get("PYTEST_TIMEOUT"),
            config.getini("timeout"),
        )
        return not any(settings) and signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
    return signal.getsignal(signal.SIGALRM) is signal.SIG_DFL


def describe(
    excinfo: pytest.ExceptionInfo[BaseException] | None, test_path: str, test_line: int
) -> dict[str, object]:
    """Return path, line and message of a failure: the deepest place in the project, outside the test if any."""
    if excinfo is None:
        return {"path": test_path, "line": test_line, "message": ""}
    error = excinfo.value
    if error.__cause__ is not None and type(error).__name__ == "CollectError":
        error = error.__cause__
    places = list(project_frames(error.__traceback__))
    if isinstance(error, SyntaxError) and error.filename and relative(error.filename):
        places.append((relative(error.filename), error.lineno or 0))
    in_test = [place for place in places if place[0] == test_path]
    elsewhere = [place for place in places if place[0] != test_path]
    path, line = (elsewhere or in_test or [(test_path, test_line)])[-1]
    return {"path": path, "line": line, "message": shorten(in_words(error))}


def in_words(error: BaseException) -> str:
    """Return type and text of the exception, also where its own `__str__` fails."""
    lines = traceback.format_exception_only(type(error), error)
    text = lines[-1] if isinstance(error, SyntaxError) else "".join(lines)
    kind, _, rest = text.partition(": ")
    return rest if kind == "Failed" else text


def project_frames(entry: TracebackType | None) -> Iterator[tuple[str, int]]:
    """Yield the frames that lie in the project, outermost first."""
    while entry is not None:
        path = relative(entry.tb_frame.f_code.co_filename)
        if path:
            yield path, entry.tb_lineno
        entry = entry.tb_next


def relative(file_name: str) -> str:
    """Return the path below the root with `/`, or nothing for a file that is not the project's."""
    real = str(Path(file_name).resolve())
    if not real.startswith(given["ROOT"] + os.sep) or any(part in real for part in INSTALLED):
        return ""
    return real[len(given["ROOT"]) + 1 :].replace(os.sep, "/")


def relative_directory(place: str) -> str:
    """Return what leads from the root to pytest's root directory, with a `/` at its end; mostly nothing."""
    below = relative(place)
    return below + "/" if below else ""


def shorten(message: str) -> str:
    """Return the message as one line of at most 300 characters."""
    line = " ".join(message.split())
    return line if len(line) <= 300 else line[:299] + "…"


def imported_files() -> Iterator[tuple[str, str]]:
    """Yield name and file of every module that came from a file and is not plainly an installed one."""
    library = str(Path(json.__file__).parent.parent) + os.sep
    for name, module in sorted(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if (
            isinstance(file, str)
            and not file.startswith(library)
            and not any(part in file for part in INSTALLED)
        ):
            yield name, str(Path(file).resolve())


def is_stray(file: str) -> bool:
    """Return whether the file belongs to the user's workspace instead of the tree under test."""
    if not file.startswith(given["WORKSPACE"] + os.sep) or file.startswith(given["ROOT"] + os.sep):
        return False
    return not any(
        place and file.startswith(place + os.sep) for place in given["DEPENDENCIES"].split(os.pathsep)
    )
