"""Candidate trees at scale: slots of 50,000 files, a delivery of 200 files, and the merge of 50 tasks.

Slots are prepared by the real checks for one that does nothing, with a small change laid over the files, beside `git worktree add`
and `cp -a` of the same repository. The delivery goes from the real server over stdio to the built-in client,
which writes the files; the time is from one event to the other as the client sees them. The merge is
three-way: each task changes a line of its own in four of ten files, of 400 lines each.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median

import anyio

from podium.adapters.checks.runner import LocalChecks
from podium.adapters.disk_workspace import DiskWorkspace
from podium.domain.checks import Candidate
from podium.domain.messages import Json
from podium.engine.mission_tree import MissionTree
from podium.engine.tree import CandidateTree, UserFiles
from tests.bench._server import serving

FOLDERS, FILES_EACH = 500, 100
DELIVERED = 200
TASKS, SHARED_FILES, FILES_A_TASK, LINES = 50, 10, 4, 400

PROVIDER = """
import anyio
from tests.models.provider import Provider, Received, Reply, calls

PATHS = [f"file{n}.txt" for n in range(N_FILES)]

def respond(request: Received) -> Reply:
    if request.role == "planner":
        task = {"id": "t", "title": "Change all", "instructions": "Change all.", "files": PATHS[:1]}
        return calls(("submit_plan", {"tasks": [task]}))
    if request.role == "reviewer":
        return calls(("submit_review", {"verdict": "approve"}))
    if request.role == "commander":
        return calls(("sign_off", {"summary": "All changed."}))
    edits = [("edit_file", {"path": path, "old": "line 100\\n", "new": "line one hundred\\n"}) for path in PATHS]
    return calls(*edits, ("finish", {"summary": "Changed."}))

async def main() -> None:
    async with Provider(respond) as provider:
        print(provider.url, flush=True)
        await anyio.sleep_forever()

anyio.run(main)
""".replace("N_FILES", str(DELIVERED))


def run() -> dict[str, float]:
    """Return seconds for trees of 50,000 files (`plain_`: without git), and milliseconds for edits."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder).resolve()
        repository = _repository(home / "repository")
        figures = {
            **_prepared("", repository),
            "worktree_s": _took("git", "worktree", "add", "-q", str(home / "worktree"), at=repository),
            "copy_s": _took("cp", "-a", str(repository), str(home / "copy"), at=home),
        }
        shutil.rmtree(home / "worktree")
        (home / "copy" / ".git").unlink()
        figures |= _prepared("plain_", home / "copy")
        figures["deliver_200_files_ms"] = anyio.run(_deliver, home / "delivery")
        figures["merge_50_ms"] = _merge(home / "merge")
    return {name: round(value, 3 if name.endswith("_s") else 1) for name, value in figures.items()}


def _repository(root: Path) -> Path:
    """Make a git work tree of 50,000 Python files; git's own files lie beside it, so that no copy has them."""
    for n in range(FOLDERS):
        folder = root / f"package{n // 25}" / f"module{n}"
        folder.mkdir(parents=True)
        for m in range(FILES_EACH):
            (folder / f"file{m}.py").write_text(f"# {n} {m}\n" + "x = 1\n" * (m * 4), encoding="utf-8")
    for words in (
        ("init", "-q", "--separate-git-dir", str(root.with_suffix(".git"))),
        ("add", "-A"),
        ("-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "-q", "-m", "All"),
    ):
        subprocess.run(["git", *words], cwd=root, check=True)
    return root


def _took(*argv: str, at: Path) -> float:
    os.sync()
    began = time.perf_counter()
    subprocess.run(argv, cwd=at, check=True)
    return time.perf_counter() - began


def _prepared(prefix: str, root: Path) -> dict[str, float]:
    """Return how long the first preparation of a slot takes, and a later one with another change."""

    async def measure() -> list[float]:
        checks = LocalChecks(root, {"nothing": "true"}, parallel=1)
        (nothing,) = checks.found()
        took: list[float] = []
        os.sync()
        try:
            for n in range(6):
                overlay = {f"package0/module0/file{m}.py": b"changed %d\n" % n for m in range(5)}
                began = time.perf_counter()
                assert (await checks.run(Candidate(str(root), overlay), nothing)).green
                took.append(time.perf_counter() - began)
        finally:
            await checks.aclose()
        return took

    first, *later = anyio.run(measure)
    return {f"{prefix}first_s": first, f"{prefix}next_s": median(later)}


async def _deliver(project: Path) -> float:
    """Return the milliseconds from a verified change of 200 files to its being in the files, as a median of 5."""
    took = [await _delivered(project.with_name(f"{project.name}{n}")) for n in range(5)]
    return median(took)


@asynccontextmanager
async def _provider() -> AsyncGenerator[dict[str, Json]]:
    """Run the scripted provider in a process of its own, and yield the settings that lead to it."""
    os.environ["BENCH_KEY"] = "unused"
    process = await anyio.open_process([sys.executable, "-c", PROVIDER], stderr=None)
    try:
        assert process.stdout
        url = (await process.stdout.receive()).decode().strip()
        yield {
            "model": "openai/scripted",
            "apiBase": url,
            "apiKeyEnv": "BENCH_KEY",
            "checks": {"nothing": "true"},
        }
    finally:
        process.kill()
        await process.aclose()


async def _delivered(home: Path) -> float:
    project = home / "project"
    project.mkdir(parents=True)
    for n in range(DELIVERED):
        (project / f"file{n}.txt").write_text(_lines(200), encoding="utf-8")
    seen: dict[str, float] = {}

    def note(method: str, params: Mapping[str, Json]) -> None:
        event = params.get("event")
        if method == "podium/event" and isinstance(event, dict):
            seen.setdefault(str(event["kind"]), time.perf_counter())

    async with _provider() as options, serving(project, options, note) as client:
        mission = await client.execute("podium.task", {"goal": "Change all.", "apply": "verified"})
        ended = await client.execute("podium.wait", {**mission, "timeoutS": 60})
        assert ended["status"] == "signed_off", ended
    for n in range(DELIVERED):
        assert "line one hundred\n" in (project / f"file{n}.txt").read_text("utf-8")
    return (seen["proposal_delivered"] - seen["proposal_made"]) * 1e3


def _merge(root: Path) -> float:
    """Return the milliseconds in which the trees of 50 tasks become one, without a conflict."""
    root.mkdir()
    paths = [f"file{n}.txt" for n in range(SHARED_FILES)]
    for path in paths:
        (root / path).write_text(_lines(LINES), encoding="utf-8")
    mission = MissionTree(str(root), UserFiles(DiskWorkspace(root)))
    tasks = [CandidateTree(str(root), mission) for _ in range(TASKS)]
    for n, task in enumerate(tasks):
        for m in range(FILES_A_TASK):
            path = paths[(n * FILES_A_TASK + m) % SHARED_FILES]
            line = f"line {n * LINES // TASKS + 2}\n"
            task.write(path, _lines(LINES).replace(line, f"changed by task {n}\n").encode())
    began = time.perf_counter()
    for n, task in enumerate(tasks):
        assert not mission.land(f"p-{n}", task.edits())
    took = time.perf_counter() - began
    changed = sum(mission.text(path).text.count("changed by task") for path in paths)
    assert changed == TASKS * FILES_A_TASK
    return took * 1e3


def _lines(n: int) -> str:
    return "".join(f"line {i}\n" for i in range(n))
