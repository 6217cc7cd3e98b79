"""What providers write about their limits and waits, and what is read out of it."""

from datetime import UTC, datetime

import pytest

from podium.adapters.models.rates import rates_in, retry_after_s
from podium.domain.allowance import Rates, Told

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "text", "seconds"),
    [
        ({"retry-after": "2"}, "", 2.0),
        ({"retry-after": "0.25"}, "", 0.25),
        ({"retry-after": "-3"}, "", 0.0),
        ({"retry-after": "1m30s"}, "", 90.0),
        ({"retry-after-ms": "250", "retry-after": "9"}, "", 0.25),
        ({"x-ms-retry-after-ms": "1500"}, "", 1.5),
        ({"retry-after": "Fri, 20 Nov 2026 12:01:30 GMT"}, "", 90.0),
        ({"retry-after": "2026-11-20T12:00:07Z"}, "", 7.0),
        ({"retry-after": "Fri, 20 Nov 2026 11:00:00 GMT"}, "", 0.0),
        ({"retry-after": "soon"}, "", None),
        ({"retry-after": "soon"}, "Try again in 3s", 3.0),
        ({}, "Please try again in 20ms.", 0.02),
        ({}, "Please try again in 1.5s. Visit", 1.5),
        ({}, "Please try again in 6m0s.", 360.0),
        ({}, "Please try again in 1h2m3s", 3723.0),
        ({}, "Please retry after 20 seconds.", 20.0),
        ({}, "Please wait 2 minutes and 5 seconds", 125.0),
        ({}, "Please retry in 34.074824224s.", pytest.approx(34.07, abs=0.01)),
        ({}, '"retryDelay": "34s"', 34.0),
        ({}, "Please try again later.", None),
        ({}, "Try again in a minute.", None),
    ],
)
def test_the_wait_is_read_in_all_the_ways_that_providers_write_it(
    headers: dict[str, str], text: str, seconds: float | None
) -> None:
    assert retry_after_s(headers, text, NOW) == seconds


OPENAI = {
    "x-ratelimit-limit-requests": "500",
    "x-ratelimit-remaining-requests": "499",
    "x-ratelimit-reset-requests": "120ms",
    "x-ratelimit-limit-tokens": "30000",
    "x-ratelimit-remaining-tokens": "29000",
    "x-ratelimit-reset-tokens": "6m0s",
}
ANTHROPIC = {
    "anthropic-ratelimit-requests-limit": "50",
    "anthropic-ratelimit-requests-remaining": "49",
    "anthropic-ratelimit-requests-reset": "2026-11-20T12:00:03Z",
    "anthropic-ratelimit-input-tokens-limit": "40000",
    "anthropic-ratelimit-input-tokens-remaining": "39000",
    "anthropic-ratelimit-input-tokens-reset": "2026-11-20T12:00:01Z",
    "anthropic-ratelimit-output-tokens-limit": "8000",
    "anthropic-ratelimit-output-tokens-remaining": "100",
    "anthropic-ratelimit-output-tokens-reset": "2026-11-20T12:01:00Z",
}
OPENROUTER = {
    "x-ratelimit-limit": "20",
    "x-ratelimit-remaining": "0",
    "x-ratelimit-reset": "1795176030000",
}
AZURE = {"x-ratelimit-remaining-requests": "9", "x-ratelimit-remaining-tokens": "900"}


@pytest.mark.parametrize(
    ("headers", "rates"),
    [
        (OPENAI, {"requests": Told(499, 500, 0.12), "tokens": Told(29000, 30000, 360.0)}),
        (ANTHROPIC, {"requests": Told(49, 50, 3.0), "tokens": Told(100, 8000, 60.0)}),
        (OPENROUTER, {"requests": Told(0, 20, 30.0)}),
        (AZURE, {"requests": Told(9), "tokens": Told(900)}),
        ({"x-ratelimit-remaining-requests": "many"}, {}),
        ({}, {}),
    ],
)
def test_limits_are_read_from_each_providers_headers(headers: dict[str, str], rates: Rates) -> None:
    assert rates_in(headers, NOW) == rates
