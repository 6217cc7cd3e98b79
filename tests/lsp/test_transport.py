"""Frames on real pipes: what can be read, what ends a stream, and what becomes of a slow client."""

import os
import threading
from collections.abc import Callable, Iterator

import pytest

from podium.lsp.transport import BadFrame, Outbox, read_frames


class Pipe:
    """A pipe whose ends can be closed twice."""

    def __init__(self) -> None:
        out, into = os.pipe()
        self.out = os.fdopen(out, "rb", 0)
        self.into = os.fdopen(into, "wb", 0)

    def frames(self) -> Iterator[bytes]:
        return read_frames(self.out.fileno())

    def outbox(self, lost: Callable[[], None] = lambda: None, **limits: int) -> Outbox:
        return Outbox(self.into.fileno(), lost, **limits)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.out.close()
    pipe.into.close()


def feed(pipe: Pipe, data: bytes) -> Iterator[bytes]:
    """Return the frames of a stream that holds `data` and ends."""
    assert pipe.into.write(data) == len(data)
    pipe.into.close()
    return pipe.frames()


def test_frames_are_told_apart_whatever_their_headers_look_like(pipe: Pipe) -> None:
    data = (
        b"Content-Length: 2\r\n\r\n{}"
        b"content-length:3\r\nContent-Type: x\r\n\r\n[1]"
        b"X: y\r\nCONTENT-LENGTH :  0  \r\n\r\n"
        b"Content-Length: 4\r\n\r\n\r\n\r\n"
    )
    assert list(feed(pipe, data)) == [b"{}", b"[1]", b"", b"\r\n\r\n"]


@pytest.mark.parametrize(
    "data", [b"", b"Content-Len", b"Content-Length: 2\r\n\r\n", b"Content-Length: 2\r\n\r\n{"]
)
def test_a_stream_may_end_anywhere(pipe: Pipe, data: bytes) -> None:
    assert list(feed(pipe, data)) == []


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Length: many\r\n\r\n{}",
        b"Content-Length: -5\r\n\r\n{}",
        b"Content-Length: 1_0\r\n\r\n{}",
        b"Content-Length:\r\n\r\n{}",
        b"Content-Type: x\r\n\r\n{}",
        b"Content-Length: 67108865\r\n\r\n",
        b"Content-Length: 99999999999999999999\r\n\r\n",
        b"x" * 10_000,
    ],
)
def test_a_header_that_cannot_be_trusted_ends_the_reading(pipe: Pipe, header: bytes) -> None:
    frames = feed(pipe, b"Content-Length: 2\r\n\r\n{}" + header)
    assert next(frames) == b"{}"
    with pytest.raises(BadFrame):
        next(frames)


def test_what_is_put_is_written_in_order_and_all_of_it_before_closing(pipe: Pipe) -> None:
    outbox = pipe.outbox()
    bodies = [b"%d" % number for number in range(1000)]
    for body in bodies:
        outbox.put(body)
    outbox.close(5)
    pipe.into.close()
    assert list(pipe.frames()) == bodies


def test_above_high_water_only_what_was_offered_is_dropped(pipe: Pipe) -> None:
    outbox = pipe.outbox(high_water=300_000)
    accepted = [outbox.offer(b"o" * 1000) for _ in range(1000)]
    assert accepted[0]
    assert not accepted[-1]
    outbox.put(b"important")
    assert outbox.n_dropped == accepted.count(False)
    frames = pipe.frames()
    arrived = [next(frames) for _ in range(accepted.count(True) + 1)]
    assert arrived[-1] == b"important"
    assert outbox.offer(b"there is room again")
    outbox.close(5)


def test_a_client_for_which_too_much_waits_counts_as_lost_once(pipe: Pipe) -> None:
    lost: list[int] = []
    outbox = pipe.outbox(lambda: lost.append(1), limit=300_000)
    for _ in range(1000):
        outbox.put(b"x" * 1000)
    assert lost == [1]
    assert not outbox.offer(b"nobody is there")
    pipe.out.close()
    outbox.close(5)


def test_a_client_that_closed_its_end_counts_as_lost(pipe: Pipe) -> None:
    lost = threading.Event()
    outbox = pipe.outbox(lost.set)
    pipe.out.close()
    outbox.put(b"x")
    assert lost.wait(5)
    outbox.close(5)


def test_closing_does_not_wait_for_a_client_that_does_not_read(pipe: Pipe) -> None:
    outbox = pipe.outbox()
    outbox.put(b"x" * 1_000_000)
    outbox.close(0.05)
    assert not outbox.offer(b"closed")
    pipe.out.close()
    outbox.close(5)
