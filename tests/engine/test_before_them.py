"""What each role has before it when it decides: in the requests of whole missions, as a model reads them."""

from pathlib import Path

import pytest

from podium.adapters.disk_workspace import DiskWorkspace
from podium.domain.checks import Check
from podium.domain.knowledge import Fact
from podium.engine.briefs import project_brief
from podium.engine.tree import CandidateTree, UserFiles
from tests.engine.play import play
from tests.engine.scenario import Scenario, write

SCENARIOS = Path(__file__).parents[1] / "scenarios"


async def told(scenario: str, tmp_path: Path) -> dict[str, list[str]]:
    """Return what each role was sent in a scenario, one text for each request."""
    (root := tmp_path / "project").mkdir()
    played = await play(Scenario.read(SCENARIOS / f"{scenario}.md"), root, tmp_path / "state")
    sent: dict[str, list[str]] = {}
    for request in played.model.script.requests:
        text = "\n".join(str(message.get("content")) for message in request.messages)
        sent.setdefault(request.role, []).append(text)
    return sent


@pytest.mark.anyio
async def test_a_reviewer_has_the_task_the_diff_the_results_and_what_was_red_before(tmp_path: Path) -> None:
    sent = await told("red-as-before-is-excused-when-the-user-agrees", tmp_path)
    (reviewer,) = sent["reviewer"]
    for part in (
        "# Task: Correct a\na.txt must be right.",
        "-a is wrong\n+a is right\n",
        "check failed with exit code 1.",
        "b.txt:1: b is wrong",
        "Red as before the mission: check.",
    ):
        assert part in reviewer, part


@pytest.mark.anyio
async def test_a_commander_has_the_goal_the_tasks_the_diff_and_the_checks_of_the_whole(
    tmp_path: Path,
) -> None:
    sent = await told("red-as-before-is-excused-when-the-user-agrees", tmp_path)
    for part in (
        "# Goal of the mission\nCorrect a.txt.",
        "[x] a: Correct a",
        "-a is wrong\n+a is right\n",
        "# Checks on the whole\ncheck failed with exit code 1.",
    ):
        assert part in sent["commander"][0], part


@pytest.mark.anyio
async def test_a_worker_is_told_just_what_the_reviewer_or_the_checks_found(tmp_path: Path) -> None:
    (tmp_path / "rejected").mkdir()
    (tmp_path / "red").mkdir()
    rejected = await told("a-rejection-goes-back-with-its-finding", tmp_path / "rejected")
    finding = "- error at a.txt:1 (a is rihgt): `rihgt` is no word. Suggestion: Write `right`."
    assert [finding in text for text in rejected["worker"]] == [False, False, True, True]
    red = await told("the-third-same-error-asks-and-a-hint-helps", tmp_path / "red")
    assert "a.txt:1: " in red["worker"][2]
    for n_red, wanted in ((1, "2 different"), (2, "4 different")):
        assert wanted in red["worker"][2 * n_red], f"after {n_red} red attempts"


@pytest.mark.anyio
async def test_another_reviewer_of_a_change_is_told_what_the_one_before_had_against_it(
    tmp_path: Path,
) -> None:
    sent = await told("a-wrong-rejection-is-settled-by-another-reviewer", tmp_path)
    assert ["`right` is no word." in text for text in sent["reviewer"]] == [False, True, True]


def test_every_role_is_told_the_projects_shape_checks_rules_and_what_is_known(tmp_path: Path) -> None:
    rules = ("AGENTS.md", "CLAUDE.md", ".github/copilot-instructions.md")
    for path in (*rules, "src/one.py"):
        write(tmp_path / path, f"This is {path}.\n")
    tree = CandidateTree(str(tmp_path), UserFiles(DiskWorkspace(tmp_path)))
    checks = [Check("tests", ("pytest", "-q"), "test")]
    brief = project_brief(tree, checks, "project", [Fact("Run one test with -k.", "src/one.py:1", "0")]).text
    for part in (
        *(f"{path}:\nThis is {path}." for path in rules),
        "src",
        "- tests: pytest -q",
        "- Run one test with -k.",
    ):
        assert part in brief, part
