"""Claims that a task is done."""

from pydantic import Field

from podium.engine.decisions import WorkFinished
from podium.engine.tools.learned import Learned
from podium.engine.tools.tool import Arguments, Tool, ToolContext
from podium.errors import ToolError


class Finish(Arguments):
    summary: str
    learned: Learned = Field(default_factory=dict[str, str], description="as in submit_plan")


async def run(context: ToolContext, args: Finish) -> WorkFinished:
    """Hand the work over to the checks and the Reviewer."""
    if not context.tree.edits():
        raise ToolError(
            "You have changed nothing yet. Make the change, or use ask_user if it cannot be made."
        )
    return WorkFinished(args.summary, args.learned)


FINISH = Tool("finish", "Hand your change over to the checks and the reviewer.", Finish, run)
