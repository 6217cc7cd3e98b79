"""Plays a scenario on real files, real checks and a real journal; only the model and the editor are made up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import anyio
from anyio.abc import TaskGroup

from podium.adapters.checks.runner import LocalChecks
from podium.adapters.checks.sandbox import detect
from podium.adapters.disk_workspace import DiskWorkspace
from podium.adapters.journal import SqliteJournal
from podium.adapters.knowledge_file import KnowledgeFile
from podium.adapters.scripted_model import Reply, ScriptedModel, calls, says
from podium.config import Settings, combined
from podium.domain.changes import FileEdit
from podium.domain.events import Apply, Event, MissionKind, QuestionAsked, Record
from podium.domain.messages import Json
from podium.domain.mission import MissionState
from podium.domain.mission_request import MissionRequest
from podium.domain.plan import Task
from podium.domain.plan_text import parse
from podium.domain.plan_text import rendered as rendered_plan
from podium.domain.steering import When
from podium.engine.conductor import Conductor
from podium.engine.services import Services
from podium.engine.tree import MergeConflict, merged_content
from podium.errors import ModelUnavailable
from podium.ports import ContextOverflow, Delivery, ModelAnswer, ModelFault, ModelRequest
from tests.engine.event_lines import Names, event_lines
from tests.engine.scenario import Scenario, files_below, rendered, write

TIMEOUT_S = 100.0
_ADVISES = "commander asked"


@dataclass(slots=True)
class Played:
    """What a scenario gave. `live` are the states as they were shown, by mission."""

    model: "StagedModel"
    records: list[Record] = field(default_factory=list[Record])
    live: dict[str, MissionState] = field(default_factory=dict[str, MissionState])
    reopened: dict[str, MissionState] = field(default_factory=dict[str, MissionState])
    journalled: dict[str, Sequence[Record]] = field(default_factory=dict[str, Sequence[Record]])
    left_over: list[str] = field(default_factory=list[str])
    expected: str = ""

    def events(self, mission_id: str) -> list[Event]:
        """Return the events of one mission, in order."""
        return [record.event for record in self.records if record.mission_id == mission_id]


class DiskFrontEnd:
    """An editor that saves at once: edits are merged with the files and written."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def deliver(self, label: str, edits: Sequence[FileEdit]) -> Delivery:
        """Write all edits, or none."""
        try:
            held = {edit.path: self._read(edit.path) for edit in edits}
            merged = {edit.path: merged_content(edit, held[edit.path]) for edit in edits}
        except MergeConflict as conflict:
            return Delivery("refused", f"{label}: the lines were changed meanwhile in {conflict}")
        for path, content in merged.items():
            place = self._root / path
            if content is None:
                place.unlink(missing_ok=True)
            else:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content)
        return Delivery("disk", edits=tuple(FileEdit(p, held[p], merged[p]) for p in merged))

    def _read(self, path: str) -> bytes | None:
        place = self._root / path
        return place.read_bytes() if place.exists() else None


class StagedModel:
    """A scripted model whose replies may also hang, or wait for other agents or for events."""

    def __init__(self, replies: Mapping[str, Sequence[Json]]) -> None:
        self.script = ScriptedModel({who: [_reply(r) for r in rs] for who, rs in replies.items()}, _speaker)
        self._advises = _ADVISES in replies
        self._waiting = 0
        self._met = anyio.Event()
        self._seen: list[str] = []
        self._news = anyio.Event()

    def see(self, line: str) -> None:
        """Hear of an event."""
        self._seen.append(line)
        self._news.set()
        self._news = anyio.Event()

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        """Return the next reply of who asks."""
        if request.facts.get("asked") and not self._advises:
            return calls(("answer", {}))
        answer = await self.script.complete(request)
        if answer.finish_reason == "hangs":
            await anyio.sleep_forever()
        if answer.finish_reason.startswith("meets "):
            await self._meet(int(answer.finish_reason.removeprefix("meets ")))
        while answer.finish_reason.startswith("after ") and not self._happened(answer.finish_reason[6:]):
            await self._news.wait()
        return answer

    def _happened(self, beginning: str) -> bool:
        return any(line.startswith(beginning) for line in self._seen)

    async def _meet(self, n_agents: int) -> None:
        met = self._met
        self._waiting += 1
        if self._waiting == n_agents:
            met.set()
            self._waiting, self._met = 0, anyio.Event()
        await met.wait()


def _speaker(request: ModelRequest) -> str:
    if request.facts.get("asked"):
        return _ADVISES
    task = request.facts.get("task")
    return f"{request.role} {task['id']}" if isinstance(task, dict) else request.role


