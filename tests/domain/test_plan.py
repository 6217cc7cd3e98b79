"""A plan is a graph without cycles, and says what may run."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.domain.plan import MOST_FILES, Plan, Task, TaskState, not_atomic
from podium.errors import ToolError

STATES: tuple[TaskState, ...] = ("pending", "running", "completed", "dropped", "stuck")


def task(name: str, *needs: str, state: TaskState = "pending") -> Task:
    return Task(name, f"Task {name}", needs=needs, state=state)


def ids(tasks: list[Task]) -> list[str]:
    return [t.id for t in tasks]


def test_what_needs_nothing_is_ready_at_once_in_plan_order() -> None:
    plan = Plan.of([task("b"), task("c", "a", "b"), task("a")])
    assert ids(plan.ready()) == ["b", "a"]


def test_a_task_is_ready_when_all_that_it_needs_is_closed() -> None:
    plan = Plan.of([task("a"), task("b"), task("c", "a", "b")]).with_state("a", "completed")
    assert ids(plan.ready()) == ["b"]
    assert ids(plan.with_state("b", "dropped").ready()) == ["c"]
    assert plan.with_state("b", "stuck").ready() == []


def test_a_plan_is_closed_when_nothing_is_left_to_do() -> None:
    plan = Plan.of([task("a", state="completed"), task("b", state="dropped")])
    assert plan.closed()
    assert plan.count("completed") == 1
    assert not plan.with_state("a", "stuck").closed()


def test_a_change_gives_a_new_plan_and_leaves_the_old_one() -> None:
    plan = Plan.of([task("a"), task("b")])
    changed = plan.changed([task("c", "a")], drop=["b"], reword={"a": "Do it well."})
    assert changed.tasks["a"].instructions == "Do it well."
    assert changed.tasks["b"].state == "dropped"
    assert list(changed.tasks) == ["a", "b", "c"]
    assert list(plan.tasks) == ["a", "b"]
    assert plan.tasks["b"].state == "pending"


@pytest.mark.parametrize(
    ("tasks", "said"),
    [
        ([], "at least one task"),
        ([Task("", "no id")], "needs both an id and a title"),
        ([Task("a", "")], "needs both an id and a title"),
        ([task("a"), task("a")], "Two tasks have the id 'a'"),
        ([task("a", "b")], "needs 'b', which is not in the plan"),
        ([task("a", "a")], "cycle: a → a"),
        ([task("x", "a"), task("a", "b"), task("b", "c"), task("c", "a")], "cycle: a → b → c → a"),
    ],
)
def test_an_unsound_plan_is_refused_with_the_tasks_that_are_wrong(tasks: list[Task], said: str) -> None:
    with pytest.raises(ToolError, match=said):
        Plan.of(tasks)


def test_a_closed_or_unknown_task_cannot_be_changed() -> None:
    plan = Plan.of([task("a", state="completed"), task("b", state="dropped")])
    with pytest.raises(ToolError, match="'a' is already completed"):
        plan.changed(drop=["a"])
    with pytest.raises(ToolError, match="'b' is already dropped"):
        plan.changed(reword={"b": "x"})
    with pytest.raises(ToolError, match="no task 'c'; the plan has a, b"):
        plan.changed(drop=["c"])


@given(
    st.dictionaries(st.sampled_from("abcdefg"), st.sets(st.sampled_from("abcdefg"), max_size=3), min_size=1)
)
@settings(max_examples=150, deadline=None)
def test_a_plan_exists_exactly_where_its_tasks_can_be_put_in_order(needs: dict[str, set[str]]) -> None:
    needs = {name: {n for n in wanted if n in needs} for name, wanted in needs.items()}
    tasks = [task(name, *sorted(wanted)) for name, wanted in needs.items()]
    if _orderable(needs):
        assert list(Plan.of(tasks).tasks) == list(needs)
    else:
        with pytest.raises(ToolError, match="cycle") as refused:
            Plan.of(tasks)
        around = str(refused.value).split(": ")[1].split(". ")[0].split(" → ")
        assert around[0] == around[-1]
        assert all(b in needs[a] for a, b in pairwise(around))


def _orderable(needs: dict[str, set[str]]) -> bool:
    left = dict(needs)
    while free := [name for name, wanted in left.items() if not wanted & left.keys()]:
        for name in free:
            del left[name]
    return not left


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Draw a plan in any order of its tasks, in which each may need those with smaller numbers."""
    states = draw(st.lists(st.sampled_from(STATES), min_size=1, max_size=9))
    tasks = [
        task(str(n), *draw(st.sets(st.sampled_from([str(m) for m in range(n)]))) if n else (), state=state)
        for n, state in enumerate(states)
    ]
    return Plan.of(draw(st.permutations(tasks)))


@given(plans())
@settings(max_examples=150, deadline=None)
def test_what_most_waits_for_comes_first(plan: Plan) -> None:
    urgency = plan.urgency()
    for open_task in plan.tasks.values():
        followers = [urgency[t.id][0] for t in plan.tasks.values() if open_task.id in t.needs]
        is_open = open_task.state not in {"completed", "dropped"}
        assert urgency[open_task.id][0] == min(followers, default=0) - is_open
    ready = ids(plan.ready())
    assert ready == sorted(ready, key=lambda task_id: urgency[task_id])
    assert ready == [t for t in sorted(plan.tasks, key=lambda t: urgency[t]) if t in ready]


def test_the_longest_chain_is_begun_first() -> None:
    plan = Plan.of([task("short"), task("end", "middle"), task("middle", "start"), task("start")])
    assert ids(plan.ready()) == ["start", "short"]
    assert ids(plan.with_state("start", "completed").ready()) == ["middle", "short"]


def test_tasks_on_one_file_need_an_order_and_any_chain_of_needs_is_one() -> None:
    one, other, two = (
        Task("one", "One", "x", ("a",)),
        Task("other", "Other", "x", ("b",), ("one",)),
        Task("two", "Two", "x", ("a",)),
    )
    assert len(not_atomic(Plan.of([one, other, two]), ["two"])) == 1
    assert not_atomic(Plan.of([one, other, replace(two, needs=("other",))]), ["one", "two"]) == []
    assert (
        not_atomic(Plan.of([replace(one, state="completed"), replace(other, needs=()), two]), ["two"]) == []
    )
    assert not_atomic(Plan.of([one, other, two]), ["other"]) == [], "what the user has planned stays"
    assert len(not_atomic(Plan.of([one, other, two]), [], moved=["two"])) == 1


def test_every_reason_why_tasks_are_not_atomic_is_given_at_once() -> None:
    large = Task("large", "Large", "", tuple(f"f{n}" for n in range(MOST_FILES + 1)))
    assert len(not_atomic(Plan.of([large, Task("two", "Two", "x", ("f0",))]), ["large", "two"])) == 3
