"""Lists and runs the benchmarks of this package."""

import json
import pkgutil
import sys
from importlib import import_module
from inspect import signature
from pathlib import Path


def names() -> list[str]:
    """Return the names of all benchmarks."""
    found = pkgutil.iter_modules([str(Path(__file__).parent)])
    return sorted(module.name for module in found if not module.name.startswith("_"))


def main(arguments: list[str]) -> int:
    """Run the benchmark that is named, or list all of them; what else is given, it knows what to do with."""
    if not arguments:
        for name in names():
            first = (import_module(f"tests.bench.{name}").__doc__ or "").strip().splitlines()[0]
            print(f"{name:10} {first}")
        return 0
    run = import_module(f"tests.bench.{arguments[0]}").run if arguments[0] in names() else None
    if run is None or (arguments[1:] and not signature(run).parameters):
        print(f"usage: python -m tests.bench [{'|'.join(names())}]", file=sys.stderr)
        return 2
    figures = run(*arguments[1:])
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
