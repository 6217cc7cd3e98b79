"""Leases under every order of events: one holder for each file, and always somebody who can go on."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import anyio.lowlevel
import pytest
from anyio.abc import TaskGroup
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.engine.leases import Leases, Waits
from podium.errors import ToolError

PATHS = tuple("abcdef")
LONGEST_S = 3.0


@dataclass(frozen=True, slots=True)
class Job:
    """A task: its planned files, then steps: a path to claim, a number of pauses, or the end by a failure."""

    files: frozenset[str]
    steps: Sequence[str | int | None]


class Failed(Exception):
    """What a step None raises."""


@dataclass(slots=True)
class Workshop:
    """Runs jobs over real leases as a mission runs tasks, and keeps its own account of who holds what."""

    jobs: Sequence[Job]
    leases: Leases = field(default_factory=Leases)
    writing: dict[str, str] = field(default_factory=dict[str, str])
    waiting: dict[str, str] = field(default_factory=dict[str, str])
    ended: list[str] = field(default_factory=list[str])
    n_waits: int = 0
    n_told: int = 0
    moved: anyio.Event = field(default_factory=anyio.Event)

    async def work_off(self, cancelled_after: int | None) -> None:
        """Start each job as soon as its files are free, until all have ended or the mission is cancelled."""
        names = {f"t{n}": job for n, job in enumerate(self.jobs)}
        async with anyio.create_task_group() as tasks:
            if cancelled_after is not None:
                tasks.start_soon(self._cancel, tasks, cancelled_after)
            while len(self.ended) < len(self.jobs):
                for name in [n for n, job in names.items() if self.leases.take(n, job.files)]:
                    tasks.start_soon(self._run, name, names.pop(name))
                await self.moved.wait()
                self.moved = anyio.Event()
            tasks.cancel_scope.cancel()

    async def _cancel(self, tasks: TaskGroup, steps: int) -> None:
        await pauses(steps)
        tasks.cancel_scope.cancel()

    async def _run(self, name: str, job: Job) -> None:
        try:
            for path in job.files:
                self._write(name, path)
            for step in job.steps:
                await self._step(name, step)
        except Failed:
            pass
        finally:
            self.writing = {path: task for path, task in self.writing.items() if task != name}
            self.leases.release(name)
            self.ended.append(name)
            self.moved.set()

    async def _step(self, name: str, step: str | int | None) -> None:
        if step is None:
            raise Failed
        if isinstance(step, int):
            await pauses(step)
            return
        try:
            await self.leases.claim(name, step, self._waits_of(name))
        except ToolError:
            self.n_told += 1
            assert self._goes_round(name, step), f"{name} was refused {step}, but could have waited"
        else:
            self._write(name, step)

    def _waits_of(self, name: str) -> Waits:
        @asynccontextmanager
        async def waits(path: str, holder: str) -> AsyncGenerator[None]:
            assert self.writing.get(path, holder) == holder
            self.n_waits += 1
            self.waiting[name] = path
            try:
                await anyio.lowlevel.checkpoint()
                yield
            finally:
                del self.waiting[name]

        return waits

    def _write(self, name: str, path: str) -> None:
        assert self.writing.setdefault(path, name) == name, f"{path} has two writers"
        assert path in self.leases.held_by(name)

    def _goes_round(self, name: str, path: str) -> bool:
        seen: set[str] = set()
        holder = self._holder(path)
        while holder not in seen:
            if holder == name:
                return True
            seen.add(holder)
            if holder not in self.waiting:
                return False
            holder = self._holder(self.waiting[holder])
        return False

    def _holder(self, path: str) -> str:
        return next(f"t{n}" for n in range(len(self.jobs)) if path in self.leases.held_by(f"t{n}"))


async def pauses(n: int) -> None:
    """Let everybody else go on, `n` times."""
    for _ in range(n):
        await anyio.lowlevel.checkpoint()


STEPS = st.lists(
    st.one_of(st.sampled_from(PATHS), st.sampled_from(PATHS), st.integers(0, 4), st.none()), max_size=6
)
JOBS = st.lists(st.builds(Job, st.frozensets(st.sampled_from(PATHS), max_size=2), STEPS), max_size=8)


@settings(max_examples=400, deadline=None)
@given(jobs=JOBS, cancelled_after=st.none() | st.integers(0, 30))
def test_every_schedule_ends_and_no_file_has_two_writers(
    jobs: Sequence[Job], cancelled_after: int | None
) -> None:
    async def main() -> Workshop:
        workshop = Workshop(jobs)
        with anyio.fail_after(LONGEST_S):
            await workshop.work_off(cancelled_after)
        return workshop

    workshop = anyio.run(main)
    if cancelled_after is None:
        assert sorted(workshop.ended) == sorted(f"t{n}" for n in range(len(jobs)))
    assert not any(workshop.leases.held_by(f"t{n}") for n in range(len(jobs)))
    assert workshop.leases.take("another mission's turn", PATHS)


@pytest.mark.anyio
async def test_fifty_tasks_in_a_ring_each_wait_but_for_the_last() -> None:
    jobs = [Job(frozenset({f"f{n}"}), [1, f"f{(n + 1) % 50}", 2]) for n in range(50)]
    workshop = Workshop(jobs)
    with anyio.fail_after(LONGEST_S):
        await workshop.work_off(None)
    assert len(workshop.ended) == 50
    assert (workshop.n_waits, workshop.n_told) == (49, 1)


@pytest.mark.anyio
async def test_a_released_file_goes_to_who_has_waited_longest_by_whatever_spelling() -> None:
    leases = Leases()
    assert leases.take("one", ["a.txt", "b.txt"])
    assert not leases.take("new", ["c.txt", "b.txt"])
    assert leases.held_by("new") == ()
    got: list[str] = []

    @asynccontextmanager
    async def waits(path: str, holder: str) -> AsyncGenerator[None]:
        assert (path, holder) == ("a.txt", "one")
        yield

    async def wait(task_id: str, path: str) -> None:
        assert await leases.claim(task_id, path, waits)
        got.append(task_id)

    assert not await leases.claim("one", "./a.txt", waits)
    with anyio.fail_after(LONGEST_S):
        async with anyio.create_task_group() as tasks:
            for task_id, path in (("two", "x/.././a.txt"), ("three", "./a.txt")):
                tasks.start_soon(wait, task_id, path)
                await anyio.wait_all_tasks_blocked()
            leases.release("one")
            assert leases.held_by("two") == ("a.txt",)
            assert not leases.take("new", ["a.txt"])
            assert leases.take("new", ["b.txt"])
            await anyio.wait_all_tasks_blocked()
            leases.release("two")
    assert got == ["two", "three"]
