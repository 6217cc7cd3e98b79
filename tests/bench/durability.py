"""What a kill costs a mission: the server is killed before and after each write to its journal, and at any instant.

One mission (`tests/killed/job.py`: three tasks with a fix loop, a question and a conflict with what the user types),
with the real server and a model behind a real HTTP endpoint. Each time another server goes on with it to its end:
the files must be the same, and no answer that the journal holds may be asked for again.

    python -m tests.bench durability              every write, and 200 random instants
    python -m tests.bench durability 20 10        20 of the writes and 10 instants
    python -m tests.bench durability fight 100    100 times two servers that want the same interrupted mission
"""

import random
import tempfile
from pathlib import Path

import anyio

from tests.killed.fight import fight
from tests.killed.job import AFTERWARDS, MORTAL, SERVE, Life, Place, live, place


def run(writes: str = "all", instants: str = "200") -> dict[str, float | int]:
    """Kill at every moment, or at some of them, or let servers fight, and return the figures."""
    with tempfile.TemporaryDirectory() as folder:
        if writes == "fight":
            return anyio.run(_fights, Path(folder), int(instants))
        return anyio.run(_sweep, Path(folder), None if writes == "all" else int(writes), int(instants))


async def _sweep(home: Path, n_writes: int | None, n_instants: int) -> dict[str, float | int]:
    chance = random.Random(0)  # noqa: S311 - chance in a benchmark
    begun_at = anyio.current_time()
    n_requests, n_appends = await _undisturbed(home / "undisturbed")
    lasted_s = anyio.current_time() - begun_at
    print(f"Undisturbed: {n_requests} requests, about {n_appends} writes, {lasted_s:.1f} s.", flush=True)
    moments = [(str(n), side) for n in range(1, n_appends + 1) for side in ("before", "after")]
    if n_writes is not None:
        moments = sorted(chance.sample(moments, min(n_writes, len(moments))), key=lambda m: int(m[0]))
    moments += [(f"{chance.uniform(0.3, lasted_s):.3f}", "seconds") for _ in range(n_instants)]
    kills = different = again = 0
    resumed_in_s: list[float] = []
    for number, moment in enumerate(moments):
        async with place(home / str(number)) as there:
            before = await live(there, (*MORTAL, *moment))
            kills += before.killed
            after, n_again = await gone_on(there, n_requests) if before.killed else (before, 0)
        same = after.mission is not None and after.mission["status"] == "signed_off"
        same = same and there.contents() == AFTERWARDS
        different += not same
        again += n_again
        resumed_in_s.append(after.resumed_in_s)
        if n_again or not same:
            print(f"{' '.join(moment)}: {n_again} asked again, {after.mission}", flush=True)
    return {
        "kills": kills,
        "different_endings": different,
        "paid_again": again,
        "resume_s": round(max(resumed_in_s), 3),
    }


async def _fights(home: Path, n_rounds: int) -> dict[str, float | int]:
    """Let pairs of servers, of which most die soon, fight for missions, for so many rounds at least."""
    chance = random.Random(0)  # noqa: S311 - chance in a benchmark
    n_fought = unfair = different = 0
    while n_fought < n_rounds:
        async with place(home / str(n_fought)) as there:
            deaths = [(str(chance.randint(1, 8)), chance.choice(("before", "after"))) for _ in range(6)]
            fought = await fight(there, deaths)
            mission = fought[-1].mission
            same = mission is not None and mission["status"] == "signed_off"
            different += not (same and there.contents() == AFTERWARDS)
            for now in fought:
                unfair += not now.is_fair
                if not now.is_fair:
                    print(f"round {n_fought}: {now}", flush=True)
            n_fought += len(fought)
    return {"fights": n_fought, "not_carried_on_by_one": unfair, "different_endings": different}


async def _undisturbed(home: Path) -> tuple[int, int]:
    """Return how many requests the mission takes, and at most how many writes to the journal."""
    async with place(home) as there:
        life = await live(there, SERVE)
        assert life.mission is not None
        assert there.contents() == AFTERWARDS
        return len(there.asked), life.n_events


async def gone_on(there: Place, n_requests: int) -> tuple[Life, int]:
    """Let another server carry the mission to its end; return that, and how many recorded answers it asked for again."""
    n_before = len(there.asked)
    life = await live(there, SERVE)
    return life, max(0, len(there.asked) - n_before - (n_requests - life.n_answered))
