"""The governor, with providers that limit, fail and come back, in a time that jumps."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise

import anyio
import pytest

from podium.domain.allowance import Rates, Told
from podium.domain.messages import Usage
from podium.domain.pace import Refusal
from podium.engine.asking import ALONE, WITH_FALLBACK, Inquiry
from podium.engine.governor import Asker, Governor, Waiting, provider_of
from podium.engine.pausing import Pausing
from podium.errors import ModelUnavailable, ModelUnreachable
from podium.ports import ModelAnswer, ModelFault, ModelRequest, RateLimited
from tests.edits import virtual_time

REQUEST = ModelRequest("r", "openai/tiny", "worker", (), ())
ANSWER = ModelAnswer({"role": "assistant", "content": "hello"}, "stop", Usage(90, 10))
MINUTE_S = 60.0


@dataclass
class Limited:
    """A provider that allows so many requests at once and in any minute, and may tell so in headers."""

    at_once: int = 1000
    a_minute: int = 100_000
    takes_s: float = 1.0
    tells: bool = False
    clear: bool = True
    under_way: int = 0
    most: int = 0
    refused: list[Refusal] = field(default_factory=list[Refusal])
    taken: list[str] = field(default_factory=list[str])
    answered: list[str] = field(default_factory=list[str])
    sent: deque[float] = field(default_factory=deque[float])

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        now = anyio.current_time()
        while self.sent and self.sent[0] <= now - MINUTE_S:
            self.sent.popleft()
        if self.under_way >= self.at_once:
            raise self._refusal("concurrency", None)
        if len(self.sent) >= self.a_minute:
            raise self._refusal("rate", self.sent[0] + MINUTE_S - now)
        self.sent.append(now)
        self.taken.append(request.request_id)
        told = self._told(now)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await anyio.sleep(self.takes_s)
        finally:
            self.under_way -= 1
        self.answered.append(request.request_id)
        return replace(ANSWER, rates={"requests": told} if self.tells else {})

    def _told(self, now: float) -> Told:
        reset_s = self.sent[0] + MINUTE_S - now if self.sent else MINUTE_S
        return Told(self.a_minute - len(self.sent), self.a_minute, reset_s)

    def _refusal(self, why: Refusal, wait_s: float | None) -> RateLimited:
        self.refused.append(why)
        rates: Rates = {"requests": self._told(anyio.current_time())} if self.tells else {}
        return RateLimited("Too many requests", wait_s, why if self.clear else "unclear", rates)


@dataclass
class Team:
    """Agents that ask one model through one governor, and what they are told meanwhile."""

    model: Limited
    governor: Governor = field(default_factory=Governor)
    pausing: Pausing = field(default_factory=Pausing)
    waits: list[Waiting] = field(default_factory=list[Waiting])

    async def ask(self, request_id: str = "r", rank: int = 0) -> ModelAnswer:
        async def on_wait(waiting: Waiting) -> None:
            self.waits.append(waiting)

        asker = Asker((rank, (0, 0)), self.pausing, on_wait)
        return await self.governor.ask(self.model, replace(REQUEST, request_id=request_id), asker, ALONE)

    async def work(self, n_requests: int, n_agents: int = 50) -> float:
        """Have the agents ask until all requests are answered; return how long it took."""
        left = list(range(n_requests))

        async def agent() -> None:
            while left:
                await self.ask(str(left.pop()))

        began = anyio.current_time()
        async with anyio.create_task_group() as agents:
            for _ in range(n_agents):
                agents.start_soon(agent)
        return anyio.current_time() - began


@pytest.mark.parametrize("tells", [True, False])
@pytest.mark.parametrize("clear", [True, False])
def test_500_requests_take_little_longer_than_the_limits_demand(tells: bool, clear: bool) -> None:
    async def work() -> None:
        team = Team(Limited(at_once=10, a_minute=300, tells=tells, clear=clear))
        took_s = await team.work(500)
        ideal_s = MINUTE_S + 200 / 10
        assert sorted(map(int, team.model.answered)) == list(range(500))
        assert took_s / ideal_s < 1.1
        assert len(team.model.refused) < 25

    virtual_time.run(work)


def test_where_nothing_is_limited_all_fifty_come_to_ask_at_once() -> None:
    async def work() -> None:
        team = Team(Limited())
        took_s = await team.work(1000)
        assert team.model.most == 50
        assert took_s < 1000 / 50 + 10

    virtual_time.run(work)


def test_fifty_are_under_way_before_the_first_answer_comes() -> None:
    async def work() -> None:
        team = Team(Limited(takes_s=1.0))
        async with anyio.create_task_group() as agents:
            for n in range(60):
                agents.start_soon(team.ask, str(n))
            await anyio.sleep(0.9)
            assert (team.model.under_way, team.model.answered) == (50, [])

    virtual_time.run(work)


def test_a_provider_whose_limit_comes_back_bit_by_bit_is_not_waited_for_to_the_end() -> None:
    @dataclass
    class Bucket(Limited):
        """Allows ten, and one more every second."""

        left: float = 10.0
        at: float = 0.0

        async def complete(self, request: ModelRequest) -> ModelAnswer:
            now = anyio.current_time()
            self.left, self.at = min(10.0, self.left + now - self.at), now
            told: Rates = {"requests": Told(int(self.left), 10, 10 - self.left)}
            if self.left < 1:
                self.refused.append("rate")
                raise RateLimited("slow down", None, "rate", told)
            self.left -= 1
            self.answered.append(request.request_id)
            return replace(ANSWER, rates={"requests": Told(int(self.left), 10, 10 - self.left)})

    async def work() -> None:
        team = Team(Bucket())
        took_s = await team.work(70)
        assert 59 < took_s < 75
        assert len(team.model.refused) < 15

    virtual_time.run(work)


def test_two_servers_with_governors_of_their_own_share_a_provider() -> None:
    async def work() -> None:
        model = Limited(at_once=10)
        teams = [Team(model), Team(model)]
        took: list[float] = []

        async def server(team: Team) -> None:
            took.append(await team.work(250, 25))

        async with anyio.create_task_group() as servers:
            for team in teams:
                servers.start_soon(server, team)
        assert len(model.answered) == 500
        assert max(took) < 1.5 * 500 / 10
        assert len(model.refused) < 100

    virtual_time.run(work)


# --- who goes first, and what is shown --------------------------------------------------------------


def test_what_the_user_waits_for_goes_before_a_review_and_equals_in_their_order() -> None:
    async def work() -> None:
        team = Team(Limited(takes_s=5.0))
        async with anyio.create_task_group() as agents:
            for n in range(50):
                agents.start_soon(team.ask, f"first {n}")
            await anyio.sleep(1)
            for n in range(3):
                agents.start_soon(team.ask, f"review {n}", 3)
            await anyio.sleep(1)
            agents.start_soon(team.ask, "question", 0)
        assert team.model.taken[50:] == ["question", "review 0", "review 1", "review 2"]

    virtual_time.run(work)


@dataclass
class Scripted(Limited):
    """Does what is next: raise, or answer after some seconds. `asked` has the model and time of each request."""

    script: list[Exception | float] = field(default_factory=list[Exception | float])
    asked: list[tuple[str, float]] = field(default_factory=list[tuple[str, float]])

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        self.asked.append((request.model, anyio.current_time()))
        match self.script.pop(0) if self.script else 0.0:
            case Exception() as error:
                raise error
            case takes_s:
                await anyio.sleep(takes_s)
                return ANSWER


def limited(seconds: float | None, refusal: Refusal = "rate") -> RateLimited:
    return RateLimited("slow down", seconds, refusal)


@pytest.mark.parametrize("refusal", ["rate", "concurrency", "unclear", "overload"])
def test_the_wait_that_is_asked_for_is_kept_and_shown(refusal: Refusal) -> None:
    async def work() -> None:
        model = Scripted(script=[limited(12.0, refusal)])
        team = Team(model)
        assert await team.ask() == ANSWER
        (_, first), (_, second) = model.asked
        assert 12 <= second - first < 13
        (shown,) = team.waits
        assert str(shown) in {
            "waiting for openai's rate limit, 12 s",
            "waiting for openai's rate limit, 13 s",
        }

    virtual_time.run(work)


def test_while_one_model_is_limited_another_of_the_same_provider_is_asked() -> None:
    async def work() -> None:
        model = Scripted(script=[limited(30.0)])
        team = Team(model)
        async with anyio.create_task_group() as agents:
            agents.start_soon(team.ask)
            await anyio.sleep(1)
            asker = Asker((0, (0, 0)), team.pausing, fail_if_told)
            other = replace(REQUEST, model="openai/small")
            await team.governor.ask(model, other, asker, ALONE)
            assert anyio.current_time() < 2

    virtual_time.run(work)


async def fail_if_told(waiting: Waiting) -> None:
    raise AssertionError(waiting)


def test_refusals_without_a_hint_are_waited_out_longer_each_time_and_never_fail() -> None:
    async def work() -> None:
        model = Scripted(script=[limited(None, "unclear") for _ in range(12)])
        await Team(model).ask()
        times = [at for _, at in model.asked]
        waits = [after - before for before, after in pairwise(times)]
        assert len(waits) == 12
        assert waits[0] <= 1.5
        assert waits[0] < waits[3] < waits[5]
        assert max(waits) <= 90  # 60 s, jittered

    virtual_time.run(work)


# --- faults -----------------------------------------------------------------------------------------


@dataclass
class Down(Limited):
    """A provider that fails until a time."""

    until: float = 0.0
    error: Callable[[], Exception] = lambda: ModelFault("oops")
    asked: list[float] = field(default_factory=list[float])

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        self.asked.append(anyio.current_time())
        if anyio.current_time() < self.until:
            raise self.error()
        self.answered.append(request.request_id)
        return ANSWER


async def persistent(team: Team, request: ModelRequest = REQUEST, *fallbacks: str) -> ModelAnswer:
    async def on_wait(waiting: Waiting) -> None:
        team.waits.append(waiting)

    async def on_fault(_reason: str, _again_in_s: float | None) -> None:
        pass

    asker = Asker((0, (0, 0)), team.pausing, on_wait)
    return await Inquiry(team.model, asker, team.governor, fallbacks, on_fault).ask(request)


def test_while_a_provider_fails_one_request_at_a_time_tries_it_and_all_wait() -> None:
    async def work() -> None:
        model = Down()
        team = Team(model)
        await persistent(team)
        model.until = 100.0
        async with anyio.create_task_group() as agents:
            for _ in range(50):
                agents.start_soon(persistent, team, REQUEST)
        assert len(model.answered) == 51
        # Ten were under way when it broke; after that there is one at 2, 4, 8 ... s, jittered.
        assert sum(at < 100 for at in model.asked) < 22
        assert "waiting until openai works again" in str(team.waits[0])

    virtual_time.run(work)


def test_an_outage_of_ten_minutes_is_told_and_one_of_20_seconds_is_left_to_a_fallback() -> None:
    async def work() -> None:
        team = Team(Down(until=1e6))
        with pytest.raises(ModelUnavailable, match=r"openai fails, last with: oops\. Try again later"):
            await persistent(team)
        assert 5 < anyio.current_time() < 60  # it has never answered
        team = Team(Scripted(script=[0.0, *(ModelFault("oops") for _ in range(100))]))
        await persistent(team)
        began = anyio.current_time()
        with pytest.raises(ModelUnavailable, match=r"openai fails, last with: oops\. Try again later"):
            await persistent(team)
        assert 500 < anyio.current_time() - began < 700
        model = Scripted(script=[ModelFault("oops") for _ in range(8)])
        assert await persistent(Team(model), REQUEST, "anthropic/small") == ANSWER
        assert model.asked[-1][0] == "anthropic/small"
        assert model.asked[-1][1] - model.asked[0][1] < 30

    virtual_time.run(work)


@pytest.mark.parametrize("error", [limited(61.0), limited(3601.0)])
def test_a_wait_beyond_patience_goes_to_the_fallback_or_is_told(error: RateLimited) -> None:
    async def work() -> None:
        model = Scripted(script=[error])
        await persistent(Team(model), REQUEST, "anthropic/small")
        assert [name for name, _ in model.asked] == ["openai/tiny", "anthropic/small"]
        assert anyio.current_time() < 1
        if (error.retry_after_s or 0) > ALONE.limit_s:
            with pytest.raises(ModelUnavailable, match="openai takes no request for 60 minutes"):
                await persistent(Team(Scripted(script=[error])))

    virtual_time.run(work)


def test_a_provider_that_never_says_how_long_is_left_to_the_fallback_after_a_minute() -> None:
    async def work() -> None:
        model = Scripted(script=[limited(None) for _ in range(8)])
        await persistent(Team(model), REQUEST, "anthropic/small")
        assert model.asked[-1][0] == "anthropic/small"
        assert model.asked[-1][1] < WITH_FALLBACK.limit_s * 2

    virtual_time.run(work)


def test_a_provider_that_has_answered_before_and_is_gone_is_waited_for() -> None:
    async def work() -> None:
        gone = ModelUnreachable("No model answers at http://x: start it.")
        with pytest.raises(ModelUnreachable):
            await persistent(Team(Scripted(script=[gone])))
        assert await persistent(team := Team(Scripted(script=[0.0, gone, gone]))) == ANSWER
        assert await persistent(team) == ANSWER

    virtual_time.run(work)


def test_what_only_the_user_can_mend_is_told_at_once_and_stops_nobody_else() -> None:
    async def work() -> None:
        refused = [ModelUnavailable("The provider refused the key.") for _ in range(20)]
        team = Team(Scripted(script=[*refused]))
        for _ in range(20):
            with pytest.raises(ModelUnavailable, match="refused the key"):
                await persistent(team)
        assert anyio.current_time() == 0
        assert await persistent(team) == ANSWER

    virtual_time.run(work)


# --- pausing and cancelling -------------------------------------------------------------------------


def test_a_paused_mission_takes_nobodys_turn() -> None:
    async def work() -> None:
        model = Limited(takes_s=5.0)
        team = Team(model)
        paused = Team(model, team.governor)
        async with anyio.create_task_group() as agents:
            for n in range(50):
                agents.start_soon(team.ask, str(n))
            await anyio.sleep(1)
            for n in range(30):
                agents.start_soon(paused.ask, f"paused {n}")
            await anyio.sleep(1)
            paused.pausing.pause()
            agents.start_soon(team.ask, "last")
            await anyio.sleep(10)
            assert len(model.answered) == 51
            assert model.answered[-1] == "last"
            paused.pausing.resume()
        assert len(model.answered) == 81

    virtual_time.run(work)


def test_cancelled_requests_give_their_places_back() -> None:
    async def work() -> None:
        model = Limited(takes_s=100.0)
        team = Team(model)
        async with anyio.create_task_group() as agents:
            for n in range(60):
                agents.start_soon(team.ask, str(n))
            await anyio.sleep(1)
            assert model.under_way == 50
            agents.cancel_scope.cancel()
        assert model.under_way == 0
        async with anyio.create_task_group() as agents:
            for n in range(10):
                agents.start_soon(team.ask, f"again {n}")
        assert len(model.answered) == 10
        assert anyio.current_time() < 102

    virtual_time.run(work)


@pytest.mark.parametrize(
    ("model", "api_base", "provider"),
    [
        ("openai/gpt-4o", None, "openai"),
        ("openai/qwen", "http://127.0.0.1:8000/v1", "127.0.0.1:8000"),
        ("qwen", "nonsense", "nonsense"),
        ("builtin/repair", "http://127.0.0.1:8000/v1", "builtin"),
    ],
)
def test_a_provider_is_named_as_its_user_knows_it(model: str, api_base: str | None, provider: str) -> None:
    assert provider_of(replace(REQUEST, model=model, api_base=api_base)) == provider
