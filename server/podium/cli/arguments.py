"""The commands and options of the command line, and what they become on the wire.

Options stand above every file and variable: they go to the server with `initialize`, in the names that
`podium.config` knows, and it checks them as it checks an editor's.
"""

import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from podium import __version__
from podium.domain.messages import Json

MISSIONS: Final[Mapping[str, str]] = {
    "task": "reach a goal: plan, work, verify, and write the change into the files",
    "auto": "as task, and ask nothing",
    "plan": "only plan for a goal",
    "review": "review a file, the project, or (--changes) what git has not committed yet",
    "fix": "fix an error message (`-` reads it from standard input)",
    "search": "find the places that matter for a question",
}

_EPILOG = """\
exit codes:
  0    signed off (for plan, review and search: done)
  1    ended in another way (for undo: not all of it could be undone)
  2    wrong usage
  130  cancelled

with --json:
  Missions print one event a line, {"missionId", "seq", "at", "event": {"kind", ...}}, and at the end one
  line {"kind": "mission_ended", "event": "mission_ended", "mission_id", "status", "reason", "tasks",
  "attempts", "model_requests", "prompt_tokens", "completion_tokens", "cached_tokens", "cost_usd",
  "wall_s"}; only this line has `kind` at the top. `cost_usd` is null where a price is unknown.
  missions, show, undo, export, import and doctor print their result as one object.
"""


