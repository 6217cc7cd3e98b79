"""Tells whether an error came back: the same failure with other numbers is the same failure."""

import re
from collections.abc import Iterable
from hashlib import sha256

from podium.domain.checks import CheckResult
from podium.domain.findings import Finding

_NOISE = (
    (re.compile(r"0x[0-9a-fA-F]+"), "0x"),
    (re.compile(r"(?:[A-Za-z]:)?(?:[\\/][\w.@~+-]+)+[\\/]?"), "/"),
    (re.compile(r"\b\d+(?:\.\d+)?\s*(?:ms|s|sec|seconds|minutes)\b"), "#s"),
    (re.compile(r"\b(?:line|col|column)\s+\d+"), "line #"),
    (re.compile(r":\d+(?::\d+)?\b"), ":#"),
    (re.compile(r"\s+"), " "),
)


def normalised(text: str) -> str:
    """Return `text` without what differs between two occurrences of one error.

    Removed are addresses, absolute paths, durations, line numbers and runs of white space. Values stay:
    `assert 3 == 4` and `assert 2 == 4` are different errors, because the second attempt did something.
    """
    for pattern, stand_in in _NOISE:
        text = pattern.sub(stand_in, text)
    return text.strip()


def of_checks(results: Iterable[CheckResult]) -> str:
    """Return the fingerprint of what the red results among `results` report; empty if all are green."""
    parts: list[str] = []
    for result in results:
        if result.green:
            continue
        failures = sorted(f"{f.test}|{f.path}|{normalised(f.message)}" for f in result.failures)
        parts.append(f"{result.check}|{'timeout' if result.timed_out else ''}")
        parts.extend(failures or [normalised(result.output[-2000:])])
    return _digest(parts)


def of_findings(findings: Iterable[Finding]) -> str:
    """Return the fingerprint of a Reviewer's findings; empty if there are none."""
    return _digest(sorted(f"{f.path}|{f.code}|{normalised(f.quote)}" for f in findings))


def of_texts(texts: Iterable[str]) -> str:
    """Return the fingerprint of messages; empty if there are none."""
    return _digest(sorted(normalised(text) for text in texts))


def _digest(parts: list[str]) -> str:
    text = "\n".join(parts)
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16] if parts else ""
