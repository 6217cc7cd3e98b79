"""The wire contract: every command, message and value that Podium adds to LSP, typed, in one place.

Dispatch, validation and `docs/protocol.md` follow from the tables at the end. Names are camel case on
the wire. Times are seconds since 1970 (UTC), paths are relative to the workspace folder with `/`, lines
are 1-based and inclusive, as models see them; `range` is an LSP range, 0-based in the negotiated encoding.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from podium.domain.events import Apply, MissionKind
from podium.domain.findings import FindingState, Severity
from podium.domain.messages import Json
from podium.domain.mission import ProposalState, Status
from podium.domain.plan import TaskState
from podium.domain.proposals import HunkState
from podium.domain.rights import Role
from podium.domain.steering import When

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
"""A text with something in it; white space around it does not count."""


class Wire(BaseModel):
    """Base of everything on the wire: camel case, and no unknown fields."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, defer_build=True
    )


class Position(Wire):
    """An LSP position."""

    line: int = Field(ge=0)
    character: int = Field(ge=0)


class Range(Wire):
    """An LSP range."""

    start: Position
    end: Position


# --- parameters -------------------------------------------------------------------------------------


class BudgetParams(Wire):
    """What one mission may use up."""

    usd: float | None = Field(default=None, gt=0)
    tokens: int | None = Field(default=None, gt=0)
    minutes: float | None = Field(default=None, gt=0)


class TaskParams(Wire):
    """A goal to reach."""

    goal: Text
    model: Text | None = None
    apply: Apply | None = None
    budget: BudgetParams | None = None
    files: tuple[str, ...] = ()


class PlanParams(Wire):
    """A goal to plan for."""

    goal: Text


class ReviewParams(Wire):
    """What to review: a file or a part of it, a text, or (`changes`) the working changes of git.

    Without any of them the whole project is reviewed.
    """

    uri: Text | None = None
    range: Range | None = None
    text: Text | None = None
    changes: bool = False


