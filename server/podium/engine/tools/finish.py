"""Claims that a task is done."""

from pydantic import Field

from podium.engine.decisions import WorkFinished
from podium.engine.tools.learned import Learned
from podium.engine.tools.tool import Arguments, Tool, ToolContext


class Finish(Arguments):
    summary: str
    learned: Learned = Field(default_factory=dict[str, str], description="as in submit_plan")


async def run(_context: ToolContext, args: Finish) -> WorkFinished:
    """Hand the work over to the checks and the Reviewer."""
    return WorkFinished(args.summary, args.learned)


FINISH = Tool("finish", "Hand your change over to the checks and the reviewer.", Finish, run)
