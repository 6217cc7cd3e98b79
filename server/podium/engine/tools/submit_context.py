"""Submits what a Searcher found."""

from pydantic import Field

from podium.domain.events import Place
from podium.engine.decisions import ContextSubmitted
from podium.engine.tools.tool import Arguments, Tool, ToolContext
from podium.errors import ToolError


class PlaceArguments(Arguments):
    path: str
    start_line: int = Field(ge=1)
    end_line: int = Field(ge=1)
    why: str


class SubmitContext(Arguments):
    summary: str
    places: list[PlaceArguments] = Field(default_factory=list[PlaceArguments])


async def run(context: ToolContext, args: SubmitContext) -> ContextSubmitted:
    """Accept the places if they exist."""
    for place in args.places:
        lines = context.tree.text(place.path).text.count("\n") + 1
        if not place.start_line <= place.end_line <= lines:
            raise ToolError(
                f"{place.path} has {lines} lines; {place.start_line}-{place.end_line} is not a range in it."
            )
    return ContextSubmitted(
        args.summary, tuple(Place(p.path, p.start_line, p.end_line, p.why) for p in args.places)
    )


SUBMIT_CONTEXT = Tool(
    "submit_context", "Submit what you found: a summary, and the places.", SubmitContext, run
)
