"""Each role has its own tools, and commands that could only do harm are never run."""

import pytest

from podium.domain.rights import TOOLS_OF, command_verdict

DECIDING = {"submit_plan", "submit_context", "submit_review", "finish", "sign_off", "change_plan"}
EDITS = {"edit_file", "write_file", "delete_file", "move_file", "try_edits"}


def test_only_a_worker_changes_files() -> None:
    for role, tools in TOOLS_OF.items():
        assert bool(EDITS & set(tools)) == (role == "worker")


def test_who_writes_code_does_not_approve_it() -> None:
    assert [role for role, tools in TOOLS_OF.items() if "submit_review" in tools] == ["reviewer"]
    assert [role for role, tools in TOOLS_OF.items() if "sign_off" in tools] == ["commander"]


def test_every_role_can_read_and_decide() -> None:
    for tools in TOOLS_OF.values():
        assert {"read_file", "list_files", "outline", "search"} <= set(tools)
        assert DECIDING & set(tools)


@pytest.mark.parametrize(
    "command", ["ls -l", "pytest -q | tail -3", "git diff HEAD~1", "echo 'sudo is a word'"]
)
def test_a_command_runs_in_a_sandbox_and_is_asked_for_outside(command: str) -> None:
    assert command_verdict(command, confined=True) == "allow"
    assert command_verdict(command, confined=False) == "ask"


@pytest.mark.parametrize(
    "command",
    [
        "sudo ls",
        "/usr/bin/sudo ls",
        "true; sudo ls",
        "true && sudo ls",
        "true|sudo ls",
        "echo $(sudo ls)",
        "echo `sudo ls`",
        "echo a#; sudo ls",
        "true\nsudo ls",
        "git push",
        "cd x && git -C y reset --hard",
        "echo 'not closed",
        "",
        "   ",
    ],
)
def test_what_could_only_do_harm_is_denied_everywhere(command: str) -> None:
    assert command_verdict(command, confined=True) == "deny"
    assert command_verdict(command, confined=False) == "deny"
