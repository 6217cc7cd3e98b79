# ruff: noqa: ARG002 - what the ports pass, and nobody needs here
"""A world for missions in which chance decides, from one seed: models, checks, an editor and a user.

Nothing in it leaves the process or takes real time, so that thousands of schedules can be seen to their end.
"""

import json
import random
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import anyio.lowlevel

from podium.adapters.scripted_model import calls, says
from podium.domain.changes import FileEdit
from podium.domain.checks import Candidate, Check, CheckResult, Failure
from podium.domain.events import Event, Record
from podium.domain.messages import Json, Usage
from podium.errors import ModelUnavailable
from podium.ports import Delivery, Known, ModelAnswer, ModelFault, ModelRequest

PATHS = tuple(f"f{n}.txt" for n in range(6))


@dataclass(slots=True)
class Pause:
    """Whether the mission is paused, as its user sees it: then nothing may begin."""

    lasts: bool = False

    def begin(self, what: str) -> None:
        """Hear that something begins."""
        assert not self.lasts, f"{what} begins in a pause"


@dataclass(slots=True)
class Files:
    """The user's files, and the front end that changes them."""

    contents: dict[str, bytes] = field(default_factory=lambda: dict.fromkeys(PATHS, b"wrong\n"))
    root: Path = Path("/made-up")
    pause: Pause = field(default_factory=Pause)

    def read(self, path: str) -> bytes | None:
        return self.contents.get(path)

    read_saved = read

    def permissions(self, path: str) -> int | None:
        assert path
        return None

    def unsaved(self) -> Mapping[str, bytes]:
        return {}

    def paths(self) -> Sequence[str]:
        return sorted(self.contents)

    async def working_changes(self) -> Sequence[FileEdit]:
        return ()

    async def deliver(self, label: str, edits: Sequence[FileEdit]) -> Delivery:
        self.pause.begin("a delivery")
        await anyio.sleep(0.01)
        self.contents |= {edit.path: edit.after for edit in edits if edit.after is not None}
        return Delivery("disk", edits=tuple(edits))


@dataclass(slots=True)
class MemoryJournal:
    """A journal that forgets with its process; each write takes `lag_s`."""

    records: list[Record] = field(default_factory=list[Record])
    lag_s: float = 0.001

    async def append(
        self, mission_id: str, events: Sequence[Event], after: int | None = None
    ) -> Sequence[Record]:
        await anyio.sleep(self.lag_s)
        number = sum(record.mission_id == mission_id for record in self.records)
        if after not in {None, number}:
            return ()
        at = 1 + anyio.current_time()
        new = [Record(mission_id, number + n, at, event) for n, event in enumerate(events, 1)]
        self.records += new
        return new

    async def read(self, mission_id: str, after: int = 0) -> Sequence[Record]:
        return [r for r in self.records if r.mission_id == mission_id and r.seq > after]

    async def take_in(self, records: Sequence[Record]) -> bool:
        raise NotImplementedError

    async def missions(self) -> Mapping[str, int]:
        return {record.mission_id: record.seq for record in self.records}

    async def summaries(self, edition: str) -> Mapping[str, str]:
        return {}

    async def summarize(self, edition: str, summaries: Mapping[str, tuple[int, str]]) -> None:
        return

    async def drop(self, rewritten: Sequence[Record], mission_ids: Sequence[str]) -> None:
        raise NotImplementedError

    @asynccontextmanager
    async def deciding(self) -> AsyncGenerator[None]:
        yield


@dataclass(slots=True)
class Page:
    """What is known: nothing, until somebody learns something."""

    text: str = ""

    async def read(self) -> str:
        return self.text

    async def update(self, change: Callable[[str], str]) -> None:
        self.text = change(self.text)


@dataclass(slots=True)
class Checks:
    """One check, green where the tree holds nothing wrong; now and then it is red all the same."""

    chance: random.Random
    confined: bool = True
    pause: Pause = field(default_factory=Pause)

    def found(self) -> Sequence[Check]:
        return (Check("check", ("check",)),)

    async def run(
        self, candidate: Candidate, check: Check, targets: Sequence[str] = (), known: Known = lambda _: None
    ) -> CheckResult:
        await anyio.sleep(0.001)
        tree_hash = repr(sorted(candidate.overlay.items()))
        if result := known(tree_hash):
            return result
        await anyio.lowlevel.checkpoint_if_cancelled()  # a pause may have come in this very moment
        self.pause.begin("a check")
        await anyio.sleep(self.chance.uniform(0.01, 3))
        bad = sorted(path for path, content in candidate.overlay.items() if content and b"bad" in content)
        failures = [Failure("it is bad", path=path) for path in bad]
        if self.chance.random() < 0.1:
            failures.append(Failure(self.chance.choice(("flaky", "odd"))))
        return CheckResult("check", ("check",), int(bool(failures)), 1.0, "", tree_hash, tuple(failures))

    async def run_command(self, candidate: Candidate, command: str) -> CheckResult:
        raise AssertionError("nobody runs a command here")

    async def try_out(
        self,
        candidate: Candidate,
        variants: Sequence[Mapping[str, bytes]],
        check: Check,
        targets: Sequence[str],
        tolerated: Collection[str] = (),
    ) -> Sequence[CheckResult]:
        raise AssertionError("nobody tries anything out here")


