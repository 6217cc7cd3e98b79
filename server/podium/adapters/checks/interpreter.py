"""Finds the Python that runs a project's tests, and asks it what a sandbox must leave visible."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from podium.adapters.checks.sandbox import Sandbox

_VENVS = (".venv", "venv")

_QUESTION = """
import importlib.util, json, sys
places = [p for p in sys.path if p]
for name, module in list(sys.modules.items()):
    if name.startswith("__editable__"):
        places += [str(p) for p in getattr(module, "MAPPING", {}).values()]
print(json.dumps({
    "executable": sys.executable,
    "prefixes": sorted({sys.prefix, sys.base_prefix, sys.exec_prefix}),
    "places": places,
    "pytest": importlib.util.find_spec("pytest") is not None,
}))
"""


class _Answer(TypedDict):
    executable: str
    prefixes: list[str]
    places: list[str]
    pytest: bool


@dataclass(frozen=True, slots=True)
class Interpreter:
    """The project's Python.

    `source` says in words where it was found and what was passed over. `places` are the directories that
    it imports from (installations and targets of editable installs); `venv` is its virtual environment if
    that lies in the workspace.
    """

    path: Path
    source: str
    places: tuple[Path, ...] = ()
    venv: Path | None = None


def interpreter(root: Path, sandbox: Sandbox, inherited: Mapping[str, str]) -> Interpreter:
    """Return the interpreter for the folder; it takes up to about 0.2 s, so call it in a thread.

    The first that has pytest wins: the workspace's `.venv` or `venv`, the one in VIRTUAL_ENV, `python` on
    PATH, and at last Podium's own, which always has it.
    """
    passed_over: list[str] = []
    for path, source in _candidates(root, inherited):
        answer = _ask(path, sandbox)
        if answer is not None and answer["pytest"]:
            return _found(root, path, answer, _in_words(source, passed_over))
        passed_over.append(f"{source} {'has no pytest' if answer else 'does not start'}")
    own = Path(sys.executable)
    answer = _ask(own, sandbox)
    source = _in_words("Podium's own interpreter", passed_over)
    return _found(root, own, answer, source) if answer else Interpreter(own, source)


def workspace_python(root: Path) -> Path | None:
    """Return the interpreter in the workspace's virtual environment, if there is one."""
    for name in _VENVS:
        for inside in ("bin/python", "Scripts/python.exe"):
            if (root / name / inside).exists():
                return root / name / inside
    return None


def signature(root: Path) -> tuple[float, ...]:
    """Return numbers that change when the workspace's virtual environments or their packages do."""
    places = [place for name in _VENVS for place in (root / name).glob("lib/python*/site-packages")]
    places += [root / name / "pyvenv.cfg" for name in _VENVS]
    return tuple(place.stat().st_mtime for place in places if place.exists())


def _candidates(root: Path, inherited: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    in_workspace = workspace_python(root)
    if in_workspace is not None:
        yield in_workspace, f"the workspace's {in_workspace.relative_to(root).parts[0]}"
    active = inherited.get("VIRTUAL_ENV")
    if active:
        for inside in ("bin/python", "Scripts/python.exe"):
            if (Path(active) / inside).exists():
                yield Path(active) / inside, "VIRTUAL_ENV"
    for name in ("python", "python3"):
        on_path = shutil.which(name, path=inherited.get("PATH"))
        if on_path is not None:
            yield Path(on_path), f"{name} on PATH"


def _ask(path: Path, sandbox: Sandbox) -> _Answer | None:
    environment = {
        name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "SYSTEMROOT"}
    }
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    argv = sandbox.looking_only([str(path), "-c", _QUESTION])
    try:
        done = subprocess.run(  # noqa: S603 - confined where it can be
            argv, cwd=path.anchor, env=environment, capture_output=True, text=True, timeout=20, check=True
        )
        answer: _Answer = json.loads(done.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None
    return answer


def _found(root: Path, path: Path, answer: _Answer, source: str) -> Interpreter:
    places = [Path(place) for place in (*answer["prefixes"], *answer["places"])]
    places += [place.resolve() for place in places]  # a `.venv` may be a link to somewhere else
    in_workspace = path.is_relative_to(root)
    executable = path if in_workspace else Path(answer["executable"] or path)
    venv = path.parent.parent if in_workspace else None
    return Interpreter(executable, source, tuple(dict.fromkeys(places)), venv)


def _in_words(source: str, passed_over: list[str]) -> str:
    return f"{source} ({'; '.join(passed_over)})" if passed_over else source
