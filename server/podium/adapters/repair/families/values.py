"""A wrong value: initial, default, returned, or a value that lacks one more part."""

import ast
from collections.abc import Iterator

from podium.adapters.repair.unit import Change, Unit, is_docstring
from podium.adapters.repair.uses import COLLECTIONS, dotted, made

MAX_WORD = 8
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
        scale = 1.0 if returned or given else 0.4 if passed else 0.25
        if passed and isinstance(above, ast.Call) and _recurses(unit, above):
            scale = 0.9
        text = unit.source.code(node)
        kind = "combine.number" if _numeric(unit, node) else "combine.sequence"
        for other, operators in _terms(unit, node):
            for operator, weight in operators:
                if other != text or operator == "*":
                    yield unit.replace(node, f"{text} {operator} {other}", kind, weight * scale)
                    if operator == "+" and kind == "combine.sequence":
                        yield unit.replace(node, f"{other} + {unit.source.atom(node)}", kind, weight * scale)
        if returned and isinstance(node, ast.Call):
            yield unit.replace(
                node, f"1 + {text}", "combine.recursive", 1.0 if _recurses(unit, node) else 0.3
            )


def _recurses(unit: Unit, node: ast.expr) -> bool:
    names = {function.name for function in unit.functions}
    return any(
        isinstance(part, ast.Call) and unit.source.code(part.func).removeprefix("self.") in names
        for part in ast.walk(node)
    )


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
    if number or unknown:
        found += [
            (f"len({name})", [("+", 0.7), ("-", 0.7)]) for name in unit.names.with_use(["sequence", "text"])
        ]
        found += [
            (text, [("+", 0.4), ("-", 0.3)]) for text in unit.names.reused if not text.startswith("len")
        ]
    return found


def aliased(unit: Unit) -> Iterator[Change]:
    """Propose fresh lists where one list is repeated, and a fresh default where one is shared by all calls."""
    for node in unit.nodes:
        match node:
            case ast.BinOp(left=ast.List(elts=[inner]), op=ast.Mult(), right=n) if made(inner) in COLLECTIONS:
                text = f"[{unit.source.code(inner)} for _ in range({unit.source.code(n)})]"
                yield unit.replace(node, text, "value.alias")
            case _:
                pass
    for function in unit.functions:
        named = function.args.args[len(function.args.args) - len(function.args.defaults) :]
        for argument, default in zip(named, function.args.defaults, strict=True):
            first = (
                function.body[1]
                if is_docstring(function.body[0]) and len(function.body) > 1
                else function.body[0]
            )
            if made(default) in ("sequence", "set", "dict") and first.lineno > function.lineno:
                start, default_end = unit.source.span(default)
                end = unit.source.span(first)[0]
                indent = unit.source.indent(first.lineno)
                fresh = f"if {argument.arg} is None:\n{indent}    {argument.arg} = {unit.source.code(default)}\n{indent}"
                new = "None" + unit.source.text[default_end:end] + fresh
                yield unit.rewrite(start, end, new, "value.alias", first)


def texts(unit: Unit) -> Iterator[Change]:
    """Propose other strings: another of the unit, without or with a space, in the other case."""
    every: set[str] = {
        node.value for node in unit.nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    for node in unit.nodes:
        if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            continue
        text = node.value
        near = {text.strip(), "", " "}
        if len(text) < MAX_WORD:
            near |= {text + " ", " " + text, text.lower(), text.upper(), text[:-1], text[1:], *every}
        for other in sorted(near - {text}):
            yield unit.replace(node, repr(other), "constant.text", 0.6 if other in every else 0.4)


def signs(unit: Unit) -> Iterator[Change]:
    """Propose the opposite number where one is sorted by, returned, added or passed."""
    for node in unit.nodes:
        above, field = unit.source.parent(node), unit.source.field(node)
        held = isinstance(above, ast.Tuple | ast.Return | ast.Lambda | ast.Call | ast.BinOp | ast.Assign)
        if (
            held
            and field not in ("func", "targets", "target")
            and isinstance(node, ast.Name | ast.Subscript | ast.Attribute | ast.Call)
        ) and (isinstance(node, ast.Call) or isinstance(node.ctx, ast.Load)):
            keyed = any(isinstance(up, ast.Lambda) for up in unit.source.ancestors(node))
            number = _numeric(unit, node)
            yield unit.replace(
                node,
                f"-{unit.source.atom(node)}",
                "term.negate",
                1.0 if keyed else 0.4 if number else 0.1,
            )
