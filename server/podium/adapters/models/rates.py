"""What providers say about their limits: how much is left, and how long to wait, in all their ways to write it.

Headers are read under their lower case names.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from podium.domain.allowance import Rates, Told, Unit

_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SPAN = r"\d+(?:\.\d+)?\s*(?:ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hours?|d|days?)(?![a-z])"
_SPANS = rf"{_SPAN}(?:(?:\s|,|and)*{_SPAN})*"
_SPOKEN = re.compile(
    rf"(?:try again|retry|wait|available)(?: your request)?(?: (?:in|after|for|again in))? ?:?\s*({_SPANS})",
    re.IGNORECASE,
)
_RETRY_DELAY = re.compile(r'"retry_?(?:Delay|After)(?:_?seconds)?": ?"?(\d+(?:\.\d+)?)s?"?', re.IGNORECASE)
_EPOCH_S, _EPOCH_MS = 1e9, 1e12

_NAMES: Mapping[Unit, tuple[str, ...]] = {
    "requests": (
        "x-ratelimit-{}-requests",
        "anthropic-ratelimit-requests-{}",
        "x-ratelimit-{}",
        "ratelimit-{}",
    ),
    "tokens": (
        "x-ratelimit-{}-tokens",
        "anthropic-ratelimit-tokens-{}",
        "anthropic-ratelimit-input-tokens-{}",
        "anthropic-ratelimit-output-tokens-{}",
    ),
}


def rates_in(headers: Mapping[str, str], now: datetime | None = None) -> Rates:
    """Return what the headers of a reply tell about limits; where there are several, the one nearest to its end."""
    now = now or datetime.now(UTC)
    found: dict[Unit, Told] = {}
    for unit, names in _NAMES.items():
        told = [one for name in names if (one := _told(headers, name, now))]
        if told:
            found[unit] = min(told, key=lambda one: one.remaining / (one.limit or 1e6))
    return found


def retry_after_s(headers: Mapping[str, str], text: str = "", now: datetime | None = None) -> float | None:
    """Return how many seconds the provider asks to wait, from its headers or else its words, or None.

    `retry-after` is in seconds or an HTTP date (RFC 9110, 10.2.3).
    """
    for name in ("retry-after-ms", "x-ms-retry-after-ms"):
        milliseconds = _number(headers.get(name))
        if milliseconds is not None:
            return max(0.0, milliseconds / 1000)
    after = headers.get("retry-after")
    seconds = None if after is None else _seconds_until(after, now or datetime.now(UTC))
    return _spoken_s(text) if seconds is None else seconds


def _told(headers: Mapping[str, str], name: str, now: datetime) -> Told | None:
    remaining = _number(headers.get(name.format("remaining")))
    if remaining is None:
        return None
    limit, reset = _number(headers.get(name.format("limit"))), headers.get(name.format("reset"))
    return Told(
        int(remaining),
        None if limit is None else int(limit),
        None if reset is None else _seconds_until(reset, now),
    )


def _seconds_until(text: str, now: datetime) -> float | None:
    """Return the seconds until what is written as seconds, a span (`6m0s`), a date, or seconds since 1970."""
    number = _number(text)
    if number is not None:
        since_1970_s = number / 1000 if number >= _EPOCH_MS else number
        return max(0.0, since_1970_s - now.timestamp() if since_1970_s >= _EPOCH_S else number)
    if re.fullmatch(_SPANS, text.strip(), re.IGNORECASE):
        return _span_s(text)
    for date in _dates(text):
        date = date if date.tzinfo else date.replace(tzinfo=UTC)
        return max(0.0, (date - now).total_seconds())
    return None


def _dates(text: str) -> Iterator[datetime]:
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            yield read(text)
        except ValueError:
            continue


def _spoken_s(text: str) -> float | None:
    if delay := _RETRY_DELAY.search(text):
        return float(delay[1])
    spoken = _SPOKEN.search(text)
    return _span_s(spoken[1]) if spoken else None


def _span_s(text: str) -> float:
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*(ms|mil|s|m|h|d)", text.lower())
    return sum(float(amount) * _UNITS_S["ms" if unit == "mil" else unit] for amount, unit in parts)


def _number(text: str | None) -> float | None:
    try:
        return max(0.0, float(text)) if text is not None else None
    except ValueError:
        return None
