"""What each kind of mission does, from its request to its end.

Control flow is code: models are asked where judgement is needed, and answer by decisions.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import NoReturn, assert_never

import anyio

from podium.domain.events import Event, PlacesFound, PlanSet, ReviewSubmitted, TaskDropped
from podium.domain.mission import MissionState
from podium.domain.plan import Task
from podium.engine import briefs, learning
from podium.engine.agent import AgentGaveUp
from podium.engine.briefs import Assignment
from podium.engine.decisions import (
    ContextSubmitted,
    PlanChanged,
    PlanSubmitted,
    ReviewDecided,
    SignedOff,
)
from podium.engine.mission_run import MissionRun
from podium.engine.roles import filled
from podium.engine.task_run import as_findings, run_task
from podium.engine.verification import CheckCall, Verdict
from podium.errors import ToolError, UserError

SIGN_OFF_ROUNDS = 3
"""How often the Commander may add tasks before the mission stops."""
REFUSED_SIGN_OFFS = 3
"""How often in a row a Commander may sign off what cannot be signed off before the mission stops."""


async def carry_out(run: MissionRun) -> None:
    """Carry a mission out. It ends through `run.end`, or by cancelling its scope."""
    with run.scope:
        try:
            await _by_kind(run)
        except* UserError as errors:
            run.decide_ending("failed", _first(errors))
        except* AgentGaveUp as errors:
            run.decide_ending("failed", _first(errors))


def _first(group: BaseExceptionGroup[BaseException]) -> str:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return str(error)  # pyright: ignore[reportUnknownArgumentType]


async def _by_kind(run: MissionRun) -> None:
    await learning.recall(run)
    match run.request.kind:
        case "task" | "fix":
            if run.request.tasks:
                await run.record(PlanSet(run.request.tasks))
            else:
                await _plan(run)
            await _work_to_sign_off(run)
        case "plan":
            await _plan(run)
            n_tasks = len(run.state.plan.tasks)
            await run.end("signed_off", f"The plan has {n_tasks} task{'s' * (n_tasks != 1)}.")
        case "review":
            await _review(run)
        case "search":
            await _search(run)
        case _:
            assert_never(run.request.kind)


async def _plan(run: MissionRun) -> None:
    async with run.agent("planner", Assignment()) as planner:
        decision = await planner.decide(run.context(run.tree, planner.id), run.facts())
    assert isinstance(decision, PlanSubmitted)  # noqa: S101 - a planner has no other deciding tool
    await run.record(PlanSet(decision.tasks))
    await learning.keep(run, planner.id, run.tree, decision.learned)
    if run.settings.approve_plan and run.request.kind == "task" and not run.request.auto:
        titles = "\n".join(f"- {task.title}" for task in decision.tasks)
        answer = await run.question(f"Carry out this plan?\n{titles}", ("yes", "no"))
        if answer.strip().lower() != "yes":
            await run.end("stopped", "The plan was not approved.")


async def _work_to_sign_off(run: MissionRun) -> None:
    n_rounds = 0
    while n_rounds < SIGN_OFF_ROUNDS:
        await _work_off(run)
        if all(task.state == "dropped" for task in run.state.plan.tasks.values()):
            await run.end("stopped", "Every task was dropped.")
        await _decided(run)
        verdict = await run.desk.gate(run.tree.candidate(), run.tree.edits(), _gates(run))
        decision = await _command(run, verdict)
        if not isinstance(decision, SignedOff):
            n_rounds += 1
        elif run.state.plan.closed():
            if run.request.apply == "end" and run.tree.edits():
                await run.deliver(run.state.goal, run.tree.edits())
            await _end_signed_off(run, decision.summary)
    await run.end("stopped", f"The goal was not reached in {SIGN_OFF_ROUNDS} rounds of work.")


async def _decided(run: MissionRun) -> None:
    """Wait for the user's decisions on what the tasks propose; where nothing is wanted, the mission stops."""
    await run.decisions()
    proposals = run.state.proposals.values()
    if proposals and all(p.state == "rejected" for p in proposals):
        reasons = "; ".join(dict.fromkeys(p.reason for p in proposals if p.reason))
        await run.end("stopped", "Every change was rejected" + (f": {reasons}" if reasons else "."))


async def _end_signed_off(run: MissionRun, summary: str) -> NoReturn:
    refused = [p for p in run.state.proposals.values() if p.state == "refused"]
    if refused:
        names = ", ".join(f"“{p.label}”" for p in refused)
        await run.end("stopped", f"Verified, but not applied: {names}: {refused[0].reason}")
    await run.end("signed_off", summary)


def _gates(run: MissionRun) -> tuple[CheckCall, ...]:
    """Return the checks of the whole mission: the tests, and every check that a task names."""
    named = {run.desk.require(check).check.name for t in run.state.plan.tasks.values() for check in t.checks}
    tests = tuple(call.check.name for call in run.desk.gates())
    return tuple(run.desk.require(name) for name in dict.fromkeys((*tests, *sorted(named))))


