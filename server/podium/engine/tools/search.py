"""Searches the project's text."""

import re

from anyio import to_thread
from pydantic import Field

from podium.engine.tools.list_files import matches
from podium.engine.tools.tool import Arguments, Tool, ToolContext
from podium.errors import ToolError

MOST = 100
LARGEST_FILE = 1_000_000


class Search(Arguments):
    pattern: str = Field(min_length=1)
    glob: str = ""
    regex: bool = False


async def run(context: ToolContext, args: Search) -> str:
    """Return matching lines as `path:N: text`, at most 100; plain text is matched without regard to case."""
    try:
        pattern = re.compile(args.pattern if args.regex else re.escape(args.pattern), re.IGNORECASE)
    except re.error as error:
        raise ToolError(f"The regular expression is not valid: {error}.") from error
    hits = await to_thread.run_sync(_hits, context, pattern, args.glob)
    if not hits:
        return f"Nothing matches {args.pattern!r}."
    more = ["[more than 100 matches; narrow the pattern or the glob]"] if len(hits) > MOST else []
    return "\n".join([*hits[:MOST], *more])


def _hits(context: ToolContext, pattern: re.Pattern[str], glob: str) -> list[str]:
    hits: list[str] = []
    for path in context.tree.paths():
        if not matches(path, glob):
            continue
        try:
            content = context.tree.read(path)
        except ToolError:
            continue
        if content is None or len(content) > LARGEST_FILE or b"\0" in content[:1024]:
            continue
        text = content.decode("utf-8", "replace")
        if not pattern.search(text):
            continue
        for number, line in enumerate(text.split("\n"), 1):
            if pattern.search(line):
                hits.append(f"{path}:{number}: {line.strip()[:200]}")
                if len(hits) > MOST:
                    return hits
    return hits


SEARCH = Tool("search", "Search the text of all files; case does not matter.", Search, run)
