"""From suspect lines to units of repair: which functions to work on, and how suspect their lines are."""

import ast
from collections.abc import Iterator, Mapping, Sequence

from podium.adapters.repair.reports import Suspect
from podium.adapters.repair.source import Function, Source
from podium.adapters.repair.unit import Unit

MAX_UNITS = 12


def units(texts: Mapping[str, str], suspects: Sequence[Suspect]) -> list[Unit]:
    """Return the units with suspect lines, the most suspect first; suspicion is relative to the highest.

    Files that do not parse are left out.
    """
    highest = max((suspect.score for suspect in suspects), default=1.0)
    found: list[Unit] = []
    for path, text in texts.items():
        lines = {suspect.line: suspect.score / highest for suspect in suspects if suspect.path == path}
        try:
            source = Source(path, text)
        except SyntaxError:
            continue
        for root in _roots(source.tree):
            inside = _inside(root, lines)
            if inside and not (isinstance(root, ast.FunctionDef) and set(inside) == {root.lineno}):
                found.append(Unit(source, root, inside))
    found.sort(key=lambda unit: -max(unit.suspicion.values()))
    return found[:MAX_UNITS]


def _roots(tree: ast.Module | ast.ClassDef) -> Iterator[ast.stmt]:
    """Yield outermost functions, methods, and the plain statements of modules and classes."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield from _roots(node)
        elif isinstance(node, Function | ast.Assign | ast.AnnAssign | ast.Expr | ast.If):
            yield node


def _inside(root: ast.stmt, lines: Mapping[int, float]) -> dict[int, float]:
    last = root.end_lineno or root.lineno
    return {line: score for line, score in lines.items() if root.lineno <= line <= last}
