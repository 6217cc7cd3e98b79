"""The documents that are open in the editor, exactly as the editor holds them.

They are changed by the client's notifications only, in the order of their arrival, before any later
message is handled. A file that is not open is none of this module's business.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import anyio
from lsprotocol import types

from podium.domain.text import Encoding, Position, Text
from podium.lsp.uris import key_of

_log = logging.getLogger(__name__)

ChangeKind: TypeAlias = Literal["opened", "changed", "saved", "closed"]


@dataclass(slots=True)
class Document:
    """An open document. `uri` is spelled as its client spells it; `version` is the client's own count.

    The object lives as long as the document is open and changes in place; `content` is a value.
    """

    uri: str
    language_id: str
    version: int
    text: Text

    @property
    def content(self) -> str:
        """The whole text now, unsaved changes included."""
        return self.text.content


@dataclass(frozen=True, slots=True)
class DocumentChange:
    """What happened to a document; after `closed`, it is the last that is heard of `document`.

    `edits` are the client's own words for a change: each refers to the text after the one before.
    """

    kind: ChangeKind
    document: Document
    edits: Sequence[types.TextDocumentContentChangeEvent] = ()


Subscriber: TypeAlias = Callable[[DocumentChange], None]


class Documents:
    """The open documents by URI, whatever its spelling. `encoding` is what positions are counted in."""

    def __init__(self, encoding: Encoding = "utf-16") -> None:
        self.encoding: Encoding = encoding
        self._open: dict[str, Document] = {}
        self._subscribers: list[Subscriber] = []
        self._waiting: dict[str, anyio.Event] = {}

    def __iter__(self) -> Iterator[Document]:
        """Iterate over the open documents, in the order in which they were opened."""
        return iter(tuple(self._open.values()))

    def get(self, uri: str) -> Document | None:
        """Return the open document `uri`, or None where it is not open."""
        return self._open.get(key_of(uri))

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Call `subscriber` after each change, before the next message; return how to end that."""
        self._subscribers.append(subscriber)
        return lambda: self._subscribers.remove(subscriber)

    async def wait_until(self, uri: str, holds: Callable[[Document | None], bool], timeout_s: float) -> bool:
        """Return whether `holds` is true of `uri` now, or becomes true within `timeout_s`.

        It is asked once at first and then after each change; None stands for a document that is not open.
        """
        with anyio.move_on_after(timeout_s):
            while not holds(self.get(uri)):
                await self._waiting.setdefault(key_of(uri), anyio.Event()).wait()
            return True
        return False

    def did_open(self, params: types.DidOpenTextDocumentParams) -> None:
        """Take a document in; one that is open already is replaced (OpenCode opens files twice)."""
        item = params.text_document
        document = Document(item.uri, str(item.language_id), item.version, Text(item.text))
        self._open[key_of(item.uri)] = document
        self._tell("opened", document)

    def did_change(self, params: types.DidChangeTextDocumentParams) -> None:
        """Apply the client's edits one after the other, as each refers to the text after the one before."""
        document = self.get(params.text_document.uri)
        if document is None:
            _log.warning("A change of a document that is not open: %s", params.text_document.uri)
            return
        for change in params.content_changes:
            if isinstance(change, types.TextDocumentContentChangePartial):
                start, end = _position(change.range.start), _position(change.range.end)
                document.text.replace(start, end, change.text, self.encoding)
            else:
                document.text = Text(change.text)
        document.version = params.text_document.version
        self._tell("changed", document, params.content_changes)

    def did_save(self, params: types.DidSaveTextDocumentParams) -> None:
        """Tell the subscribers that the file on disk is now what the document is."""
        if document := self.get(params.text_document.uri):
            self._tell("saved", document)

    def did_close(self, params: types.DidCloseTextDocumentParams) -> None:
        """Let a document go: from now on the file on disk is the truth."""
        document = self._open.pop(key_of(params.text_document.uri), None)
        if document is not None:
            self._tell("closed", document)

    def _tell(
        self,
        kind: ChangeKind,
        document: Document,
        edits: Sequence[types.TextDocumentContentChangeEvent] = (),
    ) -> None:
        change = DocumentChange(kind, document, edits)
        for subscriber in tuple(self._subscribers):
            subscriber(change)
        if waiting := self._waiting.pop(key_of(document.uri), None):
            waiting.set()


def lsp_position(text: Text, offset: int, encoding: Encoding) -> types.Position:
    """Return the position of `offset` as the wire has it."""
    position = text.position_at(offset, encoding)
    return types.Position(position.line, position.character)


def lsp_range(text: Text, start: int, end: int, encoding: Encoding) -> types.Range:
    """Return the range between two offsets as the wire has it."""
    return types.Range(lsp_position(text, start, encoding), lsp_position(text, end, encoding))


def offsets(text: Text, span: types.Range, encoding: Encoding) -> tuple[int, int]:
    """Return the offsets at which `span` starts and ends, in ascending order."""
    ends = (text.offset_at(_position(end), encoding) for end in (span.start, span.end))
    start, end = sorted(ends)
    return start, end


def _position(position: types.Position) -> Position:
    return Position(position.line, position.character)
