"""Undo: takes delivered changes out of the user's files again, or puts undone ones back.

What is reversed is what a delivery really changed in the files, as the journal has it, merged into what
they hold now: later edits stay, whoever made them. All of a proposal is undone or nothing of it. Nothing
here knows of git, and nothing outside of the mission's own changes is touched.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import anyio

from podium.domain.changes import FileEdit
from podium.domain.events import Event, ProposalRedone, ProposalUndone
from podium.domain.merge import meet
from podium.domain.mission import MissionState, Proposal
from podium.domain.text_file import TextFile
from podium.engine.mission_tree import MissionTree
from podium.engine.tree import MergeConflict, merged_content
from podium.errors import ToolError, UserError
from podium.ports import FrontEnd

Direction: TypeAlias = Literal["undone", "redone"]


@dataclass(frozen=True, slots=True)
class Turned:
    """One proposal and what became of it; `reason` says why nothing did, and is empty where it was turned."""

    proposal: Proposal
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Undoing:
    """What was undone or redone, in this order."""

    mission_id: str
    direction: Direction
    proposals: tuple[Turned, ...]


async def turn(
    state: MissionState,
    task_id: str,
    front_end: FrontEnd,
    record: Callable[[Event], Awaitable[object]],
    tree: MissionTree | None = None,
    seen: Callable[[str], bytes | None] | None = None,
) -> Undoing:
    """Undo what `task_id` (empty: the whole mission) delivered, last first; where all of it is undone, redo it.

    `tree` is the mission's while it runs: what other tasks changed in the same lines since must be in the
    user's files too, or the proposal is not undone. Where the change was brought into another editor, `seen`
    gives the files as this one sees them: what is not there to be undone is not counted as undone.

    Raises:
        UserError: there is nothing to undo, or it cannot be undone while the mission runs.
    """
    direction, proposals = _chosen(state, task_id)
    turned: list[Turned] = []
    for proposal in proposals:
        if others := _entangled(state, turned, proposal, direction):
            first = "undo that first" if direction == "undone" else "it is undone"
            turned.append(Turned(proposal, f"“{others[0].label}” changed the same place; {first}"))
            continue
        with anyio.CancelScope(shield=True):
            reason = await _turn(proposal, direction, front_end, record, tree, seen)
            turned.append(Turned(proposal, reason))
    return Undoing(state.id, direction, tuple(turned))


def _chosen(state: MissionState, task_id: str) -> tuple[Direction, list[Proposal]]:
    """Return what is to be done to which proposals, in order."""
    if task_id and task_id not in state.plan.tasks:
        raise UserError(f"The mission {state.id!r} has no task {task_id!r}; podium.show lists its tasks.")
    if not state.ending and not task_id:
        raise UserError("The mission still runs; cancel it first, or name one of its closed tasks to undo.")
    if not state.ending and state.apply == "review":
        raise UserError("The mission still runs and its changes are under review; cancel it first.")
    mine = [p for p in state.proposals.values() if not task_id or p.task_id == task_id]
    mine.sort(key=lambda proposal: proposal.delivered_at)
    if delivered := [p for p in mine if p.state == "delivered" or (p.state == "waiting" and p.accepted)]:
        return "undone", delivered[::-1]
    if undone := [p for p in mine if p.state == "undone"]:
        return "redone", undone
    if task_id and any(not p.task_id for p in state.proposals.values()):
        raise UserError("The changes of all tasks were applied as one; undo the whole mission.")
    whose = f"the task {task_id!r}" if task_id else f"the mission {state.id!r}"
    raise UserError(f"There is nothing to undo: no change of {whose} is in your files.")


def _entangled(
    state: MissionState, turned: Sequence[Turned], proposal: Proposal, direction: Direction
) -> list[Proposal]:
    """Return the proposals of the mission that must be turned before this one.

    A later change of the same lines has to be undone before an earlier one, and redone after it. A merge
    alone does not see that where the later one took away what the earlier one had put there.
    """
    done = {t.proposal.id for t in turned if not t.reason}
    found: list[Proposal] = []
    for other in state.proposals.values():
        later = other.delivered_at > proposal.delivered_at
        stands = other.state == "delivered" or (other.state == "waiting" and bool(other.accepted))
        if other.id == proposal.id:
            continue
        if direction == "undone":
            in_the_way = later and stands and other.id not in done and _meet(proposal, other)
        elif other.id in done or stands:
            in_the_way = _repeats(proposal, reverse(other.written) if other.id in done else other.written)
        else:
            in_the_way = not later and other.state == "undone" and _meet(proposal, other)
        if in_the_way:
            found.append(other)
    return found


def _meet(one: Proposal, other: Proposal) -> bool:
    """Return whether the two changed the same place, or one of them a file's being there at all."""
    theirs = {edit.path: edit for edit in other.written}
    for edit in one.written:
        if (their := theirs.get(edit.path)) is None:
            continue
        try:
            back = merged_content(edit.back(), their.before)
        except MergeConflict:
            return True
        if _touch(their.before, back, their.after):
            return True
    return False