@dataclass(slots=True)
class Models:
    """Models that do anything that they are allowed to, in any order, and sometimes fail."""

    chance: random.Random
    n_tasks: int
    in_flight: int = 0
    most_in_flight: int = 0
    asked_tokens: int = 0
    n_added: int = 0
    pause: Pause = field(default_factory=Pause)

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        self.pause.begin("a model request")
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        fate = self.chance.random()
        n_chars = len(json.dumps([request.messages, request.tools]))
        usage = Usage(-(-n_chars // 4), self.chance.randint(0, 1000), cost_usd=0.0)
        if fate >= 0.021:
            self.asked_tokens += usage.prompt_tokens + usage.completion_tokens
        try:
            await anyio.sleep(self.chance.uniform(0.01, 5))
        except anyio.get_cancelled_exc_class():
            self.asked_tokens -= usage.completion_tokens if fate >= 0.021 else 0
            raise
        finally:
            self.in_flight -= 1
        if fate < 0.02:
            raise ModelFault("The provider is busy.", self.chance.uniform(0, 2))
        if fate < 0.021:
            raise ModelUnavailable("There is no key.")
        answer = says("Well.") if fate < 0.04 else calls(*self._decide(request))
        message = {**answer.message}
        if isinstance(made := message.get("tool_calls"), list):
            numbered: list[Json] = [
                {**call, "id": f"{request.request_id}-{n}"}
                for n, call in enumerate(made)
                if isinstance(call, dict)
            ]
            message["tool_calls"] = numbered
        return ModelAnswer(message, answer.finish_reason, usage)

    def _decide(self, request: ModelRequest) -> list[tuple[str, Mapping[str, Json]]]:
        match request.role:
            case "planner":
                return [("submit_plan", {"tasks": self._plan()})]
            case "searcher":
                return [("submit_context", {"summary": "Here.", "places": []})]
            case "worker":
                return self._work(request)
            case "reviewer":
                return [("submit_review", self._review())]
            case _ if "asked" in request.facts:
                return [self._advise(request)]
            case _:
                return [self._command()]

    def _plan(self) -> list[Json]:
        before: dict[str, set[str]] = {}
        tasks = [self._task(f"t{n}", before) for n in range(self.n_tasks)]
        self.chance.shuffle(tasks)
        return tasks

    def _task(self, name: str, before: dict[str, set[str]]) -> Json:
        """Return a task that needs some of those `before` it, and all that change one of its files."""
        files = self.chance.sample(PATHS, self.chance.choice((0, 1, 1, 1, 2)))
        needs: list[Json] = [
            other for other, theirs in before.items() if theirs & {*files} or self.chance.random() < 0.3
        ]
        before[name] = {*files}
        checks: list[Json] = ["check"] * self.chance.randint(0, 1)
        return {
            "id": name,
            "title": f"Do {name}",
            "instructions": "Do it.",
            "files": [*files],
            "needs": needs,
            "checks": checks,
        }

    def _work(self, request: ModelRequest) -> list[tuple[str, Mapping[str, Json]]]:
        task = request.facts["task"]
        assert isinstance(task, dict)
        own = task["files"]
        assert isinstance(own, list)
        path = str(self.chance.choice(own or [*PATHS]))
        if self.chance.random() < 0.15:
            path = self.chance.choice(PATHS)
        word = self.chance.choice(("right", "right", "right", "bad"))
        write = ("write_file", {"path": path, "content": f"{word} {self.chance.random()}\n"})
        done: tuple[str, Mapping[str, Json]] = ("finish", {"summary": "Done."})
        match self.chance.randint(0, 9):
            case 0:
                return [("ask_user", {"question": "Which?"})]
            case 1 | 2:
                return [write]
            case 3:
                return [done]
            case _:
                return [write, done]

    def _review(self) -> Mapping[str, Json]:
        if self.chance.random() < 0.75:
            return {"verdict": "approve"}
        code = self.chance.choice(("one", "two"))
        finding: Json = {
            "path": PATHS[0],
            "quote": "",
            "severity": "error",
            "code": code,
            "message": f"It is {code}.",
        }
        return {"verdict": "reject", "findings": [finding]}

    def _advise(self, request: ModelRequest) -> tuple[str, Mapping[str, Json]]:
        task = request.facts["task"]
        assert isinstance(task, dict)
        match self.chance.randint(0, 5):
            case 0 | 1:
                return "answer", {}
            case 2:
                return "change_plan", {
                    "drop": {str(task["id"]): "It is not needed."},
                    "reason": "Less will do.",
                }
            case 3:
                self.n_added += 1
                added = self._task(f"new{self.n_added}", {})
                needs: Json = {str(task["id"]): [f"new{self.n_added}"]}
                return "change_plan", {"add": [added], "needs": needs, "reason": "First things first."}
            case _:
                return "answer", {"text": "Try the other one."}

    def _command(self) -> tuple[str, Mapping[str, Json]]:
        if self.chance.random() < 0.7:
            return "sign_off", {"summary": "All is done."}
        self.n_added += 1
        return "change_plan", {"add": [self._task(f"new{self.n_added}", {})], "reason": "More is needed."}
