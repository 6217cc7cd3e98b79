r"""The plan as text: what the plan document says, and what one says that a user has edited.

A task is one line with its box, its id and its title. Below it, indented, stand what it touches, needs and is
checked by, each on a line of its own, and after an empty line its instructions:

    - [/] **parser** Read the new field
      - files: src/parser.py
      - needs: model
      - checks: pytest tests/test_parser.py

      Instructions, in as many lines as it takes.

Reading is lenient where the meaning is clear: any bullet, lines in any order, no box, no id (a task that is to get
one). A line without a clear meaning is a problem, never left out. Reading what was rendered gives the same plan,
in the form that `plain` gives a task, with what was dropped at its end.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias, cast

from podium.domain.mission import MissionState
from podium.domain.plan import BOXES, Task, TaskState

FieldName: TypeAlias = Literal["files", "needs", "checks", "why"]
"""`why` says why a task was dropped or is stuck; Podium alone writes it."""

OPEN_NOTE = (
    "> Edit this while the mission runs, and save: change words, files, needs or checks, move tasks, add one "
    "(`- [ ] title`), remove one to drop it. The boxes are Podium's."
)
PLAN_NOTE = (
    "> Edit this, and save: change words, files, needs or checks, move tasks, add one (`- [ ] title`), remove one "
    "to drop it. The boxes are Podium's."
)
FINAL_NOTE = "> The mission has ended; edits of its plan have no effect."
ID = re.compile(r"[A-Za-z0-9._-]{1,40}")

_NOTES = frozenset({OPEN_NOTE, PLAN_NOTE, FINAL_NOTE})
_DROPPED = "## Dropped"
_STATUS = re.compile(r"Mission \S+: |> You said")
_BULLET = r"(?:[-*+]|\d{1,9}[.)])"
_BOX = r"\[(\s*[^\]\s]?\s*)\](?=\s|$)"
_NAMES = r"(files|needs|checks|why)\s*:"
_TASK = re.compile(rf"(\s*){_BULLET}\s+{_BOX}\s*(.*)$")
_PLAIN_TASK = re.compile(rf"{_BULLET}\s+(.+)$")
_FIELD = re.compile(rf"\s+{_BULLET}\s+{_NAMES}(.*)$", re.IGNORECASE)
_BARE_FIELD = re.compile(rf"\s+{_NAMES}(.*)$", re.IGNORECASE)
_SPECIAL = re.compile(rf"(\s*)(\\*)({_BULLET}\s+(?:{_BOX}|{_NAMES}).*)$", re.IGNORECASE)
"""Lines of instructions that would be read as something else, were they not escaped; and those that are."""
_MARKED = re.compile(r"\*\*\s*([^*\s]+?)\s*\*\*\s*(.*)$")
_VALUE = re.compile(r"\s*(?:(`+)(.+?)(?<!`)\1(?!`)|([^,]*?))\s*(?:,|$)")
_MARKS: Mapping[str, TaskState] = {
    "": "pending",
    **{box[1:-1].strip(): state for state, box in BOXES.items()},
}


@dataclass(frozen=True, slots=True)
class Value:
    """One of the values of a field, at these columns of its line."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Field:
    """A line such as `files: a.py, b.py`; `line` is 0-based."""

    name: FieldName
    line: int
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """A task as it is written in lines `line:end` (0-based). `id` is empty where the user gave none."""

    id: str
    mark: TaskState
    title: str
    line: int
    end: int
    fields: tuple[Field, ...] = ()
    instructions: str = ""

    def values(self, name: FieldName) -> tuple[str, ...]:
        """Return the values of a field, from wherever it is written."""
        found = (value.text for field in self.fields if field.name == name for value in field.values)
        return tuple(dict.fromkeys(found))

    def line_of(self, name: FieldName) -> int:
        """Return the line of a field, or of the task where it has none."""
        return next((field.line for field in self.fields if field.name == name), self.line)

    def task(self) -> Task:
        """Return the task that is written here."""
        return Task(
            self.id,
            self.title,
            self.instructions,
            self.values("files"),
            self.values("needs"),
            self.values("checks"),
            self.mark,
        )


