"""A statement too many, in the wrong order, or at the wrong level."""

import ast
from collections.abc import Iterator
from itertools import pairwise
from typing import cast

from podium.adapters.repair.source import Block, blocks
from podium.adapters.repair.unit import Change, Unit, is_docstring

_SIMPLE = (ast.Expr, ast.Assign, ast.AugAssign, ast.Return, ast.Break, ast.Continue, ast.Raise, ast.Delete)
_JUMPS = {
    "break": ("continue", "return"),
    "continue": ("break", "pass"),
    "return": ("continue", "break"),
    "pass": ("continue", "break"),
}


def deleted(unit: Unit) -> Iterator[Change]:
    """Propose each simple statement left out."""
    for block in blocks(unit.root):
        for node in block:
            if isinstance(node, _SIMPLE) and not is_docstring(node) and unit.suspected(node) > 0:
                yield _text(unit, node, "pass", "statement.delete", _dispensable(unit, node))


def exchanged(unit: Unit) -> Iterator[Change]:
    """Propose neighbouring statements exchanged."""
    for block in blocks(unit.root):
        for first, second in pairwise(block):
            if is_docstring(first) or isinstance(first, ast.FunctionDef) or unit.suspected(first) <= 0:
                continue
            if unit.source.indent(first.lineno) != unit.source.indent(second.lineno):
                continue
            (start, first_end), (second_start, end) = unit.source.span(first), unit.source.span(second)
            gap = unit.source.text[first_end:second_start]
            new = unit.source.text[second_start:end] + gap + unit.source.text[start:first_end]
            simple = isinstance(first, _SIMPLE) and isinstance(second, _SIMPLE)
            yield unit.rewrite(start, end, new, "statement.exchange", first, 1.0 if simple else 0.4)


def levels(unit: Unit) -> Iterator[Change]:
    """Propose the last statement of a block one or two levels out, and the statement after a block in it."""
    for block in blocks(unit.root):
        for node in block:
            last = node
            while inner := _last_block(last):
                last = inner[-1]
                if isinstance(last, _SIMPLE) and len(inner) > 1:
                    yield from _moved(unit, last, node, 1.0)
        for node, after in pairwise(block):
            inner = _last_block(node)
            while inner:
                if isinstance(after, _SIMPLE):
                    yield from _moved(unit, after, inner[0], 0.8)
                inner = _last_block(inner[-1])


def jumps(unit: Unit) -> Iterator[Change]:
    """Propose another way to go on: `break`, `continue`, `return`, and `if` for `while`, `elif` for `if`."""
    for node in unit.statements:
        start, end = unit.source.span(node)
        text = unit.source.text[start:end]
        if isinstance(node, ast.Break | ast.Continue | ast.Pass) or (
            isinstance(node, ast.Return) and node.value is None
        ):
            for other in _JUMPS[text]:
                yield _text(unit, node, other, "statement.jump")
        elif isinstance(node, ast.If | ast.While):
            for old, new in (("if", "while"), ("while", "if"), ("elif", "if")):
                if text.startswith(f"{old} ") and not (old == "if" and node.orelse):
                    yield unit.rewrite(start, start + len(old), new, "statement.keyword", node)
        elif isinstance(node, ast.Return) and node.value is not None and _in_loop(unit, node):
            yield _text(unit, node, f"yield {unit.source.code(node.value)}", "generator", 0.5)


def _dispensable(unit: Unit, node: ast.stmt) -> float:
    """Return how likely the unit can do without `node`: the only value of a variable is seldom superfluous."""
    if isinstance(node, ast.Return):
        return 0.4
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        name = node.targets[0].id
        stores = [
            part
            for part in ast.walk(unit.root)
            if isinstance(part, ast.Name) and part.id == name and isinstance(part.ctx, ast.Store)
        ]
        return 0.15 if stores[0] is node.targets[0] and name not in unit.names.parameters else 0.7
    return 1.0


def _in_loop(unit: Unit, node: ast.stmt) -> bool:
    return any(isinstance(above, ast.For | ast.While) for above in unit.source.ancestors(node))


def _text(unit: Unit, node: ast.stmt, new: str, kind: str, weight: float = 1.0) -> Change:
    start, end = unit.source.span(node)
    return unit.rewrite(start, end, new, kind, node, weight)


def _last_block(node: ast.stmt) -> Block:
    for field in ("finalbody", "orelse", "body"):
        held: object = getattr(node, field, None)
        if isinstance(held, list) and held and not isinstance(node, ast.FunctionDef | ast.ClassDef):
            return cast("Block", held)
    return []


def _moved(unit: Unit, node: ast.stmt, beside: ast.stmt, weight: float) -> Iterator[Change]:
    """Move `node` to the level of `beside`, by indentation alone."""
    first, last = node.lineno, node.end_lineno or node.lineno
    old, new = unit.source.indent(first), unit.source.indent(beside.lineno)
    start, end = unit.source.lines_of(first, last)
    text = unit.source.text[start:end]
    if old != new and unit.suspected(node) + unit.suspected(beside) > 0 and text.startswith(old):
        lines = [
            new + line[len(old) :] if line.startswith(old) else line
            for line in text.splitlines(keepends=True)
        ]
        near = max(unit.suspected(node), unit.suspected(beside))
        yield Change(start, end, "".join(lines), "statement.level", weight, near, first)


def returns(unit: Unit) -> Iterator[Change]:
    """Propose `return` before a value that a statement computes and drops, and its assignment."""
    for node in unit.statements:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and unit.function_of(node):
            text = unit.source.code(node)
            yield _text(unit, node, f"return {text}", "statement.return")
            match node.value:
                case ast.Call(args=[ast.Name(id=name), *_]):
                    yield _text(unit, node, f"{name} = {text}", "statement.return", 0.5)
                case ast.Call(func=ast.Attribute(value=ast.Name(id=name))):
                    yield _text(unit, node, f"{name} = {text}", "statement.return", 0.5)
                case _:
                    pass
