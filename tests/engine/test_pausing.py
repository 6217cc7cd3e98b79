"""A pause stops checks, which begin anew, and lets no model request begin, not even one made again."""

from collections.abc import Collection, Mapping, Sequence

import anyio
import pytest

from podium.domain.checks import Candidate, Check, CheckResult
from podium.domain.messages import Usage
from podium.engine.asking import Inquiry
from podium.engine.governor import Asker, Governor, Waiting
from podium.engine.pausing import PausableChecks, Pausing
from podium.ports import Known, ModelAnswer, ModelFault, ModelRequest

pytestmark = pytest.mark.anyio

CHECK = Check("check", ("true",), "test")
GREEN = CheckResult("check", ("true",), 0, 0.1, "", "hash")
ANSWER = ModelAnswer({"role": "assistant", "content": "hello"}, "stop", Usage())


class SlowChecks:
    """Checks of which the first `n_slow` never end by themselves."""

    def __init__(self, n_slow: int) -> None:
        self.n_slow = n_slow
        self.n_begun = 0
        self.n_stopped = 0
        self.begun = anyio.Event()

    @property
    def confined(self) -> bool:
        return True

    def found(self) -> Sequence[Check]:
        return (CHECK,)

    async def run(
        self, candidate: Candidate, check: Check, targets: Sequence[str] = (), known: Known = lambda _: None
    ) -> CheckResult:
        return await self._one(candidate, check, targets, known)

    async def run_command(self, candidate: Candidate, command: str) -> CheckResult:
        return await self._one(candidate, command)

    async def try_out(
        self,
        candidate: Candidate,
        variants: Sequence[Mapping[str, bytes]],
        check: Check,
        targets: Sequence[str],
        tolerated: Collection[str] = (),
    ) -> Sequence[CheckResult]:
        return [await self._one(candidate, variants, check, targets, tolerated)]

    async def _one(self, *given: object) -> CheckResult:
        assert given
        self.n_begun += 1
        self.begun.set()
        if self.n_begun > self.n_slow:
            return GREEN
        try:
            await anyio.sleep_forever()
        finally:
            self.n_stopped += 1
        raise AssertionError


@pytest.mark.parametrize("what", ["run", "run_command", "try_out"])
async def test_a_check_that_runs_is_stopped_and_begins_anew(what: str) -> None:
    pausing, checks = Pausing(), SlowChecks(n_slow=1)
    pausable = PausableChecks(checks, pausing)
    candidate = Candidate("/nowhere", {})
    results: list[object] = []

    async def run() -> None:
        match what:
            case "run":
                results.append(await pausable.run(candidate, CHECK))
            case "run_command":
                results.append(await pausable.run_command(candidate, "true"))
            case _:
                results.extend(await pausable.try_out(candidate, [{}], CHECK, ()))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        await checks.begun.wait()
        pausing.pause()
        await anyio.wait_all_tasks_blocked()
        assert (checks.n_begun, checks.n_stopped, results) == (1, 1, [])
        pausing.resume()
    assert (checks.n_begun, results) == (2, [GREEN])


async def test_a_check_that_waits_when_the_mission_ends_is_not_begun() -> None:
    pausing, checks = Pausing(), SlowChecks(n_slow=0)
    pausing.pause()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(PausableChecks(checks, pausing).run, Candidate("/nowhere", {}), CHECK)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    assert checks.n_begun == 0


class PausedByAFault:
    """A model whose first answer is a fault, and a user who pauses at that moment."""

    def __init__(self, pausing: Pausing) -> None:
        self._pausing = pausing
        self.asked: list[ModelRequest] = []

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        self.asked.append(request)
        if len(self.asked) == 1:
            self._pausing.pause()
            raise ModelFault("busy", 0.0)
        return ANSWER


async def test_a_request_that_failed_is_not_made_again_while_the_mission_is_paused() -> None:
    pausing = Pausing()
    model = PausedByAFault(pausing)
    faults: list[str] = []
    answers: list[ModelAnswer] = []

    async def on_fault(reason: str, _: float | None) -> None:
        faults.append(reason)

    async def on_wait(_: Waiting) -> None:
        raise AssertionError("nobody waits for a provider")

    async def asking() -> None:
        request = ModelRequest("r", "m", "worker", (), ())
        asker = Asker((0, (0, 0)), pausing, on_wait)
        answers.append(await Inquiry(model, asker, Governor(), (), on_fault).ask(request))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(asking)
        await anyio.wait_all_tasks_blocked()
        assert (len(model.asked), faults, answers) == (1, ["busy"], [])
        pausing.resume()
    assert (len(model.asked), answers) == (2, [ANSWER])
