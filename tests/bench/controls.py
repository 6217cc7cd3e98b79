"""How soon pause, resume, an interrupt and cancel take effect on a mission with fifty agents and checks at work.

Forty agents have an answer streaming in, ten ask again as soon as they are answered; the provider is a process of its
own. Further tasks are being checked, in one real process tree for each core, which would last ten minutes. What
counts is what the provider and the system see, from the moment before the command is sent:

- `pause_ms`: until the last request has arrived, the processes of the checks are gone, and the command is answered
- `resume_ms`: until all of the ten have asked again; `checks_again_ms`: until as many checks run as before
- `steer_ms`: until all fifty have asked anew with what was said; `steer_closed_ms`: until what they waited for is closed
- `cancel_ms`: until the mission has ended for the editor, every request in flight is closed and every check is gone
- `connections_closed_ms`: until the last request in flight is closed at the provider, after the cancel

All are the median of three missions in one server. `..._ratio` is the same beside `round_trip_ms`, the median of a bare
request of the editor while the fifty work. `..._cpu_ms` is what the server and the model process computed meanwhile, and
`..._starved_ms` how long they were ready to and had no core, because the machine was busy with something else. `left` counts what is in the temporary directory after a cancel that was not
there before, and whatever is there after the server's end.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import anyio
import anyio.to_thread
import psutil

from podium.domain.messages import Json
from podium.lsp.client import Client
from tests.bench._server import serving

STREAMING, ASKING = 40, 10
CORES = os.cpu_count() or 1
ROUNDS = 3
ROUND_TRIPS = 100
WATCHED_S = 1.0
"""How long is watched what still comes after a command has taken effect."""
TIMEOUT_S = 60.0
SAID = "Hurry."

PROVIDER = """
import sys
from dataclasses import replace
import anyio
from tests.models.provider import Provider, Received, Reply, calls

CORES, ASKING, STREAMING, SAID = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
TASKS = [*(f"checked{n}" for n in range(2 * CORES)), *(f"asking{n}" for n in range(ASKING)),
         *(f"streaming{n}" for n in range(STREAMING))]

def respond(request: Received) -> Reply:
    messages = request.body["messages"]
    if request.role == "planner":
        return calls(("submit_plan", {"tasks": [
            {"id": name, "title": f"Do {name}", "instructions": "Do it.", "files": [f"{name}.txt"], "checks": ["slow"]}
            for name in TASKS]}))
    path = str(messages).split("Files: ")[1].split(".txt")[0]
    print(request.arrived_at, path, "steered" if SAID in str(messages) else "asked", flush=True)
    tasks.start_soon(closing, request, path)
    call = ("read_file", {"path": f"{path}.txt", "start_line": len(messages)})
    if path.startswith("streaming"):
        return replace(calls(call, text="one more word" * 1000), chunk_s=0.1)
    if path.startswith("asking"):
        return calls(call).after(0.1)
    return calls(("write_file", {"path": f"{path}.txt", "content": "done\\n"}), ("finish", {"summary": "Done."}))

async def closing(request: Received, path: str) -> None:
    await request.abandoned.wait()
    print(request.abandoned_at, path, "closed", flush=True)

async def main() -> None:
    global tasks
    async with anyio.create_task_group() as tasks, Provider(respond) as provider:
        print(provider.url, flush=True)
        await anyio.sleep_forever()

anyio.run(main)
"""

CHECK = "sleep 600 & sleep 601"


@dataclass(frozen=True, slots=True)
class Seen:
    """What the provider saw at a moment (`time.monotonic()`): a task's request came, or its connection was closed."""

    at: float
    task: str
    what: str


class Log:
    """What the provider saw, as it tells line by line."""

    def __init__(self, provider: subprocess.Popen[str]) -> None:
        self._provider = provider
        self._seen: list[Seen] = []
        self._more = anyio.Event()

    async def read(self) -> None:
        """Read until the provider is gone."""
        while line := await anyio.to_thread.run_sync(self._line, abandon_on_cancel=True):
            at, task, what = line.split()
            self._seen.append(Seen(float(at), task, what))
            self._more.set()
            self._more = anyio.Event()

    def _line(self) -> str:
        assert self._provider.stdout
        return self._provider.stdout.readline()

    def since(self, moment: float) -> list[Seen]:
        """Return what was seen from a moment on."""
        return [one for one in self._seen if one.at >= moment]

    def first(self, what: str, since: float) -> dict[str, float]:
        """Return when something was first seen of each task that has an agent at work."""
        found: dict[str, float] = {}
        for seen in self.since(since):
            if seen.what == what and not seen.task.startswith("checked"):
                found.setdefault(seen.task, seen.at)
        return found

    async def of_agents(self, n: int, what: str, since: float) -> dict[str, float]:
        """Wait until something was seen of `n` agents, and return when it was first seen of each."""
        with anyio.fail_after(TIMEOUT_S):
            while len(self.first(what, since)) < n:
                await self._more.wait()
        return self.first(what, since)


