"""Runs pytest again and again in forks of one process that has imported it already.

It runs in the project's interpreter (Python 3.8 or later, with os.fork) and is self-contained. Requests are
lines on standard input, answers lines on standard output, the first of them {"ready": true}:

    {"args": [...], "env": {...}, "output": file, "timeout_s": n, "memory_bytes": n,
     "notes": file or ""}
        -> {"exit_code": n, "timed_out": bool, "duration_s": n}; the installed modules that the run
        imported are in the file `notes`
    {"preload": [module, ...]} -> {"ready": true}

The parent never imports a module of the project, so that every child sees the files as they are at its start.
"""

from __future__ import annotations

import gc
import importlib
import importlib.metadata
import json
import os
import select
import signal
import sys
import time
from pathlib import Path
from typing import Any

TIMED_OUT = 124
FILE_BYTES = 64 * 1024 * 1024
NOT_PRELOADED = (
    "test.",
    "idlelib",
    "podium_",
    "conftest",
    "__main__",
    "antigravity",
    "this",
    "gevent",
    "eventlet",
)


def serve() -> None:
    """Answer requests until standard input ends."""
    requests = os.fdopen(keep(0), encoding="utf-8")
    answers = os.fdopen(keep(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    wake = wake_on_child_exit()
    del sys.path[0]
    import_pytest()
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in iter(requests.readline, ""):
        request = json.loads(line)
        if "preload" in request:
            preload(request["preload"])
            answer: dict[str, Any] = {"ready": True}
        else:
            answer = run(request, wake)
        print(json.dumps(answer), file=answers, flush=True)


def keep(number: int) -> int:
    """Return a duplicate of the file descriptor that no child command inherits."""
    duplicate = os.dup(number)
    os.set_inheritable(duplicate, False)
    return duplicate


def wake_on_child_exit() -> int:
    """Return the end of a pipe that becomes readable when a child exits."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    signal.signal(signal.SIGCHLD, ignore)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    return reading


def ignore(_signal: int, _frame: object) -> None:
    """Do nothing: the signal is there to wake up the pipe."""


def import_pytest() -> None:
    """Import pytest with its own plugins, and list the installed packages; a missing pytest ends the process."""
    for name in ("pytest", "podium_pytest_report"):
        importlib.import_module(name)
    config = importlib.import_module("_pytest.config")
    for name in config.default_plugins:
        try:
            importlib.import_module("_pytest." + name)
        except ImportError:
            continue
    for distribution in importlib.metadata.distributions():
        distribution.entry_points  # noqa: B018 - reading it warms the caches of the import system


def preload(names: list[str]) -> None:
    """Import installed modules that a run needed; they are not the project's, so they cannot be stale."""
    for name in names:
        if name not in sys.modules:
            try:
                importlib.import_module(name)
            except Exception:  # noqa: BLE001, S112 - any module may refuse to be imported out of its turn
                continue


def run(request: dict[str, Any], wake: int) -> dict[str, Any]:
    """Return how a fork of this process ended that ran pytest as asked; its whole group is killed then."""
    began = time.monotonic()
    gc.collect()
    gc.freeze()
    child = os.fork()
    if child == 0:
        become_pytest(request)
    status = wait(child, wake, began + request["timeout_s"])
    exit_code = TIMED_OUT if status is None else exit_code_of(status)
    return {"exit_code": exit_code, "timed_out": status is None, "duration_s": time.monotonic() - began}


def wait(child: int, wake: int, deadline: float) -> int | None:
    """Return the child's status, or None when the deadline comes first."""
    while True:
        left = deadline - time.monotonic()
        if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            end_group(child)
            return os.waitpid(child, 0)[1]
        if left <= 0:
            end_group(child)
            os.waitpid(child, 0)
            return None
        if select.select([wake], [], [], left)[0]:
            os.read(wake, 4096)


def end_group(child: int) -> None:
    """Kill the child with everything that it started and that stayed in its group."""
    for kill in (os.killpg, os.kill):
        try:
            kill(child, signal.SIGKILL)
        except OSError:
            continue


def exit_code_of(status: int) -> int:
    """Return the exit code of a status, negative for a signal."""
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def become_pytest(request: dict[str, Any]) -> None:
    """Run pytest in this (forked) process and exit with its code."""
    exit_code = 3
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        output = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        os.dup2(output, 1)
        os.dup2(output, 2)
        limit(request["memory_bytes"])
        os.environ.update(request["env"])
        sys.argv = ["pytest", *request["args"]]
        sys.path.insert(0, str(Path.cwd()))
        importlib.invalidate_caches()
        accept_preloaded_modules()
        exit_code = int(sys.modules["pytest"].main(request["args"]))
        if request["notes"]:
            Path(request["notes"]).write_text("\n".join(installed_modules()), "utf-8")
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(exit_code)


def accept_preloaded_modules() -> None:
    """Keep pytest from warning that it cannot rewrite the assertions of a plugin that was imported before."""
    hook = getattr(sys.modules["_pytest.assertion.rewrite"], "AssertionRewritingHook", None)
    if hasattr(hook, "_warn_already_imported"):
        setattr(hook, "_warn_already_imported", ignore)  # noqa: B010 - there is no public way


def limit(memory_bytes: int) -> None:
    """Bound the memory and the files of this process."""
    import resource  # noqa: PLC0415 - not on every platform

    for kind, most in ((resource.RLIMIT_DATA, memory_bytes), (resource.RLIMIT_FSIZE, FILE_BYTES)):
        soft, hard = resource.getrlimit(kind)
        if soft == resource.RLIM_INFINITY or soft > most:
            resource.setrlimit(kind, (most, hard))


def installed_modules() -> list[str]:
    """Return the imported modules that belong to the standard library or an installed package."""
    library = str(Path(os.__file__).resolve().parent) + os.sep
    found: list[str] = []
    for name, module in sorted(sys.modules.items()):
        file = getattr(module, "__file__", None) or ""
        installed = file.startswith(library) or "-packages" + os.sep in file
        if installed and not name.startswith(NOT_PRELOADED):
            found.append(name)
    return found


if __name__ == "__main__":
    serve()
