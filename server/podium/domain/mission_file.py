"""A mission as one file: every record of it as a line of JSON, below a header that says what the file is.

Such a file is for a bug report: its secrets are masked, in the contents of files too. It can be shown anywhere, step
by step, and taken into another journal, where it can be looked at and nothing else.
"""

import json
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from podium.domain.events import MissionImported, MissionStarted, Record, from_json, to_json
from podium.domain.masking import Mask, placeholders
from podium.domain.messages import Json
from podium.domain.mission import replay
from podium.errors import UserError

FORMAT = 1
_ABOUT = (
    "A mission of Podium, one record of its journal a line; `podium replay FILE` shows it step by step. What stands as "
    "<secret:...> was masked. Contents of files are base64."
)


class _Header(BaseModel):
    """The first line. Members that a later version adds are ignored."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    podium_mission: int
    mission_id: str = Field(min_length=1, max_length=100, pattern=r"^[\w.-]+$")
    podium: str
    exported_at: float
    n_records: int = Field(ge=1)


class _Version(BaseModel):
    """The one member by which any version is told."""

    podium_mission: Literal[1]


class _Line(BaseModel):
    """A record; its event is read by its kind."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    seq: int
    at: float
    event: dict[str, Json]


@dataclass(frozen=True, slots=True)
class MissionFile:
    """A mission that was exported: by which version of Podium, and when (seconds since 1970)."""

    mission_id: str
    podium: str
    exported_at: float
    records: tuple[Record, ...]


def written(mission: MissionFile, mask: Mask) -> str:
    """Return the file of a mission, with its secrets masked."""
    header = {
        "podium_mission": FORMAT,
        "about": _ABOUT,
        "mission_id": mission.mission_id,
        "podium": mission.podium,
        "exported_at": mission.exported_at,
        "n_records": len(mission.records),
    }
    lines = [json.dumps(header)]
    for record in mission.records:
        event = to_json(mask.whole_event(record.event)).decode()
        lines.append(f'{{"seq": {record.seq}, "at": {record.at!r}, "event": {event}}}')
    return "\n".join(lines) + "\n"


def n_masked(text: str) -> int:
    """Return how many different secrets are masked in a file."""
    return len(placeholders(text) - placeholders(_ABOUT))


def read(text: str, name: str) -> MissionFile:
    """Return the mission in a file that `written` gave; `name` is the file's, for messages.

    Raises:
        UserError: it is something else, of a newer Podium, damaged, or cut short.
    """
    first, *lines = text.split("\n")  # other ends of lines stand within texts
    header = _header(first, name)
    lines = [line for line in lines if line]
    if len(lines) < header.n_records:
        raise UserError(
            f"{name} is cut short: it holds {len(lines)} of {header.n_records} records; get it again."
        )
    records = tuple(_record(header.mission_id, line, n, name) for n, line in enumerate(lines, 1))
    _require_whole(records, name)
    return MissionFile(header.mission_id, header.podium, header.exported_at, records)


def _require_whole(records: tuple[Record, ...], name: str) -> None:
    """Make sure that the records tell a mission: whoever folds them may rely on that."""
    begins = isinstance(records[0].event, MissionStarted)
    imported = any(isinstance(record.event, MissionImported) for record in records[:-1])
    try:
        replay(records[0].mission_id, records)
    except (LookupError, ValueError) as error:
        raise UserError(f"{name}: its records do not fit together; get the file again.") from error
    if not begins or imported:
        raise UserError(f"{name}: its records do not fit together; get the file again.")


def _header(line: str, name: str) -> _Header:
    try:
        known = json.loads(line)
    except ValueError as error:
        raise UserError(f"{name} is not a mission that Podium exported.") from error
    if not isinstance(known, dict) or "podium_mission" not in known:
        raise UserError(f"{name} is not a mission that Podium exported.")
    try:
        _Version.model_validate(known)
    except ValidationError as error:
        raise UserError(f"{name} was exported by a newer Podium: update this one to read it.") from error
    try:
        return _Header.model_validate(known)
    except ValidationError as error:
        raise UserError(f"{name}: the header in the first line is damaged; get the file again.") from error


def _record(mission_id: str, line: str, seq: int, name: str) -> Record:
    try:
        read_line = _Line.model_validate_json(line)
    except ValidationError as error:
        raise UserError(f"{name}: line {seq + 1} is damaged; get the file again.") from error
    if read_line.seq != seq:
        raise UserError(f"{name}: record {seq} is missing before line {seq + 1}; get the file again.")
    try:
        event = from_json(json.dumps(read_line.event))
    except ValueError as error:
        raise UserError(f"{name}: line {seq + 1} is damaged, or of a newer Podium.") from error
    return Record(mission_id, seq, read_line.at, event)
