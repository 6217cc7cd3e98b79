"""The plan document is a live program: it follows its mission, and what is saved in it steers the mission."""

import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Desk, settings
from tests.e2e.editor import CAPABILITIES, Editor, editing
from tests.e2e.team import Team, edits, plans, writes
from tests.lsp.raw_client import Message
from tests.models.provider import Reply, calls

T1 = "- [/] **t1** Correct greet\n  - files: greet.txt\n\n  Do t1.\n"
T2 = "- [ ] **t2** Correct other\n  - files: other.txt\n  - needs: t1\n\n  Do t2.\n"


def plan() -> Reply:
    """Return a plan of two tasks, one after the other."""
    tasks: list[dict[str, Any]] = [
        {"id": "t1", "title": "Correct greet", "instructions": "Do t1.", "files": ["greet.txt"]},
        {
            "id": "t2",
            "title": "Correct other",
            "instructions": "Do t2.",
            "files": ["other.txt"],
            "needs": ["t1"],
        },
    ]
    return calls(("submit_plan", {"tasks": tasks}))


def asks(question: str) -> Reply:
    return calls(("ask_user", {"question": question}))


class Running:
    """A mission whose first task waits for an answer."""

    def __init__(self, desk: Desk, *rest: Reply) -> None:
        self.editor = desk.editor
        desk.write({"greet.txt": "word\n", "other.txt": "word\n"}, check="true")
        self.editor.replies["window/showMessageRequest"] = lambda _: None
        first = (asks("One?"), edits("greet.txt", "word", "words"))
        desk.team.play(planner=plan(), worker=[*first, *rest, edits("other.txt", "word", "words")])
        self.id = self.editor.start("podium.task", {"goal": "Correct the words"})
        self.path = f".podium/missions/{self.id}/plan.md"
        self.questions = 0
        self.asked()

    def asked(self) -> None:
        """Wait for the next question."""
        self.questions += 1
        asked = self.editor.requests
        self.editor.wire.wait_for(lambda _: len(asked("window/showMessageRequest")) >= self.questions)

    def answer(self) -> None:
        (question,) = self.editor.execute("podium.show", {"missionId": self.id})["questions"]
        self.editor.execute("podium.answer", {"questionId": question["id"], "answer": "yes"})

    def open(self) -> None:
        """Open the plan, and wait until it shows that the first task runs."""
        self.editor.open(self.path)
        self.until(lambda text: "[/] **t1**" in text and ": waiting" in text)

    def until(self, holds: Callable[[str], bool]) -> str:
        """Return the text of the open plan once it is as wanted; the server says something after each change."""
        self.editor.wire.wait_for(lambda _: holds(self.editor.text(self.path)))
        return self.editor.text(self.path)

    def type(self, old: str, new: str) -> None:
        text = self.editor.text(self.path)
        assert text.count(old) == 1, text
        self.editor.type(self.path, text.replace(old, new))

    def tasks(self) -> dict[str, Message]:
        return {t["id"]: t for t in self.editor.execute("podium.show", {"missionId": self.id})["tasks"]}

    def said(self, wanted: Callable[[list[Message]], bool]) -> list[tuple[str, str, int]]:
        """Return the diagnostics of the plan, once they are as wanted: the text, the message, the severity."""
        found = self.editor.diagnostics(self.path, wanted)
        text = self.editor.text(self.path)
        return [(self.editor.covered(text, d["range"]), d["message"], d["severity"]) for d in found]


@contextmanager
def running(desk: Desk, *rest: Reply) -> Generator[Running]:
    mission = Running(desk, *rest)
    try:
        yield mission
    finally:
        mission.editor.execute("podium.cancel", {"missionId": mission.id})
        if mission.path in mission.editor.buffers:
            mission.until(lambda text: "The mission has ended" in text)
            mission.editor.save(mission.path)


