"""Findings: what a review says becomes diagnostics, they stay where they belong, and they can be fixed."""

import subprocess
from itertools import count

import pytest

from tests.e2e.conftest import Desk, Desks
from tests.e2e.editor import Encoding
from tests.e2e.team import APPROVES, edits, remark, reviews
from tests.lsp.raw_client import Message

TEXT = "one\nBär und 🐻: wrod\nthree\n"
_names = count(1)


@pytest.fixture
def bear() -> str:
    """A file of its own for each test: findings stay open for as long as their server runs."""
    return f"bear-{next(_names)}.txt"


def review(desk: Desk, path: str, argument: object = None) -> Message:
    """Carry a review out that finds `wrod` in the file `path`."""
    desk.team.play(reviewer=reviews(remark(path, "wrod", suggestion="Write “word”.")))
    return desk.editor.mission("podium.review", argument or {"uri": desk.editor.uri(path)})


def actions(desk: Desk, path: str, *diagnostics: Message) -> list[Message]:
    """Return the code actions that the editor is offered on `diagnostics`."""
    params: Message = {
        "textDocument": {"uri": desk.editor.uri(path)},
        "range": diagnostics[0]["range"],
        "context": {"diagnostics": [*diagnostics]},
    }
    offered: list[Message] = desk.editor.wire.request("textDocument/codeAction", params)["result"]
    return offered


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_a_finding_is_a_diagnostic_on_exactly_its_quote_in_every_encoding(
    desks: Desks, encoding: Encoding, bear: str
) -> None:
    desk = desks[encoding]
    editor = desk.editor
    desk.write({bear: TEXT})
    editor.open(bear)
    mission = review(desk, bear)
    assert (mission["status"], mission["reason"]) == ("signed_off", "1 finding.")
    (found,) = mission["findings"]
    (shown,) = editor.diagnostics(bear)
    assert editor.covered(TEXT, shown["range"]) == "wrod"
    assert (shown["code"], shown["source"], shown["severity"]) == ("wrong-word", "Podium", 2)
    assert shown["message"] == "This is wrong.\nWrite “word”."
    assert shown["data"] == {"findingId": found["id"]}
    (evidence,) = shown["relatedInformation"]
    assert evidence["message"] == "reviewer: wrod"
    assert editor.covered(TEXT, evidence["location"]["range"]) == "wrod"


def test_a_finding_in_a_file_that_is_not_open_is_on_its_line(desk: Desk, bear: str) -> None:
    desk.write({bear: TEXT})
    review(desk, bear)
    (shown,) = desk.editor.diagnostics(bear)
    assert shown["range"]["start"] == {"line": 1, "character": 0}


def test_a_diagnostic_follows_its_line_while_the_user_types_above(desk: Desk, bear: str) -> None:
    editor = desk.editor
    desk.write({bear: TEXT})
    editor.open(bear)
    review(desk, bear)
    editor.type(bear, "zero\n" + TEXT)
    (moved,) = editor.diagnostics(bear, lambda shown: shown[0]["range"]["start"]["line"] == 2)
    assert editor.covered(editor.text(bear), moved["range"]) == "wrod"


def test_a_review_of_a_range_shows_the_reviewer_these_unsaved_lines_only(desk: Desk, bear: str) -> None:
    editor = desk.editor
    desk.write({bear: "one\ntwo\nthree\n"})
    editor.open(bear, "first\nBär 🐻 second third\nlast\n")
    span = {"start": {"line": 1, "character": 7}, "end": {"line": 1, "character": 13}}
    desk.team.play(reviewer=APPROVES)
    mission = editor.mission("podium.review", {"uri": editor.uri(bear), "range": span})
    assert (mission["status"], mission["findings"]) == ("signed_off", [])
    heard = desk.team.heard("reviewer")
    assert "second" in heard
    assert "second third" not in heard


def test_a_review_of_a_text_shows_the_reviewer_the_text(desk: Desk) -> None:
    desk.write({})
    desk.team.play(reviewer=APPROVES)
    assert desk.editor.mission("podium.review", "is this good: 6 * 7 == 43")["status"] == "signed_off"
    assert "6 * 7 == 43" in desk.team.heard("reviewer")


