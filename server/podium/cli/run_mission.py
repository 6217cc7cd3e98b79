"""`podium task|auto|plan|review|fix|search|resume`: one mission, shown as it goes, and its exit code."""

import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import anyio

from podium.cli.arguments import client_settings
from podium.cli.conduct import SERVE, Order, Run, View
from podium.cli.json_output import JsonView
from podium.cli.questions import can_ask
from podium.domain.messages import Json
from podium.lsp.client import RequestFailed, ServerDied
from podium.lsp.uris import uri_of

SIGNED_OFF, OTHERWISE, WRONG_USAGE, CANCELLED = 0, 1, 2, 130


def run(arguments: Namespace, serve: Sequence[str] = SERVE) -> int:
    """Run the mission that was asked for on the server `serve`; return the exit code."""
    if getattr(arguments, "path", None) and not Path(arguments.path).is_file():
        sys.stderr.write(f"podium: {arguments.path} is not a file.\n")
        return WRONG_USAGE
    order = Order(
        workspace=arguments.workspace.resolve(),
        command=f"podium.{arguments.command}",
        argument=_argument(arguments),
        settings=client_settings(arguments),
        serve=serve,
    )
    return anyio.run(follow, order, view_for(arguments))


def view_for(arguments: Namespace) -> View:
    """Return how `--json`, `--quiet` and the kind of terminal want a mission to be shown."""
    if arguments.json:
        return JsonView(sys.stdout)
    from podium.cli.screen import screen  # noqa: PLC0415 - `--json` does without rich, which is slow to load

    return screen(quiet=arguments.quiet, attended=can_ask())


async def follow(order: Order, view: View) -> int:
    """Run a mission to its end, show it and how it ended, and return the exit code.

    Where no mission came to be, only the reason is told, on standard error; where nobody reads standard
    output any more, nothing is.
    """
    mission = Run(order, view)
    failures: list[Exception] = []
    try:
        await mission.to_its_end()
    except* (RequestFailed, ServerDied) as group:
        failures = leaves(group)
    except* BrokenPipeError as group:
        failures = leaves(group)
    if any(isinstance(failure, BrokenPipeError) for failure in failures):
        # Python would complain at its end that it cannot write the rest.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OTHERWISE
    state = mission.state
    if failures and not state.id:
        sys.stderr.write(f"podium: {failures[0]}\n")
        return WRONG_USAGE if is_wrong_usage(failures) else OTHERWISE
    status, reason = state.ending or "failed", state.reason
    if state.interrupted or (mission.interrupted and not state.ending):
        status, reason = "interrupted", f"Not finished; `podium resume {state.id}` goes on with it."
    elif failures:
        status, reason = "failed", str(failures[0])
    view.ended(state, status, reason)
    if status == "signed_off":
        return SIGNED_OFF
    return CANCELLED if mission.interrupted or status == "cancelled" else OTHERWISE


def is_wrong_usage(failures: list[Exception]) -> bool:
    """Return whether the server refused what the user gave."""
    return any(isinstance(f, RequestFailed) and f.code == RequestFailed.INVALID_PARAMS for f in failures)


def leaves(group: BaseExceptionGroup[Exception]) -> list[Exception]:
    """Return the exceptions of a group of groups."""
    found: list[Exception] = []
    for error in group.exceptions:
        found += leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found


def _argument(arguments: Namespace) -> dict[str, Json]:
    match arguments.command:
        case "task" | "auto":
            return {"goal": arguments.goal, "files": arguments.files}
        case "plan":
            return {"goal": arguments.goal}
        case "resume":
            return {"missionId": arguments.mission_id}
        case "fix":
            return {"text": arguments.text}
        case "search":
            return {"pattern": arguments.pattern}
        case _:
            path = arguments.path
            return {"uri": uri_of(Path(path).resolve())} if path else {"changes": arguments.changes}
