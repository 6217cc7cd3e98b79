"""What the workflow makes of a model that errs: missions on real code, by error rate and size.

Faults are injected into libraries from the package index (`_faults.py`). The model knows the right code, and
every answer it gives is wrong with probability p (`tests/models/simulated.py`). It is asked (a) once for each
fault, its edit applied without any workflow, and (b) as Podium's model: the real server over stdio, the built-in
client, a real HTTP endpoint. A mission succeeds when Podium signed it off and the whole test suite is green, run
by the benchmark itself; one signed off with red tests is a false success. Nobody is there to answer questions: a
mission that asks one is cancelled, and counts as failed.

    python -m tests.bench workflow              a short table
    python -m tests.bench workflow full         the whole one, an hour or more
    python -m tests.bench workflow 0.3:10:20    20 missions of 10 faults at p = 0.3; any number of such cells
"""

import json
import os
import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import anyio
import anyio.to_thread

from podium.domain.edits import apply_edit
from podium.domain.messages import Json
from podium.errors import ToolError
from podium.lsp.client import Client
from tests.bench._faults import LIBRARIES, failing, faults_of, laid_out, write
from tests.bench._server import serving
from tests.models.provider import Received
from tests.models.simulated import Fault, Simulated, table, task_of

RATES = (0.0, 0.1, 0.2, 0.3, 0.45, 0.6)
SIZES = {1: (4, 20), 10: (2, 20), 50: (1, 2)}
"""How many missions of each size are run at each error rate: in the short table, and in the full one."""
MORE = {(0.3, 10): 10, **{(p, 50): 0 for p in (0.1, 0.2, 0.45)}}
"""What differs in the short table, which is to take less than a quarter of an hour on two cores."""
ONE_SHOTS = 20
LONGEST_S = 900.0


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the table: error rate, faults in a mission, and how many missions."""

    p: float
    size: int
    missions: int

    @property
    def name(self) -> str:
        """The cell as figures are named: `p30_10`."""
        return f"p{round(self.p * 100):02d}_{self.size}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one mission."""

    cell: Cell
    seed: int
    status: str
    reason: str
    green: bool
    requests: int
    tokens: int
    attempts: int
    wall_s: float

    @property
    def success(self) -> bool:
        """Whether it was signed off with green tests."""
        return self.green and self.status == "signed_off"


@dataclass
class Project:
    """A library, its faults, and the folder that a server works on."""

    name: str
    files: dict[str, str]
    faults: list[Fault]
    folder: Path
    client: Client | None = None
    asked: list[str] = field(default_factory=list[str])
    moved: anyio.Event = field(default_factory=anyio.Event)

    def chosen(self, size: int, seed: int) -> list[Fault]:
        """Return the faults of one mission."""
        return random.Random(f"{self.name} {size} {seed}").sample(self.faults, size)  # noqa: S311

    def with_faults(self, faults: Sequence[Fault]) -> dict[str, str]:
        """Return the files with faults in them."""
        files = dict(self.files)
        for fault in faults:
            for place in fault.places:
                assert files[fault.path].count(place.right) == 1, fault.name
                files[fault.path] = files[fault.path].replace(place.right, place.wrong)
        return files

    def notice(self, method: str, params: Mapping[str, Json]) -> None:
        """Keep the questions that Podium asks."""
        event = cast("dict[str, Any]", params.get("event") or {}) if method == "podium/event" else {}
        if event.get("kind") == "question_asked":
            self.asked.append(str(event["text"]))
            self.moved.set()


def run(*cells: str) -> dict[str, float | int]:
    """Run the cells, or the whole table, and return the figures."""
    full = cells == ("full",)
    whole = [
        Cell(p, size, n_full if full else MORE.get((p, size), n_short))
        for size, (n_short, n_full) in SIZES.items()
        for p in RATES
    ]
    given = [] if full else [_cell(cell) for cell in cells]
    wanted = given or [cell for cell in whole if cell.missions]
    with tempfile.TemporaryDirectory() as folder:
        outcomes, one_shots = anyio.run(_all, wanted, Path(folder))
    return _figures(wanted, outcomes, one_shots)


def _cell(text: str) -> Cell:
    p, size, missions = text.split(":")
    return Cell(float(p), int(size), int(missions))


def goal_of(faults: Sequence[Fault]) -> str:
    """Return the goal of a mission, as a user would give it."""
    lines = "\n".join(f"- `{fault.name}` in {fault.path}" for fault in faults)
    return f"These functions give wrong results since the last release. Put them right; the tests must pass.\n{lines}"


