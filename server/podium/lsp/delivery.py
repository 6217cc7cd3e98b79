"""Brings verified changes into the user's files, and makes sure that they arrived.

A change is merged into what the editor holds at that moment; what the user typed meanwhile stays. The
client's word that it applied an edit proves nothing: the content is compared afterwards, in the open
document or on the disk. A client that applies no edits gets them written to the files.
"""

import logging
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
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
from podium.lsp.documents import DocumentChange, lsp_range
from podium.lsp.host import Host
from podium.lsp.rpc import AskFailed
from podium.lsp.session import Session
from podium.lsp.uris import key_of
from podium.ports import Delivery, Workspace

_log = logging.getLogger(__name__)

ANSWER_S = 60.0
"""How long the client may take to apply an edit: it may ask its user first."""
ARRIVAL_S = 5.0
"""How long after that the changed content may take to be seen; clients delay `didChange`."""
UNSEEN_S = 0.5
"""The same for a file that is not open, of which the server may never hear."""
TRIES = 3


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
        """Bring `edits` into the user's files, merged with what they hold now, and verify that they arrived.

        An edit that the user's typing outran is merged again, up to three times.
        """
        changed: dict[str, FileEdit] = {}
        delivery = await self._deliver(label, edits, changed)
        return delivery if delivery.outcome == "refused" else replace(delivery, edits=tuple(changed.values()))

    async def _deliver(
        self, label: str, edits: Sequence[FileEdit], changed: dict[str, FileEdit]
    ) -> Delivery:
        """Deliver, and leave in `changed` what that changes: also what only an earlier try brought there."""
        workspace = (await self._session.opened()).services.workspace
        delivery = Delivery("editor")
        for _ in range(TRIES):
            try:
                targets = [self._merged(workspace, edit) for edit in edits]
            except MergeConflict as conflict:
                return Delivery("refused", f"you changed the same lines of {conflict} meanwhile")
            except ToolError as error:
                return Delivery("refused", str(error))
            targets = [target for target in targets if target.now != target.then]
            changed |= {t.path: FileEdit(t.path, t.now, t.then) for t in targets}
            if not targets:
                return delivery
            if not self._applies_edits():
                return await self._write_and_tell(label, targets)
            versions = self._versions(targets)
            beyond = [target for target in targets if not self._can_do(target)]
            delivery = await self._apply_beside(workspace, label, targets, beyond)
            if delivery.outcome != "refused" or self._versions(targets) == versions:
                return delivery
        return delivery

    def _merged(self, workspace: Workspace, edit: FileEdit) -> _Target:
        """Return the edit merged into what the editor holds, or where it takes no edits, the disk."""
        now = workspace.read(edit.path) if self._applies_edits() else workspace.read_saved(edit.path)
        return _Target(edit.path, now, merged_content(edit, now))

    def _versions(self, targets: Sequence[_Target]) -> list[int | None]:
        """Return the version of each target's document, None where it is not open."""
        documents = (self._host.documents.get(self._session.uri(target.path)) for target in targets)
        return [document.version if document else None for document in documents]

    async def _write_and_tell(self, label: str, targets: Sequence[_Target]) -> Delivery:
        delivery = await anyio.to_thread.run_sync(self._write, targets)
        if delivery.outcome == "disk":
            paths = ", ".join(target.path for target in targets)
            message = f"Podium wrote “{label}” to the disk, because this editor applies no edits: {paths}"
            params = types.ShowMessageParams(types.MessageType.Info, message)
            self._host.notify(types.WINDOW_SHOW_MESSAGE, params)
        return delivery

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
        with _Arrivals(self._session, workspace, targets) as arrivals:
            try:
                answer = await self._host.ask(
                    types.WORKSPACE_APPLY_EDIT, params, ANSWER_S, types.ApplyWorkspaceEditResult
                )
                if not answer.applied:
                    refusal = answer.failure_reason or "the editor did not apply it"
            except AskFailed as error:
                refusal = str(error)
            if refusal and all(arrivals.arrived(target) for target in targets):
                return Delivery("editor")
            if refusal:
                return Delivery("refused", refusal)
            for target in targets:
                if not await arrivals.wait(target):
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


class _Arrivals:
    """Sees whether changes arrive in the editor's documents, also when the user types on at once."""

    def __init__(self, session: Session, workspace: Workspace, targets: Sequence[_Target]) -> None:
        self._documents = session.host.documents
        self._workspace = workspace
        self._by_key = {key_of(session.uri(target.path)): target for target in targets}
        self._uris = {target.path: session.uri(target.path) for target in targets}
        self._seen: set[str] = set()
        self._was_open = {p for p, uri in self._uris.items() if self._documents.get(uri) is not None}

    def __enter__(self) -> "_Arrivals":
        self._unsubscribe = self._documents.subscribe(self._on_change)
        return self

    def __exit__(self, *_: object) -> None:
        self._unsubscribe()

    def _on_change(self, change: DocumentChange) -> None:
        target = self._by_key.get(key_of(change.document.uri))
        if target is not None and self._now(target) == target.then:
            self._seen.add(target.path)

    def _now(self, target: _Target) -> bytes | None:
        try:
            return self._workspace.read(target.path)
        except ToolError:
            return None

    def arrived(self, target: _Target) -> bool:
        """Return whether the file held the change once, or holds it together with what was typed since."""
        if target.path in self._seen:
            return True
        now = self._now(target)
        try:
            return merged_content(FileEdit(target.path, target.now, target.then), now) == now
        except MergeConflict:
            return False

    async def wait(self, target: _Target) -> bool:
        """Return whether the change arrives in time.

        A document that the client has open is waited for. One that it does not have open may sit in a
        buffer that the server cannot see; there the client's word has to do, unless the document opens.
        """
        uri = self._uris[target.path]
        open_before = target.path in self._was_open
        patience_s = ARRIVAL_S if open_before else UNSEEN_S
        if await self._documents.wait_until(uri, lambda _: self.arrived(target), patience_s):
            return True
        if open_before or self._documents.get(uri) is not None:
            return False
        _log.info("%s is not open; the editor's word is all there is for its change.", target.path)
        return True


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


def _text(content: bytes | None) -> str:
    if not content:
        return ""
    file = TextFile.decode(content)
    return content[len(file.mark) :].decode(file.encoding)
