"""The server as `podium serve` puts it together, which also tells how many tasks its event loop has.

It answers `tests/tasks`, so that what is counted is counted in the process that is measured.
"""

import gc
import sys

import anyio

from podium.cli.arguments import parser
from podium.cli.serve import serve
from podium.config import Sources
from podium.lsp.host import Host
from podium.lsp.server import build
from podium.lsp.session import OpenWorkspace

TASKS = "tests/tasks"


def main() -> int:
    """Serve, and return the exit code."""
    arguments = parser().parse_args(["serve"])
    gc.freeze()  # as `podium.cli.main` does
    return serve(arguments, _build)


def _build(host: Host, sources: Sources, open_workspace: OpenWorkspace) -> None:
    build(host, sources, open_workspace)
    host.request(TASKS, lambda _: len(anyio.get_running_tasks()))


if __name__ == "__main__":
    sys.exit(main())
