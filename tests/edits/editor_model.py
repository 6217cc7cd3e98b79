"""An editor with several files, as unlike an ideal one as real editors are.

It counts positions with code of its own, tells the server of changes late and several at once, and applies
workspace edits as its kind of client was measured to do.
"""

import codecs
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Literal, TypeAlias, TypeVar, get_args

import anyio
from lsprotocol import types

from podium.domain.text import Encoding
from podium.lsp.documents import Documents
from podium.lsp.rpc import AskFailed
from podium.lsp.targets import Operation, as_saved

T = TypeVar("T")

ROOT = Path("/project")

ClientKind: TypeAlias = Literal["strict", "neovim", "eglot", "lsp-mode", "vscode"]
"""What is done with an edit of a document that is newer than it.

`strict`: nothing of the edit is applied, and that is said. `neovim`: this document's part is dropped, and
the answer is that it was applied. `eglot`: a JSON-RPC error, after the documents before it were changed.
`lsp-mode`: false, after the documents behind it were changed; operations on files come last of all, and in
reverse. `vscode`: false, but what is typed between its look at the version and its edit moves the edit to
other lines.
"""
KINDS: tuple[ClientKind, ...] = get_args(ClientKind)


@dataclass
class Buffer:
    """A file in the editor: `told` is what the server was sent, None where it was told nothing of it."""

    text: str
    version: int = 1
    told: str | None = None
    unsent: list[types.TextDocumentContentChangeEvent] = field(
        default_factory=list[types.TextDocumentContentChangeEvent]
    )


