"""How many characters are lost when one user types while agents deliver: a million steps, all kinds of client.

`PODIUM_EDITS_STEPS` sets another number of steps, `PODIUM_EDITS_FIRST` the seed to begin with (0). What is simulated stands in `tests/edits/world.py`, what
counts as lost in `tests/edits/laws.py`.
"""

import logging
import os
from concurrent.futures import ProcessPoolExecutor

from tests.edits.editor_model import KINDS, ClientKind
from tests.edits.simulation import simulate

STEPS = 1_000_000
EPISODE = 400
PROCESSES = 2
FIGURES: tuple[str, ...] = (
    "steps",
    "lost_characters",
    "duplicated_characters",
    "leaked_characters",
    "disagreements",
    "conflicts",
    "delivered",
    "undone",
)


def run() -> dict[str, int]:
    """Simulate, print a table by kind of client, and return the sums."""
    n_episodes = -(-int(os.environ.get("PODIUM_EDITS_STEPS", STEPS)) // len(KINDS) // EPISODE)
    first = int(os.environ.get("PODIUM_EDITS_FIRST", "0"))
    total: dict[str, int] = dict.fromkeys(FIGURES, 0)
    print(f"{'client':10}" + "".join(f"{name:>23}" for name in FIGURES))
    with ProcessPoolExecutor(PROCESSES, initializer=_quiet) as pool:
        for kind in KINDS:
            sums: dict[str, int] = dict.fromkeys(FIGURES, 0)
            for found in pool.map(
                _episode, [kind] * n_episodes, range(first, first + n_episodes), chunksize=8
            ):
                sums = {name: sums[name] + n for name, n in zip(FIGURES, found, strict=True)}
            print(f"{kind:10}" + "".join(f"{n:>23,}" for n in sums.values()), flush=True)
            total = {name: total[name] + n for name, n in sums.items()}
    return total


def _quiet() -> None:
    logging.disable(logging.WARNING)  # the edits that are put right


def _episode(kind: ClientKind, seed: int) -> tuple[int, ...]:
    outcome = simulate(seed, kind, EPISODE)
    verdict = outcome.verdict
    if verdict:
        print(f"{kind}, seed {seed}: {verdict}", flush=True)
    return (
        outcome.n_steps,
        len(verdict.lost),
        len(verdict.doubled),
        len(verdict.leaked),
        len(verdict.disagreements),
        outcome.n_conflicts,
        outcome.n_delivered,
        outcome.n_undone,
    )
