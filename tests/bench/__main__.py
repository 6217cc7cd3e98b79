"""Lists and runs the benchmarks of this package."""

import json
import pkgutil
import sys
from importlib import import_module
from pathlib import Path


def names() -> list[str]:
    """Return the names of all benchmarks."""
    found = pkgutil.iter_modules([str(Path(__file__).parent)])
    return sorted(module.name for module in found if not module.name.startswith("_"))


def main(arguments: list[str]) -> int:
    """Run the benchmark that is named, or list all of them."""
    if not arguments:
        for name in names():
            first = (import_module(f"tests.bench.{name}").__doc__ or "").strip().splitlines()[0]
            print(f"{name:10} {first}")
        return 0
    if len(arguments) > 1 or arguments[0] not in names():
        print(f"usage: python -m tests.bench [{'|'.join(names())}]", file=sys.stderr)
        return 2
    figures = import_module(f"tests.bench.{arguments[0]}").run()
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
