"""Missions that other servers carry out: what they do is shown here as it happens, and what the user wants is asked for there.

The servers share the journal. What they tell each other is only that there is news in it, so that what is shown here
has been read there; what is asked of another one has taken effect once it is recorded there. Where the servers are
not in touch, news is seen when somebody asks for it, and requests are refused.
"""

import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import anyio
from anyio import TASK_STATUS_IGNORED
from anyio.abc import TaskStatus

from podium.domain.events import MissionEnded, MissionInterrupted, Process, Record
from podium.domain.mission import MissionState
from podium.domain.requests import Request, receipt_in
from podium.engine.chronicle import Chronicle
from podium.errors import NotReached, UserError
from podium.ports import Hearer, Journal, Neighbours

_log = logging.getLogger(__name__)


class Alone:
    """No other servers, for one that is on its own; implements `podium.ports.Neighbours`."""

    async def run(self, hearer: Hearer, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """Return at once."""
        del hearer
        task_status.started()

    def tell(self, mission_id: str, seq: int) -> None:
        """Tell nobody."""

    def reaches(self, process: Process) -> bool:
        """Return that it does not."""
        del process
        return False

    async def ask(self, process: Process, request: Request) -> str:
        """Refuse.

        Raises:
            NotReached: always.
        """
        raise NotReached(f"The Podium with process {process.id} cannot be reached for {request.kind}.")


class Elsewhere:
    """What happens in other servers; implements `podium.ports.Hearer`.

    `show` gets what they recorded, each record once and in order, and `carry_out` what they ask for.
    """

    def __init__(
        self,
        neighbours: Neighbours,
        chronicle: Chronicle,
        journal: Journal,
        show: Callable[[Record], Awaitable[None]],
        carry_out: Callable[[Request], Awaitable[str]],
    ) -> None:
        self._neighbours = neighbours
        self._chronicle = chronicle
        self._journal = journal
        self._show = show
        self._carry_out = carry_out
        self._unshown: deque[Record] = deque()
        self._arrived = anyio.Event()
        self._stopped = anyio.Event()

    async def run(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """Show what others do, until cancelled."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._show_each)
            await tasks.start(partial(self._neighbours.run, self))
            task_status.started()

    def take(self, record: Record) -> None:
        """Have a record shown that another server wrote."""
        self._unshown.append(record)
        self._arrived.set()

    async def _show_each(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived = anyio.Event()
            while self._unshown:
                record = self._unshown.popleft()
                await self._show(record)
                if isinstance(record.event, MissionEnded | MissionInterrupted):
                    self._wake()

    def _wake(self) -> None:
        self._stopped.set()
        self._stopped = anyio.Event()

    # --- what neighbours tell -----------------------------------------------------------------------

    async def look(self) -> None:
        """Read in the journal what happened: another server came, or ended."""
        try:
            await self._chronicle.catch_up()
        except UserError as problem:
            _log.warning("what other servers did is not known: %s", problem)
        self._wake()

    async def hear(self, latest: Mapping[str, int]) -> None:
        """Read what is new of these missions."""
        try:
            await self._chronicle.follow(latest)
        except UserError as problem:
            _log.warning("what other servers did is not known: %s", problem)

    async def carry_out(self, request: Request) -> str:
        """Do what another server's user wants of a mission that runs here, and return the receipt.

        Raises:
            UserError: it cannot be done.
        """
        return await self._carry_out(request)

    # --- what the user wants there ------------------------------------------------------------------

    async def ask(self, state: MissionState, request: Request, act: str) -> str:
        """Have the server that carries a mission out do something with it, and return its receipt.

        An answer that is lost is looked for in the journal: what is recorded there has been done.

        Raises:
            UserError: it refused, or cannot be reached.
        """
        before = (await self._journal.missions()).get(state.id, 0)
        try:
            return await self._neighbours.ask(state.process, request)
        except NotReached:
            receipt = receipt_in(request, await self._journal.read(state.id, before))
        if receipt is None:
            raise UserError(
                f"The mission {state.id!r} does not run here but in another Podium (process {state.process.id}), which "
                f"does not answer; {act} there, or end that process and let the mission go on here (podium.resume)."
            )
        return receipt

    async def until_stopped(self, is_over: Callable[[], bool], process: Process) -> None:
        """Wait until a mission of another server is over, or that server is out of touch."""
        while not is_over() and self._neighbours.reaches(process):
            await self._stopped.wait()
