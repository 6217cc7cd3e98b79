"""What a mission looks like in a terminal: pure functions from its state to something that rich can print.

`standing` is the part that changes in place while the mission runs; `happening` is what an event leaves
behind above it, for good.
"""

from collections.abc import Iterator, Sequence
from typing import Final, assert_never

from rich.console import Group, RenderableType
from rich.text import Text

from podium.cli.diff import diff_of
from podium.domain.checks import CheckResult
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
from podium.domain.findings import Finding, Severity
from podium.domain.mission import AgentView, MissionState
from podium.domain.plan import BOXES, Task, TaskState

_STATE_STYLES: Final[dict[TaskState, str]] = {
    "pending": "dim",
    "running": "bold",
    "completed": "green",
    "dropped": "dim",
    "stuck": "yellow",
}
_SEVERITY_STYLES: Final[dict[Severity, str]] = {
    "error": "red",
    "warning": "yellow",
    "information": "cyan",
    "hint": "dim",
}
_STATUS_STYLES: Final[dict[str, str]] = {
    "signed_off": "bold green",
    "stopped": "bold yellow",
    "cancelled": "bold yellow",
}


def standing(state: MissionState, now: float, max_lines: int) -> list[Text]:
    """Return the lines of the plan with the agents at work under their tasks, in at most `max_lines` lines.

    `now` is seconds since 1970. Where the plan is longer, closed tasks are counted rather than listed,
    and then those that come last.
    """
    lines = [line for task in state.plan.tasks.values() for line in _task_lines(state, task, now)]
    loose = [a for a in state.agents.values() if a.task_id not in state.plan.tasks]
    tail = [_agent_line(agent, now) for agent in loose]
    if len(lines) + len(tail) > max_lines:
        closed = [t for t in state.plan.tasks.values() if t.state in {"completed", "dropped"}]
        lines = [Text(f"  [x] {len(closed)} of {len(state.plan.tasks)} tasks closed", "green")]
        still = [t for t in state.plan.tasks.values() if t not in closed]
        still.sort(key=lambda task: task.state != "running")
        lines += [line for task in still for line in _task_lines(state, task, now)]
    shown = [*lines, *tail]
    if len(shown) > max_lines:
        shown = [*shown[: max_lines - 1], Text(f"  … and {len(shown) - max_lines + 1} lines more", "dim")]
    return shown


def task_line(state: MissionState, task_id: str) -> Text:
    """Return a task with its box, as the plan document shows it."""
    task = state.plan.tasks[task_id]
    line = Text(f"  {BOXES[task.state]} ", _STATE_STYLES[task.state], no_wrap=True, overflow="ellipsis")
    line.append(task.title)
    if (attempts := state.attempts.get(task_id, 0)) > 1:
        line.append(f"  attempt {attempts}", "dim")
    return line


def happening(event: Event, state: MissionState) -> RenderableType | None:  # noqa: C901, PLR0911, PLR0912 - one case for each event
    """Return what `event` leaves on the screen, or None; `state` is the mission's state after it."""
    match event:
        case MissionStarted():
            return _heading(event)
        case CheckFinished():
            return None if event.purpose == "agent" else _check_line(event.result, _where(event))
        case ReviewSubmitted():
            return Group(*_review_lines(event))
        case TaskStuck():
            return _note("!", "yellow", f"stuck {_title(state, event.task_id)}: {event.reason}")
        case TaskTakenOver():
            return _note("!", "cyan", f"yours {_title(state, event.task_id)}")
        case TaskDropped():
            return _note("-", "dim", f"dropped {_title(state, event.task_id)}: {event.reason}")
        case FactsLearned():
            return Group(*(_note("·", "dim", f"learned: {fact.text} ({fact.place})") for fact in event.facts))
        case PlacesFound():
            return Group(*_places_lines(event))
        case ProposalDelivered():
            proposal = state.proposals[event.proposal_id]
            return Group(_note("→", "cyan", f"applied: {proposal.label}"), diff_of(proposal.edits))
        case ProposalMade():
            return _to_review(event, state)
        case ProposalDecided():
            return _decision(event, state)
        case ProposalUndone():
            return _note("←", "cyan", f"undone: {state.proposals[event.proposal_id].label}")
        case ProposalRedone():
            return _note("→", "cyan", f"redone: {state.proposals[event.proposal_id].label}")
        case ProposalRefused():
            proposal = state.proposals[event.proposal_id]
            return _note("?", "yellow", f"not applied, so it waits: {proposal.label}: {event.reason}")
        case ProposalWithdrawn():
            return _note("…", "dim", f"done again: {state.proposals[event.proposal_id].label}")
        case ModelFailed(again_in_s=None):
            return _note("✗", "red", f"the model failed: {event.reason}")
        case ModelFailed():
            return _note(
                "…", "yellow", f"the model failed, again in {event.again_in_s:.0f} s: {event.reason}"
            )
        case ModelAwaited():
            return _note("…", "yellow", event.reason)
        case Steered():
            to = f"{_title(state, event.task_id)}: " if event.task_id else ""
            return _note("»", "cyan", f"you said: {to}{event.text}")
        case MissionPaused():
            return _note("…", "yellow", "paused")
        case MissionResumed():
            return _note("…", "yellow", "resumed")
        case MissionInterrupted():
            return _note("…", "yellow", f"interrupted: {event.reason}")
        case MissionContinued():
            return _note("…", "cyan", "going on where it was interrupted")
        case WorkRestarted():
            title = _title(state, event.task_id) if event.task_id else "the mission's own steps"
            return _note("…", "yellow", f"begun anew after the interruption: {title}")
        case (
            PlanSet()
            | FactsRecalled()
            | AttemptStarted()
            | ChangeClashed()
            | TaskReopened()
            | AgentStarted()
            | ModelAsked()
            | ModelAnswered()
            | ToolReturned()
            | LeaseAwaited()
            | AgentTold()
            | ConversationCompacted()
            | AgentEnded()
            | TaskAccepted()
            | FindingChanged()
            | QuestionAsked()
            | QuestionAnswered()
            | MissionImported()
            | MissionPruned()
            | AcceptanceBegun()
            | TimeWorked()
            | MissionEnded()
        ):
            return None
        case _:
            assert_never(event)


