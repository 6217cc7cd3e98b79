"""No keystroke is lost, whatever the editor does with a workspace edit; see `world` and `laws`."""

from collections.abc import Callable
from random import Random

import anyio
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from podium.domain.events import Apply
from podium.domain.text import Encoding
from tests.edits.editor_model import KINDS, ClientKind
from tests.edits.laws import judge
from tests.edits.simulation import ENCODINGS, simulate
from tests.edits.virtual_time import Stage
from tests.edits.world import World

SEEDS = 5
"""How many episodes of each kind of client: at least 10,000 steps in all."""
STEPS_AN_EPISODE = 400


@pytest.mark.parametrize("kind", KINDS)
def test_every_character_that_is_typed_is_there_once_and_everybody_agrees(
    kind: ClientKind, simulated: Callable[[int], None]
) -> None:
    n_delivered = n_undone = 0
    for seed in range(SEEDS):
        outcome = simulate(seed, kind, STEPS_AN_EPISODE)
        assert not outcome.verdict, (seed, outcome)
        assert outcome.n_steps >= STEPS_AN_EPISODE
        simulated(outcome.n_steps)
        n_delivered += outcome.n_delivered
        n_undone += outcome.n_undone
    assert n_delivered > 10
    assert n_undone > 0
    assert SEEDS * STEPS_AN_EPISODE * len(KINDS) >= 10_000


@pytest.mark.parametrize("kind", KINDS)
def test_without_typing_the_files_are_those_of_the_mission_and_undoing_all_gives_the_first_ones(
    kind: ClientKind, simulated: Callable[[int], None]
) -> None:
    for seed in (1, 2):
        outcome = simulate(seed, kind, 150, typing=False)
        assert not outcome.verdict, (seed, outcome)
        assert outcome.n_delivered > 10, outcome
        simulated(outcome.n_steps)


class Everybody(RuleBasedStateMachine):
    """Any order of what the user, the agents and the editor may do; Hypothesis looks for the shortest bad one."""

    @initialize(
        seed=st.integers(0, 2**32),
        kind=st.sampled_from(KINDS),
        encoding=st.sampled_from(ENCODINGS),
        apply=st.sampled_from(("verified", "review")),
    )
    def begin(self, seed: int, kind: ClientKind, encoding: Encoding, apply: Apply) -> None:
        self.stage = Stage()
        rng = Random(seed)  # noqa: S311 - reproducible
        self.world = World(rng, kind, encoding, apply)
        self.stage.start(self.world.wire())

    @rule(n=st.integers(1, 5))
    def type(self, n: int) -> None:
        for _ in range(n):
            self.world.type()
            self.wait(0.02)

    @rule()
    def erase(self) -> None:
        self.world.erase()

    @rule()
    def open_a_file(self) -> None:
        self.world.open()

    @rule(seconds=st.sampled_from((0.01, 0.05, 0.1, 0.3, 2.0)))
    def wait(self, seconds: float) -> None:
        self.stage.run(anyio.sleep(seconds))

    @rule()
    def an_agent_begins(self) -> None:
        self.world.begin_task()

    @rule()
    def a_task_is_accepted(self) -> None:
        self.stage.start(self.world.close_task())

    @rule()
    def a_task_is_undone_or_redone(self) -> None:
        self.stage.start(self.world.undo_task())

    @precondition(lambda self: self.world.state.apply == "review")
    @rule()
    def the_user_decides_on_hunks(self) -> None:
        self.stage.start(self.world.decide())

    @rule()
    def everything_settles(self) -> None:
        self.stage.run(self.world.settle())
        assert not (verdict := judge(self.world)), verdict

    @precondition(lambda self: not self.world.state.ending)
    @rule(typed=st.integers(0, 3))
    def the_mission_ends_and_is_undone(self, typed: int) -> None:
        self.stage.run(self.world.end())
        self.stage.start(self.world.undo())
        if typed:
            self.type(typed)
        self.everything_settles()

    def teardown(self) -> None:
        if hasattr(self, "stage"):
            try:
                self.everything_settles()
            finally:
                self.stage.close()


TestEverybody = Everybody.TestCase
TestEverybody.settings = settings(
    max_examples=20, stateful_step_count=40, deadline=None, derandomize=True, print_blob=False
)
