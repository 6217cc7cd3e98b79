"""How servers on one workspace are in touch, each with a port and a secret of its own."""

import json
import os
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from anyio.abc import ByteStream
from anyio.streams.buffered import BufferedByteReceiveStream

from podium.adapters.neighbours import HELLO_BYTES, HELLO_S, STRANGERS, LocalNeighbours
from podium.adapters.processes import process_lives, process_of, wait_until_gone
from podium.domain.events import PlanSet, Process, QuestionAnswered, Record, Steered
from podium.domain.requests import AnswerQuestion, PauseMission, Request, SteerMission, TakePlan, receipt_in
from podium.errors import NotReached, UserError

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
A, B = Process(1, "a"), Process(2, "b")


class Hears:
    """Notes what it is told; refuses to pause, and gives everything else a receipt."""

    def __init__(self) -> None:
        self.latest: dict[str, int] = {}
        self.told = anyio.Event()
        self.met = anyio.Event()

    async def look(self) -> None:
        await anyio.lowlevel.checkpoint()
        self.met.set()

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


async def test_strangers_may_be_few_and_say_little_before_they_tell_the_secret(tmp_path: Path) -> None:
    async with anyio.create_task_group() as tasks, AsyncExitStack() as strangers:
        await tasks.start(LocalNeighbours(tmp_path, A, lambda _: True).run, Hears())

        async def stranger() -> ByteStream:
            return await strangers.enter_async_context(
                await anyio.connect_tcp("127.0.0.1", port_in(tmp_path))
            )

        talker = await stranger()
        await talker.send(b"x" * (HELLO_BYTES + 1))
        with anyio.fail_after(HELLO_S / 2):
            assert await is_closed(talker)
        silent = [await stranger() for _ in range(STRANGERS)]
        with anyio.fail_after(HELLO_S / 2):
            assert await is_closed(await stranger())
        await silent[0].aclose()
        neighbour = LocalNeighbours(tmp_path, B, lambda _: True)
        await tasks.start(neighbour.run, Hears())
        assert neighbour.reaches(A)
        tasks.cancel_scope.cancel()


async def is_closed(stream: ByteStream) -> bool:
    """Wait until the other side has closed a connection on which it says nothing."""
    try:
        return not await stream.receive()
    except (anyio.EndOfStream, anyio.BrokenResourceError):
        return True


FEW_DESCRIPTORS = """
import logging, os, resource, socket, sys
from pathlib import Path
import anyio
from podium.adapters.neighbours import HELLO_BYTES, HELLO_S, STRANGERS, LocalNeighbours
from podium.adapters.processes import process_lives, process_of, wait_until_gone
from tests.journal.test_neighbours import A, B, Hears, port_in

async def main(folder):
    refused = anyio.Event()
    logging.getLogger("podium.adapters.neighbours").addFilter(lambda _: refused.set() or True)
    async with anyio.create_task_group() as tasks:
        hears = Hears()
        await tasks.start(LocalNeighbours(folder, A, lambda _: True).run, hears)
        held = [os.open("/", os.O_RDONLY) for _ in range(20)]
        callers = [socket.create_connection(("127.0.0.1", port_in(folder))) for _ in range(2)]
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) - 1, hard))
        await refused.wait()
        for descriptor in held:
            os.close(descriptor)
        await tasks.start(LocalNeighbours(folder, B, lambda _: True).run, Hears())
        await hears.met.wait()
        print("met")
        tasks.cancel_scope.cancel()

anyio.run(main, Path(sys.argv[1]))
"""


def port_in(folder: Path) -> int:
    port: int = json.loads(files(folder)[0].read_text(encoding="utf-8"))["port"]
    return port


@pytest.mark.skipif(sys.platform != "linux", reason="descriptors are counted in /proc")
async def test_a_server_without_a_descriptor_to_spare_lives_on_and_is_found_later(tmp_path: Path) -> None:
    environment = {"PYTHONPATH": os.pathsep.join([str(ROOT / "server"), str(ROOT)])}
    with anyio.fail_after(30):
        done = await anyio.run_process(
            [sys.executable, "-c", FEW_DESCRIPTORS, str(tmp_path)], env=environment, check=False
        )
    assert b"Too many open files" in done.stderr
    assert done.stdout.split() == [b"met"]


async def test_a_process_that_was_killed_is_gone_where_the_system_cannot_watch_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    async with await anyio.open_process(["sleep", "1000"]) as child:
        process = process_of(child.pid)
        child.kill()
        with anyio.fail_after(30):
            await wait_until_gone(process)
        assert not process_lives(process)


def test_the_receipt_of_a_request_whose_answer_was_lost_is_found_among_what_was_recorded() -> None:
    records = [
        Record("m-1", 1, 0.0, Steered("s-1", "Hello")),
        Record("m-1", 2, 0.0, QuestionAnswered("q-1", "yes")),
        Record("m-1", 3, 0.0, PlanSet((), author="planner-1")),
    ]
    taken = Record("m-1", 4, 0.0, PlanSet((), author="user"))
    assert receipt_in(TakePlan("m-1"), [*records, taken]) == ""
    assert receipt_in(SteerMission("m-1", "Hello"), records) == "s-1"
    assert receipt_in(AnswerQuestion("m-1", "q-1", "yes"), records) == ""
    for lost in (
        SteerMission("m-1", "Goodbye"),
        AnswerQuestion("m-1", "q-1", "no"),
        PauseMission("m-1"),
        TakePlan("m-1"),
    ):
        assert receipt_in(lost, records) is None
