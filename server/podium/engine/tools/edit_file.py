"""Replaces text in a file."""

from podium.domain.edits import apply_edit
from podium.engine.tools.tool import Arguments, Tool, ToolContext


class EditFile(Arguments):
    path: str
    old: str
    new: str


async def run(context: ToolContext, args: EditFile) -> str:
    """Return what was done; nothing is changed when the text to replace is missing or ambiguous."""
    file = context.tree.text(args.path)
    outcome = apply_edit(file.text, args.old, args.new, args.path)
    if outcome.text == file.text:
        return outcome.note
    if await context.claim(args.path):
        return await run(context, args)
    context.tree.write(args.path, file.encode(outcome.text))
    return f"Edited {args.path}. {outcome.note}".rstrip()


EDIT_FILE = Tool(
    "edit_file", "Replace `old`, which must occur exactly once in the file, by `new`.", EditFile, run
)
