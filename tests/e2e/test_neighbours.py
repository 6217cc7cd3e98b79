"""A mission that one server carries out, seen live and steered from another one on the same workspace."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.conftest import KEY, settings
from tests.e2e.editor import CAPABILITIES, Editor, editing
from tests.e2e.team import Team, edits, plans
from tests.lsp.raw_client import Message

LISTENS: Message = {**CAPABILITIES, "experimental": {"podium": {"events": True}}}


@dataclass(frozen=True)
class Folder:
    """A folder that several servers are started on."""

    home: Path
    team: Team

    def serving(self, **more: object) -> AbstractContextManager[Editor]:
        return editing(
            self.home / "project",
            self.home / "state",
            {**settings(self.team), **more},
            capabilities=LISTENS,
            environment={"SCRIPTED_API_KEY": KEY},
        )


@pytest.fixture
def folder(tmp_path: Path, team: Team) -> Folder:
    (root := tmp_path / "project").mkdir()
    (root / "check.sh").write_text("exit 0\n", encoding="utf-8")
    (root / "greet.txt").write_text("word\n", encoding="utf-8")
    team.play(planner=plans("greet.txt"), worker=edits("greet.txt", "word", "world"))
    return Folder(tmp_path, team)


def event(editor: Editor, mission_id: str, kind: str) -> Message:
    """Return the first event of a kind that the editor was sent of a mission."""

    def wanted(message: Message) -> bool:
        if message.get("method") != "podium/event":
            return False
        params = message["params"]
        return params["missionId"] == mission_id and params["event"]["kind"] == kind

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
