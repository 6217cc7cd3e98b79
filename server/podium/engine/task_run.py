"""What one task goes through: search, code, checks, review, fix, until evidence closes it.

The loop ends in one of four ways: accepted, dropped by the user, the mission stopped by a limit or by the
user, or (while it waits) a question. A Worker that says it is done only starts the next round of checks.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from podium.domain import fingerprint, perseverance
from podium.domain.changes import FileEdit
from podium.domain.events import (
    AttemptStarted,
    ChangeClashed,
    FindingChanged,
    PlacesFound,
    ProposalWithdrawn,
    ReviewSubmitted,
    TaskAccepted,
    TaskReopened,
    TaskStuck,
)
from podium.domain.findings import Finding, finding_id
from podium.domain.messages import Json
from podium.domain.plan import Task
from podium.engine import briefs, learning
from podium.engine.advice import about_failing, about_question
from podium.engine.agent import Agent
from podium.engine.briefs import Assignment
from podium.engine.decisions import AgentGaveUp, ContextSubmitted, ReviewDecided, WorkFinished
from podium.engine.mission_run import MissionRun
from podium.engine.plan_desk import left_behind
from podium.engine.roles import filled
from podium.engine.stuck import find_way_out
from podium.engine.tree import CandidateTree
from podium.engine.verification import CheckCall, Verdict, shortened

MOST_CONFLICTS = 6_000
"""How many characters of the conflicts of a change a Worker is shown."""

_CHANGED = "The task was changed while the work was judged."

CONFLICTS_TOLD = 2
"""After how many conflicts of a task the Commander is asked."""


@dataclass(frozen=True, slots=True)
class _Rejected:
    """Why an attempt was not accepted, what it is compared by, and what the Worker is told."""

    problems: str
    fingerprint: str
    reply: str
    reviewed: bool = False
    conflict: bool = False


@dataclass(frozen=True, slots=True)
class _KeptOut:
    """An accepted change that the user's typing kept out of the files: it waits while its task is done again."""

    proposal_id: str
    accepted: TaskAccepted


@dataclass(slots=True)
class _Memory:
    """What is kept of a task from one Worker to the next.

    `models` have tried it, the last is the one to use; `failed` has the problem by the change, the latest last.
    `sent_back` says that an accepted change came back once; `kept_out` is that one, until another takes its place.
    """

    models: list[str]
    attempts: int = 0
    workers: int = 0
    failed: dict[tuple[FileEdit, ...], str] = field(default_factory=dict[tuple[FileEdit, ...], str])
    conflicts: int = 0
    open_findings: tuple[str, ...] = ()
    sent_back: bool = False
    kept_out: _KeptOut | None = None


@dataclass(slots=True)
class _Tries:
    """What one Worker has tried. `objections` are what Reviewers had against a change, by the change."""

    memory: _Memory
    attempts: int = 0
    red: int = 0
    seen: Counter[str] = field(default_factory=Counter[str])
    objections: dict[tuple[FileEdit, ...], list[str]] = field(
        default_factory=dict[tuple[FileEdit, ...], list[str]]
    )
    last: tuple[FileEdit, ...] = ()

    def gets_on(self, rejected: _Rejected, edits: tuple[FileEdit, ...]) -> bool:
        """Count a rejected attempt, and return whether the Worker goes on."""
        if not (rejected.reviewed and edits == self.last):
            self.seen[rejected.fingerprint] += 1
        self.last = edits
        doubts = len(self.objections.get(edits, ())) if rejected.reviewed else 0
        return perseverance.gets_on(self.seen[rejected.fingerprint], doubts, self.attempts)


async def run_task(run: MissionRun, task: Task) -> None:
    """Work on one task until it is closed.

    Raises:
        ModelUnavailable: a model that it needs does not answer.
    """
    memory = _Memory([run.settings.model_for("worker")], run.state.attempts.get(task.id, 0))
    try:
        with run.plans.at_work(task.id) as scope:
            await _work(run, task, memory)
    finally:
        run.leases.release(task.id)
    if scope.cancel_called:
        dismissed = [FindingChanged(finding, "dismissed") for finding in memory.open_findings]
        await run.recording.record(*left_behind(run.state, task.id), *dismissed)


