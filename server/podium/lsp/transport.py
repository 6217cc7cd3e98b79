"""Bytes in and out: the standard streams, the frames on them, and threads that never block the loop.

Nothing here knows what a message means. Reading and writing happen in one thread each, because a pipe can
block at any time and the event loop must not: a client that stops reading costs memory up to a limit,
never a frozen server.
"""

import logging
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator

_log = logging.getLogger(__name__)

MAX_FRAME_BYTES = 64 << 20
_MAX_HEADER_BYTES = 8192
_CHUNK_BYTES = 1 << 16
_BATCH_BYTES = 1 << 18


class BadFrame(Exception):
    """The stream cannot be read any further: what should be a header is none, or announces too much."""


def claim_stdio() -> tuple[int, int]:
    """Return file descriptors for the client's input and output that nothing else can reach.

    Afterwards descriptor 0 is the null device and 1 is standard error, so that neither a stray `print`
    nor a child process can take bytes from the protocol or put bytes into it.
    """
    sys.stdout.flush()
    fd_in, fd_out = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    try:
        os.dup2(2, 1)
    except OSError:  # started without a standard error
        os.dup2(null, 1)
    os.close(null)
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 - exists on this platform only

        msvcrt.setmode(fd_in, os.O_BINARY)
        msvcrt.setmode(fd_out, os.O_BINARY)
    else:
        os.set_blocking(fd_in, True)
        os.set_blocking(fd_out, True)
    return fd_in, fd_out


def read_frames(fd: int) -> Iterator[bytes]:
    """Yield the body of each frame that arrives on `fd`, until its end; blocks while waiting.

    Raises:
        BadFrame: a header is not readable, has no usable length, or announces more than 64 MiB.
    """
    buffer = bytearray()
    while True:
        while (end := buffer.find(b"\r\n\r\n")) < 0:
            if len(buffer) > _MAX_HEADER_BYTES:
                raise BadFrame(f"no end of a header within {_MAX_HEADER_BYTES} bytes")
            if not _fill(fd, buffer):
                return
        length = _content_length(bytes(buffer[:end]))
        del buffer[: end + 4]
        while len(buffer) < length:
            if not _fill(fd, buffer):
                return
        yield bytes(buffer[:length])
        del buffer[:length]


def _fill(fd: int, buffer: bytearray) -> bool:
    """Wait for more bytes; return whether any came before the end of the stream."""
    try:
        chunk = os.read(fd, _CHUNK_BYTES)
    except OSError:  # the other side broke the connection off: there is nothing more to read
        return False
    buffer += chunk
    return bool(chunk)


def _content_length(header: bytes) -> int:
    for line in header.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() != b"content-length":
            continue
        value = value.strip()
        if not value.isdigit() or len(value) > 12:
            raise BadFrame(f"Content-Length is {value[:40]!r}")
        if int(value) > MAX_FRAME_BYTES:
            raise BadFrame(f"a message of {int(value)} bytes; at most {MAX_FRAME_BYTES} are read")
        return int(value)
    raise BadFrame(f"a header without Content-Length: {header[:80]!r}")


class Outbox:
    """Frames on their way to the client, written by a thread of their own.

    `put` and `offer` never block and may be called from any thread. Above `high_water` bytes an offered
    frame is dropped; above `limit` bytes, or when the client's end is closed, the client counts as lost:
    `lost` is called once, from whichever thread noticed, and everything further is discarded.
    """

    def __init__(
        self, fd: int, lost: Callable[[], None], *, high_water: int = 4 << 20, limit: int = 256 << 20
    ) -> None:
        self._fd = fd
        self._lost = lost
        self._high_water = high_water
        self._limit = limit
        self._frames: deque[bytes] = deque()
        self._n_bytes = 0
        self._n_dropped = 0
        self._open = True
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._write, name="lsp-out", daemon=True)
        self._thread.start()

    @property
    def n_dropped(self) -> int:
        """How many frames were dropped so far because the client does not keep up."""
        return self._n_dropped

    def put(self, body: bytes) -> None:
        """Send `body`."""
        self._add(body, self._limit)

    def offer(self, body: bytes) -> bool:
        """Send `body` if the client keeps up; return whether it was accepted."""
        return self._add(body, self._high_water)

    def close(self, timeout_s: float) -> None:
        """Write what is waiting, for at most `timeout_s`, and accept nothing more."""
        with self._changed:
            self._open = False
            self._changed.notify()
        self._thread.join(timeout_s)

    def _add(self, body: bytes, ceiling: int) -> bool:
        frame = b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        with self._changed:
            # A single frame larger than the ceiling still goes out when nothing waits before it.
            accepted = self._open and (self._n_bytes == 0 or self._n_bytes + len(frame) <= ceiling)
            if accepted:
                self._frames.append(frame)
                self._n_bytes += len(frame)
                self._changed.notify()
            else:
                self._n_dropped += 1
            overflown = self._open and not accepted and ceiling == self._limit
        if overflown:
            _log.error("The client does not read: %d bytes are waiting for it.", self._n_bytes)
            self._give_up()
        return accepted

    def _write(self) -> None:
        while batch := self._next_batch():
            waiting = memoryview(batch)
            try:
                while waiting:
                    waiting = waiting[os.write(self._fd, waiting) :]
            except OSError:
                self._give_up()
                return
            with self._changed:
                self._n_bytes -= len(batch)

    def _next_batch(self) -> bytes:
        """Wait for frames and return some of them in one piece; empty once closed and all are written."""
        with self._changed:
            while self._open and not self._frames:
                self._changed.wait()
            batch = bytearray()
            while self._frames and len(batch) < _BATCH_BYTES:
                batch += self._frames.popleft()
            return bytes(batch)

    def _give_up(self) -> None:
        with self._changed:
            if not self._open:
                return
            self._open = False
            self._frames.clear()
            self._changed.notify()
        self._lost()
