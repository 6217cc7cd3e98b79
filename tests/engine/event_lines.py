"""Events as short lines, the same in every run: no ids of one run, no times, no race between tasks.

Requests to models and their answers are left out; what they lead to is shown. An agent is named by its
role and task. Between two events of the mission as a whole, the tasks' events stand task by task.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from podium.domain.events import (
    AcceptanceBegun,
    AgentEnded,
    AgentStarted,
    AgentTold,
    AttemptStarted,
    ChangeClashed,
    CheckFinished,
    ConversationCompacted,
    Event,
    FactsLearned,
    FactsRecalled,
    FindingChanged,
    LeaseAwaited,
    MissionContinued,
    MissionEnded,
    MissionImported,
    MissionInterrupted,
    MissionPaused,
    MissionPruned,
    MissionResumed,
    MissionStarted,
    ModelAnswered,
    ModelAsked,
    ModelAwaited,
    ModelFailed,
    PlacesFound,
    PlanSet,
    ProposalDecided,
    ProposalDelivered,
    ProposalMade,
    ProposalRedone,
    ProposalRefused,
    ProposalUndone,
    ProposalWithdrawn,
    QuestionAnswered,
    QuestionAsked,
    ReviewSubmitted,
    Steered,
    TaskAccepted,
    TaskDropped,
    TaskReopened,
    TaskStuck,
    TaskTakenOver,
    TimeWorked,
    ToolReturned,
    WorkRestarted,
)
from podium.domain.knowledge import Fact

LONGEST = 150


def event_lines(events: Iterable[Event], root: str) -> list[str]:
    """Return the lines of one mission's events; `root` is replaced wherever it stands."""
    names = Names()
    lines: list[str] = []
    stretch: list[tuple[str, str]] = []

    def flush() -> None:
        stretch.sort(key=lambda entry: entry[0])
        lines.extend(line for _, line in stretch)
        stretch.clear()

    for event in events:
        task_id, line = names.line(event)
        line = line.replace(root, "ROOT")
        if isinstance(event, ModelAsked | ModelAnswered):
            continue
        if task_id or (isinstance(event, CheckFinished) and event.purpose == "baseline"):
            stretch.append((task_id, line))
        else:
            flush()
            lines.append(line)
    flush()
    return lines


def _short(text: str) -> str:
    """Return the first line, cut, without what differs between runs."""
    line = re.sub(r"m-[0-9a-f]{8}", "MISSION", text.strip().split("\n")[0])
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"


