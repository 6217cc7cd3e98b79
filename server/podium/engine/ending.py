"""How the work of a mission is judged: the checks on the whole, the Commander, and what is decided without it.

A model's word ends nothing: a sign-off counts only while nothing that was measured speaks against it, and checks
that the mission has turned red become a task, whether the Commander wants it or not.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from podium.domain.events import FindingChanged, PlanSet, ProposalMade
from podium.domain.findings import Finding
from podium.domain.mission import MissionState
from podium.domain.plan import Plan, Task
from podium.engine import briefs
from podium.engine.briefs import Assignment
from podium.engine.decisions import PlanChanged, SignedOff
from podium.engine.mission_run import MissionRun
from podium.engine.roles import filled
from podium.engine.verification import CheckCall, Verdict
from podium.errors import ToolError

ROUNDS = 5
"""How often the tasks are worked off and judged; after the last round nothing can be added any more."""
REFUSALS = 3
"""How many decisions of a Commander may be refused before it is decided without it."""
OPINIONS = 2
"""How many Commanders judge, each for itself, before a mission ends in vain because of what they say."""


@dataclass(frozen=True, slots=True)
class _NoUse:
    """A Commander whose decisions could not be followed, and the sentence for the last of them."""

    why: str


async def more_was_added(run: MissionRun, n_left: int) -> bool:
    """Judge a mission whose tasks are closed: it ends here, or there is work again.

    Returns whether the Commander added it, which it may do `n_left` times; the user may add some at any time.
    """
    if all(task.state == "dropped" for task in run.state.plan.tasks.values()):
        await run.end("stopped", "Every task was dropped.")
    await _decided(run)
    verdict = await _final(run)
    decision = await _command(run, verdict, n_left)
    if decision is None:
        return True
    if run.state.plan.closed():
        if run.request.apply == "end":
            await _deliver_all(run)
        await run.end("signed_off", decision.summary)
    return False


async def _decided(run: MissionRun) -> None:
    """Wait for the user's decisions on what the tasks propose; where nothing is wanted, the mission stops."""
    await run.landing.decisions()
    run.tree.refresh()
    proposals = [p for p in run.state.proposals.values() if p.state != "withdrawn"]
    if proposals and all(p.state == "rejected" for p in proposals):
        reasons = "; ".join(dict.fromkeys(p.reason for p in proposals if p.reason))
        await run.end("stopped", "Every change was rejected" + (f": {reasons}" if reasons else "."))


async def _deliver_all(run: MissionRun) -> None:
    """Bring everything into the user's files as one change; what the user keeps out was not signed off."""
    was = run.past.next(ProposalMade)
    proposal_id = run.proposal_id()
    if edits := was.edits if was is not None else run.tree.as_one(proposal_id):
        await run.landing.deliver(proposal_id, run.state.goal, edits)
        await _decided(run)
        if run.state.proposals[proposal_id].rejected:
            await run.end("stopped", "Signed off, but a part of the change was rejected.")


async def _final(run: MissionRun) -> Verdict:
    """Return what the checks say of the whole mission, and of every task whose certificate no longer counts.

    What the user did not want of a task, its checks need not prove.
    """
    candidate = run.tree.candidate()
    verdict = await run.desk.gate(candidate, run.tree.edits(), _gates(run))
    proposals = run.state.proposals.values()
    unwanted = {p.task_id for p in proposals if p.rejected or p.state == "undone"}
    lapsed: list[str] = []
    red = list(verdict.red)
    for task in run.state.plan.tasks.values():
        stands = task.state == "completed" and task.id not in unwanted
        calls = _lapsed(run, task, verdict) if stands else []
        again = await run.desk.gate(candidate, (), calls, task.id, named=True, final=True) if calls else None
        for problem in again.problems if again else ():
            lapsed.append(f"Task “{task.title}” was verified, but no longer is: {problem}")
        red += again.red if again else ()
    return replace(verdict, problems=(*verdict.problems, *lapsed), red=tuple(dict.fromkeys(red)))


def _lapsed(run: MissionRun, task: Task, verdict: Verdict) -> list[CheckCall]:
    """Return the checks of a task that nothing proves for the tree as it is.

    A certificate counts for the tree that it was given for; for another one, the same check on the whole of
    it does, if it is green.
    """
    on_whole = {result.check: result for result in verdict.results}
    found: list[CheckCall] = []
    for call in map(run.desk.require, task.checks):
        whole, own = on_whole.get(call.check.name), run.state.checks.get((task.id, call.check.name))
        proven = whole and (whole.green or (own and own.tree_hash == whole.tree_hash))
        if not proven:
            found.append(call)
    return found


def _gates(run: MissionRun) -> tuple[CheckCall, ...]:
    """Return the checks of the whole mission: the tests, and every check that a task names."""
    named = {run.desk.require(check).check.name for t in run.state.plan.tasks.values() for check in t.checks}
    tests = tuple(call.check.name for call in run.desk.gates())
    return tuple(run.desk.require(name) for name in dict.fromkeys((*tests, *sorted(named))))


async def _command(run: MissionRun, verdict: Verdict, n_left: int) -> SignedOff | None:
    """Return a Commander's sign-off, or None when there is work again.

    What is red and was not before becomes a task even if the Commander wants none. A mission whose Commander is of
    no use else, ends in vain: only after others, who know nothing of each other, were of no use either.
    """
    useless: list[str] = []
    while len(useless) < OPINIONS:
        decision = await _judged(run, verdict, n_left)
        if not isinstance(decision, _NoUse):
            return decision
        if n_left and not verdict.passed:
            await run.recording.record_decided(lambda state: [_with_mending(state.plan, verdict)])
            return None
        useless.append(decision.why)
    return await run.end("stopped", useless[-1])


