"""What the server knows of its client's session: settings, the workspace folder, and its conductor.

The workspace is opened after `initialize` is answered, so that opening never delays an editor; requests
that need it wait, or are told why it cannot be opened.
"""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import anyio
from lsprotocol import types

from podium.config import Loaded, Settings, Sources, combined
from podium.domain.events import Process
from podium.domain.messages import Json
from podium.engine.conductor import Conductor
from podium.engine.services import Services
from podium.errors import UserError
from podium.lsp.documents import Document, lsp_range
from podium.lsp.host import Host
from podium.lsp.protocol import DoctorLine
from podium.lsp.uris import file_path, uri_of
from podium.ports import FrontEnd, Neighbours, Workspace

_log = logging.getLogger(__name__)

Buffers = Callable[[], Iterable[tuple[Path, str]]]


@dataclass(frozen=True, slots=True)
class Opened:
    """An opened workspace; `notice` is what the user should know of how it opened.

    `detach` has missions go on, under these settings, without an editor once this process has ended.
    """

    services: Services
    process: Process
    process_lives: Callable[[Process], bool]
    neighbours: Neighbours
    doctor: Callable[[Settings], Awaitable[list[DoctorLine]]]
    detach: Callable[[Sequence[str], Sources], None]
    notice: str = ""


OpenWorkspace = Callable[[Path, Loaded, Buffers, FrontEnd], AbstractAsyncContextManager[Opened]]
"""Builds the adapters of one folder; leaving the context closes them."""