def parser() -> ArgumentParser:
    """Return the parser; a successful parse has `command`, and the options of that command."""
    top = ArgumentParser(
        prog="podium",
        description="A language server that conducts a team of coding agents and verifies every change.",
        epilog=_EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"podium {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    settings, place, output = _settings(), _place(), _output()

    serve = commands.add_parser("serve", parents=[settings], help="be the language server, on stdio")
    serve.add_argument("--stdio", action="store_true", help="the default; some editors insist on it")

    mission = [settings, place, output]
    for name in ("task", "auto"):
        task = commands.add_parser(name, parents=mission, help=MISSIONS[name])
        task.add_argument("goal", type=_text)
        task.add_argument(
            "--file", dest="files", action="append", default=[], help="look here first; repeatable"
        )
    commands.add_parser("plan", parents=mission, help=MISSIONS["plan"]).add_argument("goal", type=_text)
    review = commands.add_parser("review", parents=mission, help=MISSIONS["review"])
    what = review.add_mutually_exclusive_group()
    what.add_argument("path", nargs="?", help="the file to review; without it, the project")
    what.add_argument("--changes", action="store_true", help="review what git has not committed yet")
    fix = commands.add_parser("fix", parents=mission, help=MISSIONS["fix"])
    fix.add_argument("text", type=_text_or_stdin, metavar="ERROR")
    search = commands.add_parser("search", parents=mission, help=MISSIONS["search"])
    search.add_argument("pattern", type=_text, metavar="QUESTION")

    resume = commands.add_parser(
        "resume", parents=mission, help="go on with an interrupted mission, or carry out a plan"
    )
    resume.add_argument("mission_id", type=_text, metavar="MISSION")

    commands.add_parser("missions", parents=[place, output], help="list the missions of the workspace")
    show = commands.add_parser("show", parents=[place, output], help="show one mission")
    show.add_argument("mission_id", type=_text, metavar="ID")
    cancel = commands.add_parser("cancel", parents=[place, output], help="end a mission, where it runs")
    cancel.add_argument("mission_id", type=_text, metavar="MISSION")
    undo = commands.add_parser(
        "undo", parents=[place, output], help="take a mission's changes back; again, and they return"
    )
    undo.add_argument("mission_id", type=_text, metavar="MISSION")
    undo.add_argument("--task", dest="task_id", type=_text, metavar="ID", help="only this task's changes")
    export = commands.add_parser(
        "export",
        parents=[place, output],
        help="write a mission to a file, for a bug report; secrets are masked",
    )
    export.add_argument("mission_id", type=_text, metavar="MISSION")
    export.add_argument(
        "-o", "--output", type=_text, metavar="FILE", help="default: MISSION.jsonl; - prints it"
    )
    taken = commands.add_parser(
        "import", parents=[place, output], help="take a mission from such a file, to look at"
    )
    taken.add_argument("path", type=_text, metavar="FILE")
    replay = commands.add_parser(
        "replay", parents=[place, output], help="show step by step what happened in a mission"
    )
    replay.add_argument("source", type=_text, metavar="FILE|MISSION")
    commands.add_parser("doctor", parents=[settings, place, output], help="tell what works here")

    demo = commands.add_parser("demo", parents=[output], help="see a mission on a small bundled project")
    demo.add_argument("--keep", action="store_true", help="keep the project's copy afterwards")
    return top


def settings_of(arguments: Namespace) -> dict[str, Json]:
    """Return the settings that were given as options, in camel case, only those that were given."""
    given: dict[str, Json] = vars(arguments)
    names = {
        "model": "model",
        "api_base": "apiBase",
        "api_key_env": "apiKeyEnv",
        "apply": "apply",
        "max_parallel": "maxParallel",
        "max_iterations": "maxIterations",
    }
    tree = {wire: given[name] for name, wire in names.items() if given.get(name) is not None}
    limits = {"budget_usd": "usd", "budget_tokens": "tokens", "budget_minutes": "minutes"}
    budget: dict[str, Json] = {w: given[n] for n, w in limits.items() if given.get(n) is not None}
    return {**tree, "budget": budget} if budget else tree


def client_settings(arguments: Namespace) -> dict[str, Json]:
    """Return the settings for a server that is started for one command: other missions are none of its business."""
    return {**settings_of(arguments), "resume": "off"}


def _settings() -> ArgumentParser:
    group = ArgumentParser(add_help=False)
    options = group.add_argument_group("settings (above all files and PODIUM_* variables)")
    options.add_argument("--model", type=_text, help="as litellm names it, e.g. ollama/qwen3")
    options.add_argument("--api-base", type=_text, metavar="URL", help="an OpenAI-compatible endpoint")
    options.add_argument("--api-key-env", type=_text, metavar="NAME", help="the variable with the key")
    options.add_argument("--apply", choices=("verified", "review", "end"), help="when changes are applied")
    options.add_argument("--budget-usd", type=_amount, metavar="USD")
    options.add_argument("--budget-tokens", type=_count, metavar="N")
    options.add_argument("--budget-minutes", type=_amount, metavar="MIN")
    options.add_argument("--max-parallel", type=_count, metavar="N", help="agents at once, at most 50")
    options.add_argument("--max-iterations", type=_count, metavar="N", help="attempts a mission may make")
    return group


def _place() -> ArgumentParser:
    group = ArgumentParser(add_help=False)
    group.add_argument("--workspace", type=_folder, default=Path(), metavar="DIR", help="default: here")
    return group


def _output() -> ArgumentParser:
    group = ArgumentParser(add_help=False)
    group.add_argument("--json", action="store_true", help="print JSON (see `podium --help`)")
    group.add_argument("--quiet", action="store_true", help="print the last line only")
    return group


def _text(given: str) -> str:
    if not given.strip():
        raise ArgumentTypeError("it is empty")
    return given


def _text_or_stdin(given: str) -> str:
    return _text(sys.stdin.read() if given == "-" else given)


def _folder(given: str) -> Path:
    path = Path(given)
    if not path.is_dir():
        raise ArgumentTypeError(f"{given!r} is not a folder")
    return path


def _count(given: str) -> int:
    if not given.isdecimal() or int(given) < 1:
        raise ArgumentTypeError(f"{given!r} is not a whole number above 0")
    return int(given)


def _amount(given: str) -> float:
    try:
        amount = float(given)
    except ValueError:
        amount = 0.0
    if not 0 < amount < float("inf"):
        raise ArgumentTypeError(f"{given!r} is not a number above 0")
    return amount