@dataclass(frozen=True, slots=True)
class Problem:
    """A line (0-based) that cannot be taken as it is, and why."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Page:
    """A plan document as it was read."""

    goal: str
    items: tuple[Item, ...]
    problems: tuple[Problem, ...]


# --- writing ----------------------------------------------------------------------------------------


def rendered(state: MissionState) -> str:
    """Return the plan document of a mission."""
    tasks = state.plan.tasks.values()
    closed, total = state.progress
    ended = f" · {_one_line(state.reason)}" if state.reason else ""
    note = FINAL_NOTE if state.ending else OPEN_NOTE
    if state.plan_waits:
        note = PLAN_NOTE
    lines = [
        f"# {_one_line(state.goal)}",
        "",
        f"Mission {state.id}: {state.status} · {closed} of {total} tasks closed{ended}",
        "",
        note,
        "",
    ]
    for steer in state.steers.values():
        to = f" to {steer.task_id}" if steer.task_id else ""
        lines += [f"> You said{to}: {_one_line(steer.text)}", ""]
    for task in tasks:
        if task.state != "dropped":
            lines += _written(task, state.reasons.get(task.id, ""))
    if dropped := [task for task in tasks if task.state == "dropped"]:
        lines += ["", _DROPPED, ""]
        for task in dropped:
            lines += _written(task, state.reasons.get(task.id, ""))
    return "\n".join(lines) + "\n"


def plain(task: Task) -> Task:
    """Return a task in the form in which the document gives it: no white space that means nothing."""
    lines = [line.rstrip() for line in re.split(r"\r\n|\r|\n", task.instructions)]
    while lines and not lines[0]:
        del lines[0]
    while lines and not lines[-1]:
        del lines[-1]
    return replace(
        task,
        title=_one_line(task.title),
        instructions="\n".join(lines),
        files=_plain_values(task.files),
        needs=_plain_values(task.needs),
        checks=_plain_values(task.checks),
    )


def _plain_values(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, map(_one_line, values))))


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _written(task: Task, why: str) -> list[str]:
    task = plain(task)
    lines = [f"- {BOXES[task.state]} **{task.id}** {task.title}"]
    for name, values in (("files", task.files), ("needs", task.needs), ("checks", task.checks)):
        if values:
            lines.append(f"  - {name}: {', '.join(map(_quoted, values))}")
    if why and task.state in {"dropped", "stuck"}:
        lines.append(f"  - why: {_quoted(_one_line(why))}")
    if task.instructions:
        lines += ["", *(_escaped(line) for line in task.instructions.split("\n"))]
    return lines


def _quoted(value: str) -> str:
    """Return a value as code where a comma or a backtick in it would be read as something else."""
    if "," not in value and "`" not in value:
        return value
    fence = "`" * (max(map(len, re.findall("`+", value)), default=0) + 1)
    edge = " " if value.startswith("`") or value.endswith("`") else ""
    return f"{fence}{edge}{value}{edge}{fence}"


def _escaped(line: str) -> str:
    if special := _SPECIAL.match(line):
        line = f"{special[1]}\\{special[2]}{special[3]}"
    return f"  {line}" if line else ""


# --- reading ----------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Draft:
    """A task while its lines are read. Until an empty line, fields need no bullet."""

    item: Item
    margin: int
    problems: list[Problem]
    fields: list[Field] = field(default_factory=list[Field])
    text: list[str] = field(default_factory=list[str])
    at_top: bool = True

    def hear(self, number: int, line: str) -> None:
        """Take in an indented line, or an empty one."""
        self.item = replace(self.item, end=number + 1) if line else self.item
        if not line:
            self.at_top = False
            if self.text:
                self.text.append("")
        elif found := _FIELD.match(line) or (self.at_top and _BARE_FIELD.match(line)):
            self._add(_field(number, found))
        else:
            self.at_top = False
            self.text.append(_unescaped(_outdented(line, self.margin)))

    def _add(self, new: Field) -> None:
        if any(field.name == new.name for field in self.fields):
            self.problems.append(Problem(new.line, _TWICE.format(new.name)))
        self.fields.append(new)

    def done(self) -> Item:
        """Return the task."""
        text = "\n".join(self.text).rstrip("\n")
        return replace(self.item, fields=tuple(self.fields), instructions=text)


_TWICE = "This task has two lines of {}; is the line of another task missing above this one?"
_HOMELESS = (
    "This line belongs to no task. Indent it to make it an instruction of the task above, or begin it with "
    "“- [ ] ” to make it a task."
)


def parse(text: str) -> Page:
    """Return what a plan document says, whoever wrote it."""
    goal = ""
    drafts: list[_Draft] = []
    problems: list[Problem] = []
    for number, line in enumerate(line.rstrip() for line in text.split("\n")):
        if (found := _TASK.match(line)) or (found := _PLAIN_TASK.match(line)):
            begun = _begun(number, found)
            if isinstance(begun, str):
                problems.append(Problem(number, begun))
            else:
                drafts.append(_Draft(*begun, problems))
        elif drafts and line[:1] in {"", " ", "\t"}:
            drafts[-1].hear(number, line)
        elif line.startswith("# ") and not goal:
            goal = line[2:].strip()
        elif line and line not in _NOTES and line != _DROPPED and not _STATUS.match(line):
            problems.append(Problem(number, _HOMELESS))
    return Page(goal, tuple(draft.done() for draft in drafts), tuple(problems))


def _begun(number: int, found: re.Match[str]) -> tuple[Item, int] | str:
    """Return the task that begins in a line and how far its text is indented, or why there is none."""
    indent, box, text = found.groups() if found.re is _TASK else ("", "", found[1])
    mark = _MARKS.get(box.strip().lower())
    if mark is None:
        known = " ".join(BOXES.values())
        return f"There is no box [{box}]; the boxes are {known}."
    task_id, title = "", text.strip()
    if marked := _MARKED.match(title):
        task_id, title = marked[1], marked[2]
        if not ID.fullmatch(task_id):
            return f"“{task_id}” is no id: ids have up to 40 letters, digits, dots, dashes and underscores."
    elif title.startswith("*"):
        return "The id of a task stands between two pairs of asterisks: **id**. A new task needs none."
    if not title:
        return "This task has no title."
    return Item(task_id, mark, _one_line(title), number, number + 1), len(indent) + 2


def _field(number: int, found: re.Match[str]) -> Field:
    values: list[Value] = []
    for value in _VALUE.finditer(found[2]):
        group = 2 if value[1] else 3
        if text := (value[group] or "").strip():
            start = found.start(2) + value.start(group)
            values.append(Value(text, start, start + len(value[group])))
    return Field(cast("FieldName", found[1].lower()), number, tuple(values))


def _outdented(line: str, margin: int) -> str:
    """Return a line without the white space that makes it part of a task; what is beyond stays."""
    if line.startswith("\t"):
        return line[1:]
    return line[min(margin, len(line) - len(line.lstrip(" "))) :]


def _unescaped(line: str) -> str:
    special = _SPECIAL.match(line)
    return f"{special[1]}{special[2][1:]}{special[3]}" if special and special[2] else line
