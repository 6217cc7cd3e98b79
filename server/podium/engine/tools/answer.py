"""Answers what the Commander was asked."""

from podium.engine.decisions import Answered
from podium.engine.tools.tool import Arguments, Tool, ToolContext


class Answer(Arguments):
    text: str = ""


async def run(_context: ToolContext, args: Answer) -> Answered:
    """Hand the answer over."""
    return Answered(args.text.strip())


ANSWER = Tool(
    "answer",
    "Answer a Worker's question, or give a hint for a stuck task; without text the user is asked.",
    Answer,
    run,
)
