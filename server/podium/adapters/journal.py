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

from podium.adapters import journal_file, journal_upkeep
from podium.adapters.journal_errors import JournalUnusable
from podium.adapters.journal_file import Entry
from podium.adapters.journal_opening import Held, hold
from podium.domain.events import Event, Record, to_json
from podium.errors import UserError

CLOSE_S = 15.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Append:
    """An entry on its way to the disk; `settled` is set on the event loop once `records` has its outcome."""

    entry: Entry
    records: Future[Sequence[Record]] = field(default_factory=Future[Sequence[Record]])
    settled: anyio.Event = field(default_factory=anyio.Event)


class _Opening:
    """A journal's file, which is opened as soon as that can be done; used by one thread at a time."""

    def __init__(self, path: Path, workspace: Path, connect: Callable[[Path], sqlite3.Connection]) -> None:
        self.path = path
        self.notice = ""
        self._workspace = workspace
        self._connect = connect
        self._held: Held | None = None
        self._file: tuple[int, int] | None = None
        self._db: sqlite3.Connection | None = None

    def open(self) -> sqlite3.Connection:
        """Return the connection for writing, opened now if that could not be done before.

        Raises:
            UserError: it still cannot, or the file is another one than before.
        """
        if self._db is not None:
            self._require_same_file()
            return self._db
        held = hold(self.path, self._workspace)
        try:
            self._db = self._connect(self.path)
        except sqlite3.Error as error:
            held.release()
            raise journal_file.told(error, self.path) from error
        self._held, self._file = held, _identity(self.path)
        self.notice = held.notice
        if self.notice:
            log.warning("%s", self.notice)
        return self._db

    def nothing_yet(self) -> bool:
        """Return whether there is no journal, because it could not be made."""
        return self._db is None and not self.path.exists()

    def close(self) -> None:
        """Let go of the file; the last process that does folds its write-ahead log into it."""
        if self._db is not None:
            self._db.close()
        if self._held is not None:
            self._held.release()

    def _require_same_file(self) -> None:
        """Make sure that what is written now will be found later."""
        if _identity(self.path) != self._file:
            raise UserError(
                f"The journal {self.path} was moved or deleted while Podium used it: put it back, or start Podium "
                "again to begin a new one."
            )


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


