"""Missions without an editor: they go on when theirs went away, until they have ended or another editor takes them.

This process has no client. What would go into an editor is kept in the journal until there is one, and questions stay
open. It ends when none of its missions is left, or when all of them have waited for the user for an hour: they go on
in the next editor then as well.
"""

import logging
import signal
import sys
from collections.abc import Sequence

import anyio
import anyio.to_thread

from podium.cli.detaching import Order
from podium.cli.serve import log_as_asked, sources
from podium.cli.workspace import open_workspace
from podium.config import Settings
from podium.domain.changes import FileEdit
from podium.domain.events import Process, Record
from podium.engine.conductor import Conductor
from podium.errors import UserError
from podium.ports import Delivery

IDLE_S = 3600.0
"""After this long without an event, missions that only wait for the user go on in the next editor."""

_log = logging.getLogger(__name__)


class Nobody:
    """No editor: what is to be delivered is kept; implements `podium.ports.FrontEnd`."""

    async def deliver(self, label: str, edits: Sequence[FileEdit]) -> Delivery:
        """Keep a change."""
        del label, edits
        return Delivery("kept")


class Carrying:
    """The missions of an order, while they go on here."""

    def __init__(self, conductor: Conductor, settings: Settings) -> None:
        self._conductor = conductor
        self._settings = settings
        self._idle = anyio.CancelScope()
        conductor.subscribe(self._happened)

    async def run(self, mission_ids: Sequence[str]) -> None:
        """Go on with the missions; return when none of them is left here."""
        with self._idle:
            async with anyio.create_task_group() as missions:
                for mission_id in mission_ids:
                    missions.start_soon(self._carry, mission_id)

    async def _carry(self, mission_id: str) -> None:
        try:
            await self._conductor.orders.take_over(mission_id, self._settings)
            await self._conductor.wait(mission_id, None)
        except UserError as problem:
            _log.info("%s does not go on without an editor: %s", mission_id, problem)

    def _happened(self, _: Record) -> None:
        """Give up waiting for the user after a while in which nothing happens."""
        running = [self._conductor.state(mission_id) for mission_id in self._conductor.running()]
        waits = all(state.status in {"waiting", "paused"} for state in running)
        self._idle.deadline = anyio.current_time() + IDLE_S if waits else float("inf")


async def carry(order: Order) -> None:
    """Carry an order out, once the server that gave it has ended."""
    loaded = sources(order.command_line, order.editor, order.workspace).load()
    async with open_workspace(order.workspace, loaded, tuple, Nobody()) as opened:

        def lives(process: Process) -> bool:
            return process != order.predecessor and opened.process_lives(process)

        await anyio.to_thread.run_sync(sys.stdin.read)  # until the predecessor's end of the pipe is closed
        conducting = Conductor(opened.services, lives, opened.process, opened.neighbours, detached=True)
        async with conducting as conductor:
            await Carrying(conductor, loaded.settings).run(order.mission_ids)


async def _until_told(order: Order) -> None:
    """Carry an order out until a signal ends it, other than that of a closed terminal.

    The missions go on in the next editor then.
    """
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
        async with anyio.create_task_group() as tasks:

            async def heed() -> None:
                async for number in signals:
                    if number != signal.SIGHUP:
                        tasks.cancel_scope.cancel()

            tasks.start_soon(heed)
            await carry(order)
            tasks.cancel_scope.cancel()


if __name__ == "__main__":
    log_as_asked()
    anyio.run(_until_told, Order.model_validate_json(sys.stdin.readline()))