def _reply(value: Json) -> Reply:  # noqa: C901, PLR0911 - one line for each form
    match value:
        case str():
            return says(value)
        case [str(name), dict() | str() as arguments]:
            return calls((name, arguments))
        case list():
            return calls(*(cast("tuple[str, dict[str, Json]]", tuple(cast("list[Json]", v))) for v in value))
        case {"finish": str(reason)}:
            return replace(_answer(value), finish_reason=reason)
        case {"fault": str(text)}:
            return ModelFault(text, 0.0)
        case {"overflow": int(window)}:
            return ContextOverflow("The prompt is too long.", window=window or None)
        case {"unavailable": str(text)}:
            return ModelUnavailable(text)
        case {"defect": str(text)}:
            return _defect(text)
        case {"hangs": True}:
            return replace(says(""), finish_reason="hangs")
        case {"after": str(line), "reply": reply}:
            answer = _reply(reply)
            assert isinstance(answer, ModelAnswer)
            return replace(answer, finish_reason=f"after {line}")
        case {"meets": int(n), "reply": reply}:
            answer = _reply(reply)
            assert isinstance(answer, ModelAnswer)
            return replace(answer, finish_reason=f"meets {n}")
        case _:
            raise AssertionError(f"no reply: {value!r}")


def _answer(value: Mapping[str, Json]) -> ModelAnswer:
    match value:
        case {"calls": [str(name), str(arguments)]}:
            return calls((name, arguments))
        case _:
            return says(str(value["says"]))


def _defect(text: str) -> Reply:
    def fail(_: ModelRequest) -> ModelAnswer:
        raise RuntimeError(text)

    return fail


class _User:
    """The user of a scenario: answers questions, and acts when something happens."""

    def __init__(self, scenario: Scenario, root: Path, tasks: TaskGroup, model: StagedModel) -> None:
        self.leaves = anyio.Event()
        self.answers = [act for act in scenario.user if "asked" in act]
        self.acts = [act for act in scenario.user if "at" in act]
        self.conductor: Conductor
        self._root = root
        self._tasks = tasks
        self._model = model
        self._settings = _settings(scenario.goals[-1])
        self._names: dict[str, Names] = {}

    def see(self, record: Record) -> None:
        """React to an event; what takes time happens beside it."""
        _, line = self._names.setdefault(record.mission_id, Names()).line(record.event)
        self._model.see(line)
        if isinstance(record.event, QuestionAsked):
            answer = self.answers.pop(0) if self.answers else {"asked": "", "answer": "nobody answers"}
            assert str(answer["asked"]) in record.event.text, f"{answer} for {record.event.text!r}"
            if "after" in answer:
                self.acts.append({**answer, "at": answer["after"], "question": record.event.question_id})
            elif answer["answer"] is not None:
                self._tasks.start_soon(
                    self.conductor.orders.answer, record.event.question_id, str(answer["answer"])
                )
        now = {str(act["at"]): act for act in reversed(self.acts) if line.startswith(str(act["at"]))}
        for act in now.values():
            self.acts.remove(act)
            self._act(act, record.mission_id)

    def _act(self, act: dict[str, Json], mission_id: str) -> None:  # noqa: C901 - one case for each act
        for path, text in cast("dict[str, str]", act.get("write", {})).items():
            write(self._root / path, text)
        if decision := next((word for word in ("accept", "reject") if word in act), None):
            self._tasks.start_soon(self._decide, decision, act, mission_id)
        if "question" in act:
            self._tasks.start_soon(self.conductor.orders.answer, str(act["question"]), str(act["answer"]))
        if "plan" in act:
            self._tasks.start_soon(self._edit_plan, cast("list[list[str]]", act["plan"]), mission_id)
        if "steer" in act:
            task_id, when = str(act.get("task", "")), cast("When", act.get("when", "next"))
            self._tasks.start_soon(self.conductor.orders.steer, mission_id, str(act["steer"]), task_id, when)
        if act.get("pause"):
            self._tasks.start_soon(self.conductor.orders.pause, mission_id)
        if act.get("resume"):
            self._tasks.start_soon(self.conductor.orders.resume, mission_id, self._settings)
        if "undo" in act:
            self._tasks.start_soon(self.conductor.undo, mission_id, str(act["undo"]))
        if act.get("cancel"):
            self._tasks.start_soon(self.conductor.orders.cancel, mission_id)
        if act.get("leave"):
            self.leaves.set()

    async def _edit_plan(self, replacements: list[list[str]], mission_id: str) -> None:
        """Change the plan document as it is now, and save it."""
        text = shown = rendered_plan(self.conductor.state(mission_id))
        for old, new in replacements:
            assert text.count(old) == 1, f"{old!r} is not there once:\n{text}"
            text = text.replace(old, new)
        edit = await self.conductor.orders.edit_plan(mission_id, parse(shown), parse(text))
        assert edit.problems == ()

    async def _decide(self, decision: str, act: dict[str, Json], mission_id: str) -> None:
        """Accept or reject the proposal with this label, or some of its hunks."""
        proposals = self.conductor.state(mission_id).proposals.values()
        proposal = next(p for p in proposals if p.label == act[decision] and p.state == "waiting")
        desk = self.conductor.proposals
        decide = desk.accept if decision == "accept" else desk.reject
        await decide(proposal.id, cast("list[int] | None", act.get("hunks")), str(act.get("reason", "")))


