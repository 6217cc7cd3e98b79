"""`apply = "review"`: changes wait as diagnostics, and only what the user accepts reaches the files."""

from itertools import count
from pathlib import Path

import pytest

from tests.e2e.conftest import Desk, Desks, settings
from tests.e2e.editor import CommandFailed, Editor, Encoding, editing
from tests.e2e.team import Team, calls, edits, plans, writes
from tests.lsp.raw_client import Message
from tests.models.provider import Reply

TEXT = "eins\nBär\nruht\n🐻 zwei\nstays\ndrei 🐻\nend\n"
DONE = ("finish", {"summary": "Done."})
_names = count(1)


@pytest.fixture
def path() -> str:
    """A file of its own for each test."""
    return f"bears-{next(_names)}.txt"


def translates(path: str) -> Reply:
    """Return the Worker's answer: three changes in one file."""
    words = {"eins": "one", "🐻 zwei": "🐻 two", "drei 🐻": "three 🐻"}
    return calls(*(("edit_file", {"path": path, "old": old, "new": new}) for old, new in words.items()), DONE)


def proposed(desk: Desk, path: str, n_hunks: int = 3) -> tuple[str, list[Message]]:
    """Begin a mission under review; return its id and the diagnostics of what it proposes for `path`."""
    mission_id = desk.editor.start("podium.task", {"goal": "Translate it", "apply": "review"})
    return mission_id, desk.editor.diagnostics(path, lambda shown: len(shown) == n_hunks)


def actions(editor: Editor, path: str, *diagnostics: Message) -> dict[str, Message]:
    """Return the commands of the code actions on `diagnostics`, by their titles."""
    params: Message = {
        "textDocument": {"uri": editor.uri(path)},
        "range": diagnostics[0]["range"],
        "context": {"diagnostics": [*diagnostics]},
    }
    offered = editor.wire.request("textDocument/codeAction", params)["result"]
    return {action["title"]: action["command"] for action in offered}


def choose(editor: Editor, command: Message) -> Message:
    """Do what an editor does when its user chooses a code action."""
    return editor.execute(command["command"], command["arguments"][0])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_hunks_are_accepted_and_rejected_by_code_action_while_the_user_types(
    desks: Desks, encoding: Encoding, path: str
) -> None:
    desk = desks[encoding]
    editor = desk.editor
    desk.write({path: TEXT})
    editor.open(path)
    desk.team.play(planner=plans(path, title="Translate"), worker=translates(path))
    mission_id, shown = proposed(desk, path)
    assert [editor.covered(TEXT, d["range"]) for d in shown] == ["eins", "🐻 zwei", "drei 🐻"]
    assert {(d["source"], d["code"], d["severity"]) for d in shown} == {("Podium", "proposal", 3)}
    assert "-🐻 zwei\n+🐻 two" in shown[1]["message"]
    assert editor.text(path) == editor.disk(path) == TEXT

    editor.type(path, TEXT.replace("Bär\n", "Bär\ntyped 🐻\n"))
    moved = editor.diagnostics(path, lambda now: now[1]["range"]["start"]["line"] == 4)
    assert editor.covered(editor.text(path), moved[1]["range"]) == "🐻 zwei"
    offered = actions(editor, path, moved[1])
    assert [*offered] == [
        "Accept this change",
        "Reject this change",
        "Accept all of “Translate”",
        "Reject all of “Translate”",
    ]
    assert choose(editor, offered["Accept this change"])["accepted"] == [2]
    left = editor.diagnostics(path, lambda now: len(now) == 2)
    assert [d["data"]["hunk"] for d in left] == [1, 3]
    assert choose(editor, actions(editor, path, left[0])["Reject this change"])["rejected"] == [1]
    (last,) = editor.diagnostics(path, lambda now: len(now) == 1)
    assert editor.covered(editor.text(path), last["range"]) == "drei 🐻"
    mission = editor.execute("podium.show", mission_id)
    assert mission["status"] == "waiting"
    editor.wire.wait_for(lambda m: "1/1 tasks. waiting for your review" in str(m))
    states = [hunk["state"] for hunk in mission["proposals"][0]["hunks"]]
    assert states == ["rejected", "accepted", "waiting"]
    assert choose(editor, actions(editor, path, last)["Accept all of “Translate”"])["waiting"] == []

    ended = editor.ended(mission_id)
    assert (ended["status"], ended["proposals"][0]["state"]) == ("signed_off", "delivered")
    editor.diagnostics(path, lambda now: not now)
    typed = (
        "" if encoding == "utf-8" else "typed 🐻\n"
    )  # that editor takes no edits: what it holds is its own
    text = editor.disk(path) if encoding == "utf-8" else editor.text(path)
    assert text == f"eins\nBär\n{typed}ruht\n🐻 two\nstays\nthree 🐻\nend\n"
    heard = desk.team.heard("commander")
    assert "Rejected by the user" in heard
    assert "-eins\n+one" in heard.partition("Rejected by the user")[2]
    assert "+one" not in heard.partition("Rejected by the user")[0]


