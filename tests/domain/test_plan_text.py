"""The plan document is readable both ways: what was rendered reads back, and what people type is understood."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.domain.events import MissionEnded, MissionStarted, PlanSet, Steered, TaskDropped, TaskStuck
from podium.domain.mission import MissionState, fold
from podium.domain.plan import Plan, Task
from podium.domain.plan_text import Item, parse, plain, rendered

HEAD = "# Goal\n\nMission m-1: running · 0 of 2 tasks closed\n\n"


def mission(*tasks: Task, goal: str = "Goal") -> MissionState:
    state = fold(MissionState("m-1"), MissionStarted(goal, "task", "model", "verified"), 1.0)
    return fold(state, PlanSet(tasks), 2.0)


def read(text: str) -> list[Item]:
    page = parse(text)
    assert page.problems == ()
    return [*page.items]


def test_a_plan_is_a_task_list_that_people_can_read() -> None:
    state = mission(
        Task(
            "a", "Do a", "First this.\n\n- then [that]", ("src/a.py", "b, c.py"), (), ("pytest",), "running"
        ),
        Task("b", "Do b", needs=("a",), state="completed"),
        Task("c", "Do c"),
        Task("d", "Do d"),
        goal="Reach\nit",
    )
    state = fold(fold(state, TaskDropped("c", "It is done, elsewhere."), 3.0), TaskStuck("d", "red"), 4.0)
    assert rendered(state) == (
        "# Reach it\n\n"
        "Mission m-1: running · 2 of 4 tasks closed\n\n"
        "> Edit this while the mission runs, and save: change words, files, needs or checks, move tasks, add one "
        "(`- [ ] title`), remove one to drop it. The boxes are Podium's.\n\n"
        "- [/] **a** Do a\n"
        "  - files: src/a.py, `b, c.py`\n"
        "  - checks: pytest\n"
        "\n"
        "  First this.\n"
        "\n"
        "  - then [that]\n"
        "- [x] **b** Do b\n"
        "  - needs: a\n"
        "- [!] **d** Do d\n"
        "  - why: red\n"
        "\n"
        "## Dropped\n"
        "\n"
        "- [-] **c** Do c\n"
        "  - why: `It is done, elsewhere.`\n"
    )


def test_a_plan_that_is_over_says_so() -> None:
    text = rendered(fold(mission(Task("a", "Do a")), MissionEnded("stopped", "It was too much."), 3.0))
    assert "Mission m-1: stopped · 0 of 1 tasks closed · It was too much.\n" in text
    assert "edits of its plan have no effect" in text


def test_what_the_user_said_stands_above_the_tasks_and_reads_back_as_nothing() -> None:
    state = mission(Task("a", "Do a"))
    said = fold(fold(state, Steered("s-1", "Be\nquick.", "a"), 3.0), Steered("s-2", "- [ ] Be good."), 4.0)
    assert "\n> You said to a: Be quick.\n\n> You said: - [ ] Be good.\n\n- [ ]" in rendered(said)
    page, without = parse(rendered(said)), parse(rendered(state))
    assert (page.problems, [item.task() for item in page.items]) == (
        (),
        [item.task() for item in without.items],
    )


LINES = st.sampled_from(
    [
        "text", "", "  deeper", "- [ ] box", "\\- [x] escaped box", "* [?]", "- files: a", "files: a", "\\\\- needs: b",
        "   - why : c", "# heading", "## Dropped", "> quoted", "1. [ ] one", "`code`", "\t- [ ] tab", "**bold**", "[ ]",
        "- [link](x)", "Mission m-1: no", "end  ", "- Checks: d", "\u2028", "\x0c- [ ] feed",
    ]
)  # fmt: skip
VALUES = st.text(st.sampled_from("ab, `/.-:[]*é"), min_size=1, max_size=8).filter(str.strip)
TASKS = st.builds(
    Task,
    id=st.text(st.sampled_from("abcXYZ019._-"), min_size=1, max_size=4),
    title=st.text(st.sampled_from("ab *:`[]-é\n"), min_size=1, max_size=9).filter(str.strip),
    instructions=st.lists(LINES | st.text(max_size=6), max_size=6).map("\n".join),
    files=st.lists(VALUES, max_size=3).map(tuple),
    needs=st.just(()),
    checks=st.lists(VALUES, max_size=2).map(tuple),
    state=st.sampled_from(["pending", "running", "completed", "dropped", "stuck"]),
)


@given(st.lists(TASKS, min_size=1, max_size=5, unique_by=lambda task: task.id), st.data())
@settings(max_examples=120, deadline=None)
def test_what_was_rendered_reads_back_as_the_same_plan(tasks: list[Task], data: st.DataObject) -> None:
    for n, task in enumerate(tasks):
        needs = data.draw(st.lists(st.sampled_from([t.id for t in tasks[:n]]), unique=True)) if n else []
        tasks[n] = replace(task, needs=tuple(needs))
    state = replace(mission(*tasks), reasons={task.id: "why, `so`" for task in tasks})
    page = parse(rendered(state))
    assert page.problems == ()
    assert page.goal == "Goal"
    wanted = [plain(task) for task in sorted(tasks, key=lambda task: task.state == "dropped")]
    assert [item.task() for item in page.items] == wanted
    again = mission(*wanted)
    assert parse(rendered(replace(again, reasons=state.reasons))) == page
    assert Plan.of([item.task() for item in page.items])


@pytest.mark.parametrize(
    ("text", "tasks"),
    [
        ("- [ ] Do it", [Task("", "Do it")]),
        ("* [X] **a** Do  it ", [Task("a", "Do it", state="completed")]),
        ("1. [] Do it\n2) [/] **b**: Then", [Task("", "Do it"), Task("b", ": Then", state="running")]),
        ("- Do it", [Task("", "Do it")]),
        ("+ [-] **a** Do it\n\n   * Needs:b\n  files: x", [Task("a", "Do it", "files: x", (), ("b",), (), "dropped")]),
        ("- [ ] A\n  files: x.py , y.py,\n  needs: b", [Task("", "A", "", ("x.py", "y.py"), ("b",))]),
        ("- [ ] A\n\n  Text.\n  - checks: a\n  More.", [Task("", "A", "Text.\nMore.", checks=("a",))]),
        ("- [ ] A\n  - files: x, y, x", [Task("", "A", files=("x", "y"))]),
        ("- [ ] A\n\tText\r\n      deeper\r\n", [Task("", "A", "Text\n    deeper")]),
        ("- [ ] A\n  - [ ] B\n    - files: b\n    of B", [Task("", "A"), Task("", "B", "of B", ("b",))]),
        ("- [ ] A\n  - files: `a, b` , c", [Task("", "A", files=("a, b", "c"))]),
    ],
)  # fmt: skip
def test_what_people_type_is_understood(text: str, tasks: list[Task]) -> None:
    assert [item.task() for item in read(HEAD + text)] == tasks


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("and so on", "belongs to no task"),
        ("## Later", "belongs to no task"),
        ("> note to self", "belongs to no task"),
        ("# Another goal", "belongs to no task"),
        ("- [?] What", "no box [?]"),
        ("- [ ] **a b", "between two pairs of asterisks"),
        ("- [ ] **ä** Do", "“ä” is no id"),
        ("- [ ]", "has no title"),
        ("- [ ] **a**", "has no title"),
        ("  - files: a\n  - files: b", "two lines of files; is the line of another task missing"),
    ],
)
def test_a_line_without_a_clear_meaning_is_a_problem_with_its_reason(line: str, said: str) -> None:
    page = parse(f"{HEAD}- [ ] A\n{line}\n- [ ] B\n")
    (problem,) = page.problems
    assert problem.line == 4 + len(line.split("\n"))
    assert said in problem.message
    assert [item.title for item in page.items] == ["A", "B"]


def test_an_item_knows_its_lines_and_the_columns_of_its_values() -> None:
    (a, b) = read("- [ ] A\n  - files: x, `y`\n\n  Text.\n\n- [ ] B\n")
    assert (a.line, a.end, b.line, b.end) == (0, 4, 5, 6)
    line = "  - files: x, `y`"
    assert [line[value.start : value.end] for value in a.fields[0].values] == ["x", "y"]
    assert (a.line_of("files"), a.line_of("needs")) == (1, 0)