def test_a_saved_edit_steers_the_mission_and_the_document_follows_it(desk: Desk) -> None:
    """What is typed and not saved stays as it is, whatever happens meanwhile."""
    rest = (asks("Two?"), edits("other.txt", "word", "words"), writes("new.txt", "new\n"))
    with running(desk, *rest) as mission:
        mission.open()
        assert mission.editor.text(mission.path).endswith(T1 + T2)
        mission.type("Correct other", "Correct the other")
        mission.type("  Do t2.\n", "  Do t2.\n- [ ] Write new\n  files: new.txt\n  needs: t2\n")
        mission.answer()
        mission.asked()
        text = mission.until(lambda text: "[x] **t1**" in text)
        assert "- [ ] **t2** Correct the other\n" in text, "a line with something unsaved in it is left alone"
        assert text.endswith("- [ ] Write new\n  files: new.txt\n  needs: t2\n")
        assert [*mission.tasks()] == ["t1", "t2"], "what is not saved counts for nothing"

        mission.editor.save(mission.path)
        text = mission.until(lambda text: "**u1**" in text)
        assert "- [/] **t2** Correct the other\n" in text
        assert text.endswith("- [ ] **u1** Write new\n  - files: new.txt\n  - needs: t2\n")
        assert mission.tasks()["t2"]["title"] == "Correct the other"

        mission.answer()
        ended = mission.editor.ended(mission.id)
        assert (ended["status"], [t["state"] for t in ended["tasks"]]) == ("signed_off", ["completed"] * 3)
        assert mission.editor.text("new.txt") == "new\n"
        assert "The task was changed meanwhile" in str(desk.team.requests("worker")[-2].body)
        text = mission.until(lambda text: "The mission has ended" in text)
        assert text.count("- [x] **") == 3


def test_a_tick_closes_nothing_and_is_put_back_with_an_explanation(desk: Desk) -> None:
    with running(desk) as mission:
        mission.open()
        mission.type("[ ] **t2**", "[x] **t2**")
        ((at, message, severity),) = mission.said(bool)
        assert (at, severity) == ("- [x] **t2** Correct other", 3)
        assert "checks and a review close a task, not a tick" in message
        mission.editor.save(mission.path)
        mission.until(lambda text: text.endswith(T1 + T2))
        assert mission.tasks()["t2"]["state"] == "pending"
        ((at, message, _),) = mission.said(lambda found: bool(found) and "[ ] **t2**" in mission.until(bool))
        assert (at, "The box is put back" in message) == ("- [ ] **t2** Correct other", True)


def test_a_line_that_cannot_be_read_keeps_the_whole_edit_back_and_says_why(desk: Desk) -> None:
    with running(desk) as mission:
        mission.open()
        mission.type("  - needs: t1\n", "  - needs: t1, t9, t2\nloose\n")
        found = mission.said(lambda found: len(found) == 2)
        assert [(at, severity) for at, _, severity in found] == [("loose", 1), ("- needs: t1, t9, t2", 1)]
        assert ["belongs to no task" in found[0][1], "There is no task t9" in found[1][1]] == [True, True]
        mission.type("Correct other", "Correct all")
        mission.editor.save(mission.path)
        assert mission.tasks()["t2"]["title"] == "Correct other"
        mission.type("  - needs: t1, t9, t2\nloose\n", "  - needs: t1, t2\n")
        ((at, message, _),) = mission.said(lambda found: "cycle" in str(found))
        assert (at, message) == ("- needs: t1, t2", "The needs form a cycle: t2 → t2. Remove one of them.")
        mission.type("  - files: other.txt\n  - needs: t1, t2\n", "  - files: other.txt, greet.txt\n")
        ((at, message, severity),) = mission.said(lambda found: "cycle" not in str(found))
        assert (at, severity) == ("- files: other.txt, greet.txt", 2)
        assert "“Correct greet” changes greet.txt as well" in message
        mission.type("other.txt, greet.txt", "other.txt")
        mission.said(lambda found: not found)
        mission.editor.save(mission.path)
        mission.until(lambda text: "- [/] **t2** Correct all" in text)
        task = mission.tasks()["t2"]
        assert (task["title"], task["needs"]) == ("Correct all", [])


def test_what_the_editor_saves_by_itself_is_not_handed_over(desk: Desk) -> None:
    with running(desk) as mission:
        mission.open()
        mission.type("Correct other", "Correct oth")
        mission.editor.save(mission.path, reason=2)
        mission.type("Correct oth", "Correct others")
        assert mission.tasks()["t2"]["title"] == "Correct other"
        mission.editor.save(mission.path)
        mission.editor.diagnostics(mission.path, lambda _: mission.tasks()["t2"]["title"] == "Correct others")


