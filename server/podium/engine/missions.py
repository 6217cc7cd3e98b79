"""What each kind of mission does, from its request to its end.

Control flow is code: models are asked where judgement is needed, and answer by decisions.
"""

from typing import assert_never

import anyio

from podium.domain.events import PlacesFound, PlanSet, ReviewSubmitted
from podium.domain.plan import CLOSED, Task
from podium.domain.strands import OWN
from podium.engine import briefs, learning
from podium.engine.briefs import Assignment
from podium.engine.decisions import AgentGaveUp, ContextSubmitted, PlanSubmitted, ReviewDecided
from podium.engine.ending import ROUNDS, more_was_added
from podium.engine.mission_run import MissionRun
from podium.engine.past import Diverged
from podium.engine.task_run import as_findings, run_task
from podium.engine.verification import troubles
from podium.errors import OutOfReach, UserError


async def carry_out(run: MissionRun) -> None:
    """Carry a mission out. It ends through `run.end`, or by cancelling its scope."""
    with run.scope:
        try:
            await run.settle()
            with run.past.strand(OWN):
                await _from_where_it_was(run)
        except* OutOfReach as errors:
            run.interrupt(_first(errors))
        except* UserError as errors:
            run.decide_ending("failed", _first(errors))
        except* AgentGaveUp as errors:
            run.decide_ending("failed", _first(errors))


def _first(group: BaseExceptionGroup[BaseException]) -> str:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return str(error)  # pyright: ignore[reportUnknownArgumentType]


async def _from_where_it_was(run: MissionRun) -> None:
    """Carry the mission out; where it relives its past and cannot, its own steps begin anew with the plan it has."""
    anew = OWN in run.past.begun_anew
    while True:
        try:
            if anew and run.request.kind in {"task", "fix"} and run.state.plan.tasks:
                if not run.state.attempts:
                    await _approve(run)
                await _work_to_sign_off(run)
            await _by_kind(run)
        except Diverged as diverged:
            await run.restart(OWN, diverged)
            anew = True


async def _by_kind(run: MissionRun) -> None:
    if run.request.kind in {"task", "fix", "plan"} and (told := troubles(run.services.checks.found())):
        raise UserError(told)
    await learning.recall(run)
    match run.request.kind:
        case "task" | "fix":
            if run.request.tasks:
                await run.recording.record(PlanSet(run.request.tasks))
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
    async with run.agent("planner", Assignment(own=briefs.planning_text(run.tree))) as planner:
        decision = await planner.decide(run.context(run.tree, planner.id), run.facts())
    assert isinstance(decision, PlanSubmitted)  # noqa: S101 - a planner has no other deciding tool
    await run.recording.record(PlanSet(decision.tasks, author=planner.id))
    await learning.keep(run, planner.id, run.tree, decision.learned)
    await _approve(run)


async def _approve(run: MissionRun) -> None:
    """Have the user approve the plan, where the settings ask for that."""
    if run.settings.approve_plan and run.request.kind == "task" and not run.request.auto:
        titles = "\n".join(f"- {task.title}" for task in run.state.plan.tasks.values())
        answer = await run.questions.ask(f"Carry out this plan?\n{titles}", ("yes", "no"))
        if answer.strip().lower() != "yes":
            await run.end("stopped", "The plan was not approved.")


async def _work_to_sign_off(run: MissionRun) -> None:
    n_left = ROUNDS - 1
    while True:
        await _work_off(run)
        n_left -= await more_was_added(run, n_left)


async def _work_off(run: MissionRun) -> None:
    """Run all tasks, each as soon as its needs are closed and its files are free; those that were interrupted first."""
    if run.past.reliving:  # and so they are worked off
        return
    async with anyio.create_task_group() as tasks:
        started: set[str] = set()
        for task_id in run.past.open_tasks():
            held = run.past.held(task_id)
            lacking = () if run.leases.take(task_id, held) else held
            started.add(task_id)
            tasks.start_soon(_work, run, run.state.plan.tasks[task_id], lacking, name=task_id)
        while not run.state.plan.closed():
            for task in run.state.plan.ready():
                if task.id not in started and run.leases.take(task.id, task.files):
                    started.add(task.id)
                    tasks.start_soon(_work, run, task, (), name=task.id)
            await run.something_to_start()


async def _work(run: MissionRun, task: Task, lacking: tuple[str, ...]) -> None:
    """Work on a task, once it has the files that it is `lacking`; where it cannot relive its past, anew."""
    if lacking:
        await run.leases.take_when_free(task.id, lacking)
    with run.past.strand(task.id):
        try:
            await run_task(run, run.state.plan.tasks.get(task.id, task))
        except Diverged as diverged:
            await run.restart(task.id, diverged)
            if run.state.plan.tasks[task.id].state not in CLOSED:
                await run.leases.take_when_free(task.id, task.files)
                await run_task(run, run.state.plan.tasks[task.id])
    run.look_again()  # not after an error: nothing more may start then


async def _review(run: MissionRun) -> None:
    async with run.agent("reviewer", Assignment(), role_prompt="reviewer_project") as reviewer:
        decision = await reviewer.decide(run.context(run.tree, reviewer.id), run.facts())
    assert isinstance(decision, ReviewDecided)  # noqa: S101 - a reviewer has no other deciding tool
    findings = as_findings(run.state.id, decision)
    await run.recording.record(ReviewSubmitted("", decision.approved, findings))
    await run.end("signed_off", f"{len(findings)} finding{'s' * (len(findings) != 1)}.")


async def _search(run: MissionRun) -> None:
    async with run.agent("searcher", Assignment()) as searcher:
        decision = await searcher.decide(run.context(run.tree, searcher.id), run.facts())
    assert isinstance(decision, ContextSubmitted)  # noqa: S101 - a searcher has no other deciding tool
    await run.recording.record(PlacesFound(decision.summary, decision.places))
    n_places = len(decision.places)
    await run.end("signed_off", f"{n_places} place{'s' * (n_places != 1)}.")
