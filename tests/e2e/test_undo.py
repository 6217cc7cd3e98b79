"""Undo, as an editor's user has it: their later edits stay, in buffers as on the disk."""

import stat
from pathlib import Path

import pytest

from tests.e2e.conftest import KEY, Desk, Desks, settings
from tests.e2e.editor import Encoding, editing
from tests.e2e.team import Team, calls, edits, plans
from tests.lsp.raw_client import Message

WORD = {"greet.txt": "hello\n\nword\n\nend\n"}
MOVES = calls(
    ("write_file", {"path": "new.txt", "content": "new\n"}),
    ("delete_file", {"path": "old.txt"}),
    ("edit_file", {"path": "greet.txt", "old": "word", "new": "world"}),
    ("finish", {"summary": "Done."}),
)
MOVING = {"id": "t", "title": "Move", "instructions": "-", "files": ["greet.txt", "new.txt", "old.txt"]}


def corrects(desk: Desk) -> str:
    """Carry out the mission that makes `word` a `world`; return its id."""
    desk.team.play(planner=plans("greet.txt"), worker=edits("greet.txt", "word", "world"))
    mission = desk.editor.mission("podium.task", "Correct the word")
    assert mission["status"] == "signed_off"
    return str(mission["missionId"])


def moves(desk: Desk) -> str:
    """Carry out a mission that creates a file, deletes one and edits one in a single proposal; return its id."""
    desk.write({**WORD, "old.txt": "old\n"})
    desk.team.play(planner=calls(("submit_plan", {"tasks": [MOVING]})), worker=MOVES)
    mission = desk.editor.mission("podium.task", "Move it")
    assert mission["status"] == "signed_off", mission["reason"]
    return str(mission["missionId"])


def state(desk: Desk, mission_id: str) -> str:
    (proposal,) = desk.editor.execute("podium.show", mission_id)["proposals"]
    return str(proposal["state"])


def test_a_task_is_undone_in_the_open_buffer_and_what_was_typed_since_stays(desk: Desk) -> None:
    desk.write(WORD)
    editor = desk.editor
    editor.open("greet.txt")
    mission_id = corrects(desk)
    editor.type("greet.txt", "hello Anna 𝄞\n\nworld\n\nend\nand more\n")
    undone = editor.execute("podium.undo", {"missionId": mission_id, "taskId": "t1"})
    assert (undone["direction"], [p["done"] for p in undone["proposals"]]) == ("undone", [True])
    assert editor.text("greet.txt") == "hello Anna 𝄞\n\nword\n\nend\nand more\n"
    assert editor.applied[-1]["label"] == "Podium: undo Change it"
    assert state(desk, mission_id) == "undone"
    editor.type("greet.txt", "hello Bob\n\nword\n\nend\n")
    assert editor.execute("podium.undo", mission_id)["direction"] == "redone"
    assert editor.text("greet.txt") == "hello Bob\n\nworld\n\nend\n"
    assert state(desk, mission_id) == "delivered"


def test_lines_that_the_user_changed_since_are_not_undone_and_the_reason_is_told(desk: Desk) -> None:
    desk.write(WORD)
    desk.editor.open("greet.txt")
    mission_id = corrects(desk)
    desk.editor.type("greet.txt", "hello\n\nworlds\n\nend\n")
    (refused,) = desk.editor.execute("podium.undo", mission_id)["proposals"]
    assert (refused["done"], "greet.txt" in refused["reason"]) == (False, True)
    assert desk.editor.text("greet.txt") == "hello\n\nworlds\n\nend\n"
    assert state(desk, mission_id) == "delivered"


def test_a_created_file_goes_and_a_deleted_one_comes_back_through_the_editor(desk: Desk) -> None:
    mission_id = moves(desk)
    editor = desk.editor
    assert (editor.text("new.txt"), (editor.root / "old.txt").exists()) == ("new\n", False)
    editor.execute("podium.undo", mission_id)
    assert not (editor.root / "new.txt").exists()
    assert (editor.text("old.txt"), editor.text("greet.txt")) == ("old\n", WORD["greet.txt"])
    editor.execute("podium.undo", mission_id)
    assert (editor.text("new.txt"), (editor.root / "old.txt").exists()) == ("new\n", False)
    assert "world" in editor.text("greet.txt")


def test_a_created_file_that_was_written_on_keeps_the_whole_change_in_place(desk: Desk) -> None:
    mission_id = moves(desk)
    desk.editor.type("new.txt", "new\nand mine\n")
    (refused,) = desk.editor.execute("podium.undo", mission_id)["proposals"]
    assert (refused["done"], "new.txt" in refused["reason"]) == (False, True)
    assert desk.editor.text("new.txt") == "new\nand mine\n"
    assert "world" in desk.editor.text("greet.txt")
    assert not (desk.editor.root / "old.txt").exists()


