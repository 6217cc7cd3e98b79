"""A process that appends to a journal: `writer WORKSPACE STATE MISSION WRITERS EVENTS`.

It prints `MISSION SEQ` for each acknowledged event. With 0 events it goes on until it is killed.
"""

import itertools
import sys
from pathlib import Path

import anyio

from podium.adapters.journal import SqliteJournal
from podium.domain.events import AgentEnded


async def main(workspace: str, state: str, mission_id: str, n_writers: int, n_events: int) -> None:
    async def write() -> None:
        for _ in range(n_events) if n_events else itertools.count():
            records = await journal.append(mission_id, [AgentEnded("agent", "done"), AgentEnded("b", "done")])
            print("\n".join(f"{mission_id} {record.seq}" for record in records), flush=True)

    async with (
        await SqliteJournal.open(Path(workspace), state=Path(state)) as journal,
        anyio.create_task_group() as group,
    ):
        for _ in range(n_writers):
            group.start_soon(write)


if __name__ == "__main__":
    _, folder, state_folder, mission, writers, each = sys.argv
    anyio.run(main, folder, state_folder, mission, int(writers), int(each))
