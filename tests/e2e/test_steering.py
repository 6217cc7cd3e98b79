"""What the user does to a mission while it runs: say something, pause it, let it go on, end it."""

import os
import re
import threading
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from tests.e2e.conftest import KEY, Desk, settings
from tests.e2e.editor import CAPABILITIES, CommandFailed, editing
from tests.e2e.team import APPROVES, Answer, Team, calls, edits, plans, remark, reviews, writes
from tests.lsp.raw_client import Message
from tests.models.provider import Reply

WORD = {"greet.txt": "hello\nword\n"}
MINE = "hello\nmy world\n"
CORRECTS = edits("greet.txt", "word", "world")
HEARD = "The user, who outranks your assignment, says:\n"


@pytest.fixture(scope="module")
def watched(team: Team, tmp_path_factory: pytest.TempPathFactory) -> Generator[Desk]:
    """A desk whose editor is sent every event, and whose checks run without a sandbox."""
    home = tmp_path_factory.mktemp("watched")
    (root := home / "project").mkdir()
    capabilities = {**CAPABILITIES, "experimental": {"podium": {"events": True}}}
    environment = {"SCRIPTED_API_KEY": KEY}
    options = settings(team, sandbox="off")
    with editing(root, home / "state", options, capabilities=capabilities, environment=environment) as editor:
        yield Desk(editor, team)


def events(desk: Desk, kind: str) -> list[Message]:
    """Return what the editor was sent of one kind of event so far."""
    sent = (m["params"] for m in desk.editor.requests("podium/event"))
    return [params for params in sent if params["event"]["kind"] == kind]


class InFlight:
    """An answer that comes only after the test has acted; `arrived` tells when it is asked for."""

    def __init__(self, act: Callable[[], object], reply: Reply) -> None:
        self.done = threading.Event()
        self._act = act
        self._reply = reply

    def __call__(self) -> Reply:
        """Act while the request waits for its answer."""
        self._act()
        self.done.set()
        return self._reply


def latest(desk: Desk) -> str:
    return str(desk.editor.execute("podium.missions")["missions"][0]["missionId"])


def test_what_is_said_to_a_task_reaches_its_worker_after_the_tool_results(desk: Desk) -> None:
    editor, team = desk.editor, desk.team
    desk.write(WORD)
    editor.open("greet.txt")
    receipts: list[Message] = []

    def steer() -> None:
        what = {"missionId": latest(desk), "taskId": "t1", "message": "Use a capital letter."}
        receipts.append(editor.execute("podium.steer", what))

    first = InFlight(steer, calls(("read_file", {"path": "greet.txt"})))
    team.play(planner=plans("greet.txt"), worker=[first, edits("greet.txt", "word", "World")])
    mission_id = editor.start("podium.task", {"goal": "Correct the word"})
    assert first.done.wait(30)
    mission = editor.ended(mission_id)
    assert (mission["status"], editor.text("greet.txt")) == ("signed_off", "hello\nWorld\n")
    assert receipts == [{"missionId": mission_id, "steerId": f"{mission_id}.s-1", "agents": ["worker-1"]}]
    told = team.requests("worker")[1].body["messages"][-2:]
    assert [message["role"] for message in told] == ["tool", "user"]
    assert told[1]["content"] == f"{HEARD}Use a capital letter."
    (steered,) = mission["steers"]
    assert (steered["taskId"], steered["message"], steered["when"]) == ("t1", "Use a capital letter.", "next")
    assert steered["told"] == ["worker-1", "reviewer-1", "commander-1"]
    for judge in ("reviewer", "commander"):
        assert f"{HEARD}Use a capital letter." in team.heard(judge)


def test_an_interrupt_takes_the_request_in_flight_back(desk: Desk) -> None:
    editor, team = desk.editor, desk.team
    desk.write(WORD)
    editor.open("greet.txt")
    arrived = threading.Event()

    def slowly() -> Reply:
        arrived.set()
        return CORRECTS.after(60)

    team.play(planner=plans("greet.txt"), worker=[slowly, CORRECTS])
    mission_id = editor.start("podium.task", {"goal": "Correct the word"})
    assert arrived.wait(30)
    what = {"missionId": mission_id, "message": "Hurry.", "when": "interrupt"}
    assert editor.execute("podium.steer", what)["agents"] == ["worker-1"]
    assert team.abandoned(team.requests("worker")[0])
    mission = editor.ended(mission_id)
    assert (mission["status"], editor.text("greet.txt")) == ("signed_off", "hello\nworld\n")
    assert team.requests("worker")[1].body["messages"][-1]["content"] == f"{HEARD}Hurry."


