"""Builds the adapters of one workspace: the place that knows which adapter stands behind each port.

It is imported when a workspace opens, after the client has its answer to `initialize`.
"""

import logging
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import anyio

from podium.adapters.checks.runner import LocalChecks
from podium.adapters.checks.sandbox import detect
from podium.adapters.disk_workspace import DiskWorkspace
from podium.adapters.journal import SqliteJournal
from podium.adapters.journal_file import state_dir
from podium.adapters.knowledge_file import KnowledgeFile
from podium.adapters.masked import MaskedJournal, MaskedModel, mask_of
from podium.adapters.models.client import ModelProcess
from podium.adapters.neighbours import LocalNeighbours
from podium.adapters.processes import process_lives, this_process
from podium.cli.detaching import detach
from podium.config import DEFAULT_MODEL, Loaded, Settings
from podium.engine.services import Services
from podium.errors import ModelUnavailable
from podium.lsp.protocol import DoctorLine
from podium.lsp.session import Buffers, Opened
from podium.ports import FrontEnd, ModelFault

_log = logging.getLogger(__name__)


@asynccontextmanager
async def open_workspace(
    root: Path,
    loaded: Loaded,
    buffers: Buffers,
    front_end: FrontEnd,
    open_journal: Callable[[Path], Awaitable[SqliteJournal]] = SqliteJournal.open,
) -> AsyncGenerator[Opened]:
    """Open the workspace `root`; leaving the context stops its model process and its checks."""
    sandbox = await anyio.to_thread.run_sync(detect, loaded.settings.sandbox)
    configured = loaded.settings.checks
    if loaded.repository_checks and not sandbox.confines:
        _log.warning("The repository's own checks are not used, because there is no sandbox to run them in.")
        configured = {name: c for name, c in configured.items() if name not in loaded.repository_checks}
    workspace = DiskWorkspace(root, buffers)
    checks = LocalChecks(root, configured, sandbox)
    model = ModelProcess()
    mask = await anyio.to_thread.run_sync(mask_of, os.environ, state_dir())

    try:
        async with await open_journal(root) as journal, anyio.create_task_group() as tasks:

            async def doctor(settings: Settings) -> list[DoctorLine]:
                return await anyio.to_thread.run_sync(_doctor, settings, checks, journal)

            await tasks.start(model.run)
            for name in _models(loaded.settings):
                tasks.start_soon(_warm, model, name, loaded.settings.api_base)
            services = Services(
                MaskedModel(model, mask),
                workspace,
                checks,
                MaskedJournal(journal, mask),
                front_end,
                KnowledgeFile(root),
                mask,
            )
            process = this_process()
            neighbours = LocalNeighbours(journal.path.with_suffix(".servers"), process)
            leave = partial(detach, root, process)
            yield Opened(services, process, process_lives, neighbours, doctor, leave, journal.notice)
            tasks.cancel_scope.cancel()
    finally:
        await checks.aclose()


def _models(settings: Settings) -> set[str]:
    """Return the configured models that take time to load."""
    names = {settings.model, *(role.model for role in settings.roles.values() if role.model)}
    return {name for name in names if not name.startswith("builtin/")}


async def _warm(process: ModelProcess, model: str, api_base: str | None) -> None:
    try:
        await process.warm(model, api_base)
    except (ModelFault, ModelUnavailable) as error:
        _log.warning("The model process could not be warmed: %s", error)


def _doctor(settings: Settings, checks: LocalChecks, journal: SqliteJournal) -> list[DoctorLine]:
    found = checks.describe()
    lines = [
        _model_line(settings),
        DoctorLine(name="sandbox", state="ok" if found.confined else "limited", detail=found.sandbox),
        DoctorLine(name="python", state="ok", detail=found.interpreter),
        *(DoctorLine(name="check", state="ok", detail=check) for check in found.checks),
        *(DoctorLine(name="check", state="missing", detail=tool) for tool in found.missing),
        DoctorLine(
            name="journal",
            state="limited" if journal.notice else "ok",
            detail=journal.notice or str(journal.path),
        ),
    ]
    if not found.checks and not found.missing:
        lines.append(
            DoctorLine(
                name="check", state="missing", detail="no checks found; name some in the setting `checks`"
            )
        )
    return lines


def _model_line(settings: Settings) -> DoctorLine:
    where = f" at {settings.api_base}" if settings.api_base else ""
    if settings.model == DEFAULT_MODEL:
        detail = f"{DEFAULT_MODEL}: repairs failing Python tests by search; set `model` for everything else"
        return DoctorLine(name="model", state="limited", detail=detail)
    if settings.api_key_env and not os.environ.get(settings.api_key_env):
        detail = f"{settings.model}{where}: the variable {settings.api_key_env} is not set"
        return DoctorLine(name="model", state="missing", detail=detail)
    return DoctorLine(name="model", state="ok", detail=f"{settings.model}{where}")
