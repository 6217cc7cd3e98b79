"""Commands and their limits."""

import os
import signal
import sys
from pathlib import Path

import anyio
import psutil
import pytest

from podium.adapters.checks.process import Limits, Output, run_process
from podium.adapters.checks.sandbox import Sandbox
from podium.domain.checks import Check, CheckResult
from tests.checks.projects import NO_SANDBOX, both_ways, calculator, candidate, opened

pytestmark = pytest.mark.anyio
ENV = {"PATH": "/usr/bin:/bin"}


def running(word: str) -> list[psutil.Process]:
    return [one for one in psutil.process_iter() if word in command_line(one)]


def command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


async def gone(word: str) -> bool:
    """Wait until no process has the word on its command line, for 5 s at most."""
    with anyio.move_on_after(5):
        for process in running(word):
            await anyio.to_thread.run_sync(psutil.wait_procs, [process], 5)
    return not running(word)


@both_ways
async def test_when_the_time_is_over_the_whole_group_dies(tmp_path: Path, sandbox: Sandbox) -> None:
    root = calculator(tmp_path)
    check = Check("slow", ("sh", "-c", "echo begun; sleep 4201 & sleep 4201"), timeout_s=1)
    async with opened(root, sandbox) as checks:
        result = await checks.run(candidate(root), check)
    assert (result.exit_code, result.timed_out, result.output) == (124, True, "begun\n")
    assert result.failures[0].message == "slow was ended after 1 s"
    assert await gone("4201")


@pytest.mark.parametrize("n_kills", [1, 2])
async def test_a_check_that_somebody_else_killed_runs_once_more_on_the_same_tree(
    tmp_path: Path, n_kills: int
) -> None:
    root = calculator(tmp_path)
    os.mkfifo(begun := tmp_path / "begun")
    check = Check("tests", ("sh", "-c", f"ls left; echo x > left; echo $$ > {begun}; exec cat {begun}"))

    def act() -> None:
        for _ in range(n_kills):
            os.killpg(int(begun.read_text(encoding="utf-8")), signal.SIGKILL)
        if n_kills == 1:
            begun.read_text(encoding="utf-8")
            begun.write_text("the end\n", encoding="utf-8")

    results: list[CheckResult] = []
    async with opened(root, NO_SANDBOX) as checks, anyio.create_task_group() as tasks:
        tasks.start_soon(anyio.to_thread.run_sync, act)
        results.append(await checks.run(candidate(root), check))
    (result,) = results
    assert (result.exit_code, result.green) == ((0, True) if n_kills == 1 else (-signal.SIGKILL, False))
    assert "the end" in result.output or n_kills == 2
    assert "No such file" in result.output, "what the killed run left behind is gone"


@both_ways
async def test_what_a_command_leaves_in_the_background_dies_with_it(tmp_path: Path, sandbox: Sandbox) -> None:
    root = calculator(tmp_path)
    async with opened(root, sandbox) as checks:
        result = await checks.run_command(candidate(root), "sleep 4202 & echo done")
    assert result.green
    assert result.duration_s < 10
    assert await gone("4202")


@both_ways
async def test_a_cancelled_run_leaves_nothing_behind(tmp_path: Path, sandbox: Sandbox) -> None:
    root = calculator(tmp_path)
    async with opened(root, sandbox) as checks:
        with anyio.move_on_after(1.5):
            await checks.run_command(candidate(root), "sleep 4203 & sleep 4203")
        assert await gone("4203")
        assert (await checks.run_command(candidate(root), "echo fine")).green


async def test_endless_output_costs_neither_memory_nor_the_result(tmp_path: Path) -> None:
    before = psutil.Process().memory_info().rss
    finished = await run_process(["yes", "podium"], tmp_path, ENV, timeout_s=1)
    assert finished.timed_out
    assert len(finished.output) < 66 * 1024
    assert "bytes left out" in finished.output
    assert psutil.Process().memory_info().rss - before < 50 * 1024**2


async def test_memory_is_limited(tmp_path: Path) -> None:
    hungry = [sys.executable, "-c", "x = bytearray(300 * 1024 * 1024)"]
    finished = await run_process(hungry, tmp_path, ENV, 20, Limits(memory_bytes=100 * 1024**2))
    assert "MemoryError" in finished.output
    assert (await run_process(hungry, tmp_path, ENV, 20)).exit_code == 0


async def test_a_child_that_leaves_the_group_and_keeps_the_pipe_does_not_hold_up_the_result(
    tmp_path: Path,
) -> None:
    script = "import os, time\nif child := os.fork():\n    print(child)\nelse:\n    os.setsid()\n    time.sleep(600)\n"
    finished = await run_process([sys.executable, "-c", script], tmp_path, ENV, 30)
    os.kill(int(finished.output), signal.SIGKILL)  # it lives: the result came without it
    assert finished.exit_code == 0


def test_the_first_and_the_last_half_of_the_output_are_kept() -> None:
    output = Output(20)
    for piece in (b"0123", b"456789ab", b"c" * 100, b"the very end"):
        output.add(piece)
    assert output.text() == "0123456789\n[… 104 bytes left out …]\ne very end"
    short = Output(20)
    short.add("zwölf".encode()[:3])
    short.add("zwölf".encode()[3:])
    assert short.text() == "zwölf"
