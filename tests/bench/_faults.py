"""Real code with faults: libraries from the package index, and small changes to them that their tests notice.

A library is the source distribution as it is published, without tests that need the network, threads or
the garbage collector. Faults are made by changing one operator, constant, condition or result in a function;
what each makes fail was found by running the library's tests, and is kept in `faults/`.
"""

import ast
import json
import os
import random
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

from tests.models.simulated import Fault, Place

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "podium-bench"
FOUND = Path(__file__).with_name("faults")
"""Faults that were found once: looking for them takes several minutes. Deleted ones are looked for again."""


@dataclass(frozen=True, slots=True)
class Library:
    """A package on the index. `left_out` are its files that are not used, `modules` those that get faults.

    `tests_of` has the test file of a module, `{}` for its name.
    """

    name: str
    version: str
    modules: str
    tests_of: str
    left_out: tuple[str, ...]
    most_of_a_file: int


LIBRARIES = (
    Library(
        "toolz",
        "1.2.0",
        "toolz/dicttoolz.py toolz/itertoolz.py toolz/recipes.py toolz/functoolz.py",
        "toolz/tests/test_{}.py",
        ("toolz/sandbox/tests", "toolz/tests/test_inspect_args.py", "toolz/tests/test_package.py"),
        24,
    ),
    Library(
        "boltons",
        "26.2.0",
        " ".join(
            f"boltons/{name}utils.py"
            for name in [
                "cache",
                "dict",
                "format",
                "iter",
                "json",
                "list",
                "math",
                "named",
                "queue",
                "set",
                "stats",
                "str",
                "table",
                "time",
                "type",
                "url",
            ]
        ),
        "tests/test_{}.py",
        tuple(
            f"tests/test_{name}.py"
            for name in (
                [
                    "gcutils",
                    "socketutils",
                    "funcutils",
                    "funcutils_fb",
                    "funcutils_fb_py3",
                    "ioutils",
                    "ecoutils",
                ]
            )
        ),
        7,
    ),
)


def laid_out(library: Library) -> dict[str, str]:
    """Return the files of a library by path, as it is published."""
    files: dict[str, str] = {}
    with tarfile.open(_archive(library)) as archive:
        for member in archive.getmembers():
            content = archive.extractfile(member)
            path = member.name.partition("/")[2]
            if content is not None and not path.startswith(library.left_out):
                with suppress(UnicodeDecodeError):
                    files[path] = content.read().decode()
    return files


def _archive(library: Library) -> Path:
    folder = CACHE / "sdist"
    pattern = f"{library.name.replace('-', '_')}-{library.version}.tar.gz"
    if not list(folder.glob(pattern)):
        argv = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", library.name]
        subprocess.run([*argv, "-d", folder, f"{library.name}=={library.version}"], check=True)
    return next(folder.glob(pattern))


def environment() -> Path:
    """Return the virtual environment of the libraries, which holds nothing but pytest, as their own would."""
    folder = CACHE / f"venv-{sys.version_info.major}.{sys.version_info.minor}"
    if not (folder / "bin" / "pytest").exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "-q", "pytest"], check=True)
    return folder


def write(files: Mapping[str, str], folder: Path) -> None:
    """Write files below `folder`, which need not exist; what is there already is replaced."""
    for path, text in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8", newline="")


def failing(folder: Path, *tests: str, limit_s: float = 120.0) -> tuple[str, ...] | None:
    """Return the ids of the tests below `folder` that fail; None where the run breaks off or hangs."""
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "_failing", *tests]
    with tempfile.TemporaryDirectory() as place:
        shutil.copy(Path(__file__).with_name("_failing.py"), place)
        report = Path(place) / "report.json"
        paths = os.pathsep.join([place, str(folder)])
        env = {**os.environ, "PYTHONPATH": paths, "FAILING_REPORT": str(report)}
        env |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0"}
        try:
            subprocess.run(argv, cwd=folder, env=env, capture_output=True, timeout=limit_s, check=False)
        except subprocess.TimeoutExpired:
            return None
        return tuple(json.loads(report.read_text())) if report.exists() else None


# --- faults -----------------------------------------------------------------------------------------


Fails: TypeAlias = Callable[..., tuple[str, ...]]
"""Tells which tests fail with another text of a file: its path, the text, and the tests to run."""
Spot: TypeAlias = tuple[tuple[int, int], tuple[int, int], Callable[[str], Sequence[str]]]
"""Where a part of the code begins and ends (line from 1, column from 0), and what it can become."""