class SqliteJournal:
    """The journal of one workspace; get it from `open`, leave it through `async with` or `aclose`."""

    @classmethod
    async def open(
        cls,
        workspace: Path,
        *,
        state: Path | None = None,
        now: Callable[[], float] = time.time,
        connect: Callable[[Path], sqlite3.Connection] = journal_file.connect_writer,
    ) -> Self:
        """Return the journal of the folder `workspace`, which is created if there is none.

        It lies below `state` (by default `state_dir()`). `now` gives seconds since 1970. `connect` opens
        the writer's connection. Where the disk takes nothing now, the journal gives what can be read; each
        append tries again.

        Raises:
            UserError: the file cannot be used: it is damaged and another process has it open, or a newer
                Podium wrote it. It has not been changed then.
        """
        path = journal_file.place(state or journal_file.state_dir(), workspace)
        opening = _Opening(path, workspace, connect)
        try:
            await anyio.to_thread.run_sync(opening.open)
        except JournalUnusable as problem:
            log.warning("%s", problem)
            opening.notice = str(problem)
        return cls(opening, now, current_token())

    def __init__(self, opening: "_Opening", now: Callable[[], float], token: EventLoopToken) -> None:
        self.path = opening.path
        self._opening = opening  # the writer thread's own from here on
        self._now = now
        self._token = token
        self._queue: SimpleQueue[_Append | None] = SimpleQueue()
        self._closing = False
        self._closed = anyio.Event()
        self._writer = threading.Thread(target=self._write, name="podium-journal", daemon=True)
        self._writer.start()

    @property
    def notice(self) -> str:
        """What the user should know of how the file was opened; mostly nothing."""
        return self._opening.notice

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
        times = (self._now(),) * len(events)
        return await self._write_entry(mission_id, times, events, after)

    async def take_in(self, records: Sequence[Record]) -> bool:
        """Write the records of one mission as they are, numbered anew, and return whether that was done.

        It is not where the journal has such a mission already.

        Raises:
            UserError: the disk does not take them.
            anyio.ClosedResourceError: the journal is closed.
        """
        times = tuple(record.at for record in records)
        events = [record.event for record in records]
        return bool(await self._write_entry(records[0].mission_id, times, events, after=0))

    async def _write_entry(
        self, mission_id: str, times: tuple[float, ...], events: Sequence[Event], after: int | None
    ) -> Sequence[Record]:
        await checkpoint_if_cancelled()
        if self._closing:
            raise anyio.ClosedResourceError
        if not events:
            return ()
        lines = tuple(to_json(event).decode() for event in events)
        append = _Append(Entry(mission_id, times, tuple(events), lines, after))
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
        if await anyio.to_thread.run_sync(self._opening.nothing_yet):
            return ()
        return await anyio.to_thread.run_sync(journal_file.read, self.path, mission_id, after)

    async def missions(self) -> Mapping[str, int]:
        """Return the number of the last record of each mission of this workspace, by id, oldest first.

        Raises:
            UserError: the file is damaged.
        """
        if await anyio.to_thread.run_sync(self._opening.nothing_yet):
            return {}
        return dict(await anyio.to_thread.run_sync(journal_file.missions, self.path))

    async def summaries(self, edition: str) -> Mapping[str, str]:
        """Return the summaries by mission that are of `edition`, and of all records that the mission has now.

        Raises:
            UserError: the file is damaged, or cannot be read.
        """
        if await anyio.to_thread.run_sync(self._opening.nothing_yet):
            return {}
        return await anyio.to_thread.run_sync(journal_upkeep.summaries, self.path, edition)

    async def summarize(self, edition: str, summaries: Mapping[str, tuple[int, str]]) -> None:
        """Keep summaries of missions, each with the number of the last record that it is made of.

        Where that cannot be done, nothing is lost.
        """
        try:
            await anyio.to_thread.run_sync(journal_upkeep.summarize, self.path, edition, summaries)
        except UserError as problem:
            log.info("no summary of %s is kept: %s", ", ".join(summaries), problem)

    async def drop(self, rewritten: Sequence[Record], mission_ids: Sequence[str]) -> None:
        """Put records in the place of those with their numbers, and delete missions altogether.

        Raises:
            UserError: the disk does not take it.
        """
        if rewritten:
            await anyio.to_thread.run_sync(journal_upkeep.rewrite, self.path, rewritten)
        if mission_ids:
            await anyio.to_thread.run_sync(journal_upkeep.forget, self.path, mission_ids)
        if rewritten or mission_ids:
            await anyio.to_thread.run_sync(journal_upkeep.give_back, self.path)

    @asynccontextmanager
    async def deciding(self) -> AsyncGenerator[None]:
        """Be the only process that decides on missions of this workspace that have ended.

        Raises:
            UserError: another one does so, and has not ended within a second.
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
            with closing(self._opening):
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
            written = journal_file.write(self._opening.open(), [append.entry for append in batch])
            for append, records in zip(batch, written, strict=True):
                append.records.set_result(records)
        except sqlite3.Error as error:
            problem = journal_file.told(error, self.path)
            problem.__cause__ = error
            _fail(batch, problem)
        except UserError as error:
            _fail(batch, error)
        finally:
            anyio.from_thread.run_sync(_wake, batch, token=self._token)

    def _end(self) -> None:
        """Let nobody wait for a writer that is gone; runs on the event loop."""
        self._closing = True
        while not self._queue.empty():
            if append := self._queue.get_nowait():
                _wake([append])
        self._closed.set()


def _fail(batch: Sequence[_Append], error: Exception) -> None:
    for append in batch:
        append.records.set_exception(error)


def _wake(batch: Sequence[_Append]) -> None:
    for append in batch:
        if not append.records.done():
            append.records.set_exception(RuntimeError("the journal's writer has failed"))
        append.settled.set()
