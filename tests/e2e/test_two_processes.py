"""What outlives a server, and what two servers on one workspace make of each other."""

import json
import signal
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.e2e.editor import CommandFailed, Editor, editing
from tests.lsp.raw_client import ROOT, Message


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small Python project with a fault that the built-in model can repair."""
    (root := tmp_path / "project").mkdir()
    (root / "calc.py").write_text("def add(a, b):\n    return a - b\n", encoding="utf-8")
    (root / "test_calc.py").write_text(
        "from calc import add\n\n\ndef test_add():\n    assert add(2, 3) == 5\n", encoding="utf-8"
    )
    return root


def serving(project: Path) -> AbstractContextManager[Editor]:
    """Start a server on the project whose plans wait for approval."""
    return editing(project, project.parent / "state", {"approvePlan": True})


def waiting(editor: Editor) -> tuple[str, Message]:
    """Start a mission; return its id and the question that it waits for."""
    mission_id = editor.start("podium.task", "make the failing test pass")
    return mission_id, editor.question(mission_id)


def status(editor: Editor, mission_id: str) -> tuple[str, str]:
    """Return status and reason of a mission as `podium.missions` lists them."""
    listed = editor.execute("podium.missions")["missions"]
    (found,) = [m for m in listed if m["missionId"] == mission_id]
    return found["status"], found["reason"]


def test_a_mission_whose_server_was_killed_is_stopped_at_the_next_start_and_says_why(project: Path) -> None:
    with serving(project) as editor:
        mission_id, _ = waiting(editor)
        editor.wire.kill(signal.SIGKILL)
        editor.wire.exit_code()
    with serving(project) as editor:
        assert status(editor, mission_id) == ("stopped", "Podium was ended while the mission ran.")
        shown = editor.execute("podium.show", mission_id)
        assert (shown["tasks"][0]["state"], shown["questions"]) == ("pending", [])


def test_a_mission_that_has_ended_is_shown_after_a_restart_with_its_findings(project: Path) -> None:
    with serving(project) as editor:
        done = editor.mission("podium.review", {"uri": editor.uri("calc.py")})
        (finding,) = done["findings"]
    with serving(project) as editor:
        (shown,) = editor.diagnostics("test_calc.py")
        assert shown["data"] == {"findingId": finding["id"]}
        assert editor.execute("podium.show", done["missionId"]) == done


def test_two_servers_on_one_workspace_leave_each_others_missions_alone(project: Path) -> None:
    with serving(project) as first:
        mission_id, question = waiting(first)
        with serving(project) as second:
            assert status(second, mission_id)[0] == "waiting"
            with pytest.raises(CommandFailed, match="does not run here"):
                second.execute("podium.answer", {"questionId": question["id"], "answer": "no"})
            assert second.execute("podium.cancel", mission_id)["status"] == "waiting"
            searches = [editor.start("podium.search", "add") for editor in (first, second)]
            assert [e.ended(m)["status"] for e, m in zip((first, second), searches, strict=True)] == [
                "signed_off",
                "signed_off",
            ]
        assert status(first, mission_id)[0] == "waiting"
    with serving(project) as third:
        assert status(third, mission_id) == ("stopped", "Podium was closed while the mission ran.")
        assert {status(third, m)[0] for m in searches} == {"signed_off"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project without any tests."""
    (root := tmp_path / "bare").mkdir()
    (root / "notes.txt").write_text("notes\n", encoding="utf-8")
    return root


def test_a_task_in_a_project_without_tests_ends_with_one_line_that_says_what_to_do(folder: Path) -> None:
    argv = [sys.executable, "-m", "podium", "task", "make it better", "--json"]
    done = subprocess.run(
        argv,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    last = json.loads(done.stdout.splitlines()[-1])
    assert (last["kind"], last["status"]) == ("mission_ended", "failed")
    assert "`model`" in last["reason"]
    assert (folder / "notes.txt").read_text() == "notes\n"
    assert str(ROOT) not in last["reason"]
