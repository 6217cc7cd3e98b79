"""What checks report, read from the text of tool results into values."""

import json
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

MARK = "PODIUM-SUSPECTS "


class Failed(BaseModel):
    """A failing test of a check, at the place that the check names."""

    model_config = ConfigDict(frozen=True)

    test: str = ""
    path: str = ""
    line: int = 0
    message: str = ""
    group: int = 0


class Ran(BaseModel):
    """The result of `run_command` with the name of a check."""

    check: str
    exit_code: int
    green: bool
    failures: list[Failed] = []
    output: str = ""


class Tried(BaseModel):
    """The result of one candidate of `try_edits`."""

    candidate: int
    green: bool
    failing: int = 0
    message: str = ""


class TriedAll(BaseModel):
    """The result of `try_edits`."""

    results: list[Tried]
    made: int | None = None


@dataclass(frozen=True, slots=True)
class Suspect:
    """One line of the project that failing tests run; `groups` are those of the tests."""

    path: str
    line: int
    score: float
    fails: int = 0
    passes: int = 0
    groups: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Suspects:
    """The failing tests, how many tests there are, and the suspect lines, best first."""

    failing: tuple[Failed, ...]
    tests: int
    suspects: tuple[Suspect, ...]

    @property
    def hangs(self) -> bool:
        """Whether a failing test was stopped because it used up its time."""
        return any(failed.message.startswith("TestTooSlow") for failed in self.failing)


_SUSPECTS = TypeAdapter(Suspects)


def ran(text: str) -> Ran | None:
    """Return the result of a check, or None when the tool answered with something else."""
    try:
        return Ran.model_validate_json(text)
    except ValidationError:
        return None


def tried(text: str) -> list[Tried]:
    """Return the results of a batch; empty when the tool refused it."""
    try:
        return TriedAll.model_validate_json(text).results
    except ValidationError:
        return []


def made(text: str) -> int | None:
    """Return the number of the candidate that a batch has made, None where it has made none."""
    try:
        return TriedAll.model_validate_json(text).made
    except ValidationError:
        return None


def suspects(output: str) -> Suspects | None:
    """Return the report in the output of the check `suspects`, or None when there is none."""
    for line in reversed(output.splitlines()):
        if line.startswith(MARK):
            try:
                return _SUSPECTS.validate_python(json.loads(line.removeprefix(MARK)))
            except (ValueError, ValidationError):
                return None
    return None
