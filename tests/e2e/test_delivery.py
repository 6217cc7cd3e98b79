"""How verified changes reach the user's files, with editors of every kind and a user who goes on typing."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import KEY, Desk, Desks, settings
from tests.e2e.editor import CommandFailed, Encoding, editing
from tests.e2e.team import APPROVES, SIGNS_OFF, Team, calls, edits, plans, writes
from tests.lsp.raw_client import Message
from tests.models.provider import Reply

WORD = {"greet.txt": "hello\nword\nend\n"}
CORRECTS = edits("greet.txt", "word", "world")


def corrects(desk: Desk, **argument: object) -> Message:
    """Carry out the mission that makes `word` a `world`."""
    desk.team.play(planner=plans("greet.txt"), worker=CORRECTS)
    return desk.editor.mission("podium.task", {"goal": "Correct the word", **argument})


def while_reviewed(type_it: Callable[[], None]) -> Callable[[], Reply]:
    """Return a Reviewer's approval during which the user types."""

    def approve() -> Reply:
        type_it()
        return APPROVES

    return approve


def test_an_editor_that_takes_no_edits_gets_them_on_the_disk_as_the_file_was_written(
    plain_desk: Desk,
) -> None:
    editor = plain_desk.editor
    plain_desk.write({"greet.txt": "\ufeffhello\r\nword\r\n"})
    place = editor.root / "greet.txt"
    place.chmod(0o751)
    before = place.stat().st_ino
    mission = corrects(plain_desk)
    assert mission["status"] == "signed_off"
    assert place.read_bytes() == b"\xef\xbb\xbfhello\r\nworld\r\n"
    assert place.stat().st_mode & 0o777 == 0o751
    assert place.stat().st_ino != before  # replaced as a whole, never written half
    assert sorted(p.name for p in editor.root.iterdir()) == [".podium", "check.sh", "greet.txt"]
    assert [p["state"] for p in mission["proposals"]] == ["delivered"]


def test_a_change_that_went_to_the_disk_is_told_and_leaves_unsaved_typing_out(plain_desk: Desk) -> None:
    editor = plain_desk.editor
    plain_desk.write({"greet.txt": "hello\n\nword\nend\n"})
    editor.open("greet.txt")
    editor.type("greet.txt", "hello Anna\n\nword\nend\n")
    assert corrects(plain_desk)["status"] == "signed_off"
    assert editor.disk("greet.txt") == "hello\n\nworld\nend\n"
    assert editor.text("greet.txt") == "hello Anna\n\nword\nend\n"
    told = [m["params"]["message"] for m in editor.requests("window/showMessage")]
    assert "applies no edits: greet.txt" in told[-1]


def test_files_come_and_go_on_the_disk_too(plain_desk: Desk) -> None:
    plain_desk.write({"old.txt": "old\n"})
    moves = calls(
        ("write_file", {"path": "sub/new.txt", "content": "new\n"}),
        ("delete_file", {"path": "old.txt"}),
        ("finish", {"summary": "Done."}),
    )
    plan = calls(
        (
            "submit_plan",
            {
                "tasks": [
                    {"id": "t", "title": "Move", "instructions": "-", "files": ["sub/new.txt", "old.txt"]}
                ]
            },
        )
    )
    plain_desk.team.play(planner=plan, worker=moves)
    assert plain_desk.editor.mission("podium.task", "Move it")["status"] == "signed_off"
    assert plain_desk.editor.disk("sub/new.txt") == "new\n"
    assert not (plain_desk.editor.root / "old.txt").exists()


def test_a_new_file_is_created_by_the_editor(desk: Desk) -> None:
    desk.write({})
    desk.team.play(planner=plans("new.txt"), worker=writes("new.txt", "fresh\n"))
    assert desk.editor.mission("podium.task", "Write it")["status"] == "signed_off"
    # One after the other: an editor may carry out the operations on files after the edits of texts.
    (created,), (filled,) = (params["edit"]["documentChanges"] for params in desk.editor.applied)
    assert (created["kind"], filled["textDocument"]["version"]) == ("create", None)
    assert desk.editor.text("new.txt") == "fresh\n"


MOVES = calls(
    ("write_file", {"path": "new.txt", "content": "new\n"}),
    ("delete_file", {"path": "old.txt"}),
    ("edit_file", {"path": "greet.txt", "old": "word", "new": "world"}),
    ("finish", {"summary": "Done."}),
)
MOVING = {
    "id": "t",
    "title": "Move",
    "instructions": "-",
    "files": ["greet.txt", "new.txt", "old.txt"],
}


