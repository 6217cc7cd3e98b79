"""Missions whose server is killed with SIGKILL, and that another server carries to their end."""

import json
import os
import shutil
import sys
from pathlib import Path
from subprocess import DEVNULL

import anyio
import psutil
import pytest

from tests.bench.durability import gone_on
from tests.killed.failing import fail
from tests.killed.fight import fight, recorded
from tests.killed.job import AFTERWARDS, MORTAL, Place, live, place

pytestmark = pytest.mark.anyio
N_REQUESTS = 13
"""What the mission takes when nobody kills it."""


@pytest.mark.parametrize(
    "moment", [(8, "before"), (17, "after"), (26, "before"), (34, "after")], ids=lambda m: f"{m[0]}-{m[1]}"
)
async def test_a_killed_mission_ends_as_it_would_have_and_pays_for_no_answer_twice(
    moment: tuple[int, str], tmp_path: Path
) -> None:
    async with place(tmp_path) as there:
        number, side = moment
        before = await live(there, (*MORTAL, str(number), side))
        assert before.killed
        after, n_paid_again = await gone_on(there, N_REQUESTS)
        assert after.mission is not None
        assert (after.mission["status"], after.mission["reason"]) == ("signed_off", "All is right.")
        assert there.contents() == AFTERWARDS
        assert n_paid_again == 0


@pytest.mark.parametrize(("n_write", "fault"), [(1, "full"), (25, "broken-once"), (42, "full")])
async def test_where_the_disk_takes_nothing_the_user_is_told_and_the_mission_ends_as_it_would_have_once_it_does(
    n_write: int, fault: str, tmp_path: Path
) -> None:
    async with place(tmp_path) as there:
        failure = await fail(there, n_write, fault, N_REQUESTS)
        assert failure.is_clear(fault), failure
        assert failure.mission is not None
        assert (failure.mission["status"], failure.mission["reason"]) == ("signed_off", "All is right.")
        assert there.contents() == AFTERWARDS
        assert failure.n_again == 0


async def podium(there: Place, *argv: str) -> tuple[int, str]:
    """Return exit code and output of a command in the project; the model and the checks stand in the user's file."""
    options = there.settings
    config = there.root.parent / "config/podium/config.toml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(
        f"model = {json.dumps(options['model'])}\napi_base = {json.dumps(options['apiBase'])}\n"
        f"api_key_env = {json.dumps(options['apiKeyEnv'])}\nchecks = {{ check = ['sh', 'check.sh'] }}\n",
        encoding="utf-8",
    )
    done = await anyio.run_process(
        [sys.executable, "-m", "podium", *argv],
        cwd=there.root,
        env=os.environ | there.environment,
        stdin=DEVNULL,
        stderr=None,
        check=False,
    )
    return done.returncode, done.stdout.decode()


async def test_the_command_line_lists_a_killed_mission_as_interrupted_and_resume_carries_it_to_its_end(
    tmp_path: Path,
) -> None:
    async with place(tmp_path) as there:
        assert (await live(there, (*MORTAL, "17", "after"))).killed
        code, listed = await podium(there, "missions")
        mission_id, *line = listed.split()
        assert (code, line[3], listed.count("\n")) == (0, "interrupted", 1), listed
        assert listed.endswith(f"(podium resume {mission_id})\n")
        code, told = await podium(there, "resume", mission_id)
        assert (code, "signed off" in told) == (0, True), told
        assert there.contents() == AFTERWARDS
        code, told = await podium(there, "resume", mission_id, "--json")
        assert (code, told) == (1, ""), "it has ended"


async def test_of_two_servers_that_fight_for_a_mission_one_carries_it_on_and_the_other_says_where_it_runs(
    tmp_path: Path,
) -> None:
    async with place(tmp_path) as there:
        rounds = await fight(there, [("9", "after"), ("12", "before")])
        last = rounds[-1]
        assert [now.foul() for now in rounds] == [""] * len(rounds)
        assert last.mission is not None, rounds
        assert last.mission["status"] == "signed_off"
        assert there.contents() == AFTERWARDS
        assert sorted(last.fates) == ["carried on", "refused"]
        assert "does not run here but in another Podium" in last.refusals[0]


def server_in(folder: Path) -> psutil.Process:
    """Return the server whose journal lies below a folder."""

    def lives_in(process: psutil.Process) -> bool:
        return any(value.startswith(str(folder)) for value in process.environ().values())

    return next(process for process in psutil.Process().children() if lives_in(process))


async def test_when_the_model_process_is_killed_only_what_was_in_flight_is_asked_again(
    tmp_path: Path,
) -> None:
    def kill(number: int) -> None:
        if number == 5:
            server = server_in(tmp_path)
            (models,) = (p for p in server.children() if "podium.adapters.models.host" in p.cmdline())
            models.kill()

    async with place(tmp_path) as there:
        there.disturb = kill
        life = await live(there)
        assert life.mission is not None
        assert life.mission["status"] == "signed_off"
        assert there.contents() == AFTERWARDS
        assert 1 <= len(there.asked) - N_REQUESTS <= 3, "one for each Worker at most"


@pytest.mark.parametrize("change", ["+36000", "-36000"])
async def test_a_clock_that_is_set_while_a_mission_runs_and_set_right_before_it_goes_on_uses_up_none_of_its_minutes(
    change: str, tmp_path: Path
) -> None:
    async with place(tmp_path) as there:
        there.more["budget"] = {"minutes": 60}
        there.disturb = lambda number: server_in(tmp_path).kill() if number == 9 else None
        assert (await live(there, (*MORTAL, "10", change))).killed
        there.disturb = lambda _: None
        after, n_paid_again = await gone_on(there, N_REQUESTS)
        assert after.mission is not None
        assert (after.mission["status"], after.mission["reason"]) == ("signed_off", "All is right.")
        assert n_paid_again == 0
        times = [record.at for record in recorded(there)]
        assert times == sorted(times)
        assert max(times) - min(times) > 36_000 * (change[0] == "+")


async def test_a_mission_whose_folder_is_moved_after_a_kill_goes_on_there(tmp_path: Path) -> None:
    async with place(tmp_path) as there:
        assert (await live(there, (*MORTAL, "30", "after"))).killed
        there.root = Path(shutil.move(there.root, tmp_path / "renamed"))
        after, n_paid_again = await gone_on(there, N_REQUESTS)
        assert after.mission is not None
        assert (after.mission["status"], after.mission["reason"]) == ("signed_off", "All is right.")
        assert there.contents() == AFTERWARDS
        assert n_paid_again == 0
