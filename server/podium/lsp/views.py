"""What clients are shown of missions: the state as values of the wire contract."""

import time
from collections.abc import Callable, Iterable

from podium.domain.checks import CheckResult
from podium.domain.limits import Spent
from podium.domain.mission import MissionState, Proposal, Question
from podium.domain.proposals import HunkState
from podium.domain.steering import Steer
from podium.engine.briefs import diff_of
from podium.engine.proposals import Decision
from podium.engine.undo import Undoing
from podium.lsp.protocol import (
    AgentInfo,
    CheckInfo,
    DecisionReceipt,
    FindingInfo,
    HunkInfo,
    MissionInfo,
    MissionLine,
    MissionStatus,
    PauseInfo,
    PlaceInfo,
    ProposalInfo,
    QuestionInfo,
    SpendingInfo,
    SpentInfo,
    SteerInfo,
    SteerReceipt,
    TaskInfo,
    UndoneInfo,
    UndoResult,
)


def mission_line(state: MissionState, *, elsewhere: bool) -> MissionLine:
    """Return a mission in short; `elsewhere` tells whether another server carries it out."""
    return MissionLine.model_validate(_short(state, elsewhere))


def mission_status(state: MissionState) -> MissionStatus:
    """Return where a mission stands."""
    return MissionStatus(mission_id=state.id, status=state.status, reason=state.reason)


def mission_info(state: MissionState, uri: Callable[[str], str], *, elsewhere: bool) -> MissionInfo:
    """Return everything about a mission; `uri` turns a path of the workspace into its URI."""
    return MissionInfo(
        **_short(state, elsewhere),  # pyright: ignore[reportArgumentType] - checked by the model
        model=state.model,
        summary=state.summary,
        spent=_spent(state.spent),
        spending=tuple(
            SpendingInfo(role=on.role, task_id=on.task_id, model=on.model, spent=_spent(spent))
            for on, spent in state.spending.items()
        ),
        tasks=tuple(_tasks(state)),
        checks=tuple(_check(r) for (task, _), r in state.checks.items() if not task),
        findings=tuple(
            FindingInfo(
                id=f.id,
                path=f.path,
                line=f.line,
                severity=f.severity,
                code=f.code,
                message=f.message,
                suggestion=f.suggestion,
                evidence=f.evidence,
                state=f.state,
            )
            for f in state.findings.values()
        ),
        places=tuple(
            PlaceInfo(uri=uri(p.path), path=p.path, start_line=p.start_line, end_line=p.end_line, why=p.why)
            for p in state.places
        ),
        questions=tuple(question_info(state, q) for q in state.questions.values()),
        proposals=tuple(_proposal(p) for p in state.proposals.values()),
        steers=tuple(_steer(s) for s in state.steers.values()),
        pauses=tuple(PauseInfo(since=p.since, until=p.until) for p in state.pauses),
        pruned=state.pruned,
    )


def question_info(state: MissionState, question: Question) -> QuestionInfo:
    """Return an open question."""
    return QuestionInfo(
        id=question.id,
        mission_id=state.id,
        task_id=question.task_id,
        text=question.text,
        options=question.options,
    )


def agent_infos(state: MissionState, holds: Callable[[str, str], tuple[str, ...]]) -> Iterable[AgentInfo]:
    """Return the running agents of a mission; `holds` tells the files of a task."""
    for agent in state.agents.values():
        doing, since = state.doing(agent)
        yield AgentInfo(
            id=agent.id,
            mission_id=state.id,
            role=agent.role,
            task_id=agent.task_id,
            model=agent.model,
            doing=doing,
            since=since,
            requests=agent.requests,
            tokens=agent.tokens,
            elapsed_s=max(0.0, time.time() - agent.since),
            holds=holds(state.id, agent.task_id) if agent.role == "worker" else (),
        )


def _steer(steer: Steer) -> SteerInfo:
    return SteerInfo(
        id=steer.id,
        task_id=steer.task_id,
        message=steer.text,
        when=steer.when,
        at=steer.at,
        told=steer.told,
    )


def steer_receipt(state: MissionState, steer: Steer) -> SteerReceipt:
    """Return who hears what the user has said to the mission."""
    agents = (agent for agent in state.agents.values() if steer.concerns(agent.role, agent.task_id))
    return SteerReceipt(steer_id=steer.id, mission_id=state.id, agents=tuple(agent.id for agent in agents))


def _spent(spent: Spent) -> SpentInfo:
    return SpentInfo(
        attempts=spent.attempts,
        model_requests=spent.model_requests,
        prompt_tokens=spent.prompt_tokens,
        completion_tokens=spent.completion_tokens,
        cached_tokens=spent.cached_tokens,
        cost_usd=spent.cost_usd if spent.cost_known else None,
        estimated=spent.estimated,
        corrections=spent.corrections,
    )


def _short(state: MissionState, elsewhere: bool) -> dict[str, object]:
    closed, total = state.progress
    return {
        "mission_id": state.id,
        "goal": state.goal,
        "kind": state.kind,
        "status": state.status,
        "reason": state.reason,
        "started_at": state.started_at,
        "ended_at": state.ended_at,
        "closed": closed,
        "total": total,
        "elsewhere": elsewhere,
        "imported": state.imported,
    }


def _tasks(state: MissionState) -> Iterable[TaskInfo]:
    for task in state.plan.tasks.values():
        yield TaskInfo(
            id=task.id,
            title=task.title,
            state=task.state,
            files=task.files,
            needs=task.needs,
            checks=task.checks,
            attempts=state.attempts.get(task.id, 0),
            results=tuple(_check(r) for (of, _), r in state.checks.items() if of == task.id),
        )


def _check(result: CheckResult) -> CheckInfo:
    return CheckInfo(
        name=result.check,
        argv=result.argv,
        exit_code=result.exit_code,
        duration_s=result.duration_s,
        tree_hash=result.tree_hash,
        failing=len(result.failures),
    )


def _proposal(proposal: Proposal) -> ProposalInfo:
    return ProposalInfo(
        id=proposal.id,
        task_id=proposal.task_id,
        label=proposal.label,
        state=proposal.state,
        reason=proposal.reason,
        paths=tuple(edit.path for edit in proposal.edits),
        diff=diff_of(proposal.edits),
        hunks=tuple(
            HunkInfo(
                number=h.number, path=h.path, line=h.line, diff=h.diff, state=_hunk_state(proposal, h.number)
            )
            for h in proposal.hunks()
        ),
    )


def _hunk_state(proposal: Proposal, number: int) -> HunkState:
    if number in proposal.accepted or proposal.state in {"delivered", "undone"}:
        return "rejected" if number in proposal.rejected else "accepted"
    return "waiting" if proposal.state == "waiting" and number not in proposal.rejected else "rejected"


def decision_receipt(decision: Decision) -> DecisionReceipt:
    """Return what became of a decision."""
    return DecisionReceipt(
        proposal_id=decision.proposal_id,
        mission_id=decision.mission_id,
        accepted=decision.accepted,
        rejected=decision.rejected,
        waiting=decision.waiting,
        outcome=decision.outcome,
    )


def undo_result(undoing: Undoing) -> UndoResult:
    """Return what was undone or redone, and what was not."""
    return UndoResult(
        mission_id=undoing.mission_id,
        direction=undoing.direction,
        proposals=tuple(
            UndoneInfo(
                proposal_id=turned.proposal.id,
                task_id=turned.proposal.task_id,
                label=turned.proposal.label,
                paths=tuple(edit.path for edit in turned.proposal.edits),
                done=not turned.reason,
                reason=turned.reason,
            )
            for turned in undoing.proposals
        ),
    )
