"""Models that cannot be offered tools: a whole mission in words, with the real server and over real HTTP."""

import json
from itertools import pairwise
from typing import Any

import pytest

from tests.e2e.conftest import Desk
from tests.models.provider import Reply, fails, says

EDIT = "greet.txt\n<<<<<<< SEARCH\nword\n=======\nworld\n>>>>>>> REPLACE"
TASK = {"id": "t1", "title": "Correct it", "instructions": "Say world.", "files": ["greet.txt"]}
REFUSAL = fails(400, "registry.ollama.ai/library/wordy does not support tools", "invalid_request_error")


def writes(name: str, text: str = "", **arguments: object) -> Reply:
    call = json.dumps({"name": name, "arguments": arguments})
    return says(f"{text}\n<tool_call>\n{call}\n</tool_call>")


PLANS = writes("submit_plan", tasks=[TASK])
TEAM: dict[str, Reply | list[Reply]] = {
    "worker": [writes("read_file", "I look.", path="greet.txt"), writes("finish", EDIT, summary="Done.")],
    "reviewer": writes("submit_review", verdict="approve"),
    "commander": writes("sign_off", summary="Reached."),
}


@pytest.mark.parametrize(
    ("name", "settings", "planner", "offered"),
    [
        ("refusing", {}, [REFUSAL, PLANS], 1),
        ("ignoring", {}, [says("I will look at it."), says("It is in greet.txt."), PLANS], 2),
        ("forced", {"models": {"openai/forced": {"tools": "text"}}}, [PLANS], 0),
    ],
)
def test_a_mission_is_signed_off_without_native_tools(
    desk: Desk, name: str, settings: dict[str, Any], planner: list[Reply], offered: int
) -> None:
    editor, team = desk.editor, desk.team
    desk.write({"greet.txt": "hello\nword\n"}, check="grep -q world greet.txt")
    team.play(planner=planner, **TEAM)
    with desk.settings(model=f"openai/{name}", **settings):
        mission = editor.mission("podium.task", {"goal": "Correct the word"})
    assert (mission["status"], mission["reason"]) == ("signed_off", "Reached.")
    assert editor.text("greet.txt") == "hello\nworld\n"
    bodies = [request.body for request in team.provider.requests]
    assert ["tools" in body for body in bodies] == [True] * offered + [False] * (len(bodies) - offered)
    for body in bodies[offered:]:
        told = body["messages"]
        assert "edit_file(path: string, old: string, new: string)" in told[0]["content"]
        assert {message["role"] for message in told[1:]} <= {"user", "assistant"}
        assert all(one["role"] != other["role"] for one, other in pairwise(told))
    assert '<tool_result name="read_file">\n1\thello' in team.heard("worker")


def test_a_refusal_is_told_where_tools_are_to_be_native(desk: Desk) -> None:
    desk.write({"greet.txt": "word\n"})
    desk.team.play(planner=REFUSAL)
    with desk.settings(model="openai/native", models={"openai/native": {"tools": "native"}}):
        mission = desk.editor.mission("podium.task", {"goal": "Correct the word"})
    assert mission["status"] == "failed"
    assert "does not support tools" in mission["reason"]
    assert "set `tools` of this model to auto or text" in mission["reason"]
