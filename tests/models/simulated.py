"""A simulated model that knows the solution, and errs: every answer is wrong with probability p.

It plays every role through the tools, by what the conversation says and a table of faults; there is no other
channel. It errs as models do: another change at the right place, a change in the wrong file, a syntax error,
one of two places forgotten, "done" without a change, a verdict that is the wrong way round, a task forgotten
or planned for the wrong file, a needless task. Nothing else is wrong about it: it reads what it is told, and
does what it is asked, such as to propose several candidates, of which each one errs with probability p.

Whether an answer errs follows from the seed, the conversation (without its numbers, and without what reading
the project gave, since that depends on what other agents have done by then), and how often it was asked just this
before, so it does not depend on what runs at the same time. A model also tends to repeat its error: where feedback says nothing that it did not say
before, a Worker hands the same change in again with the probability that the fault gives as its `stickiness`.

As a process: `python -m tests.models.simulated TABLE.json` prints the port on its first line and serves
until it is ended. The name of the model that is asked for says the rest: `simulated-p30-s7` errs in 30 % of its
answers, with seed 7.
"""

import json
import random
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, Self, TypeAlias, cast

import anyio

from tests.models.provider import Body, Provider, Received, Reply, calls, fails

Call: TypeAlias = tuple[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Place:
    """A few lines of a file as they are wrong, as they were right, and other ways to have them wrong."""

    wrong: str
    right: str
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """A function that is wrong. `tests` fail because of this fault alone, `fails` are all that do.

    `name` is dotted and begins with the module; lines count from 1.
    """

    name: str
    path: str
    line: int
    end_line: int
    places: tuple[Place, ...]
    fails: tuple[str, ...]
    tests: tuple[str, ...]
    stickiness: float

    @classmethod
    def read(cls, entry: Mapping[str, Any]) -> Self:
        """Return the fault that a JSON object describes."""
        given: dict[str, Any] = {
            **entry,
            "places": tuple(Place(p["wrong"], p["right"], tuple(p["others"])) for p in entry["places"]),
            "fails": tuple(entry["fails"]),
            "tests": tuple(entry["tests"]),
        }
        return cls(**given)

    def with_tests(self, tests: tuple[str, ...]) -> "Fault":
        """Return the fault with these tests of its own."""
        return replace(self, tests=tests)

    @property
    def function(self) -> str:
        """The name as it stands behind `def`."""
        return self.name.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class Step:
    """A tool call of the model, and what it gave (empty while it is open)."""

    tool: str
    arguments: dict[str, Any]
    result: str


class Conversation:
    """What one agent was told and did, as a request says it."""

    def __init__(self, body: Body) -> None:
        messages = cast("list[Body]", body["messages"])
        self.system = str(messages[0]["content"])
        self.opening = str(messages[1]["content"])
        results = {m["tool_call_id"]: str(m["content"]) for m in messages if m["role"] == "tool"}
        made = [
            call
            for m in messages
            if m["role"] == "assistant"
            for call in cast("list[Body]", m.get("tool_calls") or [])
        ]
        self.steps = [
            Step(c["function"]["name"], json.loads(c["function"]["arguments"]), results.get(c["id"], ""))
            for c in made
        ]
        self.n_answers = sum(m["role"] == "assistant" for m in messages)
        told = self.opening.partition("# Your role: ")[2]
        self.role = told.partition("\n")[0].lower()

    @property
    def last(self) -> Step | None:
        """The last tool call."""
        return self.steps[-1] if self.steps else None

    @cached_property
    def digest(self) -> str:
        """What the draw depends on, in which nothing differs between two runs that went the same way."""
        looked = {"read_file", "search", "outline", "list_files", "run_command"}
        parts = [self.opening] + [
            f"{s.tool} {json.dumps(s.arguments)} {'' if s.tool in looked else s.result}" for s in self.steps
        ]
        return re.sub(r"\d+(\.\d+)?", "#", "\n".join(parts))


class Simulated:
    """The model: an answer for each request."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self._faults = {fault.name: fault for fault in faults}
        self._asked: Counter[str] = Counter()

    def answer(self, request: Received) -> Reply:
        """Return the answer to a request."""
        body = request.body
        named = re.search(r"simulated-p(\d+)-s(\d+)$", str(body["model"]))
        if named is None:
            return fails(404, f"There is no model {body['model']!r}.", "model_not_found")
        talk = Conversation(body)
        key = f"{named[0]}\n{talk.role}\n{talk.digest}"
        self._asked[key] += 1
        draw = random.Random(sha256(f"{self._asked[key]}\n{key}".encode()).hexdigest())  # noqa: S311
        turn = Turn(self._faults, talk, int(named[1]) / 100, draw)
        made = turn.calls()
        prompt = len(json.dumps(body)) // 4
        completion = len(json.dumps(made)) // 4
        return calls(*made, usage={"prompt_tokens": prompt, "completion_tokens": completion})


@dataclass
class Turn:
    """One answer in the making."""

    faults: Mapping[str, Fault]
    talk: Conversation
    p: float
    draw: random.Random
    """Everything that is left to chance."""

    def calls(self) -> list[Call]:
        """Return the tool calls of the answer."""
        match self.talk.role:
            case "planner":
                return [self._plan()]
            case "searcher":
                return [self._search()]
            case "worker":
                return Work(self).calls()
            case "reviewer":
                return [self._review()]
            case "commander":
                return [self._command()]
            case other:
                raise ValueError(f"no role: {other!r}")

    def errs(self) -> bool:
        """Return whether this answer is one of the wrong ones."""
        return self.draw.random() < self.p

    def named(self, text: str) -> list[Fault]:
        """Return the faults whose functions a text names, or else those whose own tests it names."""
        by_name = [self.faults[name] for name in re.findall(r"`([\w.]+)`", text) if name in self.faults]
        if by_name:
            return list(dict.fromkeys(by_name))
        tests = set(re.findall(r"[\w./]+\.py::[^\s(),:]+(?:::[^\s(),:]+)*", text))
        return [f for f in self.faults.values() if tests & set(f.tests)]

    def elsewhere(self, fault: Fault) -> Fault:
        """Return a fault in another file."""
        others = [f for f in self.faults.values() if f.path != fault.path and self._same_library(f, fault)]
        return self.draw.choice(others)

    def _same_library(self, one: Fault, other: Fault) -> bool:
        return one.name.split(".")[0] == other.name.split(".")[0]

    # --- Planner, Searcher, Commander -----------------------------------------------------------------

    def _plan(self) -> Call:
        goal = self.talk.system.rpartition("# Goal of the mission\n")[2]
        faults = self.named(goal)
        if not self.talk.steps:
            return "search", {"pattern": f"def {faults[0].function}("}
        tasks = [task_of(fault) for fault in faults]
        if self.errs():
            n_wrong = max(1, len(tasks) // 10)
            wrong = set(self.draw.sample(range(len(tasks)), n_wrong))
            if len(tasks) > 1 and self.draw.random() < 0.5:
                tasks = [task for n, task in enumerate(tasks) if n not in wrong]
            else:
                for n in wrong:
                    tasks[n] = task_of(faults[n], self.elsewhere(faults[n]).path)
        return "submit_plan", {"tasks": _ordered(tasks)}

    def _search(self) -> Call:
        found = self.named(self.talk.opening)
        fault = found[0] if found else self.draw.choice(list(self.faults.values()))
        if not self.talk.steps:
            return "search", {"pattern": f"def {fault.function}("}
        if self.errs():
            fault = self.elsewhere(fault)
        place = {
            "path": fault.path,
            "start_line": fault.line,
            "end_line": fault.end_line,
            "why": "it is wrong",
        }
        return "submit_context", {"summary": f"`{fault.name}` is in {fault.path}.", "places": [place]}

    def _command(self) -> Call:
        if "# The task does not get on" in self.talk.opening or "# The Worker asks" in self.talk.opening:
            return "answer", {}
        told = self.talk.opening + "".join(s.result for s in self.talk.steps if s.tool == "sign_off")
        checks = told.partition("# Checks on the whole\n")[2]
        tests = set(re.findall(r"^- ([\w./]+\.py::\S+)", checks, re.MULTILINE))
        n_tasks = len(re.findall(r"^\[.\] ", self.talk.opening, re.MULTILINE))
        errs = self.errs()
        if not tests:
            if not errs:
                return "sign_off", {"summary": "The functions are right again."}
            needless = self.draw.choice(self.named(self.talk.system.rpartition("# Goal of the mission\n")[2]))
            return self._added([needless], n_tasks, "This does not look finished.")
        if errs:
            return "sign_off", {"summary": "Everything is done."}
        suspects = [f for f in self.faults.values() if tests & set(f.tests)]
        suspects = suspects or [f for f in self.faults.values() if tests & set(f.fails)]
        return self._added(suspects, n_tasks, "Tests still fail.")

    def _added(self, faults: Sequence[Fault], n_tasks: int, reason: str) -> Call:
        added = [{**task_of(fault), "id": f"more-{n_tasks + n}"} for n, fault in enumerate(faults)]
        return "change_plan", {"reason": reason, "add": _ordered(added)}

    # --- Reviewer -------------------------------------------------------------------------------------

    def _review(self) -> Call:
        faults = self.named(self.talk.opening.partition("# Diff\n")[0])
        diff = self.talk.opening.partition("# Diff\n")[2].partition("\n# Checks\n")[0]
        plus = [line[1:] for line in diff.splitlines() if line[:1] == "+" and line[:3] != "+++"]
        kept = [line[1:] for line in diff.splitlines() if line[:1] == " "]
        read = "".join(bare(s.result) for s in self.talk.steps if s.tool == "read_file")
        wanted = {p: last_changed(p) for fault in faults for p in fault.places}
        missing = [
            p for p, line in wanted.items() if line not in plus and line not in kept and p.right not in read
        ]
        if missing and not read and faults:
            fault = next(f for f in faults if set(missing) & set(f.places))
            return "read_file", {"path": fault.path, "start_line": fault.line, "end_line": fault.end_line + 1}
        stray = [line for line in plus if line not in wanted.values()]
        good = not missing and not stray
        if good != self.errs():
            return "submit_review", {"verdict": "approve", "findings": []}
        line = (stray or plus or [""])[0]
        before = diff.partition(f"\n+{line}\n")[0]
        paths = re.findall(r"^\+\+\+ b/(\S+)", before, re.MULTILINE)
        where = paths[-1] if paths else faults[0].path if faults else ""
        quote = line.strip() if paths else ""
        message = self.draw.choice(_DOUBTS) if good else _said(faults, missing, stray)
        finding = {"path": where, "quote": quote, "line": faults[0].line if faults else 1}
        finding |= {"severity": "error", "code": "wrong", "message": message}
        return "submit_review", {"verdict": "reject", "findings": [finding]}


_DOUBTS = (
    "An empty input is not handled.",
    "This breaks callers that pass a negative number.",
    "The boundary is off by one.",
    "This should be done for every kind of input, not only for this one.",
    "The docstring promises something else.",
    "This changes the type of the result.",
)


def _said(faults: Sequence[Fault], missing: Sequence[Place], stray: Sequence[str]) -> str:
    names = ", ".join(f"`{fault.name}`" for fault in faults)
    wrong = [f"{len(missing)} place(s) of {names} are still wrong"] if missing else []
    other = [f"{len(stray)} line(s) have nothing to do with {names}"] if stray else []
    return "; ".join([*wrong, *other]) + "."


def task_of(fault: Fault, path: str = "") -> dict[str, Any]:
    """Return the task to repair a fault; `path` is a file that it names by mistake."""
    return {
        "id": fault.name.replace("_", "-")[-40:].lstrip(".-"),
        "title": f"Put `{fault.name}` right",
        "instructions": f"`{fault.name}` in {path or fault.path} gives wrong results; see {fault.tests[0]}.",
        "files": [path or fault.path],
        "checks": [f"pytest {' '.join(fault.tests[:2])}"],
    }


def _ordered(tasks: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the tasks, each after the one before it that changes the same file."""
    last: dict[str, str] = {}
    ordered: list[dict[str, Any]] = []
    for task in tasks:
        (path,) = task["files"]
        ordered.append({**task, "needs": [last[path]] if path in last else []})
        last[path] = task["id"]
    return ordered


# --- Worker -----------------------------------------------------------------------------------------

Edits: TypeAlias = list[dict[str, str]]
Wanted: TypeAlias = tuple[Fault, Place, str]
"""What a place of a fault is to become."""


class Work:
    """A Worker's answer. What the files hold is read out of the conversation, never looked at."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._talk = turn.talk
        self._faults = turn.named(turn.talk.opening)
        back = [n for n, s in enumerate(self._talk.steps) if "were taken back" in s.result]
        self._steps = self._talk.steps[back[-1] + 1 :] if back else self._talk.steps

    def calls(self) -> list[Call]:
        """Return the tool calls of the answer."""
        unread = [fault for fault in self._faults if not self._was_read(fault)]
        if unread:
            return self._look(unread[0])
        last = self._steps[-1] if self._steps else None
        if last is not None and last.tool == "try_edits" and self._made(last) is None and self._n_tries() < 2:
            return [self._candidates(8)]
        wanted = 0
        if last is not None and last.tool == "finish":
            asked = re.search(r"(\d+) different candidates", last.result)
            wanted = int(asked[1]) if asked else 0
        if wanted and not self._sticks():
            return [self._candidates(wanted)]
        if last is not None and last.tool == "try_edits":
            edits = self._wrong() if self._turn.errs() else self._right() if self._made(last) is None else []
        elif self._sticks() and wanted == 0:
            edits = []
        else:
            edits = self._wrong() if self._turn.errs() else self._right()
        return [*(("edit_file", dict(edit)) for edit in edits), ("finish", {"summary": self._summary(edits)})]

    def _summary(self, edits: Edits) -> str:
        n_done = sum(s.tool == "finish" for s in self._talk.steps) + 1
        names = ", ".join(f"`{fault.name}`" for fault in self._faults) or "The project"
        if edits or self._own_edits():
            text = f"{names} is right now (attempt {n_done})."
        else:
            text = f"{names} is right already; there is nothing to change (attempt {n_done})."
        last = self._talk.last
        if last is not None and not edits and "at " in last.result and "finding" not in last.result:
            text += " What the review says does not hold: the tests show the opposite."
        return text

    # --- looking

    def _look(self, fault: Fault) -> list[Call]:
        """Return the next step towards knowing the code: where it stands, then what stands there."""
        found = [
            s
            for s in self._steps
            if s.tool == "search" and s.arguments["pattern"] == f"def {fault.function}("
        ]
        if self._turn.errs():
            if self._turn.draw.random() < 0.3:
                return [("finish", {"summary": f"`{fault.name}` is right now."})]
            return [("read_file", {"path": self._turn.elsewhere(fault).path, "end_line": 40})]
        if not found:
            return [("search", {"pattern": f"def {fault.function}("})]
        lines = [
            int(n) for n in re.findall(rf"^{re.escape(fault.path)}:(\d+):", found[-1].result, re.MULTILINE)
        ]
        start = min(lines, key=lambda n: abs(n - fault.line), default=fault.line)
        end = start + fault.end_line - fault.line + 6
        return [("read_file", {"path": fault.path, "start_line": max(1, start - 4), "end_line": end})]

    def _was_read(self, fault: Fault) -> bool:
        return self._code(fault) is not None

    def _code(self, fault: Fault) -> str | None:
        """Return the function, and a little more, as it was read and then edited; None if it was not read."""
        code: str | None = None
        told = self._talk.opening.partition("# What was tried before")[0]
        if f"def {fault.function}(" in told:
            code = _from_def(told, fault, 0)
        for step in self._steps:
            if step.tool == "read_file" and step.arguments.get("path") == fault.path:
                code = _from_def(bare(step.result), fault, step.arguments.get("start_line", 1)) or code
            for edit in _edits_of(step):
                if code is not None and edit["path"] == fault.path and edit["old"] in code:
                    code = code.replace(edit["old"], edit["new"], 1)
        return code

    # --- changing

    def _right(self) -> Edits:
        """Return the edits after which everything is right."""
        return [
            *self._back(),
            *self._towards([(f, place, place.right) for f in self._faults for place in f.places]),
        ]

    def _towards(self, wanted: Sequence[Wanted]) -> Edits:
        """Return the edits that bring places to what is wanted of them, each quoted from the function's `def` on."""
        edits: Edits = []
        codes = {fault.name: self._code(fault) or "" for fault, _, _ in wanted}
        for fault, place, text in wanted:
            code = codes[fault.name]
            texts = (place.right, place.wrong, *place.others, _broken(place))
            now = next((t for t in texts if f"\n{t}" in f"\n{code}"), None)
            if now is None or now == text:
                continue
            start = f"\n{code}".index(f"\n{now}")
            edits.append({"path": fault.path, "old": code[: start + len(now)], "new": code[:start] + text})
            codes[fault.name] = code[:start] + text + code[start + len(now) :]
        return edits

    def _back(self) -> Edits:
        """Return the edits that take back what was changed in the wrong place."""
        net: dict[tuple[str, str], str] = {}
        for edit in self._own_edits():
            if any(f.path == edit["path"] and f"def {f.function}(" in edit["old"] for f in self._faults):
                continue
            first = next(
                (key for key, new in net.items() if key[0] == edit["path"] and new == edit["old"]), None
            )
            net[first or (edit["path"], edit["old"])] = edit["new"]
        return [{"path": path, "old": new, "new": old} for (path, old), new in net.items() if new != old]

    def _own_edits(self) -> Edits:
        return [edit for step in self._steps for edit in _edits_of(step)]

    def _wrong(self) -> Edits:
        """Return the edits of an answer that errs."""
        draw = self._turn.draw
        if not self._faults:
            return []
        all_right = [(fault, place, place.right) for fault in self._faults for place in fault.places]
        kinds = ["wrong edit", "wrong file", "syntax error", "done"]
        if len(all_right) > 1:
            kinds.append("forgot a place")
        match draw.choice(kinds):
            case "wrong edit":
                n = draw.randrange(len(all_right))
                fault, place, _ = all_right[n]
                all_right[n] = (fault, place, draw.choice(place.others or (_broken(place),)))
                return self._towards(all_right)
            case "wrong file":
                other = self._turn.elsewhere(self._faults[0])
                place = other.places[0]
                return [{"path": other.path, "old": place.right, "new": place.wrong}]
            case "syntax error":
                fault, place, _ = all_right[0]
                return self._towards([(fault, place, _broken(place))])
            case "forgot a place":
                return self._towards(all_right[:-1])
            case _:
                return []

    def _candidates(self, n_wanted: int) -> Call:
        made: list[Edits] = []
        for _ in range(n_wanted):
            edits = self._wrong() if self._turn.errs() else self._right()
            if edits and edits not in made:
                made.append(edits)
        return "try_edits", {"candidates": made or [self._right() or self._wrong()], "check": self._check()}

    def _check(self) -> str:
        found = re.search(r"^Checks: (pytest[^,\n]*)", self._talk.opening, re.MULTILINE)
        return found[1] if found else "pytest"

    def _made(self, step: Step) -> int | None:
        """Return the number of the candidate that a call of `try_edits` made."""
        try:
            return cast("int | None", json.loads(step.result).get("made"))
        except ValueError:
            return None

    def _n_tries(self) -> int:
        """Return how often candidates were tried since the last feedback."""
        backwards = [step.tool for step in reversed(self._steps)]
        return backwards[: backwards.index("finish")].count("try_edits") if "finish" in backwards else 0

    def _sticks(self) -> bool:
        """Return whether the model repeats itself, because feedback says nothing new."""
        said = [_gist(step.result) for step in self._steps if step.tool == "finish" and step.result]
        stickiness = max((fault.stickiness for fault in self._faults), default=0.0)
        last = self._steps[-1] if self._steps else None
        told = last is not None and last.tool == "finish" and said.count(said[-1]) > 1
        return told and self._turn.draw.random() < stickiness


def bare(numbered: str) -> str:
    """Return what `read_file` gave without the numbers of the lines."""
    return "".join(line.partition("\t")[2] + "\n" for line in numbered.splitlines())


def _from_def(text: str, fault: Fault, start: int) -> str | None:
    """Return what was read of a file from the `def` of a function on, None where it is not in it.

    Methods of several classes may bear the name: the one nearest to where it is known to stand is meant. `start`
    is the number of the first line, 0 where it is not known.
    """
    lines = text.splitlines(keepends=True)
    found = [n for n, line in enumerate(lines) if line.lstrip().startswith(f"def {fault.function}(")]
    if not found:
        return None
    first = min(found, key=lambda n: abs(n + start - fault.line)) if start else found[0]
    return "".join(lines[first:])


def last_changed(place: Place) -> str:
    """Return the line of a place that is right where it was wrong."""
    return place.right.splitlines()[-1]


def _broken(place: Place) -> str:
    """Return a place with a syntax error."""
    return place.right.rstrip("\n") + " ((\n"


def _edits_of(step: Step) -> Edits:
    """Return the edits that a step has made."""
    if step.tool == "edit_file" and not step.result.startswith("error"):
        return [step.arguments]
    if step.tool == "try_edits":
        try:
            made = json.loads(step.result).get("made")
        except ValueError:
            return []
        return [] if made is None else step.arguments["candidates"][made]
    return []


def _gist(feedback: str) -> str:
    return re.sub(r"\d+(\.\d+)?", "#", feedback)


def table(faults: Iterable[Fault]) -> str:
    """Return the solution table as the process reads it."""
    return json.dumps([asdict(fault) for fault in faults])


async def serve(place: Path) -> None:
    """Serve the model that knows the table in a file until cancelled, after printing the port."""
    entries = cast("list[Body]", json.loads(await anyio.Path(place).read_text(encoding="utf-8")))
    async with Provider(Simulated([Fault.read(entry) for entry in entries]).answer) as provider:
        print(provider.port, flush=True)
        await anyio.sleep_forever()


if __name__ == "__main__":
    anyio.run(serve, Path(sys.argv[1]))
