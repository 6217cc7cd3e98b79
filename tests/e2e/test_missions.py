"""What the user asks for, from the command to its end, with the real server and a scripted model."""

import subprocess
import threading

import pytest

from tests.e2e.conftest import Desk
from tests.e2e.team import calls, edits, plans, writes
from tests.lsp.raw_client import Message
from tests.models.provider import Reply, fails, says

WORD = {"greet.txt": "hello\nword\n"}
WORLD = "grep -q world greet.txt"
CORRECTS = edits("greet.txt", "word", "world")


def test_a_task_is_worked_on_with_the_users_unsaved_text_and_changes_only_the_buffer(desk: Desk) -> None:
    editor, team = desk.editor, desk.team
    desk.write(WORD, check="grep -q Anna greet.txt && grep -q world greet.txt")
    editor.open("greet.txt", "hello Anna\nword\n")
    reads = calls(("read_file", {"path": "greet.txt"}))
    team.play(planner=plans("greet.txt", checks=["check"]), worker=[reads, CORRECTS])
    mission = editor.mission("podium.task", {"goal": "Correct the word"})
    assert (mission["status"], mission["reason"]) == ("signed_off", "Reached.")
    assert "hello Anna" in team.heard("worker")
    assert editor.text("greet.txt") == "hello Anna\nworld\n"
    assert editor.disk("greet.txt") == "hello\nword\n"
    (params,) = editor.applied
    (change,) = params["edit"]["documentChanges"]
    assert change["textDocument"] == {"uri": editor.uri("greet.txt"), "version": 2}
    assert params["label"] == "Podium: Change it"
    assert {r["exitCode"] for t in mission["tasks"] for r in t["results"]} == {0}
    assert mission["spent"]["modelRequests"] == len(team.provider.requests)
    booked = {(row["role"], row["taskId"]): row["spent"]["modelRequests"] for row in mission["spending"]}
    assert booked == {("planner", ""): 1, ("worker", "t1"): 2, ("reviewer", "t1"): 1, ("commander", ""): 1}


def test_a_conversation_that_outgrows_the_window_goes_on_shortened(desk: Desk) -> None:
    desk.write({**WORD, "long.txt": "nothing of this is wrong\n" * 500}, check=WORLD)
    reads = calls(("read_file", {"path": "long.txt"}))
    overflow = fails(400, "This model's maximum context length is 6000 tokens. You requested 6500 tokens.")
    desk.team.play(planner=plans("greet.txt", checks=["check"]), worker=[reads, overflow, CORRECTS])
    with desk.settings(model="openai/narrow"):
        mission = desk.editor.mission("podium.task", {"goal": "Correct the word"})
    assert (mission["status"], mission["reason"]) == ("signed_off", "Reached.")
    before, refused, after = (len(str(request.body["messages"])) for request in desk.team.requests("worker"))
    assert before < after < refused - 5_000
    assert "characters left out to save room" in desk.team.heard("worker")


def test_how_often_a_model_had_to_be_corrected_is_told(desk: Desk) -> None:
    desk.write(WORD)
    unfit = calls(("edit_file", {"path": "greet.txt"}), ("no_such_tool", {}))
    desk.team.play(planner=plans("greet.txt"), worker=[says("I think it over."), unfit, CORRECTS])
    mission = desk.editor.mission("podium.task", {"goal": "Correct the word"})
    assert (mission["reason"], mission["spent"]["corrections"]) == ("Reached.", 3)


