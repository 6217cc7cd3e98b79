"""Reads what checks report: the JSON lines of Podium's pytest plugin, and `path:line: message` of other tools."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from podium.domain.checks import Failure

_PLACE = re.compile(
    r"^\s*(?P<path>[^\s:()'\"][^:()'\"\n]*?\.\w+)[:(](?P<line>\d+)(?:[:,](?P<col>\d+))?\)?:?\s+(?P<message>\S.*)$"
)
_PYTEST_SUMMARY = re.compile(
    r"^(?:FAILED|ERROR) (?P<test>(?P<path>[^\s:]+\.py)(?:::\S+)?)(?: - (?P<message>.*))?$"
)
_MOST = 100
_MESSAGE_CHARS = 300


class _Line(BaseModel):
    """One line of the plugin's report; exactly one of the first group is set."""

    model_config = ConfigDict(extra="ignore")

    started: str = ""
    passed: str = ""
    failed: str = ""
    hung: str = ""
    strays: list[tuple[str, str]] = []
    ended: int | None = None

    path: str = ""
    line: int = 0
    message: str = ""


@dataclass(frozen=True, slots=True)
class PytestReport:
    """What the plugin told of one run.

    `state` is `silent` when pytest did not get as far as loading it, `broken_off` when the process ended
    before the session did. `unfinished` is the test that was running then. `strays` are modules that came
    from the user's workspace instead of the candidate tree, with their files.
    """

    state: Literal["silent", "broken_off", "ended"]
    failures: tuple[Failure, ...] = ()
    n_passed: int = 0
    n_hung: int = 0
    unfinished: Failure | None = None
    strays: tuple[tuple[str, str], ...] = ()


def read_report(text: str) -> PytestReport:
    """Return the report in the plugin's lines; a last line cut off by a crash is left out."""
    if not text:
        return PytestReport("silent")
    failures: dict[str, Failure] = {}
    strays: list[tuple[str, str]] = []
    running: Failure | None = None
    n_passed = n_hung = 0
    ended = False
    for line in _lines(text):
        if line.started:
            running = Failure("", line.started, line.path, line.line)
        elif line.failed:
            failures.setdefault(line.failed, Failure(line.message, line.failed, line.path, line.line))
        n_passed += bool(line.passed)
        n_hung += bool(line.hung)
        strays += line.strays
        ended = ended or line.ended is not None
    done = running is None or ended
    return PytestReport(
        "ended" if ended else "broken_off",
        tuple(failures.values()),
        n_passed,
        n_hung,
        None if done else running,
        tuple(dict.fromkeys(strays)),
    )


def _lines(text: str) -> Iterator[_Line]:
    for line in text.split("\n"):
        try:
            yield _Line.model_validate_json(line)
        except ValidationError:
            continue


def pytest_failures(
    report: PytestReport, exit_code: int, output: str, *, timed_out: bool
) -> tuple[Failure, ...]:
    """Return what a run of pytest says about the candidate; never empty when it did not pass."""
    failures = list(report.failures)
    if report.unfinished is not None and exit_code != 0:
        how = (
            "still running when the time limit ended the run"
            if timed_out
            else f"the process died ({exit_code})"
        )
        failures.append(replace(report.unfinished, message=how))
    for module, file in report.strays[:1]:
        others = f" (and {len(report.strays) - 1} more)" if len(report.strays) > 1 else ""
        message = f"the tests imported {module}{others} from the workspace ({file}), not the candidate"
        failures.append(Failure(message))
    if failures or exit_code == 0:
        return tuple(failures)
    if report.state == "silent":
        return _silent(output) or (Failure(_last_line(output) or f"pytest ended with exit code {exit_code}"),)
    if exit_code == 5:
        return (Failure("pytest found no tests"),)
    return failures_in_text(output) or (
        Failure(_last_line(output) or f"pytest ended with exit code {exit_code}"),
    )


def _silent(output: str) -> tuple[Failure, ...]:
    """Return why pytest did not start: it is missing, or a `conftest.py` or an option is broken."""
    if re.search(r"No module named '?pytest'?\b", output):
        return (Failure("pytest is not installed in the project's interpreter"),)
    reasons = re.findall(r"^E   +(\S.*)$", output, re.MULTILINE)
    places = re.findall(r"^(\w[^\s:]*\.py):(\d+): in ", output, re.MULTILINE)
    if not reasons:
        return failures_in_text(output)
    path, line = places[-1] if places else ("", "0")
    return (Failure(_cut(reasons[-1]), "", path, int(line)),)


def failures_in_text(output: str) -> tuple[Failure, ...]:
    """Return the places that a tool names as `path:line[:col]: message`, or pytest in its summary."""
    found: dict[tuple[str, int, str], Failure] = {}
    for text in output.splitlines():
        failure = _failure_in_line(text)
        if failure is not None and len(found) < _MOST:
            found.setdefault((failure.test or failure.path, failure.line, failure.message), failure)
    return tuple(found.values())


def _failure_in_line(text: str) -> Failure | None:
    if summary := _PYTEST_SUMMARY.match(text):
        return Failure(_cut(summary["message"] or "failed"), summary["test"], summary["path"])
    if place := _PLACE.match(text):
        path = place["path"].removeprefix("./")
        outside = path.startswith(("/", "..", "<")) or "://" in path
        return None if outside else Failure(_cut(place["message"]), "", path, int(place["line"]))
    return None


def other_failures(output: str, exit_code: int) -> tuple[Failure, ...]:
    """Return what a check that is not pytest says when it did not pass; never empty."""
    return failures_in_text(output) or (Failure(_last_line(output) or f"exit code {exit_code}"),)


def _last_line(output: str) -> str:
    lines: Sequence[str] = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if re.match(r"(E  |ERROR\b|error\b|\w*Error:)", line)]
    return _cut((telling or lines or [""])[-1])


def _cut(message: str) -> str:
    line = " ".join(message.split())
    return line if len(line) <= _MESSAGE_CHARS else line[: _MESSAGE_CHARS - 1] + "…"
