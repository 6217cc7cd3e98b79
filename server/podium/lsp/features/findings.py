"""Findings as diagnostics, kept at their place while the user types."""

from collections.abc import Iterable
from dataclasses import replace

from lsprotocol import types

from podium.domain.events import FindingChanged, Record, ReviewSubmitted
from podium.domain.findings import Finding, Severity
from podium.engine.conductor import Conductor
from podium.lsp.features.diagnostics import SOURCE
from podium.lsp.session import Session

_SEVERITY: dict[Severity, types.DiagnosticSeverity] = {
    "error": types.DiagnosticSeverity.Error,
    "warning": types.DiagnosticSeverity.Warning,
    "information": types.DiagnosticSeverity.Information,
    "hint": types.DiagnosticSeverity.Hint,
}


class Findings:
    """Says what the open findings of all missions are."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._conductor: Conductor | None = None

    def follow(self, conductor: Conductor) -> Iterable[str]:
        """Speak of the findings of `conductor`'s missions; return the paths that have any."""
        self._conductor = conductor
        return {finding.path for finding in self._open()}

    def touched(self, record: Record) -> Iterable[str]:
        """Return the paths whose findings an event changes."""
        match record.event:
            case ReviewSubmitted():
                return {finding.path for finding in record.event.findings}
            case FindingChanged():
                state = self._conductor.state(record.mission_id) if self._conductor else None
                finding = state.findings.get(record.event.finding_id) if state else None
                return {finding.path} if finding else ()
            case _:
                return ()

    def about(self, path: str) -> Iterable[types.Diagnostic]:
        """Return the open findings of a file as diagnostics."""
        uri = self._session.uri(path)
        document = self._session.host.documents.get(uri)
        lines = document.content.split("\n") if document else None
        for finding in self._open():
            if finding.path == path:
                yield self._diagnostic(_anchored(finding, lines), uri, lines)

    def _open(self) -> Iterable[Finding]:
        for state in self._conductor.states() if self._conductor else ():
            for finding in () if state.imported else state.findings.values():
                if finding.state in {"open", "fixing"}:
                    yield finding

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
