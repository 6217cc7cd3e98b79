"""Where one run happens: a slot with a candidate in it, and the command line and environment that go with it."""

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from podium.adapters.checks.interpreter import Interpreter
from podium.adapters.checks.listing import Listing
from podium.adapters.checks.sandbox import Places, Sandbox, environment
from podium.adapters.checks.slots import Slot

RUNTIME = Path(__file__).parent / "runtime"


@dataclass(frozen=True, slots=True)
class Stand:
    """A slot as commands see it: confined at the workspace's own path, or as a plain copy."""

    root: Path
    slot: Slot
    listing: Listing
    sandbox: Sandbox
    python: Interpreter
    inherited: Mapping[str, str]
    executable: Collection[str] = ()
    """Files of the candidate that are not on the disk and are to be executable."""

    def sync(self, overlay: Mapping[str, bytes | None]) -> str:
        """Make the slot hold the candidate and return the tree's hash; blocking."""
        links = not self.sandbox.confines
        return self.slot.sync(self.listing, overlay, self.executable, link_dependencies=links)

    @property
    def tree(self) -> Path:
        """The candidate tree, at the path where a command finds it."""
        return self.root if self.sandbox.confines else self.slot.tree

    def words(self, argv: Sequence[str]) -> list[str]:
        """Return the command line with the project's interpreter in the place of `{python}`."""
        return [str(self.python.path) if word == "{python}" else word for word in argv]

    def argv(self, argv: Sequence[str]) -> list[str]:
        """Return the command line that runs `argv` here; `{python}` becomes the project's interpreter."""
        words = self.words(argv)
        readable = [*self.python.places, self.python.path.parent, RUNTIME, coverage_place()]
        places = Places(
            self.root,
            self.slot.tree,
            self.listing.dependencies,
            (self.slot.out, self.slot.cache),
            [*readable, self.slot.plugins],
        )
        return self.sandbox.argv(places, words)

    def env(self) -> dict[str, str]:
        """Return the environment for commands here, with the candidate's sources before any installed copy."""
        env = environment(self.inherited, [self.python.path.parent])
        if self.python.venv is not None:
            env["VIRTUAL_ENV"] = str(self.python.venv)
        sources = [self._here(place) for place in self.python.places if self._is_source(place)]
        sources += [
            self._here(Path(place))
            for place in self.inherited.get("PYTHONPATH", "").split(os.pathsep)
            if place
        ]
        env["PYTHONPATH"] = os.pathsep.join([str(self.slot.plugins), *dict.fromkeys(map(str, sources))])
        env["CARGO_TARGET_DIR"] = str(self.slot.cache / "cargo")
        env["GOCACHE"] = str(self.slot.cache / "go")
        return env

    def report_env(self, report: str, test_limit_s: float) -> dict[str, str]:
        """Return the settings of the pytest plugin for a run that reports into the slot's output."""
        env = {
            "PODIUM_REPORT": str(self.slot.out / report),
            "PODIUM_ROOT": str(self.tree),
            "PODIUM_TEST_LIMIT_S": str(test_limit_s),
        }
        if not self.sandbox.confines:
            allowed = [str(self.root / place) for place in self.listing.dependencies]
            env |= {"PODIUM_WORKSPACE": str(self.root), "PODIUM_DEPENDENCIES": os.pathsep.join(allowed)}
        return env

    def in_workspace(self, output: str) -> str:
        """Return the output with the slot's own path replaced by the workspace's."""
        return output.replace(str(self.slot.tree), str(self.root))

    def _is_source(self, place: Path) -> bool:
        """Return whether an editable install leads to this directory of the workspace."""
        return place.is_relative_to(self.root) and not any(
            place.is_relative_to(self.root / name) for name in self.listing.dependencies
        )

    def _here(self, place: Path) -> Path:
        """Return where the candidate's version of a directory of the workspace is for a command."""
        source = place.parent if (place / "__init__.py").is_file() else place
        return self.tree / source.relative_to(self.root) if source.is_relative_to(self.root) else source


def coverage_place() -> Path:
    """Return the directory of Podium's own packages, where fault localisation finds `coverage`."""
    found = find_spec("coverage")
    return Path(found.origin).parent.parent if found and found.origin else RUNTIME