def test_files_on_the_disk_are_undone_too(plain_desk: Desk) -> None:
    mission_id = moves(plain_desk)
    root = plain_desk.editor.root
    (root / "greet.txt").write_text("hello Anna\n\nworld\n\nend\n", encoding="utf-8")
    plain_desk.editor.execute("podium.undo", mission_id)
    assert (root / "greet.txt").read_text(encoding="utf-8") == "hello Anna\n\nword\n\nend\n"
    assert (root / "old.txt").read_text(encoding="utf-8") == "old\n"
    assert not (root / "new.txt").exists()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8", "utf-32"])
def test_moved_deleted_and_restored_files_keep_their_bytes_and_permissions(
    desks: Desks, encoding: Encoding
) -> None:
    desk = desks[encoding]
    root = desk.editor.root
    files = {"run.sh": "exit 0\n", "gone.sh": "exit 1\n", "plain.txt": "plain\n"}
    desk.write(files, check="test ! -e bin/run.sh || ./bin/run.sh")
    (root / "run.sh").chmod(0o750)
    (root / "gone.sh").chmod(0o700)
    binary = bytes(range(256))
    (root / "logo.png").write_bytes(binary)
    moving = {"id": "t", "title": "Move", "instructions": "-", "checks": ["check"]}
    paths = ["run.sh", "bin/run.sh", "gone.sh", "plain.txt", "moved.txt", "logo.png", "icon.png"]
    desk.team.play(
        planner=calls(("submit_plan", {"tasks": [{**moving, "files": paths}]})),
        worker=calls(
            ("move_file", {"path": "run.sh", "to": "bin/run.sh"}),
            ("move_file", {"path": "plain.txt", "to": "moved.txt"}),
            ("move_file", {"path": "logo.png", "to": "icon.png"}),
            ("delete_file", {"path": "gone.sh"}),
            ("finish", {"summary": "Done."}),
        ),
    )
    mission = desk.editor.mission("podium.task", "Move it")
    assert mission["status"] == "signed_off", mission["reason"]
    plain = stat.S_IMODE((root / "check.sh").stat().st_mode)

    def permissions() -> dict[str, int]:
        return {path: stat.S_IMODE((root / path).stat().st_mode) for path in paths if (root / path).exists()}

    assert permissions() == {"bin/run.sh": 0o750, "moved.txt": plain, "icon.png": plain}
    assert (root / "icon.png").read_bytes() == binary
    desk.editor.execute("podium.undo", mission["missionId"])
    assert permissions() == {"run.sh": 0o750, "gone.sh": 0o700, "plain.txt": plain, "logo.png": plain}
    assert (root / "logo.png").read_bytes() == binary
    assert (desk.editor.disk("run.sh"), desk.editor.disk("gone.sh")) == (files["run.sh"], files["gone.sh"])
    desk.editor.execute("podium.undo", mission["missionId"])
    assert permissions() == {"bin/run.sh": 0o750, "moved.txt": plain, "icon.png": plain}


def test_an_editor_that_handles_no_files_has_them_undone_on_the_disk(desks: Desks) -> None:
    desk = desks["utf-32"]
    mission_id = moves(desk)
    desk.editor.execute("podium.undo", mission_id)
    there = {name: (desk.editor.root / name).exists() for name in ("new.txt", "old.txt")}
    assert there == {"new.txt": False, "old.txt": True}
    assert desk.editor.text("greet.txt") == WORD["greet.txt"]


def test_a_mission_is_undone_by_the_next_server(tmp_path: Path, team: Team) -> None:
    (root := tmp_path / "project").mkdir()
    for path, text in {**WORD, "check.sh": "exit 0\n"}.items():
        (root / path).write_text(text, encoding="utf-8")
    environment = {"SCRIPTED_API_KEY": KEY}
    with editing(root, tmp_path / "state", settings(team), environment=environment) as editor:
        editor.open("greet.txt")
        mission_id = corrects(Desk(editor, team))
        (root / "greet.txt").write_text(editor.text("greet.txt"), encoding="utf-8")
    with editing(root, tmp_path / "state", settings(team), environment=environment) as editor:
        editor.open("greet.txt", "hello Anna\n\nworld\n\nend\n")
        undone: Message = editor.execute("podium.undo", {"missionId": mission_id})
        assert [p["label"] for p in undone["proposals"]] == ["Change it"]
        assert editor.text("greet.txt") == "hello Anna\n\nword\n\nend\n"
