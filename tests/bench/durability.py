"""What a kill costs a mission: the server is killed before and after each write to its journal, and at any instant.

One mission (`tests/killed/job.py`: three tasks with a fix loop, a question and a conflict with what the user types),
with the real server and a model behind a real HTTP endpoint. Each time another server goes on with it to its end:
the files must be the same, and no answer that the journal holds may be asked for again.

    python -m tests.bench durability              every write, and 200 random instants: about 15 minutes on two cores
    python -m tests.bench durability 2/6          the second sixth of these, to run them one after another
    python -m tests.bench durability 20 10        20 of the writes and 10 instants
    python -m tests.bench durability disk         a disk that takes nothing from each write on: full, or broken, once
                                                  or until it is mended (`disk 1/6`, `disk 20` as above)
    python -m tests.bench durability fight 100    100 times two servers that want the same interrupted mission
"""

import random
import resource
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import TypeAlias

import anyio

from podium.domain.events import MissionInterrupted, ModelAnswered, ModelAsked, Record
from tests.killed.failing import Failure, fail
from tests.killed.fight import fight, recorded
from tests.killed.job import AFTERWARDS, MORTAL, SERVE, Life, Place, live, place
from tests.killed.mortal import COUNT, FAULTS

AT_A_TIME = 2
"""How many missions are under way together: each waits for processes to start, half of the time."""

Moment: TypeAlias = tuple[str, str]


