"""The user's decisions on proposals that wait: accepted hunks are delivered, rejected ones are put aside.

A decision is a delivery and an event, so it needs no running mission: what waits when a mission has ended
is decided on from the journal. Nothing here decides what a mission makes of a decision.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal

import anyio

from podium.domain.changes import FileEdit
from podium.domain.events import AcceptanceBegun, Event, ProposalDecided
from podium.domain.mission import MissionState, Proposal
from podium.domain.proposals import between
from podium.engine.arrived import Arrived, arrived
from podium.errors import UserError
from podium.ports import FrontEnd, Workspace


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided just now, by number, and what of the proposal still waits."""

    proposal_id: str
    mission_id: str
    accepted: tuple[int, ...]
    rejected: tuple[int, ...]
    waiting: tuple[int, ...]
    outcome: Literal["", "editor", "disk"]


class ProposalDesk:
    """Carries out decisions, one at a time. What was accepted right before a kill is found in the user's files.

    `current` gives the state of a mission that only this server may decide on meanwhile, or raises
    `UserError`; `record` makes an event of it durable and returns the state after it.
    """

    def __init__(
        self,
        front_end: FrontEnd,
        workspace: Workspace,
        current: Callable[[str], AbstractAsyncContextManager[MissionState]],
        record: Callable[[str, Event], Awaitable[MissionState]],
    ) -> None:
        self._front_end = front_end
        self._workspace = workspace
        self._current = current
        self._record = record
        self._deciding = anyio.Lock()

    async def accept(self, proposal_id: str, hunks: Sequence[int] | None, reason: str = "") -> Decision:
        """Bring hunks of a waiting proposal into the user's files; all that wait, where `hunks` is None.

        Raises:
            UserError: there is no such proposal or hunk, it is decided already, or it cannot be applied;
                then it goes on waiting.
        """
        async with self._deciding, self._current(mission_of(proposal_id)) as state:
            settled = await self.settled(state)
            proposal, numbers = _wanted(state, proposal_id, hunks)
            if set(numbers) <= {*settled.proposals[proposal_id].accepted}:
                return _decision(settled, ProposalDecided(proposal_id, numbers))
            proposal, numbers = _wanted(settled, proposal_id, hunks)
            edits = between(proposal.edits, proposal.accepted, {*proposal.accepted, *numbers})
            with anyio.CancelScope(shield=True):
                return await self._apply(proposal, numbers, edits, reason)
        raise AssertionError("a shielded scope is never left early")

    async def _apply(
        self, proposal: Proposal, numbers: tuple[int, ...], edits: Sequence[FileEdit], reason: str
    ) -> Decision:
        mission_id = mission_of(proposal.id)
        found = arrived(edits, self._workspace.read) if proposal.accepting else Arrived((), tuple(edits))
        await self._record(mission_id, AcceptanceBegun(proposal.id, numbers))
        delivery = await self._front_end.deliver(proposal.label, found.lacking)
        if delivery.outcome == "refused" or delivery.outcome == "kept":
            await self._record(mission_id, AcceptanceBegun(proposal.id, ()))
            raise UserError(f"“{proposal.label}” was not applied and goes on waiting: {delivery.reason}.")
        outcome = delivery.outcome if found.lacking else found.place(self._workspace.unsaved())
        changed = (*found.there, *delivery.edits)
        return await self._decide(ProposalDecided(proposal.id, numbers, (), reason, outcome, changed))

    async def settled(self, state: MissionState) -> MissionState:
        """Record what was accepted and is in the user's files, though nobody lived to say so; return the state then."""
        for proposal in state.under_review():
            if proposal.accepting:
                edits = between(proposal.edits, proposal.accepted, {*proposal.accepted, *proposal.accepting})
                found = arrived(edits, self._workspace.read)
                if not found.lacking:
                    event = ProposalDecided(
                        proposal.id,
                        proposal.accepting,
                        (),
                        "",
                        found.place(self._workspace.unsaved()),
                        found.there,
                    )
                    state = await self._record(state.id, event)
        return state

    async def reject(self, proposal_id: str, hunks: Sequence[int] | None, reason: str = "") -> Decision:
        """Put hunks of a waiting proposal aside; all that wait, where `hunks` is None.

        Raises:
            UserError: there is no such proposal or hunk, or it is decided already.
        """
        async with self._deciding, self._current(mission_of(proposal_id)) as state:
            _, numbers = _wanted(await self.settled(state), proposal_id, hunks)
            return await self._decide(ProposalDecided(proposal_id, (), numbers, reason))

    async def _decide(self, event: ProposalDecided) -> Decision:
        return _decision(await self._record(mission_of(event.proposal_id), event), event)


def _decision(state: MissionState, event: ProposalDecided) -> Decision:
    waiting = state.proposals[event.proposal_id].undecided()
    return Decision(event.proposal_id, state.id, event.accepted, event.rejected, waiting, event.outcome)


def mission_of(proposal_id: str) -> str:
    """Return the id of the mission that made a proposal."""
    return proposal_id.rpartition(".")[0]


def _wanted(
    state: MissionState, proposal_id: str, hunks: Sequence[int] | None
) -> tuple[Proposal, tuple[int, ...]]:
    proposal = state.proposals.get(proposal_id)
    if proposal is None:
        raise UserError(f"There is no proposal {proposal_id!r}; podium.show lists a mission's proposals.")
    if proposal not in state.under_review():
        raise UserError(f"The proposal {proposal_id!r} does not wait for a decision: it is {proposal.state}.")
    waiting = proposal.undecided()
    wanted = waiting if hunks is None else tuple(sorted(set(hunks)))
    if unknown := [str(n) for n in wanted if n not in waiting]:
        raise UserError(
            f"The proposal {proposal_id!r} has no hunk {', '.join(unknown)} that waits; "
            f"these do: {', '.join(map(str, waiting))}."
        )
    if not wanted:
        raise UserError("Name at least one hunk, or leave `hunks` out for all of them.")
    return proposal, wanted
