"""Names in scope of a function, and what each seems to hold, judged by how it is used."""

import ast
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Literal, TypeAlias

from podium.adapters.repair.source import Function

Use: TypeAlias = Literal["number", "sequence", "text", "set", "dict", "function", "object", "flag"]

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


class Names:
    """The variables of one function, with the module's functions and constants that it could name."""

    def __init__(self, module: ast.Module, root: ast.stmt) -> None:
        self._module = module
        self._root = root

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """The parameters of the root and of functions nested in it, `self` and `cls` left out."""
        found: list[str] = []
        for node in ast.walk(self._root):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                a = node.args
                every = [*a.posonlyargs, *a.args, *a.kwonlyargs, *filter(None, (a.vararg, a.kwarg))]
                found.extend(argument.arg for argument in every)
        return tuple(name for name in dict.fromkeys(found) if name not in ("self", "cls"))

    @cached_property
    def variables(self) -> tuple[str, ...]:
        """Parameters, then the names that the function assigns, then `self.x` that it mentions."""
        stored = [
            node.id
            for node in ast.walk(self._root)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        ]
        own = [
            f"self.{node.attr}"
            for node in ast.walk(self._root)
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "self"
            and self.uses_of(f"self.{node.attr}") != {"function"}
        ]
        return tuple(dict.fromkeys([*self.parameters, *stored, *own]))

    @cached_property
    def globals(self) -> tuple[str, ...]:
        """The functions and constants of the module that have names."""
        found: list[str] = []
        for node in self._module.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found.append(node.name)
            elif isinstance(node, ast.Assign):
                found.extend(target.id for target in node.targets if isinstance(target, ast.Name))
        return tuple(dict.fromkeys(found))

    @cached_property
    def attributes(self) -> tuple[str, ...]:
        """Every attribute that the file reads or writes without calling it."""
        called = {id(node.func) for node in ast.walk(self._module) if isinstance(node, ast.Call)}
        return tuple(
            dict.fromkeys(
                node.attr
                for node in ast.walk(self._module)
                if isinstance(node, ast.Attribute) and id(node) not in called
            )
        )

    @cached_property
    def _uses(self) -> dict[str, set[Use]]:
        found: dict[str, set[Use]] = {}
        for node in ast.walk(self._root):
            for name, use in _evidence(node):
                found.setdefault(name, set()).add(use)
        for node in ast.walk(self._root):
            if isinstance(node, ast.Compare) and len(node.ops) == 1:
                _share(found, dotted(node.left), dotted(node.comparators[0]), node.ops[0])
        return found

    def uses_of(self, name: str) -> set[Use]:
        """Return what `name` seems to hold; empty when nothing tells."""
        return self._uses.get(name, set())

    def likeness(self, old: str, new: str) -> float:
        """Return 0 to 1: how well `new` could stand where `old` stands."""
        uses, others = self.uses_of(old), self.uses_of(new)
        if uses & others:
            return 1.0
        return 0.5 if not uses or not others else 0.12

    def with_use(self, uses: Iterable[Use], or_unknown: bool = False) -> list[str]:
        """Return the variables that seem to hold one of `uses`, and the unknown ones where asked for."""
        wanted = set(uses)
        return [
            name
            for name in self.variables
            if self.uses_of(name) & wanted or (or_unknown and not self.uses_of(name))
        ]


def dotted(node: ast.AST) -> str:
    """Return `name` or `self.name` for such an expression, else an empty string."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
        return f"self.{node.attr}"
    return ""


def made(node: ast.expr) -> Use | None:
    """Return what an expression certainly gives, or None."""
    match node:
        case ast.Constant(value=bool()):
            return "flag"
        case ast.Constant(value=int() | float()):
            return "number"
        case ast.Constant(value=str()):
            return "text"
        case ast.List() | ast.ListComp() | ast.Tuple():
            return "sequence"
        case ast.Set() | ast.SetComp():
            return "set"
        case ast.Dict() | ast.DictComp():
            return "dict"
        case ast.Compare() | ast.UnaryOp(op=ast.Not()):
            return "flag"
        case ast.BinOp(op=ast.Sub() | ast.Div() | ast.FloorDiv() | ast.BitAnd() | ast.BitXor()):
            return "number"
        case ast.BinOp(left=left, right=right):
            return made(left) or made(right)
        case ast.Call(func=ast.Name(id=name)):
            return _MAKERS.get(name)
        case _:
            return None


def _share(found: dict[str, set[Use]], left: str, right: str, operator: ast.cmpop) -> None:
    if left and right and isinstance(operator, ast.Lt | ast.LtE | ast.Gt | ast.GtE | ast.Eq | ast.NotEq):
        both = found.get(left, set()) | found.get(right, set())
        if both:
            found[left] = found[right] = set(both)


def _evidence(node: ast.AST) -> list[tuple[str, Use]]:  # noqa: C901 - one case for each way to use a name
    match node:
        case ast.Assign(targets=[target], value=value):
            return _assigned(target, value)
        case ast.AugAssign(target=target, op=ast.Add(), value=value):
            use = made(value)
            return [(dotted(target), use)] if use else []
        case ast.AugAssign(target=target):
            return [(dotted(target), "number")]
        case ast.BinOp(op=ast.Sub() | ast.Div() | ast.FloorDiv() | ast.Mult(), left=left, right=right):
            return [(dotted(side), "number") for side in (left, right)]
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            known = made(left) or made(right)
            return [(dotted(side), known) for side in (left, right)] if known else []
        case ast.Subscript(value=value, slice=ast.Slice(lower=low, upper=high)):
            ends = [(dotted(end), "number") for end in (low, high) if end]
            return [(dotted(value), "sequence"), *ends]  # pyright: ignore[reportReturnType]
        case ast.Subscript(value=value):
            return [(dotted(value), "sequence")]
        case ast.For(target=target, iter=ast.Call(func=ast.Name(id="range"))):
            return [(dotted(target), "number")]
        case ast.For(iter=iterated) | ast.comprehension(iter=iterated):
            return [(dotted(iterated), "sequence")]
        case ast.Call(func=ast.Name(id="range"), args=args):
            return [(dotted(argument), "number") for argument in args]
        case ast.Call(func=ast.Name(id="len" | "sum" | "enumerate" | "sorted"), args=[argument, *_]):
            return [(dotted(argument), "sequence")]
        case ast.Call(func=ast.Name(id=name)):
            return [(name, "function")]
        case ast.Call(func=ast.Attribute(value=value, attr=method)):
            use = _METHODS.get(method)
            return [(dotted(node.func), "function"), *([(dotted(value), use)] if use else [])]
        case ast.Attribute(value=value, attr=attribute) if attribute not in _METHODS:
            return [(dotted(value), "object")]
        case _:
            return []


def _assigned(target: ast.expr, value: ast.expr) -> list[tuple[str, Use]]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        pairs = zip(target.elts, value.elts, strict=False)
        return [(dotted(name), use) for name, given in pairs if (use := made(given))]
    use = made(value)
    return [(dotted(target), use)] if use else []


def enclosing_calls(root: Function) -> set[str]:
    """Return the names that `root` calls."""
    return {
        node.func.id
        for node in ast.walk(root)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
