"""What the workflow makes of a model that errs: missions on real code, by error rate and size.

Faults are injected into libraries from the package index (`_faults.py`). The model knows the right code, and
every answer it gives is wrong with probability p (`tests/models/simulated.py`). It is asked (a) once for each
fault, its edit applied without any workflow, and (b) as Podium's model: the real server over stdio, the built-in
client, a real HTTP endpoint. A mission succeeds when Podium signed it off and every file is as it was published;
the benchmark looks itself. One signed off with anything else is a false success, whether its tests are red or
not. Nobody is there to answer questions: a mission that asks one is cancelled, and counts as failed.

    python -m tests.bench workflow              the table; its parts make up about half an hour on two cores
    python -m tests.bench workflow 0.3:10:20    20 missions of 10 faults at p = 0.3; any number of such cells
    python -m tests.bench workflow 0.3:10:20:20 20 more of them

PODIUM_WORKFLOW_CELLS names cells as the arguments do; PODIUM_WORKFLOW_HOME is a folder to work in that is kept,
with the journals of all missions.
"""

import os
import re
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from math import sqrt
from pathlib import Path
from typing import Any, cast

import anyio
import anyio.to_thread

from podium.domain.messages import Json
from podium.lsp.client import Client
from tests.bench._faults import environment, write
from tests.bench._one_shot import Shot, one_shot
from tests.bench._projects import Left, Project, project_of, projects
from tests.bench._server import serving
from tests.models.simulated import Fault, table

RATES = (0.0, 0.15, 0.3, 0.45, 0.6)
MISSIONS = {1: 4, 10: 2, 50: 1}
"""How many missions of each size are run at each error rate."""
MORE = {(0.3, 10): 20}
ONE_SHOTS = 200
LONGEST_S = 1800.0


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the table: error rate, faults in a mission, how many missions, and the seed of the first."""

    p: float
    size: int
    missions: int
    first: int = 0

    @property
    def name(self) -> str:
        """The cell as figures are named: `p30_10`."""
        return f"p{self.percent:02d}_{self.size}"

    @property
    def percent(self) -> int:
        """The error rate in percent."""
        return round(self.p * 100)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one mission."""

    cell: Cell
    seed: int
    status: str
    reason: str
    left: Left
    requests: int
    tokens: int
    attempts: int
    wall_s: float

    @property
    def success(self) -> bool:
        """Whether it was signed off, and everything is right."""
        return self.status == "signed_off" and self.left == "right"

    @property
    def false_success(self) -> bool:
        """Whether it was signed off, and not everything is right."""
        return self.status == "signed_off" and self.left != "right"


@dataclass
class Desk:
    """Where missions on one project are given out, and what Podium asks in one of them."""

    project: Project
    client: Client | None = None
    asked: list[str] = field(default_factory=list[str])
    moved: anyio.Event = field(default_factory=anyio.Event)

    def notice(self, method: str, params: Mapping[str, Json]) -> None:
        """Keep the questions that Podium asks."""
        event = cast("dict[str, Any]", params.get("event") or {}) if method == "podium/event" else {}
        if event.get("kind") == "question_asked":
            self.asked.append(str(event["text"]))
            self.moved.set()


def run(*cells: str) -> dict[str, float | int]:
    """Run the cells, or the whole table, and return the figures."""
    # popped, since a server would take them for settings
    named, home = (os.environ.pop(f"PODIUM_WORKFLOW_{name}", "") for name in ("CELLS", "HOME"))
    given = cells or tuple(named.split())
    whole = [Cell(p, size, MORE.get((p, size), n)) for size, n in MISSIONS.items() for p in RATES]
    wanted = [cell_of(cell) for cell in given] or whole
    with tempfile.TemporaryDirectory() as folder:
        return anyio.run(_all, wanted, Path(home or folder))


def cell_of(text: str) -> Cell:
    """Return the cell that a text such as `0.3:10:20` names."""
    p, *numbers = text.split(":")
    return Cell(float(p), *(int(number) for number in numbers))


