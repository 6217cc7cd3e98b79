"""The folder of a project goes while a mission runs: deleted, or unmounted. Later it is back."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import KEY, WITHOUT_EDITS, settings
from tests.e2e.editor import CAPABILITIES, Editor, editing
from tests.e2e.team import APPROVES, Team, edits, plans
from tests.lsp.raw_client import Message
from tests.models.provider import Reply

CORRECTS = edits("src/greet.txt", "word", "world")


def once(act: Callable[[], object], reply: Reply) -> list[Callable[[], Reply] | Reply]:
    """Return the answers of a role during whose first one something happens."""

    def answer() -> Reply:
        act()
        return reply

    return [answer, reply]


def stopped(editor: Editor, mission_id: str) -> tuple[str, str]:
    info = editor.execute("podium.wait", {"missionId": mission_id, "timeoutS": 30})
    return info["status"], info["reason"]


@pytest.mark.parametrize(
    ("during", "capabilities"),
    [("worker", CAPABILITIES), ("reviewer", WITHOUT_EDITS)],
    ids=("edit", "delivery"),
)
def test_a_mission_whose_folder_goes_is_interrupted_makes_none_in_its_place_and_goes_on_when_it_is_back(
    during: str, capabilities: Message, tmp_path: Path, team: Team
) -> None:
    root, kept = tmp_path / "project", tmp_path / "kept"
    (root / "src").mkdir(parents=True)
    (root / "check.sh").write_text("exit 0\n", encoding="utf-8")
    (root / "src/greet.txt").write_text("word\n", encoding="utf-8")
    shutil.copytree(root, kept)
    own: dict[str, Reply] = {"worker": CORRECTS, "reviewer": APPROVES}
    played = {
        role: once(lambda: shutil.rmtree(root), own[role]) if role == during else own[role] for role in own
    }
    team.play(planner=plans("src/greet.txt"), **played)
    with editing(
        root,
        tmp_path / "state",
        settings(team),
        capabilities=capabilities,
        environment={"SCRIPTED_API_KEY": KEY},
    ) as editor:
        mission_id = editor.start("podium.task", "Correct the word")
        status, reason = stopped(editor, mission_id)
        assert status == "interrupted", reason
        assert reason.startswith(f"The folder {root} is gone: put it back"), reason
        assert not root.exists()
        assert stopped(editor, editor.start("podium.task", "Another")) == (status, reason)
        assert not root.exists()
        shutil.copytree(kept, root)
        editor.execute("podium.resume", mission_id)
        assert stopped(editor, mission_id) == ("signed_off", "Reached.")
        now = (
            editor.text("src/greet.txt")
            if "src/greet.txt" in editor.buffers
            else editor.disk("src/greet.txt")
        )
        assert now == "world\n"
