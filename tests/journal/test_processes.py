"""Several processes on one journal, and processes that are killed while they write."""

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest

from podium.adapters.journal import SqliteJournal
from podium.domain.events import to_json

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]
ENV = {"PYTHONPATH": f"{ROOT / 'server'}:{ROOT}"}


@contextmanager
def writer(folder: Path, mission_id: str, n_writers: int, n_events: int) -> Generator[subprocess.Popen[str]]:
    """A process that appends pairs of events and prints the number of each acknowledged one."""
    argv = [sys.executable, "-m", "tests.journal.writer"]
    argv += [str(folder), str(folder), mission_id, str(n_writers), str(n_events)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=ENV, cwd=ROOT) as process:
        try:
            yield process
        finally:
            process.kill()


def acknowledged(process: subprocess.Popen[str]) -> list[int]:
    """Return the numbers that the process printed in whole lines before it ended."""
    output, _ = process.communicate(timeout=30)
    whole = output[: output.rfind("\n") + 1]
    return [int(line.split()[1]) for line in whole.splitlines()]


async def test_kill_9_loses_no_acknowledged_event(tmp_path: Path) -> None:
    acked: list[int] = []
    for n_lines in (1, 40, 150, 300, 600):
        with writer(tmp_path, "m", n_writers=30, n_events=0) as process:
            assert process.stdout is not None
            acked += [int(process.stdout.readline().split()[1]) for _ in range(n_lines)]
            process.kill()
            acked += acknowledged(process)
        async with await SqliteJournal.open(tmp_path, state=tmp_path) as journal:
            seqs = [record.seq for record in await journal.read("m")]
        assert seqs == list(range(1, len(seqs) + 1))
        assert len(seqs) % 2 == 0, "events of one append are written together"
        assert len(set(acked)) == len(acked) >= n_lines
        assert set(acked) <= set(seqs)


async def test_processes_that_share_a_mission_leave_no_gap_and_no_double(tmp_path: Path) -> None:
    with (
        writer(tmp_path, "m", n_writers=5, n_events=40) as one,
        writer(tmp_path, "m", n_writers=5, n_events=40) as two,
    ):
        acked = [acknowledged(one), acknowledged(two)]
    assert (one.returncode, two.returncode) == (0, 0)
    assert sorted(acked[0] + acked[1]) == list(range(1, 801))
    async with await SqliteJournal.open(tmp_path, state=tmp_path) as journal:
        assert [record.seq for record in await journal.read("m")] == list(range(1, 801))


async def test_an_open_journal_sees_what_another_process_wrote(tmp_path: Path) -> None:
    async with await SqliteJournal.open(tmp_path, state=tmp_path) as journal:
        assert await journal.missions() == {}
        with writer(tmp_path, "theirs", n_writers=1, n_events=1) as process:
            assert acknowledged(process) == [1, 2]
        assert await journal.missions() == {"theirs": 2}


FULL_DISK = """
import resource, sys
from pathlib import Path
import anyio
from podium.adapters.journal import SqliteJournal
from podium.domain.events import AgentEnded
from podium.errors import UserError

async def main(folder):
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    async with await SqliteJournal.open(folder, state=folder) as journal:
        await journal.append("m", [AgentEnded("a", "before")])
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
        try:
            await journal.append("m", [AgentEnded("a", "x" * 500_000)])
        except UserError as error:
            print(error)
        await journal.append("m", [AgentEnded("a", "small")])
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        await journal.append("m", [AgentEnded("a", "x" * 500_000)])

anyio.run(main, Path(sys.argv[1]))
"""


async def test_a_write_that_the_system_refuses_halfway_leaves_nothing_of_it(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", FULL_DISK, str(tmp_path)]
    with anyio.fail_after(30):
        done = await anyio.run_process(argv, env=ENV)
    assert b"could not be read or written: check its disk" in done.stdout
    async with await SqliteJournal.open(tmp_path, state=tmp_path) as journal:
        assert [(r.seq, len(to_json(r.event)) > 1000) for r in await journal.read("m")] == [
            (1, False),
            (2, False),
            (3, True),
        ]
