"""Several servers on one workspace: missions are seen live, steered, taken over, and go on without an editor."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest

from podium.adapters.journal import SqliteJournal
from podium.adapters.processes import this_process, wait_until_gone
from podium.domain.changes import FileEdit
from podium.domain.events import (
    Event,
    MissionContinued,
    MissionEnded,
    MissionInterrupted,
    MissionStarted,
    Process,
    ProposalMade,
)
from podium.domain.messages import Json
from tests.e2e.conftest import KEY, settings
from tests.e2e.editor import CAPABILITIES, Editor, editing
from tests.e2e.team import Team, edits, plans
from tests.lsp.raw_client import Message
from tests.models.provider import Reply, calls

LISTENS: Message = {**CAPABILITIES, "experimental": {"podium": {"events": True}}}


@dataclass(frozen=True)
class Folder:
    """A folder that several servers are started on."""

    home: Path
    team: Team

    def serving(self, **more: Json) -> AbstractContextManager[Editor]:
        return editing(
            self.home / "project",
            self.home / "state",
            {**settings(self.team), **more},
            capabilities=LISTENS,
            environment={"SCRIPTED_API_KEY": KEY},
        )


@pytest.fixture
def folder(tmp_path: Path, team: Team) -> Iterator[Folder]:
    (root := tmp_path / "project").mkdir()
    (root / "check.sh").write_text("exit 0\n", encoding="utf-8")
    (root / "greet.txt").write_text("word\n", encoding="utf-8")
    team.play(planner=plans("greet.txt"), worker=edits("greet.txt", "word", "world"))
    yield Folder(tmp_path, team)
    for place in tmp_path.glob("state/journals/*.servers/*.json"):
        with suppress(ProcessLookupError):
            os.kill(json.loads(place.read_text(encoding="utf-8"))["process"], signal.SIGKILL)


def event(editor: Editor, mission_id: str, kind: str, **members: object) -> Message:
    """Return the first event of a kind, with these members, that the editor was sent of a mission."""

    def wanted(message: Message) -> bool:
        if message.get("method") != "podium/event":
            return False
        params = message["params"]
        found = params["event"].items() >= {"kind": kind, **members}.items()
        return params["missionId"] == mission_id and found

    params: Message = editor.wire.wait_for(wanted)["params"]
    return params


def test_a_mission_of_another_server_is_seen_live_and_its_question_is_answered_here(folder: Folder) -> None:
    with folder.serving(approvePlan=True) as owner, folder.serving() as other:
        mission_id = owner.start("podium.task", "Greet the world")
        asked = event(other, mission_id, "question_asked")["event"]
        other.execute("podium.steer", {"missionId": mission_id, "message": "Be brief."})
        assert event(owner, mission_id, "steered")["event"]["text"] == "Be brief."
        other.execute("podium.answer", {"questionId": asked["question_id"], "answer": "yes"})
        event(other, mission_id, "mission_ended")
        assert "Be brief." in folder.team.heard("worker")
        assert (owner.text("greet.txt"), other.applied) == ("world\n", [])


def test_a_plan_that_is_saved_in_another_editor_is_taken_by_the_missions_own_server(folder: Folder) -> None:
    with folder.serving(approvePlan=True) as owner, folder.serving() as other:
        mission_id = owner.start("podium.task", "Greet the world")
        event(other, mission_id, "question_asked")
        path = f".podium/missions/{mission_id}/plan.md"
        other.open(path)
        plan = other.text(path)
        lenses = other.wire.request("textDocument/codeLens", {"textDocument": {"uri": other.uri(path)}})
        assert "Pause" in {lens["command"]["title"] for lens in lenses["result"]}
        other.type(path, plan + "\n- [ ] **t2** Greet again\n  - needs: t9\n")
        other.save(path)
        (problem,) = other.diagnostics(path)
        assert problem["message"] == "There is no task t9; the plan has t1, t2."
        other.type(path, plan.replace("- [ ] **t1** ", "- [ ] **t1** Politely: ") + "\n- [ ] Greet again\n")
        other.save(path)
        event(other, mission_id, "plan_set", author="user")
        shown = owner.execute("podium.show", mission_id)
        assert [task["title"].partition(":")[0] for task in shown["tasks"]] == ["Politely", "Greet again"]
        owner.open(path)
        other.type(path, other.text(path).replace("Politely", "Rudely"))
        other.save(path)
        refusal = (
            "This plan is open in the editor that its mission runs in; edit it there, or close it there."
        )
        other.diagnostics(path, lambda said: refusal in {diagnostic["message"] for diagnostic in said})
        other.execute("podium.steer", {"missionId": mission_id, "message": "Be brief."})
        owner.wire.wait_for(
            lambda m: m.get("method") == "workspace/applyEdit" and "You said" in json.dumps(m["params"])
        )
        owner.execute("podium.agents")
        other.type(path, owner.text(path))  # as its editor reads it again
        other.execute("podium.cancel", mission_id)
        other.wire.call("workspace/applyEdit")
        other.execute("podium.agents")
        assert f"Mission {mission_id}: cancelled" in other.text(path)
        assert owner.execute("podium.show", mission_id)["tasks"] == shown["tasks"]


def answered(editor: Editor, mission_id: str) -> None:
    """Approve the plan as soon as the editor's user is asked to."""
    question = editor.question(mission_id)
    editor.execute("podium.answer", {"questionId": question["id"], "answer": "yes"})


