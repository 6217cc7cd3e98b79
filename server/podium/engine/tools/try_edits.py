"""Tries several candidate changes at once; the checks pick the winner, and it is made."""

import json
from collections.abc import Mapping

from pydantic import Field

from podium.domain.edits import apply_edit
from podium.domain.lines import extent
from podium.domain.text_file import TextFile
from podium.engine.tools.edit_file import EditFile
from podium.engine.tools.tool import Arguments, Tool, ToolContext
from podium.errors import ToolError


class TryEdits(Arguments):
    candidates: list[list[EditFile]] = Field(min_length=1, max_length=64)
    check: str


async def run(context: ToolContext, args: TryEdits) -> str:
    """Return `{"results": [{candidate, green, failing, message}], "made": n}`.

    Made is the green candidate that touches the fewest lines, of several the first; none where none is green.
    """
    call = context.desk.require(args.check)
    refused: dict[int, str] = {}
    variants: dict[int, dict[str, bytes]] = {}
    for number, edits in enumerate(args.candidates):
        try:
            variants[number] = _variant(context, edits)
        except ToolError as error:
            refused[number] = str(error)
    results = await context.desk.try_out(
        context.tree.candidate(), list(variants.values()), call, context.task_id
    )
    told = dict(zip(variants, results, strict=True))
    green = [n for n in variants if told[n].green]
    winner = min(green, key=lambda n: _extent(context, variants[n]), default=None)
    if winner is not None:
        for path in variants[winner]:
            if await context.claim(path):
                return await run(context, args)
        for path, content in variants[winner].items():
            context.tree.write(path, content)
    return json.dumps(
        {
            "results": [
                {
                    "candidate": n,
                    "green": n in green,
                    "failing": len(told[n].failures) if n in told else 0,
                    "message": refused.get(n) or (told[n].failures[0].message if told[n].failures else ""),
                }
                for n in range(len(args.candidates))
            ],
            "made": winner,
        },
        ensure_ascii=False,
    )


def _variant(context: ToolContext, edits: list[EditFile]) -> dict[str, bytes]:
    texts: dict[str, str] = {}
    for edit in edits:
        text = texts[edit.path] if edit.path in texts else context.tree.text(edit.path).text
        texts[edit.path] = apply_edit(text, edit.old, edit.new, edit.path).text
    return {path: context.tree.text(path).encode(text) for path, text in texts.items()}


def _extent(context: ToolContext, variant: Mapping[str, bytes]) -> int:
    texts = {path: context.tree.text(path) for path in variant}
    return sum(extent(file.text, TextFile.decode(variant[path]).text) for path, file in texts.items())


TRY_EDITS = Tool(
    "try_edits",
    "Try alternative changes, each a list of edits. The smallest one that makes the check green is made.",
    TryEdits,
    run,
)
