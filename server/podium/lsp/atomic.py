"""Writing a file so that nobody ever sees half of it."""

import os
import secrets
from pathlib import Path


def write_atomically(place: Path, content: bytes, mode: int | None = None) -> None:
    """Replace the content of `place`, durably and in one step; missing directories are made.

    `mode` is what the file may have of permissions; None keeps those of the file that is there, and gives
    a new one what the user's mask leaves.

    Raises:
        OSError: it cannot be written; `place` is as it was.
    """
    if mode is None and place.exists():
        mode = place.stat().st_mode & 0o7777
    place.parent.mkdir(parents=True, exist_ok=True)
    fresh = place.with_name(f".{place.name[:200]}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            fresh.chmod(mode)
        fresh.replace(place)
    finally:
        fresh.unlink(missing_ok=True)
