"""How fast the journal acknowledges, beside plain SQLite that commits each event by itself.

Run with `python -m tests.bench.journal`; both run on the same disk, one after the other.
"""

import json
import tempfile
import time
from contextlib import closing
from pathlib import Path
from statistics import quantiles

import anyio

from podium.adapters.journal import SqliteJournal
from podium.adapters.journal_file import connect_writer, place
from podium.adapters.journal_opening import hold
from podium.domain.events import ToolReturned, to_json

EVENT = ToolReturned("agent-1", "call-1", "read_file", {"path": "src/main.py"}, "x" * 800, ok=True)
PLAIN = 0
"""Stands among the numbers of writers for plain SQLite."""


def run(n_rounds: int = 5) -> dict[str, float]:
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


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
