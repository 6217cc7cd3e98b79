"""What outlives a server, and what two servers on one workspace make of each other."""

import json
import os
import signal
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import anyio
import pytest

from podium.adapters.journal import SqliteJournal
from podium.adapters.processes import process_lives, process_of, this_process
from podium.domain.events import MissionStarted, Process
from podium.domain.messages import Json
from tests.e2e.conftest import KEY, settings
from tests.e2e.editor import CommandFailed, Editor, editing
from tests.e2e.team import Team, edits, plans
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


def shows(message: Message, text: str) -> bool:
    """Return whether a message of the server asks the user something."""
    return message.get("method") == "window/showMessageRequest" and message["params"]["message"] == text


def status(editor: Editor, mission_id: str) -> tuple[str, str]:
    """Return status and reason of a mission as `podium.missions` lists them."""
    listed = editor.execute("podium.missions")["missions"]
    (found,) = [m for m in listed if m["missionId"] == mission_id]
    return found["status"], found["reason"]


def test_a_mission_whose_server_was_killed_says_so_at_the_next_start_and_keeps_its_question(
    project: Path,
) -> None:
    with serving(project) as editor:
        mission_id, question = waiting(editor)
        editor.wire.kill(signal.SIGKILL)
        editor.wire.exit_code()
    with serving(project) as editor:
        assert status(editor, mission_id) == ("interrupted", "Podium was ended while the mission ran.")
        answer = {"questionId": question["id"], "answer": "no"}
        with pytest.raises(CommandFailed, match=r"was interrupted; let it go on first \(podium.resume\)"):
            editor.execute("podium.answer", answer)
        assert editor.execute("podium.resume", mission_id)["status"] == "waiting"
        editor.wire.wait_for(lambda m: shows(m, f"Podium asks: {question['text']}"))
        assert editor.execute("podium.show", mission_id)["questions"] == [question]
        editor.execute("podium.answer", answer)
        ended = editor.ended(mission_id)
        assert (ended["status"], ended["reason"]) == ("stopped", "The plan was not approved.")


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
            assert second.question(mission_id) == question
            with pytest.raises(
                CommandFailed, match=rf"does not run here .* \(process {first.wire.process.pid}\)"
            ):
                second.execute("podium.undo", mission_id)
            searches = [editor.start("podium.search", "add") for editor in (first, second)]
            for mine, theirs, search in ((first, second, searches[0]), (second, first, searches[1])):
                ended = mine.ended(search)
                assert ended["status"] == "signed_off"
                assert theirs.execute("podium.show", search) == ended
        assert status(first, mission_id)[0] == "waiting"
    with serving(project) as third:
        assert status(third, mission_id) == ("interrupted", "Podium was closed while the mission ran.")
        assert {status(third, m)[0] for m in searches} == {"signed_off"}


def test_a_mission_is_shown_as_it_stands_while_another_server_carries_it_out(project: Path) -> None:
    with serving(project) as first, serving(project) as second:
        mission_id, question = waiting(first)
        here, there = (editor.execute("podium.show", mission_id) for editor in (first, second))
        assert there == {**here, "elsewhere": True}
        assert there["questions"] == [question]
        first.execute("podium.answer", {"questionId": question["id"], "answer": "no"})
        ended = first.ended(mission_id)
        assert (ended["status"], ended["elsewhere"]) == ("stopped", False)
        assert second.execute("podium.wait", mission_id) == ended


def test_a_mission_whose_process_id_was_given_to_another_program_is_not_taken_for_alive(
    project: Path,
) -> None:
    started = MissionStarted("x", "task", "m", "verified", process=os.getpid(), process_started="long ago")

    async def record() -> None:
        async with await SqliteJournal.open(project, state=project.parent / "state") as journal:
            await journal.append("m-1", [started])

    anyio.run(record)
    with serving(project) as editor:
        assert status(editor, "m-1") == ("interrupted", "Podium was ended while the mission ran.")


def test_a_process_is_known_by_its_start_and_not_by_its_id_alone() -> None:
    this = this_process()
    assert process_lives(this)
    assert process_lives(Process(this.id))
    assert not process_lives(Process(this.id, "long ago"))
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        other = process_of(child.pid)
        assert process_lives(other)
        child.communicate(b"\n")
        assert not process_lives(other)


def mending(project: Path, team: Team, **more: Json) -> AbstractContextManager[Editor]:
    """Start a server on the project whose agents mend its fault."""
    team.play(planner=plans("calc.py", checks=["check"]), worker=edits("calc.py", "a - b", "a + b"))
    checks: Json = {"check": ["grep", "-q", "a + b", "calc.py"]}
    options = settings(team, checks=checks, **more)
    return editing(project, project.parent / "state", options, environment={"SCRIPTED_API_KEY": KEY})


def test_what_one_editor_applied_and_saved_is_neither_overwritten_nor_brought_back_by_the_other(
    project: Path, team: Team
) -> None:
    """The second editor has the file open all the time, with unsaved text, and does not load it again."""
    fault, mended = "return a - b\n", "return a + b\n"
    with mending(project, team) as first, mending(project, team) as second:
        for editor, typed in ((first, "# first\n"), (second, "# second\n")):
            editor.open("calc.py", f"def add(a, b):\n    {fault}\n\n{typed}")
        done = first.mission("podium.task", "make the failing test pass")
        assert (done["status"], first.text("calc.py")) == (
            "signed_off",
            f"def add(a, b):\n    {mended}\n\n# first\n",
        )
        first.save("calc.py")
        saved = first.disk("calc.py")

        # What is not in this editor cannot be taken out of it, and is not said to be.
        (undone,) = second.execute("podium.undo", done["missionId"])["proposals"]
        assert not undone["done"]
        assert "it was applied in another editor, and calc.py in this one is not as there" in undone["reason"]

        again = second.mission("podium.task", "make the failing test pass")
        assert (again["status"], second.text("calc.py")) == (
            "signed_off",
            f"def add(a, b):\n    {mended}\n\n# second\n",
        )
        assert (first.text("calc.py"), first.disk("calc.py")) == (saved, saved)

        # Each undoes its own; the text of the other stays as it is.
        assert first.execute("podium.undo", done["missionId"])["proposals"][0]["done"]
        assert (fault in first.text("calc.py"), fault in second.text("calc.py")) == (True, False)
        first.execute("podium.undo", done["missionId"])

        # Once the file is loaded from the disk here too, it can be undone here as well.
        second.close("calc.py")
        second.open("calc.py")
        assert second.execute("podium.undo", done["missionId"])["proposals"][0]["done"]
        assert second.text("calc.py") == f"def add(a, b):\n    {fault}\n\n# first\n"
        assert first.disk("calc.py") == saved


def test_a_change_under_review_is_decided_on_once_whichever_editor_does_it(project: Path, team: Team) -> None:
    with mending(project, team, apply="review") as first, mending(project, team, apply="review") as second:
        mission_id = first.start("podium.task", "make the failing test pass")
        first.diagnostics("calc.py")
        (proposal,) = second.execute("podium.show", mission_id)["proposals"]
        decision = {"proposalId": proposal["id"]}
        with pytest.raises(CommandFailed, match="decide on its changes there"):
            second.execute("podium.accept", decision)
        first.execute("podium.cancel", mission_id)
        second.execute("podium.accept", decision)
        assert "return a + b" in second.text("calc.py")
        for act in ("podium.accept", "podium.reject"):
            with pytest.raises(CommandFailed, match="it is delivered"):
                first.execute(act, decision)
        assert first.applied == []


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
