"""What the engine needs from the outside world. Adapters and front ends implement it; tests fake it."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from anyio import TASK_STATUS_IGNORED
from anyio.abc import TaskStatus

from podium.domain.allowance import Rates, Told, Unit
from podium.domain.changes import FileEdit
from podium.domain.checks import Candidate, Check, CheckResult
from podium.domain.events import Event, Process, Record
from podium.domain.messages import Json, Message, Usage
from podium.domain.pace import Refusal
from podium.domain.requests import Request
from podium.errors import ModelUnavailable

# --- models -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One question to a model.

    `tools` are function schemas in the OpenAI format. `facts` carry what the prompt says in structured
    form (goal, task, names of checks), for models that are programs; language models never see it.
    The answer fails when it takes longer than `timeout_s`, or when nothing of it comes for `stall_s`.
    """

    request_id: str
    model: str
    role: str
    messages: tuple[Message, ...]
    tools: tuple[dict[str, Json], ...]
    facts: Mapping[str, Json] = field(default_factory=dict[str, Json])
    api_base: str | None = None
    api_key_env: str | None = None
    timeout_s: float = 1800.0
    stall_s: float = 60.0


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """The assistant's message (OpenAI format), why it ended, what it cost, and which model gave it, where known.

    `rates` are what the provider said of its limits, `window` is how many tokens the model can read, where that is
    listed.
    """

    message: Message
    finish_reason: str
    usage: Usage
    model: str = ""
    rates: Rates = field(default_factory=dict[Unit, Told])
    window: int | None = None


class ModelFault(Exception):
    """A passing fault of a provider: the same request may succeed later.

    `retry_after_s` is what the provider asked for, or None.
    """

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class RateLimited(ModelFault):
    """The provider refuses the request for now: the same one is for later, and nothing is wrong with it.

    `refusal` says why, `rates` what the provider said of its limits.
    """

    def __init__(
        self,
        message: str,
        retry_after_s: float | None = None,
        refusal: Refusal = "unclear",
        rates: Rates | None = None,
    ) -> None:
        super().__init__(message, retry_after_s)
        self.refusal: Refusal = refusal
        self.rates: Rates = rates or {}


class ContextOverflow(ModelFault):
    """The request is larger than the model's context window; only a shorter one can succeed.

    `window` is how many tokens the window holds, where the provider said so.
    """

    def __init__(self, message: str, retry_after_s: float | None = None, window: int | None = None) -> None:
        super().__init__(message, retry_after_s)
        self.window = window


class ToolsRefused(ModelUnavailable):
    """The endpoint takes no request with `tools`; one that describes them in its text can succeed."""


class Model(Protocol):
    """Answers requests; safe for concurrent use. Cancelling the call abandons the request."""

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        """Return the model's answer.

        Raises:
            ContextOverflow: the conversation is too long for this model.
            RateLimited: the provider wants to be asked later.
            ModelFault: the provider failed in a way that may pass.
            ToolsRefused: it answers only requests without tools.
            ModelUnreachable: nobody answers at its address.
            ModelUnavailable: it will not answer until the user changes something.
        """
        ...


# --- files ------------------------------------------------------------------------------------------


class Workspace(Protocol):
    """The user's files as they are now: the editor's open buffers over the disk.

    Paths are relative to the folder, with `/`. Every call confines the path by its real location.
    """

    @property
    def root(self) -> Path:
        """The workspace folder, absolute and resolved."""
        ...

    def read(self, path: str) -> bytes | None:
        """Return the content now, or None where there is no file.

        Raises:
            ToolError: the path leaves the folder, or names a protected file.
        """
        ...

    def read_saved(self, path: str) -> bytes | None:
        """Return the content on the disk, whatever an open buffer holds, or None where there is no file.

        Raises:
            ToolError: as for `read`.
        """
        ...

    def permissions(self, path: str) -> int | None:
        """Return the permissions on the disk as in `chmod`, None for those that any new file gets, and for no file.

        Raises:
            ToolError: as for `read`; or the path leads through a symbolic link.
        """
        ...

    def unsaved(self) -> Mapping[str, bytes]:
        """Return the content of every open buffer that differs from the disk."""
        ...

    def paths(self) -> Sequence[str]:
        """Return the project's files that git does not ignore, sorted; unsaved new files included."""
        ...

    async def working_changes(self) -> Sequence[FileEdit]:
        """Return what differs from the last commit, unsaved text and untracked files included.

        Raises:
            UserError: the folder is no git repository, or git is missing.
        """
        ...


Known: TypeAlias = Callable[[str], CheckResult | None]
"""Gives the result of a check on the tree with a certain hash, where there is one."""


