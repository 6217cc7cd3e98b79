"""Which files of a workspace folder belong to the project, and where its installed dependencies lie.

With git: tracked files and untracked ones that git does not ignore, and ignored source files (a generated
`_version.py` is needed by the tests). Without git: everything that the `.gitignore` files leave. Never
`.git`, bytecode, or dependency directories.
"""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pathspec import GitIgnoreSpec

from podium.errors import UserError

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
        UserError: the folder holds more files than checks can sensibly copy.
    """
    listing = _from_git(root) or _from_disk(root)
    if len(listing.files) > _MAX_FILES:
        raise UserError(f"{root} holds {len(listing.files)} files; open the folder of one project instead.")
    return listing


def _from_git(root: Path) -> Listing | None:
    """Return what git knows of the folder, or None where it is no work tree or git is missing."""
    if not any((parent / ".git").exists() for parent in (root, *root.parents)):
        return None
    tracked = _git_paths(root, "-c")
    untracked = _git_paths(root, "-o", "--exclude-standard")
    ignored = _git_paths(root, "-o", "-i", "--exclude-standard", "--directory")
    if tracked is None or untracked is None or ignored is None:
        return None
    files: set[str] = set()
    dependencies: set[str] = set()
    for path in tracked:
        files.update(_tracked(root, path))
    for path in untracked:
        outermost = _dependency_dir(root, path)
        (dependencies.add(outermost) if outermost else files.add(path))
    for path in ignored:
        outermost = _dependency_dir(root, path)
        if outermost:
            dependencies.add(outermost)
        elif PurePosixPath(path).suffix in _GENERATED_SOURCES and not path.endswith("/"):
            files.add(path)
    return Listing(tuple(sorted(path for path in files if not _never(path))), tuple(sorted(dependencies)))


def _git_paths(root: Path, *options: str) -> list[str] | None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run([*_GIT, *options], cwd=root, env=environment, capture_output=True, check=False)  # noqa: S603
    except OSError:
        return None
    if done.returncode != 0:
        return None
    return [path for path in os.fsdecode(done.stdout).split("\0") if path]


def _tracked(root: Path, path: str) -> Iterator[str]:
    """Yield a tracked path where it exists; for a submodule, the files in it."""
    place = root / path
    if place.is_symlink() or place.is_file():
        yield path
    elif place.is_dir():
        for below in _from_disk(place).files:
            yield f"{path}/{below}"


def _dependency_dir(root: Path, path: str) -> str:
    """Return the outermost dependency directory that `path` is or lies in, or an empty string."""
    parts = PurePosixPath(path).parts
    depth = len(parts) if path.endswith("/") else len(parts) - 1
    for n in range(1, depth + 1):
        if is_dependency_dir(root.joinpath(*parts[:n])):
            return "/".join(parts[:n])
    return ""


def is_dependency_dir(place: Path) -> bool:
    """Return whether the directory holds installed things, by its name or as a virtual environment."""
    return place.name in DEPENDENCY_DIRS or (place / "pyvenv.cfg").is_file()


def _never(path: str) -> bool:
    return not _NEVER.isdisjoint(PurePosixPath(path).parts) or path.endswith((".pyc", ".pyo"))


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
    return not _never(path) and (generated or not _ignored(path, specs))


def _ignored(path: str, specs: list[tuple[str, GitIgnoreSpec]]) -> bool:
    """Return what the innermost `.gitignore` that has an opinion on `path` says."""
    for base, spec in reversed(specs):
        verdict = spec.check_file(path[len(base) :]).include
        if verdict is not None:
            return verdict
    return False