@pytest.mark.parametrize("applied", [True, False])
def test_an_editor_that_creates_and_deletes_no_files_has_that_done_on_the_disk(
    desks: Desks, applied: bool
) -> None:
    desk = desks["utf-32"]
    desk.write({**WORD, "old.txt": "old\n"})
    desk.editor.open("greet.txt")
    if not applied:
        desk.editor.replies["workspace/applyEdit"] = lambda _: {"result": {"applied": False}}
    desk.team.play(planner=calls(("submit_plan", {"tasks": [MOVING]})), worker=MOVES)
    mission_id = desk.editor.start("podium.task", "Move it")
    if not applied:
        desk.editor.diagnostics("greet.txt")
        desk.editor.execute("podium.cancel", mission_id)
    mission = desk.editor.ended(mission_id)
    (params,) = [m["params"] for m in desk.editor.requests("workspace/applyEdit")]
    assert [change.get("kind") for change in params["edit"]["documentChanges"]] == [None]
    there = {name: (desk.editor.root / name).exists() for name in ("new.txt", "old.txt")}
    # What the editor refuses is taken back on the disk too: all of a change arrives, or nothing.
    assert there == {"new.txt": applied, "old.txt": not applied}
    assert mission["proposals"][0]["state"] == ("delivered" if applied else "waiting")
    assert ("world" in desk.editor.text("greet.txt")) == applied


def test_apply_end_brings_all_changes_in_one_edit(desk: Desk) -> None:
    desk.write({"a.txt": "word\n", "b.txt": "word\n"})
    desk.editor.open("a.txt")
    desk.editor.open("b.txt")

    def the_other() -> Reply:
        path = "b.txt" if "Change b.txt." in desk.team.heard("worker") else "a.txt"
        return edits(path, "word", "world")

    desk.team.play(planner=plans("a.txt", "b.txt"), worker=the_other)
    with desk.settings(maxParallel=1):
        mission = desk.editor.mission("podium.task", {"goal": "Correct both", "apply": "end"})
    assert mission["status"] == "signed_off"
    (params,) = desk.editor.applied
    assert len(params["edit"]["documentChanges"]) == 2
    assert (desk.editor.text("a.txt"), desk.editor.text("b.txt")) == ("world\n", "world\n")


REFUSALS: dict[str, tuple[Message, str]] = {
    "says no": (
        {"result": {"applied": False, "failureReason": "The buffer is read-only."}},
        "The buffer is read-only.",
    ),
    "fails": ({"error": {"code": -32603, "message": "Wrong type argument"}}, "Wrong type argument"),
    "lies": ({"result": {"applied": True}}, "greet.txt lacks it"),
    "answers null": ({"result": None}, "workspace/applyEdit"),
}


@pytest.mark.parametrize("how", REFUSALS)
def test_an_edit_that_did_not_arrive_never_counts_and_waits_for_the_user(desk: Desk, how: str) -> None:
    answer, reason = REFUSALS[how]
    editor = desk.editor
    desk.write(WORD)
    editor.open("greet.txt")
    editor.replies["workspace/applyEdit"] = lambda _: answer
    desk.team.play(planner=plans("greet.txt"), worker=CORRECTS)
    mission_id = editor.start("podium.task", "Correct the word")
    (shown,) = editor.diagnostics("greet.txt")
    assert (shown["code"], editor.covered(editor.text("greet.txt"), shown["range"])) == ("proposal", "word")
    (proposal,) = editor.execute("podium.show", mission_id)["proposals"]
    assert (proposal["state"], reason in proposal["reason"]) == ("waiting", True)
    assert "-word\n+world\n" in proposal["diff"]
    with pytest.raises(CommandFailed, match="goes on waiting"):
        editor.execute("podium.accept", proposal["id"])
    assert editor.text("greet.txt") == WORD["greet.txt"]
    del editor.replies["workspace/applyEdit"]
    assert editor.execute("podium.accept", proposal["id"])["accepted"] == [1]
    assert editor.ended(mission_id)["status"] == "signed_off"
    assert editor.text("greet.txt") == "hello\nworld\nend\n"
    editor.diagnostics("greet.txt", lambda now: not now)


