"""Asks the user."""

from pydantic import Field

from podium.engine.tools.tool import Arguments, Tool, ToolContext


class AskUser(Arguments):
    question: str = Field(min_length=1)
    options: list[str] = Field(default_factory=list, max_length=5)


async def run(context: ToolContext, args: AskUser) -> str:
    """Return the user's answer, however long it takes."""
    return await context.ask(args.question, tuple(args.options))


ASK_USER = Tool("ask_user", "Ask the user; only for what you cannot find out yourself.", AskUser, run)
