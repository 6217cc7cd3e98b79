"""What a mission's state looks like."""

from io import StringIO

import pytest
from rich.console import Console, Group, RenderableType

from podium.cli.diff import diff_of
from podium.cli.render import happening, standing, summary
from podium.domain.changes import FileEdit
from podium.domain.checks import CheckResult, Failure
from podium.domain.events import (
    AgentStarted,
    AttemptStarted,
    CheckFinished,
    Event,
    MissionEnded,
    MissionStarted,
    ModelAsked,
    PlanSet,
    ReviewSubmitted,
    TaskAccepted,
)
from podium.domain.findings import Finding
from podium.domain.mission import MissionState, fold
from podium.domain.plan import Task

START = 1_800_000_000.0


def text(*shown: RenderableType | None) -> list[str]:
    out = StringIO()
    for part in shown:
        Console(file=out, width=80, highlight=False, markup=False).print(part or "")
    return [line.rstrip() for line in out.getvalue().splitlines()]


def after(*happened: Event) -> MissionState:
    state = MissionState("m")
    for second, event in enumerate(happened):
        state = fold(state, event, START + second)
    return state


def team(n_tasks: int, n_working: int, n_done: int = 0) -> MissionState:
    tasks = tuple(Task(f"t{n}", f"Task {n}") for n in range(n_tasks))
    events: list[Event] = [MissionStarted("goal", "task", "model", "verified"), PlanSet(tasks)]
    events += [TaskAccepted(f"t{n}", (), "h", ()) for n in range(n_done)]
    for n in range(n_done, n_done + n_working):
        events += [AttemptStarted(f"t{n}", 1, "code"), AgentStarted(f"a{n}", "worker", f"t{n}", "m", ())]
    return after(*events)


def test_the_plan_shows_each_task_s_box_and_who_works_on_it() -> None:
    state = team(3, 1, 1)
    state = fold(state, ModelAsked("a1", "r"), START + 5)
    assert text(*standing(state, START + 16, 20)) == [
        "  [x] Task 0",
        "  [/] Task 1",
        "      ● worker  asking the model  12 s",
        "  [ ] Task 2",
    ]


@pytest.mark.parametrize(("n_tasks", "n_working", "n_done"), [(200, 50, 100), (60, 50, 0), (30, 0, 30)])
def test_a_long_plan_fits_on_the_screen_with_the_tasks_at_work_first(
    n_tasks: int, n_working: int, n_done: int
) -> None:
    lines = text(*standing(team(n_tasks, n_working, n_done), START, 20))
    assert len(lines) <= 20
    assert lines[0] == f"  [x] {n_done} of {n_tasks} tasks closed"
    if n_working:
        assert lines[1].startswith("  [/] ")


def test_a_task_that_does_not_fit_is_cut_and_does_not_wrap() -> None:
    state = after(PlanSet((Task("t", "word " * 40),)))
    (line,) = text(Group(*standing(state, START, 20)))
    assert len(line) <= 80
    assert line.endswith("…")


def test_a_check_says_how_many_fail_and_when_it_ran() -> None:
    result = CheckResult("tests", ("pytest",), 1, 2.25, "", "h", (Failure("x"), Failure("y")))
    event = CheckFinished("", result, "baseline")
    assert text(happening(event, MissionState("m"))) == ["  ✗ tests 2 failing  before any change, 2.2 s"]


def test_what_an_agent_tries_for_itself_is_not_shown() -> None:
    event = CheckFinished("t", CheckResult("tests", (), 1, 1.0, "", "h"), "agent")
    assert happening(event, MissionState("m")) is None


def test_a_finding_names_its_place_and_is_never_read_as_markup() -> None:
    finding = Finding("f", "a.py", 3, "x", "error", "E1", "[red]wrong[/red] index", "use [0]")
    event = ReviewSubmitted("", False, (finding,))
    assert text(happening(event, after(event))) == [
        "    a.py:3  error  [red]wrong[/red] index  [E1]",
        "        use [0]",
    ]


def test_a_diff_shows_new_deleted_and_binary_files() -> None:
    edits = [
        FileEdit("new.py", None, b"a\n"),
        FileEdit("old.py", b"b\n", None),
        FileEdit("x.bin", b"\0\0", b"\0"),
    ]
    assert [line.strip() for line in text(diff_of(edits))] == [
        "--- /dev/null",
        "+++ b/new.py",
        "@@ -0,0 +1 @@",
        "+a",
        "--- a/old.py",
        "+++ /dev/null",
        "@@ -1 +0,0 @@",
        "-b",
        "--- x.bin (not text: 1 bytes)",
    ]


def test_the_last_line_says_how_it_ended_and_what_it_took() -> None:
    state = fold(team(2, 1), MissionEnded("stopped", "Enough."), START + 90)
    assert text(summary(state, "stopped", "Enough.")) == [
        "stopped  2 tasks · 1 attempt · 0 requests · 90.0 s",
        "Enough.",
    ]