class DiagnosticParam(Wire):
    """The parts of an LSP diagnostic that a fix needs; other members are accepted and ignored."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True, defer_build=True
    )

    range: Range
    message: Text
    source: str | None = None
    code: str | int | None = None


class FixParams(Wire):
    """What to fix: findings of Podium, diagnostics of any server (with their `uri`), or an error message."""

    finding_ids: tuple[Text, ...] = ()
    diagnostics: tuple[DiagnosticParam, ...] = ()
    uri: Text | None = None
    text: Text | None = None


class SearchParams(Wire):
    """Words or a question."""

    pattern: Text


class WaitParams(Wire):
    """A mission to wait for; without `timeoutS`, until it ends."""

    mission_id: Text
    timeout_s: float | None = Field(default=None, ge=0)


class MissionParams(Wire):
    """A mission."""

    mission_id: Text


class SteerParams(Wire):
    """What the user has to say, to the agents of a task or (without `taskId`) of the mission.

    With `when` = `next` they hear it at their next step; with `interrupt` the model requests that they wait
    for are abandoned and made anew with it.
    """

    mission_id: Text
    message: Text
    task_id: Text | None = None
    when: When = "next"


class AnswerParams(Wire):
    """The answer to an open question."""

    question_id: Text
    answer: Text


class DecideParams(Wire):
    """Hunks of a proposal by their numbers; without `hunks`, all that wait. `reason` is kept."""

    proposal_id: Text
    hunks: tuple[Annotated[int, Field(ge=1)], ...] | None = Field(default=None, min_length=1)
    reason: str = ""


class UndoParams(Wire):
    """A mission, or one task of it."""

    mission_id: Text
    task_id: Text | None = None


class ExportParams(Wire):
    """A mission, and the file to write; a relative path is one of the workspace."""

    mission_id: Text
    path: Text


class ImportParams(Wire):
    """A file that `podium.export` wrote; a relative path is one of the workspace."""

    path: Text


class NoParams(Wire):
    """Nothing."""


# --- results ----------------------------------------------------------------------------------------


class MissionRef(Wire):
    """A mission that was started; it goes on after this answer."""

    mission_id: str


class SpentInfo(Wire):
    """What a mission has used up. `costUsd` is null while a model's price is unknown.

    Of `estimated` requests the provider told no numbers; theirs are estimates. `corrections` are answers and calls that
    were good for nothing, of which the model was told so; they are counted for the mission alone.
    """

    attempts: int
    model_requests: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    cost_usd: float | None
    estimated: int
    corrections: int


class SpendingInfo(Wire):
    """What a mission has used up for one role, task and model. `taskId` is empty for what concerns all of it."""

    role: Role
    task_id: str
    model: str
    spent: SpentInfo


class CheckInfo(Wire):
    """The latest result of one check."""

    name: str
    argv: tuple[str, ...]
    exit_code: int
    duration_s: float
    tree_hash: str
    failing: int


class TaskInfo(Wire):
    """A task of the plan, with the results that its latest attempt gave."""

    id: str
    title: str
    state: TaskState
    files: tuple[str, ...]
    needs: tuple[str, ...]
    checks: tuple[str, ...]
    attempts: int
    results: tuple[CheckInfo, ...]


class FindingInfo(Wire):
    """A finding; `line` is 0 when unknown."""

    id: str
    path: str
    line: int
    severity: Severity
    code: str
    message: str
    suggestion: str
    evidence: str
    state: FindingState


class PlaceInfo(Wire):
    """A place that a Searcher found."""

    uri: str
    path: str
    start_line: int
    end_line: int
    why: str


class QuestionInfo(Wire):
    """A question that waits for `podium.answer`."""

    id: str
    mission_id: str
    task_id: str
    text: str
    options: tuple[str, ...]


class HunkInfo(Wire):
    """One part of a proposal. `line` is that of the text that it was based on."""

    number: int
    path: str
    line: int
    diff: str
    state: HunkState


class ProposalInfo(Wire):
    """A verified change; `diff` is unified. `hunks` can be accepted and rejected one by one."""

    id: str
    task_id: str
    label: str
    state: ProposalState
    reason: str
    paths: tuple[str, ...]
    diff: str
    hunks: tuple[HunkInfo, ...]


class SteerInfo(Wire):
    """Something that the user said to a mission; `told` are the agents that have heard it so far."""

    id: str
    task_id: str
    message: str
    when: When
    at: float
    told: tuple[str, ...]


class PauseInfo(Wire):
    """A pause; `until` is 0 while it lasts."""

    since: float
    until: float


class MissionLine(Wire):
    """A mission in short. `endedAt` is 0 while it runs; `elsewhere` while another server carries it out.

    That server does what `podium.steer`, `podium.answer`, `podium.pause`, `podium.resume` and `podium.cancel` want.
    `imported` missions come from a file, and have no effect in this workspace.
    """

    mission_id: str
    goal: str
    kind: MissionKind
    status: Status
    reason: str
    started_at: float
    ended_at: float
    closed: int
    total: int
    elsewhere: bool
    imported: bool = False


class UnreadableMission(Wire):
    """A mission whose records cannot be read, and what to do about it."""

    mission_id: str
    reason: str


class MissionList(Wire):
    """All missions of this workspace, newest first; those that cannot be read stand apart."""

    missions: tuple[MissionLine, ...]
    unreadable: tuple[UnreadableMission, ...] = ()


class MissionInfo(MissionLine):
    """Everything about one mission. `pruned` says that the words of its conversations were dropped for their age."""

    model: str
    summary: str
    spent: SpentInfo
    spending: tuple[SpendingInfo, ...]
    tasks: tuple[TaskInfo, ...]
    checks: tuple[CheckInfo, ...]
    findings: tuple[FindingInfo, ...]
    places: tuple[PlaceInfo, ...]
    questions: tuple[QuestionInfo, ...]
    proposals: tuple[ProposalInfo, ...]
    steers: tuple[SteerInfo, ...]
    pauses: tuple[PauseInfo, ...]
    pruned: bool = False


class AgentInfo(Wire):
    """A running agent. `doing` is what it does now, and has since `since`.

    `holds` are the files that its task has leased; `elapsedS` counts since the agent began.
    """

    id: str
    mission_id: str
    role: Role
    task_id: str
    model: str
    doing: str
    since: float
    requests: int
    tokens: int
    elapsed_s: float
    holds: tuple[str, ...]


class AgentList(Wire):
    """The running agents of all missions."""

    agents: tuple[AgentInfo, ...]


class AnswerReceipt(Wire):
    """The question that was answered."""

    question_id: str
    mission_id: str


class SteerReceipt(Wire):
    """What was said. `agents` are at work now and will hear it; it is kept for all others that it concerns."""

    steer_id: str
    mission_id: str
    agents: tuple[str, ...]


class DecisionReceipt(Wire):
    """What was decided just now, by number of hunk, and what of the proposal still waits.

    `outcome` says where accepted hunks went: into the editor's buffers, or to the disk.
    """

    proposal_id: str
    mission_id: str
    accepted: tuple[int, ...]
    rejected: tuple[int, ...]
    waiting: tuple[int, ...]
    outcome: Literal["", "editor", "disk"]


class UndoneInfo(Wire):
    """A proposal that was to be undone or redone; `reason` says why it was not, and is empty where it was."""

    proposal_id: str
    task_id: str
    label: str
    paths: tuple[str, ...]
    done: bool
    reason: str


class UndoResult(Wire):
    """What was undone, last first, or redone. All of a proposal is, or nothing of it."""

    mission_id: str
    direction: Literal["undone", "redone"]
    proposals: tuple[UndoneInfo, ...]


class MissionStatus(Wire):
    """Where a mission stands."""

    mission_id: str
    status: Status
    reason: str


class ExportResult(Wire):
    """The file that was written: how many records it holds, and how many different secrets were masked."""

    mission_id: str
    path: str
    records: int
    masked: int


class DoctorLine(Wire):
    """One thing that was looked at: whether it works, and what to do where it does not."""

    name: str
    state: Literal["ok", "limited", "missing"]
    detail: str


class DoctorReport(Wire):
    """What works here."""

    version: str
    lines: tuple[DoctorLine, ...]


class EventParams(Wire):
    """One event of a mission, as in the journal; `event.kind` says which.

    `past` is true for those that another server recorded, before this one went on with the mission.
    """

    mission_id: str
    seq: int
    at: float
    event: dict[str, Json]
    past: bool = False


# --- the tables -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Command:
    """A command of `workspace/executeCommand`. `text_field` is what a bare string argument means."""

    summary: str
    params: type[Wire]
    result: type[Wire]
    text_field: str = ""


COMMANDS: Mapping[str, Command] = {
    "podium.task": Command(
        "Reach a goal: plan, work, verify, and apply the change.", TaskParams, MissionRef, "goal"
    ),
    "podium.auto": Command(
        "Reach a goal without asking: plans need no approval, commands without a sandbox are refused, agents decide "
        "themselves, and a task that does not get on goes to the other configured models and is then skipped. Only "
        '`apply` = `"review"` still waits for the user.',
        TaskParams,
        MissionRef,
        "goal",
    ),
    "podium.plan": Command("Plan for a goal, and open the plan document.", PlanParams, MissionRef, "goal"),
    "podium.review": Command("Review code; findings become diagnostics.", ReviewParams, MissionRef, "text"),
    "podium.fix": Command("Fix findings, diagnostics or an error message.", FixParams, MissionRef, "text"),
    "podium.search": Command(
        "Find the places that matter for a question.", SearchParams, MissionRef, "pattern"
    ),
    "podium.wait": Command(
        "Wait until a mission has ended, or was interrupted because its server ended.",
        WaitParams,
        MissionInfo,
        "missionId",
    ),
    "podium.missions": Command("List the missions of this workspace.", NoParams, MissionList),
    "podium.show": Command("Show one mission.", MissionParams, MissionInfo, "missionId"),
    "podium.agents": Command("List the running agents.", NoParams, AgentList),
    "podium.steer": Command(
        "Say something to the agents of a mission while they work; it outranks what they were told.",
        SteerParams,
        SteerReceipt,
    ),
    "podium.answer": Command("Answer a question.", AnswerParams, AnswerReceipt),
    "podium.accept": Command(
        "Apply hunks of a proposal that waits for review.", DecideParams, DecisionReceipt, "proposalId"
    ),
    "podium.reject": Command(
        "Put hunks of a proposal that waits for review aside.", DecideParams, DecisionReceipt, "proposalId"
    ),
    "podium.pause": Command(
        "Let nothing of a mission begin any more: no model request, tool call, check or delivery. Answers that are on "
        "their way are kept, checks that run are stopped and begun anew later; questions stay open.",
        MissionParams,
        MissionStatus,
        "missionId",
    ),
    "podium.resume": Command(
        "Go on where a mission was paused, or interrupted because its server ended, or carry out the plan of a "
        "`podium.plan` that has ended: the same mission goes on.",
        MissionParams,
        MissionStatus,
        "missionId",
    ),
    "podium.cancel": Command(
        "End a mission; what it applied stays.", MissionParams, MissionStatus, "missionId"
    ),
    "podium.undo": Command(
        "Take what a mission or a task applied out of the files again, or if that is done, put it back; later "
        "edits stay.",
        UndoParams,
        UndoResult,
        "missionId",
    ),
    "podium.export": Command(
        "Write a mission to a file, one record of the journal a line, its secrets masked.",
        ExportParams,
        ExportResult,
    ),
    "podium.import": Command(
        "Take a mission from such a file, to look at: it is marked `imported`, and never resumed, undone or applied.",
        ImportParams,
        MissionStatus,
        "path",
    ),
    "podium.doctor": Command("Tell what works here.", NoParams, DoctorReport),
}

NOTIFICATIONS: Mapping[str, tuple[str, type[Wire]]] = {
    "podium/event": (
        "Server to client: every event of every mission, for clients whose `capabilities.experimental` "
        "holds `{podium: {events: true}}`.",
        EventParams,
    ),
}
"""Methods of our own, with what they are for and their parameters."""

ANSWERED: Mapping[str, str] = {
    "initialize": "Settings come in `initializationOptions` (all of it, or its member `podium`).",
    "initialized": "Opens the workspace: the first of `workspaceFolders`, else `rootUri`.",
    "shutdown": "Running requests are answered with -32800; missions are interrupted, and can go on at "
    "the next start.",
    "exit": "Exit code 0 after `shutdown`, else 1.",
    "$/cancelRequest": "Ends a running request, never a mission.",
    "textDocument/didOpen": "Agents see the text of open documents, saved or not.",
    "textDocument/didChange": "Incremental; positions in utf-8, utf-16 or utf-32, as negotiated.",
    "textDocument/didSave": "The file on disk is the document now.",
    "textDocument/willSave": "Whether the editor saves a plan document by itself, or because its user says so.",
    "textDocument/didClose": "From now on the file on disk counts.",
    "textDocument/codeAction": "*Fix with Podium* on findings, and on diagnostics of any other server; *Accept* and "
    "*Reject* on the changes of proposals that wait for review; in plan documents, what their code lenses offer.",
    "textDocument/diagnostic": "What Podium says about an open document, for clients with `textDocument.diagnostic` and "
    "`workspace.diagnostics.refreshSupport`; with `previousResultId`, that nothing has changed.",
    "textDocument/documentSymbol": "In plan documents: the tasks with their states; elsewhere null.",
    "textDocument/foldingRange": "In plan documents: each task folds to its line; elsewhere null.",
    "textDocument/documentLink": "In plan documents: the files of each task; elsewhere null.",
    "textDocument/hover": "In plan documents, on a task: its state, its agents, what it has cost, and the last lines of "
    "its transcript; elsewhere null.",
    "textDocument/codeLens": "In plan documents: *Run this plan*, *Pause* or *Go on*, and on a task that asks something the "
    "answers, such as *Retry* and *Skip*; elsewhere null. Each is a code action as well.",
    "textDocument/completion": "In plan documents: boxes, ids after `needs:`, files and checks; elsewhere null.",
    "workspace/didChangeWatchedFiles": "A plan document that another program has changed is read again.",
    "workspace/executeCommand": "The commands below; where one starts a mission or lets one go on, a `workDoneToken` shows it until it ends.",
    "workspace/didChangeConfiguration": "Settings are asked for again.",
    "window/workDoneProgress/cancel": "On a mission's token: cancels the mission.",
}
"""Methods of LSP that the server answers or hears, with what it makes of them."""

SENT: Mapping[str, str] = {
    "workspace/applyEdit": "A verified change: `documentChanges` with versions for open documents. Without "
    "`workspace.applyEdit` the change is written to the files.",
    "workspace/configuration": "Section `podium`, from clients with `workspace.configuration`.",
    "client/registerCapability": "The methods of plan documents, for those documents only, and the watching of "
    "their files; of each what the client lets a server register.",
    "window/workDoneProgress/create": "Before a progress of our own, for clients with `window.workDoneProgress`.",
    "window/showMessageRequest": "A question, one at a time. No answer leaves it open for `podium.answer`. At the start "
    "also whether interrupted missions shall go on (the setting `resume`).",
    "window/showMessage": "Says that a change was written to the disk, because the client applies no edits; or that the "
    "journal was damaged, or cannot be written.",
    "window/showDocument": "Opens the plan document of `podium.plan`, for clients with `window.showDocument`.",
    "textDocument/publishDiagnostics": "Open findings: `code`, `data.findingId`, and the evidence as related "
    "information. Changes that wait for review: `code` is `proposal`, `data` holds `proposalId`, `hunk`, `label` "
    "and `fileHunks` (those that wait in this file, where others wait elsewhere). Both follow their lines while the user types. To a "
    "client that pulls, only what is said about files that are not open.",
    "workspace/diagnostic/refresh": "There is something new about an open document, for clients that pull.",
    "$/progress": "One token for each mission and each running agent, at most four reports a second, and `end` always.",
    "$/cancelRequest": "A request of the server that no longer matters.",
}
"""Methods of LSP that the server sends, with when it does."""
