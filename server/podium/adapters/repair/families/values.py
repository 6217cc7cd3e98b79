"""A wrong value: initial, default, returned, or a value that lacks one more part."""

import ast
from collections.abc import Iterator

from podium.adapters.repair.names import COLLECTIONS, dotted, made
from podium.adapters.repair.unit import Change, Unit

_INITIAL: dict[str, tuple[tuple[str, float], ...]] = {
    "number": (("0", 1), ("1", 1), ("-1", 0.5), ('float("inf")', 0.6), ('float("-inf")', 0.6), ("None", 0.3)),
    "flag": (("None", 0.3),),
    "sequence": (
        ("[]", 0.6),
        ("[[]]", 1),
        ("[0]", 0.6),
        ("[1]", 0.6),
        ("None", 0.2),
        ("set()", 0.2),
        ('""', 0.2),
    ),
    "text": (('""', 1), ('" "', 0.5), ("None", 0.3)),
    "set": (("set()", 0.6), ("[]", 0.2)),
    "dict": (("{}", 0.6), ("None", 0.2)),
    "none": (("0", 1), ("[]", 1), ('""', 0.5), ("False", 0.7), ("True", 0.5), ("{}", 0.4), ("1", 0.4)),
}


def initial(unit: Unit) -> Iterator[Change]:
    """Propose other constants, and names of parameters, where a constant is assigned, returned or given."""
    for node in unit.nodes:
        above, field = unit.source.parent(node), unit.source.field(node)
        if not _is_plain(node):
            continue
        kind = "value.return" if isinstance(above, ast.Return) else "value.initial"
        if not (
            isinstance(
                above, ast.Return | ast.Assign | ast.arguments | ast.AnnAssign | ast.Call | ast.keyword
            )
        ):
            continue
        text = unit.source.code(node)
        for other, weight in _INITIAL[_sort_of(node)]:
            if other != text:
                yield unit.replace(node, other, kind, weight * (0.4 if isinstance(above, ast.Call) else 1.0))
        if field == "value":
            yield from _from_names(unit, node, kind)


def _from_names(unit: Unit, node: ast.expr, kind: str) -> Iterator[Change]:
    for name in unit.names.variables:
        parameter = 1.0 if name in unit.names.parameters else 0.6
        yield unit.replace(node, name, kind, 0.6 * parameter)
        if isinstance(node, ast.List):
            yield unit.replace(node, f"[{name}]", kind, 0.8 * parameter)
        if name in unit.names.parameters and unit.names.uses_of(name) & COLLECTIONS:
            yield unit.replace(node, f"{name}[0]", kind, 0.4)
            yield unit.replace(node, f"len({name})", kind, 0.4)


def _is_plain(node: ast.expr) -> bool:
    match node:
        case ast.Constant() | ast.List(elts=[]) | ast.Dict(keys=[]):
            return True
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant()):
            return True
        case ast.Call(func=ast.Name(id="set" | "list" | "dict" | "float"), args=args):
            return all(isinstance(argument, ast.Constant) for argument in args)
        case ast.List(elts=[ast.Constant()]):
            return True
        case _:
            return False


def _sort_of(node: ast.expr) -> str:
    if isinstance(node, ast.UnaryOp):
        return "number"
    return made(node) or "none"


def combined(unit: Unit) -> Iterator[Change]:
    """Propose one more term for a value: `x` as `x + y`, `rest` as `[head] + rest` or `rest + rest'`."""
    for node in unit.nodes:
        above, field = unit.source.parent(node), unit.source.field(node)
        returned = isinstance(above, ast.Return)
        given = isinstance(above, ast.Assign | ast.AugAssign) and field == "value"
        passed = isinstance(above, ast.Call) and field == "args"
        if not (returned or given or passed or isinstance(above, ast.Compare | ast.Subscript | ast.BinOp)):
            continue
        if isinstance(node, ast.Constant | ast.Slice | ast.Tuple | ast.BoolOp | ast.Compare | ast.Lambda):
            continue
        scale = 1.0 if returned or given else 0.5 if passed else 0.25
        text = unit.source.code(node)
        for other, operators in _terms(unit, node):
            for operator, weight in operators:
                if other != text or operator == "*":
                    yield unit.replace(node, f"{text} {operator} {other}", "value.combine", weight * scale)
                    if operator == "+" and not _numeric(unit, node):
                        yield unit.replace(
                            node, f"{other} + {unit.source.atom(node)}", "value.combine", weight * scale
                        )
        if returned and isinstance(node, ast.Call):
            yield unit.replace(node, f"1 + {text}", "value.combine", 0.8)


def _numeric(unit: Unit, node: ast.expr) -> bool:
    return "number" in unit.names.uses_of(dotted(node)) if dotted(node) else made(node) == "number"


def _terms(unit: Unit, node: ast.expr) -> list[tuple[str, list[tuple[str, float]]]]:
    """Return expressions to combine a value with, and the operators that suit each."""
    found: list[tuple[str, list[tuple[str, float]]]] = []
    unknown = not dotted(node) or not unit.names.uses_of(dotted(node))
    number = _numeric(unit, node)
    for name in unit.names.variables:
        uses = unit.names.uses_of(name)
        if "number" in uses and (number or unknown):
            found.append(
                (
                    name,
                    [("+", 1.0), ("-", 1.0), ("*", 0.4)] if number else [("+", 0.5), ("-", 0.5), ("*", 0.4)],
                )
            )
        if uses & {"sequence", "text"} and not number:
            found.append((name, [("+", 0.8)]))
        if not uses & COLLECTIONS and not number and name in unit.names.variables:
            found.append((f"[{name}]", [("+", 0.5)]))
            if not uses:
                found.append((name, [("+", 0.4)]))
    return found
