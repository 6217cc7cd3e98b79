"""What builtin/repair answers in each role, given what the conversation says."""

import json
from collections.abc import Mapping
from typing import cast

import pytest

from podium.adapters.repair.model import NAME, answer
from podium.errors import ModelUnavailable
from podium.ports import Json, Message, ModelRequest

OLD, NEW = "    return n / 2", "    return n // 2"
CODE = f"def half(n):\n{OLD}\n"
CHECKS: Mapping[str, Json] = {"goal": "make the tests pass", "kind": "task", "checks": ["pytest"]}
TASK: dict[str, Json] = {
    "id": "t",
    "title": "",
    "instructions": "",
    "files": ["half.py"],
    "checks": ["pytest"],
}
WORK: Mapping[str, Json] = {"mode": "code", "checks": ["pytest"], "task": TASK}


class Talk:
    """A conversation with one role: each call of `says` answers the last tool call."""

    def __init__(self, role: str, facts: Mapping[str, Json]) -> None:
        self.role = role
        self.facts = facts
        self.messages: list[Message] = [{"role": "system", "content": "prose that nobody parses"}]
        self.tool = ""
        self.arguments: dict[str, Json] = {}

    def asks(self) -> str:
        reply = answer(ModelRequest("r", NAME, self.role, tuple(self.messages), (), self.facts)).message
        self.messages.append(reply)
        function = cast("list[dict[str, dict[str, str]]]", reply["tool_calls"])[0]["function"]
        self.tool, self.arguments = function["name"], json.loads(function["arguments"])
        return self.tool

    def says(self, result: str) -> str:
        calls = cast("list[dict[str, Json]]", self.messages[-1]["tool_calls"])
        self.messages.append({"role": "tool", "tool_call_id": calls[0]["id"], "content": result})
        return self.asks()

    @property
    def candidates(self) -> list[list[dict[str, str]]]:
        return cast("list[list[dict[str, str]]]", self.arguments["candidates"])


def check_result(green: bool, output: str = "", failures: list[dict[str, Json]] | None = None) -> str:
    code = 0 if green else 1
    found = {"check": "c", "exit_code": code, "green": green, "duration_s": 0.1, "output": output}
    return json.dumps(found | {"failures": failures or []})


def suspects(lines: Mapping[int, float], path: str = "half.py", message: str = "assert 0.5 == 0") -> str:
    failing = [
        {"test": "test_half.py::test_it", "path": "test_half.py", "line": 3, "message": message, "group": 0}
    ]
    found = [
        {"path": path, "line": line, "score": score, "fails": 1, "passes": 0, "groups": [0]}
        for line, score in lines.items()
    ]
    report = json.dumps({"failing": failing, "tests": 2, "suspects": found})
    return check_result(True, f"noise\nPODIUM-SUSPECTS {report}\n")


def numbered(text: str) -> str:
    return "".join(f"{i}\t{line}" for i, line in enumerate(text.splitlines(keepends=True), 1))


def batch_result(talk: Talk, green: str = "") -> str:
    news = [candidate[0]["new"] for candidate in talk.candidates]
    results = [
        {"candidate": i, "green": new == green, "failing": int(new != green)} for i, new in enumerate(news)
    ]
    return json.dumps({"results": results})


def at_work() -> Talk:
    """Return a worker's conversation that has come to its first batch."""
    talk = Talk("worker", WORK)
    assert talk.asks() == "run_command"
    assert talk.says(suspects({2: 1.0})) == "run_command"
    assert talk.arguments == {"command": "pytest"}
    assert talk.says(check_result(False)) == "read_file"
    assert talk.says(numbered(CODE)) == "try_edits"
    return talk


def test_the_planner_says_that_there_is_nothing_to_repair_when_the_tests_are_green() -> None:
    talk = Talk("planner", CHECKS)
    talk.asks()
    talk.says(check_result(True, 'PODIUM-SUSPECTS {"failing":[],"tests":3,"suspects":[]}'))
    with pytest.raises(ModelUnavailable, match=r"already green.*`model`"):
        talk.says(check_result(True))


def test_a_project_without_pytest_is_told_what_to_configure() -> None:
    with pytest.raises(ModelUnavailable, match=r"no pytest check.*`api_base`"):
        Talk("planner", {**CHECKS, "checks": ["cargo test"]}).asks()


def test_the_plan_names_suspect_files_and_the_check() -> None:
    talk = Talk("planner", CHECKS)
    talk.asks()
    talk.says(suspects({2: 1.0}))
    assert talk.says(check_result(False)) == "submit_plan"
    tasks = cast("list[dict[str, Json]]", talk.arguments["tasks"])
    assert [(task["files"], task["checks"], task["needs"]) for task in tasks] == [
        (["half.py"], ["pytest"], [])
    ]
    assert "test_half.py::test_it" in str(tasks[0]["instructions"])


def test_a_check_in_which_a_test_hangs_is_not_run_to_its_time_limit() -> None:
    talk = Talk("planner", CHECKS)
    talk.asks()
    assert talk.says(suspects({2: 1.0}, message="TestTooSlow: no result after 5.0 s")) == "submit_plan"


def test_long_files_are_read_page_by_page_and_joined() -> None:
    talk = Talk("worker", WORK)
    talk.asks()
    talk.says(suspects({4: 1.0}))
    talk.says(check_result(False))
    talk.says("1\t# one\n2\t# two\n[lines 1-2 of 4; pass start_line=3 to read on]")
    assert (talk.tool, talk.arguments) == ("read_file", {"path": "half.py", "start_line": 3})
    assert talk.says("3\tdef half(n):\n4\t    return n / 2\n") == "try_edits"
    assert {"path": "half.py", "old": OLD, "new": NEW} in [candidate[0] for candidate in talk.candidates]