def test_a_change_on_the_disk_steers_as_well(desk: Desk) -> None:
    with running(desk) as mission:
        place = mission.editor.root / mission.path
        mission.editor.wire.wait_for(lambda _: ": waiting" in mission.editor.disk(mission.path))
        text = place.read_text(encoding="utf-8")
        assert text.endswith(T2)
        place.write_text(text.replace(T2, ""), encoding="utf-8")
        changes = [{"uri": mission.editor.uri(mission.path), "type": 2}]
        mission.editor.wire.notify("workspace/didChangeWatchedFiles", {"changes": changes})
        mission.editor.wire.wait_for(
            lambda m: mission.id in str(m.get("params")) and "Diagnostics" in m["method"]
        )
        assert mission.tasks()["t2"]["state"] == "dropped"
        mission.answer()
        assert mission.editor.ended(mission.id)["status"] == "signed_off"
        text = place.read_text(encoding="utf-8")
        assert "## Dropped\n\n- [-] **t2** Correct other\n" in text
        assert "  - why: by the user in the plan\n" in text
        assert mission.editor.disk("other.txt") == "word\n"


def test_the_plan_of_a_mission_that_ended_is_final(desk: Desk) -> None:
    with running(desk) as mission:
        mission.answer()
        assert mission.editor.ended(mission.id)["status"] == "signed_off"
        mission.editor.open(mission.path)
        mission.type("Correct other", "Correct more")
        ((at, message, severity),) = mission.said(bool)
        assert (at, severity) == ("- [x] **t2** Correct more", 2)
        assert message == "The mission has ended; edits of its plan have no effect."
        mission.editor.save(mission.path)
        assert mission.tasks()["t2"]["title"] == "Correct other"
        assert "Correct more" in mission.editor.text(mission.path)


def test_a_plan_that_nobody_carried_out_yet_can_be_edited(desk: Desk) -> None:
    desk.write({"greet.txt": "word\n"})
    desk.team.play(planner=plan())
    editor = desk.editor
    mission = editor.mission("podium.plan", {"goal": "Correct the words"})
    path = f".podium/missions/{mission['missionId']}/plan.md"
    editor.open(path)
    editor.type(path, editor.text(path).replace(T1.replace("[/]", "[ ]"), "").replace("  - needs: t1\n", ""))
    editor.save(path)
    editor.wire.wait_for(lambda _: "## Dropped" in editor.text(path))
    shown = editor.execute("podium.show", {"missionId": mission["missionId"]})
    assert [(t["id"], t["state"], t["needs"]) for t in shown["tasks"]] == [
        ("t1", "dropped", []),
        ("t2", "pending", []),
    ]
    assert shown["status"] == "signed_off"
    editor.save(path)


def test_an_editor_that_takes_no_edits_gets_the_plan_on_the_disk(plain_desk: Desk) -> None:
    with running(plain_desk) as mission:
        editor = mission.editor
        editor.open(mission.path)
        mission.type("  Do t2.\n", "  Do t2.\n- [ ] Write new\n  files: new.txt\n  needs: t2\n")
        editor.save(mission.path)
        editor.diagnostics(mission.path, lambda _: [*mission.tasks()] == ["t1", "t2", "u1"])
        mission.type("Write new", "Write new")
        editor.save(mission.path)
        editor.wire.wait_for(lambda _: "**u1** Write new" in editor.disk(mission.path))
        assert [*mission.tasks()] == ["t1", "t2", "u1"], "a line without an id is added once"
        editor.close(mission.path)


def ask(editor: Editor, method: str, path: str, **more: object) -> Any:  # noqa: ANN401 - whatever the method returns
    params = {"textDocument": {"uri": editor.uri(path)}, **more}
    return editor.wire.request(f"textDocument/{method}", params)["result"]


