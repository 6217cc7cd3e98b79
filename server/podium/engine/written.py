"""Edits that a model wrote into its answer as text, carried out as if it had called the tools for them.

Rights, leases and errors are those of the tools. Of the edits in one answer all are made, or none.
"""

import json
from dataclasses import replace

from podium.domain.changes import FileEdit
from podium.domain.edit_formats import Deletion, WholeFile, WrittenEdit
from podium.domain.rights import Role
from podium.engine.dispatch import ToolCall, ToolOutcome, carry_out
from podium.engine.tools.tool import ToolContext
from podium.engine.tree import CandidateTree
from podium.errors import ToolError


async def carry_out_written(
    role: Role, edits: list[WrittenEdit], answer_id: str, context: ToolContext
) -> list[tuple[ToolCall, ToolOutcome]]:
    """Return each edit as a call, with an id that begins with `answer_id`, and what it gave."""
    trial = CandidateTree(context.tree.candidate().root, context.tree)
    done: list[tuple[ToolCall, ToolOutcome]] = []
    for number, edit in enumerate(edits, 1):
        call = _as_call(edit, f"{answer_id}.text-{number}", trial)
        outcome = await carry_out(role, call, replace(context, tree=trial))
        done.append((call, outcome))
        if not outcome.ok:
            undone = f"error: not made, because edit {number} of the same answer failed."
            return [*((c, ToolOutcome(undone, False, o.arguments)) for c, o in done[:-1]), done[-1]]
    bases = {edit.path: edit.before for edit in context.tree.edits()}
    for edit in trial.edits():
        context.tree.write(edit.path, edit.after)
    return [(call, replace(outcome, edits=_over(bases, outcome.edits))) for call, outcome in done]


def _over(bases: dict[str, bytes | None], edits: tuple[FileEdit, ...]) -> tuple[FileEdit, ...]:
    """Return `edits` with what their files were based on before this answer."""
    return tuple(replace(edit, before=bases.get(edit.path, edit.before)) for edit in edits)


def _as_call(edit: WrittenEdit, call_id: str, tree: CandidateTree) -> ToolCall:
    if isinstance(edit, Deletion):
        return ToolCall(call_id, "delete_file", json.dumps({"path": edit.path}))
    if isinstance(edit, WholeFile):
        return ToolCall(call_id, "write_file", json.dumps({"path": edit.path, "content": edit.content}))
    if not edit.old.strip() and _is_new(edit.path, tree):
        return ToolCall(call_id, "write_file", json.dumps({"path": edit.path, "content": edit.new}))
    arguments = {"path": edit.path, "old": edit.old, "new": edit.new}
    return ToolCall(call_id, "edit_file", json.dumps(arguments))


def _is_new(path: str, tree: CandidateTree) -> bool:
    """Return whether there is no such file yet; what may not be read is refused by the tool, not here."""
    try:
        return tree.read(path) is None
    except ToolError:
        return False
