"""What a user's edit of the plan document asks for, and what of it cannot be.

Two pages are compared: the one that the user started from, and the one that came of it. Only what differs
between them is the user's; everything else in the plan may have moved on meanwhile, and stays. Titles,
instructions, files, needs, checks, the order, new lines and removed lines belong to the user. Boxes belong to
Podium, except that `[-]` drops a task. An edit is taken as a whole, or not at all while anything in it has
a problem. Lines of closed tasks that were removed come back.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from podium.domain.paths import confined
from podium.domain.plan import CLOSED, Plan, Task, cycle, unordered
from podium.domain.plan_text import FieldName, Item, Page, Problem, plain
from podium.errors import ToolError

DROPPED = "by the user in the plan"
"""The reason of a task that the user removed from the plan document."""


@dataclass(frozen=True, slots=True)
class PlanEdit:
    """An edit of the plan document.

    `tasks` is the whole plan after it, `dropped` the ids of the tasks that it gives up. `notes` are lines in which
    something stands that does not count, and is put back; `doubts` are lines that count, and may not be meant so.
    With `problems`, nothing of the edit can be taken.
    """

    tasks: tuple[Task, ...]
    dropped: tuple[str, ...] = ()
    summary: str = ""
    notes: tuple[Problem, ...] = ()
    doubts: tuple[Problem, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether it asks for anything that can be done."""
        return bool(self.summary) and not self.problems


def read_edit(plan: Plan, base: Page, page: Page, check: Callable[[str], object]) -> PlanEdit:
    """Return what `page`, which was made of `base`, asks for in `plan` as it is now.

    `check` raises a ToolError for the name of a check that does not exist.
    """
    return _Reading(plan, base, page, check).outcome()