def test_a_mission_whose_server_is_killed_is_offered_in_the_other_editor_or_goes_on_there_at_once(
    folder: Folder,
) -> None:
    with folder.serving(approvePlan=True) as owner, folder.serving(resume="off") as third:
        with folder.serving(resume="auto") as other:
            mission_id = owner.start("podium.task", "Greet the world")
            event(third, mission_id, "question_asked")
            owner.wire.kill(signal.SIGKILL)
            event(other, mission_id, "mission_continued", process=other.wire.process.pid)
            answered(other, mission_id)
            assert other.ended(mission_id)["status"] == "signed_off"
            assert other.text("greet.txt") == "world\n"
        event(third, mission_id, "mission_ended")
        assert third.requests("window/showMessageRequest")[0]["params"]["message"].startswith(
            "Podium asks: Carry"
        )


def test_a_mission_goes_on_without_its_editor_and_its_change_waits_for_the_next_one(folder: Folder) -> None:
    change = edits("greet.txt", "word", "world")
    asked = threading.Event()

    def slowly() -> Reply:
        asked.set()
        return change.after(100)

    folder.team.play(planner=plans("greet.txt"), worker=[slowly, change])
    with folder.serving(resume="off") as watching:
        with folder.serving(onDisconnect="detach") as editor:
            mission_id = editor.start("podium.task", "Greet the world")
            assert asked.wait(40)
            editor.wire.hang_up()
            editor.wire.exit_code()
        continued = event(watching, mission_id, "mission_continued", detached=True)["event"]
        event(watching, mission_id, "mission_ended")
        anyio.run(wait_until_gone, Process(continued["process"]))
        assert watching.disk("greet.txt") == "word\n"
        assert watching.execute("podium.show", mission_id)["status"] == "signed_off"
    with folder.serving() as later:
        later.wire.call("workspace/applyEdit")
        later.execute("podium.agents")
        assert later.text("greet.txt") == "world\n"
        (proposal,) = later.execute("podium.show", mission_id)["proposals"]
        assert proposal["state"] == "delivered"


@pytest.mark.parametrize("resume", ["ask", "off"])
def test_the_next_editor_takes_over_what_goes_on_without_one_and_its_question_is_still_open(
    folder: Folder, resume: str
) -> None:
    with folder.serving(onDisconnect="detach", approvePlan=True) as editor:
        mission_id = editor.start("podium.task", "Greet the world")
        question = editor.question(mission_id)
        editor.wire.kill(signal.SIGHUP)
        assert editor.wire.exit_code() == 129
    with folder.serving(resume=resume) as later:
        detached = event(later, mission_id, "mission_continued", detached=True)["event"]
        if resume == "off":
            later.execute("podium.resume", mission_id)
        event(later, mission_id, "mission_continued", process=later.wire.process.pid)
        assert later.question(mission_id) == question
        answered(later, mission_id)
        done = later.ended(mission_id)
        assert (done["status"], done["elsewhere"], later.text("greet.txt")) == (
            "signed_off",
            False,
            "world\n",
        )
        anyio.run(wait_until_gone, Process(detached["process"]))


def test_what_was_kept_is_delivered_in_an_editor_that_was_open_when_the_mission_ended_without_one(
    folder: Folder,
) -> None:
    edit = FileEdit("greet.txt", b"word\n", b"world\n")
    me = this_process()

    async def record(*events: Event) -> None:
        async with await SqliteJournal.open(folder.home / "project", state=folder.home / "state") as journal:
            await journal.append("m-1", events)

    with folder.serving() as editor:
        anyio.run(
            record,
            MissionStarted("Greet the world", "task", "m", "verified", process=1),
            MissionInterrupted("Closed."),
            MissionContinued(me.id, me.started, detached=True),
        )
        event(editor, editor.execute("podium.missions")["missions"][0]["missionId"], "mission_continued")
        anyio.run(
            record,
            ProposalMade("m-1.p-1", "Greet", (edit,), "t1"),
            MissionEnded("signed_off", "Done."),
        )
        editor.execute("podium.missions")
        editor.wire.call("workspace/applyEdit")
        editor.execute("podium.agents")
        assert editor.text("greet.txt") == "world\n"


def test_what_was_kept_is_delivered_where_a_mission_is_taken_over_and_its_tasks_go_on(folder: Folder) -> None:
    root = folder.home / "project"
    (root / "part.txt").write_text("word\n", encoding="utf-8")
    tasks = [
        {"id": "t1", "title": "Greet", "instructions": "-", "files": ["greet.txt"]},
        {"id": "t2", "title": "Part", "instructions": "-", "files": ["part.txt"], "needs": ["t1"]},
    ]
    greet, part = edits("greet.txt", "word", "world"), edits("part.txt", "word", "world")
    asked = [threading.Event(), threading.Event()]

    def slowly(n: int) -> Reply:
        asked[n].set()
        return greet.after(100)

    worker = [lambda: slowly(0), greet, lambda: slowly(1), part]
    folder.team.play(planner=calls(("submit_plan", {"tasks": tasks})), worker=worker)
    with folder.serving(onDisconnect="detach") as editor:
        mission_id = editor.start("podium.task", "Greet the world")
        assert asked[0].wait(40)
        editor.wire.hang_up()
        editor.wire.exit_code()
    assert asked[1].wait(40)
    assert (root / "greet.txt").read_text(encoding="utf-8") == "word\n"
    with folder.serving() as later:
        event(later, mission_id, "mission_ended")
        assert [later.text(path) for path in ("greet.txt", "part.txt")] == ["world\n", "world\n"]
        shown = later.execute("podium.show", mission_id)
        assert [proposal["state"] for proposal in shown["proposals"]] == ["delivered", "delivered"]
