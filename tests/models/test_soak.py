"""Many requests under faults of all kinds: every one of them is answered, and rightly."""

import pytest

from tests.models.schedule import FAULTS, Schedule
from tests.models.soak import soak

pytestmark = pytest.mark.anyio


async def test_no_request_is_lost_when_the_provider_spoils_a_third_and_the_model_process_dies() -> None:
    outcome = await soak(Schedule(seed=4, share=0.3), 90, stall_s=1.0)
    assert (outcome.right, outcome.wrong, outcome.lost) == (90, [], [])
    assert len(outcome.spoiled) >= len(FAULTS) - 8
    assert outcome.asked_again > 0
    assert outcome.needlessly_wasted <= outcome.asked_again + 5