def test_what_a_change_does_to_one_file_is_decided_at_once(desk: Desk, path: str) -> None:
    editor, other = desk.editor, f"other-{path}"
    desk.write({path: TEXT, other: "a\nstays\n"})
    both = calls(
        ("edit_file", {"path": path, "old": "eins", "new": "one"}),
        ("edit_file", {"path": path, "old": "drei", "new": "three"}),
        ("edit_file", {"path": other, "old": "a\n", "new": "b\n"}),
        DONE,
    )
    desk.team.play(planner=plans(path, title="Translate"), worker=both)
    mission_id, shown = proposed(desk, path, 2)
    (elsewhere,) = editor.diagnostics(other)
    assert choose(editor, actions(editor, path, shown[0])["Accept “Translate” in this file"])["waiting"] == [
        3
    ]
    assert "Accept “Translate” in this file" not in actions(editor, other, editor.diagnostics(other)[0])
    assert elsewhere["data"]["hunk"] == 3
    choose(editor, actions(editor, other, elsewhere)["Reject all of “Translate”"])
    assert editor.ended(mission_id)["proposals"][0]["state"] == "delivered"
    assert editor.text(path) == TEXT.replace("eins", "one").replace("drei", "three")
    assert editor.disk(other) == "a\nstays\n"


def test_the_final_checks_run_on_what_the_user_accepted(desk: Desk, path: str) -> None:
    desk.write({path: "a\nstays\nb\n"}, check=f"grep -q A {path} || ! grep -q B {path}")
    desk.team.play(
        planner=plans(path),
        worker=calls(
            ("edit_file", {"path": path, "old": "a\nstays", "new": "A\nstays"}),
            ("edit_file", {"path": path, "old": "stays\nb", "new": "stays\nB"}),
            DONE,
        ),
    )
    mission_id, shown = proposed(desk, path, 2)
    choose(desk.editor, actions(desk.editor, path, shown[0])["Reject this change"])
    choose(desk.editor, actions(desk.editor, path, shown[1])["Accept this change"])
    mission = desk.editor.ended(mission_id)
    assert [check["exitCode"] for check in mission["checks"]] == [1]
    # What is red now becomes a task, whatever the Commander says; this script has nobody who could do it.
    assert mission["tasks"][-1]["title"] == "Put right what the mission broke: check failed with exit code 1."
    assert (mission["status"], len(desk.team.requests("searcher"))) == ("failed", 1)


def test_a_hunk_whose_lines_the_user_changed_says_so_and_waits_when_accepted(desk: Desk, path: str) -> None:
    editor = desk.editor
    desk.write({path: "hello\nword\nend\n"})
    editor.open(path)
    desk.team.play(planner=plans(path), worker=edits(path, "word", "world"))
    mission_id, _ = proposed(desk, path, 1)
    editor.type(path, "hello\nworm\nend\n")
    (shown,) = editor.diagnostics(path, lambda now: "does not fit" in now[0]["message"])
    assert editor.covered(editor.text(path), shown["range"]) == "worm"
    accept = actions(editor, path, shown)["Accept this change"]
    with pytest.raises(CommandFailed, match="goes on waiting"):
        choose(editor, accept)
    assert editor.text(path) == "hello\nworm\nend\n"
    editor.type(path, "hello\nword\nend\n")
    choose(editor, accept)
    assert editor.ended(mission_id)["status"] == "signed_off"
    assert editor.text(path) == "hello\nworld\nend\n"