def test_a_plan_has_symbols_folds_and_links_and_other_documents_have_none(desk: Desk) -> None:
    with running(desk) as mission:
        editor, path = mission.editor, mission.path
        mission.open()
        text = editor.text(path)
        symbols = ask(editor, "documentSymbol", path)
        assert [s["name"] for s in symbols] == ["[/] t1 Correct greet", "[ ] t2 Correct other"]
        assert [editor.covered(text, s["location"]["range"]) + "\n" for s in symbols] == [T1, T2]
        folds = ask(editor, "foldingRange", path)
        assert [text.split("\n")[fold["startLine"]] for fold in folds] == [
            T1.split("\n")[0],
            T2.split("\n")[0],
        ]
        assert [fold["endLine"] - fold["startLine"] for fold in folds] == [3, 4]
        links = ask(editor, "documentLink", path)
        assert [(editor.covered(text, link["range"]), link["target"]) for link in links] == [
            ("greet.txt", editor.uri("greet.txt")),
            ("other.txt", editor.uri("other.txt")),
        ]
        editor.open("greet.txt")
        for method in ("documentSymbol", "foldingRange", "documentLink", "codeLens"):
            assert ask(editor, method, "greet.txt") is None
        assert ask(editor, "hover", "greet.txt", position={"line": 0, "character": 1}) is None
        assert ask(editor, "completion", "greet.txt", position={"line": 0, "character": 1}) is None


def hover(mission: Running, beginning: str) -> str:
    """Return what is told of the line that begins so."""
    lines = mission.editor.text(mission.path).split("\n")
    line = next(n for n, text in enumerate(lines) if text.startswith(beginning))
    found = ask(mission.editor, "hover", mission.path, position={"line": line, "character": 3})
    assert found["contents"]["kind"] == "markdown"
    assert found["range"]["start"] == {"line": line, "character": 0}
    return str(found["contents"]["value"])


def test_a_task_tells_who_works_on_it_what_it_cost_and_what_was_done_last(desk: Desk) -> None:
    with running(desk) as mission:
        mission.open()
        told = hover(mission, "- [/] **t1**")
        assert told.startswith(
            "**t1** running, attempt 1\n\n- worker-1 (openai/scripted): waiting for you for "
        )
        assert re.search(r"\n\n\d+ requests and [\d,]+ tokens in .*, by worker-1, commander-1\n", told)
        assert told.endswith("\nyou are asked: One?\n````")
        assert hover(mission, "- [ ] **t2**") == "**t2** pending"
        mission.answer()
        assert mission.editor.ended(mission.id)["status"] == "signed_off"
        mission.until(lambda text: text.count("- [x]") == 2)
        told = hover(mission, "- [x] **t1**")
        assert told.startswith("**t1** completed, attempt 1\n\n")
        for line in (
            "worker-1 edit_file greet.txt",
            "check is green",
            "the review approves",
            "worker-1 is done",
        ):
            assert f"\n{line}\n" in told


def lenses(editor: Editor, path: str) -> dict[str, Message]:
    """Return the commands of a document by their titles and lines; each of them is a code action there as well."""
    found: dict[str, Message] = {}
    for lens in ask(editor, "codeLens", path):
        command, at = lens["command"], lens["range"]
        actions = ask(editor, "codeAction", path, range=at, context={"diagnostics": []})
        assert command in [action["command"] for action in actions]
        found[f"{command['title']}: {editor.covered(editor.text(path), at)}"] = command
    return found


def run(editor: Editor, command: Message) -> None:
    editor.execute(command["command"], *command["arguments"])


def test_a_mission_is_paused_and_let_go_on_from_its_plan(desk: Desk) -> None:
    with running(desk) as mission:
        mission.open()
        (pause,) = lenses(mission.editor, mission.path).items()
        assert pause[0] == "Pause: # Correct the words"
        run(mission.editor, pause[1])
        mission.until(lambda text: ": paused" in text)
        (on,) = lenses(mission.editor, mission.path).items()
        assert on[0] == "Go on: # Correct the words"
        run(mission.editor, on[1])
        mission.until(lambda text: ": waiting" in text)