def goal_of(faults: Sequence[Fault]) -> str:
    """Return the goal of a mission, as a user would give it."""
    lines = "\n".join(f"- `{fault.name}` in {fault.path}" for fault in faults)
    return f"These functions give wrong results since the last release. Put them right; the tests must pass.\n{lines}"


async def _all(cells: Sequence[Cell], home: Path) -> dict[str, float | int]:
    everything = await anyio.to_thread.run_sync(projects, home)
    print(f"Faults: {', '.join(f'{len(p.faults)} in {p.name}' for p in everything[:-1])}.", flush=True)
    scores = {cell: Score(cell, _one_shots(cell, everything)) for cell in cells}
    os.environ["BENCH_KEY"] = "unused"
    os.environ["VIRTUAL_ENV"] = str(await anyio.to_thread.run_sync(environment))
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(_provider(everything[:-1], home))
        options: Mapping[str, Json] = {
            "model": "openai/simulated", "apiBase": url, "apiKeyEnv": "BENCH_KEY", "maxIterations": 2000,
        }  # fmt: skip
        desks = [Desk(project) for project in everything]
        for desk in desks:
            desk.client = await stack.enter_async_context(serving(desk.project.folder, options, desk.notice))
        jobs = [(cell, seed) for cell in cells for seed in range(cell.first, cell.first + cell.missions)]
        print(HEADER, flush=True)
        async with anyio.create_task_group() as tasks:
            for desk in desks:
                mine = [job for job in jobs if project_of(job[0].size, job[1], everything) is desk.project]
                tasks.start_soon(_missions, desk, mine, scores)
    return _figures([*scores.values()])


@asynccontextmanager
async def _provider(libraries: Sequence[Project], home: Path) -> AsyncGenerator[str]:
    """Serve the model in a process of its own, and yield its address."""
    solution = home / "solution.json"
    solution.write_text(table(fault for project in libraries for fault in project.faults), encoding="utf-8")
    argv = [sys.executable, "-m", "tests.models.simulated", str(solution)]
    async with await anyio.open_process(argv, stderr=None) as process:
        assert process.stdout
        port = int(await process.stdout.receive())
        try:
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.kill()


# --- missions and single shots ----------------------------------------------------------------------


async def _missions(desk: Desk, todo: Sequence[tuple[Cell, int]], scores: Mapping[Cell, "Score"]) -> None:
    """Run missions one after another."""
    for cell, seed in todo:
        outcome = await _mission(desk, cell, seed)
        score = scores[cell]
        score.outcomes.append(outcome)
        print(
            f"  {cell.name} #{seed} {desk.project.name}: {outcome.status}, {outcome.left}, "
            f"{outcome.requests} requests, {outcome.attempts} attempts, {outcome.wall_s:.0f} s"
            f"{'' if outcome.success else ': ' + outcome.reason[:300]}",
            flush=True,
        )
        if len(score.outcomes) == cell.missions:
            print(score.row, flush=True)


async def _mission(desk: Desk, cell: Cell, seed: int) -> Outcome:
    assert desk.client
    client, project = desk.client, desk.project
    faults = project.chosen(cell.size, seed)
    write(project.with_faults(faults), project.folder)
    desk.asked.clear()
    desk.moved = anyio.Event()
    began = anyio.current_time()
    started = await client.execute("podium.auto", {"goal": goal_of(faults), "model": _model(cell, seed)})

    info: dict[str, Any] = {}

    async def given_up() -> None:
        with anyio.move_on_after(LONGEST_S):
            await desk.moved.wait()
        await client.execute("podium.cancel", started)

    async with anyio.create_task_group() as watching:
        watching.start_soon(given_up)
        info |= await client.execute("podium.wait", started)
        watching.cancel_scope.cancel()
    spent = info["spent"]
    return Outcome(
        cell,
        seed,
        info["status"],
        f"asked: {desk.asked[0]}" if desk.asked else str(info["reason"]),
        await anyio.to_thread.run_sync(project.left),
        spent["modelRequests"],
        spent["promptTokens"] + spent["completionTokens"],
        spent["attempts"],
        anyio.current_time() - began,
    )


def _model(cell: Cell, seed: int) -> str:
    return f"openai/simulated-p{cell.percent:02d}-s{seed}"