@dataclass(frozen=True, slots=True)
class _Mutant:
    """One line of a function, changed. `line` counts from 0."""

    line: int
    text: str


def faults_of(library: Library) -> list[Fault]:
    """Return faults, each in another function, each with tests that fail because of it and of no other."""
    kept = FOUND / f"{library.name}-{library.version}.json"
    if not kept.exists():
        print(f"Looking for faults in {library.name} {library.version}, once …", flush=True)
        found = _found(library)
        kept.write_text(json.dumps([asdict(fault) for fault in found], indent=1), encoding="utf-8")
    return [Fault.read(entry) for entry in json.loads(kept.read_text(encoding="utf-8"))]


def _found(library: Library) -> list[Fault]:
    files = laid_out(library)
    folders = [CACHE / f"work-{library.name}-{n}" for n in range(os.cpu_count() or 1)]
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
        write(files, folder)
    if base := failing(folders[0]):
        raise RuntimeError(f"{library.name}: {base} fail without any fault")
    idle = list(folders)

    def fails(path: str, text: str, *tests: str) -> tuple[str, ...]:
        folder = idle.pop()
        try:
            write({path: text}, folder)
            return failing(folder, *tests, limit_s=30) or ()
        finally:
            write({path: files[path]}, folder)
            idle.append(folder)

    def first_noticed(function: "_Function") -> Fault | None:
        test_file = library.tests_of.format(Path(function.path).stem)
        noticed: list[_Mutant] = []
        for mutant in function.tried():
            if mutant.line not in {other.line for other in noticed}:
                text = function.with_lines({mutant.line: mutant.text})
                noticed += [mutant] if fails(function.path, text, test_file) else []
            if len(noticed) == function.n_places:
                break
        return _fault(function, noticed, test_file, fails) if noticed else None

    with ThreadPoolExecutor(len(folders)) as pool:
        chosen: list[Fault] = []
        for path in library.modules.split():
            functions = _functions(path, files[path])
            sample = random.Random(path).sample(functions, min(library.most_of_a_file, len(functions)))  # noqa: S311
            chosen += filter(None, pool.map(first_noticed, sample))
    for folder in folders:
        shutil.rmtree(folder)
    random.Random(library.name).shuffle(chosen)  # noqa: S311
    return _apart(chosen)


def _fault(function: "_Function", noticed: Sequence[_Mutant], test_file: str, fails: Fails) -> Fault | None:
    """Return the fault that these mutants make together, with the tests that it makes fail.

    The other ways to have a place wrong are noticed by a test as well: what none notices may not even be wrong.
    """
    places: list[Place] = []
    for mutant in noticed:
        others = [
            m.text
            for m in function.mutants
            if m.line == mutant.line and m.text != mutant.text
            if fails(function.path, function.with_lines({m.line: m.text}), test_file)
        ]
        place = function.place(mutant, others, {m.line for m in noticed} - {mutant.line})
        if place is None:
            return None
        places.append(place)
    wrong = function.with_lines({m.line: m.text for m in noticed})
    if any(wrong.count(place.wrong) != 1 for place in places):
        return None
    tests = fails(function.path, wrong)
    if not all("::" in test for test in tests):
        return None  # not even the test file can be imported any more
    stickiness = random.Random(function.name).choice((0.0, 0.3, 0.6))  # noqa: S311
    line, end = function.first + 1, function.last + 1
    return (
        Fault(function.name, function.path, line, end, tuple(places), tests, tests, stickiness)
        if tests
        else None
    )


def _apart(faults: Sequence[Fault]) -> list[Fault]:
    """Return the faults that have tests of their own: none that make everything fail."""
    kept = [fault for fault in faults if len(fault.fails) <= 12]
    while True:
        counts: dict[str, int] = {}
        for fault in kept:
            for test in fault.fails:
                counts[test] = counts.get(test, 0) + 1
        own = [tuple(test for test in fault.fails if counts[test] == 1) for fault in kept]
        without = [fault for fault, tests in zip(kept, own, strict=True) if not tests]
        if not without:
            return [fault.with_tests(tests) for fault, tests in zip(kept, own, strict=True)]
        kept.remove(max(without, key=lambda fault: len(fault.fails)))


