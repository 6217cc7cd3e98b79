"""One mission with all roles against a scripted provider over real HTTP: wrong edit, failing tests, right edit.

The script answers as a good model would; what is measured is what Podium adds: how many requests and
tokens the mission costs, how much of each prompt repeats an earlier one byte for byte (providers bill that
at a fraction), how long Podium takes between an answer and the next request, and the memory.
"""

import json
import os
import statistics
import sys
import tempfile
import urllib.request
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import anyio

from podium.domain.messages import Json
from tests.bench._prompts import counting, prefix_share, prompt
from tests.bench._server import PeakMemory, serving

SOURCE = '''"""Prices of a small shop."""


def subtotal(lines):
    """Return the sum of quantity times price over `lines`."""
    total = 0
    for quantity, price in lines:
        total += quantity * price
    return total


def discount(amount, loyal):
    """Return what is taken off: 5 % from 100 on, 10 % for loyal customers."""
    if loyal:
        return amount * 0.10
    if amount > 100:
        return amount * 0.05
    return 0


def shipping(amount, country):
    """Return the cost of shipping; free from 50 on within the country."""
    if country == "home":
        return 0 if amount >= 50 else 4.9
    return 12.5
'''
TESTS = """from shop import discount, shipping, subtotal


def test_subtotal():
    assert subtotal([(2, 10), (1, 5)]) == 25


def test_discount_begins_at_a_hundred():
    assert discount(100, loyal=False) == 5


def test_discount_of_loyal_customers():
    assert discount(10, loyal=True) == 1


def test_shipping():
    assert shipping(50, "home") == 0
"""
WRONG = {"path": "shop.py", "old": "    if amount > 100:", "new": "    if amount > 101:"}
RIGHT = {"path": "shop.py", "old": "    if amount > 101:", "new": "    if amount >= 100:"}
SCRIPT: list[list[tuple[str, dict[str, Any]]]] = [
    # the Planner
    [("read_file", {"path": "test_shop.py"}), ("run_command", {"command": "pytest"})],
    [
        (
            "submit_plan",
            {
                "tasks": [
                    {
                        "id": "discount",
                        "title": "Give the discount from 100 on",
                        "instructions": "discount(100, loyal=False) must be 5: the limit itself counts.",
                        "checks": ["pytest"],
                    }
                ]
            },
        )
    ],
    # the Searcher, because the task names no files
    [("search", {"pattern": "discount"})],
    [
        (
            "submit_context",
            {
                "summary": "The limit is compared in shop.discount.",
                "places": [{"path": "shop.py", "start_line": 12, "end_line": 18, "why": "the comparison"}],
            },
        )
    ],
    # the Worker: a wrong edit, and after the failing tests the right one
    [("read_file", {"path": "shop.py"})],
    [("edit_file", WRONG)],
    [("finish", {"summary": "The limit counts now."})],
    [("edit_file", RIGHT)],
    [("finish", {"summary": "The limit counts now."})],
    # the Reviewer, the Commander
    [("submit_review", {"verdict": "approve", "findings": []})],
    [("sign_off", {"summary": "The discount begins at 100."})],
]
"""The answers, in the order in which they are asked for."""


def run() -> dict[str, float | str | bool]:
    """Run the job three times and return the figures of the median run by overhead."""
    print("One job, all roles, scripted provider on loopback; three runs.")
    with tempfile.TemporaryDirectory() as folder:
        figures = [anyio.run(_job, Path(folder) / str(n)) for n in range(3)]
    for one in figures:
        print(json.dumps(one))
    return sorted(figures, key=lambda one: float(one["overhead_ms"]))[1]


async def _job(home: Path) -> dict[str, float | str | bool]:
    project = home / "shop"
    project.mkdir(parents=True)
    (project / "shop.py").write_text(SOURCE, encoding="utf-8")
    (project / "test_shop.py").write_text(TESTS, encoding="utf-8")
    events: list[dict[str, Any]] = []
    memory = PeakMemory()
    ended: dict[str, Json] = {}
    requests: list[dict[str, Any]] = []

    def note(method: str, params: Mapping[str, Json]) -> None:
        if method == "podium/event":
            events.append(cast("dict[str, Any]", params["event"]))

    os.environ["BENCH_KEY"] = "unused"
    async with _provider(home) as url, anyio.create_task_group() as tasks:
        tasks.start_soon(memory.watch)
        options: Mapping[str, Json] = {"model": "openai/scripted", "apiBase": url, "apiKeyEnv": "BENCH_KEY"}
        async with serving(project, options, note) as client:
            started = await client.execute("podium.task", {"goal": "Make the failing tests pass."})
            ended |= await client.execute("podium.wait", {**started, "timeoutS": 120})
        requests += await anyio.to_thread.run_sync(_asked, url)
        tasks.cancel_scope.cancel()
    gaps, delegations = _gaps(requests, events)
    prompts = [prompt(request["body"]) for request in requests]
    count, counted_by = counting()
    return {
        "requests": len(requests),
        "prompt_tokens": sum(map(count, prompts)),
        "tokens_counted_by": counted_by,
        "prefix_share": round(prefix_share(prompts), 4),
        "overhead_ms": round(statistics.median(gaps) * 1e3, 1),
        "delegation_ms": round(statistics.median(delegations) * 1e3, 1),
        "peak_mb": round(memory.server_mb, 1),
        "peak_all_mb": round(memory.all_mb, 1),
        "signed_off": ended.get("status") == "signed_off",
    }


@asynccontextmanager
async def _provider(home: Path) -> AsyncGenerator[str]:
    """Serve the script in a process of its own, so that nothing of this one delays it; yield its address."""
    script = home / "script.json"
    replies = [{"calls": [{"name": n, "arguments": a} for n, a in answer]} for answer in SCRIPT]
    script.write_text(json.dumps(replies), encoding="utf-8")
    argv = [sys.executable, "-m", "tests.models.provider", str(script)]
    async with await anyio.open_process(argv, stderr=None) as process:
        assert process.stdout
        port = int(await process.stdout.receive())
        try:
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.kill()


def _asked(url: str) -> list[dict[str, Any]]:
    """Return the requests that the provider got: `body`, `arrived_at` and `answered_at` in seconds."""
    with urllib.request.urlopen(url.removesuffix("/v1") + "/requests", timeout=10) as answer:  # noqa: S310 - loopback
        return json.load(answer)["requests"]


def _gaps(requests: list[dict[str, Any]], events: list[dict[str, Any]]) -> tuple[list[float], list[float]]:
    """Return the seconds between an answer and the next request, within an agent and between two agents.

    The checks' own time is taken off; those of the cheap tools is not.
    """
    asked = [event["agent_id"] for event in events if event["kind"] == "model_asked"]
    checks: list[float] = []
    seen: set[tuple[str, str]] = set()
    for event in events:
        if event["kind"] == "model_asked":
            checks.append(0.0)
        elif event["kind"] == "check_finished" and checks:
            result = event["result"]
            if (key := (result["tree_hash"], result["check"])) not in seen:
                seen.add(key)
                checks[-1] += result["duration_s"]
    within: list[float] = []
    between: list[float] = []
    for n in range(1, len(requests)):
        answered = requests[n - 1]["answered_at"]
        gap = requests[n]["arrived_at"] - answered - checks[n - 1]
        (within if asked[n] == asked[n - 1] and not checks[n - 1] else between).append(gap)
    return within, between