def test_what_is_said_to_nobody_is_refused_with_a_reason(desk: Desk) -> None:
    editor, team = desk.editor, desk.team
    desk.write(WORD)
    team.play(planner=plans("greet.txt").after(60))
    mission_id = editor.start("podium.task", {"goal": "Correct the word"})
    with pytest.raises(CommandFailed, match="no task 't9'"):
        editor.execute("podium.steer", {"missionId": mission_id, "message": "Hello?", "taskId": "t9"})
    with pytest.raises(CommandFailed, match="message"):
        editor.execute("podium.steer", {"missionId": mission_id, "message": " "})
    editor.execute("podium.cancel", mission_id)
    for command in ("podium.pause", "podium.resume"):
        with pytest.raises(CommandFailed, match="has ended"):
            editor.execute(command, mission_id)
    with pytest.raises(CommandFailed, match="nothing to steer"):
        editor.execute("podium.steer", {"missionId": mission_id, "message": "Hello?"})


def test_no_request_begins_while_a_mission_with_twenty_busy_agents_is_paused(watched: Desk) -> None:
    editor, team = watched.editor, watched.team
    paths = [f"{n}.txt" for n in range(20)]
    watched.write(dict.fromkeys(paths, "word\n"))
    all_busy = threading.Event()
    n_asked = 0

    def busily() -> Reply:
        nonlocal n_asked
        n_asked += 1
        if n_asked == 20:
            all_busy.set()
        path = re.search(r"Files: (\S+)", team.heard("worker"))
        assert path
        return calls(("edit_file", {"path": path[1], "old": "word", "new": "world"})).after(2)

    finishes = calls(("finish", {"summary": "Done."}))
    answers: list[Answer] = [busily] * 20
    team.play(planner=plans(*paths), worker=[*answers, finishes])
    mission_id = editor.start("podium.task", "Correct the words")
    assert all_busy.wait(60)
    status = editor.execute("podium.pause", mission_id)
    assert status["status"] == "paused"
    (paused,) = events(watched, "mission_paused")
    for agent in range(1, 21):
        editor.wire.wait_for(lambda m, a=f"worker-{agent}": _answered(m, a))
    shown = editor.execute("podium.show", mission_id)
    assert (shown["status"], shown["spent"]["modelRequests"]) == ("paused", 21)
    assert {agent["doing"] for agent in editor.execute("podium.agents")["agents"]} == {"paused"}
    for kind in ("model_asked", "tool_returned", "check_finished", "proposal_made"):
        assert [e for e in events(watched, kind) if e["seq"] > paused["seq"]] == [], kind
    assert len(team.requests("worker")) == 20
    assert editor.execute("podium.resume", mission_id)["status"] == "running"
    mission = editor.ended(mission_id)
    assert (mission["status"], mission["closed"]) == ("signed_off", 20)
    assert len(team.requests("worker")) == 40
    (pause,) = mission["pauses"]
    assert 0 < pause["since"] < pause["until"]


def test_a_pause_and_a_cancel_end_the_checks_that_run_with_all_that_they_started(
    watched: Desk, tmp_path: Path
) -> None:
    editor, team = watched.editor, watched.team
    os.mkfifo(runs := tmp_path / "runs")
    watched.write(WORD, check=f"exec 3> '{runs}'; echo begun >&3; sleep 600 & sleep 600")
    team.play(planner=plans("greet.txt", checks=["check"]), worker=CORRECTS)
    mission_id = editor.start("podium.task", "Correct the word")

    def ends_the_check(command: str) -> str:
        with runs.open() as running:
            assert running.readline() == "begun\n"
            status: str = editor.execute(command, mission_id)["status"]
            assert running.read() == "", "it ends when the last process that could write has ended"
        return status

    assert ends_the_check("podium.pause") == "paused"
    editor.execute("podium.resume", mission_id)
    assert ends_the_check("podium.cancel") == "cancelled"
    assert (editor.ended(mission_id)["status"], editor.applied) == ("cancelled", [])
    assert (editor.root / "greet.txt").read_text() == WORD["greet.txt"]


def test_questions_are_shown_one_at_a_time_and_the_next_once_the_one_before_is_answered(
    watched: Desk,
) -> None:
    editor, team = watched.editor, watched.team
    watched.write({"one.txt": "word\n", "two.txt": "word\n"})
    editor.replies["window/showMessageRequest"] = lambda _: None
    asked: set[str] = set()

    def works() -> Reply:
        path = "one.txt" if "Files: one.txt" in team.heard("worker") else "two.txt"
        if path in asked:
            return edits(path, "word", "world")
        asked.add(path)
        return calls(("ask_user", {"question": f"What is meant in {path}?"}))

    team.play(planner=plans("one.txt", "two.txt"), worker=works)
    mission_id = editor.start("podium.task", {"goal": "Correct the words"})
    editor.wire.wait_for(lambda _: len(events(watched, "question_asked")) == 2)
    questions = editor.execute("podium.show", mission_id)["questions"]
    for n, question in enumerate(questions, 1):
        editor.wire.wait_for(lambda _, n=n: len(editor.requests("window/showMessageRequest")) >= n)
        shown = [m["params"]["message"] for m in editor.requests("window/showMessageRequest")]
        assert shown == [f"Podium asks: {q['text']}" for q in questions[:n]]
        editor.execute("podium.answer", {"questionId": question["id"], "answer": "world"})
    assert editor.ended(mission_id)["status"] == "signed_off"


