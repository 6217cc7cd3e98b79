"""The ways to a model: which names go over HTTP directly, and which through litellm."""

import os
import sys
import venv
from pathlib import Path

import anyio
import pytest

from podium.adapters.models.answers import Counted
from podium.adapters.models.host import Way, way_to
from podium.adapters.models.prices import openai_prices
from tests.models.provider import Provider, calls

HERE = "http://127.0.0.1:1/v1"


@pytest.mark.parametrize(
    ("model", "api_base", "way"),
    [
        ("builtin/repair", None, "program"),
        ("builtin/repair", HERE, "program"),
        ("openai/qwen3", HERE, "direct"),
        ("qwen3", HERE, "direct"),
        ("openai/org/qwen3", HERE, "direct"),
        ("openai/gpt-4o-mini", None, "litellm"),
        ("gpt-4o-mini", None, "litellm"),
        ("ollama/qwen3", HERE, "litellm"),
        ("hosted_vllm/qwen3", HERE, "litellm"),
    ],
)
def test_openai_names_at_an_address_go_directly(model: str, api_base: str | None, way: Way) -> None:
    assert way_to(model, api_base) == way


def test_what_a_model_of_openai_costs_is_known_without_litellm() -> None:
    prices = openai_prices("gpt-4o-mini")
    assert prices is not None
    assert prices.of(Counted(1000, 8, 768)) == pytest.approx(232 * 0.15e-6 + 768 * 0.075e-6 + 8 * 0.6e-6)
    assert prices.of(Counted(300_000, 0, 0)) == pytest.approx(300_000 * 0.15e-6)
    assert openai_prices("tiny") is None


def test_long_prompts_cost_what_long_prompts_cost() -> None:
    prices = openai_prices("gpt-5.4")
    assert prices is not None
    assert prices.long.prompt > prices.usual.prompt
    assert prices.of(Counted(300_000, 0, 0)) == pytest.approx(300_000 * prices.long.prompt)


@pytest.mark.anyio
async def test_a_mission_at_an_openai_compatible_endpoint_never_imports_litellm(tmp_path: Path) -> None:
    python = await anyio.to_thread.run_sync(_python_where_litellm_explodes, tmp_path / "venv")
    assert await _mission(python, tmp_path, "openai/tiny") == 0


@pytest.mark.anyio
async def test_a_mission_passes_through_litellm(tmp_path: Path) -> None:
    assert await _mission(Path(sys.executable), tmp_path, "hosted_vllm/tiny") == 0


async def _mission(python: Path, folder: Path, model: str) -> int:
    """Return the exit code of a search in a small project, answered by tool calls over real HTTP."""
    project = folder / "project"
    project.mkdir()
    (project / "shop.py").write_text("def discount(): ...\n", encoding="utf-8")
    place = {"path": "shop.py", "start_line": 1, "end_line": 1, "why": "its definition"}
    replies = [
        calls(("search", {"pattern": "discount"})),
        calls(("submit_context", {"summary": "It is in shop.py.", "places": [place]})),
    ]
    own = {"PODIUM_STATE_DIR": str(folder / "state"), "XDG_CONFIG_HOME": str(folder / "config")}
    async with Provider(replies) as provider:
        done = await anyio.run_process(
            [
                *(str(python), "-m", "podium", "search", "Where is the discount?", "--json"),
                *("--model", model, "--api-base", provider.url),
            ],
            cwd=project,
            env=os.environ | own,
            check=False,
        )
    assert len(provider.requests) == 2, done.stderr.decode()
    assert "shop.py" in str(provider.requests[1].body["messages"][-1])
    return done.returncode


def _python_where_litellm_explodes(folder: Path) -> Path:
    """Return the interpreter of an environment that has everything, and a litellm that cannot be imported."""
    venv.create(folder, symlinks=True)
    (site,) = (folder / "lib").glob("python*/site-packages")
    (site / "litellm.py").write_text("raise SystemExit('litellm was imported')", encoding="utf-8")
    everything = [path for path in sys.path if path]
    (site / "everything.pth").write_text("\n".join(everything), encoding="utf-8")
    return folder / "bin" / "python"
