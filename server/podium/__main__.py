"""`python -m podium` and the `podium` command."""

import sys

from podium.cli.main import main as run


def main() -> None:
    """Run the command line and exit with its code."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