def _answered(message: Message, agent_id: str) -> bool:
    if message.get("method") != "podium/event":
        return False
    event = message["params"]["event"]
    return event["kind"] == "model_answered" and event["agent_id"] == agent_id


@pytest.mark.parametrize("state", ["planning", "running", "waiting", "paused"])
def test_a_mission_is_cancelled_in_any_state_and_leaves_no_change(desk: Desk, state: str) -> None:
    editor, team = desk.editor, desk.team
    desk.write(WORD, check="grep -q world greet.txt")
    editor.open("greet.txt")
    arrived = threading.Event()

    def slowly() -> Reply:
        arrived.set()
        return CORRECTS.after(60)

    plan = plans("greet.txt", checks=["check"])
    wrong: list[Answer] = [writes("greet.txt", f"hello\nwurst {n}\n") for n in range(3)]
    team.play(
        planner=plan.after(60) if state == "planning" else plan,
        worker=wrong if state == "waiting" else slowly,
    )
    mission_id = editor.start("podium.task", {"goal": "Correct the word"})
    if state == "waiting":
        editor.question(mission_id)
    elif state != "planning":
        assert arrived.wait(30)
    if state == "paused":
        editor.execute("podium.pause", mission_id)
    assert editor.execute("podium.show", mission_id)["status"] == state
    assert editor.execute("podium.cancel", mission_id)["status"] == "cancelled"
    assert (editor.text("greet.txt"), editor.applied) == (WORD["greet.txt"], [])
    assert editor.execute("podium.agents")["agents"] == []
    for token in editor.tokens(mission_id):
        assert editor.progress(token)[-1]["kind"] == "end"


def test_a_change_that_is_on_its_way_when_its_mission_is_cancelled_arrives_whole_and_can_be_undone(
    desk: Desk,
) -> None:
    editor, team = desk.editor, desk.team
    desk.write(WORD)
    editor.open("greet.txt")
    started = threading.Event()
    mission_id = ""

    def corrects() -> Reply:
        assert started.wait(30)
        return CORRECTS

    def cancels_meanwhile(params: Message) -> Message:
        editor.begin("podium.cancel", mission_id)
        return editor.apply(params)

    team.play(planner=plans("greet.txt"), worker=corrects)
    editor.replies["workspace/applyEdit"] = cancels_meanwhile
    mission_id = editor.start("podium.task", "Correct the word")
    started.set()
    mission = editor.ended(mission_id)
    (proposal,) = mission["proposals"]
    assert (mission["status"], proposal["state"]) == ("cancelled", "delivered")
    assert editor.text("greet.txt") == "hello\nworld\n"
    editor.replies.clear()
    assert editor.execute("podium.undo", mission_id)["proposals"][0]["done"]
    assert editor.text("greet.txt") == WORD["greet.txt"]


def test_a_mission_is_shown_under_each_token_that_the_editor_has_given_for_it(desk: Desk) -> None:
    desk.write(WORD)
    desk.team.play(planner=plans("greet.txt").after(60))
    mission_id = desk.editor.start("podium.task", "Correct the word", workDoneToken="one")
    desk.editor.execute("podium.pause", mission_id)
    for token in ("two", "two"):
        desk.editor.execute("podium.resume", mission_id, workDoneToken=token)
    desk.editor.execute("podium.cancel", mission_id)
    for token in ("one", "two"):
        kinds = [report["kind"] for report in desk.editor.progress(token)]
        assert (kinds[0], kinds[-1], kinds.count("begin")) == ("begin", "end", 1)