def test_a_review_of_working_changes_shows_the_reviewer_the_unsaved_difference(desk: Desk, bear: str) -> None:
    editor = desk.editor
    desk.write({bear: "one\n", "kept.txt": "kept\n"})
    git = ["git", "-C", str(editor.root), "-c", "user.name=U", "-c", "user.email=u@example.org"]
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *arguments], check=True)
    editor.open(bear, "one\nwrod\n")
    assert review(desk, bear, {"changes": True})["status"] == "signed_off"
    heard = desk.team.heard("reviewer")
    assert "+wrod" in heard
    assert "-kept" not in heard
    assert len(editor.diagnostics(bear)) == 1


def test_fixing_a_finding_by_its_code_action_makes_the_diagnostic_go_away(desk: Desk, bear: str) -> None:
    editor = desk.editor
    desk.write({bear: TEXT})
    editor.open(bear)
    review(desk, bear)
    (shown,) = editor.diagnostics(bear)
    (action,) = actions(desk, bear, shown)
    assert action["title"] == "Fix with Podium: This is wrong."
    desk.team.play(worker=edits(bear, "wrod", "word"))
    command = action["command"]
    mission_id = editor.start(command["command"], command["arguments"][0])
    assert editor.ended(mission_id)["status"] == "signed_off"
    assert "Write “word”." in desk.team.heard("worker")
    assert editor.diagnostics(bear, lambda shown: not shown) == []
    assert editor.text(bear) == TEXT.replace("wrod", "word")


def test_several_findings_can_be_fixed_at_once(desk: Desk, bear: str) -> None:
    editor = desk.editor
    desk.write({bear: TEXT})
    editor.open(bear)
    desk.team.play(reviewer=reviews(remark(bear, "wrod"), remark(bear, "three", "Odd number.")))
    editor.mission("podium.review", {"uri": editor.uri(bear)})
    offered = actions(desk, bear, *editor.diagnostics(bear))
    assert [a["title"] for a in offered][2:] == ["Fix all with Podium"]
    assert len(offered[2]["command"]["arguments"][0]["findingIds"]) == 2


def test_the_diagnostic_of_another_server_can_be_fixed(desk: Desk) -> None:
    editor = desk.editor
    desk.write({"code.py": "import os\nx = 1\n"})
    editor.open("code.py")
    foreign: Message = {
        "range": {"start": {"line": 0, "character": 7}, "end": {"line": 0, "character": 9}},
        "message": "`os` imported but unused",
        "source": "Ruff",
        "code": "F401",
        "data": {"fix": None},
    }
    (action,) = actions(desk, "code.py", foreign)
    desk.team.play(worker=edits("code.py", "import os\n", ""))
    mission_id = editor.start(action["command"]["command"], action["command"]["arguments"][0])
    assert editor.ended(mission_id)["status"] == "signed_off"
    assert "`os` imported but unused" in desk.team.heard("worker")
    assert editor.text("code.py") == "x = 1\n"


def test_an_error_message_can_be_fixed(desk: Desk, bear: str) -> None:
    desk.write({bear: TEXT})
    desk.team.play(worker=edits(bear, "wrod", "word"))
    mission = desk.editor.mission("podium.fix", f"{bear}:2: unknown word 'wrod'")
    assert mission["status"] == "signed_off"
    assert "unknown word 'wrod'" in desk.team.heard("worker")
    assert desk.editor.text(bear) == TEXT.replace("wrod", "word")


def test_a_fix_that_is_cancelled_leaves_its_finding_open(desk: Desk, bear: str) -> None:
    editor = desk.editor
    desk.write({bear: TEXT})
    editor.open(bear)
    finding = review(desk, bear)["findings"][0]["id"]
    desk.team.play(worker=edits(bear, "wrod", "word").after(30))
    mission_id = editor.start("podium.fix", {"findingIds": [finding]})
    assert editor.execute("podium.cancel", mission_id)["status"] == "cancelled"
    assert [d["data"]["findingId"] for d in editor.diagnostics(bear)] == [finding]
