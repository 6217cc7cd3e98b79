"""Leases: which task may write which file. Two tasks never write one path at the same time.

A task begins with all the files that its plan names, or not at all. A running task that needs another
file waits for the task that holds it, unless that one waits for the first, directly or through others:
then nobody would ever go on, so the task is told to do without. Who waited longest gets a file that is
released, before tasks that have not begun.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TypeAlias

import anyio

from podium.domain.paths import confined
from podium.errors import ToolError

Waits: TypeAlias = Callable[[str, str], AbstractAsyncContextManager[None]]
"""What surrounds the wait for a path (first) that a task (second) holds."""


@dataclass(frozen=True, slots=True)
class _Turn:
    """A task's wait for one path."""

    path: str
    came: anyio.Event = field(default_factory=anyio.Event)


class Leases:
    """The files of one mission that are held by running tasks, and the tasks that wait for one.

    `reliving` tells whether the task that calls goes through its past again: it holds what it held in the end.
    """

    def __init__(self, reliving: Callable[[], bool] = lambda: False) -> None:
        self._reliving = reliving
        self._holder: dict[str, str] = {}
        self._waiting: dict[str, _Turn] = {}
        self._freed = anyio.Event()

    def take(self, task_id: str, paths: Iterable[str]) -> bool:
        """Give all `paths` to the task, or none of them if another task holds one; return which."""
        wanted = list(paths)
        if any(self._holder.get(path, task_id) != task_id for path in wanted):
            return False
        self._holder.update(dict.fromkeys(wanted, task_id))
        return True

    async def take_when_free(self, task_id: str, paths: Iterable[str]) -> None:
        """Give all `paths` to a task that holds nothing, once no other task holds one of them."""
        if self._reliving():
            return
        wanted = list(paths)
        while not self.take(task_id, wanted):
            await self._freed.wait()

    async def claim(self, task_id: str, path: str, waits: Waits) -> bool:
        """Give one more path to a running task, however it is spelt, and return whether it had to wait.

        A file that was waited for may hold something else now.

        Raises:
            ToolError: the path leaves the workspace, or waiting for it would never end.
        """
        path = confined(path)
        if self.take(task_id, (path,)):
            return False
        holder = self._holder[path]
        if self._depends(holder, task_id):
            raise ToolError(
                f"{path} is being changed by task {holder}, which waits for a file of yours; change only "
                "your own files, or finish without it and say in the summary what is missing."
            )
        turn = self._waiting[task_id] = _Turn(path)
        try:
            async with waits(path, holder):
                await turn.came.wait()
        finally:
            self._waiting.pop(task_id, None)
        return True

    def _depends(self, task_id: str, on: str) -> bool:
        """Return whether `task_id` is `on`, or waits for it through any number of others."""
        while task_id != on:
            if task_id not in self._waiting:
                return False
            task_id = self._holder[self._waiting[task_id].path]
        return True

    def release(self, task_id: str) -> None:
        """Take all paths back from the task, and give each to the one that has waited longest for it."""
        if self._reliving():
            return
        self._holder = {path: holder for path, holder in self._holder.items() if holder != task_id}
        for waiting, turn in list(self._waiting.items()):
            if turn.path not in self._holder:
                self._holder[turn.path] = waiting
                del self._waiting[waiting]
                turn.came.set()
        self._freed.set()
        self._freed = anyio.Event()

    def held_by(self, task_id: str) -> tuple[str, ...]:
        """Return the paths that the task holds, sorted."""
        return tuple(sorted(path for path, holder in self._holder.items() if holder == task_id))
