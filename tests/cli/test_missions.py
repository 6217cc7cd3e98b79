"""Missions from the command line: what is printed, the exit code, and that nothing is left running."""

import signal
from pathlib import Path
from typing import cast

import pytest

from podium.domain.messages import Json
from podium.domain.spending import KINDS
from tests.cli.command import asked, interrupt_when, is_running, lines, run, server_is_gone, start


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.txt").write_text("hallo\n", encoding="utf-8")
    return tmp_path


def test_a_signed_off_mission_exits_0_and_its_change_is_on_disk(folder: Path) -> None:
    done = run(folder, "good", "task", "say it right")
    assert done.returncode == 0, done.stderr
    assert (folder / "a.txt").read_text(encoding="utf-8") == "hello\n"
    assert server_is_gone(folder)


def test_without_a_terminal_a_mission_is_told_in_plain_lines(folder: Path) -> None:
    out = run(folder, "good", "task", "say it right").stdout
    assert "\x1b" not in out
    for told in (
        "[/] Correct the greeting",
        "[x] Correct the greeting",
        "✓ tests passed",
        "-hallo",
        "+hello",
    ):
        assert told in out
    assert "signed off  2 tasks · 1 attempt · 1 request · 1,234 tokens · $0.0123 · " in out


def test_json_prints_each_event_as_it_came_and_one_last_line(folder: Path) -> None:
    *events, last = lines(run(folder, "good", "task", "say it right", "--json").stdout)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert all(set(event) == {"missionId", "seq", "at", "event"} for event in events)
    numbers = {
        "model_requests": 1,
        "prompt_tokens": 1200,
        "completion_tokens": 34,
        "cached_tokens": 1000,
        "cost_usd": 0.0123,
        "estimated": 0,
    }
    spent_by = cast("dict[str, dict[str, Json]]", last.pop("spent_by"))
    assert [[*named.values()] for named in spent_by.values()] == [[numbers]] * len(KINDS)
    assert last == {
        "kind": "mission_ended",
        "event": "mission_ended",
        "mission_id": "m-1",
        "status": "signed_off",
        "reason": "All is well.",
        "tasks": 2,
        "attempts": 1,
        **numbers,
        "wall_s": 13.0,
    }


def test_quiet_prints_how_it_ended_and_nothing_else(folder: Path) -> None:
    assert run(folder, "good", "task", "say it right", "--quiet").stdout.startswith("signed off  ")


def test_options_become_settings_of_the_server(folder: Path) -> None:
    options = ["--model", "ollama/qwen3", "--api-base", "http://localhost:1", "--budget-usd", "0.5"]
    options += ["--budget-tokens", "9", "--max-parallel", "3", "--apply", "end"]
    run(folder, "good", "task", "say it right", "--file", "a.txt", "--file", "b.txt", "--json", *options)
    (initialize,) = asked(folder, "initialize")
    assert initialize["initializationOptions"] == {
        "model": "ollama/qwen3",
        "apiBase": "http://localhost:1",
        "apply": "end",
        "maxParallel": 3,
        "budget": {"usd": 0.5, "tokens": 9},
        "resume": "off",
    }
    (command,) = asked(folder, "workspace/executeCommand")
    argument = {"goal": "say it right", "files": ["a.txt", "b.txt"]}
    assert command == {"command": "podium.task", "arguments": [argument]}


@pytest.mark.parametrize(
    ("argv", "command", "argument"),
    [
        (["plan", "tidy up"], "podium.plan", {"goal": "tidy up"}),
        (["review", "--changes"], "podium.review", {"changes": True}),
        (["search", "where?"], "podium.search", {"pattern": "where?"}),
        (["fix", "KeyError: 'x'"], "podium.fix", {"text": "KeyError: 'x'"}),
    ],
)
def test_each_command_asks_the_server_for_its_own(
    folder: Path, argv: list[str], command: str, argument: dict[str, object]
) -> None:
    run(folder, "question", *argv, "--json")
    assert asked(folder, "workspace/executeCommand")[0] == {"command": command, "arguments": [argument]}


