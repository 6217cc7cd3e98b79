"""What is kept at hand of a mission that is settled: enough to list it, without its changes and results.

A summary is never the truth. It is a fold that was written down, and holds for one number of records and one edition
of the code that folds; for any other, the records are folded again. Whoever needs more folds them too.
"""

import hashlib
from dataclasses import replace
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter

from podium.domain.mission import MissionState


def is_settled(state: MissionState) -> bool:
    """Return whether nothing of a mission is open: it has ended, and no finding, change or plan of it waits.

    Of one that was imported nothing can be done here, so nothing is open.
    """
    findings = any(finding.state in {"open", "fixing"} for finding in state.findings.values())
    proposals = any(proposal.state == "waiting" for proposal in state.proposals.values())
    return state.imported or (bool(state.ending) and not (findings or proposals or state.plan_waits))


def summary_of(state: MissionState) -> MissionState:
    """Return a settled mission without what only looking at it, or undoing it, takes."""
    return replace(
        state,
        known=(),
        reasons={},
        checks={},
        agents={},
        findings={},
        places=(),
        summary="",
        questions={},
        proposals={},
        steers={},
        pauses=(),
        spending={},
    )


def to_line(summary: MissionState) -> str:
    """Return a summary as JSON."""
    return _state().dump_json(summary, exclude_defaults=True).decode()


def from_line(line: str) -> MissionState:
    """Return the summary that `to_line` wrote.

    Raises:
        ValueError: it is damaged.
    """
    return _state().validate_json(line)


@cache
def _state() -> TypeAdapter[MissionState]:
    return TypeAdapter(MissionState)


@cache
def edition() -> str:
    """Return what names this edition of the code that folds: another one may fold otherwise."""
    digest = hashlib.sha256()
    for module in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(module.read_bytes())
    return digest.hexdigest()[:16]
