"""Wrong usage, help, and what `podium serve` must not load."""

import subprocess
import sys

import pytest

from podium.cli.main import main


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        ([], "COMMAND"),
        (["task"], "goal"),
        (["task", "  "], "empty"),
        (["conquer", "the world"], "conquer"),
        (["task", "x", "--budget-usd", "-1"], "not a number above 0"),
        (["task", "x", "--budget-usd", "nan"], "not a number above 0"),
        (["task", "x", "--max-parallel", "many"], "not a whole number above 0"),
        (["task", "x", "--workspace", "/nowhere"], "'/nowhere' is not a folder"),
        (["task", "x", "--apply", "never"], "invalid choice"),
        (["task", "x", "--max-parallel", "51"], "`max_parallel` is wrong"),
        (["review", "a.py", "--changes"], "not allowed with"),
    ],
)
def test_wrong_usage_exits_2_and_says_what_is_wrong(
    argv: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(argv)
    assert exit_.value.code == 2
    assert told in capsys.readouterr().err


def test_a_review_of_a_file_that_is_not_there_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["review", "nowhere.py"]) == 2
    assert capsys.readouterr().err == "podium: nowhere.py is not a file.\n"


def test_help_names_every_exit_code_and_the_last_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    told = capsys.readouterr().out
    for word in ("\n  0 ", "\n  1 ", "\n  2 ", "\n  130 ", '"kind": "mission_ended"', '"wall_s"'):
        assert word in told


def test_the_server_s_start_loads_nothing_that_only_a_terminal_needs() -> None:
    code = "import sys, podium.__main__ as m; print(*sorted({n.split('.')[0] for n in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert not {"rich", "pygments", "litellm", "httpx", "anyio"} & set(done.stdout.split())
