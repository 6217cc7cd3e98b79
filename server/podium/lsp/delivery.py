"""Brings verified changes into the user's files, and makes sure that they arrived.

A change is merged into what the editor holds at that moment; what the user typed meanwhile stays. The
client's word that it applied an edit proves nothing: the content is compared afterwards, in the open
document or on the disk. A client that applies no edits gets them written to the files.
"""

import logging
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio
from lsprotocol import types

from podium.domain.changes import FileEdit
from podium.domain.merge import hunks
from podium.domain.paths import confined
from podium.domain.text import Text
from podium.domain.text_file import TextFile
from podium.engine.tree import MergeConflict, merged_content
from podium.errors import ToolError
from podium.lsp.documents import lsp_range
from podium.lsp.host import Host
from podium.lsp.rpc import AskFailed
from podium.lsp.session import Session
from podium.ports import Delivery, Workspace

_log = logging.getLogger(__name__)

ANSWER_S = 60.0
"""How long the client may take to apply an edit: it may ask its user first."""
ARRIVAL_S = 5.0
"""How long after that the changed content may take to be seen; clients delay `didChange`."""


@dataclass(frozen=True, slots=True)
class _Target:
    """One file as it is now and as it is to become."""

    path: str
    now: bytes | None
    then: bytes | None


