"""Fifty independent tasks at once: wall time against what the model and the checks need by themselves.

Each task mends one module of a project with 50 modules and 50 test files. It takes three model calls, of
which each needs the result of the one before: the Worker's edit, its `finish`, and the review. A provider in
a process of its own answers each call after one second over real HTTP.

Measured is the time from the plan (`plan_set`) until the last task is accepted. The Planner's call comes
before it, the final run of all tests and the Commander's call after it.

The ideal is three seconds, the chain of one task, plus the CPU time that the checks themselves used,
spread evenly over the cores: `ideal_s = 3 + checks_cpu_s / cores`. The project's interpreter is a shell that starts
the real one and tells at its end what the system charged for it, from its first instruction to its last: a test
run may well spend a third of its time on ending. What Podium adds counts against it: copies of the tree, the sandbox,
hashing, and everything that the server and the model process do (`server_cpu_s`, `model_cpu_s`). The ideal is
computed from the CPU time that the same run used, so that a slow machine does not change the claim. A busy one
does: `cpu_ratio` is what would be left of the ratio if only the CPU time of Podium's own processes spoke against it, and
`idle_s` is how long the cores had nothing to do, of which the chain alone makes `3 * cores`. `serial_s` adds the checks' CPU time as if
there were one core.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from urllib.request import urlopen

import anyio
import anyio.to_thread
import psutil

from podium.domain.messages import Json
from tests.bench._server import serving

TASKS = 50
CALLS = 3
LATENCY_S = 1.0
TIMEOUT_S = 300.0

PROVIDER = """
import anyio
from tests.models.provider import Provider, Received, Reply, calls

def respond(request: Received) -> Reply:
    return answer(request).after(LATENCY_S)

def answer(request: Received) -> Reply:
    if request.role == "planner":
        return calls(("submit_plan", {"tasks": [
            {"id": f"t{n:02}", "title": f"Mend part{n:02}", "instructions": f"`total` of parts/part{n:02}.py must add.",
             "files": [f"parts/part{n:02}.py"], "checks": []} for n in range(N_TASKS)]}))
    if request.role == "reviewer":
        return calls(("submit_review", {"verdict": "approve"}))
    if request.role == "commander":
        return calls(("sign_off", {"summary": "All parts add."}))
    if len(request.body["messages"]) > 2:
        return calls(("finish", {"summary": "It adds."}))
    path = request.body["messages"][1]["content"].split("Files: ")[1].split()[0]
    return calls(("edit_file", {"path": path, "old": "one - two", "new": "one + two"}))

async def main() -> None:
    async with Provider(respond) as provider:
        print(provider.url, flush=True)
        await anyio.sleep_forever()