def _repeats(undone: Proposal, standing: Sequence[FileEdit]) -> bool:
    """Return whether a change that stands now, and did not when `undone` was made, is at the same place."""
    theirs = {edit.path: edit for edit in standing}
    for edit in undone.written:
        without, their = edit.after, theirs.get(edit.path)
        if their is None:
            continue
        try:
            moved = merged_content(their, without)
        except MergeConflict:
            return True
        if moved != without and _touch(without, edit.before, moved):
            return True
    return False


def _touch(base: bytes | None, ours: bytes | None, theirs: bytes | None) -> bool:
    """Return whether both sides change the same place of a file, or one of them whether it is there."""
    if base is None or ours is None or theirs is None:
        return True
    try:
        return meet(*(TextFile.decode(content).text for content in (base, ours, theirs)))
    except ToolError:
        return True


async def _turn(
    proposal: Proposal,
    direction: Direction,
    front_end: FrontEnd,
    record: Callable[[Event], Awaitable[object]],
    tree: MissionTree | None,
    seen: Callable[[str], bytes | None] | None,
) -> str:
    """Undo or redo one proposal; return why nothing was done, or nothing."""
    if proposal.state == "waiting":
        return "it waits for review; decide on the rest of it first"
    back = direction == "undone"
    try:
        edits = reverse(combined(proposal.written))
    except MergeConflict as conflict:
        return f"you changed the same lines of {conflict} between its parts"
    if tree and (paths := tree.conflicts(edits)):
        return f"other tasks changed the same lines of {', '.join(paths)} meanwhile"
    verb = "undo" if back else "redo"
    if seen and (paths := [edit.path for edit in edits if _is_done(edit, seen)]):
        return (
            f"it was {'applied' if back else 'undone'} in another editor, and {', '.join(paths)} in this one "
            f"is not as there; {verb} it there, or save it there and load it here first"
        )
    delivery = await front_end.deliver(f"{verb} {proposal.label}", edits)
    if delivery.outcome == "refused" or delivery.outcome == "kept":
        return delivery.reason
    # Where a file was as wanted already, the next turn still brings back what this one was to take away.
    changed = {edit.path: edit for edit in edits} | {edit.path: edit for edit in delivery.edits}
    kind = ProposalUndone if back else ProposalRedone
    await record(kind(proposal.id, delivery.outcome, tuple(changed.values())))
    return ""


def _is_done(edit: FileEdit, seen: Callable[[str], bytes | None]) -> bool:
    """Return whether there is nothing left to do: the file is as `edit` wants it."""
    try:
        now = seen(edit.path)
        return merged_content(edit, now) == now
    except (MergeConflict, ToolError):
        return False  # for the delivery to say


def reverse(edits: Sequence[FileEdit]) -> tuple[FileEdit, ...]:
    """Return what takes `edits` back, which change each path once."""
    return tuple(edit.back() for edit in edits)


def combined(edits: Sequence[FileEdit]) -> tuple[FileEdit, ...]:
    """Return one edit for each path that changes what all of `edits` change, and nothing that lay between them.

    Raises:
        MergeConflict: what lay between changed the same lines.
    """
    found: dict[str, FileEdit] = {}
    for edit in edits:
        earlier = found.get(edit.path)
        found[edit.path] = (
            edit if earlier is None else edit.behind(earlier, merged_content(earlier.back(), edit.before))
        )
    return tuple(found.values())