async def _work(run: MissionRun, task: Task, memory: _Memory) -> None:
    context = ""
    if not task.files and run.request.kind != "fix":
        context = await _search(run, task)
    hint = ""
    await _its_turn(run, task)
    while True:
        stuck = await _work_with_hint(run, task, context, hint, memory)
        if stuck is None:
            return
        if memory.kept_out is not None:
            with run.plans.closing(task.id) as allowed:
                if allowed:
                    await _keep_waiting(run, memory.kept_out, memory.open_findings)
            return
        await run.recording.record(TaskStuck(task.id, stuck.problems, stuck.fingerprint))
        run.leases.release(task.id)
        run.look_again()
        if advice := await about_failing(run, task, stuck.problems):
            hint = advice
            await _its_turn(run, task)
            await run.leases.take_when_free(task.id, run.state.plan.tasks[task.id].files)
            await run.recording.record(TaskReopened(task.id, hint))
            memory.workers = 0
            continue
        again = await find_way_out(run, task, stuck.problems, memory.models, memory.open_findings)
        if again is None:
            return
        hint = again.hint
        if again.model:
            memory.models.append(again.model)
        await run.leases.take_when_free(task.id, task.files)
        await run.recording.record(TaskReopened(task.id, again.hint, again.model))
        memory.workers = 0


async def _its_turn(run: MissionRun, task: Task) -> None:
    """Wait until everything that the task needs is closed: it may have come to need more meanwhile."""
    while not (run.past.reliving or run.state.plan.may_start(task.id)):
        run.leases.release(task.id)
        await run.something_to_start()
        if run.state.plan.may_start(task.id):
            await run.leases.take_when_free(task.id, run.state.plan.tasks[task.id].files)


async def _work_with_hint(
    run: MissionRun, task: Task, context: str, hint: str, memory: _Memory
) -> _Rejected | None:
    """Let a Worker try, where nobody is asked one after another; return why none of them got on, or None."""
    while True:
        task = run.state.plan.tasks[task.id]
        run.tree.refresh()
        tree = CandidateTree(run.root, run.tree)
        tried = briefs.tried_text(memory.failed)
        assignment = Assignment(briefs.task_text(task), briefs.work_text(context, hint, tried))
        memory.workers += 1
        async with run.agent("worker", assignment, task.id, model=memory.models[-1]) as worker:
            stuck = await _attempts(run, task, worker, tree, memory)
        asks = not run.request.auto
        if stuck is None or asks or not perseverance.another_worker(memory.workers):
            return stuck


async def _search(run: MissionRun, task: Task) -> str:
    """Return what a Searcher found for the task; nothing when it gave up: the Worker can look for itself."""
    try:
        async with run.agent("searcher", Assignment(briefs.task_text(task)), task.id) as searcher:
            context = run.context(run.tree, searcher.id, task.id)
            decision = await searcher.decide(context, run.facts(task=briefs.task_facts(task)))
    except AgentGaveUp:
        return ""
    assert isinstance(decision, ContextSubmitted)  # noqa: S101 - a searcher has no other deciding tool
    await run.recording.record(PlacesFound(decision.summary, decision.places, task.id))
    return briefs.places_text(decision.summary, decision.places)


