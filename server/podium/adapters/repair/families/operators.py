"""A wrong operator: comparison, arithmetic, bits, augmented assignment, `and` for `or`."""

import ast
import re
from collections.abc import Iterator, Mapping

from podium.adapters.repair.unit import Change, Unit

_SYMBOLS: Mapping[type[ast.AST], str] = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
    ast.Is: "is", ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in",
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
    ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^", ast.LShift: "<<", ast.RShift: ">>",
}  # fmt: skip

_COMPARED: Mapping[str, tuple[tuple[str, str, float], ...]] = {
    "<": (("<=", "compare.boundary", 1), (">", "compare.flip", 1), (">=", "compare.flip", 0.8), ("!=", "compare.loosen", 0.3)),
    "<=": (("<", "compare.boundary", 1), (">=", "compare.flip", 1), (">", "compare.flip", 0.8), ("==", "compare.loosen", 0.3)),
    ">": ((">=", "compare.boundary", 1), ("<", "compare.flip", 1), ("<=", "compare.flip", 0.8), ("!=", "compare.loosen", 0.3)),
    ">=": ((">", "compare.boundary", 1), ("<=", "compare.flip", 1), ("<", "compare.flip", 0.8), ("==", "compare.loosen", 0.3)),
    "==": (("!=", "compare.equality", 1), ("<=", "compare.loosen", 1), (">=", "compare.loosen", 1), ("is", "compare.equality", 0.2),
           ("<", "compare.loosen", 0.4), (">", "compare.loosen", 0.4), ("in", "compare.loosen", 0.3)),
    "!=": (("==", "compare.equality", 1), ("<", "compare.loosen", 1), (">", "compare.loosen", 1), ("is not", "compare.equality", 0.2)),
    "is": (("is not", "compare.equality", 1), ("==", "compare.equality", 0.8)),
    "is not": (("is", "compare.equality", 1), ("!=", "compare.equality", 0.8)),
    "in": (("not in", "compare.equality", 1), ("==", "compare.loosen", 0.3)),
    "not in": (("in", "compare.equality", 1), ("!=", "compare.loosen", 0.3)),
}  # fmt: skip

_COMPUTED: Mapping[str, tuple[tuple[str, float], ...]] = {
    "+": (("-", 1), ("*", 0.5), ("|", 0.1)),
    "-": (("+", 1), ("//", 0.1), ("%", 0.3)),
    "*": (("+", 0.6), ("**", 0.6), ("/", 0.4), ("//", 0.4)),
    "/": (("//", 1), ("*", 0.6), ("%", 0.4)),
    "//": (("/", 0.8), ("%", 1), ("*", 0.4), (">>", 0.2)),
    "%": (("//", 1), ("/", 0.3), ("*", 0.2), ("-", 0.2)),
    "**": (("*", 1), ("^", 0.1)),
    "&": (("|", 1), ("^", 1)),
    "|": (("&", 1), ("^", 1)),
    "^": (("&", 1), ("|", 1), ("**", 0.6)),
    "<<": ((">>", 1),),
    ">>": (("<<", 1),),
}


def comparisons(unit: Unit) -> Iterator[Change]:
    """Propose another comparison operator for each one."""
    for node in unit.nodes:
        if not isinstance(node, ast.Compare):
            continue
        sides = [node.left, *node.comparators]
        for operator, left, right in zip(node.ops, sides, sides[1:], strict=False):
            symbol = _SYMBOLS[type(operator)]
            for other, kind, weight in _COMPARED[symbol]:
                yield from _between(unit, left, right, symbol, other, kind, weight, node)


def arithmetic(unit: Unit) -> Iterator[Change]:
    """Propose another operator of the same sort for each binary operation."""
    for node in unit.nodes:
        if isinstance(node, ast.BinOp) and not _formats(node):
            symbol = _SYMBOLS.get(type(node.op), "")
            for other, weight in _COMPUTED.get(symbol, ()):
                yield from _between(unit, node.left, node.right, symbol, other, "arithmetic", weight, node)


def augmented(unit: Unit) -> Iterator[Change]:
    """Propose another operator for `x += y`, and plain assignment for it and the other way round."""
    for node in unit.statements:
        if isinstance(node, ast.AugAssign):
            symbol = _SYMBOLS.get(type(node.op), "")
            for other, weight in _COMPUTED.get(symbol, ()):
                yield from _between(
                    unit,
                    node.target,
                    node.value,
                    f"{symbol}=",
                    f"{other}=",
                    "augmented.operator",
                    weight,
                    node,
                )
            yield from _between(unit, node.target, node.value, f"{symbol}=", "=", "augmented.plain", 1, node)
        elif isinstance(node, ast.Assign) and len(node.targets) == 1:
            for symbol, weight in (("+=", 1.0), ("-=", 0.4), ("*=", 0.3), ("|=", 0.2)):
                target = node.targets[0]
                if isinstance(target, ast.Name | ast.Subscript | ast.Attribute) and not _initial(node):
                    yield from _between(
                        unit, target, node.value, "=", symbol, "augmented.plain", weight, node
                    )


def connectives(unit: Unit) -> Iterator[Change]:
    """Propose `or` for `and`, `and` for `or`."""
    for node in unit.nodes:
        if isinstance(node, ast.BoolOp):
            symbol, other = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
            parts = [
                unit.source.atom(value) if isinstance(value, ast.BoolOp) else unit.source.code(value)
                for value in node.values
            ]
            yield unit.replace(node, f" {other} ".join(parts), "condition.connect")
            if len(parts) > 2:
                for left, right in zip(node.values, node.values[1:], strict=False):
                    yield from _between(unit, left, right, symbol, other, "condition.connect", 0.6, node)


def _formats(node: ast.BinOp) -> bool:
    return (
        isinstance(node.op, ast.Mod)
        and isinstance(node.left, ast.Constant)
        and isinstance(node.left.value, str)
    )


def _initial(node: ast.Assign) -> bool:
    return isinstance(node.value, ast.Constant | ast.List | ast.Dict | ast.Set)


def _between(  # noqa: PLR0913 - two places, two operators, and what every change has
    unit: Unit,
    left: ast.expr,
    right: ast.expr,
    old: str,
    new: str,
    kind: str,
    weight: float,
    at: ast.expr | ast.stmt,
) -> Iterator[Change]:
    start, end = unit.source.span(left)[1], unit.source.span(right)[0]
    gap = unit.source.text[start:end]
    pattern = r"\b" + r"\s+".join(old.split()) + r"\b" if old[0].isalpha() else re.escape(old)
    changed, n_changed = re.subn(pattern, lambda _: new, gap, count=1)
    if n_changed:
        yield unit.rewrite(start, end, changed, kind, at, weight)