class Checks(Protocol):
    """Finds and runs the project's checks on candidate trees, each in its own sandboxed process group."""

    def found(self) -> Sequence[Check]:
        """Return the checks of this project: configured ones, else those found in its files."""
        ...

    @property
    def confined(self) -> bool:
        """Whether commands run in a sandbox that keeps them off the network and the user's files."""
        ...

    async def run(
        self, candidate: Candidate, check: Check, targets: Sequence[str] = (), known: Known = lambda _: None
    ) -> CheckResult:
        """Run `check` on `candidate`, narrowed to `targets` (test ids or paths) where given.

        Nothing runs where `known` has the result already, for the hash of every file that the check would see.
        """
        ...

    async def run_command(self, candidate: Candidate, command: str) -> CheckResult:
        """Run a shell command on a throw-away copy of `candidate`; its writes are discarded."""
        ...

    async def try_out(
        self,
        candidate: Candidate,
        variants: Sequence[Mapping[str, bytes]],
        check: Check,
        targets: Sequence[str],
        tolerated: Collection[str] = (),
    ) -> Sequence[CheckResult]:
        """Return the result of `check` for each variant of `candidate`, in their order.

        A variant maps paths to contents that are laid over the candidate. The `targets` (tests known to
        fail) run first; a variant that does not turn them green is not run further. A result is green
        only when then the whole check passed in a fresh process, but for tests that are `tolerated`.
        """
        ...


# --- journal ----------------------------------------------------------------------------------------


class Journal(Protocol):
    """The write-ahead log of missions."""

    async def append(
        self, mission_id: str, events: Sequence[Event], after: int | None = None
    ) -> Sequence[Record]:
        """Return the records of `events` once they are durable, numbered without gaps per mission.

        With `after`, nothing is written and nothing returned unless that is the number of the mission's last.
        """
        ...

    async def take_in(self, records: Sequence[Record]) -> bool:
        """Write the records of one mission as they are, and return whether that was done.

        It is not where the journal has such a mission already.
        """
        ...

    async def read(self, mission_id: str, after: int = 0) -> Sequence[Record]:
        """Return the records of one mission in order, those up to number `after` left out."""
        ...

    async def missions(self) -> Mapping[str, int]:
        """Return the number of the last record of each mission of this workspace, by id, oldest first."""
        ...

    async def summaries(self, edition: str) -> Mapping[str, str]:
        """Return the summaries by mission that are of `edition`, and of all records that the mission has now."""
        ...

    async def summarize(self, edition: str, summaries: Mapping[str, tuple[int, str]]) -> None:
        """Keep summaries of missions, each with the number of the last record that it is made of.

        Where that cannot be done, nothing is lost.
        """
        ...

    async def drop(self, rewritten: Sequence[Record], mission_ids: Sequence[str]) -> None:
        """Put records in the place of those with their numbers, and delete missions altogether.

        Raises:
            UserError: the disk does not take it.
        """
        ...

    def deciding(self) -> AbstractAsyncContextManager[None]:
        """Be the only server that decides on missions of this workspace that have ended.

        Raises:
            UserError: another one does so just now.
        """
        ...


# --- other servers ----------------------------------------------------------------------------------


class Hearer(Protocol):
    """Who is told what comes from other servers. What they tell is a hint: what counts stands in the journal."""

    async def look(self) -> None:
        """Read in the journal what happened: another server came, or ended."""
        ...

    async def hear(self, latest: Mapping[str, int]) -> None:
        """Take note of missions that have news: the number of the last record of each."""
        ...

    async def carry_out(self, request: Request) -> str:
        """Do what another server's user wants of a mission that runs here, and return the receipt.

        Raises:
            UserError: it cannot be done.
        """
        ...


class Neighbours(Protocol):
    """The other servers on this workspace."""

    async def run(self, hearer: Hearer, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """Keep in touch with them until cancelled."""
        ...

    def tell(self, mission_id: str, seq: int) -> None:
        """Tell them all that a mission has news: `seq` is the number of its last record."""
        ...

    def reaches(self, process: Process) -> bool:
        """Return whether this server is in touch."""
        ...

    async def ask(self, process: Process, request: Request) -> str:
        """Have another server do something with a mission that it carries out, and return its receipt.

        Raises:
            NotReached: it gave no answer; whether it has done it is not known.
            UserError: it refused.
        """
        ...


# --- what is known ----------------------------------------------------------------------------------


class Knowledge(Protocol):
    """The page with what is known about the project: Markdown that the user edits as well."""

    async def read(self) -> str:
        """Return the page; empty where there is none."""
        ...

    async def update(self, change: Callable[[str], str]) -> None:
        """Replace the page by what `change` makes of it; nobody else changes it meanwhile.

        `change` is called in another thread, perhaps more than once. A page that cannot be written stays
        as it is.
        """
        ...


# --- the front end ----------------------------------------------------------------------------------

DeliveryOutcome: TypeAlias = Literal["editor", "disk", "refused", "kept"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of a delivered change.

    `editor`: the buffers hold it, unsaved. `disk`: it was written to the files, because the client
    applies no edits. `refused`: nothing of it remains, and `reason` says why.
    `kept`: nobody is there who could take it; it waits until somebody is.
    `edits` is what really changed: what each file held right before, typing included, and what it holds now.
    """

    outcome: DeliveryOutcome
    reason: str = ""
    edits: tuple[FileEdit, ...] = ()


class FrontEnd(Protocol):
    """Where verified changes go."""

    async def deliver(self, label: str, edits: Sequence[FileEdit]) -> Delivery:
        """Bring `edits` into the user's files, merged with what they hold now, and verify that they arrived."""
        ...


Subscriber: TypeAlias = Callable[[Record], Awaitable[None] | None]
"""Called with every record after it is durable, in order. It must not raise: a mission cannot go on then."""
