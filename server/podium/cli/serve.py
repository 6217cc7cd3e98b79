"""`podium serve`: the language server on standard input and output.

An editor waits for the answer to `initialize`, so nothing is imported here that only missions need.
"""

import atexit
import ctypes
import gc
import logging
import os
import sys
from argparse import Namespace
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from importlib import import_module
from logging.handlers import QueueHandler, QueueListener
from pathlib import Path
from queue import SimpleQueue
from typing import TypeAlias

import anyio
from platformdirs import user_config_path

from podium.adapters.processes import see_end
from podium.cli.arguments import settings_of
from podium.config import Loaded, Sources
from podium.domain.messages import Json
from podium.lsp.host import Host
from podium.lsp.host import serve as serve_host
from podium.lsp.server import build
from podium.lsp.session import Buffers, Opened, OpenWorkspace
from podium.ports import FrontEnd

Build: TypeAlias = Callable[[Host, Sources, OpenWorkspace], None]


def serve(arguments: Namespace, build: Build = build) -> int:
    """Serve one client on standard input and output with what `build` registers; return the exit code."""
    log_as_asked()
    _give_memory_back()
    given = sources(settings_of(arguments))

    async def start(host: Host) -> None:
        build(host, given, _open_workspace)

    return serve_host(start, see_end)


def sources(
    command_line: Mapping[str, Json], editor: Mapping[str, Json] | None = None, workspace: Path | None = None
) -> Sources:
    """Return where the settings of this process come from."""
    environment = {key: value for key, value in os.environ.items() if key not in _NOT_SETTINGS}
    user_file = user_config_path("podium") / "config.toml"
    workspace_file = workspace / ".podium" / "config.toml" if workspace else None
    return Sources(user_file, workspace_file, environment, editor or {}, command_line)


_LEVELS = logging.getLevelNamesMapping()
_NOT_SETTINGS = {"PODIUM_LOG", "PODIUM_LOG_FILE", "PODIUM_STATE_DIR"}


def log_as_asked() -> None:
    """Log to standard error, or to the file `PODIUM_LOG_FILE`; `PODIUM_LOG` names the level.

    A thread writes, so that a client that never reads the server's standard error cannot stop the loop.
    """
    path = os.environ.get("PODIUM_LOG_FILE")
    writer = logging.FileHandler(path, encoding="utf-8") if path else logging.StreamHandler(sys.stderr)
    writer.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    lines: SimpleQueue[logging.LogRecord] = SimpleQueue()
    listener = QueueListener(lines, writer)
    listener.start()
    atexit.register(listener.stop)
    logging.basicConfig(
        level=_LEVELS.get(os.environ.get("PODIUM_LOG", "").upper(), logging.WARNING),
        handlers=[QueueHandler(lines)],
    )


_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""Parameters of `mallopt`, as glibc's `malloc.h` numbers them."""
_LARGE_BYTES = 65_536


def _give_memory_back() -> None:
    """Have large blocks go back to the system when they are freed, where the C library can be told so.

    With every large block that is freed, glibc takes larger ones from its heaps, one for each of several threads,
    whose holes stay with the process: a server that carries out missions for days would grow by one or two kilobytes
    with each request to a model.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # another C library; Windows has none to ask
        return
    mallopt(_MMAP_THRESHOLD, _LARGE_BYTES)
    mallopt(_TRIM_THRESHOLD, _LARGE_BYTES)
    mallopt(_ARENA_MAX, 1)


def _let_go() -> None:
    """Let go of what loading has left behind; collections pass over what is loaded from now on.

    It is several megabytes: `attrs` makes each class of LSP's types twice, and the first of each is garbage.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    with suppress(OSError, AttributeError, TypeError):  # glibc alone has it
        ctypes.CDLL(None).malloc_trim(0)


@asynccontextmanager
async def _open_workspace(
    root: Path, loaded: Loaded, buffers: Buffers, front_end: FrontEnd
) -> AsyncGenerator[Opened]:
    module = await anyio.to_thread.run_sync(import_module, "podium.cli.workspace")
    await anyio.to_thread.run_sync(_let_go)
    async with module.open_workspace(root, loaded, buffers, front_end) as opened:
        yield opened
