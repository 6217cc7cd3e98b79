"""The commands that are one question to the server, and its answer: `podium missions`, `show`, `undo`, `doctor` and others."""

import json
import sys
import tempfile
from argparse import Namespace
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import anyio

from podium.cli.arguments import client_settings
from podium.cli.conduct import SERVE, SIGNALS, warn
from podium.cli.run_mission import CANCELLED, OTHERWISE, SIGNED_OFF, WRONG_USAGE, is_wrong_usage, leaves
from podium.domain.messages import Json
from podium.domain.plan import BOXES
from podium.lsp.client import RequestFailed, ServerDied, connect
from podium.lsp.protocol import (
    DoctorReport,
    ExportResult,
    MissionInfo,
    MissionLine,
    MissionList,
    MissionStatus,
    SpentInfo,
    UndoResult,
)


def run(arguments: Namespace) -> int:
    """Print the answer to `arguments.command`; return the exit code."""
    if arguments.command == "export" and arguments.output == "-":
        return _print_export(arguments)
    code, answer = anyio.run(answered, arguments)
    if answer is not None:
        text = json.dumps(answer, ensure_ascii=False) if arguments.json else _TEXTS[arguments.command](answer)
        sys.stdout.write(text + "\n")
    return code


def _print_export(arguments: Namespace) -> int:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "mission.jsonl")
        code, answer = anyio.run(answered, Namespace(**{**vars(arguments), "output": str(place)}))
        if answer is not None:
            sys.stdout.write(place.read_text(encoding="utf-8"))
    return code


async def answered(arguments: Namespace) -> tuple[int, dict[str, Json] | None]:
    """Return the exit code and the server's answer; where there is none, why has been told."""
    failures: list[Exception] = []
    answer: dict[str, Json] | None = None
    try:
        answer = await _answer(arguments)
    except* (RequestFailed, ServerDied) as group:
        failures = leaves(group)
    if failures:
        sys.stderr.write(f"podium: {failures[0]}\n")
        return (WRONG_USAGE if is_wrong_usage(failures) else OTHERWISE), None
    if answer is None:
        return CANCELLED, None
    return (SIGNED_OFF if arguments.command != "undo" or _all_done(answer) else OTHERWISE), answer


async def _answer(arguments: Namespace) -> dict[str, Json] | None:
    """Return the server's answer, or None when a signal came first."""
    argument = _argument(arguments)
    answer: dict[str, Json] | None = None
    with anyio.open_signal_receiver(*SIGNALS) as signals:
        async with anyio.create_task_group() as owner:

            async def heed() -> None:
                async for _ in signals:
                    owner.cancel_scope.cancel()

            owner.start_soon(heed)
            async with connect(
                SERVE, arguments.workspace.resolve(), options=client_settings(arguments), on_notification=warn
            ) as client:
                answer = await client.execute(f"podium.{arguments.command}", argument)
            owner.cancel_scope.cancel()
    return answer


def _argument(arguments: Namespace) -> dict[str, Json]:
    match arguments.command:
        case "show" | "cancel":
            return {"missionId": arguments.mission_id}
        case "undo":
            return {"missionId": arguments.mission_id, "taskId": arguments.task_id}
        case "export":
            path = Path(arguments.output or f"{arguments.mission_id}.jsonl").resolve()
            return {"missionId": arguments.mission_id, "path": str(path)}
        case "import":
            return {"path": str(Path(arguments.path).resolve())}
        case _:
            return {}


def _missions(answer: Mapping[str, Json]) -> str:
    found = MissionList.model_validate(answer)
    lines = [_line(mission) for mission in found.missions]
    lines += [f"{mission.mission_id}  {mission.reason}" for mission in found.unreadable]
    return "\n".join(lines) or "There are no missions in this workspace."


def _line(mission: MissionLine) -> str:
    when = datetime.fromtimestamp(mission.started_at, UTC).astimezone().strftime("%Y-%m-%d %H:%M")
    tasks = f"{mission.closed}/{mission.total}"
    if mission.elsewhere:
        note = "  (in another Podium)"
    elif mission.imported:
        note = "  (imported)"
    elif mission.status == "interrupted":
        note = f"  (podium resume {mission.mission_id})"
    else:
        note = ""
    return f"{mission.mission_id}  {when}  {mission.kind:6}  {mission.status:11}  {tasks:>5}  {mission.goal}{note}"


def _mission(answer: Mapping[str, Json]) -> str:
    mission = MissionInfo.model_validate(answer)
    lines = [_line(mission), f"model: {mission.model}"]
    lines += [mission.reason] if mission.reason else []
    lines += [f"  {BOXES[task.state]} {task.title}" for task in mission.tasks]
    lines += [f"  {check.name}: exit {check.exit_code}, {check.duration_s:.1f} s" for check in mission.checks]
    lines += [f"  {f.path}:{f.line} {f.severity}: {f.message} ({f.state})" for f in mission.findings]
    lines += [f"  {p.path}:{p.start_line}-{p.end_line} {p.why}" for p in mission.places]
    lines += [mission.summary] if mission.summary else []
    for proposal in mission.proposals:
        lines += [f"{proposal.label} ({proposal.state})", proposal.diff.rstrip("\n")]
    lines += ["Its conversations were dropped, because it is old."] if mission.pruned else []
    lines.append(f"{mission.spent.attempts} attempts, {_cost(mission.spent)}")
    lines += [
        f"  {row.role}{f' of {row.task_id}' if row.task_id else ''} by {row.model}: {_cost(row.spent)}"
        for row in mission.spending
    ]
    return "\n".join(lines)


def _cost(spent: SpentInfo) -> str:
    tokens = spent.prompt_tokens + spent.completion_tokens
    facts = [
        f"{spent.model_requests} requests",
        f"{tokens:,} tokens" + (f" ({spent.cached_tokens:,} cached)" if spent.cached_tokens else ""),
        "cost unknown" if spent.cost_usd is None else f"${spent.cost_usd:.4f}",
    ]
    if spent.estimated:
        facts.append("estimated" if spent.estimated == spent.model_requests else "partly estimated")
    if spent.corrections:
        facts.append(f"{spent.corrections} corrections of answers")
    return ", ".join(facts)


def _doctor(answer: Mapping[str, Json]) -> str:
    report = DoctorReport.model_validate(answer)
    width = max((len(line.name) for line in report.lines), default=0)
    lines = [f"{line.state:8} {line.name:{width}}  {line.detail}" for line in report.lines]
    return "\n".join([f"podium {report.version}", *lines])


def _status(answer: Mapping[str, Json]) -> str:
    status = MissionStatus.model_validate(answer)
    return f"{status.mission_id} {status.status}: {status.reason}"


def _undone(answer: Mapping[str, Json]) -> str:
    result = UndoResult.model_validate(answer)
    return "\n".join(
        f"{result.direction}: {p.label} ({', '.join(p.paths)})"
        if p.done
        else f"not {result.direction}: {p.label}: {p.reason}"
        for p in result.proposals
    )


def _exported(answer: Mapping[str, Json]) -> str:
    result = ExportResult.model_validate(answer)
    masked = f"{result.masked} secret{'s' * (result.masked != 1)} masked"
    return f"{result.path}: {result.records} records, {masked}"


def _all_done(answer: Mapping[str, Json]) -> bool:
    return all(proposal.done for proposal in UndoResult.model_validate(answer).proposals)


_TEXTS: Mapping[str, Callable[[Mapping[str, Json]], str]] = {
    "missions": _missions,
    "show": _mission,
    "cancel": _status,
    "undo": _undone,
    "export": _exported,
    "import": _status,
    "doctor": _doctor,
}