def test_what_could_not_be_applied_waits_beyond_the_mission_and_a_restart(team: Team, tmp_path: Path) -> None:
    (root := tmp_path / "project").mkdir()
    for path, text in {**WORD, "check.sh": "exit 0\n"}.items():
        (root / path).write_text(text, encoding="utf-8")
    environment = {"SCRIPTED_API_KEY": KEY}
    with editing(root, tmp_path / "state", settings(team), environment=environment) as editor:
        editor.open("greet.txt")
        editor.replies["workspace/applyEdit"] = lambda _: {"result": {"applied": False}}
        team.play(planner=plans("greet.txt"), worker=CORRECTS)
        mission_id = editor.start("podium.task", "Correct the word")
        editor.diagnostics("greet.txt")
        editor.execute("podium.cancel", mission_id)
    with editing(root, tmp_path / "state", settings(team), environment=environment) as editor:
        editor.open("greet.txt", "hello\nword\nend\nAnna\n")
        (shown,) = editor.diagnostics("greet.txt")
        editor.execute("podium.accept", shown["data"]["proposalId"])
        assert editor.text("greet.txt") == "hello\nworld\nend\nAnna\n"
        (proposal,) = editor.execute("podium.show", mission_id)["proposals"]
        assert proposal["state"] == "delivered"


def test_a_line_changed_since_the_acceptance_goes_back_to_the_worker_with_both_sides(desk: Desk) -> None:
    editor = desk.editor
    desk.write(WORD)
    editor.open("greet.txt")

    def outrun(_: Message) -> Message:
        editor.type("greet.txt", "hello\nworm\nend\n")
        del editor.replies["workspace/applyEdit"]
        return {"result": {"applied": False}}

    editor.replies["workspace/applyEdit"] = outrun
    again = edits("greet.txt", "worm", "worms of the world")
    desk.team.play(planner=plans("greet.txt"), worker=[CORRECTS, again])
    mission = editor.mission("podium.task", "Correct the word")
    assert (mission["status"], mission["tasks"][0]["attempts"]) == ("signed_off", 2)
    assert [p["state"] for p in mission["proposals"]] == ["withdrawn", "delivered"]
    assert "Yours:\n    world\nNow:\n    worm\n" in desk.team.heard("worker")
    assert editor.text("greet.txt") == "hello\nworms of the world\nend\n"


def test_what_the_user_types_elsewhere_in_the_file_meanwhile_is_kept(desk: Desk) -> None:
    editor = desk.editor
    desk.write(WORD)
    editor.open("greet.txt")
    typed = while_reviewed(lambda: editor.type("greet.txt", "hello Anna 🐻\nword\nend\n"))
    desk.team.play(planner=plans("greet.txt"), worker=CORRECTS, reviewer=typed)
    mission = editor.mission("podium.task", "Correct the word")
    assert mission["status"] == "signed_off"
    assert editor.text("greet.txt") == "hello Anna 🐻\nworld\nend\n"


def test_a_line_that_the_user_changed_meanwhile_goes_back_to_the_worker(desk: Desk) -> None:
    editor = desk.editor
    desk.write(WORD)
    editor.open("greet.txt")
    typed = while_reviewed(lambda: editor.type("greet.txt", "hello\nworm\nend\n"))
    again = edits("greet.txt", "worm", "worms of the world")
    desk.team.play(planner=plans("greet.txt"), worker=[CORRECTS, again], reviewer=[typed, APPROVES])
    mission = editor.mission("podium.task", "Correct the word")
    assert (mission["status"], mission["tasks"][0]["attempts"]) == ("signed_off", 2)
    assert (
        "greet.txt, line 2 now:\nBefore:\n    word\nYours:\n    world\nNow:\n    worm\n"
        in desk.team.heard("worker")
    )
    assert editor.text("greet.txt") == "hello\nworms of the world\nend\n"


def test_an_edit_that_the_user_outran_is_merged_again(desk: Desk) -> None:
    """The user types after the edit was sent and before the editor looks at it."""
    editor = desk.editor
    desk.write(WORD)
    editor.open("greet.txt")

    def outrun(params: Message) -> Message:
        if not editor.text("greet.txt").startswith("typed"):
            editor.type("greet.txt", "typed\n" + WORD["greet.txt"])
        return editor.apply(params)

    editor.replies["workspace/applyEdit"] = outrun
    mission = corrects(desk)
    assert mission["status"] == "signed_off"
    assert editor.text("greet.txt") == "typed\nhello\nworld\nend\n"