def _to_review(event: ProposalMade, state: MissionState) -> RenderableType | None:
    if state.apply != "review":
        return None
    return Group(_note("?", "cyan", f"to review: {event.label}"), diff_of(event.edits))


def _decision(event: ProposalDecided, state: MissionState) -> Text:
    label = state.proposals[event.proposal_id].label
    if event.accepted:
        return _note("→", "cyan", f"applied: {label}")
    return _note("✗", "red", f"rejected: {label}" + (f": {event.reason}" if event.reason else ""))


def summary(state: MissionState, status: str, reason: str) -> Text:
    """Return the last line: how it ended, and what it took."""
    spent = state.spent
    cost = f"${spent.cost_usd:.4f}".rstrip("0").rstrip(".") if spent.cost_known else "cost unknown"
    counts = [(len(state.plan.tasks), "task"), (spent.attempts, "attempt"), (len(state.findings), "finding")]
    facts = [
        *(_many(count, noun) for count, noun in counts if count),
        _many(spent.model_requests, "request"),
        *([f"{'about ' * bool(spent.estimated)}{spent.tokens:,} tokens", cost] if spent.tokens else []),
        f"{max(0.0, state.ended_at - state.started_at):.1f} s",
    ]
    text = Text.assemble((status.replace("_", " "), _STATUS_STYLES.get(status, "bold red")), "  ")
    text.append(" · ".join(facts), "dim")
    if reason:
        text.append(f"\n{reason}")
    return text


def question_lines(text: str, options: Sequence[str]) -> RenderableType:
    """Return a question with its options, numbered from 1."""
    lines = [Text.assemble(("? ", "bold cyan"), text)]
    lines += [Text.assemble(f"  {number}  ", option) for number, option in enumerate(options, 1)]
    return Group(*lines)


def _heading(event: MissionStarted) -> Text:
    return Text.assemble((event.goal, "bold"), (f"\n{event.mission_kind} · {event.model}\n", "dim"))


def _task_lines(state: MissionState, task: Task, now: float) -> Iterator[Text]:
    yield task_line(state, task.id)
    for agent in state.agents.values():
        if agent.task_id == task.id:
            yield _agent_line(agent, now)


def _agent_line(agent: AgentView, now: float) -> Text:
    return Text.assemble(
        ("      ● ", "cyan"),
        agent.role,
        (f"  {agent.doing}  {max(0.0, now - agent.since):.0f} s", "dim"),
        no_wrap=True,
        overflow="ellipsis",
    )


def _check_line(result: CheckResult, where: str) -> Text:
    verdict = "passed" if result.green else f"exit {result.exit_code}"
    if result.timed_out:
        verdict = "timed out"
    elif result.failures and not result.green:
        verdict = f"{len(result.failures)} failing"
    sign, style = ("✓", "green") if result.green else ("✗", "red")
    line = _note(sign, style, f"{result.check} {verdict}")
    line.append(f"  {where}{result.duration_s:.1f} s", "dim")
    return line


def _where(event: CheckFinished) -> str:
    if event.purpose == "baseline":
        return "before any change, "
    return "" if event.task_id else "everything together, "


def _review_lines(event: ReviewSubmitted) -> Iterator[Text]:
    if event.task_id:
        yield (
            _note("✓", "green", "reviewed") if event.approved else _note("✗", "red", "the review rejects it")
        )
    elif not event.findings:
        yield _note("✓", "green", "no findings")
    for finding in event.findings:
        yield _finding_line(finding)


def _finding_line(finding: Finding) -> Text:
    place = f"{finding.path}:{finding.line}" if finding.line else finding.path
    line = Text.assemble(
        f"    {place}  ",
        (finding.severity, _SEVERITY_STYLES[finding.severity]),
        f"  {finding.message}",
        (f"  [{finding.code}]" if finding.code else "", "dim"),
    )
    if finding.suggestion:
        line.append(f"\n        {finding.suggestion}", "dim")
    return line


def _places_lines(event: PlacesFound) -> Iterator[Text]:
    if event.summary:
        yield Text(event.summary)
    for place in event.places:
        lines = (
            f"{place.start_line}"
            if place.start_line == place.end_line
            else f"{place.start_line}-{place.end_line}"
        )
        yield Text.assemble((f"  {place.path}:{lines}", "cyan"), f"  {place.why}")


def _title(state: MissionState, task_id: str) -> str:
    task = state.plan.tasks.get(task_id)
    return task.title if task else task_id


def _note(sign: str, style: str, text: str) -> Text:
    return Text.assemble((f"  {sign} ", style), text)


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
