"""Who may do what: roles, their tools, and which commands a model may run.

The dispatcher asks this module before every tool call; prompts only repeat it.
"""

import shlex
from collections.abc import Mapping
from typing import Literal, TypeAlias

Role: TypeAlias = Literal["commander", "planner", "searcher", "worker", "reviewer"]
Verdict: TypeAlias = Literal["allow", "ask", "deny"]

_READ = ("read_file", "list_files", "outline", "search")

TOOLS_OF: Mapping[Role, tuple[str, ...]] = {
    "commander": (*_READ, "change_plan", "sign_off", "answer", "ask_user"),
    "planner": (*_READ, "run_command", "ask_user", "submit_plan"),
    "searcher": (*_READ, "submit_context"),
    "worker": (
        *_READ,
        "run_command",
        "ask_user",
        "edit_file",
        "write_file",
        "delete_file",
        "move_file",
        "try_edits",
        "finish",
    ),
    "reviewer": (*_READ, "run_command", "submit_review"),
}
"""The tools that each role may call."""

_NEVER = frozenset({"sudo", "doas", "su", "shutdown", "reboot", "mkfs", "dd", "mount", "umount"})
_DESTRUCTIVE_GIT = frozenset({"clean", "reset", "push", "checkout", "restore", "stash", "rebase", "gc"})


def command_verdict(command: str, confined: bool) -> Verdict:
    """Return what becomes of a shell command that a model wants to run.

    Inside a sandbox (`confined`) everything may run but what could only do harm. Without one, the user
    is asked. The decision is made on the parsed words; a command that cannot be parsed is denied.
    """
    try:
        lexer = shlex.shlex(command.replace("`", " ; "), posix=True, punctuation_chars=True)
        lexer.commenters = ""  # a `#` inside a word begins no comment in a shell
        words = list(lexer)
    except ValueError:
        return "deny"
    if not words:
        return "deny"
    programs = {word.rsplit("/", 1)[-1] for word in words}
    if programs & _NEVER or ("git" in programs and programs & _DESTRUCTIVE_GIT):
        return "deny"
    return "allow" if confined else "ask"
