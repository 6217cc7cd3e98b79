"""The near end of a warm test process: it runs pytest in forks, tens of times a second.

The far end is `runtime/pytest_warm.py`. One request is under way at a time.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import anyio
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream
from pydantic import BaseModel, ValidationError

SCRIPT = Path(__file__).parent / "runtime" / "pytest_warm.py"

_START_S = 30.0
_GRACE_S = 5.0
_MAX_ANSWER_BYTES = 64 * 1024


class WarmProcessLost(Exception):
    """The warm process ended or fell silent; the run can be repeated in a fresh process."""


@dataclass(frozen=True, slots=True)
class ForkRequest:
    """One run of pytest; `output` is the file for what it prints, `notes` for the installed modules it imports."""

    args: Sequence[str]
    env: Mapping[str, str]
    output: str
    timeout_s: float
    memory_bytes: int
    notes: str = ""


class ForkAnswer(BaseModel):
    """How the run ended: 124 with `timed_out`, negative for a signal."""

    exit_code: int
    timed_out: bool
    duration_s: float


class Warm:
    """A running warm process; whoever started it ends it.

    Once lost it stays lost: a late answer would be taken for that of the next request.
    """

    def __init__(self, process: Process) -> None:
        if process.stdin is None or process.stdout is None:
            raise ValueError("a warm process needs pipes")
        self._lost = False
        self._requests = process.stdin
        self._answers = BufferedByteReceiveStream(process.stdout)

    async def ready(self) -> None:
        """Wait until pytest is imported.

        Raises:
            WarmProcessLost: it is not, within 30 s; pytest may be missing.
        """
        await self._line(_START_S)

    async def preload(self, modules: Sequence[str]) -> None:
        """Import installed modules, so that no run has to do it again.

        Raises:
            WarmProcessLost: an import ended the process or takes longer than 30 s.
        """
        await self._ask({"preload": list(modules)}, _START_S)

    async def run(self, request: ForkRequest) -> ForkAnswer:
        """Return how the run ended.

        Raises:
            WarmProcessLost: there is no answer well after the request's own time limit.
        """
        answer = await self._ask(asdict(request), request.timeout_s + _GRACE_S)
        try:
            return ForkAnswer.model_validate_json(answer)
        except ValidationError as problem:
            raise WarmProcessLost(str(problem)) from problem

    async def _ask(self, request: Mapping[str, object], timeout_s: float) -> bytes:
        if self._lost:
            raise WarmProcessLost("it was lost before")
        try:
            await self._requests.send(json.dumps(request).encode() + b"\n")
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as problem:
            self._lost = True
            raise WarmProcessLost(type(problem).__name__) from problem
        return await self._line(timeout_s)

    async def _line(self, timeout_s: float) -> bytes:
        try:
            with anyio.fail_after(timeout_s):
                return await self._answers.receive_until(b"\n", _MAX_ANSWER_BYTES)
        except (
            TimeoutError,
            anyio.IncompleteRead,
            anyio.DelimiterNotFound,
            anyio.BrokenResourceError,
        ) as problem:
            self._lost = True
            raise WarmProcessLost(type(problem).__name__) from problem