def test_a_plan_is_carried_out_later_by_the_same_mission(desk: Desk) -> None:
    editor, team = desk.editor, desk.team
    desk.write(WORD, check="grep -q world greet.txt")
    editor.open("greet.txt")
    asks = calls(("ask_user", {"question": "Which word?"}))
    plan = plans("greet.txt", checks=["check"])
    team.play(planner=[asks, plan], worker=[asks, CORRECTS])
    editor.replies["window/showMessageRequest"] = lambda _: {"result": {"title": "world"}}
    planned = editor.mission("podium.plan", "Correct the word")
    mission_id = planned["missionId"]
    assert (planned["status"], planned["closed"], planned["total"]) == ("signed_off", 0, 1)
    assert editor.execute("podium.resume", mission_id, workDoneToken="later")["missionId"] == mission_id
    mission = editor.ended(mission_id)
    first, *_, last = editor.progress("later")
    assert (first["kind"], first["title"]) == ("begin", "Podium: Correct the word")
    assert last == {"kind": "end", "message": "signed_off: Reached."}
    assert (mission["kind"], mission["status"], mission["closed"]) == ("task", "signed_off", 1)
    assert editor.text("greet.txt") == "hello\nworld\n"
    assert len(team.requests("planner")) == 2
    shown = [m["params"]["message"] for m in editor.requests("window/showMessageRequest")]
    assert len(shown) == 2
    assert len(editor.tokens(mission_id)) == len(set(editor.tokens(mission_id)))
    with pytest.raises(CommandFailed, match="has ended: Reached"):
        editor.execute("podium.resume", mission_id)


@pytest.mark.parametrize(("given", "model"), [("scripted-2", "openai/scripted-2"), ("", "openai/spare")])
def test_a_stuck_task_can_be_given_to_another_model(desk: Desk, given: str, model: str) -> None:
    editor, team = desk.editor, desk.team
    desk.write(WORD, check="grep -q world greet.txt")
    editor.open("greet.txt")
    wrong: list[Answer] = [writes("greet.txt", f"hello\nwurst {n}\n") for n in range(3)]
    team.play(planner=plans("greet.txt", checks=["check"]), worker=[*wrong, CORRECTS])
    with desk.settings(fallbacks=["openai/spare"]):
        mission_id = editor.start("podium.task", "Correct the word")
        question = editor.question(mission_id)
        answer = f"other model openai/{given}" if given else "other model"
        editor.execute("podium.answer", {"questionId": question["id"], "answer": answer})
        if not given:
            editor.wire.wait_for(lambda m: "Which model" in str(m.get("params")))
            (second,) = editor.execute("podium.show", mission_id)["questions"]
            assert second["options"] == ["openai/spare"]
            editor.execute("podium.answer", {"questionId": second["id"], "answer": "openai/spare"})
        mission = editor.ended(mission_id)
    assert (mission["status"], editor.text("greet.txt")) == ("signed_off", "hello\nworld\n")
    asked = [request.body["model"] for request in team.requests("worker")]
    assert (asked[0], f"openai/{asked[-1]}") == ("scripted", model)


def test_auto_asks_nothing_and_does_not_claim_success_with_red_checks(desk: Desk) -> None:
    editor, team = desk.editor, desk.team
    desk.write(WORD | {"other.txt": "\n"}, check="grep -q world greet.txt")
    editor.open("greet.txt")
    team.play(
        planner=plans("greet.txt", "other.txt"),
        worker=lambda: (
            writes("other.txt", "fine\n")
            if "Files: other.txt" in team.heard("worker")
            else writes("greet.txt", "hello\nwurst\n")
        ),
        reviewer=lambda: (
            reviews(remark("greet.txt", "wurst")) if "wurst" in team.heard("reviewer") else APPROVES
        ),
    )
    with desk.settings(approvePlan=True):
        mission = editor.mission("podium.auto", {"goal": "Correct the word"})
    assert editor.requests("window/showMessageRequest") == []
    assert {task["id"]: task["state"] for task in mission["tasks"]} == {"t1": "dropped", "t2": "completed"}
    assert mission["status"] == "stopped"
    assert "was skipped, because it did not get on, and still red: check" in mission["reason"]


def test_a_task_that_the_user_takes_over_is_closed_by_checks_on_their_unsaved_text(desk: Desk) -> None:
    editor, team = desk.editor, desk.team
    desk.write(WORD, check="grep -q world greet.txt")
    editor.open("greet.txt")
    wrong: list[Answer] = [writes("greet.txt", f"hello\nwurst {n}\n") for n in range(3)]
    team.play(planner=plans("greet.txt", checks=["check"]), worker=wrong)
    mission_id = editor.start("podium.task", "Correct the word")
    asked: list[str] = []
    for n, (text, answer) in enumerate([(None, "take over"), ("hello\nmine\n", "done"), (MINE, "done")]):
        editor.wire.wait_for(lambda _, n=n: len(editor.requests("window/showMessageRequest")) > n)
        (question,) = editor.execute("podium.show", mission_id)["questions"]
        if text is not None:
            editor.type("greet.txt", text)
        editor.execute("podium.answer", {"questionId": question["id"], "answer": answer})
        asked.append(question["text"])
    assert "Not yet: check failed" in asked[-1]
    mission = editor.ended(mission_id)
    assert (mission["status"], mission["tasks"][0]["state"]) == ("signed_off", "completed")
    assert (editor.text("greet.txt"), editor.applied) == (MINE, [])
    assert "Change it (done by the user, and not in the diff)" in team.heard("commander")
