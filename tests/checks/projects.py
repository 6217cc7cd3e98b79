"""Small real projects for the tests of checks."""

import os
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


def install(place: Path, *names: str) -> None:
    """Put programs of these names on PATH that do nothing; the environment is each test's own."""
    place.mkdir()
    for name in names:
        (place / name).write_text("#!/bin/sh\n", encoding="utf-8")
        (place / name).chmod(0o755)
    os.environ["PATH"] = f"{place}{os.pathsep}{os.environ['PATH']}"


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
