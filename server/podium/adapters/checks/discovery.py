"""Finds the checks of a project in its files, or reads them from the settings. Runs nothing."""

import json
import os
import re
import shlex
import shutil
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from configparser import ConfigParser
from configparser import Error as ConfigError
from fnmatch import fnmatch
from itertools import islice
from pathlib import Path
from typing import Any, cast

from podium.adapters.checks.interpreter import workspace_python
from podium.adapters.checks.listing import is_dependency_dir
from podium.domain.checks import Check, CheckKind
from podium.errors import UserError

SUSPECTS = Path(__file__).parent / "runtime" / "suspects.py"

_SHELL_SYNTAX = re.compile(r"[|&;<>$`()*?~\n]")
_NPM_STUB = "no test specified"
_NPM_KINDS: Mapping[str, CheckKind] = {
    "test": "test", "lint": "lint", "typecheck": "types", "type-check": "types", "types": "types", "build": "build",
}  # fmt: skip
_KIND_WORDS: tuple[tuple[CheckKind, str], ...] = (
    ("lint", r"lint|ruff check|flake8|clippy|\bvet\b"),
    ("types", r"mypy|pyright|\btsc\b|types?\b|typecheck"),
    ("build", r"\bbuild\b|\bcompile"),
)


def found_checks(root: Path, configured: Mapping[str, object] | None) -> tuple[Check, ...]:
    """Return the project's checks: the configured ones where there are any, else those found in its files.

    With pytest among them comes the probe `suspects`, which localises the fault behind failing tests.

    Raises:
        UserError: a configured check is not a command; the message names the setting.
    """
    checks = [_configured(root, name, command) for name, command in (configured or {}).items()]
    if not checks:
        checks = [*_pytest(root), *_npm(root), *_tools(root)]
    if any(check.is_pytest for check in checks):
        checks.append(Check("suspects", ("{python}", str(SUSPECTS)), kind="probe"))
    return tuple(checks)


def missing_tools(root: Path) -> tuple[str, ...]:
    """Return a sentence for each kind of project whose tool is not installed here."""
    owners = {"package.json": "npm", "Cargo.toml": "cargo", "go.mod": "go", "Makefile": "make"}
    return tuple(
        f"{name} was found, but {tool} is not on PATH"
        for name, tool in owners.items()
        if (root / name).is_file() and shutil.which(tool) is None
    )


def _configured(root: Path, name: str, command: object) -> Check:
    if not re.fullmatch(r"\S+", name) or name == "suspects":
        raise UserError(f"Setting checks.{name}: a name is one word, and not `suspects`.")
    words: list[str] = []
    if isinstance(command, str):
        try:
            words = ["sh", "-c", command] if _SHELL_SYNTAX.search(command) else shlex.split(command)
        except ValueError as problem:
            raise UserError(f"Setting checks.{name} cannot be read as a command: {problem}.") from problem
    elif isinstance(command, Sequence):
        given = cast("Sequence[object]", command)
        words = [word for word in given if isinstance(word, str)]
        words = words if len(words) == len(given) else []
    if not words or not words[0]:
        raise UserError(f"Setting checks.{name} must be a command, as text or as a list of words.")
    argv = _with_project_python(words)
    return Check(name, argv, _kind(f"{name} {command}"), trouble=_trouble(root, argv[0]))


def _trouble(root: Path, program: str) -> str:
    """Return why a program cannot start; a path is not looked for, since a mission may make the file."""
    if program == "{python}" or "/" in program or os.sep in program:
        return ""
    python = workspace_python(root)
    places = [str(place.parent) for place in (python, Path(sys.executable)) if place]
    if shutil.which(program, path=os.pathsep.join([*places, os.environ.get("PATH", os.defpath)])):
        return ""
    return f"there is no program {program!r} here"


def _kind(text: str) -> CheckKind:
    for kind, words in _KIND_WORDS:
        if re.search(words, text):
            return kind
    return "test"


def _with_project_python(words: list[str]) -> tuple[str, ...]:
    if words[0] in {"python", "python3"}:
        return ("{python}", *words[1:])
    if words[0] in {"pytest", "py.test"}:
        return ("{python}", "-m", "pytest", *words[1:])
    return tuple(words)


def _pytest(root: Path) -> Iterator[Check]:
    if _has_pytest_settings(root) or any(_test_files(root)):
        yield Check("pytest", ("{python}", "-m", "pytest", "-q"))


def _has_pytest_settings(root: Path) -> bool:
    if any((root / name).is_file() for name in ("pytest.ini", ".pytest.ini", "pytest.toml", "conftest.py")):
        return True
    tool = _toml(root / "pyproject.toml").get("tool", {})
    if isinstance(tool, dict) and "pytest" in tool:
        return True
    return any(
        _has_section(root / name, section)
        for name, section in (("setup.cfg", "tool:pytest"), ("tox.ini", "pytest"))
    )


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}


def _has_section(path: Path, section: str) -> bool:
    parser = ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(path.read_text("utf-8"))
    except (OSError, ValueError, ConfigError):
        return False
    return parser.has_section(section)


def _test_files(root: Path) -> Iterator[str]:
    """Yield the names of Python test files, from at most 5,000 directories."""
    for directory, names, file_names in islice(os.walk(root), 5000):
        here = Path(directory)
        names[:] = [name for name in names if not name.startswith(".") and not is_dependency_dir(here / name)]
        yield from (name for name in file_names if fnmatch(name, "test_*.py") or fnmatch(name, "*_test.py"))


def _npm(root: Path) -> Iterator[Check]:
    try:
        scripts = json.loads((root / "package.json").read_text("utf-8"))["scripts"].items()
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return
    if shutil.which("npm") is None:
        return
    for name, script in scripts:
        if name in _NPM_KINDS and _NPM_STUB not in str(script):
            yield Check(f"npm:{name}", ("npm", "run", "--silent", name), _NPM_KINDS[name])


def _tools(root: Path) -> Iterator[Check]:
    if (root / "Cargo.toml").is_file() and shutil.which("cargo"):
        yield Check("cargo:test", ("cargo", "test", "--offline"))
    if (root / "go.mod").is_file() and shutil.which("go"):
        yield Check("go:test", ("go", "test", "./..."))
    if shutil.which("make"):
        yield from _make(root)


def _make(root: Path) -> Iterator[Check]:
    """Yield the `test` or `check` target, unless the folder has tests of a kind that is known better."""
    known = ("package.json", "Cargo.toml", "go.mod")
    if any((root / name).is_file() for name in known) or any(_pytest(root)):
        return
    for name in ("GNUmakefile", "makefile", "Makefile"):
        path = root / name
        text = path.read_text("utf-8", "replace") if path.is_file() else ""
        for target in ("test", "check"):
            if re.search(rf"^{target}\s*:(?!=)", text, re.MULTILINE):
                yield Check(f"make:{target}", ("make", target))
                return
