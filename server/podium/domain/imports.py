"""Which Python files import which: a static graph of a project, to find the tests that a change reaches.

It errs on the side of too many edges: a name that could mean two files means both, and a string that reads
like a module's name counts as an import of it (`import_module`, `mock.patch`). What a test reaches in other
ways (a subprocess, a path, a plugin) is not seen.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

_STATEMENT = re.compile(
    r"(?:^|[;:])[ \t]*(?:from[ \t]+(\.*)[ \t]*([\w.]*)[ \t]+import[ \t]*(\([^)]*\)|[^\n;]+)|import[ \t]+([^\n;]+))",
    re.MULTILINE,
)
_DOTTED = re.compile(r"""["']([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+)["']""")
_COMMENT = re.compile(r"#[^\n]*|\\\n")


@dataclass(frozen=True, slots=True)
class Reference:
    """A module that a file names, with the dots before it (0: absolute)."""

    module: str
    dots: int = 0


def references(source: bytes) -> frozenset[Reference]:
    """Return every module that a Python file may import; names imported from a module count as modules too."""
    text = source.decode("utf-8", "replace")
    found = {Reference(name) for name in _DOTTED.findall(text)}
    for dots, module, names, modules in _STATEMENT.findall(_COMMENT.sub(" ", text)):
        if modules:
            found |= {Reference(name) for name in _names(modules)}
            continue
        found.add(Reference(module, len(dots)))
        found |= {Reference(f"{module}.{name}".strip("."), len(dots)) for name in _names(names)}
    return frozenset(found)


def _names(text: str) -> list[str]:
    words = (part.split() for part in text.strip("() \t\r\n").split(","))
    return [word[0].strip("()") for word in words if word and word[0] != "*"]


@dataclass(frozen=True, slots=True)
class ImportGraph:
    """The Python files of a project by path (with `/`), and which of them use a name.

    A graph `below` is what this one is laid over: what its files imported counts still.
    """

    files: frozenset[str]
    users: Mapping[str, Collection[str]]
    below: "ImportGraph | None" = None

    @staticmethod
    def of(files: Mapping[str, bytes], below: "ImportGraph | None" = None) -> "ImportGraph":
        """Return the graph of the Python files among `files`, laid over another one if given."""
        users: dict[str, set[str]] = {}
        paths = [path for path in files if path.endswith(".py")]
        for path in paths:
            for reference in references(files[path]):
                for name in _with_parents(reference, path):
                    users.setdefault(name, set()).add(path)
        known = below.files if below else frozenset[str]()
        return ImportGraph(known.union(paths), users, below)

    def reaching(self, paths: Iterable[str]) -> frozenset[str]:
        """Return the files that import one of `paths`, directly or through others, and `paths` themselves."""
        reached = set(paths)
        pending = list(reached)
        while pending:
            for name in self._names_of(pending.pop()):
                for user in self.users_of(name):
                    if user not in reached:
                        reached.add(user)
                        pending.append(user)
        return frozenset(reached)

    def users_of(self, name: str) -> Iterator[str]:
        """Yield the files that use a name; one that leads from a file's place begins with `/`."""
        yield from self.users.get(name, ())
        if self.below is not None:
            yield from self.below.users_of(name)

    def _names_of(self, path: str) -> Iterator[str]:
        """Yield the names under which a file may be imported: by its place, and from each possible root."""
        parts = PurePosixPath(path.removesuffix(".py")).parts
        if parts[-1] == "__init__":
            parts = parts[:-1]
        yield "/" + ".".join(parts)
        for start in range(len(parts)):
            if start == 0 or "/".join((*parts[:start], "__init__.py")) not in self.files:
                yield ".".join(parts[start:])


def _with_parents(reference: Reference, importer: str) -> list[str]:
    """Return the names of the module and of the packages above it, which are imported with it."""
    if reference.dots:
        above = PurePosixPath(importer).parts[: -reference.dots]
        absolute = [*above, *filter(None, reference.module.split("."))]
        first, prefix = len(above), "/"
    else:
        absolute, first, prefix = reference.module.split("."), 1, ""
    return [prefix + ".".join(absolute[:end]) for end in range(max(first, 1), len(absolute) + 1)]
