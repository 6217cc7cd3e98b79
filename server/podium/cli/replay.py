"""`podium replay FILE`: what happened in a mission, step by step, from a file that `podium export` wrote.

In a terminal each step is shown whole and the next one waits for Enter; elsewhere each is a line. Nothing of the
mission is carried out.
"""

import json
import sys
import tempfile
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import anyio

from podium.cli.json_output import mission_ended
from podium.cli.questions import can_ask
from podium.cli.run_mission import OTHERWISE, SIGNED_OFF
from podium.cli.show import answered
from podium.cli.steps import headline, whole
from podium.domain.events import to_json
from podium.domain.messages import Json
from podium.domain.mission import replay
from podium.domain.mission_file import MissionFile
from podium.errors import UserError
from podium.lsp import mission_files

_KEYS = "[Enter] next · [a] all · [q] quit "


def run(arguments: Namespace) -> int:
    """Show the mission in a file, or one of this workspace; return the exit code."""
    try:
        mission = _mission(arguments)
    except UserError as problem:
        sys.stderr.write(f"podium: {problem}\n")
        return OTHERWISE
    if mission is None:
        return OTHERWISE
    if arguments.json:
        _print_json(mission)
    else:
        _print_steps(mission, stepwise=can_ask() and sys.stdout.isatty())
    return SIGNED_OFF


def _mission(arguments: Namespace) -> MissionFile | None:
    """Return what is to be shown, or None where the server has said why there is nothing."""
    given = Path(arguments.source)
    if given.exists():
        return mission_files.read(given)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "mission.jsonl")
        asked = Namespace(
            **{**vars(arguments), "command": "export", "mission_id": arguments.source, "output": str(place)}
        )
        code, _ = anyio.run(answered, asked)
        return None if code else mission_files.read(place)


def _print_json(mission: MissionFile) -> None:
    for record in mission.records:
        event = cast("Json", json.loads(to_json(record.event)))
        _write_json({"missionId": record.mission_id, "seq": record.seq, "at": record.at, "event": event})
    state = replay(mission.mission_id, mission.records)
    _write_json(mission_ended(state, state.ending or state.status, state.reason))


def _write_json(line: Mapping[str, Json]) -> None:
    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")


def _print_steps(mission: MissionFile, *, stepwise: bool) -> None:
    begun = mission.records[0].at
    for n, record in enumerate(mission.records, 1):
        sys.stdout.write(headline(record, begun) + "\n")
        if not stepwise:
            continue
        sys.stdout.writelines(f"       {line}\n" for line in whole(record.event))
        if n < len(mission.records):
            match _key(n, len(mission.records)):
                case "q":
                    return
                case "a":
                    stepwise = False
                case _:
                    pass


def _key(n: int, n_all: int) -> str:
    """Return what the user wants after step `n`."""
    try:
        return input(f"{n}/{n_all} {_KEYS}").strip().lower()
    except (EOFError, KeyboardInterrupt):
        sys.stdout.write("\n")
        return "q"
