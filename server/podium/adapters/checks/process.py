"""Runs one command in a process group of its own, with limits on time, memory and output.

Nothing of a command outlives its run: when it ends, when its time is over and when the caller is cancelled,
the whole group is killed. It does not know what a sandbox, a check or a candidate tree is.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio
from anyio.abc import ByteReceiveStream, Process

KEPT_OUTPUT = 64 * 1024
"""Bytes of output that are kept of a run: the first and the last half of this."""

_FROM_OUTSIDE = (9, 15)
"""SIGKILL and SIGTERM; by others, such as SIGSEGV and SIGABRT, a program dies of itself."""

TIMED_OUT = 124
NOT_FOUND = 127


@dataclass(frozen=True, slots=True)
class Limits:
    """What one process of a command may use at most; `None` of it applies where there is no POSIX shell.

    `memory_bytes` bounds the writable private memory (not the address space, which runtimes reserve
    generously), `file_bytes` the size of any file it writes. There is no limit on the number of processes:
    the system counts those for the whole user, editor and all.
    """

    memory_bytes: int = 4 * 1024**3
    file_bytes: int = 4 * 1024**3


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended: `exit_code` as in `subprocess`, or 124 with `timed_out`, or 127 if not found."""

    exit_code: int
    output: str
    duration_s: float
    timed_out: bool = False

    @property
    def was_killed(self) -> bool:
        """Whether somebody else ended it: the command itself died by a signal that programs do not send themselves."""
        return -self.exit_code in _FROM_OUTSIDE


class Output:
    """Keeps the first and the last 32 KiB of a stream, and counts what it drops."""

    def __init__(self, kept: int = KEPT_OUTPUT) -> None:
        self._half = kept // 2
        self._head = bytearray()
        self._tail: deque[bytes] = deque()
        self._n_tail = 0
        self._n_dropped = 0

    def add(self, chunk: bytes) -> None:
        """Take the next piece of the stream."""
        room = self._half - len(self._head)
        if room > 0:
            self._head += chunk[:room]
            chunk = chunk[room:]
        if not chunk:
            return
        self._tail.append(chunk)
        self._n_tail += len(chunk)
        while self._n_tail - len(self._tail[0]) >= self._half:
            dropped = len(self._tail.popleft())
            self._n_tail -= dropped
            self._n_dropped += dropped

    def text(self) -> str:
        """Return what was kept, with a line in the middle that says how much is missing."""
        tail = b"".join(self._tail)
        surplus = max(0, len(tail) - self._half)
        dropped = self._n_dropped + surplus
        head = self._head.decode("utf-8", "replace")
        if not dropped:
            return (bytes(self._head) + tail).decode("utf-8", "replace")
        return f"{head}\n[… {dropped} bytes left out …]\n{tail[surplus:].decode('utf-8', 'replace')}"


def limited(argv: Sequence[str], limits: Limits) -> list[str]:
    """Return `argv` behind a shell that lowers its own limits and then becomes the command.

    A shell, because code between fork and exec is unsafe in a process that has threads.
    """
    if sys.platform == "win32":
        return list(argv)
    script = (
        f"ulimit -c 0; ulimit -d {limits.memory_bytes // 1024} 2>/dev/null;"
        f' ulimit -f {limits.file_bytes // 512} 2>/dev/null; exec "$@"'
    )
    return [shutil.which("sh") or "/bin/sh", "-c", script, "sh", *argv]


async def start(
    argv: Sequence[str], cwd: Path, env: Mapping[str, str], *, stdin: bool = False, keep_stderr: bool = True
) -> Process:
    """Return `argv` as a running process that leads its own session.

    Standard output is a pipe that standard error goes into as well, unless it is thrown away.

    Raises:
        OSError: the command cannot be started.
    """
    return await anyio.open_process(
        list(argv),
        cwd=cwd,
        env=dict(env),
        stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if keep_stderr else subprocess.DEVNULL,
        start_new_session=sys.platform != "win32",
    )


def kill_group(process: Process) -> None:
    """Kill the process and everything that it started and that stayed in its group; once more is harmless."""
    if sys.platform == "win32":
        if process.returncode is None:
            process.kill()
        return
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


async def end(process: Process) -> None:
    """Kill the process group and release its pipes. Shielded and bounded: also right during cancellation."""
    with anyio.CancelScope(shield=True):
        kill_group(process)
        with anyio.move_on_after(5):
            await process.wait()
            kill_group(process)
            await process.aclose()


async def run_process(
    argv: Sequence[str], cwd: Path, env: Mapping[str, str], timeout_s: float, limits: Limits | None = None
) -> Finished:
    """Return how `argv` ended. Output beyond 64 KiB is read and dropped, so that it costs no memory."""
    started = time.monotonic()
    output = Output()
    try:
        process = await start(limited(argv, limits or Limits()), cwd, env)
    except OSError as problem:
        return Finished(NOT_FOUND, f"{argv[0]} cannot be started: {problem}", time.monotonic() - started)
    try:
        with anyio.move_on_after(timeout_s) as time_limit:
            await _finish(process, output)
    finally:
        await end(process)
    timed_out = time_limit.cancelled_caught
    exit_code = TIMED_OUT if timed_out or process.returncode is None else process.returncode
    return Finished(exit_code, output.text(), time.monotonic() - started, timed_out)


async def _finish(process: Process, output: Output) -> None:
    """Wait for the end of the process, and then no longer than 2 s for the end of its output.

    A background child that has left the group may hold the pipe open for ever.
    """
    assert process.stdout is not None  # noqa: S101 - `start` always makes the pipe
    async with anyio.create_task_group() as reading:
        reading.start_soon(_pump, process.stdout, output)
        await process.wait()
        kill_group(process)
        reading.cancel_scope.deadline = anyio.current_time() + 2


async def _pump(stream: ByteReceiveStream, output: Output) -> None:
    async for chunk in stream:
        output.add(chunk)
