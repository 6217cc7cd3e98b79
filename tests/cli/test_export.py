"""`podium export`, `import` and `replay`, with the real server: a mission leaves one workspace and is seen in another."""

import json
import os
import pty
import subprocess
from pathlib import Path

import pytest

from tests.cli.test_real_server import environment, podium_command, run

__all__ = ["environment"]

Environment = dict[str, str]


@pytest.fixture
def exported(environment: Environment, tmp_path: Path) -> Path:
    """A file with a mission that repaired a project."""
    (project := tmp_path / "project").mkdir()
    (project / "calc.py").write_text("def add(a, b):\n    return a - b\n", encoding="utf-8")
    (project / "test_calc.py").write_text(
        "from calc import add\n\n\ndef test_add():\n    assert add(2, 3) == 5\n", encoding="utf-8"
    )
    assert run(environment, project, "task", "make the test pass", "--quiet").returncode == 0
    (mission,) = json.loads(run(environment, project, "missions", "--json").stdout)["missions"]
    done = run(environment, project, "export", mission["missionId"], "-o", str(tmp_path / "bug.jsonl"))
    assert done.returncode == 0, done.stderr
    assert f"{tmp_path / 'bug.jsonl'}: " in done.stdout
    assert "0 secrets masked" in done.stdout
    return tmp_path / "bug.jsonl"


def test_a_mission_is_exported_seen_elsewhere_and_has_no_effect_there(
    environment: Environment, tmp_path: Path, exported: Path
) -> None:
    mission_id = json.loads(exported.read_text(encoding="utf-8").splitlines()[0])["mission_id"]
    assert exported.stat().st_mode & 0o777 == 0o600
    (other := tmp_path / "other").mkdir()
    (other / "calc.py").write_text("def add(a, b):\n    return a + b\n", encoding="utf-8")
    taken = run(environment, other, "import", str(exported))
    assert (taken.returncode, taken.stdout.split(":")[0]) == (0, f"{mission_id} signed_off"), taken.stderr
    assert "(imported)" in run(environment, other, "missions").stdout
    assert "return a - b" in run(environment, other, "show", mission_id).stdout
    for command in ("undo", "resume"):
        refused = run(environment, other, command, mission_id)
        assert refused.returncode == 1
        assert "was imported: it can be shown and replayed" in refused.stderr
    assert (other / "calc.py").read_text(encoding="utf-8") == "def add(a, b):\n    return a + b\n"
    again = run(environment, other, "import", str(exported))
    assert (again.returncode, "is a mission" in again.stderr and "already" in again.stderr) == (1, True)
    printed = run(environment, other, "export", mission_id, "-o", "-")
    assert [json.loads(line).get("seq") for line in printed.stdout.splitlines()][:3] == [None, 1, 2]


def test_a_replay_is_a_line_for_each_step_or_as_json_what_the_mission_said_itself(
    environment: Environment, tmp_path: Path, exported: Path
) -> None:
    n_records = len(exported.read_text(encoding="utf-8").splitlines()) - 1
    steps = run(environment, tmp_path, "replay", str(exported)).stdout.splitlines()
    assert len(steps) == n_records
    assert steps[0].split()[:5] == ["1", "0.0", "s", "mission", "started"]
    assert any("tool returned" in line and "calc.py" in line for line in steps)
    as_json = run(environment, tmp_path, "replay", str(exported), "--json").stdout.splitlines()
    *events, last = [json.loads(line) for line in as_json]
    assert [event["seq"] for event in events] == list(range(1, n_records + 1))
    assert (last["kind"], last["status"]) == ("mission_ended", "signed_off")
    of_workspace = run(environment, tmp_path / "project", "replay", events[0]["missionId"], "--json")
    assert of_workspace.stdout.splitlines() == as_json


def test_what_cannot_be_replayed_is_told(environment: Environment, tmp_path: Path) -> None:
    (wrong := tmp_path / "wrong.jsonl").write_text("no mission\n", encoding="utf-8")
    for source, told in ((str(wrong), "is not a mission"), ("m-none", "There is no mission 'm-none'")):
        done = run(environment, tmp_path, "replay", source)
        assert (done.returncode, told in done.stderr) == (1, True), done.stderr


def test_in_a_terminal_each_step_waits_for_a_key(environment: Environment, tmp_path: Path) -> None:
    escape = "\x1b]0;title\x07"
    header = {"podium_mission": 1, "mission_id": "m-1", "podium": "1", "exported_at": 1.0, "n_records": 3}
    started = {"goal": f"mend {escape}it", "mission_kind": "task", "model": "m", "apply": "verified"}
    events = [
        {"kind": "mission_started", **started},
        {"kind": "mission_paused"},
        {"kind": "mission_ended", "status": "stopped", "reason": "Enough."},
    ]
    lines = [json.dumps({"seq": n, "at": float(n), "event": event}) for n, event in enumerate(events, 1)]
    (file := tmp_path / "m.jsonl").write_text("\n".join([json.dumps(header), *lines, ""]), encoding="utf-8")
    shown = in_terminal(podium_command("replay", str(file)), environment, ["\n", "q\n"])
    assert "goal: mend \\x1b]0;title\\x07it" in shown
    assert "1/3 [Enter] next" in shown
    assert "2/3 [Enter] next" in shown
    assert "Enough." not in shown
    assert escape not in shown
    assert "Enough." in in_terminal(podium_command("replay", str(file)), environment, ["a\n"])


def in_terminal(argv: list[str], environment: Environment, keys: list[str]) -> str:
    """Return what a command shows in a terminal, in which `keys` are typed, each at the next prompt."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        argv, env=environment, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True
    ) as process:
        os.close(theirs)
        shown = b""
        n_prompts = 0
        try:
            while chunk := os.read(ours, 4096):
                shown += chunk
                if shown.count(b"[q] quit ") > n_prompts and n_prompts < len(keys):
                    os.write(ours, keys[n_prompts].encode())
                    n_prompts += 1
        except OSError:  # Linux says so where nobody holds the other end any more
            pass
        finally:
            process.kill()
            os.close(ours)
    return shown.decode()
