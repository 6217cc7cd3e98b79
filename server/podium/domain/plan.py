"""The plan: a mission's tasks and what each needs, as a graph without cycles.

Values only. A change returns a new plan; who may change it is decided elsewhere.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Literal, TypeAlias

from podium.errors import ToolError

TaskState: TypeAlias = Literal["pending", "running", "completed", "dropped", "stuck"]
"""`dropped` was given up on purpose, with a reason; `stuck` waits for the user."""

BOXES: Mapping[TaskState, str] = {
    "pending": "[ ]",
    "running": "[/]",
    "completed": "[x]",
    "dropped": "[-]",
    "stuck": "[!]",
}
"""How the plan document shows each state."""


CLOSED: frozenset[TaskState] = frozenset({"completed", "dropped"})

MOST_FILES = 12
"""How many files one task may name; what changes more is several tasks."""

Urgency: TypeAlias = tuple[int, int]
"""What sorts tasks by how much waits for them, the most urgent first: minus the length of the longest chain
of open tasks that begins with it, then its place in the plan."""


@dataclass(frozen=True, slots=True)
class Task:
    """One atomic unit of work. `files` and `checks` say where it works and what must be green."""

    id: str
    title: str
    instructions: str = ""
    files: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    state: TaskState = "pending"


@dataclass(frozen=True, slots=True)
class Plan:
    """Tasks by id, in the order in which they were planned. Invariant: no cycles, no unknown needs."""

    tasks: Mapping[str, Task] = field(default_factory=dict[str, Task])

    @staticmethod
    def of(tasks: Sequence[Task]) -> "Plan":
        """Return the plan of `tasks`.

        Raises:
            ToolError: an id is missing or doubled, a need is unknown, or the needs form a cycle; the
                message names the tasks so that the planner can repair them.
        """
        if not tasks:
            raise ToolError("A plan needs at least one task.")
        by_id: dict[str, Task] = {}
        for task in tasks:
            if not task.id or not task.title:
                raise ToolError(f"Task {task.id or task.title!r} needs both an id and a title.")
            if task.id in by_id:
                raise ToolError(f"Two tasks have the id {task.id!r}; ids must differ.")
            by_id[task.id] = task
        for task in tasks:
            for need in task.needs:
                if need not in by_id:
                    raise ToolError(f"Task {task.id!r} needs {need!r}, which is not in the plan.")
        if around := cycle(by_id):
            raise ToolError(f"The needs form a cycle: {' → '.join(around)}. Remove one of them.")
        return Plan(by_id)

    def ready(self) -> list[Task]:
        """Return the pending tasks whose needs are all closed, those on the critical path first."""
        urgency = self.urgency()
        ready = (t for t in self.tasks.values() if t.state == "pending" and self._needs_closed(t))
        return sorted(ready, key=lambda task: urgency[task.id])

    def urgency(self) -> dict[str, Urgency]:
        """Return how urgent each task is: the more open tasks follow it one after another, the more."""
        waiting: dict[str, list[str]] = {task_id: [] for task_id in self.tasks}
        n_needs = {task.id: len(set(task.needs)) for task in self.tasks.values()}
        for task in self.tasks.values():
            for need in set(task.needs):
                waiting[need].append(task.id)
        in_order = [task_id for task_id, n in n_needs.items() if n == 0]
        for task_id in in_order:
            for other in waiting[task_id]:
                n_needs[other] -= 1
                if n_needs[other] == 0:
                    in_order.append(other)
        chain: dict[str, int] = {}
        for task_id in reversed(in_order):
            own = self.tasks[task_id].state not in CLOSED
            chain[task_id] = own + max((chain[other] for other in waiting[task_id]), default=0)
        return {task_id: (-chain[task_id], place) for place, task_id in enumerate(self.tasks)}

    def below(self, task_id: str) -> set[str]:
        """Return the ids of all tasks that a task needs, directly or through others; none for an unknown one."""
        found: set[str] = set()
        wanted = [task_id]
        while wanted:
            task = self.tasks.get(wanted.pop())
            fresh = set(task.needs) - found if task else set[str]()
            found |= fresh
            wanted += fresh
        return found

    def closed(self) -> bool:
        """Return whether every task is completed or dropped."""
        return all(t.state in CLOSED for t in self.tasks.values())

    def count(self, *states: TaskState) -> int:
        """Return how many tasks are in one of `states`."""
        return sum(t.state in states for t in self.tasks.values())

    def with_state(self, task_id: str, state: TaskState) -> "Plan":
        """Return the plan with one task in another state."""
        return Plan({**self.tasks, task_id: replace(self.tasks[task_id], state=state)})

    def changed(
        self,
        add: Sequence[Task] = (),
        drop: Iterable[str] = (),
        reword: Mapping[str, str] | None = None,
        needs: Mapping[str, tuple[str, ...]] | None = None,
    ) -> "Plan":
        """Return the plan with tasks added, dropped (ids), and given other instructions or needs (by id).

        Raises:
            ToolError: as for `of`; or an id to change is unknown or already closed, or a task that is at
                work is to need others.
        """
        tasks = dict(self.tasks)
        for task_id in drop:
            self._require_open(task_id)
            tasks[task_id] = replace(tasks[task_id], state="dropped")
        for task_id, instructions in (reword or {}).items():
            self._require_open(task_id)
            tasks[task_id] = replace(tasks[task_id], instructions=instructions)
        for task_id, ids in (needs or {}).items():
            self._require_open(task_id)
            if tasks[task_id].state == "running":
                raise ToolError(f"Task {task_id!r} is at work; drop it, and add it anew with what it needs.")
            tasks[task_id] = replace(tasks[task_id], needs=ids)
        return Plan.of([*tasks.values(), *add])

    def may_start(self, task_id: str) -> bool:
        """Return whether everything that a task needs is closed."""
        return self._needs_closed(self.tasks[task_id])

    def _require_open(self, task_id: str) -> None:
        task = self.tasks.get(task_id)
        if task is None:
            raise ToolError(f"There is no task {task_id!r}; the plan has {', '.join(self.tasks)}.")
        if task.state in CLOSED:
            raise ToolError(f"Task {task_id!r} is already {task.state}.")

    def _needs_closed(self, task: Task) -> bool:
        return all(self.tasks[need].state in CLOSED for need in task.needs)


def not_atomic(plan: Plan, new: Collection[str], moved: Collection[str] = ()) -> list[str]:
    """Return what keeps the `new` tasks of a plan from being atomic, one sentence for each reason.

    A task is told what must be true after it, names at most 12 files, and comes before or after every other
    open task that changes one of them; so do tasks that were `moved`, which need others than before.
    """
    reasons: list[str] = []
    for task_id in new:
        task = plan.tasks[task_id]
        if not task.instructions.strip():
            reasons.append(
                f"Task {task_id!r} has no instructions; say in a sentence what is true once it is done."
            )
        if len(task.files) > MOST_FILES:
            reasons.append(
                f"Task {task_id!r} names {len(task.files)} files; split it into tasks of at most {MOST_FILES}, or, "
                "where one change must touch all at once, name only those that it starts from."
            )
    for one, two, path in unordered(plan.tasks):
        if not {one.id, two.id}.isdisjoint((*new, *moved)):
            reasons.append(
                f"Tasks {one.id!r} and {two.id!r} both change {path}; one must need the other, or make them one task."
            )
    return reasons


def unordered(tasks: Mapping[str, Task]) -> Iterator[tuple[Task, Task, str]]:
    """Yield each two open tasks that both change a file, neither before the other, with the first such file.

    The `tasks` form no cycle, and need nothing that is not among them.
    """
    for one, two in combinations((task for task in tasks.values() if task.state not in CLOSED), 2):
        if shared := {*one.files} & {*two.files}:
            ordered = one.id in _before(tasks, two.id) or two.id in _before(tasks, one.id)
            if not ordered:
                yield one, two, min(shared)


def _before(tasks: Mapping[str, Task], task_id: str) -> set[str]:
    """Return the ids of all tasks that must be closed before a task may start."""
    found: set[str] = set()
    ahead = [*tasks[task_id].needs]
    while ahead:
        if (need := ahead.pop()) not in found:
            found.add(need)
            ahead += tasks[need].needs
    return found


def cycle(tasks: Mapping[str, Task]) -> list[str]:
    """Return the ids along one cycle, first id repeated at the end, or an empty list."""
    done: set[str] = set()
    for start in tasks:
        path: list[str] = []
        stack = [(start, iter(tasks[start].needs))] if start not in done else []
        while stack:
            task_id, needs = stack[-1]
            if not path or path[-1] != task_id:
                path.append(task_id)
            need = next((n for n in needs if n not in done), None)
            if need is None:
                done.add(task_id)
                path.pop()
                stack.pop()
            elif need in path:
                return [*path[path.index(need) :], need]
            else:
                stack.append((need, iter(tasks[need].needs)))
    return []