anyio.run(main)
""".replace("N_TASKS", str(TASKS)).replace("LATENCY_S", str(LATENCY_S))


INTERPRETER = """#!/bin/sh
"PYTHON" "$@"
code=$?
case "$*" in *"-m pytest"*) echo "what it took:"; times;; esac
exit $code
""".replace("PYTHON", sys.executable)

_TOOK = re.compile(r"what it took:\n.*\n(\d+)m([\d.]+)s (\d+)m([\d.]+)s")


def run() -> dict[str, float]:
    """Return the peak of calls in flight, the wall time, the ideal, and their ratio."""
    print(f"{TASKS} tasks of {CALLS} model calls of {LATENCY_S:g} s, on {os.cpu_count()} cores.")
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen([sys.executable, "-c", PROVIDER], stdout=subprocess.PIPE, text=True) as provider,
    ):
        assert provider.stdout
        try:
            return anyio.run(_measure, Path(folder), provider.stdout.readline().strip())
        finally:
            provider.kill()


class _Span:
    """What happened between the plan and the last accepted task, seen from the client."""

    def __init__(self) -> None:
        self.began_at = self.ended_at = 0.0
        self.checks_cpu_s = 0.0
        self.before = self.after = _Used(0.0, 0.0, 0.0)
        self.n_accepted = self.n_checks = 0
        self.outcome = ""
        self.over = anyio.Event()

    def note(self, method: str, params: Mapping[str, Json]) -> None:
        event = params.get("event")
        if method != "podium/event" or not isinstance(event, dict):
            return
        at = float(str(params["at"]))
        match event["kind"]:
            case "plan_set":
                self.began_at = at
                self.before = _used()
            case "check_finished" if self.n_accepted < TASKS:
                self.n_checks += 1
                result = event["result"]
                assert isinstance(result, dict)
                self.checks_cpu_s += _took(str(result["output"]))
            case "task_accepted":
                self.n_accepted += 1
                self.ended_at = at
                if self.n_accepted == TASKS:
                    self.after = _used()
            case "mission_ended":
                self.outcome = str(event["status"])
                self.over.set()
            case _:
                pass


@dataclass(frozen=True, slots=True)
class _Used:
    """CPU time that was used so far, and that nobody used, in seconds."""

    server_s: float
    model_s: float
    idle_s: float


def _used() -> _Used:
    server = next(child for child in psutil.Process().children() if "serve" in child.cmdline())
    model = next(child for child in server.children() if "podium.adapters.models.host" in child.cmdline())
    server_s, model_s = (sum(process.cpu_times()[:2]) for process in (server, model))
    return _Used(server_s, model_s, psutil.cpu_times().idle)


def _took(output: str) -> float:
    """Return the CPU time of a test run, as its output tells at the end, in seconds."""
    took = _TOOK.search(output)
    assert took, output
    return 60 * float(took[1]) + float(took[2]) + 60 * float(took[3]) + float(took[4])


async def _measure(home: Path, url: str) -> dict[str, float]:
    project = home / "project"
    _lay_out(project)
    os.environ["BENCH_KEY"] = "unused"
    options: Mapping[str, Json] = {
        "model": "openai/scripted",
        "apiBase": url,
        "apiKeyEnv": "BENCH_KEY",
    }
    span = _Span()
    async with serving(project, options, span.note) as client:
        await client.execute("podium.task", {"goal": "Make all parts add."})
        with anyio.fail_after(TIMEOUT_S):
            await span.over.wait()
    assert span.outcome == "signed_off", span.outcome
    assert span.n_accepted == TASKS, span.n_accepted
    return _figures(span, await anyio.to_thread.run_sync(_in_flight_peak, url))


def _figures(span: _Span, in_flight_peak: int) -> dict[str, float]:
    wall_s = span.ended_at - span.began_at
    chain_s = CALLS * LATENCY_S
    cores = os.cpu_count() or 1
    ideal_s = chain_s + span.checks_cpu_s / cores
    server_s = span.after.server_s - span.before.server_s
    model_s = span.after.model_s - span.before.model_s
    return {
        "in_flight_peak": in_flight_peak,
        "wall_s": round(wall_s, 2),
        "ideal_s": round(ideal_s, 2),
        "ratio_to_ideal": round(wall_s / ideal_s, 3),
        "checks_cpu_s": round(span.checks_cpu_s, 2),
        "checks": span.n_checks,
        "server_cpu_s": round(server_s, 2),
        "model_cpu_s": round(model_s, 2),
        "cpu_ratio": round((ideal_s + (server_s + model_s) / cores) / ideal_s, 3),
        "idle_s": round(span.after.idle_s - span.before.idle_s, 2),
        "serial_s": round(chain_s + span.checks_cpu_s, 2),
    }


def _in_flight_peak(url: str) -> int:
    """Return how many requests the provider held at the same moment, at most."""
    with urlopen(url.removesuffix("/v1") + "/requests") as response:  # noqa: S310 - loopback
        asked = json.load(response)["requests"]
    moments = [(r["arrived_at"], 1) for r in asked] + [(r["answered_at"], -1) for r in asked]
    return max(accumulate(change for _, change in sorted(moments)))


def _lay_out(project: Path) -> None:
    (project / "parts").mkdir(parents=True)
    (project / "tests").mkdir()
    (project / "conftest.py").write_text("", encoding="utf-8")
    (project / ".venv" / "bin").mkdir(parents=True)
    (project / ".venv" / "pyvenv.cfg").write_text("", encoding="utf-8")
    interpreter = project / ".venv" / "bin" / "python"
    interpreter.write_text(INTERPRETER, encoding="utf-8")
    interpreter.chmod(0o755)
    (project / "parts" / "__init__.py").write_text("", encoding="utf-8")
    for n in range(TASKS):
        module = "def total(one: int, two: int) -> int:\n    return one - two\n"
        test = f"from parts.part{n:02} import total\n\n\ndef test_total():\n    assert total(2, 3) == 5\n"
        (project / "parts" / f"part{n:02}.py").write_text(module, encoding="utf-8")
        (project / "tests" / f"test_part{n:02}.py").write_text(test, encoding="utf-8")
