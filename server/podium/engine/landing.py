"""How accepted changes reach the user's files: laid over the mission's tree, delivered, or kept waiting.

A change that could not be delivered waits for the user's decision, in every mode; so does one whose task
needs a task with such a change, because it was verified together with that. Nothing here decides what a
task makes of a conflict.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import anyio

from podium.domain.changes import FileEdit
from podium.domain.events import (
    ChangeClashed,
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
from podium.engine.arrived import Arrived, arrived
from podium.engine.mission_tree import MissionTree
from podium.engine.past import Past
from podium.engine.undo import Undoing, turn
from podium.ports import Delivery, FrontEnd


class Landing:
    """The way from `tree` to the user's files.

    `state` gives the mission as it is; `record` adds to it; `not_paused` waits while nothing may begin; what `past`
    knows of is not done again. Whoever records an event of the mission lets `follow` see it.
    """

    def __init__(
        self,
        tree: MissionTree,
        front_end: FrontEnd,
        state: Callable[[], MissionState],
        record: Callable[[Event], Awaitable[None]],
        not_paused: Callable[[], Awaitable[None]],
        past: Past,
    ) -> None:
        self._tree = tree
        self._front_end = front_end
        self._past = past
        self._state = state
        self._record = record
        self._not_paused = not_paused
        self._delivering = anyio.Lock()
        self._decided = anyio.Event()

    async def lay(self, proposal_id: str, task_id: str, edits: Sequence[FileEdit]) -> Sequence[str]:
        """Lay a verified change over the mission's tree; return both sides of each conflict instead, if any."""
        if (clashed := self._past.take(ChangeClashed)) is not None:
            return clashed.conflicts
        if self._past.reliving:  # it was laid, and whatever became of it
            return ()
        conflicts = self._tree.land(proposal_id, edits)
        if conflicts:
            await self._record(ChangeClashed(task_id, tuple(conflicts)))
        return conflicts

    async def deliver(
        self, proposal_id: str, label: str, edits: Sequence[FileEdit], task_id: str = ""
    ) -> Sequence[str]:
        """Bring a verified change into the user's files, one change at a time, or have it wait for them.

        Return both sides of each place where the user's typing keeps it out.
        """
        again = self._past.reliving
        await self._record(ProposalMade(proposal_id, label, tuple(edits), task_id))
        if self._state().apply == "review" or self._past.take(ProposalDelivered) is not None:
            return []
        if again and self._state().proposals[proposal_id].state == "delivered":
            return []
        if (refused := self._past.take(ProposalRefused)) is not None:
            return refused.conflicts
        async with self._may_deliver():
            with anyio.CancelScope(shield=True):
                return await self._land(proposal_id, label, edits, task_id, again=again)
        raise AssertionError("a shielded scope is never left early")

    async def _land(
        self, proposal_id: str, label: str, edits: Sequence[FileEdit], task_id: str, *, again: bool
    ) -> Sequence[str]:
        """Deliver a change and record what came of it; nothing, where it is kept until somebody can take it."""
        if needed := self._waiting_below(task_id, edits):
            reason = f"it builds on “{needed}”, which is not in your files"
            await self._record(ProposalRefused(proposal_id, reason))
            return []
        delivery = await self._brought(label, edits, again=again)
        match delivery.outcome:
            case "kept":
                return []
            case "refused":
                conflicts = tuple(self._tree.conflicts_with_user(edits))
                await self._record(ProposalRefused(proposal_id, delivery.reason, conflicts))
                return conflicts
            case "editor" | "disk":
                await self._record(ProposalDelivered(proposal_id, delivery.outcome, delivery.edits))
                return []

    async def settle(self) -> None:
        """Record the deliveries that came to their end when the mission was interrupted, as far as it shows.

        What was kept while there was nobody to take it is delivered now, unless its task will do that itself.
        """
        for proposal in self._state().proposals.values():
            begun = proposal.state == "waiting" and not (proposal.refused or proposal.accepted)
            if begun and self._state().apply != "review" and not proposal.rejected and proposal.edits:
                found = arrived(proposal.edits, self._tree.users)
                if not found.lacking:
                    await self._record(
                        ProposalDelivered(proposal.id, found.place(self._tree.unsaved()), found.there)
                    )
                elif proposal.task_id and not self._past.is_open(proposal.task_id):
                    with anyio.CancelScope(shield=True):
                        task_id = proposal.task_id
                        await self._land(proposal.id, proposal.label, proposal.edits, task_id, again=True)

    async def _brought(self, label: str, edits: Sequence[FileEdit], *, again: bool) -> Delivery:
        """Bring a change to the user; `again` says that this was begun before, and that nobody knows how it ended."""
        found = arrived(edits, self._tree.users) if again else Arrived((), tuple(edits))
        if not found.lacking:
            return Delivery(found.place(self._tree.unsaved()), edits=found.there)
        delivery = await self._front_end.deliver(label, found.lacking)
        return replace(delivery, edits=(*found.there, *delivery.edits))

    @asynccontextmanager
    async def _may_deliver(self) -> AsyncGenerator[None]:
        """Surround a delivery: one at a time, none begins while the mission is paused, and undo need not wait."""
        while True:
            await self._not_paused()
            async with self._delivering:
                if not self._state().paused:
                    yield
                    return

    def withdrawal(self, proposal_id: str) -> tuple[ProposalWithdrawn, ...]:
        """Return what lets a proposal wait no longer; nothing for one that the user has decided on."""
        if self._past.reliving:
            self._past.take(ProposalWithdrawn)
            return ()
        return (ProposalWithdrawn(proposal_id),) if self._state().proposals[proposal_id].undecided() else ()

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
        while not self._past.reliving and self._state().under_review():
            await self._decided.wait()

    def follow(self, event: Event, state: MissionState) -> None:
        """Let the tree know what an event of the mission means for it; `state` is that after the event."""
        match event:
            case ProposalDelivered() | ProposalUndone() | ProposalRedone():
                self._tree.delivered(event.edits)
                self._tree.put_rest(event.proposal_id, state)
            case ProposalDecided():
                self._tree.delivered(event.edits)
                self._tree.put_rest(event.proposal_id, state)
                self._wake()
            case ProposalWithdrawn():
                self._tree.put_rest(event.proposal_id, state)
                self._wake()
            case _:
                pass

    def _wake(self) -> None:
        self._decided.set()
        self._decided = anyio.Event()
