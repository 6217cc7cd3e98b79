"""What is asked first while tasks wait for a turn, and what the agents of one task read of the others: nothing."""

import json
from pathlib import Path

import pytest

from podium.domain.messages import Json
from tests.engine.play import play
from tests.engine.scenario import Scenario

pytestmark = pytest.mark.anyio
MOMENT = Path(__file__).parents[1] / "scenarios" / "a-task-starts-the-moment-its-needs-are-closed.md"
SAID = {"alpha": "alfalfa", "beta": "barley", "gamma": "gherkin"}
"""A word of each task's Worker, which stands in its edit and in its summary."""
SINGLES = tuple(f"single-{n}" for n in range(8))


async def test_what_the_agents_of_a_task_are_sent_has_no_word_of_its_siblings(tmp_path: Path) -> None:
    (root := tmp_path / "project").mkdir()
    played = await play(Scenario.read(MOMENT), root, tmp_path / "state")
    asked = [
        (r.facts.get("task"), r.role, json.dumps([r.messages, r.facts])) for r in played.model.script.requests
    ]
    sent = [(str(task["id"]), role, text) for task, role, text in asked if isinstance(task, dict)]
    assert {(task, role) for task, role, _ in sent} == {(t, r) for t in SAID for r in ("worker", "reviewer")}
    for task, role, text in sent:
        others = SAID.keys() - {task}
        assert not [other for other in others if SAID[other] in text or f"Mend {other}" in text], (task, role)
        assert role != "reviewer" or SAID[task] in text


async def test_the_longest_chain_goes_before_tasks_that_nobody_waits_for(tmp_path: Path) -> None:
    (root := tmp_path / "project").mkdir()
    needs = {**dict.fromkeys(SINGLES, ()), "one": (), "two": ("one",), "three": ("two",)}
    tasks: list[Json] = [_task(task_id, after) for task_id, after in needs.items()]
    approval: Json = ["submit_review", {"verdict": "approve"}]
    replies: dict[str, tuple[Json, ...]] = {
        "planner": (["submit_plan", {"tasks": tasks}],),
        **{f"worker {task_id}": (_writes(task_id),) for task_id in needs},
        "reviewer": (approval,) * len(needs),
        "commander": (["sign_off", {"summary": "Done."}],),
    }
    goal: dict[str, Json] = {"goal": "Write them all.", "settings": {"max_parallel": 1}}
    played = await play(Scenario(tmp_path, "", "", {}, {}, (goal,), replies, ()), root, tmp_path / "state")
    asked = [
        f"{r.role} {t['id']}"
        for r in played.model.script.requests
        if isinstance(t := r.facts.get("task"), dict)
    ]
    assert asked[0] == "worker one"
    assert asked.index("reviewer one") < asked.index(f"worker {SINGLES[-1]}")


def _task(task_id: str, needs: tuple[str, ...]) -> Json:
    words = f"Write {task_id}."
    return {
        "id": task_id,
        "title": words,
        "instructions": words,
        "files": [f"{task_id}.txt"],
        "needs": [*needs],
    }


def _writes(task_id: str) -> Json:
    file: dict[str, Json] = {"path": f"{task_id}.txt", "content": "word\n"}
    done: dict[str, Json] = {"summary": "Done."}
    return [["write_file", file], ["finish", done]]
