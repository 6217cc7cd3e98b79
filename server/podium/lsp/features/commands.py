"""`workspace/executeCommand`: every command of the contract, validated, in a few lines each.

Commands that start work return the mission's id at once.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import anyio.to_thread
from lsprotocol import types
from pydantic import ValidationError

from podium import __version__
from podium.config import Settings
from podium.domain.findings import Finding
from podium.domain.messages import Json
from podium.domain.mission import MissionState
from podium.domain.mission_file import n_masked
from podium.domain.mission_request import MissionRequest
from podium.domain.plan import Task
from podium.engine.briefs import diff_of
from podium.engine.conductor import Conductor
from podium.errors import ToolError, UserError
from podium.lsp import mission_files, views
from podium.lsp.documents import offsets
from podium.lsp.features.progress import Progress
from podium.lsp.messages import InvalidParams
from podium.lsp.protocol import (
    COMMANDS,
    AgentList,
    AnswerParams,
    AnswerReceipt,
    Command,
    DecideParams,
    DecisionReceipt,
    DiagnosticParam,
    DoctorLine,
    DoctorReport,
    ExportParams,
    ExportResult,
    FixParams,
    ImportParams,
    MissionInfo,
    MissionList,
    MissionParams,
    MissionRef,
    MissionStatus,
    NoParams,
    PlanParams,
    Range,
    ReviewParams,
    SearchParams,
    SteerParams,
    SteerReceipt,
    TaskParams,
    UndoParams,
    UndoResult,
    UnreadableMission,
    WaitParams,
    Wire,
)
from podium.lsp.session import Session
from podium.lsp.wire import invalid_fields

_log = logging.getLogger(__name__)

P = TypeVar("P", bound=Wire)


class Commands:
    """Carries out the commands of one session."""

    def __init__(self, session: Session, progress: Progress) -> None:
        self._session = session
        self._progress = progress

    def register(self) -> None:
        """Make every command of the contract known to the host."""
        handlers: Mapping[str, Callable[[Any, types.ExecuteCommandParams], Awaitable[Wire]]] = {
            "podium.task": self.task,
            "podium.auto": self.auto,
            "podium.plan": self.plan,
            "podium.review": self.review,
            "podium.fix": self.fix,
            "podium.search": self.search,
            "podium.wait": self.wait,
            "podium.missions": self.missions,
            "podium.show": self.show,
            "podium.agents": self.agents,
            "podium.steer": self.steer,
            "podium.answer": self.answer,
            "podium.accept": self.accept,
            "podium.reject": self.reject,
            "podium.pause": self.pause,
            "podium.resume": self.resume,
            "podium.cancel": self.cancel,
            "podium.undo": self.undo,
            "podium.export": self.export,
            "podium.import": self.take_in,
            "podium.doctor": self.doctor,
        }
        for name, command in COMMANDS.items():
            self._session.host.command(name, _validated(command, handlers[name]))

    # --- missions -----------------------------------------------------------------------------------

    async def task(self, params: TaskParams, request: types.ExecuteCommandParams) -> MissionRef:
        """Start working towards a goal."""
        return await self._reach(params, request, auto=False)

    async def auto(self, params: TaskParams, request: types.ExecuteCommandParams) -> MissionRef:
        """Start working towards a goal without asking the user anything."""
        return await self._reach(params, request, auto=True)

    async def _reach(
        self, params: TaskParams, request: types.ExecuteCommandParams, *, auto: bool
    ) -> MissionRef:
        overrides: dict[str, Json] = {}
        if params.model:
            overrides["model"] = params.model
        if params.budget:
            overrides["budget"] = params.budget.model_dump(exclude_none=True)
        settings = self._session.loaded().settings.with_overrides(overrides)
        apply, files = params.apply or settings.apply, self._paths(params.files)
        mission = MissionRequest("task", params.goal, apply, files, auto=auto, overrides=overrides)
        return await self._start(mission, request, settings)

    async def plan(self, params: PlanParams, request: types.ExecuteCommandParams) -> MissionRef:
        """Start planning."""
        return await self._start(MissionRequest("plan", params.goal), request)

    async def review(self, params: ReviewParams, request: types.ExecuteCommandParams) -> MissionRef:
        """Start a review."""
        if params.range and not params.uri:
            raise InvalidParams("uri: needed with range")
        if params.uri:
            path = await self._readable(params.uri)
            text = await self._excerpt(path, params.uri, params.range) if params.range else params.text or ""
            goal = f"Review {path}" + (" (the lines below)." if params.range else ".")
            return await self._start(MissionRequest("review", goal, files=(path,), text=text), request)
        if params.changes:
            workspace = (await self._session.opened()).services.workspace
            edits = await workspace.working_changes()
            if not edits:
                raise UserError("There are no changes to review.")
            goal, files = "Review the working changes.", tuple(edit.path for edit in edits)
            return await self._start(
                MissionRequest("review", goal, files=files, text=diff_of(edits)), request
            )
        goal = "Review this." if params.text else "Review the project."
        return await self._start(MissionRequest("review", goal, text=params.text or ""), request)

    async def fix(self, params: FixParams, request: types.ExecuteCommandParams) -> MissionRef:
        """Start fixing findings, diagnostics or an error message."""
        if params.diagnostics and not params.uri:
            raise InvalidParams("uri: needed with diagnostics")
        if not (params.finding_ids or params.diagnostics or params.text):
            raise InvalidParams("findingIds, diagnostics or text: one of them is needed")
        conductor = await self._caught_up()
        findings = [conductor.owner_of(f).findings[f] for f in params.finding_ids]
        problems = [(f.path, _described(f)) for f in findings]
        if params.uri:
            path = await self._readable(params.uri)
            problems += [(path, _reported(d)) for d in params.diagnostics]
        tasks = _tasks_for(problems, params.text or "")
        first = problems[0][1] if problems else (params.text or "").strip().splitlines()[0]
        goal = f"Fix: {first}" if len(problems) < 2 else f"Fix {len(problems)} problems."
        mission = MissionRequest(
            "fix", goal, text=params.text or "", tasks=tasks, finding_ids=tuple(params.finding_ids)
        )
        return await self._start(mission, request)

    async def search(self, params: SearchParams, request: types.ExecuteCommandParams) -> MissionRef:
        """Start a search."""
        return await self._start(MissionRequest("search", params.pattern), request)

    async def _start(
        self, mission: MissionRequest, request: types.ExecuteCommandParams, settings: Settings | None = None
    ) -> MissionRef:
        conductor = await self._session.conductor()
        if settings is None:
            settings = self._session.loaded().settings
            mission = replace(mission, apply=settings.apply)
        mission_id = await conductor.start(mission, settings)
        self._adopt(mission_id, request)
        return MissionRef(mission_id=mission_id)

    def _adopt(self, mission_id: str, request: types.ExecuteCommandParams) -> None:
        if request.work_done_token is not None:
            self._progress.adopt(mission_id, request.work_done_token)

    async def wait(self, params: WaitParams, _: types.ExecuteCommandParams) -> MissionInfo:
        """Return the mission when it has ended, or as it is when the time is over."""
        conductor = await self._session.conductor()
        return self._info(conductor, await conductor.wait(params.mission_id, params.timeout_s))

    async def cancel(self, params: MissionParams, _: types.ExecuteCommandParams) -> MissionStatus:
        """End a mission."""
        conductor = await self._session.conductor()
        return views.mission_status(await conductor.orders.cancel(params.mission_id))

    async def pause(self, params: MissionParams, _: types.ExecuteCommandParams) -> MissionStatus:
        """Let nothing of a mission begin any more."""
        conductor = await self._session.conductor()
        return views.mission_status(await conductor.orders.pause(params.mission_id))

    async def resume(self, params: MissionParams, request: types.ExecuteCommandParams) -> MissionStatus:
        """Let a paused or interrupted mission go on, or carry out a plan."""
        conductor = await self._session.conductor()
        state = await conductor.orders.resume(params.mission_id, self._session.loaded().settings)
        self._adopt(state.id, request)
        return views.mission_status(state)

    async def steer(self, params: SteerParams, _: types.ExecuteCommandParams) -> SteerReceipt:
        """Say something to a mission's agents."""
        conductor = await self._session.conductor()
        task_id = params.task_id or ""
        steer = await conductor.orders.steer(params.mission_id, params.message, task_id, params.when)
        return views.steer_receipt(conductor.state(params.mission_id), steer)

    async def answer(self, params: AnswerParams, _: types.ExecuteCommandParams) -> AnswerReceipt:
        """Answer a question."""
        conductor = await self._session.conductor()
        state = await conductor.orders.answer(params.question_id, params.answer)
        return AnswerReceipt(question_id=params.question_id, mission_id=state.id)

    async def accept(self, params: DecideParams, _: types.ExecuteCommandParams) -> DecisionReceipt:
        """Bring what waits for review into the user's files."""
        proposals = (await self._session.conductor()).proposals
        decision = await proposals.accept(params.proposal_id, params.hunks, params.reason)
        return views.decision_receipt(decision)

    async def reject(self, params: DecideParams, _: types.ExecuteCommandParams) -> DecisionReceipt:
        """Put what waits for review aside."""
        proposals = (await self._session.conductor()).proposals
        decision = await proposals.reject(params.proposal_id, params.hunks, params.reason)
        return views.decision_receipt(decision)

    async def undo(self, params: UndoParams, _: types.ExecuteCommandParams) -> UndoResult:
        """Undo what a mission or a task applied, or redo it."""
        conductor = await self._session.conductor()
        return views.undo_result(await conductor.undo(params.mission_id, params.task_id or ""))

    # --- looking ------------------------------------------------------------------------------------

    async def missions(self, _params: NoParams, _: types.ExecuteCommandParams) -> MissionList:
        """List the missions of this workspace."""
        conductor = await self._session.conductor()
        found = await conductor.in_short()
        lines = (views.mission_line(s, elsewhere=conductor.elsewhere(s)) for s in found)
        unreadable = (
            UnreadableMission(mission_id=mission_id, reason=reason)
            for mission_id, reason in conductor.unreadable().items()
        )
        return MissionList(missions=tuple(lines), unreadable=tuple(unreadable))

    async def show(self, params: MissionParams, _: types.ExecuteCommandParams) -> MissionInfo:
        """Show one mission."""
        conductor = await self._session.conductor()
        return self._info(conductor, await conductor.whole(params.mission_id))

    async def agents(self, _params: NoParams, _: types.ExecuteCommandParams) -> AgentList:
        """List the running agents."""
        conductor = await self._caught_up()
        infos = (info for state in conductor.states() for info in views.agent_infos(state, conductor.holds))
        return AgentList(agents=tuple(infos))

    async def export(self, params: ExportParams, _: types.ExecuteCommandParams) -> ExportResult:
        """Write a mission to a file."""
        conductor = await self._session.conductor()
        text = await conductor.archive.exported(params.mission_id)
        place = self._place(params.path)
        await anyio.to_thread.run_sync(mission_files.write, place, text)
        n_records = text.count("\n") - 1
        return ExportResult(
            mission_id=params.mission_id, path=str(place), records=n_records, masked=n_masked(text)
        )

    async def take_in(self, params: ImportParams, _: types.ExecuteCommandParams) -> MissionStatus:
        """Take a mission from a file."""
        conductor = await self._session.conductor()
        mission = await anyio.to_thread.run_sync(mission_files.read, self._place(params.path))
        return views.mission_status(await conductor.archive.take_in(mission))

    async def doctor(self, _params: NoParams, _: types.ExecuteCommandParams) -> DoctorReport:
        """Tell what works here, also when nothing does."""
        lines: list[DoctorLine] = []
        try:
            loaded = self._session.loaded()
            lines += [DoctorLine(name="settings", state="limited", detail=text) for text in loaded.warnings]
            opened = await self._session.opened()
            lines += await opened.doctor(loaded.settings)
        except UserError as error:
            lines.append(DoctorLine(name="workspace", state="missing", detail=str(error)))
        lines.append(self._client_line())
        return DoctorReport(version=__version__, lines=tuple(lines))

    def _client_line(self) -> DoctorLine:
        client, info = self._session.host.client, self._session.host.initialize_params.client_info
        name = f"{info.name} {info.version or ''}".strip() if info else "a client without a name"
        can = {
            "applies edits": bool(client.workspace and client.workspace.apply_edit),
            "shows progress": bool(client.window and client.window.work_done_progress),
            "asks questions": bool(client.window and client.window.show_message),
            "opens documents": bool(client.window and client.window.show_document),
        }
        missing = [what for what, works in can.items() if not works]
        detail = f"{name}, positions in {self._session.host.encoding}"
        if missing:
            detail += f"; it does not say that it {', '.join(missing)}"
        return DoctorLine(name="client", state="limited" if missing else "ok", detail=detail)

    # --- arguments ----------------------------------------------------------------------------------

    def _place(self, path: str) -> Path:
        assert self._session.root is not None  # noqa: S101 - there is a conductor, so there is a workspace
        return self._session.root / path

    async def _caught_up(self) -> Conductor:
        """Return the conductor, which knows then what other servers did meanwhile."""
        conductor = await self._session.conductor()
        await conductor.catch_up()
        return conductor

    def _info(self, conductor: Conductor, state: MissionState) -> MissionInfo:
        return views.mission_info(state, self._session.uri, elsewhere=conductor.elsewhere(state))

    def _paths(self, files: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(self._session.path(f) if "://" in f else f for f in files)

    async def _readable(self, uri: str) -> str:
        """Return the path of a file that agents may read.

        Raises:
            UserError: there is none, or they may not.
        """
        path = self._session.path(uri)
        workspace = (await self._session.opened()).services.workspace
        try:
            content = workspace.read(path)
        except ToolError as error:
            raise UserError(str(error)) from error
        if content is None:
            raise UserError(f"There is no file {path}.")
        return path

    async def _excerpt(self, path: str, uri: str, span: Range) -> str:
        document = self._session.host.documents.get(uri)
        if document is None:
            first, last = span.start.line, span.end.line
            workspace = (await self._session.opened()).services.workspace
            lines = (workspace.read(path) or b"").decode("utf-8", "replace").split("\n")
            return "\n".join(lines[first : last + 1])
        wanted = types.Range(
            types.Position(span.start.line, span.start.character),
            types.Position(span.end.line, span.end.character),
        )
        start, end = offsets(document.text, wanted, self._session.host.encoding)
        return document.content[start:end]


def _validated(
    command: Command, handler: Callable[[Any, types.ExecuteCommandParams], Awaitable[Wire]]
) -> Callable[[types.ExecuteCommandParams], Awaitable[Wire]]:
    """Return a handler that reads the command's one argument first."""

    async def run(request: types.ExecuteCommandParams) -> Wire:
        arguments = request.arguments or []
        if len(arguments) > 1:
            raise InvalidParams(
                f"arguments: {request.command} takes one object, not {len(arguments)} arguments"
            )
        argument: object = arguments[0] if arguments else None
        if isinstance(argument, str) and command.text_field:
            argument = {command.text_field: argument}
        try:
            params = command.params.model_validate({} if argument is None else argument)
        except ValidationError as error:
            raise invalid_fields(error) from None
        return await handler(params, request)

    return run


def _reported(diagnostic: DiagnosticParam) -> str:
    source = " ".join(str(part) for part in (diagnostic.source, diagnostic.code) if part)
    return f"line {diagnostic.range.start.line + 1}: {diagnostic.message}" + (
        f" ({source})" if source else ""
    )


def _described(finding: Finding) -> str:
    suggestion = f" {finding.suggestion}" if finding.suggestion else ""
    return f"line {finding.line} ({finding.quote}): {finding.message}{suggestion}"


def _tasks_for(problems: list[tuple[str, str]], text: str) -> tuple[Task, ...]:
    """Return one task for each file with problems; an error message alone becomes one task without files."""
    by_path: dict[str, list[str]] = {}
    for path, problem in problems:
        by_path.setdefault(path, []).append(problem)
    if not by_path:
        return (Task("fix", "Fix the error", f"Find the cause of this and fix it:\n{text}"),)
    more = f"\nWhat was reported:\n{text}" if text else ""
    return tuple(
        Task(f"fix-{number}", f"Fix {path}", "\n".join(f"- {p}" for p in found) + more, files=(path,))
        for number, (path, found) in enumerate(by_path.items(), 1)
    )
