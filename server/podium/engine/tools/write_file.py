"""Writes a whole file."""

from podium.domain.edits import refuse_elisions
from podium.domain.text_file import TextFile
from podium.engine.tools.tool import Arguments, Tool, ToolContext


class WriteFile(Arguments):
    path: str
    content: str


async def run(context: ToolContext, args: WriteFile) -> str:
    """Create or replace a text file; an existing one keeps its encoding and line endings."""
    before = context.tree.read(args.path)
    file = TextFile.decode(before or b"")
    refuse_elisions(args.content, file.text.split("\n"))
    if await context.claim(args.path):
        return await run(context, args)
    context.tree.write(args.path, file.encode(args.content))
    return f"{'Created' if before is None else 'Replaced'} {args.path}."


WRITE_FILE = Tool("write_file", "Create a file, or replace all of it.", WriteFile, run)