async def _attempts(
    run: MissionRun, task: Task, worker: Agent, tree: CandidateTree, memory: _Memory
) -> _Rejected | None:
    """Let the Worker try until the task is accepted (None), or return the last problem when it does not get on."""
    tries = _Tries(memory)
    reply = ""
    while True:
        facts = run.facts(task=briefs.task_facts(task))
        if not run.past.reliving:
            await run.budget.attempt()
        memory.attempts += 1
        tries.attempts += 1
        fixing = memory.attempts > 1 or run.request.kind == "fix"
        await run.recording.record(AttemptStarted(task.id, memory.attempts, "fix" if fixing else "code"))
        try:
            context = replace(
                run.context(tree, worker.id, task.id), consult=partial(about_question, run, task)
            )
            decision = await worker.decide(context, facts, reply)
            assert isinstance(decision, WorkFinished)  # noqa: S101 - a worker has no other deciding tool
            task = run.state.plan.tasks[task.id]
            rejected = await _judge(run, task, tree, decision.summary, tries)
        except AgentGaveUp as gave_up:
            return _Rejected(str(gave_up), fingerprint.of_texts((str(gave_up),)), "")
        if rejected is None:
            await learning.keep(run, worker.id, tree, decision.learned)
            return None
        edits = tree.edits()
        memory.failed.pop(edits, None)
        memory.failed[edits] = rejected.problems
        if not tries.gets_on(rejected, edits):
            return rejected
        reply = rejected.reply
        if rejected.conflict:
            run.tree.refresh()
            tree = CandidateTree(run.root, run.tree)
            memory.conflicts += 1
            if memory.conflicts == CONFLICTS_TOLD:
                reply = f"{reply}\n\n{await about_failing(run, task, rejected.problems)}".rstrip()


async def _judge(
    run: MissionRun,
    task: Task,
    tree: CandidateTree,
    summary: str,
    tries: _Tries,
) -> _Rejected | None:
    """Check, review and accept an attempt; or return why not.

    Raises:
        AgentGaveUp: two Reviewers came to no verdict.
    """
    candidate, edits = tree.candidate(), tree.edits()
    calls = tuple(run.desk.require(check) for check in task.checks) or run.desk.gates()
    others = run.state.plan.with_state(task.id, "completed")
    if not others.closed():
        calls = await run.aim.at(tree, calls)
    verdict = await run.desk.gate(candidate, edits, calls, task.id, named=bool(task.checks))
    if verdict.passed and any(call.targets for call in calls) and _strays(task, edits):
        reached = await run.aim.at(tree, run.desk.gates())
        verdict = verdict.and_then(await run.desk.gate(candidate, edits, reached, task.id))
    if not edits and (problems := _against_nothing(verdict)):
        reply = filled("worker_unchanged", problems=problems)
        return _Rejected(problems, fingerprint.of_texts((problems,)), reply)
    if not verdict.passed:
        tries.red += 1
        return _red(verdict, calls, tries.red)
    objections = tries.objections.setdefault(edits, [])
    findings, approved = await _review(run, task, tree, verdict, summary, objections)
    await run.recording.record(
        *(FindingChanged(f, "fixed") for f in tries.memory.open_findings),
        ReviewSubmitted(task.id, approved, findings),
    )
    tries.memory.open_findings = tuple(f.id for f in findings)
    if not approved:
        problems = "\n".join(_finding_text(f) for f in findings)
        objections.append(problems)
        reply = filled("worker_rejected", problems=problems)
        return _Rejected(problems, fingerprint.of_findings(findings), reply, reviewed=True)
    tree_hash = verdict.results[0].tree_hash if verdict.results else ""
    accepted = TaskAccepted(task.id, edits, tree_hash, tuple(r.check for r in verdict.results))
    return await _land(run, task, accepted, tries.memory)


async def _land(run: MissionRun, task: Task, accepted: TaskAccepted, memory: _Memory) -> _Rejected | None:
    """Close the task with its change in the mission's tree, and bring that to the user; or return a conflict.

    A change that the user's typing keeps out goes back to the Worker once; after that it waits for the user.
    """
    proposal_id = run.proposal_id()
    accepted = replace(accepted, proposal_id=proposal_id)
    with run.plans.closing(task.id) as allowed:
        if not allowed:
            return None
        went_on = run.past.went_on_with(ChangeClashed, ProposalWithdrawn, TaskAccepted)
        changed = briefs.task_text(run.state.plan.tasks[task.id]) != briefs.task_text(task)
        if changed if went_on is None else not went_on:
            return _Rejected(_CHANGED, fingerprint.of_texts((_CHANGED,)), _CHANGED)
        if conflicts := await run.landing.lay(proposal_id, task.id, accepted.edits):
            return _conflicting(accepted.edits, conflicts)
        withdrawn = run.landing.withdrawal(memory.kept_out.proposal_id) if memory.kept_out else ()
        memory.kept_out = None
        await run.recording.record(*withdrawn, accepted)
    if not accepted.edits or run.request.apply == "end":
        return None
    conflicts = await run.landing.deliver(proposal_id, task.title, accepted.edits, task.id)
    if not conflicts or memory.sent_back:
        return None
    memory.sent_back, memory.kept_out = True, _KeptOut(proposal_id, accepted)
    if not run.past.reliving:
        run.tree.take_out(proposal_id)
    await run.recording.record(TaskReopened(task.id))
    return _conflicting(accepted.edits, conflicts)


