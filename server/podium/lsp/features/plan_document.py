"""The plan document: the mission's plan as Markdown in the workspace, kept up to date, and taken as an order.

The journal is the truth; this is a view of it that can be edited. Saving the document hands an edit over:
nothing is taken while it is being typed, nor when the editor saves by itself after a while. What can be taken becomes an event, and the document is rendered anew;
what cannot stays as it was typed, and diagnostics say why.

What is rendered goes into the open document as a workspace edit, and into the file while it is not open. Lines that
the user has changed and not handed over yet are left alone. It lies in `.podium/`, which ignores itself for git.
"""

from functools import partial

import anyio
from lsprotocol import types

from podium.domain.changes import FileEdit
from podium.domain.events import (
    AttemptStarted,
    MissionContinued,
    MissionEnded,
    MissionInterrupted,
    MissionPaused,
    MissionResumed,
    PlanSet,
    ProposalDecided,
    QuestionAnswered,
    QuestionAsked,
    Record,
    Steered,
    TaskAccepted,
    TaskDropped,
    TaskReopened,
    TaskStuck,
    TaskTakenOver,
)
from podium.domain.plan_text import parse, rendered
from podium.domain.yielding import updated
from podium.engine.conductor import Conductor
from podium.errors import UserError
from podium.lsp.delivery import EditorDelivery
from podium.lsp.documents import Document, DocumentChange
from podium.lsp.features.diagnostics import Diagnostics
from podium.lsp.plan_files import Edited, PlanFile, PlanFiles, is_final, plan_path
from podium.lsp.rpc import AskFailed
from podium.lsp.session import Session

SHOW_S = 10.0