async def _judged(run: MissionRun, verdict: Verdict, n_left: int) -> SignedOff | _NoUse | None:
    """Return one Commander's sign-off, or None when it has added work."""
    plan, edits = run.state.plan, run.tree.edits()
    proposals, taken_over = run.state.proposals.values(), run.state.taken_over
    findings = _open(run)
    told = briefs.sign_off_text(plan, edits, verdict, proposals, taken_over)
    assignment = Assignment(own="\n\n".join(filter(None, (told, briefs.findings_text(findings)))))
    facts = run.facts(
        closed=plan.closed(), passed=verdict.passed, results=briefs.result_facts(verdict.results)
    )
    reply = ""
    refused: list[str] = []
    warned = not verdict.excused
    async with run.agent("commander", assignment) as commander:
        while len(refused) < REFUSALS:
            decision = await commander.decide(run.context(run.tree, commander.id), facts, reply)
            if isinstance(decision, PlanChanged) and n_left:
                try:
                    await run.plans.change(decision, commander.id)
                except ToolError as error:  # the user has edited the plan meanwhile
                    reply = f"error: {error}"
                    continue
                return None
            if isinstance(decision, PlanChanged):
                refused.append(f"The goal was not reached in {ROUNDS} rounds of work.")
                reply = "error: " + filled("commander_at_the_end", rounds=str(ROUNDS))
                continue
            if not isinstance(decision, SignedOff):
                refused.append("The Commander did not judge the work.")
                reply = "error: Nobody has asked you anything; call sign_off or change_plan."
            elif problems := [*_against(run, verdict), *_undecided(run, findings, decision)]:
                refused.append(
                    f"The work was not good enough to be signed off: {problems[0].splitlines()[0]}"
                )
                reply = "error: " + filled("commander_refused", problems="\n\n".join(problems))
            elif not warned:
                warned = True
                reply = "error: " + filled("commander_red_as_before", checks=", ".join(verdict.excused))
            elif verdict.excused and run.request.auto:
                return _NoUse(f"Still red, as before the mission: {', '.join(verdict.excused)}.")
            else:
                await _ask_about_excused(run, verdict)
                dismissed = (
                    FindingChanged(findings[n].id, "dismissed", why) for n, why in decision.dismiss.items()
                )
                await run.recording.record(*dismissed)
                return decision
    return _NoUse(refused[-1])


def _with_mending(plan: Plan, verdict: Verdict) -> PlanSet:
    """Return the plan with a task that makes green what the mission has turned red."""
    n_before = sum(task_id.startswith("mend-") for task_id in plan.tasks)
    task = Task(
        f"mend-{n_before + 1}",
        f"Put right what the mission broke: {verdict.problems[0].splitlines()[0]}",
        filled("mending", problems="\n\n".join(verdict.problems)),
        checks=verdict.red,
    )
    plan = plan.changed([task])
    return PlanSet(
        tuple(plan.tasks.values()), "The checks on the whole are red, and nobody planned to change that."
    )


def _open(run: MissionRun) -> dict[str, Finding]:
    """Return the findings above hint that nobody has put right or dismissed, numbered from 1."""
    findings = (f for f in run.state.findings.values() if f.state == "open" and f.severity != "hint")
    return {str(number): finding for number, finding in enumerate(findings, 1)}


def _undecided(run: MissionRun, findings: Mapping[str, Finding], decision: SignedOff) -> Iterable[str]:
    """Yield what a sign-off leaves open: findings without a reason to leave them.

    Errors are not among them: a Reviewer who finds one rejects, and a task that is given up takes them along.
    """
    for number, finding in findings.items():
        is_open = run.state.findings[finding.id].state == "open"
        if is_open and not decision.dismiss.get(number, "").strip():
            where = f"{number} at {finding.path}:{finding.line}: {finding.message}"
            yield f"Neither put right nor dismissed: finding {where}"
    if unknown := decision.dismiss.keys() - findings.keys():
        yield f"There are no such open findings: {', '.join(sorted(unknown))}"


def _against(run: MissionRun, verdict: Verdict) -> list[str]:
    """Return what speaks against signing off, whatever the Commander says."""
    problems = list(verdict.problems)
    if run.request.auto and verdict.excused:
        problems.extend(_skipped(run.state, verdict.excused))
    return problems


def _skipped(state: MissionState, red: Sequence[str]) -> Iterable[str]:
    """Yield what speaks against signing off with `red` checks where tasks were skipped and nobody was asked."""
    for task in state.plan.tasks.values():
        if task.state == "dropped" and task.id in state.attempts:
            yield f"Task “{task.title}” was skipped, because it did not get on, and still red: {', '.join(red)}."


async def _ask_about_excused(run: MissionRun, verdict: Verdict) -> None:
    """Let the user decide about checks that are as red as before: only they know whether the goal is about them."""
    if not verdict.excused:
        return
    red = ", ".join(verdict.excused)
    answer = await run.questions.ask(
        f"Still red, as before the mission: {red}. Sign off all the same?", ("no", "yes")
    )
    if answer.strip().lower() != "yes":
        await run.end("stopped", f"Still red, as before the mission: {red}.")
