"""Submits the plan."""

from collections.abc import Collection, Sequence

from pydantic import Field

from podium.domain.paths import confined
from podium.domain.plan import Plan, Task, not_atomic
from podium.engine.decisions import PlanSubmitted
from podium.engine.tools.learned import Learned
from podium.engine.tools.tool import Arguments, Tool, ToolContext
from podium.errors import ToolError


class TaskArguments(Arguments):
    id: str = Field(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9._-]+$")
    title: str = Field(min_length=1)
    instructions: str
    files: list[str] = Field(default_factory=list, description="files it changes or creates")
    needs: list[str] = Field(default_factory=list, description="ids of tasks that come before")
    checks: list[str] = Field(default_factory=list, description="names of checks, test ids may follow")


class SubmitPlan(Arguments):
    tasks: list[TaskArguments] = Field(min_length=1)
    learned: Learned = Field(
        default_factory=dict[str, str],
        description="what later missions should know (how to run one test, conventions, pitfalls): "
        "fact to where it shows, path:line or check",
    )


async def run(context: ToolContext, args: SubmitPlan) -> PlanSubmitted:
    """Accept the plan if its graph, files and checks are sound, and its tasks are atomic."""
    tasks = as_tasks(context, args.tasks)
    require_atomic(Plan.of(tasks), tasks)
    return PlanSubmitted(tasks, args.learned)


def require_atomic(plan: Plan, new: Sequence[Task], moved: Collection[str] = ()) -> None:
    """Do nothing if the `new` tasks of a plan are atomic, and those that were `moved` have an order.

    Raises:
        ToolError: some are not; it gives all reasons, so that one more call can put everything right.
    """
    if reasons := not_atomic(plan, [task.id for task in new], moved):
        raise ToolError(" ".join(reasons))


def as_tasks(context: ToolContext, tasks: list[TaskArguments]) -> tuple[Task, ...]:
    """Return the tasks as values.

    Raises:
        ToolError: a file leaves the workspace, or a check does not exist.
    """
    return tuple(
        Task(
            id=task.id,
            title=task.title,
            instructions=task.instructions,
            files=tuple(confined(path) for path in task.files),
            needs=tuple(task.needs),
            checks=tuple(context.desk.require(check).text for check in task.checks),
        )
        for task in tasks
    )


SUBMIT_PLAN = Tool(
    "submit_plan",
    "Submit the plan of atomic tasks; those without needs run at the same time.",
    SubmitPlan,
    run,
)
