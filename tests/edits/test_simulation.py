"""No keystroke is lost, whatever the editor does with a workspace edit; see `simulation`."""

from collections.abc import Callable
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.domain.text import Encoding
from tests.edits.editor_model import KINDS, ClientKind
from tests.edits.simulation import Outcome, simulate

VERSIONED: tuple[ClientKind, ...] = ("strict", "neovim", "eglot", "lsp-mode")
"""The clients that never apply an edit to a newer text than it was made for."""
ENCODINGS: tuple[Encoding, ...] = get_args(Encoding)


@pytest.mark.parametrize("kind", VERSIONED)
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
@given(st.integers(100, 2**32), st.sampled_from(VERSIONED), st.sampled_from(ENCODINGS))
def test_the_laws_hold_in_any_episode(seed: int, kind: ClientKind, encoding: Encoding) -> None:
    outcome = simulate(seed, kind, encoding, 150)
    assert not outcome.broken, outcome


def test_an_edit_that_vscode_puts_into_the_wrong_lines_is_put_right(caplog: pytest.LogCaptureFixture) -> None:
    """But for what is typed into the very line, before the edit and again before it is put right."""
    outcomes = [simulate(seed, "vscode", ENCODINGS[seed % 3]) for seed in range(7)]
    assert "applied to a newer text" in caplog.text
    assert all(not outcome.doubled and not outcome.leaked for outcome in outcomes)
    assert sum(len(outcome.lost) for outcome in outcomes) <= 1
