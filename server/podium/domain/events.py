"""Everything that can happen in a mission: one closed union.

An event is at once the line in the journal, the change of the mission's state (`mission.fold`), what
clients are shown, and what tests assert. Whoever handles events matches all of them and ends with
`assert_never`, so that the type checker names each place that a new kind must be added to.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, TypeAlias

from pydantic import ConfigDict, Discriminator, TypeAdapter

from podium.domain.changes import FileEdit
from podium.domain.checks import CheckResult
from podium.domain.findings import Finding, FindingState
from podium.domain.knowledge import Fact
from podium.domain.messages import Json, Message, Usage
from podium.domain.plan import Task
from podium.domain.rights import Role
from podium.domain.steering import When

MissionKind: TypeAlias = Literal["task", "plan", "review", "fix", "search"]
Apply: TypeAlias = Literal["verified", "review", "end"]
Ending: TypeAlias = Literal["signed_off", "stopped", "cancelled", "failed"]
Mode: TypeAlias = Literal["code", "fix"]
CheckPurpose: TypeAlias = Literal["baseline", "gate", "final", "agent"]


@dataclass(frozen=True, slots=True)
class Place:
    """Lines of a file (1-based, inclusive) and why they matter."""

    path: str
    start_line: int
    end_line: int
    why: str


@dataclass(frozen=True, slots=True)
class Process:
    """A process of this machine by its id, and by when it `started`, in the system's own words (empty: unknown)."""

    id: int
    started: str = ""


@dataclass(frozen=True, slots=True)
class MissionStarted:
    """The user asked for something: first, or again (`podium.resume` of a mission that only planned).

    `files` are paths to look at first, `text` is what the goal is about. `process` is the id of the server's
    process and `process_started` its start: they tell other servers whether the mission still runs. `auto`
    means that the user is not asked. `tasks` is a plan that came with the request, `finding_ids` what it is to
    fix; `overrides` are the settings that were given for this mission alone.
    """

    goal: str
    mission_kind: MissionKind
    model: str
    apply: Apply
    files: tuple[str, ...] = ()
    text: str = ""
    process: int = 0
    process_started: str = ""
    auto: bool = False
    tasks: tuple[Task, ...] = ()
    finding_ids: tuple[str, ...] = ()
    overrides: Mapping[str, Json] = field(default_factory=dict[str, Json])
    kind: Literal["mission_started"] = "mission_started"


@dataclass(frozen=True, slots=True)
class MissionInterrupted:
    """The server ended while the mission ran: it can go on from here, in another one. `reason` is one sentence."""

    reason: str
    kind: Literal["mission_interrupted"] = "mission_interrupted"


@dataclass(frozen=True, slots=True)
class MissionContinued:
    """An interrupted mission goes on, in the server with this process and start; `detached`: without an editor."""

    process: int
    process_started: str = ""
    detached: bool = False
    kind: Literal["mission_continued"] = "mission_continued"


@dataclass(frozen=True, slots=True)
class PlanSet:
    """The mission has a plan now, or another one; tasks that are known keep their state.

    `author` is the agent that planned it, `user`, or empty for the conductor.
    """

    tasks: tuple[Task, ...]
    reason: str = ""
    author: str = ""
    kind: Literal["plan_set"] = "plan_set"


@dataclass(frozen=True, slots=True)
class FactsRecalled:
    """What the mission's agents are told of earlier missions and of the user; `stale` facts were dropped."""

    facts: tuple[Fact, ...]
    stale: tuple[Fact, ...] = ()
    kind: Literal["facts_recalled"] = "facts_recalled"


@dataclass(frozen=True, slots=True)
class FactsLearned:
    """An agent found facts that later missions are told, each where it says that it shows."""

    agent_id: str
    facts: tuple[Fact, ...]
    kind: Literal["facts_learned"] = "facts_learned"


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    """A Worker begins a try at a task; `number` counts from 1 within the task."""

    task_id: str
    number: int
    mode: Mode
    kind: Literal["attempt_started"] = "attempt_started"


@dataclass(frozen=True, slots=True)
class CheckFinished:
    """A check ran on the candidate tree of a task, or of the whole mission (`task_id` empty).

    It verified a change (`gate`), or at the end what a task's certificate no longer proves (`final`), or an agent
    ran it, or it tells what was so before the mission (`baseline`). `call` is the check with the tests or paths that it was narrowed to, as plans write it.
    """

    task_id: str
    result: CheckResult
    purpose: CheckPurpose = "gate"
    call: str = ""
    kind: Literal["check_finished"] = "check_finished"