async def _all(cells: Sequence[Cell], home: Path) -> tuple[list[Outcome], dict[str, float]]:
    projects = [
        Project(lib.name, laid_out(lib), faults_of(lib), home / lib.name / lib.name) for lib in LIBRARIES
    ]
    projects.append(_together(projects, home))
    for project in projects:
        write(project.files, project.folder)
        assert not failing(project.folder), f"{project.name} is red before anything was changed"
    print(f"Faults: {', '.join(f'{len(p.faults)} in {p.name}' for p in projects[:-1])}.", flush=True)
    one_shots = {cell.name: await _one_shots(cell, projects) for cell in cells}
    outcomes: list[Outcome] = []
    os.environ["BENCH_KEY"] = "unused"
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(_provider(projects[:-1], home))
        options: Mapping[str, Json] = {
            "model": "openai/simulated", "apiBase": url, "apiKeyEnv": "BENCH_KEY", "maxIterations": 2000,
        }  # fmt: skip
        for project in projects:
            project.client = await stack.enter_async_context(serving(project.folder, options, project.notice))
        jobs = [(cell, seed) for cell in cells for seed in range(cell.missions)]
        async with anyio.create_task_group() as tasks:
            for project in projects:
                mine = [(cell, seed) for cell, seed in jobs if _project(cell.size, seed, projects) is project]
                tasks.start_soon(_missions, project, mine, outcomes)
    return outcomes, one_shots


def _together(projects: Sequence[Project], home: Path) -> Project:
    """Return one project of all libraries, for missions with more faults than one of them has."""
    files = {path: text for p in projects for path, text in p.files.items() if "/" in path}
    return Project("all", files, [fault for p in projects for fault in p.faults], home / "all" / "all")


def _project(size: int, seed: int, projects: Sequence[Project]) -> Project:
    """Return the project of a mission: the libraries take turns, where they have enough faults."""
    *libraries, together = projects
    fitting = [project for project in libraries if size <= len(project.faults)] or [together]
    return fitting[seed % len(fitting)]


@asynccontextmanager
async def _provider(projects: Sequence[Project], home: Path) -> AsyncGenerator[str]:
    """Serve the model in a process of its own, and yield its address."""
    solution = home / "solution.json"
    solution.write_text(table(fault for project in projects for fault in project.faults), encoding="utf-8")
    argv = [sys.executable, "-m", "tests.models.simulated", str(solution)]
    async with await anyio.open_process(argv, stderr=None) as process:
        assert process.stdout
        port = int(await process.stdout.receive())
        try:
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.kill()


# --- Podium -----------------------------------------------------------------------------------------


async def _missions(project: Project, todo: Sequence[tuple[Cell, int]], outcomes: list[Outcome]) -> None:
    """Run missions one after another."""
    for cell, seed in todo:
        outcome = await _mission(project, cell, seed)
        outcomes.append(outcome)
        print(
            f"{outcome.cell.name:8} #{outcome.seed:<3} {project.name:8} {outcome.status:10} "
            f"{'green' if outcome.green else 'RED'} {outcome.requests} requests, {outcome.attempts} attempts, "
            f"{outcome.wall_s:.0f} s {'' if outcome.success else outcome.reason[:300]}",
            flush=True,
        )


async def _mission(project: Project, cell: Cell, seed: int) -> Outcome:
    assert project.client
    client, faults = project.client, project.chosen(cell.size, seed)
    files = project.with_faults(faults)
    write(files, project.folder)
    project.asked.clear()
    project.moved = anyio.Event()
    began = anyio.current_time()
    model = f"openai/simulated-p{round(cell.p * 100):02d}-s{seed}"
    started = await client.execute("podium.auto", {"goal": goal_of(faults), "model": model})

    info: dict[str, Any] = {}

    async def given_up() -> None:
        with anyio.move_on_after(LONGEST_S):
            await project.moved.wait()
        await client.execute("podium.cancel", started)

    async with anyio.create_task_group() as watching:
        watching.start_soon(given_up)
        info |= await client.execute("podium.wait", started)
        watching.cancel_scope.cancel()
    wall_s = anyio.current_time() - began
    spent = info["spent"]
    return Outcome(
        cell,
        seed,
        info["status"],
        f"asked: {project.asked[0]}" if project.asked else str(info["reason"]),
        await anyio.to_thread.run_sync(_green, project),
        spent["modelRequests"],
        spent["promptTokens"] + spent["completionTokens"],
        spent["attempts"],
        wall_s,
    )


