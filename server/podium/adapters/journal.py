"""The journal: what happened in the missions of one workspace, durable before it takes effect.

Appends queue up for one writer thread, which writes everything that waits in one transaction: a flush to
the disk costs the same for one event as for two hundred. An acknowledged event survives kill -9 and, since
`synchronous=FULL`, a power cut.

What it does not do: understand events, keep any of them in memory, mask secrets, or delete anything.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Self

import anyio
import anyio.from_thread
import anyio.to_thread
from anyio.lowlevel import EventLoopToken, checkpoint_if_cancelled, current_token

from podium.adapters import journal_file
from podium.adapters.journal_file import Entry
from podium.domain.events import Event, Record, to_json

CLOSE_S = 15.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Append:
    """An entry on its way to the disk; `settled` is set on the event loop once `records` has its outcome."""

    entry: Entry
    records: Future[Sequence[Record]] = field(default_factory=Future[Sequence[Record]])
    settled: anyio.Event = field(default_factory=anyio.Event)


class SqliteJournal:
    """The journal of one workspace; get it from `open`, leave it through `async with` or `aclose`."""

    @classmethod
    async def open(
        cls,
        workspace: Path,
        *,
        state: Path | None = None,
        now: Callable[[], float] = time.time,
        connect: Callable[[Path], sqlite3.Connection] = journal_file.connect,
    ) -> Self:
        """Return the journal of the folder `workspace`, which is created if there is none.

        It lies below `state` (by default `state_dir()`). `now` gives seconds since 1970. `connect` opens
        the writer's connection.

        Raises:
            UserError: the file cannot be used (damaged, written by a newer Podium, no access); it has
                not been changed then.
        """
        state = state or journal_file.state_dir()
        path = await anyio.to_thread.run_sync(journal_file.prepare, state, workspace)
        try:
            db = await anyio.to_thread.run_sync(connect, path)
        except sqlite3.Error as error:
            raise journal_file.explained(error, path) from error
        return cls(path, db, now, current_token())

    def __init__(
        self, path: Path, db: sqlite3.Connection, now: Callable[[], float], token: EventLoopToken
    ) -> None:
        self.path = path
        self._db = db  # the writer thread's own from here on
        self._now = now
        self._token = token
        self._queue: SimpleQueue[_Append | None] = SimpleQueue()
        self._closing = False
        self._closed = anyio.Event()
        self._writer = threading.Thread(target=self._write, name="podium-journal", daemon=True)
        self._writer.start()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def append(
        self, mission_id: str, events: Sequence[Event], after: int | None = None
    ) -> Sequence[Record]:
        """Return the records of `events` once they are durable, numbered from 1 without gaps per mission.

        All of `events` are written, or none; appends take effect in the order of the calls. A call that
        is cancelled before it begins writes nothing. One that has begun returns its records first
        (milliseconds later), so that nothing is written without its caller knowing. With `after`, nothing
        is written and nothing returned unless that is the number of the mission's last record.

        Raises:
            UserError: the disk does not take them; later appends work again when it does.
            anyio.ClosedResourceError: the journal is closed.
        """
        await checkpoint_if_cancelled()
        if self._closing:
            raise anyio.ClosedResourceError
        if not events:
            return ()
        lines = tuple(to_json(event).decode() for event in events)
        append = _Append(Entry(mission_id, self._now(), tuple(events), lines, after))
        self._queue.put(append)
        with anyio.CancelScope(shield=True):
            await append.settled.wait()
        return append.records.result(timeout=0)

    async def read(self, mission_id: str, after: int = 0) -> Sequence[Record]:
        """Return the records of one mission in order, those up to number `after` left out.

        There are none of a mission that is unknown.

        Raises:
            UserError: the file is damaged, or holds events of a newer Podium.
        """
        return await anyio.to_thread.run_sync(journal_file.read, self.path, mission_id, after)

    async def missions(self) -> Mapping[str, int]:
        """Return the number of the last record of each mission of this workspace, by id, oldest first.

        Raises:
            UserError: the file is damaged.
        """
        query = "SELECT id, (SELECT coalesce(max(seq), 0) FROM records WHERE mission = number) FROM missions ORDER BY number"
        return dict(await anyio.to_thread.run_sync(journal_file.select, self.path, query))

    @asynccontextmanager
    async def deciding(self) -> AsyncGenerator[None]:
        """Be the only process that decides on missions of this workspace that have ended.

        Raises:
            UserError: another one does so just now.
        """
        with closing(await anyio.to_thread.run_sync(journal_file.only_decider, self.path)):
            yield

    async def aclose(self) -> None:
        """Write what waits, fold the write-ahead log into the file, end the writer; at most 15 s."""
        if not self._closing:
            self._closing = True
            self._queue.put(None)
        with anyio.move_on_after(CLOSE_S, shield=True) as limit:
            await self._closed.wait()
        if limit.cancelled_caught:
            log.warning("the journal %s did not close within %.0f s", self.path, CLOSE_S)
        else:
            self._writer.join()

    def _write(self) -> None:
        """Write batches until the journal closes: the body of the writer thread."""
        try:
            with closing(self._db):  # the last process to close a file folds its write-ahead log into it
                while batch := self._next_batch():
                    self._settle(batch)
        finally:
            anyio.from_thread.run_sync(self._end, token=self._token)

    def _next_batch(self) -> list[_Append]:
        """Return all that waits, at least one append; empty when the journal closes."""
        batch: list[_Append] = []
        append = self._queue.get()
        while append:
            batch.append(append)
            try:
                append = self._queue.get_nowait()
            except Empty:
                return batch
        if batch:
            self._queue.put(None)  # met again after this batch
        return batch

    def _settle(self, batch: Sequence[_Append]) -> None:
        """Give every append of `batch` its outcome and wake its caller."""
        try:
            written = journal_file.write(self._db, [append.entry for append in batch])
            for append, records in zip(batch, written, strict=True):
                append.records.set_result(records)
        except sqlite3.Error as error:
            for append in batch:
                append.records.set_exception(journal_file.explained(error, self.path))
        finally:
            anyio.from_thread.run_sync(_wake, batch, token=self._token)

    def _end(self) -> None:
        """Let nobody wait for a writer that is gone; runs on the event loop."""
        self._closing = True
        while not self._queue.empty():
            if append := self._queue.get_nowait():
                _wake([append])
        self._closed.set()


def _wake(batch: Sequence[_Append]) -> None:
    for append in batch:
        if not append.records.done():
            append.records.set_exception(RuntimeError("the journal's writer has failed"))
        append.settled.set()
