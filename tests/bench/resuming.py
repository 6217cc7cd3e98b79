"""How soon a mission of ten thousand events is under way again after its server was killed.

Twenty-five tasks are worked on at once, with the real server and a model behind a real HTTP endpoint, until the journal
holds 10,000 events; then the server is killed with a request of each Worker in flight. Two figures are taken in turn:

`resume_s`  from `podium.resume`, in a server that is ready, to the first request that the model gets: the first new step
`start_s`   from the start of a server that resumes by itself to that request

`all_s` is until every Worker has made its request. Beside them stands what it takes to read the same records with plain
`sqlite3` and `json`, and how much processor time the server used. All are medians over five kills.

    python -m tests.bench resuming                10,000 events
    python -m tests.bench resuming 2000 1 20      2,000 events, one task, 20 calls in each answer
"""

import json
import sqlite3
import tempfile
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, cast

import anyio
import psutil

from podium.domain.messages import Json
from podium.lsp.client import ServerDied
from tests.bench._server import serving
from tests.models.provider import Provider, Received, Reply, calls

KILLS = 5
LINES = 10
"""How many lines of fifty characters each call reads."""


def run(n_events: str = "10000", n_tasks: str = "25", n_calls: str = "8") -> dict[str, float]:
    """Return the figures; each answer of a Worker calls `n_calls` tools."""
    with tempfile.TemporaryDirectory() as folder:
        return anyio.run(_measure, Path(folder), int(n_events), int(n_tasks), int(n_calls))


@dataclass
class _Model:
    """Answers so that the Workers read on until there are enough events, and then lets all of them wait."""

    n_events: int
    n_tasks: int
    n_calls: int
    n_recorded: int = 0
    first: anyio.Event = field(default_factory=anyio.Event)
    all: anyio.Event = field(default_factory=anyio.Event)
    n_waiting: int = 0

    def respond(self, request: Received) -> Reply:
        """Answer as the conversation wants it."""
        if request.role == "planner":
            return calls(("submit_plan", {"tasks": [_task(n) for n in range(self.n_tasks)]}))
        if self.n_recorded >= self.n_events:
            self.first.set()
            self.n_waiting += 1
            if self.n_waiting == self.n_tasks:
                self.all.set()
            return calls(("finish", {"summary": "Done."})).after(600)
        messages = cast("list[dict[str, Any]]", request.body["messages"])
        begin = 1 + LINES * sum(message["role"] == "tool" for message in messages)
        starts = range(begin, begin + LINES * self.n_calls, LINES)  # who repeats himself would be stopped
        return calls(
            *(("read_file", {"path": "long.txt", "start_line": n, "end_line": n + LINES - 1}) for n in starts)
        )

    def hear(self, method: str, params: Mapping[str, Json]) -> None:
        """Count what is recorded."""
        self.n_recorded += method == "podium/event" and not params.get("past")

    def wait_again(self) -> None:
        """Forget who waits: their server is dead."""
        self.first, self.all, self.n_waiting = anyio.Event(), anyio.Event(), 0


def _task(n: int) -> dict[str, Json]:
    return {
        "id": f"t{n}",
        "title": f"Read {n}",
        "instructions": "Read long.txt to its end.",
        "files": [f"{n}.txt"],
        "needs": [],
        "checks": [],
    }


async def _measure(home: Path, n_events: int, n_tasks: int, n_calls: int) -> dict[str, float]:
    (root := home / "project").mkdir()
    text = "".join(f"{n:>49}\n" for n in range(2 * LINES * n_events))
    (root / "long.txt").write_text(text, encoding="utf-8")
    model = _Model(n_events, n_tasks, n_calls)
    lives: dict[str, list[_Life]] = {"resume": [], "start": []}
    async with Provider(model.respond) as provider:
        options: dict[str, Json] = {
            "model": "openai/scripted",
            "apiBase": provider.url,
            "checks": {"check": ["true"]},
            "resume": "off",
        }
        await _live(root, options, model)
        n_recorded = model.n_recorded
        (journal,) = (home / "state" / "journals").glob("*.sqlite3")
        for _ in range(KILLS):
            lives["resume"].append(await _live(root, options, model, _mission(journal)))
            lives["start"].append(await _live(root, {**options, "resume": "auto"}, model))
    plain_s = median(_read_plainly(journal) for _ in range(KILLS))
    resumed, started = lives["resume"], lives["start"]
    for name, of_it in lives.items():
        print(f"{name}: {', '.join(f'{life.first_s:.2f}' for life in of_it)} s")
    resume_s = median(life.first_s for life in resumed)
    return {
        "events": n_recorded,
        "resume_s": round(resume_s, 3),
        "resume_all_s": round(median(life.all_s for life in resumed), 3),
        "resume_cpu_s": round(median(life.cpu_s for life in resumed), 3),
        "start_s": round(median(life.first_s for life in started), 3),
        "start_all_s": round(median(life.all_s for life in started), 3),
        "plain_read_s": round(plain_s, 3),
        "times_plain": round(resume_s / plain_s, 1),
    }


@dataclass(frozen=True, slots=True)
class _Life:
    """How long one server took until the first Worker's request arrived, and all of them; its processor time till then."""

    first_s: float
    all_s: float
    cpu_s: float


async def _live(root: Path, options: Mapping[str, Json], model: _Model, mission_id: str = "") -> _Life:
    """Have a server carry the mission on until all Workers wait for an answer, and kill it.

    Without `mission_id` it begins one. A server that resumes by itself is told nothing, and counts from its start.
    """
    life: _Life | None = None
    begun_at = anyio.current_time()
    try:
        async with serving(root, options, model.hear) as client:
            server = next(child for child in psutil.Process().children() if "serve" in child.cmdline())
            cpu_s = 0.0
            if options["resume"] == "off":
                cpu_s = _cpu_s(server)
                begun_at = anyio.current_time()
                if mission_id:
                    await client.execute("podium.resume", {"missionId": mission_id})
                else:
                    await client.execute("podium.task", {"goal": "Read."})
            with anyio.fail_after(540):
                await model.first.wait()
                first_s = anyio.current_time() - begun_at
                cpu_s = _cpu_s(server) - cpu_s
                await model.all.wait()
            life = _Life(first_s, anyio.current_time() - begun_at, cpu_s)
            server.kill()
            await anyio.sleep_forever()
    except* ServerDied:
        if life is None:
            raise
    model.wait_again()
    assert life is not None
    return life


def _cpu_s(server: psutil.Process) -> float:
    times = server.cpu_times()
    return times.user + times.system


def _mission(journal: Path) -> str:
    with closing(sqlite3.connect(journal)) as db:
        return str(db.execute("SELECT id FROM missions").fetchone()[0])


def _read_plainly(journal: Path) -> float:
    """Return how many seconds it takes to have all events as plain JSON values."""
    began = time.perf_counter()
    with closing(sqlite3.connect(journal)) as db:
        events = [
            json.loads(line) for (line,) in db.execute("SELECT event FROM records ORDER BY mission, seq")
        ]
    assert events
    return time.perf_counter() - began
