"""Moves a file."""

from podium.engine.tools.tool import Arguments, Tool, ToolContext
from podium.errors import ToolError


class MoveFile(Arguments):
    path: str
    to: str


async def run(context: ToolContext, args: MoveFile) -> str:
    """Move a file in the candidate tree; it keeps its permissions, and an existing file is never overwritten."""
    content = context.tree.read(args.path)
    if content is None:
        raise ToolError(f"There is no file {args.path}.")
    permissions = context.tree.permissions(args.path)
    if context.tree.read(args.to) is not None:
        raise ToolError(f"{args.to} exists already; delete it first, or choose another name.")
    if any([await context.claim(path) for path in (args.path, args.to)]):
        return await run(context, args)
    context.tree.write(args.to, content, permissions)
    context.tree.write(args.path, None)
    return f"Moved {args.path} to {args.to}."


MOVE_FILE = Tool("move_file", "Move or rename a file.", MoveFile, run)
