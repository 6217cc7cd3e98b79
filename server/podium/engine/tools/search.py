"""Searches the project's text.

`regex` takes nine megabytes, a tenth of what a server needs that has just started: the first search loads it.
"""

import time
from functools import partial
from importlib import import_module
from itertools import islice
from typing import TYPE_CHECKING

from anyio import to_thread
from pydantic import Field

from podium.engine.looks import Found, Seen
from podium.engine.tools.list_files import matches
from podium.engine.tools.tool import Arguments, Tool, ToolContext
from podium.errors import ToolError

if TYPE_CHECKING:
    import regex

MOST = 100
LARGEST_FILE = 1_000_000
LONGEST_S = 5.0
"""How long one search may take: a model can write an expression that would match for years."""


class Search(Arguments):
    pattern: str = Field(min_length=1)
    glob: str = ""
    regex: bool = False


async def run(context: ToolContext, args: Search) -> str:
    """Return matching lines as `path:N: text`, at most 100; plain text is matched without regard to case."""
    library = await to_thread.run_sync(import_module, "regex")
    text = args.pattern if args.regex else library.escape(args.pattern)
    try:
        pattern: regex.Pattern[str] = library.compile(text, library.IGNORECASE)
    except library.error as error:
        raise ToolError(f"The regular expression is not valid: {error}.") from error
    try:
        seen = context.looks.about("search", args.pattern, args.regex)
        hits = await to_thread.run_sync(_hits, context, pattern, args, seen)
    except TimeoutError:
        raise ToolError(
            "The regular expression takes too long to match; use a simpler one, without nested repetition."
        ) from None
    if not hits:
        return f"Nothing matches {args.pattern!r}."
    more = ["[more than 100 matches; narrow the pattern or the glob]"] if len(hits) > MOST else []
    return "\n".join([*hits[:MOST], *more])


def _hits(context: ToolContext, pattern: "regex.Pattern[str]", args: Search, seen: Seen) -> list[str]:
    hits: list[str] = []
    until = time.monotonic() + LONGEST_S
    for path in context.tree.paths():
        if not matches(path, args.glob):
            continue
        try:
            content = context.tree.read(path)
        except ToolError:
            continue
        if content is None or len(content) > LARGEST_FILE or b"\0" in content[:1024]:
            continue
        found = seen.of(content, partial(_lines, content, pattern, not args.regex, until))
        hits += (f"{path}:{line}" for line in found)
        if len(hits) > MOST:
            break
    return hits


def _lines(content: bytes, pattern: "regex.Pattern[str]", plain: bool, until: float) -> Found:
    """Return the first lines that match, as `N: text`: one more than a search returns, at most."""
    text = content.decode("utf-8", "replace")
    if plain and not pattern.search(text, timeout=_left(until), concurrent=True):
        return ()  # a plain text that stands nowhere in the file stands in no line of it
    found = (
        f"{number}: {line.strip()[:200]}"
        for number, line in enumerate(text.split("\n"), 1)
        if pattern.search(line, timeout=_left(until), concurrent=True)
    )
    return tuple(islice(found, MOST + 1))


def _left(until: float) -> float:
    """Return the seconds left; at least a little, since none would mean no limit.

    Raises:
        TimeoutError: there are none.
    """
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


SEARCH = Tool("search", "Search the text of all files; case does not matter.", Search, run)