class EditorDelivery:
    """Delivers to the client of a session; implements `podium.ports.FrontEnd`."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._host: Host = session.host

    async def deliver(self, label: str, edits: Sequence[FileEdit]) -> Delivery:
        """Bring `edits` into the user's files, merged with what they hold now, and verify that they arrived."""
        workspace = (await self._session.opened()).services.workspace
        try:
            targets = [_merged(workspace, edit) for edit in edits]
        except MergeConflict as conflict:
            return Delivery("refused", f"you changed the same lines of {conflict} meanwhile")
        except ToolError as error:
            return Delivery("refused", str(error))
        targets = [target for target in targets if target.now != target.then]
        if not self._applies_edits():
            return await anyio.to_thread.run_sync(self._write, targets)
        beyond = [target for target in targets if not self._can_do(target)]
        return await self._apply_beside(workspace, label, targets, beyond) if targets else Delivery("editor")

    async def _apply_beside(
        self, workspace: Workspace, label: str, targets: Sequence[_Target], beyond: Sequence[_Target]
    ) -> Delivery:
        """Apply `targets`, those `beyond` the editor's means on the disk; all of them, or none."""
        written = await anyio.to_thread.run_sync(self._write, beyond)
        rest = [target for target in targets if target not in beyond]
        if written.outcome == "refused" or not rest:
            return written
        delivery = await self._apply(workspace, label, rest)
        if delivery.outcome == "refused":
            await anyio.to_thread.run_sync(self._write, [_Target(t.path, t.then, t.now) for t in beyond])
        return delivery

    def _can_do(self, target: _Target) -> bool:
        """Return whether the editor can bring this about: not every one creates or deletes files."""
        if target.now is not None and target.then is not None:
            return True
        needed = (
            types.ResourceOperationKind.Delete if target.then is None else types.ResourceOperationKind.Create
        )
        workspace = self._host.client.workspace
        edit = workspace.workspace_edit if workspace else None
        return needed in ((edit and edit.resource_operations) or ())

    def _applies_edits(self) -> bool:
        workspace = self._host.client.workspace
        return bool(workspace and workspace.apply_edit)

    # --- through the editor -------------------------------------------------------------------------

    async def _apply(self, workspace: Workspace, label: str, targets: Sequence[_Target]) -> Delivery:
        params = types.ApplyWorkspaceEditParams(self._workspace_edit(targets), f"Podium: {label}")
        refusal = ""
        try:
            answer = await self._host.ask(
                types.WORKSPACE_APPLY_EDIT, params, ANSWER_S, types.ApplyWorkspaceEditResult
            )
            if not answer.applied:
                refusal = answer.failure_reason or "the editor did not apply it"
        except AskFailed as error:
            refusal = str(error)
        if refusal:
            arrived = [t for t in targets if self._holds(workspace, t)]
            if len(arrived) < len(targets):
                return Delivery("refused", refusal)
        for target in targets:
            if not await self._arrives(workspace, target):
                return Delivery(
                    "refused", f"the editor said that it applied the change, but {target.path} lacks it"
                )
        return Delivery("editor")

    def _workspace_edit(self, targets: Sequence[_Target]) -> types.WorkspaceEdit:
        changes: list[types.TextDocumentEdit | types.CreateFile | types.RenameFile | types.DeleteFile] = []
        for target in targets:
            uri = self._session.uri(target.path)
            if target.then is None:
                changes.append(types.DeleteFile(uri))
                continue
            if target.now is None:
                changes.append(types.CreateFile(uri, options=types.CreateFileOptions(ignore_if_exists=True)))
            changes.append(self._text_edits(uri, target.now, target.then))
        return types.WorkspaceEdit(document_changes=changes)

    def _text_edits(self, uri: str, now: bytes | None, then: bytes) -> types.TextDocumentEdit:
        document = self._host.documents.get(uri)
        before = document.content if document else _text(now)
        after = _text(then)
        text = document.text if document else Text(before)
        edits = [
            types.TextEdit(lsp_range(text, hunk.offset, hunk.end_offset, self._host.encoding), hunk.new)
            for hunk in hunks(before, after)
        ]
        version = document.version if document else None
        return types.TextDocumentEdit(
            types.OptionalVersionedTextDocumentIdentifier(uri, version), list(edits)
        )

    def _holds(self, workspace: Workspace, target: _Target) -> bool:
        try:
            return workspace.read(target.path) == target.then
        except ToolError:
            return False

    async def _arrives(self, workspace: Workspace, target: _Target) -> bool:
        """Return whether the file holds the change.

        A document that the client has open is waited for. One that it does not have open may sit in a
        buffer that the server cannot see; there the client's word has to do, unless the document opens.
        """
        uri = self._session.uri(target.path)
        was_open = self._host.documents.get(uri) is not None
        arrived = await self._host.documents.wait_until(
            uri, lambda _: self._holds(workspace, target), ARRIVAL_S if was_open else 0.5
        )
        if not arrived and not was_open:
            document = self._host.documents.get(uri)
            if document is None:
                _log.info("%s is not open; the editor's word is all there is for its change.", target.path)
                return True
        return arrived

    # --- to the disk --------------------------------------------------------------------------------

    def _write(self, targets: Sequence[_Target]) -> Delivery:
        """Write all targets, or none of them: what was written before a failure is put back."""
        done: list[_Target] = []
        try:
            for target in targets:
                self._write_one(target.path, target.then)
                done.append(target)
        except OSError as error:
            for target in reversed(done):
                self._write_one(target.path, target.now)
            return Delivery("refused", f"{error.filename}: {error.strerror}")
        return Delivery("disk")

    def _write_one(self, path: str, content: bytes | None) -> None:
        assert self._session.root is not None  # noqa: S101 - a mission has a workspace
        place = (self._session.root / confined(path)).resolve()
        if content is None:
            place.unlink(missing_ok=True)
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(place, content)


def write_atomically(place: Path, content: bytes) -> None:
    """Replace a file's content so that nobody ever sees half of it; its mode is kept."""
    mode = place.stat().st_mode & 0o7777 if place.exists() else 0o666 & ~_umask()
    handle, name = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(mode)
        temporary.replace(place)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _merged(workspace: Workspace, edit: FileEdit) -> _Target:
    now = workspace.read(edit.path)
    return _Target(edit.path, now, merged_content(edit, now))


def _text(content: bytes | None) -> str:
    if not content:
        return ""
    file = TextFile.decode(content)
    return content[len(file.mark) :].decode(file.encoding)
