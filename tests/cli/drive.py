"""The `podium` command with a canned server: `drive.py SCENE COMMAND ...`."""

import sys
from pathlib import Path

from podium.cli.arguments import parser
from podium.cli.run_mission import run

if __name__ == "__main__":
    fake = Path(__file__).with_name("fake_server.py")
    scene, *argv = sys.argv[1:]
    sys.exit(run(parser().parse_args(argv), serve=(sys.executable, str(fake), scene)))
