"""Submits a review."""

from typing import Literal

from pydantic import Field

from podium.domain.findings import Severity
from podium.engine.decisions import Remark, ReviewDecided
from podium.engine.tools.tool import Arguments, Tool, ToolContext
from podium.errors import ToolError


class FindingArguments(Arguments):
    path: str
    quote: str = Field(description="the line it is about, copied exactly")
    line: int | None = Field(default=None, ge=1)
    severity: Severity
    code: str = Field(min_length=1, description="short name of the kind of problem")
    message: str = Field(min_length=1)
    suggestion: str | None = None


class SubmitReview(Arguments):
    verdict: Literal["approve", "reject"]
    findings: list[FindingArguments] = Field(default_factory=list[FindingArguments])


async def run(context: ToolContext, args: SubmitReview) -> ReviewDecided:
    """Accept the review if it is consistent and its quotes can be found."""
    if args.verdict == "reject" and not args.findings:
        raise ToolError("A rejection needs at least one finding that says what to change.")
    if args.verdict == "approve" and any(f.severity == "error" for f in args.findings):
        raise ToolError("You cannot approve with a finding of severity error; reject, or lower it.")
    return ReviewDecided(args.verdict == "approve", tuple(_remark(context, f) for f in args.findings))


def _remark(context: ToolContext, finding: FindingArguments) -> Remark:
    lines = context.tree.text(finding.path).text.split("\n")
    first = next((line.strip() for line in finding.quote.split("\n") if line.strip()), "")
    at = [n for n, line in enumerate(lines, 1) if first and first in line]
    wanted = finding.line or 0
    line = min(at, key=lambda n: abs(n - wanted)) if at else min(wanted, len(lines))
    if not line:
        raise ToolError(f"The quote {first!r} is not in {finding.path}; copy the line exactly.")
    return Remark(
        finding.path,
        first,
        line,
        finding.severity,
        finding.code,
        finding.message,
        finding.suggestion or "",
    )


SUBMIT_REVIEW = Tool("submit_review", "Submit your verdict and your findings.", SubmitReview, run)
