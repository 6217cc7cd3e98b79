"""What one task goes through: search, code, checks, review, fix, until evidence closes it.

The loop ends in one of four ways: accepted, dropped by the user, the mission stopped by a limit or by the
user, or (while it waits) a question. A Worker that says it is done only starts the next round of checks.
"""

from collections import Counter
from dataclasses import dataclass, field

from podium.domain import fingerprint
from podium.domain.events import (
    AttemptStarted,
    FindingChanged,
    PlacesFound,
    ReviewSubmitted,
    TaskAccepted,
    TaskReopened,
    TaskStuck,
)
from podium.domain.findings import Finding, finding_id
from podium.domain.limits import SAME_ERROR_LIMIT
from podium.domain.plan import Task
from podium.engine import briefs, learning
from podium.engine.agent import Agent, AgentGaveUp
from podium.engine.briefs import Assignment
from podium.engine.decisions import ContextSubmitted, ReviewDecided, WorkFinished
from podium.engine.mission_run import MissionRun
from podium.engine.plan_desk import left_behind
from podium.engine.roles import filled
from podium.engine.stuck import find_way_out
from podium.engine.tree import CandidateTree
from podium.engine.verification import CheckCall, Verdict


@dataclass(frozen=True, slots=True)
class _Rejected:
    """Why an attempt was not accepted: text for the Worker, and what it is compared by."""

    problems: str
    fingerprint: str
    conflict: bool = False


@dataclass(slots=True)
class _Memory:
    """What is kept between the attempts at one task. `models` have tried it; the last is the one to use."""

    models: list[str]
    attempts: int = 0
    seen: Counter[str] = field(default_factory=Counter[str])
    open_findings: tuple[str, ...] = ()


async def run_task(run: MissionRun, task: Task) -> None:
    """Work on one task until it is closed.

    Raises:
        ModelUnavailable: a model that it needs does not answer.
    """
    memory = _Memory([run.settings.model_for("worker")])
    try:
        with run.plans.at_work(task.id) as scope:
            await _work(run, task, memory)
    finally:
        run.leases.release(task.id)
    if scope.cancelled_caught:
        dismissed = [FindingChanged(finding, "dismissed") for finding in memory.open_findings]
        await run.record(*left_behind(run.state, task.id), *dismissed)


async def _work(run: MissionRun, task: Task, memory: _Memory) -> None:
    context = ""
    if not task.files and run.request.kind != "fix":
        context = await _search(run, task)
    hint = ""
    while True:
        task = run.state.plan.tasks[task.id]
        tree = CandidateTree(run.root, run.tree)
        assignment = Assignment(briefs.task_text(task), briefs.work_text(context, hint))
        async with run.agent("worker", assignment, task.id, model=memory.models[-1]) as worker:
            stuck = await _attempts(run, task, worker, tree, memory)
        if stuck is None:
            return
        await run.record(TaskStuck(task.id, stuck.problems, stuck.fingerprint))
        again = await find_way_out(run, task, stuck.problems, memory.models, memory.open_findings)
        if again is None:
            return
        hint = again.hint
        if again.model:
            memory.models.append(again.model)
        await run.record(TaskReopened(task.id, again.hint, again.model))
        memory.seen.clear()


async def _search(run: MissionRun, task: Task) -> str:
    async with run.agent("searcher", Assignment(briefs.task_text(task)), task.id) as searcher:
        context = run.context(run.tree, searcher.id, task.id)
        decision = await searcher.decide(context, run.facts(task=briefs.task_facts(task)))
    assert isinstance(decision, ContextSubmitted)  # noqa: S101 - a searcher has no other deciding tool
    await run.record(PlacesFound(decision.summary, decision.places, task.id))
    return briefs.places_text(decision.summary, decision.places)


