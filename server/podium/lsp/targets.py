"""What a delivery asks for: one file as it is now and as it is to become, and the edits that lead there."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias, TypeVar

from lsprotocol import types

from podium.domain.changes import FileEdit
from podium.domain.merge import hunks
from podium.domain.splices import Splice, around_line_ends
from podium.domain.text import Encoding, Text
from podium.domain.text_file import TextFile
from podium.errors import ToolError
from podium.lsp.documents import Document, Documents, lsp_range

T = TypeVar("T")

Operation: TypeAlias = types.TextDocumentEdit | types.CreateFile | types.RenameFile | types.DeleteFile

_MARK = "\ufeff"


class Client(Protocol):
    """What a delivery needs of the client; the host has it."""

    @property
    def documents(self) -> Documents:
        """The open documents."""
        ...

    @property
    def client(self) -> types.ClientCapabilities:
        """What the client can do."""
        ...

    @property
    def encoding(self) -> Encoding:
        """What positions are counted in."""
        ...

    def notify(self, method: str, params: object = None) -> None:
        """Send a notification."""
        ...

    async def ask(self, method: str, params: object, timeout_s: float, kind: type[T]) -> T:
        """Send a request and return the client's result.

        Raises:
            AskFailed: the client refused, did not answer in time, or answered something else.
        """
        ...


class Files(Protocol):
    """The files that a delivery may change, as the client has them."""

    def read(self, path: str) -> bytes | None:
        """Return the content now, or None where there is no file.

        Raises:
            ToolError: the path is none that may be changed.
        """
        ...

    def read_saved(self, path: str) -> bytes | None:
        """Return the content on the disk, or None where there is no file.

        Raises:
            ToolError: as for `read`.
        """
        ...


class Desk(Protocol):
    """Where a delivery goes: a client and its folder; the session is one."""

    @property
    def host(self) -> Client:
        """The client."""
        ...

    @property
    def root(self) -> Path | None:
        """The workspace folder."""
        ...

    def uri(self, path: str) -> str:
        """Return the URI of a path of the workspace, as the client spells it."""
        ...

    async def workspace(self) -> Files:
        """Return the user's files, once they are open."""
        ...


@dataclass(frozen=True, slots=True)
class Target:
    """One file as it is now and as it is to become, and the edits that the editor is asked for.

    `text` is what the edits speak of: the document where it is open, then with its `version`, or the file.
    `permissions` as in `FileEdit`.
    """

    path: str
    now: bytes | None
    then: bytes | None
    edits: tuple[types.TextEdit, ...] = ()
    text: str = ""
    version: int | None = None
    permissions: int | None = None

    @property
    def edit(self) -> FileEdit:
        """What changes."""
        return FileEdit(self.path, self.now, self.then, self.permissions)


def target_of(
    path: str, now: bytes | None, then: bytes | None, document: Document | None, encoding: Encoding
) -> Target:
    """Return what makes `then` of a file that holds `now`, line by line; `document` is it where it is open.

    A file that comes or goes need not be text.

    Raises:
        ToolError: the file is there before and after, and is not text.
    """
    try:
        text = document.text if document else Text(_text(now))
        before, after = text.content, "" if then is None else _text(then)
    except ToolError:
        if now is None or then is None:
            return Target(path, now, then)
        raise
    if document and before.startswith(_MARK):
        after = _MARK + after  # some editors show a byte order mark as text; it is the user's
    found = [Splice(hunk.offset, hunk.end_offset, hunk.new) for hunk in hunks(before, after)]
    edits = () if then is None else _text_edits(text, found, encoding)
    return Target(path, now, then, edits, before, document.version if document else None)


def put_right(
    path: str, now: bytes, document: Document, back: Sequence[Splice], encoding: Encoding
) -> Target:
    """Return what carries out `back` in an open document."""
    text = document.text
    edits = _text_edits(text, around_line_ends(text.content, back), encoding)
    return Target(path, now, now, edits, text.content, document.version)


def as_saved(text: str, like: bytes) -> bytes:
    """Return `text` as bytes in the encoding of the file content `like`, where that can hold it."""
    file = TextFile.decode(like)
    try:
        return file.mark + text.removeprefix(_MARK).encode(file.encoding)
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def is_plain(content: bytes) -> bool:
    """Return whether a new file with this content is text as an editor would write it: UTF-8 without a mark."""
    try:
        file = TextFile.decode(content)
    except ToolError:
        return False
    return file.encoding == "utf-8" and not file.mark


def operations(uri: str, target: Target) -> list[Operation]:
    """Return what the editor is asked to do to one file that exists.

    A deletion names no version. An edit that changes nothing does, so that editors which are strict about
    versions do not delete what was typed into meanwhile.
    """
    document = types.OptionalVersionedTextDocumentIdentifier(uri, target.version)
    if target.then is not None:
        return [types.TextDocumentEdit(document, list(target.edits))] if target.edits else []
    deletion = types.DeleteFile(uri)
    if target.version is None:
        return [deletion]
    start = types.Position(0, 0)
    return [types.TextDocumentEdit(document, [types.TextEdit(types.Range(start, start), "")]), deletion]


def _text_edits(text: Text, found: Iterable[Splice], encoding: Encoding) -> tuple[types.TextEdit, ...]:
    return tuple(types.TextEdit(lsp_range(text, s.start, s.end, encoding), s.new) for s in found)


def _text(content: bytes | None) -> str:
    if not content:
        return ""
    file = TextFile.decode(content)
    return content[len(file.mark) :].decode(file.encoding)
