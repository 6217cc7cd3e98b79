"""Off by one: constants, indexes, bounds of ranges and slices, and terms that are one too many."""

import ast
from collections.abc import Iterator, Mapping

from podium.adapters.repair.source import is_read
from podium.adapters.repair.unit import Change, Unit
from podium.adapters.repair.uses import COLLECTIONS, dotted

_OFTEN: Mapping[type, tuple[float, float]] = {
    ast.Call: (0.6, 0.1), ast.Compare: (0.6, 0.0), ast.Return: (0.9, 0.4), ast.Assign: (0.8, 0.1),
    ast.AugAssign: (0.8, 0.1), ast.BinOp: (0.2, 0.0),
}  # fmt: skip
"""How often a number, and something unknown, is off by one in such a place."""


def constants(unit: Unit) -> Iterator[Change]:
    """Propose a neighbour, the opposite, or a usual limit for each number and truth value."""
    for node in unit.nodes:
        if not isinstance(node, ast.Constant):
            continue
        if isinstance(node.value, bool):
            yield unit.replace(node, str(not node.value), "constant.flag")
        elif isinstance(node.value, int):
            yield from _steps(unit, node, node.value)


def _steps(unit: Unit, node: ast.Constant, value: int) -> Iterator[Change]:
    above = unit.source.parent(node)
    if isinstance(above, ast.UnaryOp) and isinstance(above.op, ast.USub):
        yield unit.replace(above, str(value), "constant.step", 0.7)
        return
    for other, weight in ((value + 1, 1.0), (value - 1, 1.0)):
        if other >= 0:
            yield unit.replace(node, str(other), "constant.step", weight)
    if value in (0, 1):
        yield unit.replace(node, "-1", "constant.step", 0.5)
    if value > 2:
        for other in (value * 10, value // 10, value * 2, value // 2):
            yield unit.replace(node, str(other), "constant.other", 0.3)
    for other in sorted(_numbers(unit) - {value, value + 1, value - 1}):
        yield unit.replace(node, str(other), "constant.other", 0.6)


def _numbers(unit: Unit) -> set[int]:
    return {
        node.value
        for node in ast.walk(unit.root)
        if isinstance(node, ast.Constant) and isinstance(node.value, int) and not isinstance(node.value, bool)
    }


def offsets(unit: Unit) -> Iterator[Change]:
    """Propose one more and one less wherever a number counts or points."""
    for node in unit.nodes:
        weight = _counts(unit, node)
        if weight and not isinstance(node, ast.Constant | ast.Slice | ast.Tuple):
            text = unit.source.code(node)
            for sign in "+-":
                if not text.endswith(("+ 1", "- 1")):
                    yield unit.replace(node, f"{text} {sign} 1", "number.offset", weight)


def terms(unit: Unit) -> Iterator[Change]:
    """Propose each side of an operation alone: a term that is one too many."""
    for node in unit.nodes:
        if isinstance(node, ast.BinOp):
            small = isinstance(node.right, ast.Constant)
            yield unit.replace(node, unit.source.code(node.left), "term.drop", 1.0 if small else 0.6)
            yield unit.replace(node, unit.source.code(node.right), "term.drop", 0.1 if small else 0.4)
        elif isinstance(node, ast.UnaryOp) and not isinstance(node.operand, ast.Constant):
            yield unit.replace(node, unit.source.code(node.operand), "term.drop", 1.0)


def slices(unit: Unit) -> Iterator[Change]:
    """Propose other bounds for a slice, a slice of a sequence, and no slice."""
    for node in unit.nodes:
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
            yield from _bounds(unit, node, node.slice)
        elif is_read(node) and dotted(node) and _takes_slice(unit, node):
            uses = unit.names.uses_of(dotted(node))
            yield from _cuts(unit, node, 1.0 if uses & COLLECTIONS else 0.0 if uses else 0.3)


def ranges(unit: Unit) -> Iterator[Change]:
    """Propose a range from 1, one from 0, and one that runs backwards."""
    for node in unit.nodes:
        match node:
            case ast.Call(func=ast.Name(id="range"), args=[only]):
                stop = unit.source.code(only)
                yield unit.replace(node, f"range(1, {stop})", "number.range")
                yield unit.replace(node, f"range({stop} - 1, -1, -1)", "number.range", 0.5)
                for name in unit.names.with_use(["number"]):
                    yield unit.replace(node, f"range({name}, {stop})", "number.range", 0.4)
                    yield unit.replace(node, f"range({name} + 1, {stop})", "number.range", 0.4)
            case ast.Call(func=ast.Name(id="range"), args=[low, high]):
                start, stop = unit.source.code(low), unit.source.code(high)
                yield unit.replace(node, f"range({stop})", "number.range", 0.5)
                yield unit.replace(node, f"range({start}, {stop}, -1)", "number.range", 0.4)
                yield unit.replace(node, f"range({stop} - 1, {start} - 1, -1)", "number.range", 0.4)
            case ast.Call(func=ast.Name(id="range"), args=[low, high, step]):
                yield unit.replace(
                    node, f"range({unit.source.code(low)}, {unit.source.code(high)})", "number.range", 0.4
                )
                if not isinstance(step, ast.Constant | ast.UnaryOp):
                    yield unit.replace(step, f"-{unit.source.atom(step)}", "number.range", 0.3)
            case _:
                pass


def _bounds(unit: Unit, node: ast.Subscript, bounds: ast.Slice) -> Iterator[Change]:
    value = unit.source.atom(node.value)
    low = unit.source.code(bounds.lower) if bounds.lower else ""
    high = unit.source.code(bounds.upper) if bounds.upper else ""
    step = f":{unit.source.code(bounds.step)}" if bounds.step else ""
    yield unit.replace(node, value, "slice.bounds", 0.6)
    if low or high:
        yield unit.replace(node, f"{value}[{high}:{low}{step}]", "slice.bounds", 0.8)
    if not low:
        yield unit.replace(node, f"{value}[1:{high}{step}]", "slice.bounds", 0.7)
    if not high:
        yield unit.replace(node, f"{value}[{low}:-1{step}]", "slice.bounds", 0.4)
    if not step:
        yield unit.replace(node, f"{value}[{low}:{high}:-1]", "slice.bounds", 0.2)


def _cuts(unit: Unit, node: ast.expr, scale: float) -> Iterator[Change]:
    text = unit.source.code(node)
    for cut, weight in (("[1:]", 1.0), ("[:-1]", 0.6), ("[::-1]", 0.6), ("[:]", 0.3)):
        yield unit.replace(node, text + cut, "slice.cut", weight * scale)
    for name in unit.names.with_use(["number"]):
        yield unit.replace(node, f"{text}[{name}:]", "slice.cut", 0.6 * scale)
        yield unit.replace(node, f"{text}[:{name}]", "slice.cut", 0.5 * scale)


def _takes_slice(unit: Unit, node: ast.expr) -> bool:
    above, field = unit.source.parent(node), unit.source.field(node)
    return not (isinstance(above, ast.Subscript | ast.Attribute) and field == "value") and field != "func"


def _counts(unit: Unit, node: ast.expr) -> float:
    """Return how likely the expression is off by one: 0 where it holds no number."""
    above, field = unit.source.parent(node), unit.source.field(node)
    if isinstance(above, ast.Subscript) and field == "slice":
        return 0.0 if "text" in unit.names.uses_of(dotted(node)) else 0.8
    if isinstance(above, ast.Slice):
        return 1.0
    if field not in ("args", "left", "comparators", "value", "right"):
        return 0.0
    ranged = isinstance(above, ast.Call) and isinstance(above.func, ast.Name) and above.func.id == "range"
    number, other = (1.0, 1.0) if ranged else _OFTEN.get(type(above), (0.0, 0.0))
    return number if _is_number(unit, node) else other


def _is_number(unit: Unit, node: ast.expr) -> bool:
    if dotted(node):
        return "number" in unit.names.uses_of(dotted(node))
    match node:
        case ast.Call(func=ast.Name(id="len" | "sum" | "max" | "min" | "abs" | "int")):
            return True
        case ast.Call(func=ast.Name(id=name)):
            return any(function.name == name for function in unit.functions)
        case ast.BinOp(left=left, right=right):
            return _is_number(unit, left) or _is_number(unit, right) or isinstance(left, ast.Constant)
        case _:
            return False
