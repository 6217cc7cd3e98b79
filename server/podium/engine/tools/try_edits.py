"""Tries several candidate changes at once and tells which of them pass a check."""

import json

from pydantic import Field

from podium.domain.edits import apply_edit
from podium.engine.tools.edit_file import EditFile
from podium.engine.tools.tool import Arguments, Tool, ToolContext
from podium.errors import ToolError


class TryEdits(Arguments):
    candidates: list[list[EditFile]] = Field(min_length=1, max_length=64)
    check: str


async def run(context: ToolContext, args: TryEdits) -> str:
    """Return `{"results": [{candidate, green, failing, message}]}`; the tree itself stays as it is."""
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
    return json.dumps(
        {
            "results": [
                {
                    "candidate": n,
                    "green": n in told and told[n].green,
                    "failing": len(told[n].failures) if n in told else 0,
                    "message": refused.get(n) or (told[n].failures[0].message if told[n].failures else ""),
                }
                for n in range(len(args.candidates))
            ]
        },
        ensure_ascii=False,
    )


def _variant(context: ToolContext, edits: list[EditFile]) -> dict[str, bytes]:
    texts: dict[str, str] = {}
    for edit in edits:
        text = texts[edit.path] if edit.path in texts else context.tree.text(edit.path).text
        texts[edit.path] = apply_edit(text, edit.old, edit.new, edit.path).text
    return {path: context.tree.text(path).encode(text) for path, text in texts.items()}


TRY_EDITS = Tool(
    "try_edits",
    "Try alternative changes, each a list of edits, and learn which make the check green. Changes nothing.",
    TryEdits,
    run,
)
