"""The facts of a request: the mission in structured form, as the engine gives it to models that are programs."""

from pydantic import BaseModel, ConfigDict

from podium.adapters.repair.reports import Failed
from podium.ports import ModelRequest


class TaskFacts(BaseModel):
    """The task that a worker or reviewer is on."""

    model_config = ConfigDict(extra="ignore")
    id: str = ""
    title: str = ""
    instructions: str = ""
    files: list[str] = []
    checks: list[str] = []


class CheckFacts(BaseModel):
    """The result of one check on the candidate tree."""

    model_config = ConfigDict(extra="ignore")
    check: str = ""
    exit_code: int = 0
    green: bool = False
    failures: list[Failed] = []


class FindingFacts(BaseModel):
    """Something that a reviewer or a check reported."""

    model_config = ConfigDict(extra="ignore")
    path: str = ""
    line: int | None = None
    code: str = ""
    message: str = ""


class Facts(BaseModel):
    """What the prompts say, as values. Everything is optional: a role gets what applies to it."""

    model_config = ConfigDict(extra="ignore")
    goal: str = ""
    asked: str = ""
    mode: str = ""
    kind: str = ""
    checks: list[str] = []
    task: TaskFacts | None = None
    diff: str = ""
    results: list[CheckFacts] = []
    excused: list[str] = []
    closed: bool = False
    passed: bool = False
    findings: list[FindingFacts] = []

    def test_check(self) -> str | None:
        """Return the name of the first check that runs pytest, or None."""
        own = self.task.checks if self.task else []
        return next((name for name in [*own, *self.checks] if name.split()[0:1] == ["pytest"]), None)


def facts_of(request: ModelRequest) -> Facts:
    """Return the facts of `request`."""
    return Facts.model_validate(dict(request.facts))
