"""The real server for benchmarks: started over stdio, with its memory watched from outside."""

import os
import sys
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import psutil

from podium.domain.messages import Json
from podium.lsp.client import Client, connect

SERVE = (sys.executable, "-m", "podium", "serve")
OnNotification = Callable[[str, Mapping[str, Json]], None]


@asynccontextmanager
async def serving(
    workspace: Path,
    options: Mapping[str, Json],
    on_notification: OnNotification = lambda _method, _params: None,
    serve: Sequence[str] = SERVE,
) -> AsyncGenerator[Client]:
    """Serve `workspace` with private state, and yield the built-in client, initialized."""
    os.environ["PODIUM_STATE_DIR"] = str(workspace.parent / "state")
    os.environ["XDG_CONFIG_HOME"] = str(workspace.parent / "config")
    async with connect(serve, workspace, options=dict(options), on_notification=on_notification) as client:
        yield client


class PeakMemory:
    """The largest resident size of this process's Podium server, and of all that it started, in MB."""

    def __init__(self) -> None:
        self.server_mb = 0.0
        self.all_mb = 0.0

    async def watch(self) -> None:
        """Look five times a second until cancelled."""
        while True:
            self._look()
            await anyio.sleep(0.2)

    def _look(self) -> None:
        for child in psutil.Process().children():
            try:
                if "serve" in child.cmdline():
                    own = child.memory_info().rss / 1e6
                    below = sum(p.memory_info().rss for p in child.children(recursive=True)) / 1e6
                    self.server_mb = max(self.server_mb, own)
                    self.all_mb = max(self.all_mb, own + below)
            except psutil.Error:
                continue