def test_a_new_file_waits_at_its_own_address_and_rejecting_everything_stops_the_mission(
    desk: Desk, path: str
) -> None:
    desk.write({})
    desk.team.play(planner=plans(path), worker=writes(path, "fresh\n"))
    mission_id, (shown,) = proposed(desk, path, 1)
    assert "creates this file" in shown["message"]
    assert shown["range"]["start"] == {"line": 0, "character": 0}
    proposal_id = shown["data"]["proposalId"]
    desk.editor.execute("podium.reject", {"proposalId": proposal_id, "reason": "not now"})
    mission = desk.editor.ended(mission_id)
    assert (mission["status"], mission["reason"]) == ("stopped", "Every change was rejected: not now")
    assert mission["proposals"][0]["state"] == "rejected"
    assert not (desk.editor.root / path).exists()
    assert desk.team.requests("commander") == []


def test_a_decision_that_makes_no_sense_is_refused_and_decides_nothing(desk: Desk, path: str) -> None:
    desk.write({path: TEXT})
    desk.team.play(planner=plans(path), worker=translates(path))
    mission_id, shown = proposed(desk, path)
    proposal_id = shown[0]["data"]["proposalId"]
    for argument, named in (
        ({"proposalId": "m-none.p-1"}, "no such proposal"),
        ({"proposalId": f"{mission_id}.p-9"}, "p-9"),
        ({"proposalId": proposal_id, "hunks": [1, 7]}, "no hunk 7 that waits; these do: 1, 2, 3"),
    ):
        for command in ("podium.accept", "podium.reject"):
            with pytest.raises(CommandFailed, match=named):
                desk.editor.execute(command, argument)
    # Two at once: one of them decides, and the other is told that there is nothing left to decide.
    both = [desk.editor.begin("podium.accept", proposal_id) for _ in range(2)]
    answers = [desk.editor.wire.response(one, 20) for one in both]
    assert sorted("error" in answer for answer in answers) == [False, True]
    assert desk.editor.ended(mission_id)["status"] == "signed_off"
    assert desk.editor.text(path) == "one\nBär\nruht\n🐻 two\nstays\nthree 🐻\nend\n"
    with pytest.raises(CommandFailed, match="does not wait for a decision: it is delivered"):
        desk.editor.execute("podium.reject", proposal_id)


def test_what_waits_when_a_mission_was_cancelled_can_be_accepted_after_a_restart(
    team: Team, tmp_path: Path, path: str
) -> None:
    (root := tmp_path / "project").mkdir()
    (root / path).write_text(TEXT)
    (root / "check.sh").write_text("exit 0")
    environment = {"SCRIPTED_API_KEY": "sk-scripted-0123456789"}
    with editing(root, tmp_path / "state", settings(team), environment=environment) as editor:
        team.play(planner=plans(path), worker=translates(path))
        mission_id, shown = proposed(Desk(editor, team), path)
        choose(editor, actions(editor, path, shown[1])["Accept this change"])
        editor.execute("podium.cancel", mission_id)
    with editing(root, tmp_path / "state", settings(team), environment=environment) as editor:
        editor.open(path, TEXT.replace("🐻 zwei", "🐻 two"))
        shown = editor.diagnostics(path, lambda now: len(now) == 2)
        assert [d["data"]["hunk"] for d in shown] == [1, 3]
        choose(editor, actions(editor, path, *shown)["Accept all of “Change it”"])
        assert editor.text(path) == "one\nBär\nruht\n🐻 two\nstays\nthree 🐻\nend\n"
        (proposal,) = editor.execute("podium.show", mission_id)["proposals"]
        assert proposal["state"] == "delivered"
