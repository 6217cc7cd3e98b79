"""The tool `search`, on files that a test writes."""

from pathlib import Path

import anyio
import pytest

from podium.adapters.checks.runner import LocalChecks
from podium.adapters.disk_workspace import DiskWorkspace
from podium.domain.checks import Candidate
from podium.domain.events import Event
from podium.engine.past import Past
from podium.engine.tools.search import Search, run
from podium.engine.tools.tool import ToolContext
from podium.engine.tree import CandidateTree, UserFiles
from podium.engine.verification import CheckDesk
from podium.errors import ToolError

pytestmark = pytest.mark.anyio


def context(root: Path) -> ToolContext:
    async def record(*_: Event) -> None:
        return

    async def ask(_text: str, _options: tuple[str, ...]) -> str:
        raise AssertionError("a search asks nobody")

    async def claim(_path: str) -> bool:
        raise AssertionError("a search changes nothing")

    tree = CandidateTree(str(root), UserFiles(DiskWorkspace(root)))
    checks = LocalChecks(root, {"check": "true"})
    return ToolContext(tree, CheckDesk(checks, lambda: Candidate(str(root), {}), record, Past()), claim, ask)


async def test_words_are_found_without_regard_to_case_and_an_expression_where_it_is_one(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.txt").write_text("One\ntwo (2)\n", encoding="utf-8")
    assert await run(context(tmp_path), Search(pattern="TWO (2)")) == "a.txt:2: two (2)"
    assert await run(context(tmp_path), Search(pattern="^o.e$", regex=True)) == "a.txt:1: One"
    with pytest.raises(ToolError, match="not valid"):
        await run(context(tmp_path), Search(pattern="(", regex=True))


async def test_an_expression_that_would_match_for_years_stops_nothing_else_and_is_refused(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.txt").write_text("a" * 60 + "!\n", encoding="utf-8")
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await anyio.sleep(0.01)
            beats += 1

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(beat)
        with pytest.raises(ToolError, match="too long"):
            await run(context(tmp_path), Search(pattern="(a|aa)+$", regex=True))
        tasks.cancel_scope.cancel()
    assert beats > 3