class PlanDocument:
    """Shows the plan of each mission, takes the user's edits, and opens the plan of a `podium.plan`."""

    def __init__(self, session: Session, files: PlanFiles, diagnostics: Diagnostics) -> None:
        self._session = session
        self._files = files
        self._diagnostics = diagnostics
        self._delivery = EditorDelivery(files)
        self._conductor: Conductor | None = None
        session.host.documents.subscribe(self._on_document)
        session.host.notification(
            types.WORKSPACE_DID_CHANGE_WATCHED_FILES, self._on_files, types.DidChangeWatchedFilesParams
        )

        session.host.notification(
            types.TEXT_DOCUMENT_WILL_SAVE, self._on_will_save, types.WillSaveTextDocumentParams
        )

    def follow(self, conductor: Conductor) -> None:
        """Show the plans of `conductor`'s missions from now on."""
        self._conductor = conductor
        conductor.subscribe(self._session.host.guarded("plan document", self._on_record))
        conductor.orders.on_plan_handed_over(self._on_handed_over)
        for document in self._session.host.documents:
            self._on_document(DocumentChange("opened", document))

    # --- what happens -------------------------------------------------------------------------------

    async def _on_record(self, record: Record) -> None:
        match record.event:
            case (
                PlanSet() | AttemptStarted() | TaskAccepted() | TaskStuck() | TaskReopened() | TaskDropped()
                | QuestionAsked() | QuestionAnswered() | ProposalDecided() | MissionPaused()
                | MissionResumed()
                | Steered() | TaskTakenOver() | MissionEnded() | MissionInterrupted() | MissionContinued()
            ):  # fmt: skip
                await self._on_change(record)
            case _:
                pass

    async def _on_change(self, record: Record) -> None:
        assert self._conductor is not None  # noqa: S101 - it sent the record
        state = self._conductor.state(record.mission_id)
        if not state.plan.tasks:
            return
        if self._conductor.elsewhere(state):
            if (open_here := self._files.opened(self._files.uri(plan_path(state.id)))) is not None:
                open_here.file.may_hold(rendered(state))
            return
        file = self._files.of(state.id)
        is_new = file.on_disk is None
        if self._files.document(file) is None and (
            is_new or isinstance(record.event, MissionEnded | MissionInterrupted)
        ):
            store = partial(self._files.store, file, rendered(state), creates=not state.ending)
            await anyio.to_thread.run_sync(store)
        else:
            self._catch_up(file)
        if is_new and state.kind == "plan":
            self._session.host.spawn("plan document", self._open(file))
        if is_final(state) and self._files.document(file) is None:
            self._files.forget(file)

    def _on_document(self, change: DocumentChange) -> None:
        file = self._files.at(change.document.uri) if self._conductor else None
        if file is None:
            return
        text = change.document.content
        match change.kind:
            case "opened":
                file.buffer_base = file.base_of(text) or file.disk_base
                self._diagnostics.refresh(file.path)
            case "changed":
                file.buffer_base = file.base_of(text) or file.buffer_base  # it may have been loaded again
                return
            case "saved":
                file.handed_over = None if file.saves_itself else Edited(text, file.base)
                file.holds(text, file.base)
            case "closed":
                file.buffer_base = None
        self._catch_up(file)

    def _on_handed_over(self, mission_id: str) -> None:
        """Take what was saved in another editor, unless the document is open here, where it may say something else."""
        file = self._files.of(mission_id)
        if self._files.document(file) is not None:
            raise UserError(
                "This plan is open in the editor that its mission runs in; edit it there, or close it there."
            )
        self._catch_up(file)

    def _on_will_save(self, params: types.WillSaveTextDocumentParams) -> None:
        if file := self._files.at(params.text_document.uri):
            file.saves_itself = params.reason is types.TextDocumentSaveReason.AfterDelay

    def _on_files(self, params: types.DidChangeWatchedFilesParams) -> None:
        for change in params.changes:
            file = self._files.at(change.uri) if self._conductor else None
            if file and self._files.document(file) is None:
                self._catch_up(file)

    # --- what follows -------------------------------------------------------------------------------

    def _catch_up(self, file: PlanFile) -> None:
        """Have the document and the plan made one again, once more if that is being done just now."""
        file.stale = True
        if not file.busy:
            file.busy = True
            self._session.host.spawn("plan document", self._work(file))

    async def _work(self, file: PlanFile) -> None:
        try:
            while file.stale:
                file.stale = False
                await self._take(file)
                await self._show(file)
        finally:
            file.busy = False

    async def _take(self, file: PlanFile) -> None:
        """Make what the user handed over part of the plan, if it can be."""
        edited, file.handed_over = file.handed_over, None
        if self._files.document(file) is None:
            if self._is_elsewhere(file):
                self._files.forget(file)  # that server writes it: it is read again for who opens it
            else:
                edited = self._files.edited_on_disk(file) or edited
        if edited is None or edited.text == edited.base:
            return
        assert self._conductor is not None  # noqa: S101 - nothing is handed over before
        page = parse(edited.text)
        try:
            edit = await self._conductor.orders.edit_plan(file.mission_id, parse(edited.base), page)
        except UserError as error:
            file.refusal = str(error)
        else:
            file.refusal = ""
            if not edit.problems:
                told = {note.line: note.message for note in edit.notes}
                file.notes = {i.id or i.title: told[i.line] for i in page.items if i.line in told}
                file.holds(edited.text, edited.text)
                file.buffer_base = None if file.buffer_base is None else edited.text
        self._diagnostics.refresh(file.path)

    def _is_elsewhere(self, file: PlanFile) -> bool:
        """Return whether another server carries the mission out, and so writes its plan document."""
        assert self._conductor is not None  # noqa: S101 - nothing is handed over before
        try:
            return self._conductor.elsewhere(self._conductor.state(file.mission_id))
        except UserError:
            return False

    async def _show(self, file: PlanFile) -> None:
        """Bring the document up to date where the user has not changed it."""
        assert self._conductor is not None  # noqa: S101 - nobody wants to see anything before
        try:
            state = self._conductor.state(file.mission_id)
        except UserError:
            return
        if not state.plan.tasks or self._conductor.elsewhere(state):
            return
        document, update = self._files.document(file), rendered(state)
        if document is None or not self._applies_edits():
            await anyio.to_thread.run_sync(partial(self._files.store, file, update, creates=not state.ending))
        else:
            await self._deliver(file, document, update)

    async def _deliver(self, file: PlanFile, document: Document, update: str) -> None:
        before = document.content
        result = updated(file.base, update, before)
        if result.text != before:
            version = document.version
            edit = FileEdit(file.path, before.encode(), result.text.encode())
            delivery = await self._delivery.deliver("plan", [edit])
            if delivery.outcome == "refused":
                file.stale = file.stale or document.version != version
                return
        if file.buffer_base is not None:
            file.buffer_base = result.base

    def _applies_edits(self) -> bool:
        workspace = self._session.host.client.workspace
        return bool(workspace and workspace.apply_edit)

    async def _open(self, file: PlanFile) -> None:
        window = self._session.host.client.window
        if not (window and window.show_document and window.show_document.support):
            return
        params = types.ShowDocumentParams(self._files.uri(file.path), take_focus=True)
        try:
            await self._session.host.ask(types.WINDOW_SHOW_DOCUMENT, params, SHOW_S)
        except AskFailed:
            return
