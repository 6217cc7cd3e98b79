"""Lists the project's files."""

from pathlib import PurePosixPath

from anyio import to_thread
from pydantic import Field

from podium.engine.tools.tool import Arguments, Tool, ToolContext

MOST = 300


class ListFiles(Arguments):
    glob: str = Field(default="", description="e.g. src/**/*.py; all files if empty")


async def run(context: ToolContext, args: ListFiles) -> str:
    """Return matching paths, one a line, cut after 300."""
    paths = await to_thread.run_sync(context.tree.paths)  # asks git, which takes longer than a keystroke
    found = [path for path in paths if matches(path, args.glob)]
    if not found:
        return f"No file matches {args.glob!r}." if args.glob else "The project has no files."
    more = [f"[{len(found) - MOST} more; narrow the glob]"] if len(found) > MOST else []
    return "\n".join([*found[:MOST], *more])


def matches(path: str, glob: str) -> bool:
    """Return whether a relative path matches; `**/` also matches no directory, an empty glob everything."""
    if not glob:
        return True
    pure = PurePosixPath(path)
    if "**" not in glob:
        return pure.match(glob)
    head, _, tail = glob.partition("**")
    if not path.startswith(head):
        return False
    tail = tail.lstrip("/")
    return not tail or PurePosixPath(path[len(head) :]).match(tail)


LIST_FILES = Tool("list_files", "List the project's files.", ListFiles, run)
