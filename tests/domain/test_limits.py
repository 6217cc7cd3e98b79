"""Limits are named in the sentence that the user reads, and count from the providers' numbers."""

import pytest

from podium.domain.limits import Limits, Spent, attempts_exceeded, exceeded


def test_without_limits_nothing_is_ever_used_up() -> None:
    assert exceeded(Limits(), Spent(prompt_tokens=10**12, cost_usd=1e9), minutes=1e9) == ""


@pytest.mark.parametrize(
    ("limits", "spent", "minutes", "setting"),
    [
        (Limits(tokens=100), Spent(prompt_tokens=60, completion_tokens=40), 0, "budget.tokens"),
        (Limits(usd=0.5), Spent(cost_usd=0.5), 0, "budget.usd"),
        (Limits(minutes=3), Spent(), 3.0, "budget.minutes"),
    ],
)
def test_a_used_up_budget_names_the_setting_to_raise(
    limits: Limits, spent: Spent, minutes: float, setting: str
) -> None:
    assert f"`{setting}`" in exceeded(limits, spent, minutes)


def test_one_token_short_of_the_budget_is_within_it() -> None:
    assert exceeded(Limits(tokens=100, usd=1, minutes=1), Spent(99, 0, 99, cost_usd=0.99), 0.99) == ""


def test_attempts_stop_at_the_limit_and_not_before() -> None:
    assert attempts_exceeded(Limits(iterations=2), 1) == ""
    assert "`max_iterations`" in attempts_exceeded(Limits(iterations=2), 2)
