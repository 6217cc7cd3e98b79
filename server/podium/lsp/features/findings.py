"""Findings as diagnostics: published for each file, and kept at their place while the user types."""

from collections.abc import Iterable
from dataclasses import replace

from lsprotocol import types

from podium.domain.events import FindingChanged, Record, ReviewSubmitted
from podium.domain.findings import Finding, Severity
from podium.engine.conductor import Conductor
from podium.lsp.documents import DocumentChange
from podium.lsp.session import Session

SOURCE = "Podium"

_SEVERITY: dict[Severity, types.DiagnosticSeverity] = {
    "error": types.DiagnosticSeverity.Error,
    "warning": types.DiagnosticSeverity.Warning,
    "information": types.DiagnosticSeverity.Information,
    "hint": types.DiagnosticSeverity.Hint,
}


class Findings:
    """Publishes the open findings of all missions as diagnostics."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._conductor: Conductor | None = None
        self._published: set[str] = set()
        session.host.documents.subscribe(self._on_document)

    def follow(self, conductor: Conductor) -> None:
        """Show the findings of `conductor`'s missions, those from before a restart included."""
        self._conductor = conductor
        conductor.subscribe(self._on_record)
        for path in {f.path for f in self._open()}:
            self._publish(path)

    def at(self, finding_id: str) -> Finding | None:
        """Return an open finding by its id."""
        return next((f for f in self._open() if f.id == finding_id), None)

    def _open(self) -> Iterable[Finding]:
        for state in self._conductor.states() if self._conductor else ():
            for finding in state.findings.values():
                if finding.state in {"open", "fixing"}:
                    yield finding

    def _on_record(self, record: Record) -> None:
        match record.event:
            case ReviewSubmitted():
                paths = {finding.path for finding in record.event.findings}
            case FindingChanged():
                state = self._conductor.state(record.mission_id) if self._conductor else None
                finding = state.findings.get(record.event.finding_id) if state else None
                paths = {finding.path} if finding else set[str]()
            case _:
                return
        for path in paths:
            self._publish(path)

    def _on_document(self, change: DocumentChange) -> None:
        if change.kind == "saved" or self._conductor is None or self._session.root is None:
            return
        path = self._session.path_or_none(change.document.uri)
        if path in self._published:
            self._publish(path)

    def _publish(self, path: str) -> None:
        uri = self._session.uri(path)
        document = self._session.host.documents.get(uri)
        lines = document.content.split("\n") if document else None
        found = [_anchored(f, lines) for f in self._open() if f.path == path]
        self._published.add(path)
        diagnostics = [self._diagnostic(f, uri, lines) for f in found]
        version = document.version if document else None
        self._session.host.notify(
            types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS, types.PublishDiagnosticsParams(uri, diagnostics, version)
        )

    def _diagnostic(self, finding: Finding, uri: str, lines: list[str] | None) -> types.Diagnostic:
        span = self._span(finding, uri, lines)
        message = finding.message
        if finding.suggestion:
            message += f"\n{finding.suggestion}"
        evidence = types.DiagnosticRelatedInformation(
            types.Location(uri, span),
            f"{finding.evidence}: {finding.quote}" if finding.quote else finding.evidence,
        )
        return types.Diagnostic(
            span,
            message,
            severity=_SEVERITY[finding.severity],
            code=finding.code,
            source=SOURCE,
            related_information=[evidence],
            data={"findingId": finding.id},
        )

    def _span(self, finding: Finding, uri: str, lines: list[str] | None) -> types.Range:
        line = max(0, finding.line - 1)
        document = self._session.host.documents.get(uri)
        if lines is None or document is None:
            return types.Range(types.Position(line, 0), types.Position(line + 1, 0))
        line = min(line, max(0, len(lines) - 1))
        text = lines[line]
        at = text.find(finding.quote) if finding.quote else -1
        first = at if at >= 0 else len(text) - len(text.lstrip())
        last = first + len(finding.quote) if at >= 0 else len(text.rstrip())
        before = sum(len(earlier) + 1 for earlier in lines[:line])
        return self._session.range_of(document, before + first, before + max(first, last))


def _anchored(finding: Finding, lines: list[str] | None) -> Finding:
    """Return the finding at the line that holds its quote now, nearest to where it was."""
    if lines is None or not finding.quote:
        return finding
    at = [number for number, line in enumerate(lines, 1) if finding.quote in line]
    return replace(finding, line=min(at, key=lambda n: abs(n - finding.line))) if at else finding
