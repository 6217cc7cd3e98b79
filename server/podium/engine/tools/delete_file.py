"""Deletes a file."""

from podium.engine.tools.tool import Arguments, Tool, ToolContext
from podium.errors import ToolError


class DeleteFile(Arguments):
    path: str


async def run(context: ToolContext, args: DeleteFile) -> str:
    """Delete a file in the candidate tree."""
    if context.tree.read(args.path) is None:
        raise ToolError(f"There is no file {args.path}.")
    if await context.claim(args.path):
        return await run(context, args)
    context.tree.write(args.path, None)
    return f"Deleted {args.path}."


DELETE_FILE = Tool("delete_file", "Delete a file.", DeleteFile, run)
