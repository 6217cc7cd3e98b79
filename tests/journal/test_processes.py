"""Several processes on one journal, and processes that are killed while they write."""

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from podium.adapters.journal import SqliteJournal

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]


@contextmanager
def writer(folder: Path, mission_id: str, n_writers: int, n_events: int) -> Generator[subprocess.Popen[str]]:
    """A process that appends pairs of events and prints the number of each acknowledged one."""
    argv = [sys.executable, "-m", "tests.journal.writer"]
    argv += [str(folder), str(folder), mission_id, str(n_writers), str(n_events)]
    env = {"PYTHONPATH": f"{ROOT / 'server'}:{ROOT}"}
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=env, cwd=ROOT) as process:
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
        assert await journal.missions() == []
        with writer(tmp_path, "theirs", n_writers=1, n_events=1) as process:
            assert acknowledged(process) == [1, 2]
        assert await journal.missions() == ["theirs"]
        assert await journal.last_seq("theirs") == 2
