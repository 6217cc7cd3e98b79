"""No keystroke is lost, whatever the editor does with a workspace edit; see `simulation`."""

from collections.abc import Callable
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.domain.text import Encoding
from tests.edits.editor_model import KINDS, ClientKind
from tests.edits.simulation import Outcome, simulate

ENCODINGS: tuple[Encoding, ...] = get_args(Encoding)


@pytest.mark.parametrize("kind", KINDS)
def test_every_character_that_is_typed_is_there_once(
    kind: ClientKind, record_property: Callable[[str, object], None]
) -> None:
    total = Outcome()
    for seed in range(7):
        outcome = simulate(seed, kind, ENCODINGS[seed % 3])
        assert not outcome.broken, (seed, outcome)
        total.n_steps += outcome.n_steps
        total.n_delivered += outcome.n_delivered
        total.n_conflicts += outcome.n_conflicts
    record_property("steps", total.n_steps)
    assert total.n_steps >= 2_000
    assert total.n_delivered > 50, total


@pytest.mark.parametrize("kind", KINDS)
def test_without_typing_the_editor_holds_what_the_mission_holds(kind: ClientKind) -> None:
    outcome = simulate(1, kind, "utf-16", 200, typing=False)
    assert not outcome.broken, outcome
    assert outcome.n_delivered > 20, outcome


@settings(max_examples=8, deadline=None, derandomize=True)
@given(st.integers(100, 2**32), st.sampled_from(KINDS), st.sampled_from(ENCODINGS))
def test_the_laws_hold_in_any_episode(seed: int, kind: ClientKind, encoding: Encoding) -> None:
    outcome = simulate(seed, kind, encoding, 150)
    assert not outcome.broken, outcome


def test_an_edit_that_vscode_puts_into_the_wrong_lines_is_put_right(caplog: pytest.LogCaptureFixture) -> None:
    outcome = simulate(5, "vscode", "utf-32")
    assert "an edit is taken out again" in caplog.text
    assert not outcome.broken, outcome