def _green(project: Project) -> bool:
    """Return whether the whole test suite passes on what lies in the folder now."""
    now = {path: (project.folder / path).read_bytes().decode() for path in project.files}
    return now == project.files or failing(project.folder) == ()


# --- one shot ---------------------------------------------------------------------------------------


async def _one_shots(cell: Cell, projects: Sequence[Project]) -> float:
    """Return the share of missions that the model completes when it is asked once for each fault."""
    limiter = anyio.CapacityLimiter(os.cpu_count() or 1)
    passed: list[bool] = []

    async def one(seed: int) -> None:
        project = _project(cell.size, seed, projects)
        passed.append(await anyio.to_thread.run_sync(_one_shot, cell, seed, project, limiter=limiter))

    async with anyio.create_task_group() as tasks:
        for seed in range(ONE_SHOTS):
            tasks.start_soon(one, seed)
    return sum(passed) / len(passed)


def _one_shot(cell: Cell, seed: int, project: Project) -> bool:
    model = Simulated(project.faults)
    faults = project.chosen(cell.size, seed)
    files = project.with_faults(faults)
    for fault in faults:
        lines = files[fault.path].splitlines(keepends=True)[fault.line - 1 : fault.end_line + 1]
        task = task_of(fault)
        told = f"# Task: {task['title']}\n{task['instructions']}\n\n# Your role: Worker\n{''.join(lines)}"
        messages = [{"role": "system", "content": goal_of([fault])}, {"role": "user", "content": told}]
        body = {"model": f"simulated-p{round(cell.p * 100):02d}-s{seed}", "messages": messages}
        answer = cast("dict[str, Any]", model.answer(Received("/", {}, body, 0.0)).body)
        for call in answer["choices"][0]["message"]["tool_calls"]:
            if call["function"]["name"] == "edit_file":
                edit = json.loads(call["function"]["arguments"])
                try:
                    text = files[edit["path"]]
                    files[edit["path"]] = apply_edit(text, edit["old"], edit["new"], edit["path"]).text
                except ToolError:
                    continue
    if files == project.files:
        return True
    with tempfile.TemporaryDirectory() as folder:
        write(files, Path(folder))
        own = [test for fault in faults for test in fault.tests]
        return failing(Path(folder), "-x", *own, limit_s=10.0) == () and failing(Path(folder)) == ()


# --- figures ----------------------------------------------------------------------------------------


def _figures(
    cells: Sequence[Cell], outcomes: Sequence[Outcome], one_shots: Mapping[str, float]
) -> dict[str, float | int]:
    figures: dict[str, float | int] = {}
    print(f"\n{'p':>5} {'faults':>6} {'one shot':>9} {'Podium':>8} {'missions':>8} "
          f"{'requests/task':>13} {'tokens/task':>11} {'s/mission':>9}")  # fmt: skip
    for cell in cells:
        mine = [o for o in outcomes if o.cell == cell]
        n_tasks = cell.size * len(mine)
        rate = sum(o.success for o in mine) / len(mine)
        requests = sum(o.requests for o in mine) / n_tasks
        tokens = sum(o.tokens for o in mine) / n_tasks
        print(
            f"{cell.p:5.2f} {cell.size:6} {one_shots[cell.name]:9.0%} {rate:8.0%} {len(mine):8} {requests:13.1f} "
            f"{tokens:11.0f} {sum(o.wall_s for o in mine) / len(mine):9.1f}"
        )
        figures[f"one_shot_{cell.name}"] = round(one_shots[cell.name], 3)
        figures[f"podium_{cell.name}"] = round(rate, 3)
        figures[f"requests_per_task_{cell.name}"] = round(requests, 2)
        figures[f"tokens_per_task_{cell.name}"] = round(tokens)
    failed = Counter(re.sub(r"\d+|“.*?”", "…", o.reason)[:90] for o in outcomes if not o.success)
    for reason, n in failed.most_common():
        print(f"{n} failed: {reason}")
    figures["false_successes"] = sum(o.status == "signed_off" and not o.green for o in outcomes)
    all_tasks = sum(o.cell.size for o in outcomes)
    figures["requests_per_task"] = round(sum(o.requests for o in outcomes) / all_tasks, 2)
    return figures
