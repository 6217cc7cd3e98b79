"""500 requests of 50 agents to a provider that allows 10 at once and 300 a minute, against the ideal.

An answer takes a second. The provider says nothing of its limits until it refuses. The ideal: 300 requests by the
end of the first minute, then 20 rounds of 10.
"""

import time
from collections import deque

import anyio

from podium.adapters.models.client import ModelProcess
from podium.domain.messages import Message
from podium.engine.asking import Inquiry
from podium.engine.governor import Asker, Governor, Waiting
from podium.engine.pausing import Pausing
from podium.ports import ModelRequest
from tests.models.provider import Provider, Received, Reply, fails, says

REQUESTS, AGENTS, AT_ONCE, A_MINUTE = 500, 50, 10, 300
MINUTE_S, ANSWER_S = 60.0, 1.0
IDEAL_S = MINUTE_S + (REQUESTS - A_MINUTE) / AT_ONCE * ANSWER_S


class Limits:
    """Answers what is within the limits, and refuses the rest."""

    def __init__(self) -> None:
        self._sent: deque[float] = deque()
        self._under_way = 0
        self.rejected = 0

    async def __call__(self, _: Received) -> Reply:
        """Return the reply to a request."""
        now = time.monotonic()
        while self._sent and self._sent[0] <= now - MINUTE_S:
            self._sent.popleft()
        if self._under_way >= AT_ONCE:
            self.rejected += 1
            return fails(429, "Too many concurrent requests")
        if len(self._sent) >= A_MINUTE:
            self.rejected += 1
            wait_s = self._sent[0] + MINUTE_S - now
            return fails(429, "Limit of requests per minute", retry_after=f"{wait_s:.2f}")
        self._sent.append(now)
        self._under_way += 1
        try:
            await anyio.sleep(ANSWER_S)
        finally:
            self._under_way -= 1
        return says("hello")


def run() -> dict[str, float]:
    """Return how much longer it takes than the ideal, and how many requests were refused."""
    print(
        f"{REQUESTS} requests, {AT_ONCE} at once and {A_MINUTE} in {MINUTE_S:g} s; the ideal: {IDEAL_S:g} s."
    )
    took_s, rejected = anyio.run(_measure)
    return {
        "ratio_to_ideal": round(took_s / IDEAL_S, 3),
        "rejected": rejected,
        "seconds": round(took_s, 1),
    }


async def _measure() -> tuple[float, int]:
    limits, governor, pausing = Limits(), Governor(), Pausing()
    left, took_s = list(range(REQUESTS)), 0.0

    async def on_fault(reason: str, _again_in_s: float | None) -> None:
        raise AssertionError(reason)

    async def on_wait(_: Waiting) -> None:
        pass

    async def agent() -> None:
        inquiry = Inquiry(process, Asker((0, (0, 0)), pausing, on_wait), governor, (), on_fault)
        while left:
            name = f"r{left.pop()}"
            hello: Message = {"role": "user", "content": name}  # what is the same is asked once
            await inquiry.ask(ModelRequest(name, "openai/tiny", "", (hello,), (), api_base=provider.url))

    async with Provider(limits) as provider, anyio.create_task_group() as tasks:
        process = ModelProcess({})
        await tasks.start(process.run)
        await process.warm("openai/tiny", provider.url)
        began = time.monotonic()
        async with anyio.create_task_group() as agents:
            for _ in range(AGENTS):
                agents.start_soon(agent)
        took_s = time.monotonic() - began
        tasks.cancel_scope.cancel()
    return took_s, limits.rejected
