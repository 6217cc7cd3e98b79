"""A task that does not get on: the user chooses a way out, while the other tasks go on.

Its files are free meanwhile. In a mission that may not ask (`podium.auto`), every other configured model has
a try, and then the task is skipped.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from podium.domain.events import FindingChanged, TaskAccepted, TaskDropped, TaskTakenOver
from podium.domain.plan import Task
from podium.domain.stuck import WAYS_OUT, way_out
from podium.engine.mission_run import MissionRun


@dataclass(frozen=True, slots=True)
class Again:
    """Another try, with a hint of the user's and by another model where they are not empty."""

    hint: str = ""
    model: str = ""


async def find_way_out(
    run: MissionRun, task: Task, problems: str, models: Sequence[str], findings: Sequence[str]
) -> Again | None:
    """Return how a stuck task is tried again, or None when it is closed: skipped, or done by the user.

    `models` have tried it so far; `findings` are those that are dismissed with it.
    """
    if run.request.auto:
        others = run.settings.other_models(models)
        if others:
            return Again(model=others[0])
        await _close(
            run, task, TaskDropped(task.id, f"it does not get on: {_first_line(problems)}"), findings
        )
        return None
    answer = await run.questions.ask(
        f"Task “{task.title}” does not get on: {problems}\nChoose, or answer with a hint for another try.",
        WAYS_OUT,
        task.id,
    )
    way, more = way_out(answer)
    match way:
        case "retry":
            return Again(hint=more)
        case "other model":
            return Again(model=more or await _which_model(run, task, models))
        case "take over":
            return await _hand_over(run, task, problems, findings)
        case _:
            return await _give_up(run, task, way, problems, findings)


async def _which_model(run: MissionRun, task: Task, models: Sequence[str]) -> str:
    others = run.settings.other_models(models)
    question = f"Which model shall work on “{task.title}”? Choose, or type a name as litellm spells it."
    return (await run.questions.ask(question, others, task.id)).strip()


async def _give_up(
    run: MissionRun, task: Task, way: str, problems: str, findings: Sequence[str]
) -> Again | None:
    if way == "stop":
        await run.end("stopped", f"Task “{task.title}” does not get on: {_first_line(problems)}")
    await _close(run, task, TaskDropped(task.id, "skipped by the user"), findings)
    return None


async def _hand_over(run: MissionRun, task: Task, problems: str, findings: Sequence[str]) -> Again | None:
    """Leave the task to the user until its checks pass on what their files hold, or they want something else."""
    await run.recording.record(TaskTakenOver(task.id))
    told = ""
    while True:
        answer = await run.questions.ask(
            f"{told}Task “{task.title}” is yours. Answer done when your files hold it; then its checks run.",
            ("done", "give back", "skip", "stop"),
            task.id,
        )
        match answer.strip().lower():
            case "done":
                calls = tuple(run.desk.require(check) for check in task.checks) or run.desk.gates()
                run.tree.refresh()
                verdict = await run.desk.gate(
                    run.tree.candidate(), (), calls, task.id, named=bool(task.checks)
                )
                if verdict.passed:
                    tree_hash = verdict.results[0].tree_hash if verdict.results else ""
                    checks = tuple(result.check for result in verdict.results)
                    await _close(run, task, TaskAccepted(task.id, (), tree_hash, checks), findings)
                    return None
                problems = "\n\n".join(verdict.problems)
                told = f"Not yet: {problems}\n"
            case "skip" | "stop" as way:
                return await _give_up(run, task, way, problems, findings)
            case "give back":
                return Again()
            case _:
                return Again(hint=answer.strip())


async def _close(
    run: MissionRun, task: Task, closed: TaskAccepted | TaskDropped, findings: Sequence[str]
) -> None:
    """Close the task, unless the user has taken it out of the plan just now."""
    with run.plans.closing(task.id) as allowed:
        if allowed:
            await run.recording.record(
                closed, *(FindingChanged(finding, "dismissed") for finding in findings)
            )


def _first_line(text: str) -> str:
    return text.strip().split("\n", 1)[0]