class Names:
    """The names that ids of one run stand for."""

    def __init__(self) -> None:
        self._tasks: dict[str, str] = {}
        self._agents: dict[str, str] = {}
        self._counts: Counter[str] = Counter()
        self._owners: dict[str, str] = {}

    def line(self, event: Event) -> tuple[str, str]:
        """Return the task that the next event belongs to (or nothing), and its line."""
        return self._task_of(event), f"{event.kind} {self._told(event)}".rstrip()

    def _task_of(self, event: Event) -> str:  # noqa: C901, PLR0911, PLR0912 - by where the kinds say it
        match event:
            case AgentStarted(agent_id, role, task_id):
                self._tasks[agent_id] = task_id
                self._counts[f"{role} {task_id}"] += 1
                n = self._counts[f"{role} {task_id}"]
                self._agents[agent_id] = f"{role} {task_id}".strip() + (f" ({n})" if n > 1 else "")
                return task_id
            case ProposalMade(proposal_id, _, _, task_id) | QuestionAsked(proposal_id, _, _, task_id):
                self._owners[proposal_id] = task_id
                return task_id
            case ProposalDecided(owned) | ProposalDelivered(owned) | ProposalRefused(owned):
                return self._owners[owned]
            case ProposalUndone(owned) | ProposalRedone(owned) | ProposalWithdrawn(owned):
                return self._owners[owned]
            case AcceptanceBegun(owned):
                return self._owners[owned]
            case QuestionAnswered(owned):
                return self._owners[owned]
            case ReviewSubmitted(task_id, _, findings):
                self._owners.update({finding.id: task_id for finding in findings})
                return task_id
            case FindingChanged(finding_id):
                return self._owners[finding_id]
            case AttemptStarted() | CheckFinished() | TaskAccepted() | TaskStuck() | TaskReopened():
                return event.task_id
            case TaskDropped() | TaskTakenOver() | ChangeClashed() | WorkRestarted():
                return event.task_id
            case ToolReturned() | AgentTold() | AgentEnded():
                return self._tasks[event.agent_id]
            case ModelFailed() | ModelAwaited() | ModelAsked() | ModelAnswered():
                return self._tasks[event.agent_id]
            case LeaseAwaited() | FactsLearned() | ConversationCompacted():
                return self._tasks[event.agent_id]
            case MissionInterrupted() | MissionContinued():
                return ""
            case (
                MissionStarted()
                | PlanSet()
                | FactsRecalled()
                | PlacesFound()
                | MissionImported()
                | MissionPruned()
                | TimeWorked()
                | MissionEnded()
            ):
                return ""
            case Steered() | MissionPaused() | MissionResumed():
                return ""

    def _told(self, event: Event) -> str:  # noqa: C901, PLR0911, PLR0912, PLR0915 - one line for each kind of event
        match event:
            case MissionStarted():
                return event.mission_kind
            case PlanSet():
                return "; ".join(f"{t.id}{_needs(t.needs)} {t.state}" for t in event.tasks)
            case FactsRecalled():
                stale = [f"{_fact(fact)} is stale" for fact in event.stale]
                return "; ".join([*map(_fact, event.facts), *stale])
            case FactsLearned():
                return f"{self._agents[event.agent_id]}: {'; '.join(map(_fact, event.facts))}"
            case AttemptStarted():
                return f"{event.task_id} {event.number} {event.mode}"
            case CheckFinished(task_id, result, purpose):
                targets = " ".join(word for word in result.argv[3:] if ".py" in word)
                state = "green" if result.green else "red"
                return f"{task_id or 'mission'} {purpose} {result.check} {targets} {state}".replace("  ", " ")
            case ReviewSubmitted():
                verdict = "approved" if event.approved else "rejected"
                found = "".join(f"; {f.path}:{f.line} {f.severity} {f.code}" for f in event.findings)
                return f"{event.task_id} {verdict}{found}".strip()
            case TaskAccepted():
                return f"{event.task_id} {', '.join(e.path for e in event.edits)}"
            case TaskTakenOver():
                return event.task_id
            case TaskReopened(task_id, "", model) if model:
                return f"{task_id} by {model}"
            case TaskStuck(task_id, text) | TaskReopened(task_id, text) | TaskDropped(task_id, text):
                return f"{task_id} {_short(text)}"
            case QuestionAsked():
                return f"{_short(event.text)} [{'/'.join(event.options)}]"
            case QuestionAnswered():
                return "not answered" if event.answer is None else _short(event.answer)
            case FindingChanged():
                return f"{event.state} {event.reason}".strip()
            case PlacesFound():
                places = ", ".join(f"{p.path}:{p.start_line}-{p.end_line}" for p in event.places)
                return f"{event.summary} {places}"
            case ProposalMade():
                return f"{event.label}: {', '.join(e.path for e in event.edits)}"
            case ProposalDelivered() | ProposalUndone() | ProposalRedone():
                return event.outcome
            case ProposalDecided():
                accepted = f"accepted {event.accepted} {event.outcome}" if event.accepted else ""
                rejected = f"rejected {event.rejected} {_short(event.reason)}" if event.rejected else ""
                return (accepted + rejected).strip()
            case AcceptanceBegun():
                return f"{event.hunks}" if event.hunks else "came to nothing"
            case ProposalWithdrawn():
                return ""
            case ProposalRefused():
                return _short(event.reason)
            case MissionEnded():
                return f"{event.status}: {_short(event.reason)}"
            case Steered():
                to = f"{event.task_id}: " if event.task_id else ""
                return f"{event.when} {to}{_short(event.text)}"
            case MissionInterrupted():
                return _short(event.reason)
            case ChangeClashed():
                return event.task_id
            case WorkRestarted():
                return f"{event.task_id} {_short(event.reason)}"
            case (
                MissionPaused()
                | MissionResumed()
                | MissionContinued()
                | MissionImported()
                | MissionPruned()
                | TimeWorked()
            ):
                return ""
            case ConversationCompacted():
                cut = f", {len(event.cut)} results cut" if event.cut else ""
                return f"{self._agents[event.agent_id]} {event.dropped} messages left out{cut}"
            case LeaseAwaited():
                return f"{self._agents[event.agent_id]} {event.path} of {event.holder}"
            case ModelAsked() | ModelAnswered():
                return ""
            case ModelAwaited():
                return f"{self._agents[event.agent_id]} {event.reason}"
            case _:
                return self._agent_told(event)

    def _agent_told(self, event: AgentStarted | ModelFailed | ToolReturned | AgentTold | AgentEnded) -> str:
        name = self._agents[event.agent_id]
        match event:
            case AgentStarted():
                return name
            case ModelFailed():
                again = "again" if event.again_in_s is not None else "given up"
                return f"{name} {again}: {_short(event.reason)}"
            case ToolReturned():
                return f"{name} {event.tool} {self._outcome(event)}"
            case AgentTold():
                return f"{name} {_short(str(event.message['content']))}"
            case AgentEnded():
                return f"{name} {event.outcome}"

    def _outcome(self, event: ToolReturned) -> str:
        """Return `ok`, with a warning where there is one, or what went wrong."""
        if not event.ok:
            return _short(event.result)
        last = event.result.strip().split("\n")[-1]
        return f"ok {last}" if last.startswith("[You have") else "ok"


def _fact(fact: Fact) -> str:
    return f"{fact.text} ({fact.place})" if fact.place else fact.text


def _needs(needs: Sequence[str]) -> str:
    return f"({', '.join(needs)})" if needs else ""
