"""The command line: what was asked for, and which module does it.

A command's module is imported only when it is used. Editors start `podium serve` and wait for it, so
nothing that only a terminal needs may be loaded for it.
"""

import gc
from argparse import Namespace
from collections.abc import Callable, Sequence
from importlib import import_module

from podium.cli.arguments import parser, settings_of
from podium.config import combined
from podium.errors import UserError

_MODULES = {
    "serve": "podium.cli.serve:serve",
    "demo": "podium.cli.demo:run",
    "missions": "podium.cli.show:run",
    "show": "podium.cli.show:run",
    "cancel": "podium.cli.show:run",
    "undo": "podium.cli.show:run",
    "export": "podium.cli.show:run",
    "import": "podium.cli.show:run",
    "replay": "podium.cli.replay:run",
    "doctor": "podium.cli.show:run",
}
"""Where a command is carried out; all others are missions."""


def main(argv: Sequence[str]) -> int:
    """Carry out the command `argv` (without the program's name); return the exit code.

    Raises:
        SystemExit: the usage is wrong (code 2), or only help was asked for (code 0).
    """
    known = parser()
    arguments = known.parse_args(argv)
    try:
        combined([("command line", settings_of(arguments))])
    except UserError as wrong:
        known.error(str(wrong))
    module, _, name = _MODULES.get(arguments.command, "podium.cli.run_mission:run").partition(":")
    run: Callable[[Namespace], int] = getattr(import_module(module), name)
    gc.freeze()
    gc.enable()
    return run(arguments)
