"""Which process this is, whether another one still lives, and when it ends.

The system gives a process's id again after its end, so the time of its start goes with it.
"""

import ctypes
import os
import select
import subprocess
import sys
from pathlib import Path

import anyio

from podium.domain.events import Process

SOON_S = 1.0


def this_process() -> Process:
    """Return the process that asks."""
    return process_of(os.getpid())


def process_of(pid: int) -> Process:
    """Return the process that has this id now."""
    return Process(pid, _started(pid) or "")


def process_lives(process: Process) -> bool:
    """Return whether the process still runs; where its start is unknown, whether one with its id does."""
    if process.id <= 0 or not _exists(process.id):
        return False
    return not process.started or _started(process.id) == process.started


async def wait_until_gone(process: Process) -> None:
    """Return when the process has ended; where the system does not tell, soon, by when one that was killed has."""
    if not await see_end(process) and process_lives(process):
        await anyio.sleep(SOON_S)


async def see_end(process: Process) -> bool:
    """Return True when the process has ended, and False at once where its end cannot be seen.

    One in another container does not exist here; Windows and old systems show no ends at all.
    """
    watch = _watch(process.id)
    if watch is None:
        return False
    try:
        if process_lives(process):  # and not another one with its id
            await anyio.wait_readable(watch)
    finally:
        os.close(watch)
    return True


def _watch(pid: int) -> int | None:
    """Return a descriptor that becomes readable when `pid` ends, or None where there is none."""
    try:
        if sys.platform == "linux":
            return os.pidfd_open(pid)
        if sys.platform == "darwin":
            queue = select.kqueue()
            event = select.kevent(pid, select.KQ_FILTER_PROC, select.KQ_EV_ADD, select.KQ_NOTE_EXIT)
            queue.control([event], 0)
            return os.dup(queue.fileno())
    except (OSError, AttributeError):  # the system is too old, or the one that Python was built for
        pass
    return None


def _exists(pid: int) -> bool:
    if sys.platform == "win32":
        synchronize = 0x00100000
        handle = ctypes.windll.kernel32.OpenProcess(synchronize, False, pid)
        if handle:
            ctypes.windll.kernel32.CloseHandle(handle)
        return bool(handle)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _started(pid: int) -> str | None:
    """Return when a process began, in the system's own words; None where it has ended or that is not told."""
    if sys.platform == "win32":
        return None
    if sys.platform == "linux":
        try:
            # The name before the last parenthesis may hold anything; see proc(5) for the fields after it.
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        except OSError:
            return None
        return None if fields[0] == b"Z" else fields[19].decode()
    try:
        argv = ["/bin/ps", "-o", "lstart=", "-p", str(pid)]
        done = subprocess.run(argv, capture_output=True, check=False)  # noqa: S603 - nothing of a user's
    except OSError:
        return None
    return done.stdout.decode("utf-8", "replace").strip() or None
