"""The simulated model: wrong as often as it says, and the same again for the same conversation."""

import json
from typing import Any

from tests.models.provider import Body, Received
from tests.models.simulated import Fault, Place, Simulated, task_of

WRONG, RIGHT = "    return n / 2\n", "    return n // 2\n"
HALF = Fault(
    "shop.calc.half", "calc.py", 1, 2,
    (Place(WRONG, RIGHT, ("    return n * 2\n", "    return None\n")),),
    ("test_calc.py::test_half",), ("test_calc.py::test_half",), 0.0,
)  # fmt: skip
OTHER = Fault(
    "shop.tool.twice", "tool.py", 1, 2,
    (Place("    return n\n", "    return 2 * n\n", ()),),
    ("test_tool.py::test_twice",), ("test_tool.py::test_twice",), 0.0,
)  # fmt: skip
MODEL = Simulated([HALF, OTHER])


def asked(
    role: str, own: str, p: int, seed: int = 0, *messages: Body, of: Simulated = MODEL
) -> list[tuple[str, Any]]:
    """Return the tool calls of an answer."""
    task = task_of(HALF)
    opening = f"# Task: {task['title']}\n{task['instructions']}\n\n# Your role: {role}\n{own}"
    system = "# Goal of the mission\n- `shop.calc.half`\n- `shop.tool.twice`"
    told: list[Body] = [
        {"role": "system", "content": system},
        {"role": "user", "content": opening},
        *messages,
    ]
    body: Body = {"model": f"simulated-p{p:02d}-s{seed}", "messages": told}
    answer: Any = of.answer(Received("/", {}, body, 0.0)).body
    made = answer["choices"][0]["message"]["tool_calls"]
    return [(c["function"]["name"], json.loads(c["function"]["arguments"])) for c in made]


def repaired(p: int, seed: int) -> bool:
    """Return whether a Worker that has the code before it makes the right edit, and nothing else."""
    calls = asked("Worker", f"def half(n):\n{WRONG}", p, seed)
    return [args for name, args in calls if name == "edit_file"] == [
        {"path": "calc.py", "old": f"def half(n):\n{WRONG}", "new": f"def half(n):\n{RIGHT}"}
    ]


def test_a_worker_errs_as_often_as_the_models_name_says() -> None:
    assert all(repaired(0, seed) for seed in range(50))
    assert not any(repaired(100, seed) for seed in range(50))
    assert 110 < sum(repaired(30, seed) for seed in range(200)) < 170


def test_a_reviewer_approves_what_is_right_and_errs_the_other_way_round() -> None:
    right = (
        f"# Diff\n--- a/calc.py\n+++ b/calc.py\n@@ -1,2 +1,2 @@\n def half(n):\n-{WRONG}+{RIGHT}\n# Checks\n"
    )
    assert asked("Reviewer", right, 0)[0][1]["verdict"] == "approve"
    assert asked("Reviewer", right, 100)[0][1]["verdict"] == "reject"
    stray = right.replace("\n# Checks", "+    print(n)\n\n# Checks")
    assert asked("Reviewer", stray, 0)[0][1]["verdict"] == "reject"
    assert asked("Reviewer", stray, 100)[0][1]["verdict"] == "approve"


def test_the_same_conversation_gets_the_same_answer_whatever_was_asked_in_between() -> None:
    one, other = Simulated([HALF, OTHER]), Simulated([HALF, OTHER])
    first = [asked("Worker", f"def half(n):\n{WRONG}", 50, seed, of=one) for seed in range(20)]
    again = [asked("Worker", f"def half(n):\n{WRONG}", 50, seed, of=other) for seed in reversed(range(20))]
    assert first == again[::-1]


def test_who_asks_the_same_again_gets_an_answer_of_its_own() -> None:
    one = Simulated([HALF, OTHER])
    answers = [str(asked("Worker", f"def half(n):\n{WRONG}", 50, 0, of=one)) for _ in range(20)]
    assert len({*answers}) > 1


def test_a_planner_that_errs_forgets_a_task_or_names_the_wrong_file() -> None:
    looked: Body = {
        "role": "assistant",
        "tool_calls": [{"id": "1", "function": {"name": "search", "arguments": "{}"}}],
    }
    plans = [asked("Planner", "", p, 0, looked)[0][1]["tasks"] for p in (0, 100)]
    assert plans[0] == [{**task_of(HALF), "needs": []}, {**task_of(OTHER), "needs": []}]
    assert plans[1] != plans[0]
