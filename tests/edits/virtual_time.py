"""An event loop whose clock stands still while there is work and jumps when there is none."""

import asyncio  # noqa: TID251 - anyio takes its clock from the loop
import selectors
from collections.abc import Awaitable, Callable, Coroutine
from typing import TypeVar

import anyio

T = TypeVar("T")


class _Jumping(selectors.DefaultSelector):
    """Waits for nothing: the time that it should wait has passed at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("everything waits, and nothing would ever happen")
        self.now += max(0.0, timeout)
        return []


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


def run(work: Callable[[], Awaitable[T]]) -> T:
    """Return what `work` returns; its waits take no time, and it can reach no thread and no stream."""
    return anyio.run(work, backend_options={"loop_factory": _Loop})


class Stage:
    """A loop of that kind which stands still between two calls: what was started goes on with the next."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner(loop_factory=_Loop)

    def run(self, work: Coroutine[None, None, T]) -> T:
        """Return what `work` returns."""
        return self._runner.run(work)

    def start(self, work: Coroutine[None, None, None]) -> "asyncio.Task[None]":
        """Let `work` run beside what is run next."""
        return self._runner.get_loop().create_task(work)

    def close(self) -> None:
        """End everything that still runs."""
        self._runner.close()