@dataclass(frozen=True, slots=True)
class ReviewSubmitted:
    """A Reviewer's decision on a task, or on the user's own files (`task_id` empty)."""

    task_id: str
    approved: bool
    findings: tuple[Finding, ...]
    kind: Literal["review_submitted"] = "review_submitted"


@dataclass(frozen=True, slots=True)
class ChangeClashed:
    """A change passed its checks and its review, but others changed the same lines; `conflicts` has both sides."""

    task_id: str
    conflicts: tuple[str, ...]
    kind: Literal["change_clashed"] = "change_clashed"


@dataclass(frozen=True, slots=True)
class TaskAccepted:
    """A task is closed by evidence: its checks on exactly this tree, and the Reviewer's approval.

    `proposal_id` is what its change will be called when it is on its way to the user.
    """

    task_id: str
    edits: tuple[FileEdit, ...]
    tree_hash: str
    checks: tuple[str, ...]
    proposal_id: str = ""
    kind: Literal["task_accepted"] = "task_accepted"


@dataclass(frozen=True, slots=True)
class TaskStuck:
    """A task stopped and waits for the user."""

    task_id: str
    reason: str
    fingerprint: str = ""
    kind: Literal["task_stuck"] = "task_stuck"


@dataclass(frozen=True, slots=True)
class TaskReopened:
    """A stuck task may be tried again, with the user's hint and by another model where they are given."""

    task_id: str
    hint: str = ""
    model: str = ""
    kind: Literal["task_reopened"] = "task_reopened"


@dataclass(frozen=True, slots=True)
class TaskTakenOver:
    """The user does a stuck task in their own files; it is closed when its checks pass there."""

    task_id: str
    kind: Literal["task_taken_over"] = "task_taken_over"


@dataclass(frozen=True, slots=True)
class TaskDropped:
    """A task was given up on purpose."""

    task_id: str
    reason: str
    kind: Literal["task_dropped"] = "task_dropped"


@dataclass(frozen=True, slots=True)
class WorkRestarted:
    """The work on a task, or (`task_id` empty) on the mission's own steps, begins anew after an interruption.

    That is rare: what was recorded of it does not fit what Podium would do now, as `reason` says.
    """

    task_id: str
    reason: str
    kind: Literal["work_restarted"] = "work_restarted"


@dataclass(frozen=True, slots=True)
class AgentStarted:
    """An agent begins; `opening` are the first messages of its conversation, with what was steered so far."""

    agent_id: str
    role: Role
    task_id: str
    model: str
    opening: tuple[Message, ...]
    steers: tuple[str, ...] = ()
    kind: Literal["agent_started"] = "agent_started"


@dataclass(frozen=True, slots=True)
class ModelAsked:
    """A request is about to go to the model; the conversation so far is in the agent's earlier events."""

    agent_id: str
    request_id: str
    kind: Literal["model_asked"] = "model_asked"


@dataclass(frozen=True, slots=True)
class ModelAnswered:
    """The model's answer, paid for; `model` gave it, where that was not the agent's own."""

    agent_id: str
    request_id: str
    message: Message
    finish_reason: str
    usage: Usage
    model: str = ""
    kind: Literal["model_answered"] = "model_answered"


@dataclass(frozen=True, slots=True)
class ModelFailed:
    """A request failed; `again_in_s` says when it is tried again, None when it is not."""

    agent_id: str
    request_id: str
    reason: str
    again_in_s: float | None
    kind: Literal["model_failed"] = "model_failed"


@dataclass(frozen=True, slots=True)
class ModelAwaited:
    """A request waits, or is waited with, because of its provider; `reason` says for what and how long."""

    agent_id: str
    request_id: str
    reason: str
    kind: Literal["model_awaited"] = "model_awaited"


@dataclass(frozen=True, slots=True)
class ToolReturned:
    """A tool call was carried out, or refused; `edits` are what it changed in the candidate tree.

    Where the call was a `decision`, `result` is what came of it. One that is `malformed` was none: of a tool that the
    agent has not, or with arguments that the tool does not take.
    """

    agent_id: str
    call_id: str
    tool: str
    arguments: Mapping[str, Json]
    result: str
    ok: bool
    edits: tuple[FileEdit, ...] = ()
    decision: bool = False
    malformed: bool = False
    kind: Literal["tool_returned"] = "tool_returned"


