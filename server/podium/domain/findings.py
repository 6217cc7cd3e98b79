"""Findings: what a Reviewer or a check reports at a place in a file."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Literal, TypeAlias

Severity: TypeAlias = Literal["error", "warning", "information", "hint"]
FindingState: TypeAlias = Literal["open", "fixing", "fixed", "dismissed"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. `line` is 1-based and 0 when unknown; `quote` is the text that it is about.

    `evidence` says how it is known: a check's name with its first failing line, or the reviewer's words.
    """

    id: str
    path: str
    line: int
    quote: str
    severity: Severity
    code: str
    message: str
    suggestion: str = ""
    evidence: str = ""
    state: FindingState = "open"


def finding_id(mission_id: str, path: str, code: str, quote: str, message: str) -> str:
    """Return the stable id of a finding: the same finding at the same quote has the same id."""
    text = "\0".join((mission_id, path, code, quote.strip(), message.strip()))
    return f"f-{sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:10]}"