def run(*arguments: str) -> dict[str, float | int]:
    """Kill at every moment, or at some of them, or let servers fight, and return the figures."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        match arguments:
            case ("fight", n_rounds):
                return anyio.run(_fights, home, int(n_rounds))
            case ("disk", *rest):
                some = rest[0] if rest else "1/1"
                part = (1, 1) if some.isdecimal() else _part(some)
                return anyio.run(_failures, home, int(some) if some.isdecimal() else None, *part)
            case (n_writes, n_instants):
                return anyio.run(_sweep, home, int(n_writes), int(n_instants))
            case (part,):
                return anyio.run(_sweep, home, None, 200, *_part(part))
            case _:
                return anyio.run(_sweep, home, None, 200)


def _part(text: str) -> tuple[int, int]:
    number, _, total = text.partition("/")
    return int(number), int(total)


@dataclass
class _Sums:
    kills: int = 0
    different: int = 0
    again: int = 0
    in_flight: int = 0
    resumed_in_s: list[float] = field(default_factory=list[float])


async def _sweep(
    home: Path, n_writes: int | None, n_instants: int, part: int = 1, n_parts: int = 1
) -> dict[str, float | int]:
    chance = random.Random(0)  # noqa: S311 - chance in a benchmark
    n_requests, n_appends, lasted_s = await _undisturbed(home / "undisturbed")
    print(f"Undisturbed: {n_requests} requests, {n_appends} writes, {lasted_s:.1f} s.", flush=True)
    moments: list[Moment] = [(str(n), side) for n in range(1, n_appends + 1) for side in ("before", "after")]
    if n_writes is not None:
        moments = sorted(chance.sample(moments, min(n_writes, len(moments))), key=lambda m: int(m[0]))
    moments += [(f"{chance.uniform(0.3, lasted_s):.3f}", "seconds") for _ in range(n_instants)]
    moments = moments[part - 1 :: n_parts]
    sums = _Sums()
    begun_at, cpu_s = anyio.current_time(), _cpu_s()
    limiter = anyio.CapacityLimiter(AT_A_TIME)
    async with anyio.create_task_group() as tasks:
        for number, moment in enumerate(moments):
            tasks.start_soon(_kill_once, limiter, home / str(number), moment, n_requests, sums)
    each = max(len(moments), 1)
    return {
        "kills": sums.kills,
        "different_endings": sums.different,
        "paid_again": sums.again,
        "resume_s": round(max(sums.resumed_in_s, default=0.0), 3),
        "moments": len(moments),
        "writes": n_appends,
        "asked_again_in_flight": sums.in_flight,
        "seconds_each": round((anyio.current_time() - begun_at) / each, 2),
        "cpu_s_each": round((_cpu_s() - cpu_s) / each, 2),
    }


async def _kill_once(
    limiter: anyio.CapacityLimiter, home: Path, moment: Moment, n_requests: int, sums: _Sums
) -> None:
    async with limiter, AsyncExitStack() as stack:
        there, before = await _killed(stack, home, moment)
        after, n_again = await gone_on(there, n_requests) if before.killed else (before, 0)
        same = after.mission is not None and after.mission["status"] == "signed_off"
        same = same and there.contents() == AFTERWARDS
        sums.kills += before.killed
        sums.different += not same
        sums.again += n_again
        sums.in_flight += max(0, len(there.asked) - n_requests)
        sums.resumed_in_s.append(after.resumed_in_s)
        if n_again or not same:
            print(
                f"{' '.join(moment)}: {n_again} asked again, {after.mission}, {there.contents()}", flush=True
            )


async def _failures(
    home: Path, n_writes: int | None, part: int = 1, n_parts: int = 1
) -> dict[str, float | int]:
    """Have the disk fail at every write, or at some, in each way."""
    n_requests, n_appends, lasted_s = await _undisturbed(home / "undisturbed")
    print(f"Undisturbed: {n_requests} requests, {n_appends} writes, {lasted_s:.1f} s.", flush=True)
    ways = (*FAULTS, *(f"{fault}-once" for fault in FAULTS))
    moments = [(n, way) for n in range(1, n_appends + 1) for way in ways]
    if n_writes is not None:
        moments = random.Random(0).sample(moments, n_writes)  # noqa: S311 - chance in a benchmark
    failures: list[tuple[int, str, Failure, bool]] = []
    limiter = anyio.CapacityLimiter(AT_A_TIME)

    async def one(number: int, n_write: int, way: str) -> None:
        async with limiter, place(home / str(number)) as there:
            failure = await fail(there, n_write, way, n_requests)
            same = failure.mission is not None and failure.mission["status"] == "signed_off"
            same = same and there.contents() == AFTERWARDS
            failures.append((n_write, way, failure, same))
            if not same or failure.n_again or (failure.told and not failure.is_clear(way)):
                ended = failure.mission and (failure.mission["status"], failure.mission["reason"])
                print(
                    f"{n_write} {way}: {replace(failure, mission=None)}, {ended}, {there.contents()}",
                    flush=True,
                )

    async with anyio.create_task_group() as tasks:
        for number, (n_write, way) in enumerate(moments[part - 1 :: n_parts]):
            tasks.start_soon(one, number, n_write, way)
    return {
        "failures": sum(bool(failure.told) for _, _, failure, _ in failures),
        "different_endings": sum(not same for _, _, _, same in failures),
        "paid_again": sum(failure.n_again for _, _, failure, _ in failures),
        "unclear": sum(bool(f.told) and not f.is_clear(way) for _, way, f, _ in failures),
        "stops": sum(failure.n_stops for _, _, failure, _ in failures),
        "lost_in_flight": sum(failure.n_lost for _, _, failure, _ in failures),
    }


async def _killed(stack: AsyncExitStack, home: Path, moment: Moment) -> tuple[Place, Life]:
    """Return the mission after its server was killed; where an instant came after its end, after an earlier one."""
    when, side = moment
    for number in count():
        there = await stack.enter_async_context(place(home / str(number)))
        life = await live(there, (*MORTAL, when, side))
        if life.killed or side != "seconds":
            return there, life
        when = f"{0.7 * float(when):.3f}"
    raise AssertionError("some instant is before the end")


async def _fights(home: Path, n_rounds: int) -> dict[str, float | int]:
    """Let pairs of servers, of which most die soon, fight for missions, for so many rounds at least."""
    chance = random.Random(0)  # noqa: S311 - chance in a benchmark
    n_fought = unfair = different = 0
    fates: Counter[str] = Counter()
    while n_fought < n_rounds:
        async with place(home / str(n_fought)) as there:
            deaths = [(str(chance.randint(1, 8)), chance.choice(("before", "after"))) for _ in range(6)]
            fought = await fight(there, deaths)
            mission = fought[-1].mission
            same = mission is not None and mission["status"] == "signed_off"
            different += not (same and there.contents() == AFTERWARDS)
            for now in fought:
                fates["+".join(sorted(now.fates))] += 1
                if foul := now.foul():
                    unfair += 1
                    kinds = [event.kind for event in now.events[now.n_before :]]
                    print(f"round {n_fought}: {foul}: {now.fates}, {now.refusals}, {kinds}", flush=True)
            n_fought += len(fought)
    print(f"What became of both: {dict(fates)}", flush=True)
    return {"fights": n_fought, "not_carried_on_by_one": unfair, "different_endings": different}


async def _undisturbed(home: Path) -> tuple[int, int, float]:
    """Return how many requests the mission takes, how many writes to the journal, and how many seconds."""
    async with place(home) as there:
        begun_at = anyio.current_time()
        life = await live(there, (*MORTAL, "0", "counted"))
        assert life.mission is not None
        assert there.contents() == AFTERWARDS
        (counted,) = there.state.rglob(COUNT)
        return len(there.asked), int(counted.read_text(encoding="ascii")), anyio.current_time() - begun_at


async def gone_on(there: Place, n_requests: int) -> tuple[Life, int]:
    """Let another server carry the mission to its end; return that, and how many recorded answers it asked for again.

    What was in flight may have been asked twice: also after the kill, by the dead server's model process.
    """
    life = await live(there, SERVE)
    return life, max(0, len(there.asked) - n_requests - _n_in_flight(recorded(there)))


def _n_in_flight(records: Sequence[Record]) -> int:
    """Return how many requests had no answer when the mission was last interrupted."""
    open_requests: set[str] = set()
    n_in_flight = 0
    for record in records:
        match record.event:
            case ModelAsked(request_id=request_id):
                open_requests.add(request_id)
            case ModelAnswered(request_id=request_id):
                open_requests.discard(request_id)
            case MissionInterrupted():
                n_in_flight = len(open_requests)
            case _:
                pass
    return n_in_flight


def _cpu_s() -> float:
    """Return the processor time of the servers that have ended, with all that they started."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
