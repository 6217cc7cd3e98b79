"""A server that kills itself: `python -m tests.killed.mortal 17 after` dies right after its 17th write to the journal.

With `before` it dies right before that write, and with `1.7 seconds` at any instant. With `0 counted` it lives, and
leaves the number of its writes in `COUNT` beside its journals.

It is the real one, put together as `podium serve` does, but for a journal that sends the process SIGKILL.
"""

import os
import signal
import sys
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Literal, cast

from podium.adapters.journal import SqliteJournal
from podium.cli.workspace import open_workspace
from podium.config import Sources
from podium.domain.events import Event, Record
from podium.lsp.host import Host, serve
from podium.lsp.server import build

Side = Literal["before", "after", "counted"]
COUNT = "n_writes"


class MortalJournal(SqliteJournal):
    """Kills its process at one of its writes."""

    moment: tuple[int, Side] = (0, "before")
    n_writes = 0

    async def append(
        self, mission_id: str, events: Sequence[Event], after: int | None = None
    ) -> Sequence[Record]:
        MortalJournal.n_writes += 1
        self._die_at("before")
        records = await super().append(mission_id, events, after)
        self._die_at("after")
        return records

    async def aclose(self) -> None:
        await super().aclose()
        if self.moment[1] == "counted":
            self.path.with_name(COUNT).write_text(str(self.n_writes), encoding="ascii")

    def _die_at(self, side: Side) -> None:
        if (MortalJournal.n_writes, side) == self.moment:
            _die()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(number: str, moment: str) -> int:
    """Serve until the write to the journal with this number, or for so many seconds."""
    if moment == "seconds":
        threading.Timer(float(number), _die).start()
    else:
        MortalJournal.moment = (int(number), cast("Side", moment))
    sources = Sources(Path(os.devnull), None, {}, {}, {})

    async def start(host: Host) -> None:
        build(host, sources, partial(open_workspace, open_journal=MortalJournal.open))

    return serve(start)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
