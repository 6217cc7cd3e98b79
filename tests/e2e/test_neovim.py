"""The whole way in a real editor: Neovim 0.11, unmodified and without any plug-in."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import anyio
import pytest
from anyio.from_thread import start_blocking_portal

from podium.adapters.journal import SqliteJournal
from podium.domain.events import MissionStarted
from tests.e2e.team import APPROVES, SIGNS_OFF, edits, writes
from tests.lsp.raw_client import ROOT, Message
from tests.models.provider import Provider, Received, Reply, calls

NEOVIM = [str(Path(sys.executable).with_name("nvim")), "--headless", "-u", "NONE", "-i", "NONE"]
SCRIPTS = Path(__file__).parent / "neovim"

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


def environment(home: Path) -> dict[str, str]:
    """Return the environment of a Neovim whose server keeps everything below `home`."""
    own = {name: str(home / name) for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")}
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("PODIUM_")},
        **own,
        "PODIUM_STATE_DIR": str(home / "state"),
        "PYTHONPATH": str(ROOT / "server"),
        "OUT": str(home / "seen.json"),
        "SERVER": json.dumps([sys.executable, "-m", "podium", "serve"]),
    }


def driven(script: Path, folder: Path, home: Path, more: Mapping[str, str]) -> Message:
    """Run a script in a Neovim in `folder`, and return what it saw."""
    argv = [*NEOVIM, "-c", f"luafile {script}"]
    done = subprocess.run(
        argv,
        cwd=folder,
        env={**environment(home), **more},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert (home / "seen.json").exists(), done.stderr
    seen: Message = json.loads((home / "seen.json").read_text(encoding="utf-8"))
    assert "problem" not in seen, seen["problem"]
    assert (done.returncode, seen["stopped"]) == (0, True)
    return seen


def test_a_mission_in_an_unmodified_neovim(project: Path, tmp_path: Path) -> None:
    seen = driven(SCRIPTS / "drive.lua", project, tmp_path, {})

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


N_TASKS, N_LINES = 10, 20


def corrects_words(request: Received) -> Reply:
    """Answer as ten Workers do: each makes its word a `WORLD`, and adds a line below it."""
    match request.role:
        case "planner":
            tasks = [
                {
                    "id": f"t{n}",
                    "title": f"Word {n}",
                    "instructions": f"Correct the word {n}.",
                    "files": [f"file{n}.txt"],
                }
                for n in range(N_TASKS)
            ]
            return calls(("submit_plan", {"tasks": tasks}))
        case "worker":
            (number,) = set(re.findall(r"Correct the word (\d+)\.", json.dumps(request.body["messages"])))
            return edits(f"file{number}.txt", f"word {number} here", f"WORLD {number} here\nadded {number}")
        case "commander":
            return SIGNS_OFF
        case _:
            return APPROVES


def lines_of(file: int) -> list[str]:
    """Return the lines of a file: one of them is a word for a task, the rest is for typing only."""
    return [f"word {file} here" if n == 10 else f"line {n} of {file}" for n in range(N_LINES)]


def test_no_key_is_lost_in_neovim_while_ten_tasks_deliver_into_the_buffers_that_are_typed_into(
    tmp_path: Path,
) -> None:
    """A second Neovim presses the keys, in insert mode, all over the files and in the very lines that change."""
    (project := tmp_path / "project").mkdir()
    before = {f"file{n}.txt": lines_of(n) for n in range(N_TASKS)}
    for path, lines in before.items():
        (project / path).write_text("\n".join(lines) + "\n", encoding="utf-8")
    socket = str(tmp_path / "subject")
    provider = Provider(corrects_words)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(provider):
        options = {
            "model": "openai/scripted",
            "apiBase": provider.url,
            "apiKeyEnv": "SCRIPTED_API_KEY",
            "checks": {"check": "true"},
        }
        more = {"SUBJECT": socket, "OPTIONS": json.dumps(options), "SCRIPTED_API_KEY": "sk-scripted"}
        subject = subprocess.Popen(
            [*NEOVIM, "--listen", socket],
            cwd=project,
            env=environment(tmp_path) | more,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            seen = driven(SCRIPTS / "typing.lua", project, tmp_path, more)
        finally:
            subject.kill()
            subject.wait()

    # Every text stands once, whole, in the line that it was typed into.
    bursts = seen["bursts"]
    assert len(bursts) > 20, "the mission ended before anything was typed"
    for texts in (seen["texts"], seen["texts_undone"]):
        assert sum("\n".join(lines).count("«") for lines in texts.values()) == len(bursts)
        for burst in bursts:
            (line,) = [line for line in texts[burst["file"]] if burst["text"] in line]
            # What was typed at the end of a changed line now ends the last of those that took its place.
            assert re.match(rf"{burst['anchor']}\b".replace(r"\(word\|WORLD\)", "(word|WORLD|added)"), line)

    # Every change is there, or is kept where it waits; the server holds what the buffers hold.
    proposals = seen["mission"]["proposals"]
    delivered = {p["taskId"] for p in proposals if p["state"] == "delivered"}
    refused = [f"t{n}" for n in range(N_TASKS) if f"t{n}" not in delivered]
    assert {p["taskId"] for p in proposals} == {f"t{n}" for n in range(N_TASKS)}
    assert len(refused) < N_TASKS // 2
    assert all("you changed the same lines" in p["reason"] for p in proposals if p["state"] == "waiting")
    assert without_typed(seen["texts"]) == corrected(before, refused)
    held = anyio.run(reviewed, project, tmp_path / "state", seen["reviews"])
    assert held == {path: "\n".join(lines) + "\n" for path, lines in seen["texts"].items()}

    # What is undone is gone, and only what was typed into stays.
    undone = [p["taskId"] for p in seen["undone"]["proposals"] if p["done"]]
    assert all(
        "you changed the same lines" in p["reason"] for p in seen["undone"]["proposals"] if not p["done"]
    )
    assert without_typed(seen["texts_undone"]) == corrected(before, [*refused, *undone])


def corrected(before: Mapping[str, list[str]], left_out: Sequence[str]) -> dict[str, list[str]]:
    """Return the lines of the files with the changes of all tasks but those in `left_out`."""
    lines = {path: [*lines] for path, lines in before.items()}
    for n in range(N_TASKS):
        if f"t{n}" not in left_out:
            file = lines[f"file{n}.txt"]
            at = file.index(f"word {n} here")
            file[at : at + 1] = [f"WORLD {n} here", f"added {n}"]
    return lines


def without_typed(texts: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Return the lines of the files without what was typed."""
    return {path: [re.sub("«[^»]*»", "", line) for line in lines] for path, lines in texts.items()}