class _Reading:
    """One edit while it is read."""

    def __init__(self, plan: Plan, base: Page, page: Page, check: Callable[[str], object]) -> None:
        self._plan = plan
        self._page = page
        self._base = {item.id: item for item in base.items if item.id}
        self._base_ids = [item.id for item in base.items if item.id]
        self._unnamed = Counter(item.title for item in base.items if not item.id)
        self._check = check
        self._problems = list(page.problems)
        self._notes: list[Problem] = []
        self._dropped: list[str] = []
        self._added: list[str] = []
        self._reworded: list[str] = []
        self._tasks = dict(plan.tasks)
        self._lines: dict[str, Item] = {}
        if base.goal and page.goal != base.goal:
            self._problems.append(Problem(0, f"The goal of a mission stays as it is: # {base.goal}"))

    def outcome(self) -> PlanEdit:
        if not self._page.items and not self._page.problems:
            self._problems.append(Problem(0, "No task is left; podium.cancel ends a mission."))
        for item in self._page.items:
            self._take(item)
        for task_id in self._base_ids:
            if task_id not in self._lines and self._open(task_id):
                self._drop(task_id)
        order, moved = self._order()
        tasks = [self._tasks[task_id] for task_id in order]
        self._check_graph(tasks)
        told = [
            f"{verb} {', '.join(ids)}"
            for verb, ids in (("added", self._added), ("changed", self._reworded), ("dropped", self._dropped))
            if ids
        ]
        told += ["another order"] if moved else []
        return PlanEdit(
            tuple(tasks),
            tuple(self._dropped),
            "; ".join(told),
            tuple(self._notes),
            () if self._problems else tuple(self._doubts(tasks)),
            tuple(self._problems),
        )

    def _open(self, task_id: str) -> bool:
        return task_id in self._plan.tasks and self._plan.tasks[task_id].state not in CLOSED

    def _drop(self, task_id: str) -> None:
        self._dropped.append(task_id)
        self._tasks[task_id] = replace(self._tasks[task_id], state="dropped")

    def _take(self, item: Item) -> None:
        if item.id in self._lines:
            self._problems.append(Problem(item.line, f"Two tasks have the id {item.id}; ids must differ."))
        elif not item.id and self._unnamed[item.title]:
            self._unnamed[item.title] -= 1
        elif item.id in self._plan.tasks:
            self._lines[item.id] = item
            self._compare(item)
        else:
            self._add(item)

    def _add(self, item: Item) -> None:
        task_id = item.id or self._fresh_id()
        self._lines[task_id] = item
        self._added.append(task_id)
        self._tasks[task_id] = replace(item.task(), id=task_id, state="pending")
        if item.mark != "pending":
            self._notes.append(Problem(item.line, _BOXES_NOTE))
        self._require_values(item, ("files", "checks"))

    def _fresh_id(self) -> str:
        taken = {*self._tasks, *(item.id for item in self._page.items)}
        return next(name for n in range(1, len(taken) + 2) if (name := f"u{n}") not in taken)

    def _compare(self, item: Item) -> None:
        """Take what the user changed in a task of the plan."""
        now = self._plan.tasks[item.id]
        was = self._base[item.id].task() if item.id in self._base else plain(now)
        if item.mark == "dropped" != was.state and self._open(item.id):
            self._drop(item.id)
        elif item.mark not in {was.state, now.state}:
            self._notes.append(Problem(item.line, _BOXES_NOTE))
        task = _carried(was, item.task(), self._tasks[item.id])
        if task == self._tasks[item.id]:
            return
        if not self._open(item.id):
            message = f"This task is {now.state} and stays as it is; add a new task instead."
            self._problems.append(Problem(item.line, message))
            return
        self._reworded.append(item.id)
        self._tasks[item.id] = task
        before: dict[FieldName, tuple[str, ...]] = {"files": was.files, "checks": was.checks}
        self._require_values(item, [name for name, values in before.items() if item.values(name) != values])

    def _require_values(self, item: Item, names: Iterable[FieldName]) -> None:
        """Refuse files outside of the workspace and checks that do not exist."""
        for name in names:
            for value in item.values(name):
                try:
                    confined(value) if name == "files" else self._check(value)
                except ToolError as error:
                    self._problems.append(Problem(item.line_of(name), str(error)))

    def _order(self) -> tuple[list[str], bool]:
        """Return the ids in their order after the edit, and whether the user moved any."""
        before = [task_id for task_id in self._base_ids if task_id in self._lines]
        now = [task_id for task_id in self._lines if task_id in self._base]
        moved = before != now
        own, page = [*self._plan.tasks], [*self._lines]
        return (_woven(page, own) if moved else _woven(own, page)), moved

    def _check_graph(self, tasks: Sequence[Task]) -> None:
        sound = True
        for task in tasks:
            for need in task.needs:
                if need not in self._tasks:
                    sound = False
                    line = self._lines[task.id].line_of("needs") if task.id in self._lines else 0
                    message = f"There is no task {need}; the plan has {', '.join(self._tasks)}."
                    self._problems.append(Problem(line, message))
        if sound and (around := cycle(self._tasks)):
            for task_id in dict.fromkeys(around):
                if task_id in self._lines:
                    message = f"The needs form a cycle: {' → '.join(around)}. Remove one of them."
                    self._problems.append(Problem(self._lines[task_id].line_of("needs"), message))

    def _doubts(self, tasks: Sequence[Task]) -> Iterable[Problem]:
        """Yield the lines of open tasks that change a file of another one, before or after it as it happens."""
        for one, two, path in unordered({task.id: task for task in tasks}):
            if two.id in self._lines:
                message = (
                    f"“{one.title}” changes {path} as well, and neither needs the other: they take turns in any "
                    "order. Add a need where the order matters."
                )
                yield Problem(self._lines[two.id].line_of("files"), message)


_BOXES_NOTE = "Podium sets the boxes: checks and a review close a task, not a tick. The box is put back; [-] drops a task."


def _carried(was: Task, then: Task, now: Task) -> Task:
    """Return `now` with what differs between `was` and `then`."""
    return replace(
        now,
        title=now.title if then.title == was.title else then.title,
        instructions=now.instructions if then.instructions == was.instructions else then.instructions,
        files=now.files if then.files == was.files else then.files,
        needs=now.needs if then.needs == was.needs else then.needs,
        checks=now.checks if then.checks == was.checks else then.checks,
    )


def _woven(first: Sequence[str], second: Collection[str]) -> list[str]:
    """Return the ids of `first` in their order, and each other one of `second` after the one before it there."""
    order = [*first]
    at = 0
    for task_id in second:
        if task_id in order:
            at = order.index(task_id) + 1
        else:
            order.insert(at, task_id)
            at += 1
    return order
