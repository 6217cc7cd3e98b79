"""Small real projects for the tests of checks."""

import os
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from podium.adapters.checks.runner import LocalChecks
from podium.adapters.checks.sandbox import Sandbox, detect
from podium.domain.checks import Candidate, Check

SANDBOX = detect()
NO_SANDBOX = detect("off")
PYTEST = Check("pytest", ("{python}", "-m", "pytest", "-q"), timeout_s=30)

needs_sandbox = pytest.mark.skipif(not SANDBOX.confines, reason=SANDBOX.reason)


def needs_tools(*names: str) -> pytest.MarkDecorator:
    """Skip a test where one of the programs is not installed."""
    missing = [name for name in names if shutil.which(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


both_ways = pytest.mark.parametrize(
    "sandbox",
    [pytest.param(SANDBOX, id="confined", marks=needs_sandbox), pytest.param(NO_SANDBOX, id="copied")],
)

CALC = "def add(a, b):\n    return a - b\n\n\ndef one():\n    return 1\n"
FIXED = CALC.replace("a - b", "a + b")
TESTS = (
    "from calc import add, one\n\n\ndef test_add():\n    assert add(1, 2) == 3\n\n\n"
    "def test_one():\n    assert one() == 1\n"
)


def write(root: Path, files: Mapping[str, str]) -> Path:
    """Write the files below `root` and return it, resolved."""
    for name, text in files.items():
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    return root.resolve()


def calculator(root: Path) -> Path:
    """Write a project with one test that fails and one that passes."""
    return write(root, {"calc.py": CALC, "test_calc.py": TESTS})


def git(root: Path, *words: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@t", *words],
        cwd=root,
        check=True,
        capture_output=True,
    )


def candidate(root: Path, **changes: str | None) -> Candidate:
    """Return the project with files changed; `calc=…` stands for `calc.py`."""
    overlay = {f"{name}.py": None if text is None else text.encode() for name, text in changes.items()}
    return Candidate(str(root), overlay)


@asynccontextmanager
async def opened(
    root: Path, sandbox: Sandbox = SANDBOX, configured: Mapping[str, str] | None = None, **environment: str
) -> AsyncGenerator[LocalChecks]:
    """Lend checks of `root` that use the interpreter of these tests."""
    inherited = {
        "PATH": os.environ["PATH"],
        "HOME": str(Path.home()),
        "VIRTUAL_ENV": sys.prefix,
        **environment,
    }
    checks = LocalChecks(root, configured, sandbox, 2, inherited)
    try:
        yield checks
    finally:
        await checks.aclose()
