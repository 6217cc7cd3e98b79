"""The Commander is asked before the user is: about a task that does not get on, and about a Worker's question.

It answers, changes the plan, or leaves it to the user.
"""

import anyio.lowlevel

from podium.domain.plan import Task
from podium.engine import briefs
from podium.engine.agent import Agent
from podium.engine.briefs import Assignment
from podium.engine.decisions import AgentGaveUp, Answered, PlanChanged
from podium.engine.mission_run import MissionRun
from podium.engine.roles import filled
from podium.errors import ToolError


async def about_failing(run: MissionRun, task: Task, problems: str) -> str:
    """Return the Commander's hint for a task that does not get on, asked once for each; empty where it has none.

    When it has changed the plan instead, the hint is its reason. A task that it drops ends here.
    """
    if task.id in run.advised:
        return ""
    run.advised.add(task.id)
    return await _asked(run, task, filled("commander_stuck", problems=problems))


async def about_question(run: MissionRun, task: Task, question: str, options: tuple[str, ...]) -> str:
    """Return the Commander's answer to a Worker's question; empty where the user is to answer."""
    choices = f" ({' / '.join(options)})" if options else ""
    async with run.stepped_aside(task.id):
        answer = await _asked(run, task, filled("commander_question", question=question + choices))
    return f"The Commander answers: {answer}" if answer else ""


async def _asked(run: MissionRun, task: Task, asked: str) -> str:
    plan = briefs.plan_text(run.state.plan)
    assignment = Assignment(briefs.task_text(task), f"{asked}\n\n{plan}")
    try:
        async with run.agent("commander", assignment, task.id, role_prompt="commander_advises") as commander:
            answer = await _decided(run, task, asked, commander)
    except AgentGaveUp:
        answer = ""
    await anyio.lowlevel.checkpoint()  # here a task ends that was dropped meanwhile
    return answer


async def _decided(run: MissionRun, task: Task, asked: str, commander: Agent) -> str:
    facts = run.facts(task=briefs.task_facts(task), asked=asked)
    reply = ""
    while True:
        decision = await commander.decide(run.context(run.tree, commander.id, task.id), facts, reply)
        if isinstance(decision, Answered):
            return decision.text
        assert isinstance(decision, PlanChanged)  # noqa: S101 - nothing can be signed off meanwhile
        try:
            await run.plans.change(decision, commander.id)
        except ToolError as error:
            reply = f"error: {error}"
        else:
            return f"The plan was changed: {decision.reason}"
