"""Files with exported missions, where the user wants them."""

from pathlib import Path

from podium.domain import mission_file
from podium.domain.mission_file import MissionFile
from podium.errors import UserError
from podium.lsp.atomic import write_atomically

_FOR_ITS_OWNER = 0o600


def write(place: Path, text: str) -> None:
    """Write an exported mission, for its owner alone, and whole or not at all.

    Raises:
        UserError: it cannot be written.
    """
    try:
        write_atomically(place, text.encode(), _FOR_ITS_OWNER)
    except OSError as error:
        raise UserError(f"{place} cannot be written: {error.strerror}.") from error


def read(place: Path) -> MissionFile:
    """Return the mission in a file.

    Raises:
        UserError: it cannot be read, or holds something else, or is damaged.
    """
    try:
        text = place.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{place} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{place} is not a mission that Podium exported.") from error
    return mission_file.read(text, str(place))
