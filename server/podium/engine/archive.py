"""What is done with old and foreign missions as records: they are dropped, exported to a file, and taken in from one."""

import time

import anyio.to_thread

from podium import __version__
from podium.domain import mission_file
from podium.domain.events import MissionImported, MissionPruned, Record
from podium.domain.masking import Mask
from podium.domain.mission import MissionState
from podium.domain.mission_file import MissionFile
from podium.domain.pruning import Dropped, Rules, to_drop, without_conversations
from podium.engine.chronicle import Chronicle
from podium.engine.ownership import Ownership
from podium.errors import UserError
from podium.ports import Journal


class Archive:
    """The records of all missions. `mask` puts placeholders for the secrets in what is exported."""

    def __init__(self, journal: Journal, chronicle: Chronicle, ownership: Ownership, mask: Mask) -> None:
        self._journal = journal
        self._chronicle = chronicle
        self._ownership = ownership
        self._mask = mask

    async def prune(self, rules: Rules) -> Dropped:
        """Drop what the rules say of old missions, and return what that was.

        Raises:
            UserError: another Podium decides on missions just now, or the journal does not take it.
        """
        async with self._ownership.alone():
            await self._chronicle.catch_up()
            dropped = to_drop(await self._chronicle.in_short(), rules)
            for mission_id in dropped.conversations:
                records = await self._journal.read(mission_id, 0)
                await self._journal.drop(without_conversations(records), ())
                await self._chronicle.add(mission_id, MissionPruned())
                await self._chronicle.settle(mission_id)
            await self._journal.drop((), dropped.missions)
            await self._chronicle.catch_up()
            return dropped

    async def exported(self, mission_id: str) -> str:
        """Return a mission as a file, its secrets masked (see `domain.mission_file`).

        Raises:
            UserError: there is no such mission, or its records cannot be read.
        """
        await self._chronicle.latest(mission_id)
        records = tuple(await self._journal.read(mission_id, 0))
        mission = MissionFile(mission_id, __version__, time.time(), records)
        return await anyio.to_thread.run_sync(mission_file.written, mission, self._mask)

    async def take_in(self, mission: MissionFile) -> MissionState:
        """Take an exported mission into the journal, and return it.

        Raises:
            UserError: there is a mission with its id already, or the journal takes no more.
        """
        imported = MissionImported(mission.podium, mission.exported_at)
        last = Record(mission.mission_id, len(mission.records) + 1, time.time(), imported)
        if not await self._journal.take_in((*mission.records, last)):
            raise UserError(f"There is a mission {mission.mission_id!r} here already; podium.show shows it.")
        return await self._chronicle.latest(mission.mission_id)
