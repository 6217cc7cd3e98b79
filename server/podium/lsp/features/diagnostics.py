"""Diagnostics: everything that Podium says about a file, published together and again while the user types.

A client keeps only the latest diagnostics of a server for a file, so that there is one publisher. What is
said comes from sources: findings, changes that wait for review, and what is wrong with an edited plan.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

from lsprotocol import types

from podium.domain.events import Record
from podium.engine.conductor import Conductor
from podium.lsp.documents import DocumentChange
from podium.lsp.session import Session

SOURCE = "Podium"


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
    """Publishes what its sources say."""

    def __init__(self, session: Session, sources: Sequence[Source]) -> None:
        self._session = session
        self._sources = sources
        self._published: set[str] = set()
        session.host.documents.subscribe(self._on_document)

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
        if path in self._published:
            self._publish(path)

    def _publish(self, path: str) -> None:
        self._published.add(path)
        uri = self._session.uri(path)
        document = self._session.host.documents.get(uri)
        found = [diagnostic for source in self._sources for diagnostic in source.about(path)]
        version = document.version if document else None
        self._session.host.notify(
            types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS, types.PublishDiagnosticsParams(uri, found, version)
        )
