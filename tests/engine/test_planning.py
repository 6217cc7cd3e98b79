"""What planning costs, and what a Planner is told before it looks around."""

from pathlib import Path

import pytest

from podium.adapters.disk_workspace import DiskWorkspace
from podium.engine.briefs import MOST_MANIFEST, planning_text
from podium.engine.tree import CandidateTree, UserFiles
from tests.engine.play import play
from tests.engine.scenario import Scenario

SCENARIOS = Path(__file__).parents[1] / "scenarios"


@pytest.mark.anyio
async def test_the_smallest_mission_costs_four_requests_as_the_readme_says(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    (root / "test_a.py").write_text("", encoding="utf-8")
    played = await play(
        Scenario.read(SCENARIOS / "the-smallest-mission-costs-four-requests.md"), root, tmp_path / "state"
    )
    asked = [request.role for request in played.model.script.requests]
    assert asked == ["planner", "worker", "reviewer", "commander"]
    assert [state.ending for state in played.live.values()] == ["signed_off"]
    assert "# Test files\ntest_a.py" in str(played.model.script.requests[0].messages[1].get("content"))
    assert "four requests" in (SCENARIOS.parents[1] / "README.md").read_text(encoding="utf-8")


def test_a_planner_has_the_manifest_and_the_names_of_the_test_files_before_it(tmp_path: Path) -> None:
    for name in ("test_a.py", "lib/a.test.ts", "lib/b_test.go", "testing.py", "latest.py"):
        place = tmp_path / name
        place.parent.mkdir(exist_ok=True)
        place.write_text("", encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text("[project]\n" + "#" * MOST_MANIFEST, encoding="utf-8")
    text = planning_text(CandidateTree(str(tmp_path), UserFiles(DiskWorkspace(tmp_path))))
    assert text.startswith("# pyproject.toml\n[project]\n##")
    assert len(text) < MOST_MANIFEST + 200
    assert text.endswith("# Test files\nlib/a.test.ts, lib/b_test.go, test_a.py")
