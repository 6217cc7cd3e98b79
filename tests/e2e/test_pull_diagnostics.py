"""Diagnostics for an editor that pulls them: those of open documents come by its request, and never both ways."""

from collections.abc import Generator

import pytest

from tests.e2e.conftest import KEY, Desk, settings
from tests.e2e.editor import CAPABILITIES, editing
from tests.e2e.team import Team, plans, remark, reviews
from tests.lsp.raw_client import Message

PULLS: Message = {"textDocument": {"diagnostic": {}}}
HEARS: Message = {"workspace": {**CAPABILITIES["workspace"], "diagnostics": {"refreshSupport": True}}}


@pytest.fixture(scope="module")
def pulling(team: Team, tmp_path_factory: pytest.TempPathFactory) -> Generator[Desk]:
    """A desk whose editor pulls diagnostics, and can be told to do so again."""
    home = tmp_path_factory.mktemp("pulling")
    (root := home / "project").mkdir()
    able, environment = {**CAPABILITIES, **PULLS, **HEARS}, {"SCRIPTED_API_KEY": KEY}
    with editing(root, home / "state", settings(team), capabilities=able, environment=environment) as editor:
        yield Desk(editor, team)


def pulled(desk: Desk, path: str, **more: str) -> Message:
    params = {"textDocument": {"uri": desk.editor.uri(path)}, **more}
    report: Message = desk.editor.wire.request("textDocument/diagnostic", params)["result"]
    return report


def pushed(desk: Desk, path: str) -> list[list[Message]]:
    sent = desk.editor.requests("textDocument/publishDiagnostics")
    return [m["params"]["diagnostics"] for m in sent if m["params"]["uri"] == desk.editor.uri(path)]


def test_findings_of_open_documents_are_pulled_and_those_of_others_pushed(pulling: Desk) -> None:
    editor = pulling.editor
    pulling.write({"open.txt": "hello\nwrold\n", "closed.txt": "wrold\n"})
    editor.open("open.txt")
    empty = pulled(pulling, "open.txt")
    assert (empty["kind"], empty["items"]) == ("full", [])
    found = [remark(path, "wrold", "A typing error.") for path in ("open.txt", "closed.txt")]
    pulling.team.play(reviewer=reviews(*found))
    assert editor.mission("podium.review", {"text": "the words"})["status"] == "signed_off"
    editor.wire.call("workspace/diagnostic/refresh")
    report = pulled(pulling, "open.txt", previousResultId=empty["resultId"])
    (diagnostic,) = report["items"]
    assert (report["kind"], diagnostic["message"]) == ("full", "A typing error.")
    assert editor.covered(editor.text("open.txt"), diagnostic["range"]) == "wrold"
    again = pulled(pulling, "open.txt", previousResultId=report["resultId"])
    assert again == {"kind": "unchanged", "resultId": report["resultId"]}
    assert len(editor.diagnostics("closed.txt")) == 1
    assert pushed(pulling, "open.txt") == []

    editor.type("open.txt", "hello\nall the wrold\n")
    (moved,) = pulled(pulling, "open.txt", previousResultId=report["resultId"])["items"]
    assert editor.covered(editor.text("open.txt"), moved["range"]) == "wrold"

    editor.close("open.txt")
    assert len(editor.diagnostics("open.txt")) == 1, "who closes a document is pushed what is said about it"
    editor.open("closed.txt")
    editor.diagnostics("closed.txt", lambda found: not found)
    assert len(pulled(pulling, "closed.txt")["items"]) == 1


def test_what_is_wrong_with_a_plan_is_pulled_while_the_user_types_it(pulling: Desk) -> None:
    editor = pulling.editor
    pulling.write({"greet.txt": "word\n"})
    pulling.team.play(planner=plans("greet.txt"))
    mission = editor.mission("podium.plan", "Correct the word")
    path = f".podium/missions/{mission['missionId']}/plan.md"
    editor.open(path)
    editor.type(path, editor.text(path) + "loose\n")
    (problem,) = pulled(pulling, path)["items"]
    assert "belongs to no task" in problem["message"]
    assert pushed(pulling, path) in ([], [[]])


def test_an_editor_that_would_not_hear_of_news_is_pushed_everything(
    team: Team, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("deaf")
    (root := home / "project").mkdir()
    with editing(root, home / "state", settings(team), capabilities={**CAPABILITIES, **PULLS}) as editor:
        (initialized,) = [m["result"] for m in editor.wire.received if "capabilities" in m.get("result", {})]
        assert "diagnosticProvider" not in initialized["capabilities"]
