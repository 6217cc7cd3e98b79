"""The records of one mission: events are made durable, folded into its state, and told, in order.

The only writer of a mission that runs. What a record means for what runs, and who is shown it, is not decided here.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import anyio

from podium.domain.events import Event, PlanSet, Record, TimeWorked
from podium.domain.mission import MissionState, fold
from podium.engine.past import Past
from podium.engine.stopwatch import Stopwatch
from podium.errors import NotRecorded, ToolError, UserError
from podium.ports import Journal

CLOCKS_PART_S = 60.0
"""How far the times of a mission's records may be from the time that it has worked, before that is recorded."""

Tell = Callable[[Record, MissionState], Awaitable[None]]
"""Is told of a record, with the mission as it is after it."""


@dataclass(slots=True, eq=False)
class _Entry:
    """Events that wait for the journal, and why it did not take them."""

    events: Sequence[Event]
    problem: UserError | anyio.ClosedResourceError | None = None


class Recording:
    """Records what happens in one mission, and owns its state.

    It goes on from `state` after `n_records` records; what `past` has is not recorded again. Each record is told
    (`tell`) before the next one is; `lost` is told why nothing can be recorded any more.
    """

    def __init__(
        self,
        state: MissionState,
        n_records: int,
        journal: Journal,
        past: Past,
        tell: Tell,
        lost: Callable[[str], None],
    ) -> None:
        self._state = state
        self._n_records = n_records
        self._journal = journal
        self._past = past
        self._tell = tell
        self._lost = lost
        self._writing = anyio.Lock()
        self._unwritten: list[_Entry] = []
        self._unrecorded = ""
        self._watch = Stopwatch(state.worked_s if state.interrupted else 0.0)

    @property
    def state(self) -> MissionState:
        """The mission as it is, after everything that was recorded."""
        return self._state

    @property
    def minutes(self) -> float:
        """The minutes that the mission has worked."""
        return self._watch.minutes

    async def record(self, *events: Event) -> None:
        """Make events durable, fold them, and tell them, in order and never in parts; what is relived is so already.

        What agents record while the journal is busy goes to it together: fifty of them wait for one flush
        to the disk, not for fifty.
        """
        if not (events := tuple(self._past.relive(events))):
            return
        entry = _Entry(events)
        self._unwritten.append(entry)
        with anyio.CancelScope(shield=True):
            async with self._writing:
                if entry in self._unwritten:
                    await self._write_waiting()
        if entry.problem is not None:
            raise entry.problem

    async def record_decided(self, decide: Callable[[MissionState], Sequence[Event]]) -> None:
        """Record the events that `decide` gives for the state as it is when nothing else is being recorded.

        What it raises comes back, and nothing is recorded. Where a change of the plan is relived, nothing is
        decided again.

        Raises:
            ToolError: when it was relived, it was refused.
        """
        if self._past.reliving:
            if self._past.take(PlanSet) is None:
                raise ToolError("The plan was not changed.")
            return
        with anyio.CancelScope(shield=True):
            async with self._writing:
                await self._write_waiting()
                await self._write(decide(self._state))

    async def record_of_user(self, decide: Callable[[MissionState], Sequence[Event]]) -> None:
        """Record what the user decides on a mission that runs; once its end is recorded, nothing is.

        Raises:
            UserError: it has ended in the same moment.
        """

        def while_it_runs(state: MissionState) -> Sequence[Event]:
            if state.ending:
                raise UserError(f"The mission {state.id!r} has just ended.")
            return decide(state)

        await self.record_decided(while_it_runs)

    async def _write_waiting(self) -> None:
        entries, self._unwritten = self._unwritten, []
        try:
            await self._write([event for entry in entries for event in entry.events])
        except (UserError, anyio.ClosedResourceError) as problem:
            for entry in entries:
                entry.problem = problem

    async def _write(self, events: Sequence[Event]) -> None:
        if not events:
            return
        for record in await self._appended(events):
            self._n_records = record.seq
            self._state = fold(self._state, record.event, record.at)
            self._watch.hold(held=self._state.status in {"waiting", "paused"})
            await self._tell(record, self._state)
        over = self._state.ending or self._state.interrupted  # after that, nothing is recorded
        if not over and abs(self._state.worked_s - 60 * self.minutes) > CLOCKS_PART_S:
            await self._write([TimeWorked(60 * self.minutes)])

    async def _appended(self, events: Sequence[Event]) -> Sequence[Record]:
        """Return the records of `events`. Where one was not taken, none that follows is: the record has no holes."""
        if self._unrecorded:
            raise NotRecorded(self._unrecorded)
        try:
            records = await self._journal.append(self._state.id, events, after=self._n_records)
            if not records:
                raise NotRecorded(
                    f"Another Podium goes on with the mission {self._state.id!r}; it ends here."
                )
        except UserError as problem:
            self._unrecorded = str(problem)
            self._lost(self._unrecorded)
            raise
        return records