@dataclass(frozen=True, slots=True)
class LeaseAwaited:
    """An agent waits until a task, the holder, releases a file that it wants to write."""

    agent_id: str
    path: str
    holder: str
    kind: Literal["lease_awaited"] = "lease_awaited"


@dataclass(frozen=True, slots=True)
class AgentTold:
    """A message that the conductor put into an agent's conversation, its own or (`steer_id`) the user's.

    A `correction` tells the model what was wrong with its answer.
    """

    agent_id: str
    message: Message
    steer_id: str = ""
    correction: bool = False
    kind: Literal["agent_told"] = "agent_told"


@dataclass(frozen=True, slots=True)
class ConversationCompacted:
    """An agent's conversation was made shorter, to fit into the model's context window.

    The first `kept` messages stay as they are. The `dropped` ones after them go, and `note` (unless it is empty)
    takes their place.
    Of those that stay behind it, `cut` has the new text of tool results by the id of their call.
    """

    agent_id: str
    kept: int
    dropped: int
    note: Message
    cut: Mapping[str, str] = field(default_factory=dict[str, str])
    kind: Literal["conversation_compacted"] = "conversation_compacted"


@dataclass(frozen=True, slots=True)
class AgentEnded:
    """An agent is done; `outcome` is one sentence."""

    agent_id: str
    outcome: str
    kind: Literal["agent_ended"] = "agent_ended"


@dataclass(frozen=True, slots=True)
class FindingChanged:
    """A finding moved on in its life; `reason` says why it was dismissed, where somebody decided that."""

    finding_id: str
    state: FindingState
    reason: str = ""
    kind: Literal["finding_changed"] = "finding_changed"


@dataclass(frozen=True, slots=True)
class PlacesFound:
    """What a Searcher found for a task, or for the mission (`task_id` empty)."""

    summary: str
    places: tuple[Place, ...]
    task_id: str = ""
    kind: Literal["places_found"] = "places_found"


@dataclass(frozen=True, slots=True)
class QuestionAsked:
    """A task, or an agent of it, waits for the user; `options` are suggestions, free text is allowed."""

    question_id: str
    text: str
    options: tuple[str, ...]
    task_id: str = ""
    agent_id: str = ""
    kind: Literal["question_asked"] = "question_asked"


@dataclass(frozen=True, slots=True)
class QuestionAnswered:
    """The user answered, or (`answer` None) the question no longer matters."""

    question_id: str
    answer: str | None
    kind: Literal["question_answered"] = "question_answered"


@dataclass(frozen=True, slots=True)
class ProposalMade:
    """A verified change is ready for the user's files."""

    proposal_id: str
    label: str
    edits: tuple[FileEdit, ...]
    task_id: str = ""
    kind: Literal["proposal_made"] = "proposal_made"


@dataclass(frozen=True, slots=True)
class ProposalDelivered:
    """A proposal is in the user's files; `outcome` says whether in buffers or on disk.

    `edits` is what really changed there, merged with the user's typing: undo takes exactly this back.
    """

    proposal_id: str
    outcome: Literal["editor", "disk"]
    edits: tuple[FileEdit, ...] = ()
    kind: Literal["proposal_delivered"] = "proposal_delivered"


@dataclass(frozen=True, slots=True)
class ProposalRefused:
    """A proposal did not get in, and nothing of it is in the user's files: it waits for the user's decision.

    `conflicts` has both sides of each place where what the user typed kept it out.
    """

    proposal_id: str
    reason: str
    conflicts: tuple[str, ...] = ()
    kind: Literal["proposal_refused"] = "proposal_refused"


@dataclass(frozen=True, slots=True)
class ProposalWithdrawn:
    """What waited of a proposal no longer does, because its task was done again on what the user typed."""

    proposal_id: str
    kind: Literal["proposal_withdrawn"] = "proposal_withdrawn"


@dataclass(frozen=True, slots=True)
class AcceptanceBegun:
    """Hunks of a waiting proposal are about to be brought into the user's files; with none, that came to nothing."""

    proposal_id: str
    hunks: tuple[int, ...]
    kind: Literal["acceptance_begun"] = "acceptance_begun"


@dataclass(frozen=True, slots=True)
class ProposalDecided:
    """The user accepted or rejected hunks of a waiting proposal, named by their numbers.

    Those accepted are in the user's files; `outcome` says whether in buffers or on disk, and `edits` what
    really changed there.
    """

    proposal_id: str
    accepted: tuple[int, ...] = ()
    rejected: tuple[int, ...] = ()
    reason: str = ""
    outcome: Literal["", "editor", "disk"] = ""
    edits: tuple[FileEdit, ...] = ()
    kind: Literal["proposal_decided"] = "proposal_decided"


