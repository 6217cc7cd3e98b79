"""Reads a file with line numbers."""

from pydantic import Field

from podium.engine.tools.tool import Arguments, Tool, ToolContext
from podium.errors import ToolError

LONGEST = 16_000
"""Characters that one call returns at most; the rest is a call away."""


class ReadFile(Arguments):
    path: str
    start_line: int = Field(default=1, ge=1)
    end_line: int | None = Field(default=None, ge=1)


async def run(context: ToolContext, args: ReadFile) -> str:
    """Return lines as `N<TAB>text`; a last line in brackets says when there is more."""
    lines = context.tree.text(args.path).text.split("\n")
    if lines[-1] == "":
        lines.pop()
    last = min(args.end_line or len(lines), len(lines))
    if args.start_line > len(lines):
        if not lines:
            return "[the file is empty]"
        raise ToolError(
            f"{args.path} has {len(lines)} lines; start_line={args.start_line} is beyond its end."
        )
    shown: list[str] = []
    size = 0
    for number in range(args.start_line, last + 1):
        line = f"{number}\t{lines[number - 1]}"
        size += len(line) + 1
        if size > LONGEST and shown:
            last = number - 1
            break
        shown.append(line)
    if last < len(lines):
        shown.append(
            f"[lines {args.start_line}-{last} of {len(lines)}; pass start_line={last + 1} to read on]"
        )
    return "\n".join(shown)


READ_FILE = Tool("read_file", "Read a text file. Lines are numbered from 1.", ReadFile, run)
