"""Plays the workflow around builtin/repair on a directory: executes its tool calls for real.

It stands where the engine stands: planner, worker for each task, reviewer. Every check is a real process
on the directory, and a candidate counts as green only after the whole check passed in a fresh one.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from queue import SimpleQueue
from typing import cast

from podium.adapters.repair.model import NAME, answer
from podium.errors import ModelUnavailable
from podium.ports import Json, Message, ModelRequest

SUSPECTS = Path(__file__).parents[2] / "server/podium/adapters/checks/runtime/suspects.py"
WARM = Path(__file__).parent / "warm_pytest.py"
PAGE_LINES = 200
ENVIRONMENT = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
LIMIT_S = 15.0
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)(?: - (.*))?$", re.MULTILINE)
_PLACE = re.compile(r"^(\S+\.py):(\d+): ", re.MULTILINE)


@dataclass
class Outcome:
    """What came of one project; `green` is what a last, fresh run of its tests says."""

    finished: bool
    green: bool
    n_candidates: int
    wall_s: float
    words: str
    changed: dict[str, str] = field(default_factory=dict[str, str])
    conversation: list[Message] = field(default_factory=list[Message])
    verdict: str = ""


class Project:
    """A directory whose files the tools read, change and check."""

    def __init__(self, root: Path, stack: ExitStack, n_runners: int = 2) -> None:
        self.root = root
        self.n_candidates = 0
        self.before = {path: path.read_text() for path in sorted(root.rglob("*.py"))}
        self.idle: SimpleQueue[subprocess.Popen[str]] = SimpleQueue()
        for _ in range(n_runners):
            argv = [sys.executable, str(WARM)]
            runner = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            stack.callback(_end, runner)
            self.idle.put(runner)

    def execute(self, tool: str, arguments: dict[str, Json]) -> str:
        match tool:
            case "run_command":
                return self.run(str(arguments["command"]))
            case "read_file":
                return self.page(str(arguments["path"]), int(cast("int", arguments.get("start_line", 1))))
            case "try_edits":
                return self.try_out(
                    cast("list[list[dict[str, str]]]", arguments["candidates"]), str(arguments["check"])
                )
            case "edit_file":
                return self.edit(cast("dict[str, str]", arguments))
            case _:
                return "ok"

    def page(self, path: str, start: int) -> str:
        file = self.root / path
        if not file.is_file():
            return f"error: there is no file {path}"
        lines = file.read_bytes().decode().splitlines(keepends=True)
        shown = lines[start - 1 : start - 1 + PAGE_LINES]
        text = "".join(f"{start + i}\t{line}" for i, line in enumerate(shown))
        end = start + len(shown) - 1
        return (
            text
            if end >= len(lines)
            else f"{text}[lines {start}-{end} of {len(lines)}; pass start_line={end + 1} to read on]\n"
        )

    def run(self, command: str) -> str:
        name, *targets = command.split()
        script = (
            [str(SUSPECTS)]
            if name == "suspects"
            else ["-m", "pytest", "-q", "-rfE", "--tb=line", "-p", "no:cacheprovider"]
        )
        started = time.monotonic()
        try:
            done = subprocess.run(
                [sys.executable, "-B", *script, *targets],
                cwd=self.root,
                env=ENVIRONMENT,
                capture_output=True,
                text=True,
                timeout=80 if name == "suspects" else 20,
            )
            code, output = done.returncode, done.stdout + done.stderr
        except subprocess.TimeoutExpired:
            code, output = 124, ""
        failures = [
            {"test": t, "path": t.split("::")[0], "line": 0, "message": m or ""}
            for t, m in _FAILED.findall(output)
        ]
        result = {
            "check": name,
            "exit_code": code,
            "green": code == 0,
            "duration_s": time.monotonic() - started,
        }
        return json.dumps(result | {"failures": failures, "output": output[-60_000:]})

    def try_out(self, candidates: list[list[dict[str, str]]], check: str) -> str:
        targets = check.split()[1:]
        self.n_candidates += len(candidates)
        with ThreadPoolExecutor(2) as pool:
            greens = list(pool.map(self._is_green, candidates, repeat(targets)))
        results = [
            {"candidate": i, "green": green, "failing": 0 if green else 1, "message": ""}
            for i, green in enumerate(greens)
        ]
        return json.dumps({"results": results})

    def _is_green(self, edits: list[dict[str, str]], targets: list[str]) -> bool:
        with tempfile.TemporaryDirectory() as folder:
            tree = Path(folder) / "tree"
            shutil.copytree(self.root, tree, ignore=shutil.ignore_patterns("__pycache__"))
            for edit in edits:
                if _edit(tree, edit).startswith("error"):
                    raise AssertionError(f"an edit that does not apply: {edit}")
            runner = self.idle.get()
            try:
                assert runner.stdin
                assert runner.stdout
                runner.stdin.write(
                    json.dumps({"tree": str(tree), "limit_s": LIMIT_S, "targets": targets}) + "\n"
                )
                runner.stdin.flush()
                warm = runner.stdout.readline().strip() == "0"
            finally:
                self.idle.put(runner)
            return warm and is_green(tree, targets)

    def edit(self, arguments: dict[str, str]) -> str:
        return _edit(self.root, arguments)

    def changed(self) -> dict[str, str]:
        now = {path: path.read_text() for path in sorted(self.root.rglob("*.py"))}
        return {str(p.relative_to(self.root)): text for p, text in now.items() if self.before.get(p) != text}


def is_green(tree: Path, targets: Sequence[str] = ()) -> bool:
    """Return whether the tests of `tree` pass in a fresh process."""
    argv = [sys.executable, "-B", "-m", "pytest", "-q", "-x", "--tb=no", "-p", "no:cacheprovider", *targets]
    try:
        return (
            subprocess.run(argv, cwd=tree, env=ENVIRONMENT, capture_output=True, timeout=60).returncode == 0
        )
    except subprocess.TimeoutExpired:
        return False


def repair_project(root: Path) -> Outcome:
    """Plan, work and review on the project at `root` (which is changed), and tell what came of it."""
    started = time.monotonic()
    with ExitStack() as stack:
        project = Project(root, stack)
        outcome = Outcome(False, False, 0, 0.0, "")
        try:
            planned = converse(
                project,
                "planner",
                {"goal": "make the tests pass", "kind": "task", "checks": ["pytest"]},
                outcome,
            )
            for task in cast("list[dict[str, Json]]", planned["tasks"]):
                facts: dict[str, Json] = {"mode": "code", "checks": ["pytest"], "task": task}
                finished = converse(project, "worker", facts, outcome)
                outcome.words = str(finished["summary"])
            outcome.finished = True
        except ModelUnavailable as error:
            outcome.words = str(error)
        outcome.green = is_green(root)
        outcome.changed = project.changed()
        outcome.n_candidates = project.n_candidates
    outcome.wall_s = time.monotonic() - started
    return outcome


def converse(project: Project, role: str, facts: dict[str, Json], outcome: Outcome) -> dict[str, Json]:
    """Ask until the role submits; return what it submitted."""
    messages: list[Message] = [{"role": "system", "content": role}]
    outcome.conversation = messages
    while True:
        reply = answer(ModelRequest("r", NAME, role, tuple(messages), (), facts))
        messages.append(reply.message)
        call = cast("list[dict[str, Json]]", reply.message["tool_calls"])[0]
        function = cast("dict[str, str]", call["function"])
        arguments = cast("dict[str, Json]", json.loads(function["arguments"]))
        if function["name"] in (
            "submit_plan",
            "finish",
            "submit_review",
            "submit_context",
            "sign_off",
            "ask_user",
        ):
            return arguments
        result = project.execute(function["name"], arguments)
        messages.append({"role": "tool", "tool_call_id": call["id"], "content": result})


def _edit(root: Path, edit: dict[str, str]) -> str:
    file = root / edit["path"]
    text = file.read_bytes().decode()
    if text.count(edit["old"]) != 1:
        return f"error: the text occurs {text.count(edit['old'])} times"
    file.write_bytes(text.replace(edit["old"], edit["new"]).encode())
    return "edited"


def _end(runner: subprocess.Popen[str]) -> None:
    assert runner.stdin
    assert runner.stdout
    runner.stdin.close()
    runner.stdout.close()
    runner.wait(timeout=10)
