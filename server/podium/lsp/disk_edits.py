"""Workspace edits on disk: what an editor does with `workspace/applyEdit`, for users without an editor.

All of an edit happens or none of it. Everything is computed first; then each file is replaced in one
step, and when one cannot be, those already replaced get their content back. Bytes that no text edit
touches stay as they are: encoding, byte order mark and line ends are the file's own.
"""

import stat
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from podium.domain.text import Encoding, Position, Text
from podium.domain.text_file import TextFile
from podium.errors import ToolError
from podium.lsp import protocol
from podium.lsp.atomic import write_atomically
from podium.lsp.uris import file_path


class EditFailed(Exception):
    """The edit was not applied, and nothing of it remains; the message says why."""


class _Lsp(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)


class TextEdit(_Lsp):
    """New text for a range; the range's characters count units of the negotiated encoding."""

    range: protocol.Range
    new_text: str


class Document(_Lsp):
    """A document. A `version` other than null speaks of an open buffer, which there is none of here."""

    uri: str
    version: int | None = None


class DocumentEdit(_Lsp):
    """Text edits of one document; their ranges all refer to the text before the first of them."""

    text_document: Document
    edits: tuple[TextEdit, ...]


class FileOptions(_Lsp):
    """What to do where a file is, or is not, already there."""

    overwrite: bool = False
    ignore_if_exists: bool = False
    ignore_if_not_exists: bool = False


class CreateFile(_Lsp):
    """An empty file."""

    kind: Literal["create"]
    uri: str
    options: FileOptions = FileOptions()


class RenameFile(_Lsp):
    """A file under another name."""

    kind: Literal["rename"]
    old_uri: str
    new_uri: str
    options: FileOptions = FileOptions()


class DeleteFile(_Lsp):
    """A file to delete."""

    kind: Literal["delete"]
    uri: str
    options: FileOptions = FileOptions()


class WorkspaceEdit(_Lsp):
    """An edit of many files. `document_changes` are applied in their order and win over `changes`."""

    changes: dict[str, tuple[TextEdit, ...]] | None = None
    document_changes: tuple[DocumentEdit | CreateFile | RenameFile | DeleteFile, ...] | None = None


@dataclass(frozen=True, slots=True)
class _File:
    """A file as it is to be: `content` None where there is to be none; `mode` None for a new one."""

    content: bytes | None
    mode: int | None = None


class _Stage:
    """The files as they will be: what the edit has changed so far, over the disk."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.files: dict[Path, _File] = {}

    def path(self, uri: str) -> Path:
        named = file_path(uri)
        if named is None:
            raise EditFailed(f"{uri} is not a file.")
        path = named.resolve()
        if not path.is_relative_to(self.root) or path == self.root:
            raise EditFailed(f"{path} is not in the workspace folder {self.root}.")
        return path

    def read(self, path: Path) -> _File:
        return self.files.get(path) or _on_disk(path)

    def create(self, change: CreateFile) -> None:
        path = self.path(change.uri)
        old = self.read(path)
        if old.content is None or change.options.overwrite:
            self.files[path] = _File(b"", old.mode)
        elif not change.options.ignore_if_exists:
            raise EditFailed(f"{path} exists already.")

    def rename(self, change: RenameFile) -> None:
        old, new = self.path(change.old_uri), self.path(change.new_uri)
        moved = self.read(old)
        if moved.content is None:
            raise EditFailed(f"{old} does not exist.")
        if self.read(new).content is not None and not change.options.overwrite:
            if change.options.ignore_if_exists:
                return
            raise EditFailed(f"{new} exists already.")
        self.files[old] = _File(None)
        self.files[new] = moved

    def delete(self, change: DeleteFile) -> None:
        path = self.path(change.uri)
        if self.read(path).content is not None:
            self.files[path] = _File(None)
        elif not change.options.ignore_if_not_exists:
            raise EditFailed(f"{path} does not exist.")

    def edit(self, document: Document, edits: Iterable[TextEdit], encoding: Encoding) -> None:
        path = self.path(document.uri)
        if document.version is not None:
            raise EditFailed(f"{path} is not open, so it has no version {document.version}.")
        old = self.read(path)
        if old.content is None:
            raise EditFailed(f"{path} does not exist.")
        self.files[path] = _File(_edited(path, old.content, edits, encoding), old.mode)


def apply_to_disk(edit: WorkspaceEdit, root: Path, encoding: Encoding) -> list[Path]:
    """Apply `edit` to files below `root`; return the paths that were written or deleted, in order.

    Raises:
        EditFailed: a path lies outside of `root`, a file is (not) there against what the edit expects, a
            version is demanded, edits overlap, the disk refuses, or `root` is gone.
    """
    if not root.is_dir():
        raise EditFailed(f"{root} is gone.")
    stage = _Stage(root)
    if edit.document_changes is None:
        for uri, edits in (edit.changes or {}).items():
            stage.edit(Document(uri=uri), edits, encoding)
    for change in edit.document_changes or ():
        match change:
            case DocumentEdit():
                stage.edit(change.text_document, change.edits, encoding)
            case CreateFile():
                stage.create(change)
            case RenameFile():
                stage.rename(change)
            case DeleteFile():
                stage.delete(change)
    _commit(stage.files)
    return list(stage.files)


def _edited(path: Path, content: bytes, edits: Iterable[TextEdit], encoding: Encoding) -> bytes:
    try:
        file = TextFile.decode(content)
    except ToolError as error:
        raise EditFailed(f"{path}: {error}") from error
    # Not `file.text`: the edits' own line ends count, byte for byte.
    text = Text(content.removeprefix(file.mark).decode(file.encoding))
    ordered = sorted(
        ((_place(e.range.start), _place(e.range.end), e.new_text) for e in edits), key=lambda e: e[:2]
    )
    for (_, end, _), (start, _, _) in pairwise(ordered):
        if start < end:
            raise EditFailed(f"{path}: two edits overlap in line {start.line + 1}.")
    for start, end, new in reversed(ordered):
        text.replace(start, end, new, encoding)
    try:
        return file.mark + text.content.encode(file.encoding)
    except UnicodeEncodeError as error:
        raise EditFailed(f"{path} is {file.encoding}, which cannot hold the new text.") from error


def _place(place: protocol.Position) -> Position:
    return Position(place.line, place.character)


def _on_disk(path: Path) -> _File:
    try:
        return _File(path.read_bytes(), stat.S_IMODE(path.stat().st_mode))
    except FileNotFoundError:
        return _File(None)
    except OSError as error:
        raise EditFailed(f"{path}: {error.strerror}.") from error


def _commit(files: dict[Path, _File]) -> None:
    before = {path: _on_disk(path) for path in files}
    done: list[Path] = []
    try:
        for path, file in files.items():
            _put(path, file)
            done.append(path)
    except OSError as error:
        for path in reversed(done):
            _put(path, before[path])
        raise EditFailed(f"{error.filename}: {error.strerror}.") from error


def _put(path: Path, file: _File) -> None:
    """Make `path` hold `file`, in one step that readers see whole or not at all."""
    if file.content is None:
        path.unlink(missing_ok=True)
        return
    write_atomically(path, file.content, file.mode)
