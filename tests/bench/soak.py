"""Whether one server stays as it was through thousands of requests: memory, descriptors, threads, tasks and children.

Missions of twenty tasks follow each other in one server until its agents have made 10,000 requests (or as many as are
named: `python -m tests.bench soak 2000`). Each task is a change to a file, a check in a process of its own, and a
review; the model answers over real HTTP from another process. An iteration is one request.

The slope is that of a line through the server's resident size after each mission, by least squares, over the last
80 % of the iterations. All other figures are what is left at the end beyond what there was after the first mission;
threads that wait for work are kept for ten seconds, so their number varies by a few.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio
import psutil

from podium.domain.messages import Json
from podium.lsp.client import Client
from tests.bench._counted import TASKS
from tests.bench._server import serving

SERVE = (sys.executable, "-m", "tests.bench._counted")
ROOT = Path(__file__).parents[2]

WORK = 20
"""How many tasks each mission has."""
WARM_UP = 0.2
"""The share of iterations in which memory may still grow: caches fill, and what is compiled late is compiled."""

PROVIDER = """
import itertools
import anyio
from tests.models.provider import Provider, Received, Reply, calls

numbers = itertools.count()

def respond(request: Received) -> Reply:
    provider.requests.clear()
    if request.role == "planner":
        return calls(("submit_plan", {"tasks": [
            {"id": f"t{n:02}", "title": f"Count {n}", "instructions": f"Write the next number into n{n:02}.txt.",
             "files": [f"n{n:02}.txt"], "checks": ["check"]} for n in range(N_TASKS)]}))
    if request.role == "reviewer":
        return calls(("submit_review", {"verdict": "approve"}))
    if request.role == "commander":
        return calls(("sign_off", {"summary": "All counted."}))
    path = request.body["messages"][1]["content"].split("Files: ")[1].split()[0]
    text = f"{next(numbers)} " + "x" * 2000 + "\\\\n"
    return calls(("write_file", {"path": path, "content": text}), ("finish", {"summary": "Counted."}))

async def main() -> None:
    global provider
    async with Provider(respond) as provider:
        print(provider.url, flush=True)
        await anyio.sleep_forever()

anyio.run(main)
""".replace("N_TASKS", str(WORK))


@dataclass(frozen=True, slots=True)
class Sample:
    """What a server holds after `iterations` requests; `children` counts processes below it, `tasks` are its loop's."""

    iterations: int
    rss: int
    descriptors: int
    threads: int
    tasks: int
    children: int
    temporary: int


class Progress:
    """The progress that the server shows: one for a mission, and one for each agent; they end a moment after these."""

    def __init__(self) -> None:
        self._n_ended = 0
        self._more = anyio.Event()

    def hear(self, method: str, params: Mapping[str, Json]) -> None:
        """Count what ends."""
        value = params.get("value")
        if method == "$/progress" and isinstance(value, dict) and value["kind"] == "end":
            self._n_ended += 1
            self._more.set()
            self._more = anyio.Event()

    async def ended(self, n: int) -> None:
        """Return when `n` have ended in all, or after ten seconds."""
        with anyio.move_on_after(10):
            while self._n_ended < n:
                await self._more.wait()


def run(iterations: str = "10000") -> dict[str, float]:
    """Return the slope of memory, and what is left of everything else."""
    print(f"Missions of {WORK} tasks until {iterations} requests have been made.")
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen([sys.executable, "-c", PROVIDER], stdout=subprocess.PIPE, text=True) as provider,
    ):
        assert provider.stdout
        try:
            return anyio.run(_measure, Path(folder), provider.stdout.readline().strip(), int(iterations))
        finally:
            provider.kill()


async def _measure(home: Path, url: str, iterations: int) -> dict[str, float]:
    (project := home / "project").mkdir()
    (temporary := home / "tmp").mkdir()
    for n in range(WORK):
        (project / f"n{n:02}.txt").write_text("0\n", encoding="utf-8")
    os.environ |= {"TMPDIR": str(temporary), "BENCH_KEY": "unused", "PYTHONPATH": str(ROOT)}
    options: dict[str, Json] = {
        "model": "openai/scripted",
        "apiBase": url,
        "apiKeyEnv": "BENCH_KEY",
        "checks": {"check": ["true"]},
    }
    samples: list[Sample] = []
    progress = Progress()
    async with serving(project, options, progress.hear, SERVE) as client:
        server = next(child for child in psutil.Process().children() if SERVE[-1] in child.cmdline())
        n_done = 0
        while n_done < iterations:
            n_done += await _mission(client)
            await progress.ended(n_done + len(samples) + 1)  # each agent makes one request
            n_tasks = int(str(await client.request(TASKS, None)))
            samples.append(_look(server, n_tasks, temporary, n_done))
            if len(samples) % 20 == 1:
                print(f"{n_done} requests, {samples[-1].rss / 1e6:.1f} MB", flush=True)
    return figures(samples)


async def _mission(client: Client) -> int:
    """Carry out one mission and return how many requests it made."""
    started = await client.execute("podium.auto", {"goal": "Count on."})
    info = await client.execute("podium.wait", started)
    assert info["status"] == "signed_off", info["reason"]
    await client.execute("podium.agents", {})  # answered when what is kept of the mission is written
    spent = info["spent"]
    assert isinstance(spent, dict)
    return int(str(spent["modelRequests"]))


def _look(server: psutil.Process, n_tasks: int, temporary: Path, iterations: int) -> Sample:
    return Sample(
        iterations,
        server.memory_info().rss,
        server.num_fds(),
        server.num_threads(),
        n_tasks,
        len(server.children(recursive=True)),
        sum(1 for _ in temporary.iterdir()),
    )


def figures(samples: Sequence[Sample]) -> dict[str, float]:
    """Return what the samples say, each after one mission."""
    first, last = samples[0], samples[-1]
    counted = [s for s in samples if s.iterations >= WARM_UP * last.iterations]
    return {
        "iterations": last.iterations,
        "slope_bytes_per_iteration": round(slope([(s.iterations, s.rss) for s in counted]), 1),
        "descriptors": last.descriptors - first.descriptors,
        "threads": last.threads - first.threads,
        "tasks": last.tasks - first.tasks,
        "children": last.children - first.children,
        "temporary": last.temporary - first.temporary,
        "missions": len(samples),
        "rss_mb": round(last.rss / 1e6, 1),
    }


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return the slope of the line through `points` that is best by least squares."""
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    above = sum((x - mean_x) * (y - mean_y) for x, y in points)
    return above / (sum((x - mean_x) ** 2 for x, _ in points) or 1.0)
