"""Right things in the wrong order: arguments, operands, tuples, indexes, branches."""

import ast
from collections.abc import Iterator, Sequence
from itertools import combinations

from podium.adapters.repair.unit import Change, Unit

_SYMMETRIC = ("min", "max", "zip", "print")
_ONE_SIDED = (ast.Sub, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.LShift, ast.RShift, ast.Add)


def arguments(unit: Unit) -> Iterator[Change]:
    """Propose each pair of positional arguments of a call exchanged."""
    for node in unit.nodes:
        if isinstance(node, ast.Call) and not any(isinstance(item, ast.Starred) for item in node.args):
            if isinstance(node.func, ast.Name) and node.func.id in _SYMMETRIC:
                continue
            mixed = len({isinstance(item, ast.Constant | ast.List | ast.Dict) for item in node.args}) > 1
            for distance, change in _exchanged(unit, node.args, "order.arguments", node):
                yield unit.rewrite(
                    change.start,
                    change.end,
                    change.new,
                    change.kind,
                    node,
                    (1.0 if distance == 1 else 0.5) * (0.3 if mixed else 1.0),
                )


def operands(unit: Unit) -> Iterator[Change]:
    """Propose the sides of an operation exchanged, where that makes a difference."""
    for node in unit.nodes:
        if isinstance(node, ast.BinOp) and isinstance(node.op, _ONE_SIDED):
            numeric = (
                isinstance(node.op, ast.Add)
                and isinstance(node.right, ast.Constant)
                and isinstance(node.right.value, int)
            )
            if not numeric:
                for _, change in _exchanged(unit, [node.left, node.right], "order.operands", node):
                    yield change


def elements(unit: Unit) -> Iterator[Change]:
    """Propose neighbours in a tuple or list exchanged, and `a[i][j]` as `a[j][i]`."""
    for node in unit.nodes:
        if isinstance(node, ast.Tuple | ast.List) and 2 <= len(node.elts) <= 4:
            for distance, change in _exchanged(unit, node.elts, "order.elements", node):
                if distance == 1:
                    yield change
        elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Subscript):
            for _, change in _exchanged(unit, [node.value.slice, node.slice], "order.indexes", node):
                yield change
        elif isinstance(node, ast.IfExp):
            for _, change in _exchanged(unit, [node.body, node.orelse], "order.branches", node):
                yield change


def _exchanged(
    unit: Unit, nodes: Sequence[ast.expr], kind: str, at: ast.expr
) -> Iterator[tuple[int, Change]]:
    for (i, left), (j, right) in combinations(enumerate(nodes), 2):
        (start, left_end), (right_start, end) = unit.source.span(left), unit.source.span(right)
        gap = unit.source.text[left_end:right_start]
        if isinstance(at, ast.BinOp):
            first, second = unit.source.atom(right), unit.source.atom(left)
        else:
            first, second = unit.source.code(right), unit.source.code(left)
        if first != second and gap.count("(") == gap.count(")"):
            yield j - i, unit.rewrite(start, end, first + gap + second, kind, at)


def keys(unit: Unit) -> Iterator[Change]:
    """Propose key and value exchanged where one is stored under the other."""
    for node in unit.statements:
        match node:
            case ast.Assign(targets=[ast.Subscript(slice=key) as target], value=value) if not isinstance(
                key, ast.Slice
            ):
                (start, key_end), (value_start, end) = unit.source.span(key), unit.source.span(value)
                gap = unit.source.text[key_end:value_start]
                if isinstance(value, ast.Name | ast.Attribute) and isinstance(
                    target.value, ast.Name | ast.Attribute
                ):
                    new = unit.source.code(value) + gap + unit.source.code(key)
                    yield unit.rewrite(start, end, new, "order.keys", node)
            case _:
                pass