class _Function:
    """A function in a file, and the changes that can be made to its lines. Lines count from 0."""

    def __init__(self, path: str, name: str, lines: Sequence[str], node: ast.FunctionDef) -> None:
        self.path = path
        self.name = name
        self.first = node.lineno - 1
        self.last = (node.end_lineno or node.lineno) - 1
        self._lines = lines
        self.mutants = list(_mutants(lines, node))
        self.n_places = 2 if random.Random(name).random() < 0.4 else 1  # noqa: S311

    def tried(self) -> list[_Mutant]:
        """Return the mutants that are worth a try, in an order of chance that is always the same."""
        return random.Random(self.name).sample(self.mutants, min(6, len(self.mutants)))  # noqa: S311

    def with_lines(self, changed: Mapping[int, str]) -> str:
        """Return the file with some lines changed."""
        return "".join(changed.get(n, line) for n, line in enumerate(self._lines))

    def place(self, mutant: _Mutant, others: Sequence[str], apart_from: set[int]) -> Place | None:
        """Return the lines that an edit of this mutant quotes: as few as occur only once in the file."""
        whole = "".join(self._lines)
        for start in range(mutant.line, self.first - 1, -1):
            if start in apart_from:
                return None
            before = "".join(self._lines[start : mutant.line])
            if whole.count(before + self._lines[mutant.line]) == 1:
                right, *texts = (before + text for text in (self._lines[mutant.line], mutant.text, *others))
                return Place(texts[0], right, tuple(dict.fromkeys(texts[1:])))
        return None


def _functions(path: str, text: str) -> list[_Function]:
    """Return the functions and methods of a file whose names occur once, those with changes to make."""
    lines = text.splitlines(keepends=True)
    module = path.removesuffix(".py").replace("/", ".")
    found: list[_Function] = []
    tree = ast.parse(text)
    for top in tree.body:
        for node in top.body if isinstance(top, ast.ClassDef) else [top]:
            if isinstance(node, ast.FunctionDef):
                owner = f"{top.name}." if isinstance(top, ast.ClassDef) else ""
                found.append(_Function(path, f"{module}.{owner}{node.name}", lines, node))
    names = [function.name for function in found]
    return [f for f in found if f.mutants and names.count(f.name) == 1]


_OPERATORS: Mapping[str, tuple[str, ...]] = {
    "<": ("<=", ">", ">="), "<=": ("<", ">=", ">"), ">": (">=", "<", "<="), ">=": (">", "<=", "<"),
    "==": ("!=", ">="), "!=": ("==", "<"), "is": ("is not",), "is not": ("is",), "in": ("not in",),
    "not in": ("in",), "+": ("-", "*"), "-": ("+", "*"), "*": ("+", "-"), "/": ("*", "//"), "//": ("/", "*"),
    "%": ("//", "+"), "and": ("or",), "or": ("and",),
}  # fmt: skip


def _mutants(lines: Sequence[str], function: ast.FunctionDef) -> Iterator[_Mutant]:
    """Yield the changes to single lines of a function, those that still parse."""
    for statement in function.body[int(ast.get_docstring(function) is not None) :]:
        for node in ast.walk(statement):
            for first, last, texts in _spots(node):
                if first[0] != last[0]:
                    continue
                line = lines[first[0] - 1]
                if not line.isascii():
                    continue
                for text in texts(line[first[1] : last[1]]):
                    changed = line[: first[1]] + text + line[last[1] :]
                    if changed != line:
                        yield _Mutant(first[0] - 1, changed)


def _spots(node: ast.AST) -> Iterator[Spot]:
    """Yield the parts of a node that can be changed: where they begin and end, and what they can become."""
    match node:
        case ast.Compare(left=left, comparators=[right]) | ast.BinOp(left=left, right=right):
            yield _end(left), _start(right), _other_operators
        case ast.BoolOp(values=[left, right, *_]):
            yield _end(left), _start(right), _other_operators
        case ast.Constant(value=bool(value)):
            yield _start(node), _end(node), lambda _: (str(not value),)
        case ast.Constant(value=int(value)):
            yield _start(node), _end(node), lambda _: (str(value + 1), str(value - 1), str(value + 2))
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
            yield _start(test), _end(test), lambda text: (f"not ({text})",)
        case ast.Return(value=ast.expr() as value):
            yield _start(value), _end(value), lambda text: ("None", f"[{text}]", f"not ({text})")
        case _:
            return


def _other_operators(text: str) -> Sequence[str]:
    word = text.strip()
    return [text.replace(word, other) for other in _OPERATORS.get(word, ())]


def _start(node: ast.expr) -> tuple[int, int]:
    return node.lineno, node.col_offset


def _end(node: ast.expr) -> tuple[int, int]:
    return node.end_lineno or 0, node.end_col_offset or 0
