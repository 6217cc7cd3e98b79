"""Progress: one token for each mission and one for each running agent; `end` always arrives.

Reports are limited to four a second for each token: a client is shown the latest state, not every event.
"""

import logging
from dataclasses import dataclass, field

import anyio
from lsprotocol import types

from podium.domain.events import (
    AgentEnded,
    AgentStarted,
    MissionContinued,
    MissionEnded,
    MissionInterrupted,
    MissionStarted,
    Record,
)
from podium.domain.mission import AgentView, MissionState
from podium.engine.conductor import Conductor
from podium.errors import UserError
from podium.lsp.host import Host
from podium.lsp.rpc import AskFailed

_log = logging.getLogger(__name__)

Token = int | str

PAUSE_S = 0.25
CREATE_S = 10.0


@dataclass(slots=True)
class _Line:
    """One token that the client knows, and what it was last told. `ours` are those that it did not choose itself."""

    token: Token
    title: str
    mission_id: str
    agent_id: str = ""
    ours: bool = True
    told: tuple[str, int | None] = ("", None)
    ended: str | None = None
    news: anyio.Event = field(default_factory=anyio.Event)


class Progress:
    """Shows missions and agents as work-done progress."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._lines: dict[str, _Line] = {}
        self._conductor: Conductor | None = None
        host.notification(
            types.WINDOW_WORK_DONE_PROGRESS_CANCEL, self._cancelled, types.WorkDoneProgressCancelParams
        )

    def follow(self, conductor: Conductor) -> None:
        """Show what happens in the missions of `conductor`."""
        self._conductor = conductor
        conductor.subscribe(self._host.guarded("progress", self._on_record))
        for state in conductor.states():
            if conductor.elsewhere(state):
                self._resume(state.id, 0)

    def adopt(self, mission_id: str, token: Token) -> None:
        """Show a mission under the client's own token as well, from now until it ends."""
        assert self._conductor is not None  # noqa: S101 - missions need a conductor
        state = self._conductor.state(mission_id)
        line = _Line(token, _title(state), mission_id, ours=False)
        if state.ending:
            line.ended = state.reason
        if (key := f"{mission_id}/client/{token}") not in self._lines:
            self._show(key, line)

    def _on_record(self, record: Record) -> None:
        event, mission_id = record.event, record.mission_id
        match event:
            case MissionStarted():
                # A mission that goes on after its end needs another token: each takes one begin and one end.
                token = f"podium/{mission_id}" if record.seq == 1 else f"podium/{record.seq}/{mission_id}"
                self._begin(token, _Line(token, f"Podium: {event.goal}"[:80], mission_id))
            case MissionContinued():
                self._resume(mission_id, record.seq)
            case AgentStarted():
                key = f"{mission_id}/{event.agent_id}"
                title = f"{event.role} {event.task_id}".strip()
                self._begin(key, _Line(f"podium/{key}", title, mission_id, event.agent_id))
            case AgentEnded():
                self._end(f"{mission_id}/{event.agent_id}", event.outcome)
            case MissionEnded():
                self._end_all(mission_id, f"{event.status}: {event.reason}")
            case MissionInterrupted():
                self._end_all(mission_id, f"interrupted: {event.reason}")
            case _:
                pass
        for line in self._lines.values():
            if line.mission_id == mission_id:
                line.news.set()

    def _resume(self, mission_id: str, seq: int) -> None:
        """Show a mission, and its agents, that goes on after an interruption, or is carried out elsewhere already."""
        assert self._conductor is not None  # noqa: S101 - it sent the record
        state = self._conductor.state(mission_id)
        token = f"podium/{seq}/{mission_id}"
        self._begin(token, _Line(token, _title(state), mission_id))
        for agent in state.agents.values():
            key = f"{mission_id}/{agent.id}"
            title = f"{agent.role} {agent.task_id}".strip()
            self._begin(key, _Line(f"podium/{seq}/{key}", title, mission_id, agent.id))

    def _begin(self, key: str, line: _Line) -> None:
        window = self._host.client.window
        if window and window.work_done_progress:
            self._show(key, line)

    def _show(self, key: str, line: _Line) -> None:
        self._lines[key] = line
        self._host.spawn(f"progress {key}", self._tell(key, line))

    def _end(self, key: str, outcome: str) -> None:
        if (line := self._lines.get(key)) and line.ended is None:
            line.ended = outcome
            line.news.set()

    def _end_all(self, mission_id: str, outcome: str) -> None:
        for key, line in self._lines.items():
            if line.mission_id == mission_id:
                self._end(key, outcome)

    async def _tell(self, key: str, line: _Line) -> None:
        """Tell the client of one token until it ends, at most four times a second."""
        try:
            if line.ours:
                try:
                    create = types.WorkDoneProgressCreateParams(line.token)
                    await self._host.ask(types.WINDOW_WORK_DONE_PROGRESS_CREATE, create, CREATE_S)
                except AskFailed as error:
                    _log.info("The client takes no progress: %s", error)
                    return
            self._send(
                line, types.WorkDoneProgressBegin(line.title, cancellable=not line.agent_id, percentage=0)
            )
            try:
                while line.ended is None:
                    self._report(line)
                    await line.news.wait()
                    line.news = anyio.Event()
                    await anyio.sleep(PAUSE_S if line.ended is None else 0)
            finally:
                self._send(line, types.WorkDoneProgressEnd(message=line.ended or "stopped"))
        finally:
            del self._lines[key]

    def _report(self, line: _Line) -> None:
        assert self._conductor is not None  # noqa: S101 - a line has a conductor
        try:
            state = self._conductor.state(line.mission_id)
        except UserError:
            return
        agent = state.agents.get(line.agent_id)
        message, percentage = _agent_says(state, agent) if agent else _mission_says(state)
        if line.agent_id and agent is None:
            return
        if (message, percentage) != line.told:
            line.told = (message, percentage)
            self._send(line, types.WorkDoneProgressReport(message=message, percentage=percentage))

    def _send(self, line: _Line, value: object) -> None:
        self._host.notify(types.PROGRESS, types.ProgressParams(line.token, value))

    def _cancelled(self, params: types.WorkDoneProgressCancelParams) -> None:
        for line in self._lines.values():
            if line.token == params.token and self._conductor and not line.agent_id:
                self._host.spawn("cancel", self._conductor.orders.cancel(line.mission_id))


def _title(state: MissionState) -> str:
    return f"Podium: {state.goal}"[:80]


def _mission_says(state: MissionState) -> tuple[str, int | None]:
    closed, total = state.progress
    doing = ", ".join(f"{agent.role}: {agent.doing}" for agent in list(state.agents.values())[:3])
    if len(state.agents) > 3:
        doing += f" and {len(state.agents) - 3} more"
    if state.paused:
        doing = "paused"
    elif state.status == "waiting" and state.under_review():
        doing = "waiting for your review"
    tasks = f"{closed}/{total} tasks" if total else state.status
    return f"{tasks}. {doing}".rstrip(". "), (100 * closed // total if total else 0)


def _agent_says(state: MissionState, agent: AgentView) -> tuple[str, int | None]:
    return f"{state.doing(agent)[0]}, {agent.requests} requests", None
