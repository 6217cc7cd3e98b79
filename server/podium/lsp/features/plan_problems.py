"""Diagnostics of plan documents: what cannot be taken of an edit, and what may not be meant, while the user types it."""

from collections.abc import Iterable

from lsprotocol import types

from podium.domain.events import MissionEnded, PlanSet, Record
from podium.domain.lines import changes, split_lines
from podium.domain.plan_text import parse
from podium.engine.conductor import Conductor
from podium.errors import UserError
from podium.lsp.features.diagnostics import SOURCE
from podium.lsp.plan_files import PlanFile, PlanFiles, is_final, mission_of, plan_path

CODE = "plan"


class PlanProblems:
    """Says what is wrong with edited plan documents."""

    def __init__(self, files: PlanFiles) -> None:
        self._files = files
        self._conductor: Conductor | None = None

    def follow(self, conductor: Conductor) -> Iterable[str]:
        """Speak of the plans of `conductor`'s missions; there is nothing to say before one is open."""
        self._conductor = conductor
        return ()

    def touched(self, record: Record) -> Iterable[str]:
        """Return the plan document that an event may make right or wrong, if it is open."""
        if not isinstance(record.event, PlanSet | MissionEnded):
            return ()
        path = plan_path(record.mission_id)
        return (path,) if self._files.session.host.documents.get(self._files.uri(path)) else ()

    def about(self, path: str) -> Iterable[types.Diagnostic]:
        """Return what there is to say about a plan document, as the user sees it."""
        mission_id = mission_of(path)
        if mission_id is None or self._conductor is None:
            return
        file = self._files.of(mission_id)
        text = self._files.text(file)
        lines = text.split("\n")
        for line, message, severity in self._said(file, text):
            line = min(line, len(lines) - 1)
            yield types.Diagnostic(
                self._range(file, lines, line), message, severity=severity, code=CODE, source=SOURCE
            )

    def _said(self, file: PlanFile, text: str) -> Iterable[tuple[int, str, types.DiagnosticSeverity]]:
        assert self._conductor is not None  # noqa: S101 - asked for by `about` only
        error, warning = types.DiagnosticSeverity.Error, types.DiagnosticSeverity.Warning
        information = types.DiagnosticSeverity.Information
        try:
            state = self._conductor.state(file.mission_id)
        except UserError:
            state = None
        if state is None and not self._conductor.put_away(file.mission_id):
            return
        refused = file.refusal if state and self._conductor.elsewhere(state) else ""
        if state is None or is_final(state) or refused:
            message = file.refusal or "The mission has ended; edits of its plan have no effect."
            for change in changes(split_lines(file.base), split_lines(text)):
                yield change.new_start, message, warning
            return
        page = parse(text)
        edit = self._conductor.orders.read_plan(file.mission_id, parse(file.base), page)
        for problem in edit.problems:
            yield problem.line, problem.message, error
        for doubt in edit.doubts:
            yield doubt.line, doubt.message, warning
        told = {item.line: file.notes.get(item.id or item.title) for item in page.items}
        told |= {note.line: note.message for note in edit.notes}
        for line, message in told.items():
            if message:
                yield line, message, information

    def _range(self, file: PlanFile, lines: list[str], line: int) -> types.Range:
        """Return what stands in a line, without the white space around it."""
        document = self._files.document(file)
        if document is None:
            return types.Range(types.Position(line, 0), types.Position(line + 1, 0))
        start = sum(len(earlier) + 1 for earlier in lines[:line])
        first = len(lines[line]) - len(lines[line].lstrip())
        last = max(first, len(lines[line].rstrip()))
        return self._files.session.range_of(document, start + first, start + last)
