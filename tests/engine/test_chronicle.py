"""What is read of other servers' missions, where it crosses with what happens here."""

from collections.abc import Sequence

import anyio
import pytest

from podium.domain.events import MissionContinued, MissionInterrupted, MissionStarted, Record
from podium.domain.mission import replay
from podium.engine.chronicle import Chronicle
from tests.engine.made_up_world import MemoryJournal

pytestmark = pytest.mark.anyio


class HeldJournal(MemoryJournal):
    """Answers what is read once `answers` is set."""

    __slots__ = ("answers", "asked")

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.answers = anyio.Event(), anyio.Event()

    async def read(self, mission_id: str, after: int = 0) -> Sequence[Record]:
        self.asked.set()
        await self.answers.wait()
        return await super().read(mission_id, after)


async def test_what_a_mission_records_here_is_not_heard_as_another_servers_where_it_goes_on_during_a_look() -> (
    None
):
    journal = HeldJournal()
    journal.answers.set()
    await journal.append(
        "m", [MissionStarted("Mend it", "task", "m", "verified"), MissionInterrupted("Gone.")]
    )
    running: dict[str, object] = {}
    heard: list[Record] = []
    chronicle = Chronicle(journal, lambda _: True, running, heard.append)
    await chronicle.catch_up()
    await journal.append("m", [MissionInterrupted("Gone again.")])
    journal.asked, journal.answers = anyio.Event(), anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(chronicle.follow, {"m": 3})
        await journal.asked.wait()
        running["m"] = "a run"
        for event in (MissionContinued(1), MissionInterrupted("Closed.")):
            (record,) = await journal.append("m", [event])
            chronicle.tell(record, replay("m", journal.records))
        journal.answers.set()
    assert [record.seq for record in heard if record.seq > 3] == []
    assert chronicle.at_hand("m") == replay("m", journal.records)