def test_a_green_candidate_becomes_the_edit_and_then_the_summary() -> None:
    talk = at_work()
    assert talk.says(batch_result(talk, NEW)) == "edit_file"
    assert talk.arguments == {"path": "half.py", "old": OLD, "new": NEW}
    assert talk.says("edited half.py") == "finish"
    assert "`return n / 2` became `return n // 2`" in str(talk.arguments["summary"])


def test_a_finish_that_does_not_count_yet_is_repeated() -> None:
    talk = at_work()
    talk.says(batch_result(talk, NEW))
    talk.says("edited half.py")
    assert (
        talk.says("error: this does not count yet: read first what was said meanwhile, then decide again.")
        == "finish"
    )


def test_batches_go_on_with_new_candidates_until_none_is_left() -> None:
    talk = at_work()
    offered: list[str] = []

    def go_on() -> None:
        while True:
            offered.extend(candidate[0]["new"] for candidate in talk.candidates)
            talk.says(batch_result(talk))

    with pytest.raises(ModelUnavailable, match=r"tried \d+ candidates in half.py and none"):
        go_on()
    assert len(offered) == len(set(offered)) > 12
    assert len(offered) <= 300


def test_the_same_conversation_gets_the_same_answer() -> None:
    assert at_work().arguments == at_work().arguments


def test_a_repair_that_is_sent_back_is_taken_back_and_not_offered_again() -> None:
    talk = at_work()
    talk.says(batch_result(talk, NEW))
    talk.says("edited half.py")
    assert talk.says("the reviewer rejected this: …") == "edit_file"
    assert (talk.arguments["old"], talk.arguments["new"]) == (NEW, OLD)
    assert talk.says("edited half.py") == "try_edits"
    assert NEW not in [candidate[0]["new"] for candidate in talk.candidates]


def test_an_edit_that_is_refused_leads_on_to_other_candidates() -> None:
    talk = at_work()
    talk.says(batch_result(talk, NEW))
    assert talk.says("error: half.py is leased by another task") == "try_edits"


def test_a_refused_batch_is_not_offered_for_ever() -> None:
    talk = at_work()
    with pytest.raises(ModelUnavailable):
        talk.says("error: unknown check")


RED: dict[str, Json] = {"check": "pytest", "exit_code": 1, "green": False, "failures": []}
GREEN: dict[str, Json] = {"check": "pytest", "exit_code": 0, "green": True, "failures": []}
DIFF = "--- a/half.py\n+++ b/half.py\n@@ -1 +1 @@\n-a\n+b\n"


@pytest.mark.parametrize(
    ("results", "diff", "verdict"),
    [
        ([GREEN], DIFF, "approve"),
        ([RED], DIFF, "reject"),
        ([{**RED, "check": "lint"}], DIFF, "approve"),
        ([GREEN], DIFF.replace("half", "tests/test_half"), "reject"),
        ([GREEN], DIFF + "-x\n" * 30, "reject"),
    ],
    ids=["green", "red", "red as before", "test changed", "much deleted"],
)
def test_a_review_rests_on_the_recorded_checks(results: list[Json], diff: str, verdict: str) -> None:
    talk = Talk("reviewer", {"task": TASK, "results": results, "diff": diff, "excused": ["lint"]})
    assert talk.asks() == "submit_review"
    assert talk.arguments["verdict"] == verdict
    assert bool(talk.arguments["findings"]) == (verdict == "reject")


def test_a_review_of_the_project_reports_each_failing_test_at_its_line() -> None:
    talk = Talk("reviewer", {"kind": "review", "checks": ["pytest"]})
    talk.asks()
    failure: dict[str, Json] = {
        "test": "test_a.py::test_x",
        "path": "test_a.py",
        "line": 2,
        "message": "assert 1 == 2",
    }
    assert talk.says(check_result(False, "", [failure])) == "read_file"
    assert talk.says("1\tdef test_x():\n2\t    assert 1 == 2\n") == "submit_review"
    finding = cast("list[dict[str, Json]]", talk.arguments["findings"])[0]
    assert (finding["path"], finding["line"], finding["quote"]) == ("test_a.py", 2, "assert 1 == 2")
    assert talk.arguments["verdict"] == "reject"


def test_a_search_puts_the_definition_that_matches_most_words_first() -> None:
    talk = Talk("searcher", {"goal": "where is the retry budget"})
    assert talk.asks() == "search"
    assert talk.says("a.py:3: retry = 1\nb.py:9: def retry_budget():") == "search"
    assert talk.arguments == {"pattern": "budget"}
    assert talk.says("b.py:9: def retry_budget():\nc.md:1: a budget for retry") == "submit_context"
    places = cast("list[dict[str, Json]]", talk.arguments["places"])
    assert [(place["path"], place["start_line"]) for place in places] == [
        ("b.py", 9),
        ("a.py", 3),
        ("c.md", 1),
    ]


@pytest.mark.parametrize(("closed", "tool"), [(True, "sign_off"), (False, "ask_user")])
def test_the_commander_signs_off_only_what_is_closed(closed: bool, tool: str) -> None:
    assert Talk("commander", {"closed": closed, "results": [GREEN]}).asks() == tool