async def _keep_waiting(run: MissionRun, kept_out: _KeptOut, open_findings: Sequence[str]) -> None:
    """Close a task as it was accepted before it was done again in vain; its change goes on waiting."""
    if not run.past.reliving:
        run.tree.put(kept_out.proposal_id, run.state.proposals[kept_out.proposal_id].pending())
    dismissed = [FindingChanged(finding, "dismissed") for finding in open_findings]
    await run.recording.record(*dismissed, kept_out.accepted)


def _conflicting(edits: Sequence[FileEdit], conflicts: Sequence[str]) -> _Rejected:
    text = filled("worker_conflict", conflicts=shortened("\n\n".join(conflicts), MOST_CONFLICTS))
    return _Rejected(text, fingerprint.of_texts(edit.path for edit in edits), text, conflict=True)


def _strays(task: Task, edits: Sequence[FileEdit]) -> bool:
    """Return whether a change goes beyond the files of its task: what it breaks there, the task's tests may not see."""
    return any(edit.path not in task.files for edit in edits)


def _against_nothing(verdict: Verdict) -> str:
    """Return what speaks against closing a task without a change: nothing does when its checks are all green."""
    red = [*verdict.problems, *(f"{name} is red, as before." for name in verdict.excused)]
    return "\n\n".join(red) or ("" if verdict.results else "No check shows that nothing has to be changed.")


def _red(verdict: Verdict, calls: Sequence[CheckCall], n_red: int) -> _Rejected:
    problems = "\n\n".join(verdict.problems)
    reply = filled("worker_fix", problems=problems)
    if calls:
        red = [call for call, result in zip(calls, verdict.results, strict=False) if not result.green]
        first = (red or calls)[0]
        check = first.check.name if first.aimed else first.text
        n_wanted = str(perseverance.candidates_wanted(n_red))
        reply += "\n\n" + filled("worker_candidates", n=n_wanted, check=check)
    return _Rejected(problems, verdict.fingerprint, reply)


async def _review(
    run: MissionRun,
    task: Task,
    tree: CandidateTree,
    verdict: Verdict,
    summary: str,
    objections: Sequence[str],
) -> tuple[tuple[Finding, ...], bool]:
    edits = tree.edits()
    assignment = Assignment(briefs.task_text(task), briefs.review_text(edits, verdict, summary, objections))
    facts = run.facts(
        task=briefs.task_facts(task),
        diff=briefs.diff_of(edits),
        results=briefs.result_facts(verdict.results),
        excused=list(verdict.excused),
    )
    try:
        decision = await _reviewed(run, task, tree, assignment, facts)
    except AgentGaveUp:
        decision = await _reviewed(run, task, tree, assignment, facts)
    return as_findings(run.state.id, decision), decision.approved


async def _reviewed(
    run: MissionRun, task: Task, tree: CandidateTree, assignment: Assignment, facts: Mapping[str, Json]
) -> ReviewDecided:
    async with run.agent("reviewer", assignment, task.id) as reviewer:
        decision = await reviewer.decide(run.context(tree, reviewer.id, task.id), facts)
    assert isinstance(decision, ReviewDecided)  # noqa: S101 - a reviewer has no other deciding tool
    return decision


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
