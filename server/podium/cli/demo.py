"""`podium demo`: a whole mission on a small project with failing tests, without a key and without a network.

The model is `builtin/repair`, whatever the user's settings say, so that the demo shows the same everywhere.
"""

import shutil
import subprocess
import sys
import tempfile
from argparse import Namespace
from pathlib import Path
from typing import get_args

import anyio

from podium.cli.conduct import Order
from podium.cli.run_mission import OTHERWISE, follow, view_for
from podium.config import DEFAULT_MODEL
from podium.domain.messages import Json
from podium.domain.rights import Role

GOAL = "make the failing tests pass"
_PROJECT = Path(__file__).with_name("demo_project")
_PROOF_TIMEOUT_S = 120


def run(arguments: Namespace) -> int:
    """Run the demo; return 0 only when the project's tests pass in the end."""
    parent = Path(tempfile.mkdtemp(prefix="podium-demo-")).resolve()
    folder = parent / "bookings"
    shutil.copytree(_PROJECT, folder, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache"))
    talks = not (arguments.json or arguments.quiet)
    try:
        if talks:
            _say(
                f"A small Python project with failing tests is in {folder}.\n"
                f'Podium gets the goal "{GOAL}" and works on it with `{DEFAULT_MODEL}`:\n'
                "a search-based repair engine that needs no key and no network.\n\n"
            )
        code = anyio.run(follow, _order(folder), view_for(arguments))
        if code:
            return code
        passed, last_line = _proof(folder)
        if talks:
            _say(f"\n$ python -m pytest\n{last_line}\n")
        return 0 if passed else OTHERWISE
    finally:
        if arguments.keep:
            (sys.stderr if arguments.json else sys.stdout).write(f"The project is kept in {folder}.\n")
        else:
            shutil.rmtree(parent, ignore_errors=True)
            if talks:
                _say("The project was removed again; `podium demo --keep` keeps it.\n")


def _order(folder: Path) -> Order:
    every_role: Json = {role: {"model": DEFAULT_MODEL} for role in get_args(Role)}
    settings: dict[str, Json] = {
        "model": DEFAULT_MODEL,
        "roles": every_role,
        "fallbacks": [],
        "apply": "verified",
        "approvePlan": False,
    }
    return Order(folder, "podium.task", {"goal": GOAL, "model": DEFAULT_MODEL}, settings)


def _proof(folder: Path) -> tuple[bool, str]:
    """Return whether the project's tests pass in `folder` as it is on disk, and pytest's last line."""
    argv = [sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(  # noqa: S603 - our own interpreter on our own project
        argv, cwd=folder, capture_output=True, text=True, check=False, timeout=_PROOF_TIMEOUT_S
    )
    lines = done.stdout.split("\n")
    return done.returncode == 0, next((line for line in reversed(lines) if line.strip()), "")


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
