"""Which tests a change reaches, where that can be told: then a task's gate need not run all of them.

Only the final checks of a mission run everything. So what is decided here may be wrong without harm, as long
as it is never the last word.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import PurePosixPath

from podium.domain.imports import ImportGraph

SETTINGS = (
    "pyproject.toml",
    "pytest.ini",
    ".pytest.ini",
    "pytest.toml",
    "setup.cfg",
    "tox.ini",
    ".coveragerc",
)
_NOT_BY_FILE = re.compile(r"python_files|--ignore|--doctest|--pyargs|fail[-_]under|--deselect")
"""Settings under which a run of some files means something else than their part of a run of all."""
_TEST_PATHS = re.compile(r"^[ \t]*testpaths\s*=[ \t]*(\[[^\]]*\]|[^\n]*(?:\n[ \t]+[^\n]+)*)", re.MULTILINE)


def folders_of_tests(argv: Sequence[str], settings: Iterable[str]) -> tuple[str, ...] | None:
    """Return the folders in which a command line of pytest finds its tests; `.` is the whole project.

    Where a run of some test files would mean something else than their part of the whole run, None.
    """
    texts = list(settings)
    if any(not word.startswith("-") for word in argv[3:]):
        return None
    if any(_NOT_BY_FILE.search(text) for text in (" ".join(argv), *texts)):
        return None
    named = [folder for text in texts for folder in _named_folders(text)]
    return None if any("*" in folder for folder in named) else tuple(named) or (".",)


def _named_folders(text: str) -> list[str]:
    match = _TEST_PATHS.search(text)
    return re.findall(r"[^\s,\"'\[\]]+", match[1]) if match else []


def is_test_file(path: str) -> bool:
    """Return whether pytest collects the file by its default patterns."""
    name = path.rsplit("/", 1)[-1]
    return fnmatch(name, "test_*.py") or fnmatch(name, "*_test.py")


def reached_tests(
    project: ImportGraph,
    overlay: Mapping[str, bytes | None],
    edited: Collection[str],
    folders: Sequence[str] = (".",),
) -> tuple[str, ...]:
    """Return the test files in `folders` that `edited` files reach, sorted; none where all tests must run.

    That is so where a file is no Python file, where no test reaches the change, and where all do. The
    `overlay` is laid over the files of the project.
    """
    if not edited or not all(path.endswith(".py") for path in edited):
        return ()
    graph = ImportGraph.of({path: content or b"" for path, content in overlay.items()}, project)
    gone = {path for path, content in overlay.items() if content is None}
    tests = {path for path in graph.files - gone if is_test_file(path) and _is_below(path, folders)}
    reached = graph.reaching(edited)
    fixtures = [str(PurePosixPath(p).parent) for p in reached if p.rsplit("/", 1)[-1] == "conftest.py"]
    hit = {test for test in tests if test in reached or _is_below(test, fixtures)}
    return () if hit == tests else tuple(sorted(hit))


def _is_below(path: str, folders: Iterable[str]) -> bool:
    return any(PurePosixPath(path).is_relative_to(folder) for folder in folders)
