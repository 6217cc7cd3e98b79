"""Shows what a file defines, or the shape of the project."""

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator

from anyio import to_thread
from pydantic import Field

from podium.engine.tools.tool import Arguments, Tool, ToolContext

_DEFINITION = re.compile(
    r"^\s*(?:export\s+|pub(?:\([^)]*\))?\s+|public\s+|private\s+|protected\s+|static\s+|async\s+|default\s+|abstract\s+)*"
    r"(?:class|interface|struct|enum|trait|impl|fn|func|function|def|type|module|const\s+\w+\s*=\s*(?:async\s*)?\()\b.*"
)


class Outline(Arguments):
    path: str = Field(default="", description="a file; the whole project if empty")


async def run(context: ToolContext, args: Outline) -> str:
    """Return definitions with line numbers for a file; directories with file counts for the project."""
    if not args.path:
        return project_shape(await to_thread.run_sync(context.tree.paths))
    text = context.tree.text(args.path).text
    read = _python if args.path.endswith(".py") else _other
    seen = context.looks.about("outline", read)
    lines = seen.of(text.encode("utf-8", "surrogatepass"), lambda: tuple(read(text)))
    return "\n".join(lines) or "No definitions found; read the file."


def project_shape(paths: Iterable[str]) -> str:
    """Return one line a directory with the number of its files by ending, at most 80."""
    directories: dict[str, Counter[str]] = {}
    for path in paths:
        directory, _, name = path.rpartition("/")
        ending = name.rsplit(".", 1)[-1] if "." in name[1:] else name
        directories.setdefault(directory or ".", Counter())[ending] += 1
    lines = [
        f"{directory}/: {', '.join(f'{n} {ending}' for ending, n in counts.most_common(4))}"
        for directory, counts in sorted(directories.items())
    ]
    more = [f"[{len(lines) - 80} more directories]"] if len(lines) > 80 else []
    return "\n".join([*lines[:80], *more])


def _python(text: str) -> Iterator[str]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        yield from _other(text)
        return
    yield from _definitions(tree.body, "")


def _definitions(body: list[ast.stmt], indent: str) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield f"{node.lineno}\t{indent}class {node.name}"
            yield from _definitions(node.body, indent + "  ")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{node.lineno}\t{indent}def {node.name}({ast.unparse(node.args)})"


def _other(text: str) -> Iterator[str]:
    for number, line in enumerate(text.split("\n"), 1):
        if _DEFINITION.match(line):
            yield f"{number}\t{line.rstrip()[:160]}"


OUTLINE = Tool("outline", "Show what a file defines, or the project's directories.", Outline, run)
