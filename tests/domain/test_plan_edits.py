"""An edit of the plan document changes what the user changed in it, or says why it cannot."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from podium.domain.events import MissionStarted, PlanSet
from podium.domain.mission import MissionState, fold
from podium.domain.plan import Plan, Task
from podium.domain.plan_edits import PlanEdit, read_edit
from podium.domain.plan_text import parse, rendered
from podium.errors import ToolError

TASKS = (
    Task("a", "Do a", "Well.", ("a.py",), (), ("tests",), "completed"),
    Task("b", "Do b", "Well.", ("b.py",), ("a",), ("tests",), "running"),
    Task("c", "Do c", "Well.", ("c.py",), ("b",), ("tests",)),
    Task("d", "Do d"),
)


def document(tasks: Sequence[Task] = TASKS) -> str:
    state = fold(MissionState("m-1"), MissionStarted("Goal", "task", "model", "verified"), 1.0)
    return rendered(fold(state, PlanSet(tuple(tasks)), 2.0))


def check(name: str) -> None:
    if name.split()[0] != "tests":
        raise ToolError(f"There is no check {name!r}; the checks are: tests.")


def edited(*replacements: tuple[str, str], now: Sequence[Task] = TASKS) -> PlanEdit:
    """Return what an edit of the document means, which the user makes by these replacements."""
    text = document()
    for old, new in replacements:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return read_edit(Plan.of(now), parse(document()), parse(text), check)


def only(edit: PlanEdit) -> Task:
    """Return the one task that an edit changes."""
    assert edit.problems == ()
    (task,) = [task for task in edit.tasks if task not in TASKS]
    return task


D = "- [ ] **d** Do d\n"


def test_a_document_that_nobody_edited_asks_for_nothing() -> None:
    edit = edited()
    assert (edit.changes, edit.tasks, edit.notes, edit.problems) == (False, TASKS, (), ())


def test_every_part_of_a_task_can_be_changed() -> None:
    edit = edited(
        ("Do c\n  - files: c.py\n  - needs: b\n  - checks: tests\n\n  Well.",
         "Do c well\n  - files: c.py, x/y.py\n  - checks: tests a::b\n\n  Better.\n  And more."),
    )  # fmt: skip
    assert only(edit) == Task("c", "Do c well", "Better.\nAnd more.", ("c.py", "x/y.py"), (), ("tests a::b",))
    assert (edit.changes, edit.summary) == (True, "changed c")


def test_a_running_task_can_be_reworded_and_goes_on_running() -> None:
    assert only(edited(("Do b\n", "Do b and more\n"))).state == "running"


def test_what_moved_on_meanwhile_stays() -> None:
    """The user saw neither that b was done, nor that the Commander reworded d and added e."""
    now = (
        TASKS[0],
        replace(TASKS[1], state="completed"),
        TASKS[2],
        replace(TASKS[3], instructions="Quickly."),
        Task("e", "Do e"),
    )
    edit = edited((D, "- [ ] **d** Do d at once\n"), now=now)
    assert edit.problems == ()
    assert edit.tasks == (*now[:3], replace(now[3], title="Do d at once"), now[4])


def test_a_new_line_is_a_new_task_in_its_place() -> None:
    edit = edited((D, "- [ ] Do more\n  - needs: c\n" + D + "- And **more**\n"))
    assert edit.problems == ()
    assert [task.id for task in edit.tasks] == ["a", "b", "c", "u1", "d", "u2"]
    assert edit.tasks[3] == Task("u1", "Do more", needs=("c",))
    assert edit.summary == "added u1, u2"


def test_a_new_task_may_bring_its_id_and_others_may_need_it() -> None:
    edit = edited((D, D + "  - needs: mine\n- [x] **mine** Do more\n"))
    assert edit.problems == ()
    assert (edit.tasks[3].needs, edit.tasks[4]) == (("mine",), Task("mine", "Do more"))
    assert [note.message.split(":")[0] for note in edit.notes] == ["Podium sets the boxes"]


def test_a_line_that_has_no_id_yet_is_not_added_twice() -> None:
    base = parse(document() + "- [ ] Do more\n")
    plan = Plan.of([*TASKS, Task("u1", "Do more")])
    page = parse(document() + "- [ ] Do more\n- [ ] Do more\n")
    edit = read_edit(plan, base, page, check)
    assert {task.id for task in edit.tasks} == {"a", "b", "c", "d", "u1", "u2"}


@pytest.mark.parametrize(("old", "new"), [(D, ""), ("[ ] **d**", "[-] **d**")])
def test_a_line_that_is_removed_or_crossed_out_drops_its_task(old: str, new: str) -> None:
    edit = edited((old, new))
    assert (edit.dropped, edit.tasks[3], edit.notes) == (("d",), replace(TASKS[3], state="dropped"), ())
    assert edit.summary == "dropped d"


def test_the_line_of_a_closed_task_comes_back() -> None:
    edit = edited(
        ("- [x] **a** Do a\n  - files: a.py\n  - checks: tests\n\n  Well.\n- [/] **b**", "- [/] **b**")
    )
    assert (edit.changes, edit.tasks, edit.problems) == (False, TASKS, ())


def test_lines_that_change_places_change_the_order_of_the_plan() -> None:
    edit = edited((D, ""), ("- [/] **b**", D + "- [/] **b**"))
    assert [task.id for task in edit.tasks] == ["a", "d", "b", "c"]
    assert (edit.summary, edit.dropped, edit.problems) == ("another order", (), ())


def test_what_was_added_meanwhile_keeps_its_place_in_another_order() -> None:
    now = (*TASKS[:2], Task("e", "Do e"), *TASKS[2:])
    edit = edited((D, ""), ("- [/] **b**", D + "- [/] **b**"), now=now)
    assert [task.id for task in edit.tasks] == ["a", "d", "b", "e", "c"]


@pytest.mark.parametrize("mark", ["[x]", "[/]", "[!]"])
def test_a_tick_closes_nothing_and_is_explained(mark: str) -> None:
    edit = edited(("[ ] **d**", f"{mark} **d**"))
    assert (edit.changes, edit.tasks, edit.problems) == (False, TASKS, ())
    (note,) = edit.notes
    assert "checks and a review close a task, not a tick" in note.message
    assert document().split("\n")[note.line] == "- [ ] **d** Do d"


@pytest.mark.parametrize(
    ("old", "new", "at", "said"),
    [
        (D, D + "loose\n", "loose", "belongs to no task"),
        (D, D + "- [ ] **d** Again\n", "- [ ] **d** Again", "Two tasks have the id d"),
        (D, D + "  - needs: z\n", "  - needs: z", "There is no task z; the plan has a, b, c, d"),
        ("  - needs: b\n", "  - needs: b, c\n", "  - needs: b, c", "cycle: c → c"),
        (
            "  - needs: a\n",
            "  - needs: a, c\n",
            "  - needs: a, c",
            "cycle: b → c → b",
        ),
        (D, D + "  - files: ../x\n", "  - files: ../x", "leaves the workspace"),
        (D, D + "  - files: .env\n", "  - files: .env", "protected"),
        (D, D + "  - checks: lint\n", "  - checks: lint", "There is no check 'lint'"),
        (D, D + "- New\n  - checks: lint\n", "  - checks: lint", "There is no check 'lint'"),
        ("Do a\n", "Do a again\n", "- [x] **a** Do a again", "is completed and stays as it is"),
        ("# Goal\n", "# Another\n", "# Another", "The goal of a mission stays"),
    ],
)
def test_an_edit_that_cannot_be_is_refused_at_its_line(old: str, new: str, at: str, said: str) -> None:
    edit = edited((old, new), ("Do b\n", "Do b otherwise\n"))
    assert not edit.changes
    problem = edit.problems[0]
    assert said in problem.message
    assert document().replace(old, new).split("\n")[problem.line] == at


def test_an_empty_document_drops_nothing() -> None:
    edit = read_edit(Plan.of(TASKS), parse(document()), parse(""), check)
    assert not edit.changes
    assert any("No task is left" in problem.message for problem in edit.problems)


@pytest.mark.parametrize(
    ("task", "doubted"),
    [
        ("- Again\n  files: x.py, c.py\n", True),
        ("- Again\n  files: x.py, c.py\n  needs: c\n", False),
        ("- Again\n  files: b.py\n  needs: c\n", False),
        ("- Again\n  files: a.py\n", False),
    ],
    ids=["no order", "in order", "in order through another", "done already"],
)
def test_a_task_on_a_file_of_an_open_one_without_an_order_is_taken_and_doubted(
    task: str, doubted: bool
) -> None:
    edit = edited((D, D + task))
    assert (edit.changes, edit.summary, edit.problems) == (True, "added u1", ())
    said = [(document().replace(D, D + task).split("\n")[doubt.line], doubt.message) for doubt in edit.doubts]
    assert [line for line, _ in said] == ["  files: x.py, c.py"] * doubted
    assert all("“Do c” changes c.py as well" in message for _, message in said)
