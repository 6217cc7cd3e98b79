"""Round trip of a request through the server, idle and while 50 agents work.

The agents belong to one mission of 50 independent tasks. A scripted provider in a process of its own
answers each request after 50 ms, so that all of them are busy for as long as the measurement takes.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median, quantiles

import anyio

from podium.domain.messages import Json
from podium.lsp.client import Client
from tests.bench._server import serving

ROUND_TRIPS = 400
AGENTS = 50
PAUSE_S = 0.01

PROVIDER = """
import json, sys, anyio
from dataclasses import replace
from tests.models.provider import Provider, Received, Reply, calls

def respond(request: Received) -> Reply:
    if request.role == "planner":
        tasks = [{"id": f"t{n}", "title": f"Task {n}", "instructions": "Look at the file.",
                  "files": [f"file{n}.txt"]} for n in range(N_AGENTS)]
        return calls(("submit_plan", {"tasks": tasks}))
    start = len(request.body["messages"])
    call = ("read_file", {"path": "file0.txt", "start_line": start})
    return BUSY_REPLY

async def main() -> None:
    async with Provider(respond) as provider:
        print(provider.url, flush=True)
        await anyio.sleep_forever()

anyio.run(main)
""".replace("N_AGENTS", str(AGENTS))
AT_ONCE = "calls(call).after(0.05)"


def run() -> dict[str, float]:
    """Return p50 and p99 in milliseconds, idle and busy, and the busy agents' request rate."""
    print(f"{ROUND_TRIPS} round trips of podium.missions, idle and while {AGENTS} agents work.")
    return measured(AT_ONCE)


def measured(reply: str) -> dict[str, float]:
    """Return the figures while each agent's request is answered with `reply`, an expression that makes a `call`."""
    script = PROVIDER.replace("BUSY_REPLY", reply)
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as provider,
    ):
        assert provider.stdout
        try:
            return anyio.run(_measure, Path(folder), provider.stdout.readline().strip())
        finally:
            provider.kill()


async def _measure(home: Path, url: str) -> dict[str, float]:
    project = home / "project"
    project.mkdir()
    for n in range(AGENTS):
        (project / f"file{n}.txt").write_text("line\n" * 200, encoding="utf-8")
    os.environ["BENCH_KEY"] = "unused"
    options: Mapping[str, Json] = {
        "model": "openai/scripted",
        "apiBase": url,
        "apiKeyEnv": "BENCH_KEY",
        "checks": {"nothing": "true"},
    }
    asked = 0
    working: set[str] = set()
    all_work = anyio.Event()

    def note(method: str, params: Mapping[str, Json]) -> None:
        nonlocal asked
        event = params.get("event")
        if method == "podium/event" and isinstance(event, dict) and event.get("kind") == "model_asked":
            asked += 1
            working.add(str(event["agent_id"]))
            if len(working) > AGENTS:
                all_work.set()

    figures: dict[str, float] = {}
    async with serving(project, options, note) as client:
        await _round_trips(client, 50)
        idle = await _round_trips(client, ROUND_TRIPS)
        mission = await client.execute("podium.task", {"goal": "Look at everything."})
        with anyio.fail_after(60):
            await all_work.wait()
        before, began = asked, time.perf_counter()
        busy = await _round_trips(client, ROUND_TRIPS)
        rate = (asked - before) / (time.perf_counter() - began)
        figures["busy_agents"] = len(await _agents(client))
        await client.execute("podium.cancel", dict(mission))
        figures |= _cuts("idle", idle) | _cuts("busy", busy) | {"model_requests_per_s": round(rate)}
    print(json.dumps(figures))
    return figures


async def _agents(client: Client) -> list[Json]:
    agents = (await client.execute("podium.agents", {}))["agents"]
    return agents if isinstance(agents, list) else []


async def _round_trips(client: Client, n: int) -> list[float]:
    """Return the milliseconds of `n` round trips, with pauses between them as an editor makes."""
    took: list[float] = []
    for _ in range(n):
        began = time.perf_counter()
        await client.execute("podium.missions", {})
        took.append((time.perf_counter() - began) * 1e3)
        await anyio.sleep(PAUSE_S)
    return took


def _cuts(name: str, took: list[float]) -> dict[str, float]:
    return {f"{name}_p50_ms": round(median(took), 2), f"{name}_p99_ms": round(quantiles(took, n=100)[98], 2)}