def test_typing_right_after_a_change_does_not_make_it_look_lost(desk: Desk) -> None:
    editor = desk.editor
    desk.write(WORD)
    editor.open("greet.txt")

    def typing_on(params: Message) -> Message:
        answer = editor.apply(params)
        editor.type("greet.txt", editor.text("greet.txt").replace("world", "world, and on"))
        return answer

    editor.replies["workspace/applyEdit"] = typing_on
    assert corrects(desk)["status"] == "signed_off"
    assert editor.text("greet.txt") == "hello\nworld, and on\nend\n"


def behind(desk: Desk, happens: Callable[[], object], *, fits: bool = True) -> Message:
    """Carry the mission out; another program does something to the files after the change was verified.

    Where the change does not fit then, it is cancelled once the change waits.
    """

    def signs_off() -> Reply:
        happens()
        return SIGNS_OFF

    desk.write(WORD)
    desk.team.play(planner=plans("greet.txt"), worker=CORRECTS, commander=signs_off)
    mission_id = desk.editor.start("podium.task", {"goal": "Correct the word", "apply": "end"})
    if not fits:
        desk.editor.wire.wait_for(lambda message: waits_for_review(mission_id, message))
        desk.editor.execute("podium.cancel", mission_id)
    return desk.editor.ended(mission_id)


def waits_for_review(mission_id: str, message: Message) -> bool:
    if message.get("method") != "$/progress" or not message["params"]["token"].endswith(mission_id):
        return False
    return "waiting for your review" in message["params"]["value"].get("message", "")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8"])
@pytest.mark.parametrize("what", ["rewritten", "deleted", "a folder now", "a link out of the folder now"])
def test_what_another_program_made_of_a_file_meanwhile_is_left_alone(
    desks: Desks, encoding: Encoding, what: str, tmp_path: Path
) -> None:
    desk = desks[encoding]
    place, outside = desk.editor.root / "greet.txt", tmp_path / "outside.txt"
    outside.write_text(WORD["greet.txt"], encoding="utf-8")

    def happens() -> None:
        place.unlink()
        if what == "rewritten":
            place.write_text("hello\nworm\nend\n", encoding="utf-8")
        elif what == "a folder now":
            place.mkdir()
        elif what == "a link out of the folder now":
            place.symlink_to(outside)

    mission = behind(desk, happens, fits=False)
    (proposal,) = mission["proposals"]
    assert (mission["status"], proposal["state"]) == ("cancelled", "waiting")
    assert "-word\n+world\n" in proposal["diff"]
    assert desk.editor.applied == []
    assert outside.read_text(encoding="utf-8") == WORD["greet.txt"]
    now = (place.is_symlink(), place.is_dir(), place.is_file() and place.read_text(encoding="utf-8"))
    assert (
        now
        == {
            "rewritten": (False, False, "hello\nworm\nend\n"),
            "deleted": (False, False, False),
            "a folder now": (False, True, False),
            "a link out of the folder now": (True, False, WORD["greet.txt"]),
        }[what]
    )


def test_a_change_is_merged_with_what_another_program_wrote_elsewhere_in_the_file(
    desk: Desk, plain_desk: Desk
) -> None:
    for each in (desk, plain_desk):
        place = each.editor.root / "greet.txt"
        mission = behind(
            each,
            lambda place=place: place.write_text("hello all\n\nword\nend\n", encoding="utf-8"),
            fits=False,  # the lines are neighbours
        )
        assert mission["proposals"][0]["state"] == "waiting"
        mission = behind(
            each, lambda place=place: place.write_text("hello\nword\nend\nand on\n", encoding="utf-8")
        )
        text = each.editor.text("greet.txt") if each is desk else each.editor.disk("greet.txt")
        assert (mission["status"], text) == ("signed_off", "hello\nworld\nend\nand on\n")


def test_in_an_open_buffer_the_buffer_counts_and_the_disk_stays_as_another_program_left_it(
    desk: Desk,
) -> None:
    place = desk.editor.root / "greet.txt"

    def happens() -> None:
        desk.editor.open("greet.txt")
        place.write_text("formatted\n", encoding="utf-8")

    assert behind(desk, happens)["status"] == "signed_off"
    assert desk.editor.text("greet.txt") == "hello\nworld\nend\n"
    assert desk.editor.disk("greet.txt") == "formatted\n"
