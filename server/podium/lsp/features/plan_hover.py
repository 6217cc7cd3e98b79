"""`textDocument/hover`: who works on a task of a plan document, at what cost, and what they did last."""

import time
from collections.abc import Iterable

from lsprotocol import types

from podium.domain.mission import AgentView, MissionState
from podium.domain.plan_text import Item
from podium.domain.transcript import Transcript, transcript
from podium.errors import UserError
from podium.lsp.plan_files import PlanFiles
from podium.lsp.session import Session


class PlanHover:
    """Answers `textDocument/hover`."""

    def __init__(self, session: Session, files: PlanFiles) -> None:
        self._session = session
        self._files = files
        session.host.request(types.TEXT_DOCUMENT_HOVER, self._hover, types.HoverParams)

    async def _hover(self, params: types.HoverParams) -> types.Hover | None:
        plan = self._files.opened(params.text_document.uri)
        line = params.position.line
        item = next((i for i in plan.page.items if i.line <= line < i.end), None) if plan else None
        if plan is None or item is None:
            return None
        conductor = await self._session.conductor()
        try:
            state = conductor.state(plan.file.mission_id)
        except UserError:
            return None
        if item.id not in state.plan.tasks:
            return None
        records = await (await self._session.opened()).services.journal.read(state.id)
        text = told(state, item, transcript(records, item.id), time.time())
        span = self._files.lines(plan, item.line, item.line + 1)
        return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, text), span)


def told(state: MissionState, item: Item, work: Transcript, now: float) -> str:
    """Return what there is to tell of a task, as Markdown."""
    task = state.plan.tasks[item.id]
    attempts = state.attempts.get(task.id, 0)
    head = f"**{task.id}** {task.state}" + (f", attempt {attempts}" if attempts else "")
    agents = [agent for agent in state.agents.values() if agent.task_id == task.id]
    parts = [head, "\n".join(_agent_lines(state, agents, now))]
    if work.began_at:
        lasted = (now if agents else work.last_at) - work.began_at
        parts.append(
            f"{work.requests} requests and {work.tokens:,} tokens in {_duration(lasted)}, by {', '.join(work.agents)}"
        )
    if work.lines:
        fence = "`" * 4
        parts.append("\n".join((f"{fence}text", *work.lines, fence)))
    return "\n\n".join(filter(None, parts))


def _agent_lines(state: MissionState, agents: Iterable[AgentView], now: float) -> Iterable[str]:
    for agent in agents:
        doing, since = state.doing(agent)
        yield (
            f"- {agent.id} ({agent.model}): {doing} for {_duration(now - since)}; "
            f"{agent.tokens:,} tokens, {_duration(now - agent.since)}"
        )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(max(0, round(seconds)), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
