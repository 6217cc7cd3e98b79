"""A mission on a real terminal: colours, the plan that changes in place, questions."""

import os
import pty
import signal
import subprocess
from pathlib import Path

from tests.cli.command import PATIENCE_S, command


class Terminal:
    """A command on a terminal of its own, 80 columns wide; `output` is what it showed so far."""

    def __init__(self, folder: Path, scene: str, **environment: str) -> None:
        self._master, slave = pty.openpty()
        self.output = ""
        self.process = subprocess.Popen(
            command(scene, "task", "say it right"),
            cwd=folder,
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24", **environment},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_exc: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def wait_for(self, text: str) -> None:
        """Read until `text` has been shown, or the command closes the terminal."""
        while text not in self.output:
            try:
                self.output += os.read(self._master, 4096).decode()
            except OSError:  # this is how Linux tells that nobody has the terminal open any more
                return

    def exit_code(self) -> int:
        self.wait_for("\0")
        return self.process.wait(timeout=PATIENCE_S)


def test_a_question_is_answered_by_the_number_of_an_option(tmp_path: Path) -> None:
    with Terminal(tmp_path, "question") as terminal:
        terminal.wait_for("> ")
        assert "? " in terminal.output
        assert "3" in terminal.output
        terminal.type("1\n")
        assert terminal.exit_code() == 0
        assert "All is well." in terminal.output


def test_a_question_is_answered_in_free_words(tmp_path: Path) -> None:
    with Terminal(tmp_path, "question") as terminal:
        terminal.wait_for("> ")
        terminal.type("ask my mother\n")
        assert terminal.exit_code() == 1
        assert "You said ask my mother." in terminal.output


def test_ctrl_c_at_a_question_cancels_the_mission(tmp_path: Path) -> None:
    with Terminal(tmp_path, "asks_until_cancelled") as terminal:
        terminal.wait_for("> ")
        # The terminal sends Ctrl-C to the whole group; the server must not take it for its own.
        os.killpg(terminal.process.pid, signal.SIGINT)
        assert terminal.exit_code() == 130
        assert "Cancelling" in terminal.output
        assert "Cancelled by the user." in terminal.output


def test_the_terminal_shows_colours_and_who_is_at_work(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hallo\n", encoding="utf-8")
    with Terminal(tmp_path, "good", SCENE_PAUSE_S="1") as terminal:
        assert terminal.exit_code() == 0
    assert "worker" in terminal.output
    assert "thinking" in terminal.output
    assert "\x1b[32m    +hello" in terminal.output


def test_no_color_is_honoured(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hallo\n", encoding="utf-8")
    with Terminal(tmp_path, "good", NO_COLOR="1") as terminal:
        assert terminal.exit_code() == 0
    assert "+hello" in terminal.output
    assert "\x1b[32m" not in terminal.output


def test_a_change_under_review_is_shown_and_applied_when_it_is_accepted(tmp_path: Path) -> None:
    with Terminal(tmp_path, "review") as terminal:
        terminal.wait_for("> ")
        assert "to review: greeting" in terminal.output
        assert "-hallo" in terminal.output
        assert "+hello" in terminal.output
        terminal.type("1\n")
        assert terminal.exit_code() == 0
        assert "applied: greeting" in terminal.output


def test_a_change_that_cannot_be_applied_any_more_is_rejected_with_the_reason(tmp_path: Path) -> None:
    with Terminal(tmp_path, "outdated") as terminal:
        terminal.wait_for("> ")
        terminal.type("accept\n")
        assert terminal.exit_code() == 1
        assert "rejected: greeting: You changed the same lines." in terminal.output