@dataclass(frozen=True, slots=True)
class ProposalUndone:
    """A delivered proposal was taken out of the user's files again; `edits` is what that changed there."""

    proposal_id: str
    outcome: Literal["editor", "disk"]
    edits: tuple[FileEdit, ...]
    kind: Literal["proposal_undone"] = "proposal_undone"


@dataclass(frozen=True, slots=True)
class ProposalRedone:
    """An undone proposal is back in the user's files; `edits` is what that changed there."""

    proposal_id: str
    outcome: Literal["editor", "disk"]
    edits: tuple[FileEdit, ...]
    kind: Literal["proposal_redone"] = "proposal_redone"


@dataclass(frozen=True, slots=True)
class Steered:
    """The user says something to the agents of a task, or (`task_id` empty) of the mission."""

    steer_id: str
    text: str
    task_id: str = ""
    when: When = "next"
    kind: Literal["steered"] = "steered"


@dataclass(frozen=True, slots=True)
class MissionPaused:
    """From now on nothing begins, until the mission is resumed."""

    kind: Literal["mission_paused"] = "mission_paused"


@dataclass(frozen=True, slots=True)
class MissionResumed:
    """A paused mission goes on where it was."""

    kind: Literal["mission_resumed"] = "mission_resumed"


@dataclass(frozen=True, slots=True)
class TimeWorked:
    """How long the mission has worked by a clock that nobody sets, where the times of its records say otherwise.

    The clock was set meanwhile, or the machine slept.
    """

    worked_s: float
    kind: Literal["time_worked"] = "time_worked"


@dataclass(frozen=True, slots=True)
class MissionPruned:
    """The mission is old: the words of its conversations, and of checks that agents ran, were dropped."""

    kind: Literal["mission_pruned"] = "mission_pruned"


@dataclass(frozen=True, slots=True)
class MissionImported:
    """The records before this one come from elsewhere: from the file that `podium` (a version) exported.

    The files that they speak of are not those of this workspace, so nothing of the mission has an effect here.
    """

    podium: str
    exported_at: float
    kind: Literal["mission_imported"] = "mission_imported"


@dataclass(frozen=True, slots=True)
class MissionEnded:
    """The mission is over; `reason` is one sentence for the user."""

    status: Ending
    reason: str
    kind: Literal["mission_ended"] = "mission_ended"


Event: TypeAlias = (
    MissionStarted
    | MissionInterrupted
    | MissionContinued
    | PlanSet
    | FactsRecalled
    | FactsLearned
    | AttemptStarted
    | CheckFinished
    | ReviewSubmitted
    | ChangeClashed
    | TaskAccepted
    | TaskStuck
    | TaskReopened
    | TaskTakenOver
    | TaskDropped
    | WorkRestarted
    | AgentStarted
    | ModelAsked
    | ModelAnswered
    | ModelFailed
    | ModelAwaited
    | ToolReturned
    | LeaseAwaited
    | AgentTold
    | ConversationCompacted
    | AgentEnded
    | FindingChanged
    | PlacesFound
    | QuestionAsked
    | QuestionAnswered
    | ProposalMade
    | ProposalDelivered
    | ProposalRefused
    | ProposalWithdrawn
    | AcceptanceBegun
    | ProposalDecided
    | ProposalUndone
    | ProposalRedone
    | Steered
    | MissionPaused
    | MissionResumed
    | MissionImported
    | MissionPruned
    | TimeWorked
    | MissionEnded
)


@dataclass(frozen=True, slots=True)
class Record:
    """An event in the journal. `seq` counts from 1 in its mission; `at` is seconds since 1970, UTC.

    `at` is never less than that of the mission's record before, whatever became of the clock.
    """

    mission_id: str
    seq: int
    at: float
    event: Event = field()


_EVENT: TypeAdapter[Event] = TypeAdapter(
    Annotated[Event, Discriminator("kind")], config=ConfigDict(defer_build=True)
)


def to_json(event: Event) -> bytes:
    """Return the event as one line of JSON."""
    return _EVENT.dump_json(event)


def from_json(line: bytes | str) -> Event:
    """Return the event of a line that `to_json` wrote.

    Raises:
        ValueError: the line is damaged, or was written by a newer Podium.
    """
    return _EVENT.validate_json(line)
