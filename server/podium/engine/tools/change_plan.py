"""Changes the plan."""

from pydantic import Field

from podium.engine.decisions import PlanChanged
from podium.engine.tools.submit_plan import TaskArguments, as_tasks, require_atomic
from podium.engine.tools.tool import Arguments, Tool, ToolContext
from podium.errors import ToolError


class ChangePlan(Arguments):
    reason: str = Field(min_length=1)
    add: list[TaskArguments] = Field(default_factory=list[TaskArguments])
    drop: dict[str, str] = Field(default_factory=dict, description="task id to reason")
    reword: dict[str, str] = Field(default_factory=dict, description="task id to new instructions")


async def run(context: ToolContext, args: ChangePlan) -> PlanChanged:
    """Accept the change if the plan stays sound."""
    if not (args.add or args.drop or args.reword):
        raise ToolError("This changes nothing; add, drop or reword a task.")
    add = as_tasks(context, args.add)
    require_atomic(context.plan.changed(add, args.drop, args.reword), add)
    return PlanChanged(add, args.drop, args.reword, args.reason)


CHANGE_PLAN = Tool("change_plan", "Add, drop or reword open tasks.", ChangePlan, run)