def run() -> dict[str, float]:
    """Return how soon each command takes effect, in milliseconds and in round trips."""
    print(f"{STREAMING} + {ASKING} agents and {CORES} checks at work; {ROUNDS} missions.")
    command = [sys.executable, "-c", PROVIDER, *map(str, (CORES, ASKING, STREAMING)), SAID]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as provider,
    ):
        assert provider.stdout
        try:
            return anyio.run(_measure, Path(folder), provider.stdout.readline().strip(), provider)
        finally:
            provider.kill()


async def _measure(home: Path, url: str, provider: subprocess.Popen[str]) -> dict[str, float]:
    (home / "project").mkdir()
    (temporary := home / "tmp").mkdir()
    os.environ |= {"TMPDIR": str(temporary), "BENCH_KEY": "unused"}
    for kind, n_files in {"checked": 2 * CORES, "asking": ASKING, "streaming": STREAMING}.items():
        for n in range(n_files):
            (home / "project" / f"{kind}{n}.txt").write_text("line\n" * 2000, encoding="utf-8")
    options: dict[str, Json] = {
        "model": "openai/scripted",
        "apiBase": url,
        "apiKeyEnv": "BENCH_KEY",
        "checks": {"slow": ["sh", "-c", CHECK]},
    }
    ended: dict[str, float] = {}

    def note(method: str, params: Mapping[str, Json]) -> None:
        event = params.get("event")
        if method == "podium/event" and isinstance(event, dict) and event.get("kind") == "mission_ended":
            ended[str(params["missionId"])] = time.monotonic()

    log = Log(provider)
    rounds: list[dict[str, float]] = []
    async with anyio.create_task_group() as reading:
        reading.start_soon(log.read)
        async with serving(home / "project", options, note) as client:
            for _ in range(ROUNDS):
                before = {*temporary.iterdir()}
                rounds.append(await _Mission(client, log, ended).figures())
                slots = {place for place in temporary.iterdir() if place.name.startswith("podium-checks-")}
                rounds[-1]["left"] = len({*temporary.iterdir()} - before - slots)
                print(rounds[-1], flush=True)
        provider.kill()
    usual = {name: median(figures[name] for figures in rounds) for name in rounds[0]}
    ratios = {
        f"{name}_ratio": round(usual[f"{name}_ms"] / usual["round_trip_ms"], 1)
        for name in ("pause", "resume", "steer", "cancel", "connections_closed")
    }
    left = sum(figures["left"] for figures in rounds) + len([*temporary.iterdir()])
    return usual | ratios | {"left": left}


