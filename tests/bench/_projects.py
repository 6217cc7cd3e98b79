"""The projects that missions of the benchmark `workflow` work on, and what the benchmark finds in them afterwards."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeAlias

from tests.bench._faults import LIBRARIES, failing, faults_of, laid_out, write
from tests.models.simulated import Fault

Left: TypeAlias = Literal["right", "wrong", "red"]
"""What is in a folder: every file as it was published, something else with green tests, or red tests."""

_MADE_BY_TOOLS = {".podium", "__pycache__", ".pytest_cache"}


@dataclass(frozen=True)
class Project:
    """A library with its faults, or several, and the folder that a server works on."""

    name: str
    files: dict[str, str]
    faults: list[Fault]
    folder: Path

    def chosen(self, size: int, seed: int) -> list[Fault]:
        """Return the faults of one mission."""
        return random.Random(f"{self.name} {size} {seed}").sample(self.faults, size)  # noqa: S311

    def with_faults(self, faults: Sequence[Fault]) -> dict[str, str]:
        """Return the files with faults in them."""
        files = dict(self.files)
        for fault in faults:
            for place in fault.places:
                assert files[fault.path].count(place.right) == 1, fault.name
                files[fault.path] = files[fault.path].replace(place.right, place.wrong)
        return files

    def left(self) -> Left:
        """Return what is in the folder now, whoever says what of it."""
        now = {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in self.folder.rglob("*")
            if path.is_file() and not _MADE_BY_TOOLS & {*path.relative_to(self.folder).parts}
        }
        if now == self._published:
            return "right"
        return "wrong" if failing(self.folder) == () else "red"

    @cached_property
    def _published(self) -> dict[str, bytes]:
        return {path: text.encode() for path, text in self.files.items()}


def projects(home: Path) -> list[Project]:
    """Return each library as a project below `home`, and one of all of them; their tests are green."""
    libraries = [
        Project(lib.name, laid_out(lib), faults_of(lib), home / lib.name / lib.name) for lib in LIBRARIES
    ]
    files = {path: text for p in libraries for path, text in p.files.items() if "/" in path}
    faults = [fault for p in libraries for fault in p.faults]
    everything = [*libraries, Project("all", files, faults, home / "all" / "all")]
    for project in everything:
        write(project.files, project.folder)
        assert failing(project.folder) == (), f"{project.name} is red before anything was changed"
    return everything


def project_of(size: int, seed: int, of: Sequence[Project]) -> Project:
    """Return the project of a mission: the libraries take turns, where they have enough faults."""
    *libraries, together = of
    fitting = [project for project in libraries if size <= len(project.faults)] or [together]
    return fitting[seed % len(fitting)]
