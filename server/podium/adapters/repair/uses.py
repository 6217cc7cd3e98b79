"""What an expression certainly gives, and what its use says about a variable. Nothing is run."""

import ast
from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

Use: TypeAlias = Literal["number", "sequence", "text", "set", "dict", "function", "object", "flag"]
Evidence: TypeAlias = list[tuple[str, Use]]
"""What is known of variables, by name; an empty name stands for something that is no variable."""

_METHODS: Mapping[str, Use] = {
    **dict.fromkeys(
        ("append", "extend", "pop", "insert", "sort", "reverse", "popleft", "appendleft"), "sequence"
    ),
    **dict.fromkeys(("add", "discard", "union", "difference", "intersection"), "set"),
    **dict.fromkeys(("items", "keys", "values", "get", "setdefault"), "dict"),
    **dict.fromkeys(
        ("lower", "upper", "strip", "split", "join", "startswith", "endswith", "isdigit"), "text"
    ),
}
_MAKERS: Mapping[str, Use] = {
    **dict.fromkeys(("len", "int", "sum", "abs", "ord", "float", "round"), "number"),
    **dict.fromkeys(("list", "sorted", "deque", "tuple", "reversed"), "sequence"),
    **dict.fromkeys(("set", "frozenset"), "set"),
    **dict.fromkeys(("dict", "defaultdict", "Counter", "OrderedDict"), "dict"),
    "str": "text",
}
COLLECTIONS: frozenset[Use] = frozenset(("sequence", "set", "dict", "text"))
_DISPLAYS: Mapping[type[ast.expr], Use] = {
    ast.List: "sequence", ast.ListComp: "sequence", ast.Tuple: "sequence", ast.Set: "set", ast.SetComp: "set",
    ast.Dict: "dict", ast.DictComp: "dict", ast.Compare: "flag", ast.JoinedStr: "text",
}  # fmt: skip
_NUMERIC = ast.Sub | ast.Div | ast.FloorDiv | ast.Mult
_ORDERS = ast.Lt | ast.LtE | ast.Gt | ast.GtE


def dotted(node: ast.AST) -> str:
    """Return `name` or `self.name` for such an expression, else an empty string."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
        return f"self.{node.attr}"
    return ""


def made(node: ast.expr) -> Use | None:
    """Return what an expression certainly gives, or None."""
    found = _DISPLAYS.get(type(node))
    match node:
        case ast.Constant(value=value):
            found = _of_constant(value)
        case ast.UnaryOp(op=ast.Not()):
            found = "flag"
        case ast.BinOp(op=ast.Sub() | ast.Div() | ast.FloorDiv() | ast.BitAnd() | ast.BitXor()):
            found = "number"
        case ast.BinOp(left=left, right=right):
            found = made(left) or made(right)
        case ast.Call(func=ast.Name(id=name)):
            found = _MAKERS.get(name)
        case _:
            pass
    return found


def _of_constant(value: object) -> Use | None:
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else None


def evidence(node: ast.AST) -> Evidence:
    """Return what `node` says about the variables in it."""
    if isinstance(node, ast.Call):
        return _called(node)
    return _stated(node) if isinstance(node, ast.stmt | ast.comprehension) else _computed(node)


def _computed(node: ast.AST) -> Evidence:
    match node:
        case ast.BinOp(op=op, left=left, right=right) if isinstance(op, _NUMERIC):
            return _all((left, right), "number")
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            return _all((left, right), made(left) or made(right))
        case ast.Compare(left=left, ops=[op], comparators=[right]) if isinstance(op, _ORDERS):
            return [] if "text" in (made(left), made(right)) else _all((left, right), "number")
        case ast.Subscript(value=value, slice=index):
            ends = [index.lower, index.upper] if isinstance(index, ast.Slice) else []
            return [*_all([value], "sequence"), *_all([end for end in ends if end], "number")]
        case ast.Attribute(value=value, attr=attribute) if attribute not in _METHODS:
            return _all([value], "object")
        case _:
            return []


def _stated(node: ast.stmt | ast.comprehension) -> Evidence:
    match node:
        case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
            return [
                (dotted(name), use)
                for name, given in zip(targets, values, strict=False)
                if (use := made(given))
            ]
        case ast.Assign(targets=[target], value=value):
            return _all([target], made(value))
        case ast.AugAssign(target=target, op=op, value=value):
            return _all([target], made(value) if isinstance(op, ast.Add) else "number")
        case ast.For(target=target, iter=ast.Call(func=ast.Name(id="range"))):
            return _all([target], "number")
        case ast.For(iter=iterated) | ast.comprehension(iter=iterated):
            return _all([iterated], "sequence")
        case _:
            return []


def _called(node: ast.Call) -> Evidence:
    match node.func:
        case ast.Name(id="range"):
            return _all(node.args, "number")
        case ast.Name(id="len" | "sum" | "enumerate" | "sorted"):
            return _all(node.args[:1], "sequence")
        case ast.Attribute(value=value, attr=method):
            return [*_all([node.func], "function"), *_all([value], _METHODS.get(method))]
        case function:
            return _all([function], "function")


def _all(nodes: Iterable[ast.expr], use: Use | None) -> Evidence:
    return [(dotted(node), use) for node in nodes] if use else []


def share(found: dict[str, set[Use]], node: ast.AST) -> None:
    """Give both sides of an assignment or comparison of two variables what either is known to hold."""
    match node:
        case ast.Assign(targets=[one], value=other):
            pass
        case ast.Compare(left=one, ops=[operator], comparators=[other]) if not isinstance(
            operator, ast.In | ast.NotIn
        ):
            pass
        case _:
            return
    left, right = dotted(one), dotted(other)
    both = found.get(left, set()) | found.get(right, set())
    if left and right and both:
        found[left] = found[right] = set(both)