def test_the_mission_and_each_of_its_agents_show_progress_that_ends(desk: Desk) -> None:
    editor = desk.editor
    desk.write(WORD)
    desk.team.play(planner=plans("greet.txt"), worker=CORRECTS)
    mission = editor.mission("podium.task", "Correct the word", workDoneToken="of-the-editor")
    told = {token: editor.progress(token) for token in editor.tokens(mission["missionId"])}
    told["of-the-editor"] = editor.progress("of-the-editor")
    for reports in told.values():
        first, *_, last = reports
        assert (first["kind"], last["kind"]) == ("begin", "end")
        assert first["title"]
    (own,) = [token for token in told if token.endswith(mission["missionId"])]
    endings = {told.pop(token)[-1]["message"] for token in (own, "of-the-editor")}
    assert endings == {"signed_off: Reached."}
    assert len(told) == len({"planner", "worker", "reviewer", "commander"})
    assert {reports[-1]["message"] for reports in told.values()} == {"done"}
    assert any(report["kind"] == "report" and report["message"] for report in editor.progress(own))


def test_progress_tells_how_many_tasks_are_closed_of_how_many_and_what_runs_now(desk: Desk) -> None:
    editor, team = desk.editor, desk.team
    desk.write({"one.txt": "word\n", "two.txt": "word\n"})

    def works() -> Reply:
        first = "Files: one.txt" in team.heard("worker")
        return edits("one.txt", "word", "world") if first else calls().after(60)

    team.play(planner=plans("one.txt", "two.txt"), worker=works)
    mission_id = editor.start("podium.task", "Correct the words", workDoneToken="of-two-tasks")

    def told(message: Message) -> bool:
        if message.get("method") != "$/progress":
            return False
        params = message["params"]
        said = (params["token"], params["value"].get("message"), params["value"].get("percentage"))
        return said == ("of-two-tasks", "1/2 tasks. worker: asking the model", 50)

    editor.wire.wait_for(told)
    agents = editor.execute("podium.agents")["agents"]
    assert [(agent["role"], agent["taskId"]) for agent in agents] == [("worker", "t2")]
    editor.execute("podium.cancel", mission_id)
    mission = editor.ended(mission_id)
    assert (mission["closed"], mission["total"]) == (1, 2)


def test_a_plan_becomes_a_document_that_git_does_not_see(desk: Desk) -> None:
    editor = desk.editor
    desk.write({"greet.txt": "word\n", "other.txt": "\n"})
    subprocess.run(["git", "init", "-q", editor.root], check=True)
    desk.team.play(planner=plans("greet.txt", "other.txt", checks=["check"]))
    mission = editor.mission("podium.plan", {"goal": "Correct the words"})
    assert (mission["status"], mission["reason"]) == ("signed_off", "The plan has 2 tasks.")
    path = f".podium/missions/{mission['missionId']}/plan.md"
    shown = editor.wire.call("window/showDocument")["params"]
    assert (shown["uri"], shown["takeFocus"]) == (editor.uri(path), True)
    plan = editor.disk(path)
    assert plan.startswith("# Correct the words\n")
    assert "- [ ] **t1** Change it\n  - files: greet.txt\n  - checks: check\n" in plan
    seen = subprocess.run(
        ["git", "status", "--porcelain", "-uall"], cwd=editor.root, check=True, capture_output=True, text=True
    )
    assert seen.stdout.split() == ["??", "check.sh", "??", "greet.txt", "??", "other.txt"]
    assert editor.disk("greet.txt") == "word\n"
    assert editor.applied == []


def test_a_search_gives_places_that_an_editor_can_open(desk: Desk) -> None:
    desk.write({"a dir/grüße.txt": "one\nword\nthree\n"})
    place = {"path": "a dir/grüße.txt", "start_line": 2, "end_line": 3, "why": "It has the word."}
    desk.team.play(searcher=calls(("submit_context", {"summary": "Here.", "places": [place]})))
    mission = desk.editor.mission("podium.search", "where is the word?")
    assert (mission["status"], mission["reason"]) == ("signed_off", "1 place.")
    (found,) = mission["places"]
    assert found["uri"] == desk.editor.uri("a dir/grüße.txt")
    assert (found["startLine"], found["endLine"], found["why"]) == (2, 3, "It has the word.")