async def reviewed(project: Path, state: Path, reviews: Mapping[str, str]) -> dict[str, str]:
    """Return what each of the reviews was about."""
    about: dict[str, str] = {}
    async with await SqliteJournal.open(project, state=state) as journal:
        for path, mission_id in reviews.items():
            started = (await journal.read(mission_id))[0].event
            assert isinstance(started, MissionStarted)
            about[path] = started.text
    return about


def follows_the_plan(request: Received) -> Reply:
    """Answer as a team whose first Worker asks the user before it begins."""
    told = json.dumps(request.body["messages"])
    match request.role:
        case "planner":
            tasks = [
                {"id": "t1", "title": "Correct one", "instructions": "Do one.", "files": ["one.txt"]},
                {"id": "t2", "title": "Correct two", "instructions": "Do two.", "files": ["two.txt"]},
            ]
            return calls(("submit_plan", {"tasks": [tasks[0], tasks[1] | {"needs": ["t1"]}]}))
        case "worker" if "Write three" in told:
            return writes("three.txt", "three\n")
        case "worker" if "Do one." in told and "Go on?" not in told:
            return calls(("ask_user", {"question": "Go on?"}))
        case "worker":
            return edits("one.txt" if "Do one." in told else "two.txt", "word", "WORD")
        case "commander":
            return SIGNS_OFF
        case _:
            return APPROVES


def test_the_plan_is_edited_in_neovim_and_the_mission_follows(tmp_path: Path) -> None:
    (project := tmp_path / "project").mkdir()
    for name in ("one.txt", "two.txt"):
        (project / name).write_text("word\n", encoding="utf-8")
    provider = Provider(follows_the_plan)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(provider):
        options = {
            "model": "openai/scripted",
            "apiBase": provider.url,
            "apiKeyEnv": "SCRIPTED_API_KEY",
            "checks": {"check": "true"},
        }
        more = {"OPTIONS": json.dumps(options), "SCRIPTED_API_KEY": "sk-scripted"}
        seen = driven(SCRIPTS / "plan.lua", project, tmp_path, more)

    # What could not be read was said, and kept all of it back; so did nothing else.
    assert sorted(message.split(" ")[0] for _, message in seen["said"]) == ["Podium", "This"]
    assert [task["id"] for task in seen["tasks_before"]] == ["t1", "t2"]
    assert seen["symbols"] == ["[/] t1 Correct one", "[ ] t2 Correct two", "[ ] u1 Write three"]

    # The mission did the new task as well, and the open plan tells how it went.
    mission = seen["mission"]
    assert (mission["status"], mission["reason"]) == ("signed_off", "Reached.")
    assert [(t["id"], t["state"], t["needs"]) for t in mission["tasks"]] == [
        ("t1", "completed", []),
        ("t2", "completed", ["t1"]),
        ("u1", "completed", ["t1"]),
    ]
    assert [line for line in seen["plan"] if line.startswith("- ")] == [
        "- [x] **t1** Correct one",
        "- [x] **t2** Correct two",
        "- [x] **u1** Write three",
    ]
