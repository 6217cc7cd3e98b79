"""Brings verified changes into the user's files, and makes sure that they arrived.

A change is merged into what the editor holds at that moment; what the user typed meanwhile stays. The
client's word that it applied an edit proves nothing: the content is compared afterwards, in the open
document or on the disk. A client that applies no edits gets them written to the files.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import anyio
from lsprotocol import types

from podium.domain.changes import FileEdit
from podium.domain.merge import hunks
from podium.domain.paths import confined
from podium.domain.text import Text
from podium.domain.text_file import TextFile
from podium.engine.tree import MergeConflict, merged_content
from podium.errors import ToolError
from podium.lsp.arrivals import LATE_S, Arrivals, Desk, Target, stands_in
from podium.lsp.atomic import write_atomically
from podium.lsp.documents import lsp_range
from podium.lsp.rpc import AskFailed
from podium.ports import Delivery, Workspace

ANSWER_S = 60.0
"""How long the client may take to apply an edit: it may ask its user first."""
TRIES = 10


@dataclass(frozen=True, slots=True)
class _Attempt:
    """What came of one workspace edit. `again`: typing outran it, so that it is worth another try.

    `astray` are edits that take back what the client put into the wrong lines.
    """

    delivery: Delivery
    again: bool = False
    astray: tuple[FileEdit, ...] = ()


class EditorDelivery:
    """Delivers to the client of a session; implements `podium.ports.FrontEnd`."""

    def __init__(self, session: Desk) -> None:
        self._session = session
        self._host = session.host
        self._unseen: dict[str, FileEdit] = {}
        """Files that are not open but were changed on the client's word: from the disk to its hidden buffer."""

    async def deliver(self, label: str, edits: Sequence[FileEdit]) -> Delivery:
        """Bring `edits` into the user's files, merged with what they hold now, and verify that they arrived.

        An edit that the user's typing outran is merged again. Where a part arrives and the rest is refused,
        the part is taken back.
        """
        workspace = await self._session.workspace()
        sent: dict[str, FileEdit] = {}
        delivery = await self._bring(workspace, label, edits, sent)
        if delivery.outcome != "refused":
            return replace(delivery, edits=tuple(sent.values()))
        return await self._take_back(workspace, label, delivery, sent)

    async def _bring(
        self, workspace: Workspace, label: str, edits: Sequence[FileEdit], sent: dict[str, FileEdit]
    ) -> Delivery:
        """Deliver, and leave in `sent` what was asked of each file at last."""
        delivery = Delivery("editor")
        for _ in range(TRIES):
            try:
                merged = [self._merged(workspace, edit) for edit in edits]
            except MergeConflict as conflict:
                return Delivery("refused", f"you changed the same lines of {conflict} meanwhile")
            except ToolError as error:
                return Delivery("refused", str(error))
            targets = [target for target in merged if target.now != target.then]
            if not targets:
                return Delivery("editor")
            sent |= {target.path: target.edit for target in targets}
            if not self._applies_edits():
                return await self._write_and_tell(label, targets)
            attempt = await self._attempt(workspace, label, targets)
            delivery = attempt.delivery
            for stray in attempt.astray:
                await self._bring(workspace, f"{label} (put right)", [stray], {})
            if not attempt.again:
                return delivery
        return delivery

    async def _take_back(
        self, workspace: Workspace, label: str, refused: Delivery, sent: Mapping[str, FileEdit]
    ) -> Delivery:
        """Take out what arrived of a change that was refused as a whole, and return the refusal."""
        await self._hear(workspace, sent)
        left: list[str] = []
        for edit in sent.values():
            if stands_in(edit, self._read(workspace, edit.path)):
                back = FileEdit(edit.path, edit.after, edit.before)
                if (await self._bring(workspace, f"{label} (taken back)", [back], {})).outcome == "refused":
                    left.append(edit.path)
        if not left:
            return refused
        return Delivery("refused", f"{refused.reason}; a part of it is still in {', '.join(left)}")

    async def _hear(self, workspace: Workspace, sent: Mapping[str, FileEdit]) -> None:
        """Give the client the time to tell of what it applied, and of which it has not told yet."""
        with anyio.move_on_after(LATE_S):
            for path, edit in sent.items():
                await self._host.documents.wait_until(
                    self._session.uri(path),
                    lambda _, edit=edit: stands_in(edit, self._read(workspace, edit.path)),
                    LATE_S,
                )

    def _now(self, workspace: Workspace, path: str) -> bytes | None:
        """Return what the client holds: the document, or the hidden buffer that it told of, or the disk."""
        now = workspace.read(path)
        unseen = self._unseen.get(path)
        if unseen is None:
            return now
        if unseen.before == now and self._host.documents.get(self._session.uri(path)) is None:
            return unseen.after
        del self._unseen[path]
        return now

    def _merged(self, workspace: Workspace, edit: FileEdit) -> Target:
        """Return the edit merged into what the editor holds, or where it takes no edits, the disk.

        The editor's edits are made here, of the very text that was merged: a moment later it may be another.
        """
        if not self._applies_edits():
            saved = workspace.read_saved(edit.path)
            return Target(edit.path, saved, merged_content(edit, saved))
        now = self._now(workspace, edit.path)
        then = merged_content(edit, now)
        edits = () if then is None else self._text_edits(edit.path, now, then)
        document = self._host.documents.get(self._session.uri(edit.path))
        return Target(edit.path, now, then, edits, document.version if document else None)

    async def _write_and_tell(self, label: str, targets: Sequence[Target]) -> Delivery:
        delivery = await anyio.to_thread.run_sync(self._write, targets)
        if delivery.outcome == "disk":
            paths = ", ".join(target.path for target in targets)
            message = f"Podium wrote “{label}” to the disk, because this editor applies no edits: {paths}"
            params = types.ShowMessageParams(types.MessageType.Info, message)
            self._host.notify(types.WINDOW_SHOW_MESSAGE, params)
        return delivery

    async def _attempt(self, workspace: Workspace, label: str, targets: Sequence[Target]) -> _Attempt:
        """Apply `targets`, those beyond the editor's means on the disk; all of them, or none."""
        beyond = [target for target in targets if not self._can_do(target)]
        rest = [target for target in targets if self._can_do(target)]
        if beyond:
            written = await anyio.to_thread.run_sync(self._write, beyond)
            if written.outcome == "refused" or not rest:
                return _Attempt(written)
        attempt = await self._apply(workspace, label, rest)
        if attempt.delivery.outcome == "refused" and beyond:
            await anyio.to_thread.run_sync(self._write, [Target(t.path, t.then, t.now) for t in beyond])
        return attempt

    def _can_do(self, target: Target) -> bool:
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

    async def _apply(self, workspace: Workspace, label: str, targets: Sequence[Target]) -> _Attempt:
        params = types.ApplyWorkspaceEditParams(self._workspace_edit(targets), f"Podium: {label}")
        with Arrivals(self._session, lambda path: self._read(workspace, path), targets) as arrivals:
            refusal = await self._ask(params)
            arrivals.answered()
            if refusal:
                again = await arrivals.moved()
                if all(arrivals.arrived(target) for target in targets):
                    return _Attempt(Delivery("editor"))
                return _Attempt(Delivery("refused", refusal), again, tuple(arrivals.astray.values()))
            lacking: list[str] = []
            for target in targets:
                if await arrivals.wait(target):
                    self._remember_unseen(workspace, target)
                else:
                    lacking.append(target.path)
            if not lacking:
                return _Attempt(Delivery("editor"))
            refusal = f"the editor said that it applied the change, but {', '.join(lacking)} lacks it"
            return _Attempt(
                Delivery("refused", refusal), await arrivals.moved(), tuple(arrivals.astray.values())
            )

    async def _ask(self, params: types.ApplyWorkspaceEditParams) -> str:
        """Return why the client did not apply the edit, empty where it says that it did."""
        kind = types.ApplyWorkspaceEditResult
        try:
            answer = await self._host.ask(types.WORKSPACE_APPLY_EDIT, params, ANSWER_S, kind)
        except AskFailed as error:
            return str(error)
        return "" if answer.applied else answer.failure_reason or "the editor did not apply it"

    def _read(self, workspace: Workspace, path: str) -> bytes | None:
        try:
            return self._now(workspace, path)
        except ToolError:
            return None

    def _remember_unseen(self, workspace: Workspace, target: Target) -> None:
        """Keep what a hidden buffer holds now, of which only the client's word is known."""
        if self._host.documents.get(self._session.uri(target.path)) is None:
            self._unseen[target.path] = FileEdit(target.path, workspace.read(target.path), target.then)

    def _workspace_edit(self, targets: Sequence[Target]) -> types.WorkspaceEdit:
        changes: list[types.TextDocumentEdit | types.CreateFile | types.RenameFile | types.DeleteFile] = []
        for target in targets:
            uri = self._session.uri(target.path)
            if target.then is None:
                changes.append(types.DeleteFile(uri))
                continue
            if target.now is None:
                changes.append(types.CreateFile(uri, options=types.CreateFileOptions(ignore_if_exists=True)))
            document = types.OptionalVersionedTextDocumentIdentifier(uri, target.version)
            changes.append(types.TextDocumentEdit(document, list(target.edits)))
        return types.WorkspaceEdit(document_changes=changes)

    def _text_edits(self, path: str, now: bytes | None, then: bytes) -> tuple[types.TextEdit, ...]:
        document = self._host.documents.get(self._session.uri(path))
        before = document.content if document else _text(now)
        text = document.text if document else Text(before)
        return tuple(
            types.TextEdit(lsp_range(text, hunk.offset, hunk.end_offset, self._host.encoding), hunk.new)
            for hunk in hunks(before, _text(then))
        )

    # --- to the disk --------------------------------------------------------------------------------

    def _write(self, targets: Sequence[Target]) -> Delivery:
        """Write all targets, or none of them: what was written before a failure is put back."""
        done: list[Target] = []
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
        write_atomically(place, content)


def _text(content: bytes | None) -> str:
    if not content:
        return ""
    file = TextFile.decode(content)
    return content[len(file.mark) :].decode(file.encoding)
