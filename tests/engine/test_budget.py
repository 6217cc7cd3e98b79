"""A budget holds when fifty agents ask at the same moment."""

import random
from dataclasses import dataclass, field, replace
from typing import NoReturn

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.domain.limits import Limits, Spent
from podium.domain.messages import Usage
from podium.engine.budget import Budget

AGENTS = 50
LONGEST_S = 10.0


@dataclass(slots=True)
class Mission:
    """Agents that ask again and again until their mission is stopped.

    `asked` is what all calls cost that were made; who ends the mission gives up those in flight, but pays.
    """

    limits: Limits
    spent: Spent = field(default_factory=Spent)
    sentence: str = ""
    asked: Spent = field(default_factory=Spent)
    n_attempts: int = 0
    scope: anyio.CancelScope = field(init=False)

    async def stop(self, sentence: str) -> NoReturn:
        self.sentence = self.sentence or sentence
        self.scope.cancel()
        await anyio.lowlevel.checkpoint()
        raise AssertionError

    async def ask_until_stopped(self, chance: random.Random, usages: tuple[int, int]) -> None:
        self.scope = anyio.CancelScope()
        budget = Budget(self.limits, lambda: self.spent, lambda: 0.0, self.stop)
        budget.learn(3000, Usage(1000, 0, cost_usd=0.005))

        async def agent() -> None:
            while True:
                async with budget.call(3000, 0) as call:
                    usage = Usage(1000, chance.randint(*usages), cost_usd=0.01)
                    self.asked = plus(self.asked, usage)
                    for _ in range(chance.randint(1, 9)):
                        await anyio.lowlevel.checkpoint()
                    self.spent = plus(self.spent, usage)
                    budget.learn(3000, usage)
                    call.answered = True

        with self.scope, anyio.fail_after(LONGEST_S):
            async with anyio.create_task_group() as agents:
                for _ in range(AGENTS):
                    agents.start_soon(agent)


def plus(spent: Spent, usage: Usage) -> Spent:
    """Return what is spent after one more answer."""
    return replace(
        spent,
        prompt_tokens=spent.prompt_tokens + usage.prompt_tokens,
        completion_tokens=spent.completion_tokens + usage.completion_tokens,
        cost_usd=spent.cost_usd + (usage.cost_usd or 0.0),
    )


def seeded(seed: int) -> random.Random:
    """Return chance that is the same for the same seed."""
    return random.Random(seed)  # noqa: S311 - chance in a test


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), tokens=st.integers(2_000, 300_000))
def test_fifty_agents_never_spend_more_tokens_than_there_are(seed: int, tokens: int) -> None:
    mission = Mission(Limits(tokens=tokens))
    anyio.run(mission.ask_until_stopped, seeded(seed), (0, 1000))
    assert "`budget.tokens`" in mission.sentence
    assert tokens - 2000 < mission.asked.tokens <= tokens


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), longest=st.integers(1001, 5000))
def test_what_goes_beyond_the_budget_is_only_what_estimates_err(seed: int, longest: int) -> None:
    tokens, chance = 90_000, seeded(seed)
    mission = Mission(Limits(tokens=tokens))
    anyio.run(mission.ask_until_stopped, chance, (longest, longest))
    assert "`budget.tokens`" in mission.sentence
    assert mission.asked.tokens <= tokens + AGENTS * (longest - 1000)


def test_a_price_that_is_known_holds_the_money() -> None:
    mission = Mission(Limits(usd=0.2))
    anyio.run(mission.ask_until_stopped, seeded(1), (1000, 1000))
    assert "`budget.usd`" in mission.sentence
    assert 0.19 <= mission.asked.cost_usd <= 0.2001


@pytest.mark.anyio
async def test_attempts_that_begin_at_the_same_moment_are_counted() -> None:
    mission = Mission(Limits(iterations=7))
    mission.scope = anyio.CancelScope()
    budget = Budget(mission.limits, lambda: mission.spent, lambda: 0.0, mission.stop)

    async def begin() -> None:
        await budget.attempt()
        mission.n_attempts += 1
        await anyio.sleep_forever()

    with mission.scope:
        async with anyio.create_task_group() as agents:
            for _ in range(AGENTS):
                agents.start_soon(begin)
    assert mission.n_attempts == 7
    assert "`max_iterations`" in mission.sentence


@pytest.mark.anyio
async def test_who_is_stopped_begins_no_call_even_where_there_is_room() -> None:
    mission = Mission(Limits(tokens=10_000))
    budget = Budget(mission.limits, lambda: mission.spent, lambda: 0.0, mission.stop)
    begun = False
    with anyio.CancelScope() as stopped:
        stopped.cancel()
        async with budget.call(3000, 0):
            begun = True
    assert not begun


@pytest.mark.anyio
@pytest.mark.parametrize("cancelled", [False, True])
async def test_the_prompt_of_a_call_that_was_abandoned_counts(*, cancelled: bool) -> None:
    mission = Mission(Limits(tokens=10_000))
    mission.scope = anyio.CancelScope()
    budget = Budget(mission.limits, lambda: mission.spent, lambda: 0.0, mission.stop)
    budget.learn(3000, Usage(1000, 1000))
    n_begun = 0
    with mission.scope:
        for _ in range(100):
            with anyio.CancelScope() as abandoned:
                async with budget.call(3000, 0):
                    n_begun += 1
                    if cancelled:
                        abandoned.cancel()
                        await anyio.lowlevel.checkpoint()
    assert n_begun == 9, "the tenth prompt would leave nothing for its answer"
    assert "Of the budget of 10000 tokens, 1000 are left" in mission.sentence