class EditorModel:
    """The buffers, and the client of a delivery on top of them.

    `disk` changes when a file is saved, created (empty) or deleted. Text is UTF-8, or else Latin-1.
    """

    def __init__(self, kind: ClientKind, encoding: Encoding, disk: dict[str, bytes], rng: Random) -> None:
        self.kind: ClientKind = kind
        self.encoding: Encoding = encoding
        self.disk = disk
        self.documents = Documents(encoding)
        self.buffers: dict[str, Buffer] = {}
        self.n_edits = 0
        self._rng = rng

    # --- the user -----------------------------------------------------------------------------------

    def open(self, path: str) -> None:
        """Show a file, or what a hidden buffer holds of it, and tell the server."""
        buffer = self.buffers.setdefault(path, Buffer(self._saved(path)))
        buffer.told, buffer.unsent = buffer.text, []
        item = types.TextDocumentItem(uri(path), "text", buffer.version, buffer.text)
        self.documents.did_open(types.DidOpenTextDocumentParams(item))

    def save(self, path: str) -> None:
        """Write a buffer to the disk."""
        self.tell()
        self.disk[path] = as_saved(self.buffers[path].text, self.disk.get(path, b""))
        params = types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(uri(path)))
        self.documents.did_save(params)

    def replace(self, path: str, start: int, end: int, new: str) -> None:
        """Put `new` in the place of the characters from `start` to `end`; the server hears of it later."""
        buffer = self.buffers[path]
        span = types.Range(*(self._position(buffer.text, offset) for offset in (start, end)))
        buffer.text = buffer.text[:start] + new + buffer.text[end:]
        # Neovim's versions are changedticks, which count more than changes.
        buffer.version += self._rng.randint(1, 3) if self.kind == "neovim" else 1
        buffer.unsent.append(types.TextDocumentContentChangePartial(range=span, text=new))

    def tell(self) -> None:
        """Send the server what it was not told yet, as single edits or as the whole text."""
        for path, buffer in self.buffers.items():
            if buffer.told is None or not buffer.unsent:
                continue
            whole = self._rng.random() < 0.2
            changes = [types.TextDocumentContentChangeWholeDocument(buffer.text)] if whole else buffer.unsent
            document = types.VersionedTextDocumentIdentifier(buffer.version, uri(path))
            self.documents.did_change(types.DidChangeTextDocumentParams(document, list(changes)))
            buffer.told, buffer.unsent = buffer.text, []
            known = self.documents.get(uri(path))
            assert known is not None
            assert known.content == buffer.text, "server and editor hold different texts"

    def text(self, path: str) -> str:
        """Return what the user sees of a file."""
        return self.buffers[path].text if path in self.buffers else self._saved(path)

    def paths(self) -> list[str]:
        """Return the paths of all files."""
        return sorted({*self.disk, *self.buffers})

    def _saved(self, path: str) -> str:
        content = self.disk.get(path, b"")
        if self.kind != "strict":
            content = content.removeprefix(codecs.BOM_UTF8)  # this one shows it as text
        try:
            return content.decode()
        except UnicodeDecodeError:
            return content.decode("latin-1")

    def is_seen(self, path: str) -> bool:
        """Return whether the user sees a file: a hidden buffer is typed into by nobody."""
        return path in self.buffers and self.buffers[path].told is not None

    # --- the client ---------------------------------------------------------------------------------

    @property
    def client(self) -> types.ClientCapabilities:
        operations = list(types.ResourceOperationKind) if self.changes_files else []
        edit = types.WorkspaceEditClientCapabilities(document_changes=True, resource_operations=operations)
        return types.ClientCapabilities(
            workspace=types.WorkspaceClientCapabilities(apply_edit=True, workspace_edit=edit)
        )

    @property
    def changes_files(self) -> bool:
        """Whether the client creates and deletes files."""
        return self.kind != "eglot"

    def notify(self, method: str, params: object = None) -> None:
        raise AssertionError(f"{method} {params}")

    async def ask(self, method: str, params: object, timeout_s: float, kind: type[T]) -> T:
        """Apply a workspace edit, after a while, and answer as this kind of client does."""
        assert isinstance(params, types.ApplyWorkspaceEditParams), method
        assert timeout_s > 1
        await anyio.sleep(self._rng.uniform(0.0, 0.2))
        applied = await self._apply(list(params.edit.document_changes or ()))
        if self._rng.random() < 0.5:
            self.tell()
        answer = types.ApplyWorkspaceEditResult(applied)
        assert isinstance(answer, kind)
        return answer

    async def _apply(self, parts: list[Operation]) -> bool:
        self.n_edits += 1
        if self.kind in {"strict", "vscode"} and any(self._is_stale(part) for part in parts):
            return False
        if self.kind == "vscode":
            self.tell()
            await anyio.sleep(self._rng.uniform(0.0, 0.05))
            self.tell()
            return all(self._carry_out(part) for part in parts)
        if self.kind == "neovim":
            parts = [part for part in parts if not self._is_stale(part)]
        if self.kind == "lsp-mode":
            parts.reverse()
            parts.sort(key=lambda part: not isinstance(part, types.TextDocumentEdit))
        return all(self._carry_out_in_time(part) for part in parts)

    def _carry_out_in_time(self, part: Operation) -> bool:
        if self._is_stale(part) and self.kind == "eglot":
            raise AskFailed("Internal error (-32603)")
        return not self._is_stale(part) and self._carry_out(part)

    def _carry_out(self, part: Operation) -> bool:
        match part:
            case types.TextDocumentEdit():
                self._edit(part)
            case types.CreateFile():
                path = path_of(part.uri)
                if self.kind == "lsp-mode" and path in self.buffers:
                    return False  # "changed on disk. Discard your edits?"
                self.disk.setdefault(path, b"")
            case types.DeleteFile():
                self.tell()
                path = path_of(part.uri)
                self.disk.pop(path, None)
                buffer = self.buffers.pop(path, None)
                if buffer is not None and buffer.told is not None:
                    closed = types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(part.uri))
                    self.documents.did_close(closed)
            case types.RenameFile():
                raise AssertionError("files are moved as a new one and a deletion")
        return True

    def _is_stale(self, part: Operation) -> bool:
        if not isinstance(part, types.TextDocumentEdit):
            return False
        buffer = self.buffers.get(path_of(part.text_document.uri))
        version = part.text_document.version
        return buffer is not None and version is not None and version != buffer.version

    def _edit(self, part: types.TextDocumentEdit) -> None:
        path = path_of(part.text_document.uri)
        if path not in self.buffers and self.kind == "neovim":
            self.buffers[path] = Buffer(self._saved(path))  # a hidden buffer, of which no server is told
        elif path not in self.buffers:
            self.open(path)
        text = self.buffers[path].text
        edits = [edit for edit in part.edits if isinstance(edit, types.TextEdit)]
        spans = [
            (self._offset(text, e.range.start), self._offset(text, e.range.end), e.new_text) for e in edits
        ]
        for start, end, new in sorted(spans, key=lambda span: span[:2], reverse=True):
            self.replace(path, start, end, new)
        if self.kind == "vscode":
            self.tell()

    # --- positions ----------------------------------------------------------------------------------

    def _position(self, text: str, offset: int) -> types.Position:
        before = text[:offset]
        start = before.rfind("\n") + 1
        return types.Position(before.count("\n"), self._units(before[start:]))

    def _offset(self, text: str, position: types.Position) -> int:
        start = 0
        for _ in range(position.line):
            start = text.find("\n", start) + 1
            if start == 0:
                return len(text)
        end = text.find("\n", start)
        line = text[start:] if end < 0 else text[start:end].removesuffix("\r")
        column = units = 0
        while column < len(line) and units < position.character:
            units += self._units(line[column])
            column += 1
        return start + column

    def _units(self, text: str) -> int:
        match self.encoding:
            case "utf-8":
                return len(text.encode())
            case "utf-16":
                return len(text.encode("utf-16-le")) // 2
            case "utf-32":
                return len(text)


def uri(path: str) -> str:
    """Return the URI of a path of the project."""
    return f"file://{ROOT}/{path}"


def path_of(uri: str) -> str:
    """Return the path that `uri` names."""
    return uri.removeprefix(f"file://{ROOT}/")
