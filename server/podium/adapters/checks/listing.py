"""Which files of a workspace folder belong to the project, and where its installed dependencies lie.

With git: tracked files and untracked ones that git does not ignore, and ignored source files (a generated
`_version.py` is needed by the tests). Without git: everything that the `.gitignore` files leave. Never
`.git`, bytecode, dependency directories, or files that hold secrets.
"""

import os
import stat
import subprocess
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path, PurePosixPath

from pathspec import GitIgnoreSpec

from podium.domain.paths import confined
from podium.errors import FolderGone, ToolError, UserError

DEPENDENCY_DIRS = frozenset(
    {
        ".venv",
        "venv",
        "env",
        ".env",
        "node_modules",
        "target",
        ".tox",
        ".nox",
        "__pypackages__",
        ".yarn",
        ".gradle",
    }
)
"""Names of directories that hold installed or built things; they count only where git does not track them."""

_NEVER = frozenset(
    {".git", ".hg", ".svn", ".jj", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".podium"}
)
_GENERATED_SOURCES = frozenset({".py", ".pyi", ".so", ".pyd", ".dylib"})
_MAX_FILES = 200_000
_GIT = (
    "git",
    "--no-optional-locks",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.hooksPath=/dev/null",
    "ls-files",
    "-z",
)


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of the project and its dependency directories, relative to the folder, with `/`, sorted."""

    files: tuple[str, ...]
    dependencies: tuple[str, ...]


def list_project(root: Path) -> Listing:
    """Return what the folder holds now.

    Raises:
        UserError: the folder holds more files than checks can sensibly copy, or is gone.
    """
    if not root.is_dir():
        raise FolderGone(root)
    listing = _from_git(root) or _from_disk(root)
    if len(listing.files) > _MAX_FILES:
        raise UserError(f"{root} holds {len(listing.files)} files; open the folder of one project instead.")
    return listing


def _from_git(root: Path) -> Listing | None:
    """Return what git knows of the folder, or None where it is no work tree or git is missing."""
    if not any((parent / ".git").exists() for parent in (root, *root.parents)):
        return None
    listed = _git_paths(
        root, ("-c",), ("-o", "--exclude-standard"), ("-o", "-i", "--exclude-standard", "--directory")
    )
    if listed is None:
        return None
    tracked, untracked, ignored = listed
    files: set[str] = set()
    dependencies: set[str] = set()
    outermost = cache(partial(_outermost_dependency_dir, root))
    for path in tracked:
        files.update(_tracked(root, path))
    for path in untracked:
        installed = outermost(path.rpartition("/")[0])
        if installed:
            dependencies.add(installed)
        elif not _secret(path):
            files.add(path)
    for path in ignored:
        installed = outermost(path.rpartition("/")[0])
        if installed:
            dependencies.add(installed)
        elif PurePosixPath(path).suffix in _GENERATED_SOURCES and not path.endswith("/"):
            files.add(path)
    return Listing(tuple(sorted(path for path in files if not _never(path))), tuple(sorted(dependencies)))


def _git_paths(root: Path, *queries: Sequence[str]) -> list[list[str]] | None:
    """Return what `git ls-files` says to each query, all of which run at once; None where it fails."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    start = partial(
        subprocess.Popen[bytes],
        cwd=root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with ExitStack() as stack:
        try:
            running = [stack.enter_context(start([*_GIT, *options])) for options in queries]
        except OSError:
            return None
        outputs = [process.communicate()[0] for process in running]
    if any(process.returncode for process in running):
        return None
    return [os.fsdecode(output).split("\0")[:-1] for output in outputs]


def _tracked(root: Path, path: str) -> Iterable[str]:
    """Return a tracked path where it exists; for a submodule, the files in it."""
    try:
        mode = os.lstat(f"{root}/{path}").st_mode
    except (FileNotFoundError, NotADirectoryError):
        return ()
    if stat.S_ISDIR(mode):
        return [f"{path}/{below}" for below in _from_disk(root / path).files]
    return (path,) if stat.S_ISLNK(mode) or stat.S_ISREG(mode) else ()


def _outermost_dependency_dir(root: Path, directory: str) -> str:
    """Return the outermost dependency directory that `directory` is or lies in, or an empty string."""
    parts = PurePosixPath(directory).parts
    for n in range(1, len(parts) + 1):
        if is_dependency_dir(root.joinpath(*parts[:n])):
            return "/".join(parts[:n])
    return ""


def is_dependency_dir(place: Path) -> bool:
    """Return whether the directory holds installed things, by its name or as a virtual environment."""
    return place.name in DEPENDENCY_DIRS or (place / "pyvenv.cfg").is_file()


def _never(path: str) -> bool:
    return not _NEVER.isdisjoint(path.split("/")) or path.endswith((".pyc", ".pyo"))


def _secret(path: str) -> bool:
    """Return whether agents may not see the file: no check or command must print it to them either.

    What git tracks never counts: it is part of the project, and test suites hold keys of their own.
    """
    try:
        confined(path)
    except ToolError:
        return True
    return False


def _from_disk(root: Path) -> Listing:
    files: list[str] = []
    dependencies: list[str] = []
    specs: list[tuple[str, GitIgnoreSpec]] = []
    for directory, names, file_names in os.walk(root):
        here = Path(directory)
        prefix = "" if here == root else here.relative_to(root).as_posix() + "/"
        if ".gitignore" in file_names:
            lines = (here / ".gitignore").read_text("utf-8", "replace").splitlines()
            specs.append((prefix, GitIgnoreSpec.from_lines(lines)))
        applying = [(base, spec) for base, spec in specs if prefix.startswith(base)]
        links = [name for name in names if (here / name).is_symlink()]
        installed = [name for name in names if name not in links and is_dependency_dir(here / name)]
        dependencies += [prefix + name for name in installed]
        names[:] = [
            name
            for name in names
            if name not in _NEVER and name not in links and name not in installed
            if not _ignored(f"{prefix}{name}/", applying)
        ]
        files += [
            path for path in (prefix + name for name in (*file_names, *links)) if _wanted(path, applying)
        ]
        if len(files) > _MAX_FILES:
            break
    return Listing(tuple(sorted(files)), tuple(sorted(dependencies)))


def _wanted(path: str, specs: list[tuple[str, GitIgnoreSpec]]) -> bool:
    generated = PurePosixPath(path).suffix in _GENERATED_SOURCES
    return not _never(path) and not _secret(path) and (generated or not _ignored(path, specs))


def _ignored(path: str, specs: list[tuple[str, GitIgnoreSpec]]) -> bool:
    """Return what the innermost `.gitignore` that has an opinion on `path` says."""
    for base, spec in reversed(specs):
        verdict = spec.check_file(path[len(base) :]).include
        if verdict is not None:
            return verdict
    return False