def test_a_review_of_a_file_names_it_by_its_address(folder: Path) -> None:
    run(folder, "question", "review", "a.txt", "--json")
    (argument,) = asked(folder, "workspace/executeCommand")[:1]
    assert argument["arguments"] == [{"uri": (folder / "a.txt").as_uri()}]


def test_where_nobody_can_be_asked_a_question_is_answered_with_stop(folder: Path) -> None:
    done = run(folder, "question", "task", "say it right", "--json")
    assert done.returncode == 1
    assert asked(folder, "workspace/executeCommand")[1] == {
        "command": "podium.answer",
        "arguments": [{"questionId": "q1", "answer": "Stop"}],
    }
    assert "asked: Shall I? (yes, No, Stop)" in done.stderr
    assert lines(done.stdout)[-1]["status"] == "stopped"


def test_where_nobody_can_be_asked_what_is_to_be_reviewed_is_rejected(folder: Path) -> None:
    done = run(folder, "review", "task", "say it right", "--json")
    assert done.returncode == 1
    assert asked(folder, "workspace/executeCommand")[1] == {
        "command": "podium.reject",
        "arguments": [{"proposalId": "p1", "reason": "no"}],
    }
    assert "asked: Apply “greeting”? (accept, reject)" in done.stderr


def test_where_nobody_can_be_asked_a_change_that_could_not_be_applied_goes_on_waiting(folder: Path) -> None:
    done = run(folder, "kept out", "task", "say it right", "--json")
    assert done.returncode == 130
    assert asked(folder, "workspace/executeCommand")[1]["command"] == "podium.cancel"
    assert "“greeting” was not applied: the editor said no. Try again? (accept, reject, stop)" in done.stderr


def test_settings_that_the_server_refuses_are_wrong_usage(folder: Path) -> None:
    done = run(folder, "refuses", "task", "say it right")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "podium: there is no setting `modle`\n"


def test_ctrl_c_cancels_the_mission_and_exits_130(folder: Path) -> None:
    with start(folder, "patient", "task", "x", "--json") as process:
        out = interrupt_when(process, "mission_started", signal.SIGINT)
    last = lines(out)[-1]
    assert (process.returncode, last["status"], last["reason"]) == (
        130,
        "cancelled",
        "Cancelled by the user.",
    )
    assert server_is_gone(folder)


def test_sigterm_ends_the_command_and_its_server(folder: Path) -> None:
    with start(folder, "patient", "task", "x", "--json") as process:
        interrupt_when(process, "mission_started", signal.SIGTERM)
    assert process.returncode == 130
    assert server_is_gone(folder)


def test_a_second_ctrl_c_ends_a_deaf_server_and_all_that_it_started(folder: Path) -> None:
    with start(folder, "deaf", "task", "x", "--json") as process:
        # SIGINT twice may arrive as one, so the second is another signal that means the same.
        out = interrupt_when(process, "mission_started", signal.SIGINT, signal.SIGHUP)
    assert process.returncode == 130
    assert lines(out)[-1]["status"] == "interrupted"
    assert lines(out)[-1]["reason"] == "Not finished; `podium resume m-1` goes on with it."
    assert server_is_gone(folder)
    assert not is_running(int((folder / "child.pid").read_text(encoding="utf-8")))


def test_a_server_that_dies_is_told_with_its_last_words(folder: Path) -> None:
    done = run(folder, "dies", "task", "x")
    assert done.returncode == 1
    assert "exit code 3" in done.stdout
    assert "the roof is on fire" in done.stdout


def test_the_server_s_log_is_shown_where_podium_log_asks_for_it(folder: Path) -> None:
    assert "a word to the log" in run(folder, "good", "task", "x", PODIUM_LOG="INFO").stderr


def test_without_podium_log_nothing_is_told_but_the_mission(folder: Path) -> None:
    assert run(folder, "good", "task", "x").stderr == ""


def test_a_closed_pipe_ends_the_mission_without_a_traceback(folder: Path) -> None:
    with start(folder, "patient", "task", "x", "--json") as process:
        assert process.stdout
        process.stdout.close()
        assert process.wait(timeout=30) != 0
        assert process.stderr
        assert "Traceback" not in process.stderr.read()
    assert server_is_gone(folder)
