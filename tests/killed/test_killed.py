"""Missions whose server is killed with SIGKILL, and that another server carries to their end."""

from pathlib import Path

import pytest

from tests.bench.durability import gone_on
from tests.killed.job import AFTERWARDS, MORTAL, live, place

pytestmark = pytest.mark.anyio
N_REQUESTS = 13
"""What the mission takes when nobody kills it."""


@pytest.mark.parametrize(
    "moment", [(8, "before"), (17, "after"), (26, "before"), (34, "after")], ids=lambda m: f"{m[0]}-{m[1]}"
)
async def test_a_killed_mission_ends_as_it_would_have_and_pays_for_no_answer_twice(
    moment: tuple[int, str], tmp_path: Path
) -> None:
    async with place(tmp_path) as there:
        number, side = moment
        before = await live(there, (*MORTAL, str(number), side))
        assert before.killed
        after, n_paid_again = await gone_on(there, N_REQUESTS)
        assert after.mission is not None
        assert (after.mission["status"], after.mission["reason"]) == ("signed_off", "All is right.")
        assert there.contents() == AFTERWARDS
        assert n_paid_again == 0
