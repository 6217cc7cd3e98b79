"""Sending missions on their way without an editor: another process is started that goes on with them.

It is not this process that goes on, since editors end the server that they started, some by force. The new one has
its order on standard input, and this process keeps the other end of the pipe open as long as it lives: so the new one
knows when the missions are free to be taken.
"""

import logging
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from podium.config import Sources
from podium.domain.events import Process
from podium.domain.messages import Json

COMMAND = (sys.executable, "-P", "-m", "podium.cli.detached")  # -P: never import from the workspace

_log = logging.getLogger(__name__)
_pipes: list[subprocess.Popen[bytes]] = []
"""The processes that were started: what ends with this process tells them."""


class Order(BaseModel):
    """Which missions of a workspace go on with which settings; `process` carries them out until it ends."""

    model_config = ConfigDict(frozen=True)

    workspace: Path
    mission_ids: tuple[str, ...]
    editor: Mapping[str, Json]
    command_line: Mapping[str, Json]
    process: int
    started: str = ""

    @property
    def predecessor(self) -> Process:
        """The process that carries the missions out so far."""
        return Process(self.process, self.started)


def detach(root: Path, process: Process, mission_ids: Sequence[str], sources: Sources) -> None:
    """Start a process that goes on with these missions of `root` once `process`, which is this one, has ended."""
    order = Order(
        workspace=root,
        mission_ids=tuple(mission_ids),
        editor=sources.editor,
        command_line=sources.command_line,
        process=process.id,
        started=process.started,
    )
    nothing = subprocess.DEVNULL
    flags = subprocess.CREATE_NEW_PROCESS_GROUP if sys.platform == "win32" else 0
    try:
        child = subprocess.Popen(  # noqa: S603 - nothing of a user's
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=nothing,
            stderr=nothing,
            start_new_session=True,  # neither a signal to this one's group nor a closed terminal ends it
            creationflags=flags,
        )
        assert child.stdin is not None  # noqa: S101 - it is a pipe
        child.stdin.write(order.model_dump_json().encode() + b"\n")
        child.stdin.flush()
    except OSError as error:
        _log.error("the missions do not go on without an editor: %s", error)
    else:
        _pipes.append(child)
