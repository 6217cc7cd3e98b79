"""Asks the user."""

from pydantic import Field

from podium.engine.tools.tool import Arguments, Tool, ToolContext


class AskUser(Arguments):
    question: str = Field(min_length=1)
    options: list[str] = Field(default_factory=list, max_length=5)


async def run(context: ToolContext, args: AskUser) -> str:
    """Return the answer: the Commander's where it has one for a Worker, else the user's, however long it takes."""
    if context.consult and (answer := await context.consult(args.question, tuple(args.options))):
        return answer
    return await context.ask(args.question, tuple(args.options))


ASK_USER = Tool(
    "ask_user",
    "Ask the user (for a Worker, first the Commander): what you cannot find out, or that the plan is wrong.",
    AskUser,
    run,
)
