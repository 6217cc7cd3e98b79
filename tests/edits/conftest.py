"""Notes how many steps each test simulated; the sum stands in the summary of the run."""

from collections.abc import Callable

import pytest


@pytest.fixture
def simulated(record_property: Callable[[str, object], None]) -> Callable[[int], None]:
    """Return what takes in a number of steps (see `tests/conftest.py`)."""

    def note(n_steps: int) -> None:
        record_property("simulated_steps", n_steps)

    return note
