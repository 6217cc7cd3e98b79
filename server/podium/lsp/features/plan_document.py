"""The plan document: the mission's plan as Markdown in the workspace, kept up to date.

It lies in `.podium/`, which ignores itself for git. The journal is the truth; this is a view of it.
"""

from contextlib import suppress

import anyio
from lsprotocol import types

from podium.domain.events import (
    AttemptStarted,
    MissionEnded,
    PlanSet,
    Record,
    TaskAccepted,
    TaskDropped,
    TaskReopened,
    TaskStuck,
)
from podium.domain.mission import MissionState
from podium.domain.plan_text import rendered
from podium.engine.conductor import Conductor
from podium.errors import UserError
from podium.lsp.atomic import write_atomically
from podium.lsp.rpc import AskFailed
from podium.lsp.session import Session
from podium.lsp.uris import uri_of

SHOW_S = 10.0


class PlanDocument:
    """Writes the plan of each mission, and opens that of a `podium.plan`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def follow(self, conductor: Conductor) -> None:
        """Write the plans of `conductor`'s missions."""

        async def write(record: Record) -> None:
            match record.event:
                case (
                    PlanSet() | AttemptStarted() | TaskAccepted() | TaskStuck() | TaskReopened() | TaskDropped()
                    | MissionEnded()
                ):  # fmt: skip
                    state = conductor.state(record.mission_id)
                    if state.plan.tasks:
                        await anyio.to_thread.run_sync(self._write, state)
                    if isinstance(record.event, PlanSet) and state.kind == "plan":
                        self._session.host.spawn("plan document", self._open(state.id))
                case _:
                    pass

        conductor.subscribe(self._session.host.guarded("plan document", write))

    def _write(self, state: MissionState) -> None:
        """Write the document; where that cannot be done, the mission goes on without it.

        A cloned repository may hold a link in the place of `.podium`: nothing is written through one.
        """
        assert self._session.root is not None  # noqa: S101 - a mission has a workspace
        home = self._session.root / ".podium"
        place = home / "missions" / state.id / "plan.md"
        try:
            if place.resolve() != place or (home / ".gitignore").is_symlink():
                raise UserError(f"the plan is not written, because a link leads out of {home}")
            home.mkdir(exist_ok=True)
            with suppress(FileExistsError), (home / ".gitignore").open("x", encoding="utf-8") as ignore:
                ignore.write("*\n")
            write_atomically(place, rendered(state).encode("utf-8"))
        except OSError as error:
            raise UserError(f"the plan is not written: {error.filename}: {error.strerror}") from error

    async def _open(self, mission_id: str) -> None:
        window = self._session.host.client.window
        if (
            not (window and window.show_document and window.show_document.support)
            or self._session.root is None
        ):
            return
        uri = uri_of(self._session.root / ".podium" / "missions" / mission_id / "plan.md")
        try:
            await self._session.host.ask(
                types.WINDOW_SHOW_DOCUMENT, types.ShowDocumentParams(uri, take_focus=True), SHOW_S
            )
        except AskFailed:
            return
