"""Diagnostics: everything that Podium says about a file, said together and again while the user types.

A client keeps only the latest diagnostics of a server for a file, so that there is one publisher. What is
said comes from sources: findings, changes that wait for review, and what is wrong with an edited plan.

A client that pulls them, and can be told to pull again, pulls those of its open documents; what is said about
other files is pushed. All others are pushed everything, also those that could pull but would never hear of news.
So nothing comes both ways.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Protocol

from lsprotocol import types

from podium.domain.events import Record
from podium.engine.conductor import Conductor
from podium.lsp.documents import DocumentChange
from podium.lsp.rpc import AskFailed
from podium.lsp.session import Session
from podium.lsp.wire import encode

SOURCE = "Podium"
REFRESH_S = 10.0


class Source(Protocol):
    """Something that says things about files."""

    def follow(self, conductor: Conductor) -> Iterable[str]:
        """Speak of `conductor`'s missions from now on; return the paths that there is something to say about."""
        ...

    def touched(self, record: Record) -> Iterable[str]:
        """Return the paths about which an event changes what is said."""
        ...

    def about(self, path: str) -> Iterable[types.Diagnostic]:
        """Return what there is to say about a file, placed in what the editor holds now."""
        ...


class Diagnostics:
    """Says what its sources say: publishes it, or answers `textDocument/diagnostic`."""

    def __init__(self, session: Session, sources: Sequence[Source]) -> None:
        self._session = session
        self._sources = sources
        self._published: set[str] = set()
        self._news = False
        self._refreshing = False
        host = session.host
        host.documents.subscribe(self._on_document)
        options = types.DiagnosticOptions(inter_file_dependencies=True, workspace_diagnostics=False)
        host.request(types.TEXT_DOCUMENT_DIAGNOSTIC, self._pulled, types.DocumentDiagnosticParams, options)
        host.on_initialize(self._offer)

    def follow(self, conductor: Conductor) -> None:
        """Show what is said of `conductor`'s missions, those from before a restart included."""
        conductor.subscribe(self._on_record)
        for path in {path for source in self._sources for path in source.follow(conductor)}:
            self._publish(path)

    def refresh(self, path: str) -> None:
        """Say again what there is to say about a file, and from now on whenever it changes."""
        self._publish(path)

    def _on_record(self, record: Record) -> None:
        for path in {path for source in self._sources for path in source.touched(record)}:
            self._publish(path)

    def _on_document(self, change: DocumentChange) -> None:
        if change.kind == "saved" or not self._published:
            return
        path = self._session.path_or_none(change.document.uri)
        if path not in self._published:
            return
        if not self._pulls or change.kind == "closed":
            self._publish(path)
        elif change.kind == "opened":
            nothing = types.PublishDiagnosticsParams(change.document.uri, [])
            self._session.host.notify(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS, nothing)

    # --- pushing ------------------------------------------------------------------------------------

    def _publish(self, path: str) -> None:
        """Say what there is to say about a file; of one that the client pulls, say that there is news."""
        self._published.add(path)
        uri = self._session.uri(path)
        document = self._session.host.documents.get(uri)
        if document is not None and self._pulls:
            self._refresh()
            return
        found = self._about(path)
        version = document.version if document else None
        self._session.host.notify(
            types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS, types.PublishDiagnosticsParams(uri, found, version)
        )

    def _about(self, path: str) -> list[types.Diagnostic]:
        return [diagnostic for source in self._sources for diagnostic in source.about(path)]

    # --- being pulled -------------------------------------------------------------------------------

    @property
    def _pulls(self) -> bool:
        """Whether the client pulls, and can be told that there is something new."""
        client = self._session.host.client
        refresh = client.workspace and client.workspace.diagnostics
        pulls = client.text_document and client.text_document.diagnostic
        return bool(pulls and refresh and refresh.refresh_support)

    def _offer(self, _: types.InitializeParams, capabilities: types.ServerCapabilities) -> None:
        if not self._pulls:
            capabilities.diagnostic_provider = None

    def _pulled(self, params: types.DocumentDiagnosticParams) -> types.DocumentDiagnosticReport:
        """Return what there is to say about a document, or that it is what it was."""
        path = self._session.path_or_none(params.text_document.uri) if self._pulls else None
        found = self._about(path) if path else []
        result_id = sha256(encode({"items": found})).hexdigest()[:16]
        if result_id == params.previous_result_id:
            return types.RelatedUnchangedDocumentDiagnosticReport(result_id)
        return types.RelatedFullDocumentDiagnosticReport(found, result_id=result_id)

    def _refresh(self) -> None:
        """Have the client pull again; once more where there is something new while it is told."""
        self._news = True
        if not self._refreshing:
            self._refreshing = True
            self._session.host.spawn("diagnostics", self._tell_of_news())

    async def _tell_of_news(self) -> None:
        try:
            while self._news:
                self._news = False
                await self._session.host.ask(types.WORKSPACE_DIAGNOSTIC_REFRESH, None, REFRESH_S)
        except AskFailed:
            return
        finally:
            self._refreshing = False
