"""How servers on one workspace are in touch, each with a port and a secret of its own."""

import json
from collections.abc import Mapping
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from anyio.streams.buffered import BufferedByteReceiveStream

from podium.adapters.neighbours import LocalNeighbours
from podium.domain.events import Process, QuestionAnswered, Record, Steered
from podium.domain.requests import AnswerQuestion, PauseMission, Request, SteerMission, receipt_in
from podium.errors import NotReached, UserError

pytestmark = pytest.mark.anyio

A, B = Process(1, "a"), Process(2, "b")


class Hears:
    """Notes what it is told; refuses to pause, and gives everything else a receipt."""

    def __init__(self) -> None:
        self.latest: dict[str, int] = {}
        self.told = anyio.Event()

    async def look(self) -> None:
        await anyio.lowlevel.checkpoint()

    async def hear(self, latest: Mapping[str, int]) -> None:
        self.latest |= latest
        self.told.set()

    async def carry_out(self, request: Request) -> str:
        if isinstance(request, PauseMission):
            raise UserError("Not now.")
        return f"done: {request.kind}"


def files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_news_and_requests_reach_the_others_and_a_refusal_comes_back(tmp_path: Path) -> None:
    first, second = (LocalNeighbours(tmp_path, process, lambda _: True) for process in (A, B))
    hears = Hears()
    async with anyio.create_task_group() as tasks:
        await tasks.start(first.run, hears)
        await tasks.start(second.run, Hears())
        assert second.reaches(A)
        second.tell("m-1", 7)
        with anyio.fail_after(10):
            await hears.told.wait()
        assert hears.latest == {"m-1": 7}
        assert await second.ask(A, SteerMission("m-1", "Hello")) == "done: steer"
        with pytest.raises(UserError, match=r"Not now\."):
            await second.ask(A, PauseMission("m-1"))
        with pytest.raises(NotReached):
            await second.ask(Process(3), PauseMission("m-1"))
        tasks.cancel_scope.cancel()
    assert files(tmp_path) == []


async def test_who_does_not_know_the_secret_is_not_let_in_and_what_a_dead_server_left_is_removed(
    tmp_path: Path,
) -> None:
    left = tmp_path / "9.json"
    left.write_text(json.dumps({"secret": "x", "process": 9, "port": 9}), encoding="utf-8")
    async with anyio.create_task_group() as tasks:
        await tasks.start(LocalNeighbours(tmp_path, A, lambda _: False).run, Hears())
        (place,) = files(tmp_path)
        assert place.stat().st_mode & 0o777 == 0o600
        hello = json.loads(place.read_text(encoding="utf-8"))
        for secret, answer in (("guessed", b""), (hello["secret"], b"{}")):
            async with await anyio.connect_tcp("127.0.0.1", hello["port"]) as stream:
                await stream.send(json.dumps({"secret": secret, "process": 2}).encode() + b"\n")
                received = BufferedByteReceiveStream(stream)
                with anyio.fail_after(10):
                    try:
                        said = await received.receive_until(b"\n", 100)
                    except anyio.IncompleteRead:
                        said = b""
                assert said == answer
        tasks.cancel_scope.cancel()


def test_the_receipt_of_a_request_whose_answer_was_lost_is_found_among_what_was_recorded() -> None:
    records = [
        Record("m-1", 1, 0.0, Steered("s-1", "Hello")),
        Record("m-1", 2, 0.0, QuestionAnswered("q-1", "yes")),
    ]
    assert receipt_in(SteerMission("m-1", "Hello"), records) == "s-1"
    assert receipt_in(AnswerQuestion("m-1", "q-1", "yes"), records) == ""
    for lost in (
        SteerMission("m-1", "Goodbye"),
        AnswerQuestion("m-1", "q-1", "no"),
        PauseMission("m-1"),
    ):
        assert receipt_in(lost, records) is None
