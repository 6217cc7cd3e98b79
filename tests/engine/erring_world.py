# ruff: noqa: ARG002 - what the ports pass, and nobody needs here
"""A project with faults and a simulated model that errs, all within one process: whole missions in a second.

The model is that of the benchmark `workflow`, `tests/models/simulated.py`, which tells how it errs. The project is
made up: each function has a test or two, which say whether its lines are the right ones.
"""

import ast
import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import cast

import anyio

from podium.config import Settings
from podium.domain.checks import Candidate, Check, CheckResult, Failure
from podium.domain.messages import Message, Usage
from podium.domain.mission import MissionState
from podium.domain.mission_request import MissionRequest
from podium.engine.conductor import Conductor
from podium.engine.services import Services
from podium.ports import Known, ModelAnswer, ModelRequest
from tests.engine.made_up_world import Files, MemoryJournal, Page
from tests.models.provider import Body, Received
from tests.models.simulated import Fault, Place, Simulated

FILES, FUNCTIONS = "abcdefghij", "klmnop"


@dataclass(frozen=True, slots=True)
class Project:
    """Files with nothing wrong in them, and the faults that they can have."""

    files: Mapping[str, str]
    faults: Sequence[Fault]

    @staticmethod
    def made_up() -> "Project":
        """Return ten files with six functions each, all of which can be wrong, in one place or in two."""
        chance = random.Random(1)  # noqa: S311 - chance in a test
        files: dict[str, str] = {}
        faults: list[Fault] = []
        for letter in FILES:
            path, lines = f"shop/{letter}.py", list[str]()
            for other in FUNCTIONS:
                name = f"do_{letter}{other}"
                variables = ("first", "second")[: chance.choice((1, 1, 2))]
                places = tuple(
                    Place(
                        f"    {v} = 2 * {other}\n",
                        f"    {v} = {other}\n",
                        (f"    {v} = 3 * {other}\n", f"    {v} = 0 * {other}\n"),
                    )
                    for v in variables
                )
                tests = tuple(
                    f"tests/test_{letter}.py::test_{name}_{n}" for n in range(chance.choice((1, 2)))
                )
                line, sticky = len(lines) + 1, chance.choice((0.0, 0.3, 0.6))
                lines += [
                    f"def {name}({other}):\n",
                    *(p.right for p in places),
                    "    return first\n",
                    "\n",
                    "\n",
                ]
                end = line + 1 + len(places)
                faults.append(Fault(f"shop.{letter}.{name}", path, line, end, places, tests, tests, sticky))
            files[path] = "".join(lines)
        return Project(files, faults)

    def with_faults(self, faults: Sequence[Fault]) -> dict[str, bytes]:
        """Return the files with faults in them."""
        files = dict(self.files)
        for place, path in ((place, fault.path) for fault in faults for place in fault.places):
            assert files[path].count(place.right) == 1
            files[path] = files[path].replace(place.right, place.wrong)
        return {path: text.encode() for path, text in files.items()}


@dataclass(slots=True)
class Checks:
    """The tests: those of a function fail while its lines are not the right ones, or its file does not parse."""

    project: Project
    files: Files
    confined: bool = True
    n_runs: int = 0

    def found(self) -> Sequence[Check]:
        return (Check("pytest", ("pytest",)),)

    async def run(
        self, candidate: Candidate, check: Check, targets: Sequence[str] = (), known: Known = lambda _: None
    ) -> CheckResult:
        await anyio.lowlevel.checkpoint()
        tree = {**self.files.contents, **candidate.overlay}
        tree_hash = sha256(repr(sorted(tree.items())).encode()).hexdigest()
        if result := known(tree_hash):
            return result
        self.n_runs += 1
        failures = [f for f in self._failures(tree) if not targets or f.test in targets]
        return CheckResult(
            check.name, (*check.argv, *targets), int(bool(failures)), 1.0, "", tree_hash, tuple(failures)
        )

    async def run_command(self, candidate: Candidate, command: str) -> CheckResult:
        raise AssertionError("nobody runs a command here")

    async def try_out(
        self,
        candidate: Candidate,
        variants: Sequence[Mapping[str, bytes]],
        check: Check,
        targets: Sequence[str],
        tolerated: Collection[str] = (),
    ) -> Sequence[CheckResult]:
        results: list[CheckResult] = []
        for variant in variants:
            tree = Candidate(candidate.root, {**candidate.overlay, **variant})
            first, whole = await self.run(tree, check, targets), await self.run(tree, check)
            good = first.green and {failure.test for failure in whole.failures} <= {*tolerated}
            results.append(first if good or not first.green else whole)
        return results

    def _failures(self, tree: Mapping[str, bytes | None]) -> list[Failure]:
        texts = {path: (content or b"").decode() for path, content in tree.items()}
        broken = {path for path, text in texts.items() if not _parses(text)}
        return [
            Failure(
                _said(fault, texts[fault.path], broken=fault.path in broken), test, fault.path, fault.line
            )
            for fault in self.project.faults
            if fault.path in broken or any(place.right not in texts[fault.path] for place in fault.places)
            for test in fault.tests
        ]


def _said(fault: Fault, text: str, *, broken: bool) -> str:
    """Return what a test says of a function as it is: something else for each way of being wrong."""
    if broken:
        return f"SyntaxError: {fault.path}"
    lines = text.partition(f"def {fault.function}(")[2].partition("    return")[0].split()
    return f"assert {lines} == right"


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


@dataclass(slots=True)
class Models:
    """The simulated model behind the port."""

    simulated: Simulated

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        await anyio.lowlevel.checkpoint()
        body: Body = {"model": request.model, "messages": list(request.messages)}
        answer = cast("Body", self.simulated.answer(Received("/", {}, body, 0.0)).body)
        usage, (choice,) = answer["usage"], answer["choices"]
        message = cast("Message", choice["message"])
        return ModelAnswer(message, "tool_calls", Usage(usage["prompt_tokens"], usage["completion_tokens"]))


@dataclass(frozen=True, slots=True)
class Came:
    """What came of a mission; `right` where every file is as it was before it had faults."""

    state: MissionState
    right: bool
    journal: MemoryJournal


async def mission(project: Project, percent: int, n_faults: int, seed: int) -> Came:
    """Carry a mission out to its end in which `percent` of the model's answers are wrong and nobody is asked."""
    faults = random.Random(seed).sample(project.faults, n_faults)  # noqa: S311 - chance in a test
    files, journal = Files(project.with_faults(faults)), MemoryJournal()
    services = Services(
        Models(Simulated(project.faults)), files, Checks(project, files), journal, files, Page()
    )
    goal = "Put these functions right.\n" + "\n".join(f"- `{fault.name}` in {fault.path}" for fault in faults)
    settings = Settings.model_validate({"model": f"simulated-p{percent:02d}-s{seed}", "max_iterations": 2000})
    async with Conductor(services, lambda _: True) as conductor:
        mission_id = await conductor.start(MissionRequest("task", goal, auto=True), settings)
        state = await conductor.wait(mission_id, None)
    right = files.contents == project.with_faults(())
    return Came(state, right, journal)