async def _work_off(run: MissionRun) -> None:
    """Run all tasks, each as soon as its needs are closed and its files are free."""

    async def work(task: Task) -> None:
        await run_task(run, task)
        run.look_again()  # not after an error: nothing more may start then

    async with anyio.create_task_group() as tasks:
        started: set[str] = set()
        while not run.state.plan.closed():
            for task in run.state.plan.ready():
                if task.id not in started and run.leases.take(task.id, task.files):
                    started.add(task.id)
                    tasks.start_soon(work, task, name=task.id)
            await run.something_to_start()


async def _command(run: MissionRun, verdict: Verdict) -> SignedOff | PlanChanged:
    """Return the Commander's decision; a sign-off does not count while the gate is closed."""
    plan, edits = run.state.plan, run.tree.edits()
    assignment = Assignment(own=briefs.sign_off_text(plan, edits, verdict, run.state.proposals.values()))
    facts = run.facts(
        closed=plan.closed(), passed=verdict.passed, results=briefs.result_facts(verdict.results)
    )
    reply = ""
    n_refused = 0
    async with run.agent("commander", assignment) as commander:
        while True:
            decision = await commander.decide(run.context(run.tree, commander.id), facts, reply)
            if isinstance(decision, PlanChanged):
                try:
                    await run.record_decided(partial(_replanned, decision))
                except ToolError as error:  # the user has edited the plan meanwhile
                    reply = f"error: {error}"
                    continue
                return decision
            assert isinstance(decision, SignedOff)  # noqa: S101 - a commander has no other deciding tool
            problems = _against(run, verdict)
            if not problems:
                await _ask_about_excused(run, verdict)
                return decision
            n_refused += 1
            if n_refused == REFUSED_SIGN_OFFS:
                first = problems[0].splitlines()[0]
                await run.end("stopped", f"The work was not good enough to be signed off: {first}")
            reply = "error: " + filled("commander_refused", problems="\n\n".join(problems))


def _replanned(decision: PlanChanged, state: MissionState) -> Sequence[Event]:
    plan = state.plan.changed(decision.add, decision.drop, decision.reword)
    dropped = [TaskDropped(task_id, why) for task_id, why in decision.drop.items()]
    return [*dropped, PlanSet(tuple(plan.tasks.values()), decision.reason)]


def _against(run: MissionRun, verdict: Verdict) -> list[str]:
    """Return what speaks against signing off, whatever the Commander says."""
    problems = list(verdict.problems)
    open_findings = [f for f in run.state.findings.values() if f.state == "open" and f.severity == "error"]
    problems.extend(f"Open finding at {f.path}:{f.line}: {f.message}" for f in open_findings)
    if not any(t.state == "completed" for t in run.state.plan.tasks.values()):
        problems.append("No task was completed.")
    if run.request.auto and verdict.excused:
        problems.extend(_skipped(run.state, verdict.excused))
    return problems


def _skipped(state: MissionState, red: Sequence[str]) -> Iterable[str]:
    """Yield what speaks against signing off with `red` checks where tasks were skipped and nobody was asked."""
    for task in state.plan.tasks.values():
        if task.state == "dropped" and task.id in state.attempts:
            yield f"Task “{task.title}” was skipped, because it did not get on, and still red: {', '.join(red)}."


async def _ask_about_excused(run: MissionRun, verdict: Verdict) -> None:
    """Let the user decide about checks that are as red as before, where a task was to make them green."""
    wanted = {check for t in run.state.plan.tasks.values() for check in t.checks if t.state == "completed"}
    still_red = [name for name in verdict.excused if name in wanted]
    if not still_red:
        return
    if run.request.auto:
        await run.end("stopped", f"Still red, as before the mission: {', '.join(still_red)}.")
    answer = await run.question(
        f"Still red, as before the mission: {', '.join(still_red)}. Sign off all the same?", ("no", "yes")
    )
    if answer.strip().lower() != "yes":
        await run.end("stopped", f"Still red, as before the mission: {', '.join(still_red)}.")


async def _review(run: MissionRun) -> None:
    async with run.agent("reviewer", Assignment(), role_prompt="reviewer_project") as reviewer:
        decision = await reviewer.decide(run.context(run.tree, reviewer.id), run.facts())
    assert isinstance(decision, ReviewDecided)  # noqa: S101 - a reviewer has no other deciding tool
    findings = as_findings(run.state.id, decision)
    await run.record(ReviewSubmitted("", decision.approved, findings))
    await run.end("signed_off", f"{len(findings)} finding{'s' * (len(findings) != 1)}.")


async def _search(run: MissionRun) -> None:
    async with run.agent("searcher", Assignment()) as searcher:
        decision = await searcher.decide(run.context(run.tree, searcher.id), run.facts())
    assert isinstance(decision, ContextSubmitted)  # noqa: S101 - a searcher has no other deciding tool
    await run.record(PlacesFound(decision.summary, decision.places))
    n_places = len(decision.places)
    await run.end("signed_off", f"{n_places} place{'s' * (n_places != 1)}.")
