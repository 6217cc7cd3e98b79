"""What a mission holds in memory besides its state, made again of its records: its tree."""

from collections.abc import Iterable, Mapping, Sequence

from podium.domain.events import (
    ProposalDecided,
    ProposalDelivered,
    ProposalMade,
    ProposalRedone,
    ProposalUndone,
    ProposalWithdrawn,
    Record,
    TaskAccepted,
    TaskReopened,
)
from podium.domain.mission import MissionState
from podium.engine.mission_tree import MissionTree
from podium.engine.tree import Below


class _Then:
    """The user's files as they were, as far as the mission's changes tell."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes | None] = {}

    def read(self, path: str) -> bytes | None:
        return self.contents.get(path)

    def overlay(self) -> Mapping[str, bytes | None]:
        return self.contents

    def permissions(self, path: str) -> int | None:  # noqa: ARG002 - they are asked of the files as they are now
        return None

    def created(self) -> Mapping[str, int | None]:
        return {}

    def paths(self) -> Sequence[str]:
        return sorted(path for path, content in self.contents.items() if content is not None)


def tree_of(
    root: str, records: Iterable[Record], states: Iterable[MissionState], below: Below
) -> MissionTree:
    """Return the tree of a mission with these records, over the user's files as they are now.

    `states` has the mission after each of them.
    """
    then = _Then()
    tree = MissionTree(root, then)
    last: dict[str, str] = {}
    for record, state in zip(records, states, strict=True):
        event = record.event
        match event:
            case TaskAccepted(task_id, edits, proposal_id=proposal_id) if edits:
                # What a task changes first is based on what the user had; what it changes later, on this tree.
                for edit in edits:
                    then.contents.setdefault(edit.path, edit.before)
                last[task_id] = proposal_id or task_id
                proposal = state.proposals.get(proposal_id)
                tree.put(last[task_id], proposal.pending() if proposal else edits)
            case TaskReopened(task_id) if task_id in last:
                tree.take_out(last[task_id])
            case ProposalMade(proposal_id, _, edits, "") if edits:  # all changes as one, at the end
                for key in last.values():
                    tree.take_out(key)
                tree.put(proposal_id, edits)
            case ProposalDelivered() | ProposalDecided() | ProposalUndone() | ProposalRedone():
                for edit in event.edits:
                    then.contents[edit.path] = edit.before
                tree.refresh()
                then.contents |= {edit.path: edit.after for edit in event.edits}
                tree.delivered(event.edits)
                tree.put_rest(event.proposal_id, state)
            case ProposalWithdrawn(proposal_id):
                tree.put_rest(proposal_id, state)
            case _:
                pass
    tree.lie_on(below)
    return tree
