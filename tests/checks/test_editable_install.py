"""The trap: tests import the user's own copy of the code and so verify the wrong thing."""

import subprocess
import sys
from pathlib import Path

import pytest

from podium.adapters.checks.sandbox import Sandbox
from podium.domain.checks import Candidate
from tests.checks.projects import CALC, FIXED, NO_SANDBOX, PYTEST, both_ways, needs_sandbox, opened, write

pytestmark = pytest.mark.anyio

TEST = "from sums.calc import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n"
CHANGE = {"src/sums/calc.py": FIXED.encode()}


def environment(root: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "--symlinks", root / ".venv"], check=True)


def installed_editable(root: Path) -> Path:
    """Return a project in src layout, installed editable into its own virtual environment."""
    root = write(root, {"src/sums/__init__.py": "", "src/sums/calc.py": CALC, "tests/test_calc.py": TEST})
    environment(root)
    (site,) = root.glob(".venv/lib/python*/site-packages")
    tools = [place for place in sys.path if place.endswith("site-packages")]
    site.joinpath("tools.pth").write_text("\n".join(tools) + "\n", encoding="utf-8")
    site.joinpath("sums.pth").write_text(f"{root / 'src'}\n", encoding="utf-8")
    return root


@both_ways
async def test_an_editable_install_does_not_hide_the_candidate(tmp_path: Path, sandbox: Sandbox) -> None:
    root = installed_editable(tmp_path)
    async with opened(root, sandbox) as checks:
        before = await checks.run(Candidate(str(root), {}), PYTEST)
        after = await checks.run(Candidate(str(root), CHANGE), PYTEST)
        said = checks.describe()
    assert ".venv" in said.interpreter
    assert "the workspace's .venv" in said.interpreter
    assert not before.green
    assert after.green, after.output


def reaching_into_the_workspace(root: Path) -> Path:
    """Return a project whose tests put the workspace's absolute path in front."""
    root = root.resolve()
    conftest = f"import sys\nsys.path.insert(0, {str(root / 'src')!r})\n"
    return write(
        root,
        {
            "src/sums/__init__.py": "",
            "src/sums/calc.py": FIXED,
            "t/test_calc.py": TEST,
            "conftest.py": conftest,
        },
    )


async def test_a_run_that_used_the_users_copy_is_red_although_it_passed(tmp_path: Path) -> None:
    root = reaching_into_the_workspace(tmp_path)
    async with opened(root, NO_SANDBOX) as checks:
        result = await checks.run(Candidate(str(root), {"src/sums/calc.py": CALC.encode()}), PYTEST)
    assert not result.green
    assert "from the workspace" in result.failures[0].message
    assert "not the candidate" in result.failures[0].message


@needs_sandbox
async def test_in_the_sandbox_even_an_absolute_path_leads_to_the_candidate(tmp_path: Path) -> None:
    root = reaching_into_the_workspace(tmp_path)
    async with opened(root) as checks:
        wrong = await checks.run(Candidate(str(root), {"src/sums/calc.py": CALC.encode()}), PYTEST)
        right = await checks.run(Candidate(str(root), {}), PYTEST)
    assert [failure.test for failure in wrong.failures] == ["t/test_calc.py::test_add"]
    assert right.green


async def test_a_workspace_environment_without_pytest_is_passed_over_and_named(tmp_path: Path) -> None:
    root = write(tmp_path, {"test_a.py": "def test_a():\n    pass\n"})
    environment(root)
    async with opened(root) as checks:
        result = await checks.run(Candidate(str(root), {}), PYTEST)
        said = checks.describe().interpreter
    assert result.green, result.output
    assert "VIRTUAL_ENV (the workspace's .venv has no pytest)" in said
