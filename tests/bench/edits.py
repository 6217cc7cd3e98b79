"""How many characters are lost when one user types while agents deliver: a million steps, all kinds of client.

`PODIUM_EDITS_STEPS` sets another number of steps. What is simulated stands in `tests/edits/simulation.py`.
"""

import logging
import os
from typing import get_args

from podium.domain.text import Encoding
from tests.edits.editor_model import KINDS
from tests.edits.simulation import simulate

STEPS = 1_000_000
EPISODE = 400
FIGURES: tuple[str, ...] = (
    "steps",
    "lost_characters",
    "duplicated_characters",
    "leaked_characters",
    "conflicts",
    "delivered",
)


def run() -> dict[str, int]:
    """Simulate, print a table by kind of client, and return the sums."""
    logging.disable(logging.WARNING)  # the edits that are put right
    steps = int(os.environ.get("PODIUM_EDITS_STEPS", STEPS)) // len(KINDS)
    total: dict[str, int] = dict.fromkeys(FIGURES, 0)
    print(f"{'client':10}" + "".join(f"{name:>23}" for name in FIGURES))
    for kind in KINDS:
        sums: dict[str, int] = dict.fromkeys(FIGURES, 0)
        seed = 0
        while sums["steps"] < steps:
            encodings: tuple[Encoding, ...] = get_args(Encoding)
            outcome = simulate(seed, kind, encodings[seed % 3], EPISODE)
            found = (
                outcome.n_steps,
                len(outcome.lost),
                len(outcome.doubled),
                len(outcome.leaked),
                outcome.n_conflicts,
                outcome.n_delivered,
            )
            sums = {name: sums[name] + n for name, n in zip(FIGURES, found, strict=True)}
            seed += 1
        print(f"{kind:10}" + "".join(f"{n:>23,}" for n in sums.values()), flush=True)
        total = {name: total[name] + n for name, n in sums.items()}
    return total