async def _attempts(
    run: MissionRun, task: Task, worker: Agent, tree: CandidateTree, memory: _Memory
) -> _Rejected | None:
    """Let the Worker try until the task is accepted (None), or the same error came back too often."""
    reply = ""
    while True:
        calls = tuple(run.desk.require(check) for check in task.checks) or run.desk.gates()
        facts = run.facts(task=briefs.task_facts(task))
        await run.budget.attempt()
        memory.attempts += 1
        fixing = memory.attempts > 1 or run.request.kind == "fix"
        await run.record(AttemptStarted(task.id, memory.attempts, "fix" if fixing else "code"))
        try:
            decision = await worker.decide(run.context(tree, worker.id, task.id), facts, reply)
        except AgentGaveUp as gave_up:
            return _Rejected(str(gave_up), fingerprint.of_texts((str(gave_up),)))
        assert isinstance(decision, WorkFinished)  # noqa: S101 - a worker has no other deciding tool
        if told := briefs.reworded_text(task, run.state.plan.tasks[task.id]):
            task, reply = run.state.plan.tasks[task.id], told
            continue
        rejected = await _judge(run, task, tree, calls, decision.summary, memory)
        if rejected is None:
            await learning.keep(run, worker.id, tree, decision.learned)
            return None
        memory.seen[rejected.fingerprint] += 1
        if memory.seen[rejected.fingerprint] >= SAME_ERROR_LIMIT:
            return rejected
        if rejected.conflict:
            tree = CandidateTree(run.root, run.tree)
            reply = rejected.problems
        else:
            reply = filled("worker_fix", problems=rejected.problems)


async def _judge(
    run: MissionRun,
    task: Task,
    tree: CandidateTree,
    calls: tuple[CheckCall, ...],
    summary: str,
    memory: _Memory,
) -> _Rejected | None:
    """Check, review and accept an attempt; or return why not."""
    candidate, edits = tree.candidate(), tree.edits()
    others = run.state.plan.with_state(task.id, "completed")
    if not others.closed():
        calls = await run.aim.at(tree, calls)
    verdict = await run.desk.gate(candidate, edits, calls, task.id, named=bool(task.checks))
    if not verdict.passed:
        return _Rejected("\n\n".join(verdict.problems), verdict.fingerprint)
    findings, approved = await _review(run, task, tree, verdict, summary)
    await run.record(
        *(FindingChanged(f, "fixed") for f in memory.open_findings),
        ReviewSubmitted(task.id, approved, findings),
    )
    memory.open_findings = tuple(f.id for f in findings)
    if not approved:
        problems = "\n".join(_finding_text(f) for f in findings)
        return _Rejected(problems, fingerprint.of_findings(findings))
    with run.plans.closing(task.id) as allowed:
        if not allowed:
            return None
        conflicts = run.tree.merge(edits)
        if conflicts:
            text = filled("worker_conflict", paths=", ".join(conflicts))
            return _Rejected(text, fingerprint.of_texts((text,)), conflict=True)
        tree_hash = verdict.results[0].tree_hash if verdict.results else ""
        await run.record(TaskAccepted(task.id, edits, tree_hash, tuple(r.check for r in verdict.results)))
    if run.request.apply != "end":
        await run.deliver(task.title, edits, task.id)
    return None


async def _review(
    run: MissionRun, task: Task, tree: CandidateTree, verdict: Verdict, summary: str
) -> tuple[tuple[Finding, ...], bool]:
    edits = tree.edits()
    assignment = Assignment(briefs.task_text(task), briefs.review_text(edits, verdict, summary))
    facts = run.facts(
        task=briefs.task_facts(task),
        diff=briefs.diff_of(edits),
        results=briefs.result_facts(verdict.results),
        excused=list(verdict.excused),
    )
    async with run.agent("reviewer", assignment, task.id) as reviewer:
        decision = await reviewer.decide(run.context(tree, reviewer.id, task.id), facts)
    assert isinstance(decision, ReviewDecided)  # noqa: S101 - a reviewer has no other deciding tool
    return as_findings(run.state.id, decision), decision.approved


def as_findings(mission_id: str, decision: ReviewDecided, evidence: str = "reviewer") -> tuple[Finding, ...]:
    """Return a review's remarks as findings with stable ids."""
    return tuple(
        Finding(
            finding_id(mission_id, r.path, r.code, r.quote, r.message),
            r.path,
            r.line,
            r.quote,
            r.severity,
            r.code,
            r.message,
            r.suggestion,
            evidence,
        )
        for r in decision.remarks
    )


def _finding_text(finding: Finding) -> str:
    suggestion = f" Suggestion: {finding.suggestion}" if finding.suggestion else ""
    return f"- {finding.severity} at {finding.path}:{finding.line} ({finding.quote}): {finding.message}{suggestion}"
