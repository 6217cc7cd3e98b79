"""Brings verified changes into the user's files, and makes sure that they arrived.

A change is merged into what the editor holds at that moment; what the user typed meanwhile stays. The
client's word that it applied an edit proves nothing: the content is compared afterwards, in the open
document or on the disk. A client that applies no edits gets them written to the files.

What should not be there is taken back: an edit that the client put into other lines than were meant, and
the parts that arrived of a change that was refused as a whole (`taking_back.py`).
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import anyio.to_thread
from lsprotocol import types

from podium.domain.changes import FileEdit
from podium.engine.tree import MergeConflict, merged_content
from podium.errors import ToolError
from podium.lsp.arrivals import Arrivals
from podium.lsp.disk_writes import take_back, write_all
from podium.lsp.rpc import AskFailed
from podium.lsp.taking_back import TakingBack
from podium.lsp.targets import Desk, Files, Operation, Target, is_plain, operations, put_right, target_of
from podium.ports import Delivery

_log = logging.getLogger(__name__)

ANSWER_S = 60.0
"""How long the client may take to apply an edit: it may ask its user first."""
TRIES = 10


@dataclass(frozen=True, slots=True)
class _Attempt:
    """What came of one workspace edit. `again`: typing outran it, so that it is worth another try."""

    delivery: Delivery
    again: bool = False


class EditorDelivery:
    """Delivers to the client of a session; implements `podium.ports.FrontEnd`."""

    def __init__(self, session: Desk) -> None:
        self._session = session
        self._unseen: dict[str, FileEdit] = {}

    async def deliver(self, label: str, edits: Sequence[FileEdit]) -> Delivery:
        """Bring `edits` into the user's files, merged with what they hold now, and verify that they arrived.

        An edit that the user's typing outran is merged again. Where a part arrives and the rest is refused,
        the part is taken back.
        """
        workspace = await self._session.workspace()
        errand = _Errand(self._session, workspace, label, self._unseen)
        with errand.arrivals:
            return await errand.run(edits)


class _Errand:
    """One delivery on its way.

    `unseen` are files that are not open but were changed on the client's word: from the disk to its hidden
    buffer.
    """

    def __init__(self, session: Desk, workspace: Files, label: str, unseen: dict[str, FileEdit]) -> None:
        self.arrivals = Arrivals(session, self.read)
        self._session = session
        self._host = session.host
        self._workspace = workspace
        self._label = label
        self._unseen = unseen
        self._created: set[str] = set()

    async def run(self, edits: Sequence[FileEdit]) -> Delivery:
        """Deliver `edits`, all of them or none."""
        sent: dict[str, FileEdit] = {}
        delivery = await self._bring(edits, sent)
        if delivery.outcome != "refused":
            return replace(delivery, edits=tuple(sent.values()))
        left = await TakingBack(self, self._session, {**self._empty(), **sent}).run()
        if not left:
            return delivery
        return Delivery("refused", f"{delivery.reason}; a part of it is still in {', '.join(left)}")

    def _empty(self) -> dict[str, FileEdit]:
        return {path: FileEdit(path, None, b"") for path in self._created}

    async def undo(self, edit: FileEdit) -> bool:
        """Return whether a part of this delivery could be undone by `edit`."""
        self._created.discard(edit.path)
        return (await self._bring([edit], {})).outcome != "refused"

    async def beside(self, edit: FileEdit) -> bool:
        """Return whether `edit` could be delivered, whatever becomes of this delivery."""
        errand = _Errand(self._session, self._workspace, self._label, self._unseen)
        with errand.arrivals:
            return (await errand.run([edit])).outcome != "refused"

    async def _bring(self, edits: Sequence[FileEdit], sent: dict[str, FileEdit]) -> Delivery:
        """Deliver, and leave in `sent` what was asked of each file at last."""
        try:
            return await self._try(edits, sent)
        except MergeConflict as conflict:
            return Delivery("refused", f"you changed the same lines of {conflict} meanwhile")
        except ToolError as error:
            return Delivery("refused", str(error))

    async def _try(self, edits: Sequence[FileEdit], sent: dict[str, FileEdit]) -> Delivery:
        delivery = Delivery("editor")
        for _ in range(TRIES):
            merged = [self._merged(edit) for edit in edits]
            targets = [target for target in merged if target.now != target.then]
            if not targets:
                return Delivery("editor")
            if not self._applies_edits():
                sent |= {target.path: target.edit for target in targets}
                return await self._write_and_tell(targets)
            if new := [target for target in targets if self._is_to_be_created(target)]:
                sent |= {target.path: target.edit for target in new}
                if refusal := await self._create(new):
                    return Delivery("refused", refusal)
                continue
            sent |= {target.path: self._from_nothing(target.edit) for target in targets}
            attempt = await self._attempt(targets)
            delivery = attempt.delivery
            await self.put_right(self.arrivals.astray())
            if swept := await self._restore_swept():
                return Delivery("refused", f"you typed into {', '.join(swept)}, which was to be deleted")
            if not attempt.again:
                return delivery
        return delivery

    def _root(self) -> Path:
        assert self._session.root is not None  # noqa: S101 - a mission has a workspace
        return self._session.root

    # --- what should not be there -------------------------------------------------------------------

    async def put_right(self, paths: Iterable[str]) -> None:
        """Take the edits of this delivery out of open documents; where typing outruns that, again."""
        for path in paths:
            failures = 0
            while (back := self.arrivals.back(path)) and failures < TRIES:
                document = self._host.documents.get(self._session.uri(path))
                now = self.read(path)
                if document is None or now is None:
                    break
                _log.warning("%s: an edit is taken out again.", path)
                target = put_right(path, now, document, back, self._host.encoding)
                attempt = await self._apply([target])
                failures += not attempt.again

    async def _restore_swept(self) -> list[str]:
        """Bring back the files that were typed into while the editor deleted them; return their paths."""
        swept = tuple(self.arrivals.swept)
        self.arrivals.swept.clear()
        for edit in swept:
            await self.beside(edit)
        return [edit.path for edit in swept]

    # --- one attempt --------------------------------------------------------------------------------

    def _now(self, path: str) -> bytes | None:
        """Return what the client holds: the document, or the hidden buffer that it told of, or the disk."""
        now = self._workspace.read(path)
        unseen = self._unseen.get(path)
        if unseen is None:
            return now
        if unseen.before == now and self._host.documents.get(self._session.uri(path)) is None:
            return unseen.after
        del self._unseen[path]
        return now

    def _merged(self, edit: FileEdit) -> Target:
        """Return the edit merged into what the editor holds, or where it takes no edits, the disk.

        The editor's edits are made here, of the very text that was merged: a moment later it may be another.
        """
        path = edit.path
        if not self._applies_edits():
            saved = self._workspace.read_saved(path)
            return Target(path, saved, merged_content(edit, saved), permissions=edit.permissions)
        now = self._now(path)
        then = merged_content(edit, None if path in self._created and not now else now)
        document = self._host.documents.get(self._session.uri(path))
        target = target_of(path, now, then, document, self._host.encoding)
        return replace(target, permissions=edit.permissions)

    def _is_to_be_created(self, target: Target) -> bool:
        return target.now is None and self._can_do(target) and target.path not in self._created

    def _from_nothing(self, edit: FileEdit) -> FileEdit:
        """Return the edit as it is where this delivery created the file."""
        return replace(edit, before=None) if edit.path in self._created and not edit.before else edit

    async def _create(self, targets: Sequence[Target]) -> str:
        """Have the editor create files, empty; return why it did not.

        Their content is another edit: there are editors that carry out what comes first in one edit last.
        """
        self.arrivals.expect(())
        self._created |= {target.path for target in targets}
        options = types.CreateFileOptions(ignore_if_exists=True)
        return await self._ask(
            [types.CreateFile(self._session.uri(t.path), options=options) for t in targets]
        )

    async def _write_and_tell(self, targets: Sequence[Target]) -> Delivery:
        delivery = await anyio.to_thread.run_sync(write_all, self._root(), targets)
        if delivery.outcome == "disk":
            paths = ", ".join(target.path for target in targets)
            message = (
                f"Podium wrote “{self._label}” to the disk, because this editor applies no edits: {paths}"
            )
            params = types.ShowMessageParams(types.MessageType.Info, message)
            self._host.notify(types.WINDOW_SHOW_MESSAGE, params)
        return delivery

    async def _attempt(self, targets: Sequence[Target]) -> _Attempt:
        """Apply `targets`, those beyond the editor's means on the disk; all of them, or none."""
        beyond = [target for target in targets if not self._can_do(target)]
        rest = [target for target in targets if self._can_do(target)]
        if beyond:
            written = await anyio.to_thread.run_sync(write_all, self._root(), beyond)
            if written.outcome == "refused" or not rest:
                return _Attempt(written)
        attempt = await self._apply(rest)
        if attempt.delivery.outcome == "refused" and beyond:
            await anyio.to_thread.run_sync(take_back, self._root(), beyond)
        return attempt

    def _can_do(self, target: Target) -> bool:
        """Return whether the editor can bring this about.

        Not every one creates or deletes files, and none can be told the encoding or the permissions of what it
        creates.
        """
        if target.now is not None and target.then is not None:
            return True
        if target.then is not None and (target.permissions is not None or not is_plain(target.then)):
            return False
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

    async def _apply(self, targets: Sequence[Target]) -> _Attempt:
        self.arrivals.expect(targets)
        refusal = await self._ask([o for t in targets for o in operations(self._session.uri(t.path), t)])
        self.arrivals.answered()
        if refusal:
            self.arrivals.refused()
            again = await self.arrivals.moved()
            if all(self.arrivals.arrived(target) for target in targets):
                return _Attempt(Delivery("editor"))
            return _Attempt(Delivery("refused", refusal), again)
        lacking: list[str] = []
        for target in targets:
            if await self.arrivals.wait(target):
                self._remember_unseen(target)
            else:
                lacking.append(target.path)
        if not lacking:
            return _Attempt(Delivery("editor"))
        refusal = f"the editor said that it applied the change, but {', '.join(lacking)} lacks it"
        return _Attempt(Delivery("refused", refusal), await self.arrivals.moved())

    async def _ask(self, changes: list[Operation]) -> str:
        """Have the client apply a workspace edit; return why it did not, empty where it says that it did."""
        edit = types.WorkspaceEdit(document_changes=changes)
        params = types.ApplyWorkspaceEditParams(edit, f"Podium: {self._label}")
        kind = types.ApplyWorkspaceEditResult
        try:
            answer = await self._host.ask(types.WORKSPACE_APPLY_EDIT, params, ANSWER_S, kind)
        except AskFailed as error:
            return str(error)
        return "" if answer.applied else answer.failure_reason or "the editor did not apply it"

    def read(self, path: str) -> bytes | None:
        """Return what a file holds now, None also where it may not be read."""
        try:
            return self._now(path)
        except ToolError:
            return None

    def _remember_unseen(self, target: Target) -> None:
        """Keep what a hidden buffer holds now, of which only the client's word is known."""
        if self._host.documents.get(self._session.uri(target.path)) is None:
            now = self._workspace.read(target.path)
            self._unseen[target.path] = FileEdit(target.path, now, target.then)