def test_a_plan_is_run_and_its_stuck_task_is_retried_from_the_plan(desk: Desk) -> None:
    editor = desk.editor
    desk.write({"greet.txt": "word\n"}, check="grep -q world greet.txt")
    editor.replies["window/showMessageRequest"] = lambda _: None
    wrong = [writes("greet.txt", f"wurst {n}\n") for n in range(3)]
    desk.team.play(
        planner=plans("greet.txt", checks=["check"]), worker=[*wrong, writes("greet.txt", "world\n")]
    )
    planned = editor.mission("podium.plan", "Correct the word")
    path = f".podium/missions/{planned['missionId']}/plan.md"
    editor.open(path)
    ((title, command),) = lenses(editor, path).items()
    assert title == "Run this plan: # Correct the word"
    run(editor, command)
    try:
        editor.wire.wait_for(lambda _: "- [!] **t1**" in editor.text(path))
        editor.question(planned["missionId"])
        offered = lenses(editor, path)
        assert {title.partition(":")[0] for title in offered if "**t1**" in title} >= {
            "Retry",
            "Skip",
            "Take over",
            "Stop",
        }
        run(editor, next(command for title, command in offered.items() if title.startswith("Retry")))
        mission = editor.ended(planned["missionId"])
    finally:
        editor.execute("podium.cancel", planned["missionId"])
    assert (mission["status"], mission["closed"]) == ("signed_off", 1)
    editor.wire.wait_for(lambda _: "The mission has ended" in editor.text(path))
    assert ask(editor, "codeLens", path) == []
    editor.save(path)


def completed(editor: Editor, path: str, line: str) -> list[str]:
    """Return what a line becomes with each completion where `|` is, in order."""
    text = editor.text(path)
    written = f"- [ ] 🦉 T\n{line.replace('|', '')}\n"
    editor.type(path, text + written)
    at = {"line": text.count("\n") + 1, "character": line.index("|")}
    found = ask(editor, "completion", path, position=at)
    editor.type(path, text)
    lines: list[str] = []
    for item in found["items"]:
        span, new = item["textEdit"]["range"], item["textEdit"]["newText"]
        start, end = (editor.offset(text + written, span[side]) for side in ("start", "end"))
        whole = (text + written)[:start] + new + (text + written)[end:]
        lines.append(whole.split("\n")[at["line"]])
    return lines


def test_boxes_ids_files_and_checks_are_completed(desk: Desk) -> None:
    with running(desk) as mission:
        mission.open()
        boxes = ["- [ ] X", "- [-] X", "- [/] X", "- [x] X", "- [!] X"]
        for typed in ("- [|] X", "- [| ] X", "- [ |] X", "- [x|] X"):
            assert completed(mission.editor, mission.path, typed) == boxes
        assert completed(mission.editor, mission.path, "  - needs: t|") == ["  - needs: t1", "  - needs: t2"]
        assert completed(mission.editor, mission.path, "  needs: t1, |") == [
            "  needs: t1, t1",
            "  needs: t1, t2",
        ]
        assert completed(mission.editor, mission.path, "  - files: gre|") == ["  - files: greet.txt"]
        assert completed(mission.editor, mission.path, "  - checks: |") == ["  - checks: check"]
        assert completed(mission.editor, mission.path, "  just t|ext") == []


@pytest.mark.parametrize("able", [True, False])
def test_what_is_for_plans_only_is_registered_for_plans_only_where_a_client_can_do_that(
    able: bool, team: Team, tmp_path: Path
) -> None:
    root = tmp_path / "project"
    root.mkdir()
    dynamic = {"dynamicRegistration": able}
    methods = ("documentSymbol", "foldingRange", "documentLink", "completion", "hover", "codeLens")
    offered = {**CAPABILITIES, "textDocument": dict.fromkeys(methods, dynamic)}
    offered["workspace"] = {**CAPABILITIES["workspace"], "didChangeWatchedFiles": dynamic}
    with editing(root, tmp_path / "state", settings(team), capabilities=offered) as editor:
        (initialized,) = [m["result"] for m in editor.wire.received if "capabilities" in m.get("result", {})]
        claimed = {method for method in methods if f"{method}Provider" in initialized["capabilities"]}
        assert claimed == (set() if able else set(methods))
        if not able:
            editor.execute("podium.agents")
            assert "client/registerCapability" not in editor.wire.methods()
            return
        registrations = editor.wire.call("client/registerCapability")["params"]["registrations"]
        by_method = {r["method"].rpartition("/")[2]: r["registerOptions"] for r in registrations}
        assert by_method.keys() == {*methods, "didChangeWatchedFiles"}
        for method in methods:
            assert by_method[method]["documentSelector"] == [{"pattern": "**/.podium/missions/*/plan.md"}]
