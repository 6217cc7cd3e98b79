"""What is made known of missions' records: to the subscribers here, and to the servers that are in touch.

A mission that runs records for itself (`engine.recording`), one that does not is recorded of here. Either way a
record is shown once it is durable. Nothing here decides who may record something: that is `engine.ownership`.
"""

from collections.abc import Callable, Mapping

from podium.domain.events import Event, MissionInterrupted, Record
from podium.domain.mission import MissionState
from podium.engine.chronicle import Chronicle
from podium.engine.mission_run import MissionRun
from podium.ports import Subscriber


class Publication:
    """Makes the records of a workspace's missions known. Those in `runs` run here; `tell` tells other servers of news."""

    def __init__(
        self, chronicle: Chronicle, runs: Mapping[str, MissionRun], tell: Callable[[str, int], None]
    ) -> None:
        self._chronicle = chronicle
        self._runs = runs
        self._tell = tell
        self._subscribers: list[Subscriber] = []

    def subscribe(self, subscriber: Subscriber) -> None:
        """Have every record of every mission shown to `subscriber`, after it is durable."""
        self._subscribers.append(subscriber)

    async def show(self, record: Record) -> None:
        """Show a record to all subscribers, in the order in which they came."""
        for subscriber in self._subscribers:
            shown = subscriber(record)
            if shown is not None:
                await shown

    async def publish(self, record: Record, state: MissionState) -> None:
        """Make known what a mission that runs here has recorded, with its state after that."""
        self._chronicle.tell(record, state)
        self._tell(record.mission_id, record.seq)
        await self.show(record)

    async def add(self, mission_id: str, event: Event) -> MissionState:
        """Record an event of a mission, whether it runs or not, and return its state after it."""
        if (run := self._runs.get(mission_id)) is not None:
            await run.recording.record(event)
            return run.state
        record = await self._chronicle.add(mission_id, event)
        self._tell(mission_id, record.seq)
        await self.show(record)
        state = self._chronicle.at_hand(mission_id)
        await self._chronicle.settle(mission_id)
        return state

    async def strand(self, state: MissionState, reason: str) -> None:
        """Show that a mission stopped where the journal has no room for that; it is recorded when there is some."""
        interrupted = MissionInterrupted(reason)
        seq = self._chronicle.strand(state.id, interrupted)
        await self.show(Record(state.id, seq, state.last_at, interrupted))
