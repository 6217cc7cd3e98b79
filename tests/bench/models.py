"""CPU for a call of a model, beside the `openai` SDK and litellm; the editor's latency while 50 agents stream.

All ask one endpoint, a process of its own, with the same conversation of 8 kB, and all stream: answers of a few
chunks for the cost of a call, of 500 for that of a chunk. `models N` makes N calls for the growth in memory.
"""

import json
import subprocess
import sys
import time
from statistics import median
from typing import Any

import anyio
import psutil

from podium.adapters.models.client import ModelProcess
from podium.domain.messages import Json
from podium.ports import ModelRequest
from tests.bench import latency

CALLS, LONG_CALLS, AT_ONCE, ROUNDS = 200, 10, 10, 3
SHORT, LONG = "Hello there, this is the reply.", "".join(f"{n:011} " for n in range(500))
STREAMING = 'replace(calls(call, text="".join(f"{n:011} " for n in range(200))), chunk_s=1 / 40)'

MESSAGES: tuple[dict[str, Json], ...] = tuple(
    {"role": "user" if n % 2 else "assistant", "content": f"{n} " + "line of code\n" * 52} for n in range(12)
)

PROVIDER = f"""
import anyio
from tests.models.provider import Provider, says
async def main():
    def respond(request):
        return says({LONG!r} if request.body["model"] == "long" else {SHORT!r})
    async with Provider(respond) as provider:
        print(provider.url, flush=True)
        await anyio.sleep_forever()
anyio.run(main)
"""

SDK = """
import json, os, sys, time
os.environ.update(LITELLM_MODE="PRODUCTION", LITELLM_OFFLINE_MODE="true")
import anyio
messages, plan = json.load(sys.stdin)
if sys.argv[1] == "openai":
    from openai import AsyncOpenAI
    client = AsyncOpenAI(base_url=sys.argv[2], api_key="k", max_retries=0)
    create = client.chat.completions.create
    prefix = ""
else:
    import litellm, functools
    create = functools.partial(litellm.acompletion, api_base=sys.argv[2], api_key="k", num_retries=0, max_retries=0)
    prefix = "openai/"
async def one(model):
    stream = await create(model=prefix + model, messages=messages, stream=True, stream_options={"include_usage": True})
    async for _ in stream:
        pass
async def many(model, n, at_once):
    left = list(range(n))
    async def agent():
        while left:
            left.pop()
            await one(model)
    async with anyio.create_task_group() as agents:
        for _ in range(at_once):
            agents.start_soon(agent)
async def main():
    await many("short", 20, 5)
    figures = []
    for model, n, at_once in plan:
        before = time.process_time()
        await many(model, n, at_once)
        figures.append((time.process_time() - before) * 1e3 / n)
    print(json.dumps(figures))
anyio.run(main)
"""


def run(calls: str = "10000") -> dict[str, float]:
    """Return milliseconds of CPU, the latency, and the growth of the model process in MB."""
    print(f"{ROUNDS} rounds of {CALLS} short and {LONG_CALLS} long calls each, {AT_ONCE} at once.")
    with subprocess.Popen([sys.executable, "-c", PROVIDER], stdout=subprocess.PIPE, text=True) as provider:
        assert provider.stdout
        try:
            url = provider.stdout.readline().strip()
            figures = anyio.run(_ours, url, int(calls))
            for name in ("openai", "litellm"):
                figures |= _theirs(name, url)
        finally:
            provider.kill()
    print(f"50 agents stream 40 chunks a second each; meanwhile {latency.ROUND_TRIPS} round trips.")
    busy = latency.measured(STREAMING)
    return figures | {"p99_ms_while_50_stream": busy["busy_p99_ms"], "p99_ms_idle": busy["idle_p99_ms"]}


def _theirs(name: str, url: str) -> dict[str, float]:
    """Return what one of the other clients takes, in a process of its own."""
    plan = [("short", CALLS, AT_ONCE), ("long", LONG_CALLS, AT_ONCE)] * ROUNDS
    done = subprocess.run(
        [sys.executable, "-c", SDK, name, url],
        input=json.dumps([MESSAGES, plan]),
        capture_output=True,
        text=True,
        check=True,
    )
    took: list[float] = json.loads(done.stdout.splitlines()[-1])
    return _figures(name + "_", took[0::2], took[1::2])


def _figures(prefix: str, short: list[float], long: list[float]) -> dict[str, float]:
    chunks = len(LONG) / 12
    call_ms = median(short)
    return {
        f"{prefix}cpu_ms_per_call": round(call_ms, 2),
        f"{prefix}cpu_ms_per_chunk": round((median(long) - call_ms) / chunks, 4),
    }


async def _ours(url: str, n_calls: int) -> dict[str, float]:
    before = set(psutil.Process().children())
    process, figures = ModelProcess({}), dict[str, float]()
    async with anyio.create_task_group() as tasks:
        await tasks.start(process.run)
        await _many(process, url, "short", 20)
        (child,) = set(psutil.Process().children()) - before
        figures = await _measured(process, child, url, n_calls)
        tasks.cancel_scope.cancel()
    return figures


async def _measured(process: ModelProcess, child: psutil.Process, url: str, n_calls: int) -> dict[str, float]:
    here_ms: list[float] = []
    total_ms: dict[str, list[float]] = {"short": [], "long": []}
    for _ in range(ROUNDS):
        for model, n in (("short", CALLS), ("long", LONG_CALLS)):
            here, there = time.process_time(), _cpu_s(child)
            await _many(process, url, model, n)
            here, there = time.process_time() - here, _cpu_s(child) - there
            total_ms[model].append((here + there) * 1e3 / n)
            if model == "short":
                here_ms.append(here * 1e3 / n)
    rss = child.memory_info().rss
    await _many(process, url, "short", n_calls)
    return {
        "lsp_cpu_ms_per_call": round(median(here_ms), 2),
        **_figures("", total_ms["short"], total_ms["long"]),
        "rss_growth_mb": round((child.memory_info().rss - rss) / 1e6, 1),
    }


async def _many(process: ModelProcess, url: str, model: str, n: int) -> None:
    left = list(range(n))

    async def agent() -> None:
        while left:
            name = f"r{left.pop()}"
            own: dict[str, Json] = {"role": "user", "content": name}  # what is the same is asked once
            request = ModelRequest(name, f"openai/{model}", "worker", (*MESSAGES, own), (), api_base=url)
            await process.complete(request)

    async with anyio.create_task_group() as agents:
        for _ in range(AT_ONCE):
            agents.start_soon(agent)


def _cpu_s(process: psutil.Process) -> float:
    times: Any = process.cpu_times()
    return float(times.user + times.system)