class _Mission:
    """One mission that is paused, goes on, is interrupted and is cancelled."""

    def __init__(self, client: Client, log: Log, ended: Mapping[str, float]) -> None:
        self._client = client
        self._log = log
        self._ended = ended
        self._computed = (0.0, 0.0)

    async def figures(self) -> dict[str, float]:
        began = time.monotonic()
        mission = {**await self._client.execute("podium.task", {"goal": "Do everything."})}
        await self._log.of_agents(STREAMING + ASKING, "asked", began)
        await _checks_run()
        trips = [await self._round_trip() for _ in range(ROUND_TRIPS)]
        figures = {"round_trip_ms": round(median(trips), 2)}
        commands = (
            ("pause", self._pause),
            ("resume", self._resume),
            ("steer", self._steer),
            ("cancel", self._cancel),
        )
        for name, measured in commands:
            before = _computed()
            took = await measured(mission)
            cpu_s, starved_s = (after - was for after, was in zip(self._computed, before, strict=True))
            took |= {f"{name}_cpu_ms": cpu_s, f"{name}_starved_ms": starved_s}
            figures |= {of: round(seconds * 1e3, 1) for of, seconds in took.items()}
        return figures

    async def _pause(self, mission: Mapping[str, Json]) -> dict[str, float]:
        began = time.monotonic()
        answered, gone = await self._told("podium.pause", mission, _checks())
        await anyio.sleep(WATCHED_S)
        assert not _checks(), "checks run in a mission that is paused"
        after = self._log.since(began)
        assert not [seen for seen in after if seen.what == "closed"], "a pause lets requests in flight finish"
        last = max((seen.at for seen in after), default=began)
        return {"pause_ms": max(answered, gone, last) - began}

    async def _resume(self, mission: Mapping[str, Json]) -> dict[str, float]:
        began = time.monotonic()
        await self._told("podium.resume", mission)
        await _checks_run()
        checked = time.monotonic()
        again = await self._log.of_agents(ASKING, "asked", began)
        self._computed = _computed()
        return {"resume_ms": max(again.values()) - began, "checks_again_ms": checked - began}

    async def _steer(self, mission: Mapping[str, Json]) -> dict[str, float]:
        began = time.monotonic()
        await self._told("podium.steer", {**mission, "message": SAID, "when": "interrupt"})
        heard = await self._log.of_agents(STREAMING + ASKING, "steered", began)
        self._computed = _computed()
        closed = self._log.first("closed", began)
        assert len(closed) >= STREAMING, closed
        return {"steer_ms": max(heard.values()) - began, "steer_closed_ms": max(closed.values()) - began}

    async def _cancel(self, mission: Mapping[str, Json]) -> dict[str, float]:
        began = time.monotonic()
        answered, gone = await self._told("podium.cancel", mission, _checks())
        await anyio.sleep(WATCHED_S)
        closed = self._log.first("closed", began)
        assert len(closed) >= STREAMING, closed
        assert not _checks(), "checks outlive their mission"
        last = max(closed.values())
        ended = self._ended[str(mission["missionId"])]
        return {"cancel_ms": max(answered, gone, last, ended) - began, "connections_closed_ms": last - began}

    async def _told(
        self, command: str, arguments: Mapping[str, Json], processes: Sequence[int] = ()
    ) -> tuple[float, float]:
        """Send a command; return when it was answered, and when the last of the processes was gone."""
        gone = [answered := time.monotonic()]

        async def end_of(watched: int) -> None:
            await anyio.wait_readable(watched)
            gone.append(time.monotonic())
            os.close(watched)

        with anyio.fail_after(TIMEOUT_S):
            async with anyio.create_task_group() as tasks:
                for process in processes:
                    tasks.start_soon(end_of, os.pidfd_open(process))
                await self._client.execute(command, dict(arguments))
                gone.append(answered := time.monotonic())
        self._computed = _computed()
        return answered, max(gone)

    async def _round_trip(self) -> float:
        began = time.perf_counter()
        await self._client.execute("podium.missions", {})
        took_ms = (time.perf_counter() - began) * 1e3
        await anyio.sleep(0.01)
        return took_ms


def _server() -> psutil.Process:
    return next(child for child in psutil.Process().children() if "serve" in child.cmdline())


def _is_model(process: psutil.Process) -> bool:
    return "podium.adapters.models.host" in process.cmdline()


def _computed() -> tuple[float, float]:
    """Return how long the server and the model process have computed, and waited for a core, in seconds."""
    server = _server()
    model = next(child for child in server.children() if _is_model(child))
    threads = [place for one in (server, model) for place in Path(f"/proc/{one.pid}/task").iterdir()]
    told = [(thread / "schedstat").read_text(encoding="ascii").split() for thread in threads]
    return sum(int(ns) for ns, _, _ in told) / 1e9, sum(int(ns) for _, ns, _ in told) / 1e9


async def _checks_run() -> None:
    """Wait until a check runs on each core; nobody tells when a process has started."""
    with anyio.fail_after(TIMEOUT_S):
        while sum(_sleeps(pid) for pid in _checks()) < CORES:  # noqa: ASYNC110
            await anyio.sleep(0.01)


def _checks() -> list[int]:
    """Return the processes below the server that are none of the model process."""
    return [*_below(_server())]


def _below(process: psutil.Process) -> Iterator[int]:
    for child in process.children():
        try:
            if not _is_model(child):
                yield child.pid
                yield from _below(child)
        except psutil.NoSuchProcess:
            continue


def _sleeps(pid: int) -> bool:
    try:
        return psutil.Process(pid).cmdline() == ["sleep", "601"]
    except psutil.NoSuchProcess:
        return False
