"""Changes the plan."""

from pydantic import Field

from podium.engine.decisions import PlanChanged
from podium.engine.tools.submit_plan import TaskArguments, as_tasks, require_atomic
from podium.engine.tools.tool import Arguments, Tool, ToolContext
from podium.errors import ToolError


class ChangePlan(Arguments):
    reason: str = Field(min_length=1)
    add: list[TaskArguments] = Field(
        default_factory=list[TaskArguments],
        json_schema_extra={"items": {"type": "object"}},
        description="tasks as in submit_plan",
    )
    drop: dict[str, str] = Field(default_factory=dict, description="task id to reason")
    needs: dict[str, list[str]] = Field(default_factory=dict, description="task id to what it needs now")
    reword: dict[str, str] = Field(default_factory=dict, description="task id to new instructions")


async def run(context: ToolContext, args: ChangePlan) -> PlanChanged:
    """Accept the change if the plan stays sound."""
    if not (args.add or args.drop or args.reword or args.needs):
        raise ToolError("This changes nothing; add, drop, reword or reorder tasks.")
    add = as_tasks(context, args.add)
    needs = {task_id: tuple(ids) for task_id, ids in args.needs.items()}
    require_atomic(context.plan.changed(add, args.drop, args.reword, needs), add, needs)
    return PlanChanged(add, args.drop, args.reword, args.reason, needs)


CHANGE_PLAN = Tool(
    "change_plan",
    "Add, drop, reword or reorder open tasks; to split one, drop it, add its parts, and have others need them.",
    ChangePlan,
    run,
)
