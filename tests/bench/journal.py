"""How fast the journal acknowledges, and how fast a thousand missions and one of ten thousand events open.

Appends are measured beside plain SQLite that commits each event by itself, on the same disk, one after the other.
Opening is from nothing to a conductor that can be asked, with summaries and (`rebuilt`) without any.
"""

import json
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from statistics import quantiles

import anyio

from podium.adapters.checks.runner import LocalChecks
from podium.adapters.disk_workspace import DiskWorkspace
from podium.adapters.journal import SqliteJournal
from podium.adapters.journal_file import connect_writer, place
from podium.adapters.journal_opening import hold
from podium.adapters.knowledge_file import KnowledgeFile
from podium.domain.changes import FileEdit
from podium.domain.events import (
    AgentEnded,
    AgentStarted,
    Event,
    MissionEnded,
    MissionStarted,
    PlanSet,
    ProposalDelivered,
    ProposalMade,
    TaskAccepted,
    ToolReturned,
    to_json,
)
from podium.domain.plan import Task
from podium.engine.conductor import Conductor
from podium.engine.services import Services
from podium.ports import Delivery, ModelAnswer, ModelRequest

EVENT = ToolReturned("agent-1", "call-1", "read_file", {"path": "src/main.py"}, "x" * 800, ok=True)
PLAIN = 0
"""Stands among the numbers of writers for plain SQLite."""


def run(n_rounds: int = 5) -> dict[str, float]:
    """Return the figures of appending and of opening."""
    return _appending(n_rounds) | anyio.run(_opening)


def _appending(n_rounds: int) -> dict[str, float]:
    """Return events/s and milliseconds to the acknowledgement, in all and as ratios to plain SQLite.

    The contestants take turns, so that a slow moment of the disk meets all of them.
    """
    acks_ms: dict[int, list[float]] = {PLAIN: [], 1: [], 20: [], 200: []}
    took_s = dict.fromkeys(acks_ms, 0.0)
    for _ in range(n_rounds):
        for writers, acks in acks_ms.items():
            with tempfile.TemporaryDirectory() as folder:
                began = time.perf_counter()
                acks += anyio.run(_journal, Path(folder), writers) if writers else _plain(Path(folder))
                took_s[writers] += time.perf_counter() - began
    result: dict[str, float] = {}
    for writers, acks in acks_ms.items():
        name = f"{writers}_writers" if writers else "plain"
        cuts = quantiles(acks, n=100)
        result[f"{name}_events_per_s"] = round(len(acks) / took_s[writers])
        result[f"{name}_ack_p50_ms"] = round(cuts[49], 3)
        result[f"{name}_ack_p99_ms"] = round(cuts[98], 3)
    for writers in (1, 20, 200):
        ratio = result[f"{writers}_writers_events_per_s"] / result["plain_events_per_s"]
        result[f"{writers}_writers_times_plain"] = round(ratio, 2)
    return result


def _plain(state: Path, n_events: int = 500) -> list[float]:
    """Return how long each synchronous insert with its own commit took, in milliseconds."""
    line = to_json(EVENT).decode()
    acks_ms: list[float] = []
    path = place(state, state)
    hold(path, state).release()
    with closing(connect_writer(path)) as db:
        db.execute("INSERT INTO missions VALUES (1, 'm')")
        for seq in range(1, n_events + 1):
            began = time.perf_counter()
            db.execute("INSERT INTO records (mission, seq, at, event) VALUES (1, ?, 0, ?)", (seq, line))
            acks_ms.append((time.perf_counter() - began) * 1000)
    return acks_ms


async def _journal(state: Path, writers: int, n_events: int = 500) -> list[float]:
    """Return how long each of the appends took, in milliseconds, `n_events` or 20 for each writer."""
    acks_ms: list[float] = []

    async def write() -> None:
        for _ in range(max(n_events // writers, 20)):
            began = time.perf_counter()
            await journal.append("mission-1", [EVENT])
            acks_ms.append((time.perf_counter() - began) * 1000)

    async with (
        await SqliteJournal.open(state, state=state) as journal,
        anyio.create_task_group() as group,
    ):
        for _ in range(writers):
            group.start_soon(write)
    return acks_ms


async def _opening(n_missions: int = 1000, n_events: int = 10_000) -> dict[str, float]:
    """Return how many milliseconds it takes to open journals, at best of three."""
    with tempfile.TemporaryDirectory() as folder:
        many, long = Path(folder, "many"), Path(folder, "long")
        for place in (many, long):
            place.mkdir()
        async with await SqliteJournal.open(many, state=many) as journal, anyio.create_task_group() as tasks:
            for n in range(n_missions):
                tasks.start_soon(journal.append, f"m-{n}", _mission(20))
        async with await SqliteJournal.open(long, state=long) as journal:
            await journal.append("m-0", _mission(n_events)[:-1])
        rebuilt_ms = await _open(many)
        figures = {
            "open_1000_missions_ms": min([await _open(many) for _ in range(3)]),
            "open_1000_missions_rebuilt_ms": rebuilt_ms,
            "open_10000_events_ms": min([await _open(long) for _ in range(3)]),
        }
    return {name: round(value, 1) for name, value in figures.items()}


def _mission(n_events: int) -> list[Event]:
    """Return the events of a mission with one task, in which an agent calls tools `n_events` times."""
    task = Task("t1", "Mend it", "Mend the function. " * 10, ("src/main.py",))
    begun = [
        MissionStarted("Make the failing tests pass", "task", "m", "verified"),
        PlanSet((task,)),
        AgentStarted("agent-1", "worker", "t1", "m", ({"role": "user", "content": "x" * 4000},)),
    ]
    edit = FileEdit("src/main.py", b"x" * 2000, b"y" * 2000)
    ended = [
        TaskAccepted("t1", (edit,), "hash", ("tests",)),
        ProposalMade("p-1", "Mend it", (edit,)),
        ProposalDelivered("p-1", "editor", (edit,)),
        AgentEnded("agent-1", "done"),
        MissionEnded("signed_off", "Mended."),
    ]
    return [*begun, *[EVENT] * n_events, *ended]


async def _open(folder: Path) -> float:
    """Return how many milliseconds pass until all missions can be listed."""
    began = time.perf_counter()
    async with await SqliteJournal.open(folder, state=folder) as journal:
        checks = LocalChecks(folder, {})
        outside = Services(
            _NoModel(), DiskWorkspace(folder), checks, journal, _NoFrontEnd(), KnowledgeFile(folder)
        )
        async with Conductor(outside, lambda _: True) as conductor:
            took_ms = (time.perf_counter() - began) * 1000
            assert await conductor.in_short()
        await checks.aclose()
    return took_ms


class _NoModel:
    async def complete(self, request: ModelRequest) -> ModelAnswer:
        raise NotImplementedError


class _NoFrontEnd:
    async def deliver(self, label: str, edits: Sequence[FileEdit]) -> Delivery:
        raise NotImplementedError


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
