"""Signs the mission off."""

from pydantic import Field

from podium.engine.decisions import SignedOff
from podium.engine.tools.tool import Arguments, Tool, ToolContext
from podium.errors import ToolError


class SignOff(Arguments):
    summary: str
    dismiss: dict[str, str] = Field(
        default_factory=dict, description="number of an open finding to why it may stay"
    )


async def run(context: ToolContext, args: SignOff) -> SignedOff:
    """Accept the sign-off if every task is closed; the checks were run before the Commander was asked."""
    if not context.plan.closed():
        still_open = [t.id for t in context.plan.tasks.values() if t.state not in {"completed", "dropped"}]
        raise ToolError(f"These tasks are still open: {', '.join(still_open)}.")
    return SignedOff(args.summary, args.dismiss)


SIGN_OFF = Tool("sign_off", "Declare the goal reached.", SignOff, run)
