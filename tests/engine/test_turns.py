"""Turns: never more agents than there may be, the most urgent next, and no turn is ever lost."""

from collections.abc import Sequence

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.engine.turns import Turns

LONGEST_S = 5.0


@pytest.mark.anyio
async def test_the_most_urgent_is_next_and_among_equals_who_came_first() -> None:
    turns = Turns(1)
    went: list[str] = []

    async def go(name: str, chain: int) -> None:
        async with turns.turn((-chain, 0)):
            went.append(name)

    async with anyio.create_task_group() as tasks:
        await turns.take((0, 0))
        for name, chain in (("one", 1), ("also one", 1), ("three", 3), ("two", 2)):
            tasks.start_soon(go, name, chain)
            await anyio.wait_all_tasks_blocked()
        turns.give_back()
    assert went == ["three", "two", "one", "also one"]


@pytest.mark.anyio
async def test_who_steps_aside_lets_another_one_go() -> None:
    turns = Turns(1)
    done = anyio.Event()

    async def other() -> None:
        async with turns.turn((0, 1)):
            done.set()

    with anyio.fail_after(LONGEST_S):
        async with anyio.create_task_group() as tasks, turns.turn((0, 0)):
            tasks.start_soon(other)
            async with turns.stepped_aside((0, 0)):
                await done.wait()


@settings(max_examples=150, deadline=None)
@given(
    n=st.integers(1, 4),
    agents=st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 3), st.booleans(), st.none() | st.integers(0, 8)),
        max_size=12,
    ),
)
def test_every_schedule_keeps_the_number_and_loses_no_turn(
    n: int, agents: Sequence[tuple[int, int, bool, int | None]]
) -> None:
    turns = Turns(n)
    running = most = 0

    async def pauses(number: int) -> None:
        for _ in range(number):
            await anyio.lowlevel.checkpoint()

    async def work(chain: int, steps: int, asks: bool) -> None:
        nonlocal running, most
        async with turns.turn((-chain, 0)):
            running += 1
            most = max(most, running)
            try:
                await pauses(steps)
                if asks:
                    running -= 1
                    try:
                        async with turns.stepped_aside((-chain, 0)):
                            await pauses(steps)
                    finally:
                        running += 1
                    most = max(most, running)
            finally:
                running -= 1

    async def agent(chain: int, steps: int, asks: bool, cancelled_after: int | None) -> None:
        async with anyio.create_task_group() as one:
            one.start_soon(work, chain, steps, asks)
            if cancelled_after is not None:
                await pauses(cancelled_after)
                one.cancel_scope.cancel()

    async def main() -> None:
        with anyio.fail_after(LONGEST_S):
            async with anyio.create_task_group() as tasks:
                for details in agents:
                    tasks.start_soon(agent, *details)
            for _ in range(n):
                await turns.take((0, 0))

    anyio.run(main)
    assert most <= n
