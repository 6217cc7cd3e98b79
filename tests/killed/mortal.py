"""A server that kills itself: `python -m tests.killed.mortal 17 after` dies right after its 17th write to the journal.

With `before` it dies right before that write, and with `1.7 seconds` at any instant. With `17 full` (or `broken`) it
lives, but its disk takes nothing from its 17th write on, as long as the file `FAILING` lies beside its journals; with
`17 full-once`, only that write fails. With `17 +3600` the clock is set by so many seconds then. With `0 counted` it leaves the number of its writes in `COUNT` beside them.

It is the real one, put together as `podium serve` does, but for a journal that sends the process SIGKILL, or whose
connection to its file fails.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from podium.adapters.journal import SqliteJournal
from podium.adapters.processes import see_end
from podium.cli.workspace import open_workspace
from podium.config import Sources
from podium.domain.events import Event, Record
from podium.lsp.host import Host, serve
from podium.lsp.server import build
from tests.journal.disks import FailingDisk

COUNT = "n_writes"
FAILING = "failing"
FAULTS = {"full": FailingDisk.FULL, "broken": FailingDisk.BROKEN}


def _now() -> float:
    """Return the time by a clock that is set at one of the writes."""
    number, change = MortalJournal.moment
    is_set = change[0] in "+-" and MortalJournal.n_writes >= number
    return time.time() + (float(change) if is_set else 0.0)


class MortalJournal(SqliteJournal):
    """Kills its process at one of its writes, or finds its disk failing from there on."""

    moment: tuple[int, str] = (0, "before")
    disk = FailingDisk()
    n_writes = 0

    async def append(
        self, mission_id: str, events: Sequence[Event], after: int | None = None
    ) -> Sequence[Record]:
        MortalJournal.n_writes += 1
        reached, what = self.n_writes == self.moment[0], self.moment[1]
        if reached and what == "before":
            _die()
        fault, _, once = what.partition("-")
        failing = self.path.with_name(FAILING)
        if reached and fault in FAULTS:
            self.disk.fault = FAULTS[fault]
            if not once:
                failing.touch()
        elif not failing.exists():
            self.disk.fault = None
        records = await super().append(mission_id, events, after)
        if reached and what == "after":
            _die()
        return records

    async def aclose(self) -> None:
        await super().aclose()
        if self.moment[1] == "counted":
            self.path.with_name(COUNT).write_text(str(self.n_writes), encoding="ascii")


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(number: str, moment: str) -> int:
    """Serve until the write to the journal with this number, or for so many seconds."""
    if moment == "seconds":
        threading.Timer(float(number), _die).start()
    else:
        MortalJournal.moment = (int(number), moment)
    sources = Sources(Path(os.devnull), None, {}, {}, {})
    open_journal = partial(MortalJournal.open, connect=MortalJournal.disk.connect, now=_now)

    async def start(host: Host) -> None:
        build(host, sources, partial(open_workspace, open_journal=open_journal))

    return serve(start, see_end)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
