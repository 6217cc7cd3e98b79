"""Aims a task's checks: at the tests that its change reaches, where that can be told."""

from collections.abc import Iterable

import anyio
import anyio.to_thread

from podium.domain.aiming import SETTINGS, folders_of_tests, reached_tests
from podium.domain.imports import ImportGraph
from podium.engine.tree import CandidateTree
from podium.engine.verification import CheckCall
from podium.errors import ToolError
from podium.ports import Workspace

MOST_TARGETS = 200
"""With more test files than this the whole check runs: a command line has limits, and little is saved."""


class Aim:
    """Knows which file of the workspace imports which, as it was when it was first asked."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._project: ImportGraph | None = None
        self._reading = anyio.Lock()

    async def at(self, tree: CandidateTree, calls: Iterable[CheckCall]) -> tuple[CheckCall, ...]:
        """Return the calls that verify what `tree` changes, each narrowed to test files where it can be."""
        settings = [content.decode("utf-8", "replace") for path in SETTINGS if (content := tree.read(path))]
        edited = [edit.path for edit in tree.edits()]
        overlay = tree.overlay()
        aimed: list[CheckCall] = []
        for call in calls:
            folders = folders_of_tests(call.check.argv, settings) if call.check.is_pytest else None
            if call.targets or folders is None:
                aimed.append(call)
                continue
            tests = reached_tests(await self._graph(), overlay, edited, folders)
            few = 0 < len(tests) <= MOST_TARGETS
            aimed.append(CheckCall(call.check, tests, aimed=True) if few else call)
        return tuple(aimed)

    async def _graph(self) -> ImportGraph:
        async with self._reading:
            if self._project is None:
                paths = [path for path in self._workspace.paths() if path.endswith(".py")]
                self._project = await anyio.to_thread.run_sync(self._read, paths)
        return self._project

    def _read(self, paths: Iterable[str]) -> ImportGraph:
        return ImportGraph.of({path: self._saved(path) for path in paths})

    def _saved(self, path: str) -> bytes:
        try:
            return self._workspace.read_saved(path) or b""
        except ToolError:
            return b""