def test_cancelling_ends_the_mission_and_its_model_request_at_once(desk: Desk) -> None:
    editor, team = desk.editor, desk.team
    desk.write(WORD)
    editor.open("greet.txt")
    arrived = threading.Event()

    def slowly() -> Reply:
        arrived.set()
        return CORRECTS.after(30)

    team.play(planner=plans("greet.txt"), worker=slowly)
    mission_id = editor.start("podium.task", {"goal": "Correct the word"})
    assert arrived.wait(30)
    (agent,) = editor.execute("podium.agents")["agents"]
    assert (agent["role"], agent["taskId"], agent["holds"]) == ("worker", "t1", ["greet.txt"])
    running = editor.execute("podium.wait", {"missionId": mission_id, "timeoutS": 0.05})
    assert (running["status"], running["endedAt"]) == ("running", 0)
    status = editor.execute("podium.cancel", {"missionId": mission_id})
    assert (status["status"], status["reason"]) == ("cancelled", "Cancelled by the user.")
    assert team.abandoned(team.requests("worker")[0])
    assert (editor.text("greet.txt"), editor.applied) == (WORD["greet.txt"], [])
    assert editor.execute("podium.agents")["agents"] == []
    for token in editor.tokens(mission_id):
        assert editor.progress(token)[-1]["kind"] == "end"


def test_the_cancel_button_of_the_progress_cancels_the_mission(desk: Desk) -> None:
    desk.write(WORD)
    desk.team.play(planner=plans("greet.txt").after(30))
    mission_id = desk.editor.start("podium.task", "Correct the word", workDoneToken=77)
    desk.editor.wire.notify("window/workDoneProgress/cancel", {"token": 77})
    assert desk.editor.ended(mission_id)["status"] == "cancelled"


def test_a_wait_that_is_cancelled_leaves_its_mission_running(desk: Desk) -> None:
    desk.write(WORD)
    desk.team.play(planner=plans("greet.txt").after(30))
    mission_id = desk.editor.start("podium.task", "Correct the word")
    wait = desk.editor.begin("podium.wait", mission_id)
    desk.editor.wire.notify("$/cancelRequest", {"id": wait})
    assert desk.editor.wire.response(wait)["error"]["code"] == -32800
    assert desk.editor.execute("podium.show", mission_id)["status"] == "planning"
    assert desk.editor.execute("podium.cancel", mission_id)["status"] == "cancelled"


def test_a_wrong_first_attempt_is_told_what_failed_and_put_right(desk: Desk) -> None:
    desk.write(WORD, check=f"{WORLD} || {{ echo 'no world in sight'; exit 3; }}")
    desk.editor.open("greet.txt")
    desk.team.play(
        planner=plans("greet.txt", checks=["check"]),
        worker=[edits("greet.txt", "word", "wurst"), edits("greet.txt", "wurst", "world")],
    )
    mission = desk.editor.mission("podium.task", "Correct the word")
    assert (mission["status"], mission["tasks"][0]["attempts"]) == ("signed_off", 2)
    assert "no world in sight" in desk.team.heard("worker")
    assert desk.editor.text("greet.txt") == "hello\nworld\n"
    assert len(desk.editor.applied) == 1


