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
from podium.adapters.journal_file import connect, prepare
from podium.domain.events import ToolReturned, to_json

WRITERS = (1, 20, 200)
EVENT = ToolReturned("agent-1", "call-1", "read_file", {"path": "src/main.py"}, "x" * 800, ok=True)


def run(n_events: int = 3000) -> dict[str, float]:
    """Return events/s and milliseconds to the acknowledgement by number of writers, and ratios to SQLite."""
    result: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        plain = _plain_sqlite(Path(folder, "plain"), n_events)
        result["plain_events_per_s"] = round(plain)
        for writers in WRITERS:
            Path(folder, str(writers)).mkdir()
            n_each = max(10, n_events * min(writers, 10) // writers)
            acks_ms, took_s = anyio.run(_journal, Path(folder, str(writers)), writers, n_each)
            cuts = quantiles(acks_ms, n=100)
            rate = len(acks_ms) / took_s
            result[f"{writers}_events_per_s"] = round(rate)
            result[f"{writers}_ack_p50_ms"] = round(cuts[49], 3)
            result[f"{writers}_ack_p99_ms"] = round(cuts[98], 3)
            result[f"{writers}_times_plain"] = round(rate / plain, 2)
    return result


def _plain_sqlite(state: Path, n_events: int) -> float:
    """Return the events/s of one synchronous insert and commit after the other."""
    state.mkdir()
    line = to_json(EVENT).decode()
    with closing(connect(prepare(state, state))) as db:
        db.execute("INSERT INTO missions VALUES (1, 'm')")
        began = time.perf_counter()
        for seq in range(1, n_events + 1):
            db.execute("INSERT INTO records (mission, seq, at, event) VALUES (1, ?, 0, ?)", (seq, line))
        return n_events / (time.perf_counter() - began)


async def _journal(state: Path, writers: int, n_each: int) -> tuple[list[float], float]:
    acks_ms: list[float] = []

    async def write() -> None:
        for _ in range(n_each):
            began = time.perf_counter()
            await journal.append("mission-1", [EVENT])
            acks_ms.append((time.perf_counter() - began) * 1000)

    async with await SqliteJournal.open(state, state=state) as journal:
        began = time.perf_counter()
        async with anyio.create_task_group() as group:
            for _ in range(writers):
                group.start_soon(write)
        return acks_ms, time.perf_counter() - began


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
