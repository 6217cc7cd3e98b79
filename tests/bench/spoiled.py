"""2,000 requests of 50 agents while the provider spoils 30 % of what it receives, in 21 ways; none may be lost.

A quarter of them go to a model of Anthropic's, in its format and through litellm; the others are asked directly. The
model process is killed three times meanwhile. `spoiled N` asks N requests.
"""

import anyio

from tests.models.schedule import Schedule
from tests.models.soak import Outcome, soak

REQUESTS, SHARE, KILLS = 2000, 0.3, 3
MODELS = ("openai/tiny", "openai/tiny", "openai/tiny", "anthropic/claude-sonnet-4-5")


def run(requests: str = str(REQUESTS)) -> dict[str, float]:
    """Return how many requests were answered rightly and lost, and how many were wasted."""
    print(f"{requests} requests, 50 agents, {SHARE:.0%} spoiled, the model process killed {KILLS} times.")
    outcome: Outcome = anyio.run(_run, int(requests))
    for name, n in sorted(outcome.spoiled.items()):
        print(f"  {n:4} {name}")
    for problem in (*outcome.wrong, *outcome.lost):
        print(f"  NOT RIGHT: {problem}")
    return {
        "requests": int(requests),
        "right": outcome.right,
        "lost": len(outcome.lost) + len(outcome.wrong),
        "spoiled": sum(outcome.spoiled.values()),
        "wasted": outcome.wasted,
        "wasted_needlessly": outcome.needlessly_wasted,
        "asked_again_after_a_death": outcome.asked_again,
        "seconds": round(outcome.seconds, 1),
    }


async def _run(n: int) -> Outcome:
    return await soak(Schedule(seed=1, share=SHARE), n, models=MODELS, kills=KILLS)