def _one_shots(cell: Cell, everything: Sequence[Project]) -> list[Shot]:
    shots: list[Shot] = []
    for seed in range(ONE_SHOTS):
        project = project_of(cell.size, seed, everything)
        faults = project.chosen(cell.size, seed)
        shots.append(one_shot(_model(cell, seed), project, faults, [goal_of([fault]) for fault in faults]))
    return shots


# --- figures ----------------------------------------------------------------------------------------

HEADER = (
    f"{'p':>5} {'faults':>6} {'one shot':>8} {'tokens/task':>11} {'Podium':>7} {'95 % interval':>14} {'missions':>8} "
    f"{'requests/task':>13} {'tokens/task':>11} {'s/mission':>9}"
)


@dataclass(frozen=True)
class Score:
    """What came of one cell."""

    cell: Cell
    shots: list[Shot]
    outcomes: list[Outcome] = field(default_factory=list[Outcome])

    @property
    def rate(self) -> float:
        """The share of missions that succeeded."""
        return sum(o.success for o in self.outcomes) / len(self.outcomes)

    @property
    def one_shot(self) -> float:
        """The share of missions that succeeded without a workflow."""
        return sum(shot.right for shot in self.shots) / len(self.shots)

    def a_task(self, total: float) -> float:
        """Return what a total over all missions is for one task."""
        return total / (self.cell.size * len(self.outcomes))

    @property
    def requests(self) -> float:
        """Requests for each task."""
        return self.a_task(sum(o.requests for o in self.outcomes))

    @property
    def tokens(self) -> float:
        """Tokens for each task."""
        return self.a_task(sum(o.tokens for o in self.outcomes))

    @property
    def one_shot_tokens(self) -> float:
        """Tokens for each task without a workflow."""
        return sum(shot.tokens for shot in self.shots) / (self.cell.size * len(self.shots))

    @property
    def row(self) -> str:
        """The cell as a row of the table."""
        low, high = interval(sum(o.success for o in self.outcomes), len(self.outcomes))
        wall_s = sum(o.wall_s for o in self.outcomes) / len(self.outcomes)
        return (
            f"{self.cell.p:5.2f} {self.cell.size:6} {self.one_shot:8.1%} {self.one_shot_tokens:11.0f} {self.rate:7.0%} "
            f"{f'{low:.0%} to {high:.0%}':>14} {len(self.outcomes):8} {self.requests:13.1f} {self.tokens:11.0f} "
            f"{wall_s:9.0f}"
        )

    @property
    def figures(self) -> dict[str, float | int]:
        """The cell as figures."""
        return {
            f"one_shot_{self.cell.name}": round(self.one_shot, 3),
            f"podium_{self.cell.name}": round(self.rate, 3),
            f"missions_{self.cell.name}": len(self.outcomes),
            f"requests_per_task_{self.cell.name}": round(self.requests, 2),
            f"tokens_per_task_{self.cell.name}": round(self.tokens),
            f"one_shot_tokens_per_task_{self.cell.name}": round(self.one_shot_tokens),
        }


def interval(n_good: int, n: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of a share, after Wilson (1927)."""
    z = 1.96
    share, scale = n_good / n, 1 + z * z / n
    middle = (share + z * z / (2 * n)) / scale
    half = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / scale
    return max(0.0, middle - half), min(1.0, middle + half)


def _figures(scores: Sequence[Score]) -> dict[str, float | int]:
    print(f"\n{HEADER}")
    figures: dict[str, float | int] = {}
    for score in scores:
        print(score.row)
        figures |= score.figures
    outcomes = [outcome for score in scores for outcome in score.outcomes]
    failed = Counter(re.sub(r"\d+|“.*?”", "…", o.reason)[:90] for o in outcomes if not o.success)
    for reason, n in failed.most_common():
        print(f"{n} failed: {reason}")
    figures["false_successes"] = sum(o.false_success for o in outcomes)
    n_tasks = sum(o.cell.size for o in outcomes)
    figures["requests_per_task"] = round(sum(o.requests for o in outcomes) / n_tasks, 2)
    return figures
