"""When the server ends from outside: signals, and the limit on how long ending takes."""

import asyncio  # noqa: TID251 - anyio has no way to wake the loop from a signal handler on Windows
import os
import signal
import sys
import threading

import anyio
from anyio.abc import TaskStatus

HANG_UP = 1
"""The number of SIGHUP, which Windows does not have."""


async def wait_signal(*, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> int:
    """Return the number of the first SIGTERM, SIGINT or SIGHUP; they are caught once the task has started.

    A SIGHUP that was ignored before, as under `nohup`, stays so.
    """
    if sys.platform == "win32":
        return await _wait_windows_signal(task_status)
    hang_up = [] if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [signal.SIGHUP]
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, *hang_up) as signals:
        task_status.started()
        async for number in signals:
            return number
    raise AssertionError("the receiver of signals ended by itself")


def end_process_after(grace_s: float, exit_code: int) -> None:
    """End this process in `grace_s` at the latest, whatever still runs in it."""
    timer = threading.Timer(grace_s, os._exit, (exit_code,))
    timer.daemon = True
    timer.start()


async def _wait_windows_signal(task_status: TaskStatus[None]) -> int:
    received: list[int] = []
    arrived = anyio.Event()
    loop = asyncio.get_running_loop()

    def on_signal(number: int, _frame: object) -> None:
        received.append(number)
        loop.call_soon_threadsafe(arrived.set)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    task_status.started()
    await arrived.wait()
    return received[0]