@pytest.mark.parametrize(
    ("answer", "status"),
    [("write it with an l", "signed_off"), ("stop", "stopped"), ("skip", "stopped")],
)
def test_the_third_same_error_asks_the_user_and_goes_by_the_answer(
    desk: Desk, answer: str, status: str
) -> None:
    editor, team = desk.editor, desk.team
    desk.write(WORD, check=WORLD)
    editor.open("greet.txt")
    wrong = [writes("greet.txt", f"hello\nwurst {n}\n") for n in range(3)]
    team.play(planner=plans("greet.txt", checks=["check"]), worker=[*wrong, CORRECTS])
    mission_id = editor.start("podium.task", {"goal": "Correct the word"})
    question = editor.question(mission_id)
    assert question["options"] == ["retry", "other model", "skip", "take over", "stop"]
    # The editor answers null: the question stays open, and is not shown again.
    waiting = editor.execute("podium.wait", {"missionId": mission_id, "timeoutS": 0.5})
    assert (waiting["status"], waiting["questions"]) == ("waiting", [question])
    assert len(editor.requests("window/showMessageRequest")) == 1
    receipt = editor.execute("podium.answer", {"questionId": question["id"], "answer": answer})
    assert receipt == {"questionId": question["id"], "missionId": mission_id}
    mission = editor.ended(mission_id)
    assert mission["status"] == status
    if status == "signed_off":
        assert answer in team.heard("worker")
        assert editor.text("greet.txt") == "hello\nworld\n"
    else:
        reasons = {
            "stop": "Task “Change it” does not get on: check failed with exit code 1.",
            "skip": "Every task was dropped.",
        }
        assert mission["reason"] == reasons[answer]
        assert len(team.requests("commander")) == 1, "it was asked before the user, and not to sign off"
        assert editor.text("greet.txt") == WORD["greet.txt"]


def test_an_answer_in_the_editors_dialog_is_taken(desk: Desk) -> None:
    editor = desk.editor
    desk.write(WORD)
    editor.open("greet.txt")
    editor.replies["window/showMessageRequest"] = lambda _: {"result": {"title": "world"}}
    asks = calls(("ask_user", {"question": "Which word is meant?", "options": ["world", "sword"]}))
    desk.team.play(planner=plans("greet.txt"), worker=[asks, CORRECTS])
    mission = editor.mission("podium.task", {"goal": "Correct the word"})
    assert mission["status"] == "signed_off"
    (shown,) = editor.requests("window/showMessageRequest")
    assert "Which word is meant?" in shown["params"]["message"]
    assert [a["title"] for a in shown["params"]["actions"]] == ["world", "sword"]
    told = desk.team.requests("worker")[1].body["messages"][-1]
    assert (told["role"], told["content"]) == ("tool", "world")
    assert editor.text("greet.txt") == "hello\nworld\n"


def test_a_plan_that_waits_for_approval_is_refused_with_no(desk: Desk) -> None:
    desk.write(WORD)
    desk.team.play(planner=plans("greet.txt"), worker=CORRECTS)
    desk.editor.replies["window/showMessageRequest"] = lambda _: {"result": {"title": "no"}}
    with desk.settings(approvePlan=True):
        mission = desk.editor.mission("podium.task", "Correct the word")
    assert (mission["status"], mission["reason"]) == ("stopped", "The plan was not approved.")
    assert desk.team.requests("worker") == []


def test_no_model_behind_the_address_fails_the_mission_with_a_sentence_that_names_it(desk: Desk) -> None:
    desk.write(WORD)
    with desk.settings(apiBase="http://127.0.0.1:9/v1"):
        mission = desk.editor.mission("podium.task", "Correct the word")
    assert mission["status"] == "failed"
    assert "http://127.0.0.1:9/v1" in mission["reason"]
    assert "api_base" in mission["reason"]
    assert desk.editor.disk("greet.txt") == WORD["greet.txt"]


def test_a_missing_key_fails_the_mission_with_a_sentence_that_names_its_variable(desk: Desk) -> None:
    desk.write(WORD)
    desk.team.play()
    with desk.settings(apiKeyEnv="PLAINLY_NOT_SET_API_KEY"):
        mission = desk.editor.mission("podium.task", "Correct the word")
        report = desk.editor.execute("podium.doctor")
    assert mission["status"] == "failed"
    assert "PLAINLY_NOT_SET_API_KEY" in mission["reason"]
    assert desk.team.provider.requests == []
    (model,) = [line for line in report["lines"] if line["name"] == "model"]
    assert (model["state"], "PLAINLY_NOT_SET_API_KEY" in model["detail"]) == ("missing", True)