class Session:
    """The state of one client's session."""

    def __init__(self, host: Host, sources: Sources, open_workspace: OpenWorkspace) -> None:
        self.host = host
        self._sources = sources
        self._open_workspace = open_workspace
        self._ready = anyio.Event()
        self._opened: Opened | None = None
        self._conductor: Conductor | None = None
        self._failure = "No folder is open; open the folder of your project first."
        self.root: Path | None = None
        host.on_departure(self._depart)

    # --- settings -----------------------------------------------------------------------------------

    def loaded(self) -> Loaded:
        """Return the settings as they are now.

        Raises:
            UserError: a source sets something unknown or wrong.
        """
        return self._sources.load()

    def set_editor_settings(self, tree: Json) -> None:
        """Take what the editor says under `podium`; anything but an object says nothing."""
        if isinstance(tree, dict):
            self._sources = replace(self._sources, editor=tree)

    # --- the workspace ------------------------------------------------------------------------------

    def learn(self, params: types.InitializeParams) -> None:
        """Take the folder and the settings from `initialize`."""
        options: object = params.initialization_options
        if isinstance(options, Mapping):
            tree = dict(cast("Mapping[str, Json]", options))
            self.set_editor_settings(tree.get("podium", tree))
        folders = params.workspace_folders or ()
        uris = [folder.uri for folder in folders] or [params.root_uri or ""]
        path = file_path(uris[0]) if uris[0] else None
        if path is None and params.root_path:
            path = Path(params.root_path)
        if path is not None and path.is_dir():
            self.root = path.resolve()
            self._failure = ""
            self._sources = replace(self._sources, workspace_file=self.root / ".podium" / "config.toml")
        elif path is not None:
            self._failure = f"The folder {path} does not exist."

    async def run(self, front_end: FrontEnd, greet: Callable[[Conductor], None]) -> None:
        """Open the workspace and keep it open until cancelled; `greet` sees the conductor first."""
        try:
            if self.root is None:
                return
            async with self._conducting(self.root, front_end) as conductor:
                greet(conductor)
                self._conductor = conductor
                self._ready.set()
                self.host.spawn("pruning", self._prune(conductor))
                await anyio.sleep_forever()
        except UserError as error:
            _log.error("%s cannot be opened: %s", self.root, error)
            self._failure = str(error)
        finally:
            if self._conductor is None and not self._failure:
                self._failure = f"{self.root} cannot be opened; the server's log says why."
            self._ready.set()

    def _depart(self) -> None:
        """Let the missions go on without the client, which is gone, where the settings say so."""
        if self._conductor is None or self._opened is None or not (running := self._conductor.running()):
            return
        if self._settings_or_defaults().settings.on_disconnect == "detach":
            self._opened.detach(running, self._sources)

    async def _prune(self, conductor: Conductor) -> None:
        """Drop what is to be dropped of old missions."""
        loaded = await anyio.to_thread.run_sync(self._settings_or_defaults)
        try:
            dropped = await conductor.archive.prune(loaded.settings.pruning())
        except UserError as problem:
            _log.info("old missions are pruned at another start: %s", problem)
            return
        if dropped.conversations or dropped.missions:
            _log.info(
                "the conversations of %d old missions were dropped, and %d missions",
                len(dropped.conversations),
                len(dropped.missions),
            )

    @asynccontextmanager
    async def _conducting(self, root: Path, front_end: FrontEnd) -> AsyncGenerator[Conductor]:
        loaded = await anyio.to_thread.run_sync(self._settings_or_defaults)
        async with self._open_workspace(root, loaded, self._buffers, front_end) as opened:
            self._opened = opened
            if opened.notice:
                warning = types.ShowMessageParams(types.MessageType.Warning, opened.notice)
                self.host.notify(types.WINDOW_SHOW_MESSAGE, warning)
            conducting = Conductor(opened.services, opened.process_lives, opened.process, opened.neighbours)
            async with conducting as conductor:
                yield conductor

    def _settings_or_defaults(self) -> Loaded:
        """Return the settings, or defaults while they are wrong: each command says then what is wrong."""
        try:
            return self.loaded()
        except UserError as error:
            return Loaded(combined([]), (str(error),))

    def _buffers(self) -> Iterable[tuple[Path, str]]:
        for document in self.host.documents:
            path = file_path(document.uri)
            if path is not None:
                yield path, document.content

    async def conductor(self) -> Conductor:
        """Return the conductor once the workspace is open.

        Raises:
            UserError: it cannot be opened; the message says why.
        """
        await self._ready.wait()
        if self._conductor is None:
            raise UserError(self._failure)
        return self._conductor

    async def opened(self) -> Opened:
        """Return the opened workspace.

        Raises:
            UserError: it cannot be opened; the message says why.
        """
        await self.conductor()
        assert self._opened is not None  # noqa: S101 - a conductor has a workspace
        return self._opened

    async def workspace(self) -> Workspace:
        """Return the user's files once the workspace is open.

        Raises:
            UserError: it cannot be opened; the message says why.
        """
        return (await self.opened()).services.workspace

    # --- paths --------------------------------------------------------------------------------------

    def uri(self, path: str) -> str:
        """Return the URI of a path of the workspace, as the client spells it if it has the file open."""
        uri = uri_of(self._folder() / path)
        document = self.host.documents.get(uri)
        return document.uri if document else uri

    def path(self, uri: str) -> str:
        """Return the path of a URI, relative to the workspace.

        Raises:
            UserError: it is not a file of the workspace.
        """
        path = file_path(uri)
        try:
            if path is not None:
                return path.resolve().relative_to(self._folder()).as_posix()
        except ValueError:
            pass
        raise UserError(f"{uri} is not a file of the workspace {self._folder()}.")

    def path_or_none(self, uri: str) -> str | None:
        """Return the path of a URI, or None where it is not a file of the workspace."""
        try:
            return self.path(uri)
        except UserError:
            return None

    def range_of(self, document: Document, start: int, end: int) -> types.Range:
        """Return the range between two offsets of a document, in the negotiated encoding."""
        return lsp_range(document.text, start, end, self.host.encoding)

    def _folder(self) -> Path:
        if self.root is None:
            raise UserError(self._failure)
        return self.root