async def play(scenario: Scenario, root: Path, state: Path) -> Played:
    """Return what happens in a scenario whose files are laid out in `root`, the journal below `state`.

    Both are folders by their real paths.

    Raises:
        TimeoutError: it takes longer than `TIMEOUT_S`, because something waits for ever.
    """
    scenario.lay_out(root)
    played = Played(StagedModel(scenario.replies))
    settings = _settings(scenario.goals[0])
    checks = LocalChecks(root, settings.checks, detect(settings.sandbox), parallel=2)
    try:
        with anyio.fail_after(TIMEOUT_S):
            async with await SqliteJournal.open(root, state=state) as journal:
                services = Services(
                    played.model,
                    DiskWorkspace(root),
                    checks,
                    journal,
                    DiskFrontEnd(root),
                    KnowledgeFile(root),
                )
                await _perform(scenario, root, services, played)
                async with Conductor(services, lambda _: False) as again:
                    played.reopened = {
                        mission_id: await again.whole(mission_id) for mission_id in played.live
                    }
                for mission_id in played.reopened:
                    played.journalled[mission_id] = await journal.read(mission_id)
    finally:
        await checks.aclose()
    missions = [event_lines(played.events(mission_id), str(root)) for mission_id in played.live]
    played.expected = rendered(missions, scenario.files, files_below(root))
    return played


async def _perform(scenario: Scenario, root: Path, services: Services, played: Played) -> None:
    async with anyio.create_task_group() as tasks:
        user = _User(scenario, root, tasks, played.model)
        async with Conductor(services, lambda _: True) as conductor:
            _follow(conductor, user, played)
            for goal in scenario.goals:
                mission_id = await conductor.start(_request(goal, played.live), _settings(goal))
                await _until_over(conductor, mission_id, user.leaves)
        if user.leaves.is_set():
            async with Conductor(services, lambda _: True) as conductor:
                _follow(conductor, user, played)
                for state in conductor.interrupted():
                    await conductor.orders.resume(state.id, _settings(scenario.goals[-1]))
                    await conductor.wait(state.id, None)
        played.left_over = [str(act) for act in (*user.answers, *user.acts)]


def _follow(conductor: Conductor, user: _User, played: Played) -> None:
    def keep(record: Record) -> None:
        played.records.append(record)
        played.live[record.mission_id] = conductor.state(record.mission_id)
        user.see(record)

    user.conductor = conductor
    conductor.subscribe(keep)


def _settings(goal: dict[str, Json]) -> Settings:
    return combined([("the scenario", cast("dict[str, Json]", goal.get("settings", {})))])


async def _until_over(conductor: Conductor, mission_id: str, leaves: anyio.Event) -> None:
    async with anyio.create_task_group() as either:

        async def ended() -> None:
            await conductor.wait(mission_id, None)
            either.cancel_scope.cancel()

        either.start_soon(ended)
        await leaves.wait()
        either.cancel_scope.cancel()


def _request(goal: dict[str, Json], missions: Mapping[str, MissionState]) -> MissionRequest:
    findings = [finding.id for mission in missions.values() for finding in mission.findings.values()]
    tasks = cast("list[dict[str, str]]", goal.get("tasks", []))
    return MissionRequest(
        cast("MissionKind", goal.get("kind", "task")),
        str(goal["goal"]),
        cast("Apply", goal.get("apply", "verified")),
        text=str(goal.get("text", "")),
        tasks=tuple(
            Task(t["id"], t["title"], t.get("instructions", ""), tuple(t.get("files", "").split()))
            for t in tasks
        ),
        auto=bool(goal.get("auto")),
        finding_ids=tuple(findings) if goal.get("fixes") == "all findings" else (),
    )
