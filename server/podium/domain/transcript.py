"""What was done for one task so far, for somebody who looks in: who, at what cost, and the latest steps in a line each."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from podium.domain.events import (
    AgentEnded,
    AgentStarted,
    AgentTold,
    CheckFinished,
    Event,
    ModelAnswered,
    ModelFailed,
    QuestionAsked,
    Record,
    ReviewSubmitted,
    ToolReturned,
)

MOST_LINES, MOST_CHARS = 12, 110


@dataclass(frozen=True, slots=True)
class Transcript:
    """The work on a task: its agents in their order, what they used, when it began, and the last lines.

    `began_at` is 0 where nobody has begun; `last_at` is the time of the latest step. Seconds since 1970, UTC.
    """

    agents: tuple[str, ...] = ()
    requests: int = 0
    tokens: int = 0
    began_at: float = 0.0
    last_at: float = 0.0
    lines: tuple[str, ...] = ()


def transcript(records: Iterable[Record], task_id: str) -> Transcript:
    """Return what the records of a mission tell of a task."""
    agents: list[str] = []
    requests = tokens = 0
    began_at = last_at = 0.0
    lines: deque[str] = deque(maxlen=MOST_LINES)
    for record in records:
        event = record.event
        if isinstance(event, AgentStarted) and event.task_id == task_id:
            agents.append(event.agent_id)
        if not _is_about(event, task_id, agents):
            continue
        if isinstance(event, ModelAnswered):
            requests += 1
            tokens += event.usage.prompt_tokens + event.usage.completion_tokens
        began_at, last_at = began_at or record.at, record.at
        if line := _line(event):
            lines.append(line if len(line) <= MOST_CHARS else f"{line[:MOST_CHARS]}…")
    return Transcript(tuple(agents), requests, tokens, began_at, last_at, tuple(lines))


def _is_about(event: Event, task_id: str, agents: Iterable[str]) -> bool:
    match event:
        case (
            AgentStarted(agent_id=agent_id)
            | AgentTold(agent_id=agent_id)
            | AgentEnded(agent_id=agent_id)
            | ModelAnswered(agent_id=agent_id)
            | ModelFailed(agent_id=agent_id)
            | ToolReturned(agent_id=agent_id)
        ):
            return agent_id in agents
        case CheckFinished(task_id=of) | ReviewSubmitted(task_id=of) | QuestionAsked(task_id=of):
            return of == task_id
        case _:
            return False


def _line(event: Event) -> str:  # noqa: PLR0911 - one line for each event
    match event:
        case AgentStarted():
            return f"{event.agent_id} begins ({event.model})"
        case AgentEnded():
            return f"{event.agent_id} is {event.outcome}"
        case AgentTold():
            return f"{event.agent_id} is told: {_first(event.message.get('content'))}"
        case ModelAnswered():
            said = _first(event.message.get("content"))
            return f"{event.agent_id} says: {said}" if said else ""
        case ModelFailed():
            return f"{event.agent_id}: {_first(event.reason)}"
        case ToolReturned():
            about = next(
                (
                    str(event.arguments[key])
                    for key in ("path", "command", "pattern")
                    if key in event.arguments
                ),
                "",
            )
            said = "" if event.ok else f": {_first(event.result)}"
            return f"{event.agent_id} {' '.join(filter(None, (event.tool, about)))}{said}"
        case CheckFinished(result=result):
            failing = f", {len(result.failures)} failing" if result.failures else ""
            return f"{result.check} is {'green' if result.green else 'red'}{failing}"
        case ReviewSubmitted():
            return (
                "the review approves"
                if event.approved
                else f"the review rejects: {_first('; '.join(f.message for f in event.findings))}"
            )
        case QuestionAsked():
            return f"you are asked: {_first(event.text)}"
        case _:
            return ""


def _first(text: object) -> str:
    """Return the first line of a text."""
    return next(iter(text.strip().splitlines()), "") if isinstance(text, str) else ""
