"""The whole way in a real editor: Neovim 0.11, unmodified and without any plug-in."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lsp.raw_client import ROOT

NVIM = Path(sys.executable).with_name("nvim")
DRIVE = Path(__file__).parent / "neovim" / "drive.lua"

CALC = 'def add(a, b):\n    """Return the sum."""\n    return a - b\n'
TESTS = """\
from calc import add, greeting


def test_greeting():
    assert greeting("Anna") == "Grüße, Anna"


def test_add():
    assert add(2, 3) == 5
"""
TYPED = ["", "", "def greeting(name):", '    return "Grüße, " + name']


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose tests pass only with what the user types and what the agents repair, together."""
    project = tmp_path_factory.mktemp("neovim") / "project"
    project.mkdir()
    (project / "calc.py").write_text(CALC, encoding="utf-8")
    (project / "test_calc.py").write_text(TESTS, encoding="utf-8")
    return project


def test_a_mission_in_an_unmodified_neovim(project: Path, tmp_path: Path) -> None:
    server = [sys.executable, "-m", "podium", "serve"]
    own = {name: str(tmp_path / name) for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")}
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PODIUM_")},
        **own,
        "PODIUM_STATE_DIR": str(tmp_path / "state"),
        "PYTHONPATH": str(ROOT / "server"),
        "OUT": str(tmp_path / "seen.json"),
        "SERVER": json.dumps(server),
    }
    argv = [str(NVIM), "--headless", "-u", "NONE", "-i", "NONE", "-c", f"luafile {DRIVE}"]
    done = subprocess.run(
        argv, cwd=project, env=environment, capture_output=True, text=True, timeout=110, check=False
    )
    assert (tmp_path / "seen.json").exists(), done.stderr
    seen = json.loads((tmp_path / "seen.json").read_text(encoding="utf-8"))
    assert "problem" not in seen, seen["problem"]
    assert (done.returncode, seen["stopped"]) == (0, True)

    # The change stands in the buffer beside what the user typed, and neither was saved.
    assert seen["task"]["status"] == "signed_off", seen["task"]["reason"]
    assert seen["buffer"] == [*CALC.replace("a - b", "a + b").splitlines(), *TYPED]
    assert seen["modified"] is True
    assert (project / "calc.py").read_text(encoding="utf-8") == CALC
    assert seen["prompts"] == []

    # The failing test was a diagnostic with everything that its code action needs.
    (diagnostic,) = seen["diagnostics"]
    assert (diagnostic["line"], diagnostic["code"]) == (8, "failing-test")
    assert diagnostic["source"] == "Podium"
    assert diagnostic["data"] == {"findingId": seen["review"]["findings"][0]["id"]}
    ((title, command),) = seen["actions"]
    assert (title.startswith("Fix with Podium: "), command) == (True, "podium.fix")

    # Progress came under the editor's token and under the server's own, and all of it ended.
    by_token: dict[str, list[str]] = {}
    for report in seen["progress"]:
        by_token.setdefault(report["token"], []).append(report["kind"])
    assert "of-neovim" in by_token
    assert any(seen["task"]["missionId"] in token for token in by_token)
    assert all((kinds[0], kinds[-1]) == ("begin", "end") for kinds in by_token.values()), by_token
