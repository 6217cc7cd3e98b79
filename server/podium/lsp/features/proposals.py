"""Changes that wait for review, as diagnostics: one for each hunk, where it would go in the text as it is now.

`data` of each holds `proposalId` and `hunk`, which `podium.accept` and `podium.reject` take, the `label`, and as
`fileHunks` those that wait in this file where others wait elsewhere.
"""

import sys
from collections.abc import Iterable

from lsprotocol import types

from podium.domain.changes import FileEdit
from podium.domain.events import (
    MissionEnded,
    ProposalDecided,
    ProposalDelivered,
    ProposalMade,
    ProposalRefused,
    ProposalWithdrawn,
    Record,
)
from podium.domain.mission import Proposal
from podium.domain.proposals import Placed, ProposalHunk, places
from podium.domain.text import Position, Text
from podium.domain.text_file import TextFile
from podium.engine.conductor import Conductor
from podium.engine.proposals import mission_of
from podium.errors import ToolError
from podium.lsp.documents import lsp_range
from podium.lsp.features.diagnostics import SOURCE
from podium.lsp.session import Session

CODE = "proposal"
MOST_LINES = 12
"""How many lines of a hunk a diagnostic shows."""


class Proposals:
    """Says which changes wait for the user's review."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._conductor: Conductor | None = None

    def follow(self, conductor: Conductor) -> Iterable[str]:
        """Speak of the proposals of `conductor`'s missions; return the paths that they would change."""
        self._conductor = conductor
        return {edit.path for proposal in self._waiting() for edit in proposal.edits}

    def touched(self, record: Record) -> Iterable[str]:
        """Return the paths whose waiting changes an event alters."""
        match record.event:
            case ProposalMade():
                return {edit.path for edit in record.event.edits}
            case (
                ProposalDecided(proposal_id)
                | ProposalDelivered(proposal_id)
                | ProposalRefused(proposal_id)
                | ProposalWithdrawn(proposal_id)
            ):
                proposal = self._proposal(proposal_id)
                return {edit.path for edit in proposal.edits} if proposal else ()
            case MissionEnded():
                return {
                    edit.path
                    for proposal in self._waiting()
                    if mission_of(proposal.id) == record.mission_id
                    for edit in proposal.edits
                }
            case _:
                return ()

    def about(self, path: str) -> Iterable[types.Diagnostic]:
        """Return the hunks of a file that wait, as diagnostics."""
        text: Text | None = None
        for proposal in self._waiting():
            for edit in proposal.edits:
                if edit.path == path:
                    text = text or self._text(edit)
                    yield from self._hunks(proposal, edit, text)

    def _hunks(self, proposal: Proposal, edit: FileEdit, text: Text) -> Iterable[types.Diagnostic]:
        every, undecided = proposal.hunks(), proposal.undecided()
        now = text.content.replace("\r\n", "\n").replace("\r", "\n")
        where = places(edit, every, proposal.accepted, now)
        here = [hunk.number for hunk in every if hunk.path == edit.path and hunk.number in undecided]
        for hunk in every:
            if hunk.number in here:
                placed = where[hunk.number]
                yield types.Diagnostic(
                    self._range(placed, text),
                    _message(proposal, edit, hunk, placed),
                    severity=types.DiagnosticSeverity.Information,
                    code=CODE,
                    source=SOURCE,
                    data={
                        "proposalId": proposal.id,
                        "hunk": hunk.number,
                        "label": proposal.label,
                        "fileHunks": here if len(here) < len(undecided) else [],
                    },
                )

    def _range(self, placed: Placed, text: Text) -> types.Range:
        """Return the lines that a hunk replaces, without their last line's end; the line below an insertion."""
        first = min(placed.start, text.n_lines - 1)
        last = min(max(first, placed.end - 1), text.n_lines - 1)
        encoding = self._session.host.encoding
        start, end = (
            text.offset_at(at, encoding) for at in (Position(first, 0), Position(last, sys.maxsize))
        )
        return lsp_range(text, start, end, encoding)

    def _text(self, edit: FileEdit) -> Text:
        """Return the text of a file as the editor has it, else as it is on the disk; empty where it has none."""
        document = self._session.host.documents.get(self._session.uri(edit.path))
        if document is not None:
            return document.text
        assert self._session.root is not None  # noqa: S101 - a mission has a workspace
        try:
            return Text(TextFile.decode((self._session.root / edit.path).read_bytes()).text)
        except (OSError, ToolError):
            return Text("")

    def _waiting(self) -> Iterable[Proposal]:
        if self._conductor is None:
            return
        for state in self._conductor.states():
            if not self._conductor.elsewhere(state):
                yield from state.under_review()

    def _proposal(self, proposal_id: str) -> Proposal | None:
        if self._conductor is None:
            return None
        return self._conductor.state(mission_of(proposal_id)).proposals.get(proposal_id)


def _message(proposal: Proposal, edit: FileEdit, hunk: ProposalHunk, placed: Placed) -> str:
    what = "creates this file" if edit.before is None else "deletes this file" if edit.after is None else ""
    first = f"“{proposal.label}” {what or 'would change this'}:"
    if not placed.fits:
        first = f"“{proposal.label}” does not fit any more, since you changed the same lines; it would be:"
    lines = hunk.diff.splitlines()
    more = [f"… and {len(lines) - MOST_LINES} lines more"] if len(lines) > MOST_LINES else []
    return "\n".join([first, *lines[:MOST_LINES], *more])
