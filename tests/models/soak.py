"""A soak: many agents ask through one governor and one model process, while the provider fails by schedule."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

import anyio
import psutil

from podium.adapters.models.client import ModelProcess
from podium.domain.messages import Json
from podium.engine.asking import Inquiry
from podium.engine.governor import Asker, Governor, Waiting
from podium.engine.pausing import Pausing
from podium.errors import ModelUnavailable
from podium.ports import ModelRequest
from tests.models.provider import Provider
from tests.models.schedule import SURVIVED, TOOL, Schedule, numbers_in

TOOLS: tuple[dict[str, Json], ...] = (
    {"type": "function", "function": {"name": TOOL, "parameters": {"type": "object"}}},
)


def _kill_all(processes: set[psutil.Process]) -> None:
    for process in processes:
        process.kill()


@dataclass
class Outcome:
    """What became of the requests. `wasted` reached the provider and gave no answer that counts."""

    right: int = 0
    wrong: list[str] = field(default_factory=list[str])
    lost: list[str] = field(default_factory=list[str])
    received: int = 0
    spoiled: Mapping[str, int] = field(default_factory=dict[str, int])
    asked_again: int = 0
    waits: Counter[str] = field(default_factory=Counter[str])
    seconds: float = 0.0

    @property
    def wasted(self) -> int:
        return self.received - self.right

    @property
    def needlessly_wasted(self) -> int:
        """How many requests were wasted beyond those that the provider spoiled."""
        fatal = sum(n for name, n in self.spoiled.items() if name not in SURVIVED)
        return self.wasted - fatal


async def soak(
    schedule: Schedule,
    n_requests: int,
    *,
    n_agents: int = 50,
    models: tuple[str, ...] = ("openai/tiny",),
    stall_s: float = 2.0,
    kills: int = 1,
) -> Outcome:
    """Have the agents ask all requests, each until it is answered; the model process is killed now and then."""
    outcome, governor, pausing = Outcome(), Governor(), Pausing()
    left = list(range(n_requests))
    kill_at = {n_requests * (n + 1) // (kills + 1) for n in range(kills)}
    before = set(psutil.Process().children())

    async def on_fault(_reason: str, _again_in_s: float | None) -> None:
        pass

    async def on_wait(waiting: Waiting) -> None:
        outcome.waits[waiting.why] += 1

    async def agent() -> None:
        while left:
            number = left.pop()
            if number in kill_at:
                _kill_all(set(psutil.Process().children()) - before)
            message: dict[str, Json] = {"role": "user", "content": str(number)}
            request = ModelRequest(
                f"r{number}",
                models[number % len(models)],
                "worker",
                (message,),
                TOOLS,
                api_base=provider.url,
                stall_s=stall_s,
            )
            inquiry = Inquiry(process, Asker((0, (0, 0)), pausing, on_wait), governor, (), on_fault)
            try:
                answer = await inquiry.ask(request)
            except ModelUnavailable as error:
                outcome.lost.append(f"{number}: {error}")
                continue
            if numbers_in(cast("dict[str, object]", answer.message)) == {str(number)}:
                outcome.right += 1
            else:
                outcome.wrong.append(str(answer.message))

    async with Provider(schedule) as provider, anyio.create_task_group() as tasks:
        process = ModelProcess({})
        await tasks.start(process.run)
        for model in models:
            await process.warm(model, provider.url)
        began = time.monotonic()
        async with anyio.create_task_group() as agents:
            for _ in range(n_agents):
                agents.start_soon(agent)
        outcome.seconds = time.monotonic() - began
        outcome.received = len(provider.requests)
        outcome.spoiled, outcome.asked_again = schedule.faults, process.n_asked_again
        tasks.cancel_scope.cancel()
    return outcome
