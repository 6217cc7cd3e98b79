"""The command line with the real server: what the README promises in its first lines."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

import podium.cli.demo
from podium.cli import detaching
from tests.cli.command import interrupt_when, lines

PATIENCE_S = 110


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment in which everything that Podium leaves behind is below `tmp_path`."""
    for name in ("state", "config", "tmp"):
        (tmp_path / name).mkdir()
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PODIUM_")}
    own = {"PODIUM_STATE_DIR": "state", "XDG_CONFIG_HOME": "config", "TMPDIR": "tmp"}
    return kept | {key: str(tmp_path / name) for key, name in own.items()}


def podium_command(*argv: str) -> list[str]:
    return [sys.executable, "-m", "podium", *argv]


def run(environment: dict[str, str], folder: Path, *argv: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        podium_command(*argv),
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=PATIENCE_S,
    )


def left_running(tmp_path: Path) -> list[str]:
    """Return the command lines of processes that were started with an environment or folder below `tmp_path`."""
    found: list[str] = []
    for process in psutil.process_iter():
        try:
            known = [process.cwd(), *process.environ().values(), *process.cmdline()]
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
        if process.pid != os.getpid() and any(str(tmp_path) in text for text in known):
            found.append(" ".join(process.cmdline()))
    return found


def test_the_demo_makes_its_tests_pass_and_leaves_nothing_running(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    # A model of the user's own, even one that cannot work, must not matter here.
    (tmp_path / "config/podium").mkdir()
    (tmp_path / "config/podium/config.toml").write_text(
        'model = "openai/none"\n[roles.worker]\nmodel = "openai/none"\n', encoding="utf-8"
    )
    done = run(environment, tmp_path, "demo", "--keep")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "signed off" in done.stdout
    assert "13 passed" in done.stdout
    (kept,) = (tmp_path / "tmp").glob("podium-demo-*/bookings")
    assert str(kept) in done.stdout
    assert "self.start < other.end" in (kept / "bookings/interval.py").read_text(encoding="utf-8")
    assert left_running(tmp_path) == []


def test_ctrl_c_in_the_middle_of_real_work_leaves_nothing_running(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    project = tmp_path / "project"
    shutil.copytree(Path(podium.cli.demo.__file__).with_name("demo_project"), project)
    argv = podium_command("task", "make the failing tests pass", "--json")
    with subprocess.Popen(
        argv, env=environment, cwd=project, stdout=subprocess.PIPE, encoding="utf-8"
    ) as process:
        out = interrupt_when(process, "model_answered", signal.SIGINT)
    assert process.returncode == 130
    assert lines(out)[-1]["status"] == "cancelled"
    assert left_running(tmp_path) == []
    (mission,) = json.loads(run(environment, project, "missions", "--json").stdout)["missions"]
    shown = run(environment, project, "show", mission["missionId"])
    assert "cancelled" in shown.stdout
    unknown = run(environment, project, "show", "m-nothing")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert unknown.stderr.startswith("podium: There is no mission 'm-nothing'")


def test_undo_takes_back_what_a_mission_changed_and_brings_it_back_when_undone(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    (project := tmp_path / "project").mkdir()
    calc, wrong, right = project / "calc.py", "    return a - b\n", "    return a + b\n"
    calc.write_text(f"def add(a, b):\n{wrong}", encoding="utf-8")
    test = "from calc import add\n\n\ndef test_add():\n    assert add(2, 3) == 5\n"
    (project / "test_calc.py").write_text(test, encoding="utf-8")
    done = run(environment, project, "task", "make the failing test pass", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    mission_id = str(lines(done.stdout)[-1]["mission_id"])
    assert right in calc.read_text(encoding="utf-8")
    mine = "# mine\n\n\n"
    calc.write_text(mine + calc.read_text(encoding="utf-8"), encoding="utf-8")
    undone = run(environment, project, "undo", mission_id)
    assert (undone.returncode, undone.stdout.startswith("undone: ")) == (0, True), undone.stderr
    assert calc.read_text(encoding="utf-8") == f"{mine}def add(a, b):\n{wrong}"
    redone = run(environment, project, "undo", mission_id, "--json")
    assert json.loads(redone.stdout)["direction"] == "redone"
    changed = f"{mine}def add(a, b):\n    return a * b\n"
    calc.write_text(changed, encoding="utf-8")
    refused = run(environment, project, "undo", mission_id)
    assert (refused.returncode, refused.stdout.startswith("not undone: ")) == (1, True)
    assert calc.read_text(encoding="utf-8") == changed
    unknown = run(environment, project, "undo", mission_id, "--task", "none")
    assert (unknown.returncode, "no task 'none'" in unknown.stderr) == (1, True)


def test_a_plan_is_carried_out_by_resume_and_a_mission_that_has_ended_stays_so(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    (project := tmp_path / "project").mkdir()
    calc = project / "calc.py"
    calc.write_text("def add(a, b):\n    return a - b\n", encoding="utf-8")
    test = "from calc import add\n\n\ndef test_add():\n    assert add(2, 3) == 5\n"
    (project / "test_calc.py").write_text(test, encoding="utf-8")
    planned = run(environment, project, "plan", "make the failing test pass", "--json")
    assert planned.returncode == 0, planned.stdout + planned.stderr
    mission_id = str(lines(planned.stdout)[-1]["mission_id"])
    carried = run(environment, project, "resume", mission_id, "--json")
    last = lines(carried.stdout)[-1]
    assert (last["mission_id"], last["status"], last["tasks"]) == (mission_id, "signed_off", 1)
    assert "return a + b" in calc.read_text(encoding="utf-8")
    again = run(environment, project, "resume", mission_id)
    assert (again.returncode, "has ended" in again.stderr) == (1, True)
    ended = run(environment, project, "cancel", mission_id)
    assert (ended.returncode, ended.stdout.startswith(f"{mission_id} signed_off: ")) == (0, True)


def test_a_mission_is_cancelled_from_another_terminal(tmp_path: Path, environment: dict[str, str]) -> None:
    (project := tmp_path / "project").mkdir()
    (project / "test_slow.py").write_text(
        "import time\n\n\ndef test_slow():\n    time.sleep(1000)\n", encoding="utf-8"
    )
    argv = podium_command("task", "make the failing test pass", "--json")
    with subprocess.Popen(
        argv, env=environment, cwd=project, stdout=subprocess.PIPE, encoding="utf-8"
    ) as process:
        assert process.stdout
        started = next(line for line in process.stdout if "mission_started" in line)
        mission_id = str(lines(started)[0]["missionId"])
        cancelled = run(environment, project, "cancel", mission_id)
        assert (cancelled.returncode, cancelled.stdout.startswith(f"{mission_id} cancelled: ")) == (0, True)
        assert lines(process.communicate(timeout=PATIENCE_S)[0])[-1]["status"] == "cancelled"


def test_doctor_tells_what_works(tmp_path: Path, environment: dict[str, str]) -> None:
    told = run(environment, tmp_path, "doctor", "--json")
    assert {"model", "sandbox", "journal"} <= {line["name"] for line in json.loads(told.stdout)["lines"]}
    assert "podium 0." in run(environment, tmp_path, "doctor").stdout


def test_nothing_is_imported_from_the_folder_that_is_worked_in(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    (folder := tmp_path / "project").mkdir()
    (folder / "anyio.py").write_text("open('it-ran', 'w')", encoding="utf-8")
    for command in ((sys.executable, "-P", "-m", "podium", "missions"), detaching.COMMAND):
        subprocess.run(
            command,
            env=environment,
            cwd=folder,
            input=b"",
            capture_output=True,
            check=False,
            timeout=PATIENCE_S,
        )
    assert [place.name for place in folder.glob("it-ran")] == []
