"""How accepted changes reach the user's files: laid over the mission's tree, delivered, or kept waiting.

A change that could not be delivered waits for the user's decision, in every mode; so does one whose task
needs a task with such a change, because it was verified together with that. Nothing here decides what a
task makes of a conflict.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import anyio

from podium.domain.changes import FileEdit
from podium.domain.events import (
    Event,
    ProposalDecided,
    ProposalDelivered,
    ProposalMade,
    ProposalRedone,
    ProposalRefused,
    ProposalUndone,
    ProposalWithdrawn,
)
from podium.domain.mission import MissionState
from podium.engine.mission_tree import MissionTree
from podium.engine.undo import Undoing, turn
from podium.ports import FrontEnd


class Landing:
    """The way from `tree` to the user's files.

    `state` gives the mission as it is; `record` adds to it; `not_paused` waits while nothing may begin. Whoever
    records an event of the mission lets `follow` see it.
    """

    def __init__(
        self,
        tree: MissionTree,
        front_end: FrontEnd,
        state: Callable[[], MissionState],
        record: Callable[[Event], Awaitable[None]],
        not_paused: Callable[[], Awaitable[None]],
    ) -> None:
        self._tree = tree
        self._front_end = front_end
        self._state = state
        self._record = record
        self._not_paused = not_paused
        self._delivering = anyio.Lock()
        self._decided = anyio.Event()

    async def deliver(
        self, proposal_id: str, label: str, edits: Sequence[FileEdit], task_id: str = ""
    ) -> list[str]:
        """Bring a verified change into the user's files, one change at a time, or have it wait for them.

        Return both sides of each place where the user's typing keeps it out.
        """
        await self._record(ProposalMade(proposal_id, label, tuple(edits), task_id))
        if self._state().apply == "review":
            return []
        async with self._may_deliver():
            with anyio.CancelScope(shield=True):
                if needed := self._waiting_below(task_id, edits):
                    reason = f"it builds on “{needed}”, which is not in your files"
                    await self._record(ProposalRefused(proposal_id, reason))
                    return []
                delivery = await self._front_end.deliver(label, edits)
                if delivery.outcome == "refused":
                    await self._record(ProposalRefused(proposal_id, delivery.reason))
                    return self._tree.conflicts_with_user(edits)
                await self._record(ProposalDelivered(proposal_id, delivery.outcome, delivery.edits))
        return []

    @asynccontextmanager
    async def _may_deliver(self) -> AsyncGenerator[None]:
        """Surround a delivery: one at a time, none begins while the mission is paused, and undo need not wait."""
        while True:
            await self._not_paused()
            async with self._delivering:
                if not self._state().paused:
                    yield
                    return

    async def withdraw(self, proposal_id: str) -> None:
        """Let what waits of a proposal wait no longer; one that the user has decided on stays decided."""
        if self._state().proposals[proposal_id].undecided():
            await self._record(ProposalWithdrawn(proposal_id))

    def _waiting_below(self, task_id: str, edits: Sequence[FileEdit]) -> str:
        """Return the label of a change that waits and that the task builds on, or nothing.

        It builds on those of the tasks that it needs, and on one that creates a file that it changes or moves.
        """
        needed = self._state().plan.below(task_id)
        changed = {edit.path for edit in edits if edit.before is not None}
        for proposal in self._state().under_review():
            created = {edit.path for edit in proposal.edits if edit.before is None}
            if proposal.task_id in needed or created & changed:
                return proposal.label
        return ""

    async def undo(self, task_id: str) -> Undoing:
        """Undo, or redo, what a closed task delivered, between two deliveries (see `engine.undo.turn`).

        Raises:
            UserError: the task has nothing to undo.
        """
        async with self._delivering:
            return await turn(self._state(), task_id, self._front_end, self._record, self._tree)

    async def decisions(self) -> None:
        """Wait until the user has decided on every proposal that waits for it."""
        while self._state().under_review():
            await self._decided.wait()

    def follow(self, event: Event) -> None:
        """Let the tree know what an event of the mission means for it."""
        match event:
            case ProposalDelivered() | ProposalUndone() | ProposalRedone():
                self._tree.delivered(event.edits)
                self._put_rest(event.proposal_id)
            case ProposalDecided():
                self._tree.delivered(event.edits)
                self._put_rest(event.proposal_id)
                self._wake()
            case ProposalWithdrawn():
                self._put_rest(event.proposal_id)
                self._wake()
            case _:
                pass

    def _put_rest(self, proposal_id: str) -> None:
        """Let the tree hold what still waits of a proposal, unless its task is doing it again."""
        if self._tree.holds(proposal_id):
            self._tree.put(proposal_id, self._state().proposals[proposal_id].pending())

    def _wake(self) -> None:
        self._decided.set()
        self._decided = anyio.Event()
