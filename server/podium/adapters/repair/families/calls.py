"""A wrong call: its sibling was meant, or none, or one more."""

import ast
from collections.abc import Iterator, Mapping

from podium.adapters.repair.source import is_read
from podium.adapters.repair.unit import Change, Unit
from podium.adapters.repair.uses import COLLECTIONS, dotted, made

_FUNCTIONS: Mapping[str, tuple[str, ...]] = {
    "any": ("all",), "all": ("any",), "min": ("max",), "max": ("min",),
    "sorted": ("reversed", "list"), "reversed": ("sorted", "list"), "list": ("set", "sorted", "tuple"),
    "set": ("list",), "tuple": ("list",), "sum": ("len", "max"), "len": ("sum", "max"),
    "int": ("round", "float"), "round": ("int",), "float": ("int",), "str": ("repr",), "repr": ("str",),
    "ord": ("int",), "chr": ("str",), "abs": ("int",), "zip": ("enumerate",), "divmod": ("pow",),
    "floor": ("ceil",), "ceil": ("floor",), "heappush": ("heappushpop",), "isinstance": ("issubclass",),
}  # fmt: skip

_METHODS: Mapping[str, tuple[str, ...]] = {
    "append": ("extend", "appendleft"), "extend": ("append",), "appendleft": ("append",),
    "pop": ("popleft",), "popleft": ("pop",), "add": ("discard", "update"), "update": ("add",),
    "keys": ("values", "items"), "values": ("keys", "items"), "items": ("values", "keys"),
    "remove": ("discard", "pop"), "discard": ("remove", "add"),
    "strip": ("lstrip", "rstrip"), "lstrip": ("strip", "rstrip"), "rstrip": ("strip", "lstrip"),
    "lower": ("upper",), "upper": ("lower",), "title": ("capitalize",), "capitalize": ("title", "upper"),
    "split": ("rsplit", "splitlines"), "rsplit": ("split",), "splitlines": ("split",),
    "find": ("rfind", "index"), "rfind": ("find",), "index": ("find", "rindex"), "rindex": ("index",),
    "startswith": ("endswith",), "endswith": ("startswith",), "partition": ("rpartition",), "rpartition": ("partition",),
    "isdigit": ("isalpha", "isalnum", "isdecimal"), "isalpha": ("isalnum", "isdigit"), "isalnum": ("isalpha", "isdigit"),
    "isupper": ("islower",), "islower": ("isupper",), "isspace": ("isalpha",), "count": ("find", "index"),
    "union": ("intersection", "difference"), "intersection": ("union", "difference"), "ljust": ("rjust", "center"),
    "rjust": ("ljust", "center"), "difference": ("intersection", "symmetric_difference"), "match": ("fullmatch", "search"),
    "search": ("match", "fullmatch"), "fullmatch": ("match",), "issubset": ("issuperset",), "issuperset": ("issubset",),
}  # fmt: skip

_ERRORS = (
    "ValueError",
    "KeyError",
    "IndexError",
    "TypeError",
    "LookupError",
    "ZeroDivisionError",
    "Exception",
)


def siblings(unit: Unit) -> Iterator[Change]:
    """Propose the functions and methods that are taken for one another."""
    for node in unit.nodes:
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name):
            for other in _FUNCTIONS.get(node.func.id, ()):
                yield unit.replace(node.func, other, "call.sibling")
        elif isinstance(node.func, ast.Attribute):
            value = unit.source.atom(node.func.value)
            for other in _METHODS.get(node.func.attr, ()):
                yield unit.replace(node.func, f"{value}.{other}", "call.sibling")
            if node.func.attr in ("pop", "popleft"):
                given = "" if node.args else "0"
                yield unit.replace(node, f"{value}.pop({given})", "call.sibling", 0.8)
            if node.func.attr == "get" and len(node.args) == 1:
                for default in ("0", "[]"):
                    yield unit.replace(
                        node, f"{value}.get({unit.source.code(node.args[0])}, {default})", "call.wrap", 0.5
                    )


def unwrapped(unit: Unit) -> Iterator[Change]:
    """Propose an argument, or the object, in the place of a call."""
    for node in unit.nodes:
        if not isinstance(node, ast.Call) or isinstance(unit.source.parent(node), ast.Expr):
            continue
        for argument in node.args[:3]:
            if not isinstance(argument, ast.Starred | ast.GeneratorExp):
                yield unit.replace(node, unit.source.code(argument), "call.unwrap", 1.0 / len(node.args))
        if isinstance(node.func, ast.Attribute) and len(node.args) <= 1:
            yield unit.replace(node, unit.source.code(node.func.value), "call.unwrap", 0.4)


def wrapped(unit: Unit) -> Iterator[Change]:
    """Propose a conversion or a limit around a value that is assigned, returned or passed."""
    for node in unit.nodes:
        above, field = unit.source.parent(node), unit.source.field(node)
        given = isinstance(above, ast.Assign | ast.Return | ast.AugAssign | ast.For) and field in (
            "value",
            "iter",
        )
        passed = isinstance(above, ast.Call) and field == "args"
        compared = isinstance(above, ast.Compare | ast.BinOp)
        if not (given or passed or compared) or isinstance(node, ast.Constant | ast.Tuple):
            continue
        scale = 1.0 if given else 0.4
        text = unit.source.code(node)
        for name, weight in _wrappers(unit, node).items():
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name):
                yield unit.replace(node, f"{name}({text})", "call.wrap", weight * scale)
    yield from _limited(unit)
    yield from _extremes(unit)


def _extremes(unit: Unit) -> Iterator[Change]:
    """Propose `max` and `min` with what the statement or its condition reads anyway."""
    for node in unit.nodes:
        above = unit.source.parent(node)
        if (
            not isinstance(above, ast.Tuple | ast.Assign | ast.Return | ast.List)
            or unit.source.field(node) == "targets"
        ):
            continue
        if isinstance(node, ast.Name | ast.Subscript | ast.BinOp) and isinstance(
            getattr(node, "ctx", ast.Load()), ast.Load
        ):
            text = unit.source.code(node)
            for other in (*unit.names.reused, *unit.names.with_use(["number"])):
                if other != text and not other.startswith(("len", "min", "max")):
                    for extreme in ("max", "min"):
                        yield unit.replace(node, f"{extreme}({other}, {text})", "call.extreme")


def own(unit: Unit) -> Iterator[Change]:
    """Propose the project's own functions: around a value that they take, and with a parameter handed on."""
    for node in unit.nodes:
        if isinstance(node, ast.Call):
            name = unit.source.code(node.func)
            parameters = unit.names.own_functions.get(name, ())
            for parameter in parameters[len(node.args) :]:
                if parameter in unit.names.variables and all(
                    keyword.arg != parameter for keyword in node.keywords
                ):
                    given = [unit.source.code(argument) for argument in node.args]
                    given += [f"{keyword.arg}={unit.source.code(keyword.value)}" for keyword in node.keywords]
                    if len(given) + 1 < len(parameters) or parameter != parameters[len(node.args)]:
                        given.append(f"{parameter}={parameter}")
                    else:
                        given.append(parameter)
                    yield unit.replace(node, f"{name}({', '.join(given)})", "call.argument")
        elif dotted(node) and is_read(node) and unit.source.field(node) != "func":
            for name, parameters in unit.names.own_functions.items():
                if len(parameters) == 1 and (not name.startswith("self.") or _has_self(unit)):
                    yield unit.replace(
                        node, f"{name}({dotted(node)})", "call.own", 1.0 if name in unit.names.called else 0.2
                    )


def _has_self(unit: Unit) -> bool:
    return any(function.args.args[:1] and function.args.args[0].arg == "self" for function in unit.functions)


def _wrappers(unit: Unit, node: ast.expr) -> dict[str, float]:
    uses = unit.names.uses_of(dotted(node)) if dotted(node) else {made(node)} - {None}
    if "number" in uses:
        return {"abs": 0.6, "str": 0.4, "int": 0.5}
    if uses & COLLECTIONS:
        return {"len": 0.5, "sorted": 0.5, "list": 0.5, "set": 0.3, "reversed": 0.3, "int": 0.2}
    return {"len": 0.3, "str": 0.3, "int": 0.3, "abs": 0.3, "list": 0.3, "sorted": 0.3, "sum": 0.2}


def _limited(unit: Unit) -> Iterator[Change]:
    """Propose `max` and `min` with what the variable held before, or with zero."""
    for node in unit.statements:
        if (
            not isinstance(node, ast.Assign | ast.Return)
            or node.value is None
            or not _may_be_number(node.value)
        ):
            continue
        value = unit.source.code(node.value)
        target = unit.source.code(node.targets[0]) if isinstance(node, ast.Assign) else ""
        zero = 0.3 if isinstance(node, ast.Return) else 0.6
        for extreme in ("max", "min"):
            if target and (
                (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript))
                or _reassigned(unit, target)
            ):
                yield unit.replace(node.value, f"{extreme}({target}, {value})", "call.limit")
            yield unit.replace(node.value, f"{extreme}(0, {value})", "call.limit", zero)


def _may_be_number(node: ast.expr) -> bool:
    uncertain = made(node) is None and not isinstance(node, ast.Tuple | ast.Lambda | ast.BoolOp | ast.IfExp)
    return (made(node) == "number" and not isinstance(node, ast.Constant)) or uncertain


def _reassigned(unit: Unit, name: str) -> bool:
    stores = [
        node
        for node in ast.walk(unit.root)
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store)
    ]
    return len(stores) > 1


def copies(unit: Unit) -> Iterator[Change]:
    """Propose a copy of a collection that is stored while it goes on changing."""
    for node in unit.nodes:
        name = dotted(node)
        above, field = unit.source.parent(node), unit.source.field(node)
        stored = isinstance(above, ast.Call) and field == "args" and isinstance(above.func, ast.Attribute)
        given = isinstance(above, ast.Assign | ast.Return) and field == "value"
        yielded = isinstance(above, ast.Yield)
        if name and (stored or given or yielded) and unit.names.uses_of(name) & COLLECTIONS:
            yield unit.replace(node, f"list({name})", "call.copy")
            yield unit.replace(node, f"{name}.copy()", "call.copy", 0.5)


def generators(unit: Unit) -> Iterator[Change]:
    """Propose `yield` with and without `from`, and `yield` for `return`."""
    for node in unit.nodes:
        if isinstance(node, ast.Yield) and node.value is not None:
            value = unit.source.code(node.value)
            start, end = unit.source.span(node)
            yield unit.rewrite(start, end, f"yield from {value}", "generator", node)
            if isinstance(node.value, ast.Call) and node.value.args:
                yield unit.rewrite(
                    start, end, f"yield {unit.source.code(node.value.args[0])}", "generator", node
                )
        elif isinstance(node, ast.YieldFrom):
            start, end = unit.source.span(node)
            yield unit.rewrite(start, end, f"yield {unit.source.code(node.value)}", "generator", node)


def sorting(unit: Unit) -> Iterator[Change]:
    """Propose the other direction and other keys for sorts, minima and maxima."""
    for node in unit.nodes:
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if name not in ("sorted", "sort", "min", "max"):
            continue
        given = {keyword.arg: unit.source.code(keyword.value) for keyword in node.keywords if keyword.arg}
        if name in ("sorted", "sort"):
            reverse = "False" if given.get("reverse") == "True" else "True"
            yield _with_keywords(unit, node, {**given, "reverse": reverse}, 1.0)
        if name in ("min", "max") and len(node.args) == 1 and "default" not in given:
            yield _with_keywords(unit, node, {**given, "default": "0"}, 0.3)
        if "key" in given:
            yield _with_keywords(unit, node, {k: v for k, v in given.items() if k != "key"}, 0.5)
            body = next(keyword.value for keyword in node.keywords if keyword.arg == "key")
            if isinstance(body, ast.Lambda):
                yield unit.replace(body.body, f"-{unit.source.atom(body.body)}", "sorting", 0.8)
        elif name != "sort" or not given:
            for key, weight in (
                ("len", 0.5),
                ("lambda item: item[0]", 0.4),
                ("lambda item: item[1]", 0.6),
                ("str.lower", 0.2),
            ):
                yield _with_keywords(unit, node, {**given, "key": key}, weight)


def _with_keywords(unit: Unit, node: ast.Call, keywords: Mapping[str, str], weight: float) -> Change:
    parts = [unit.source.code(argument) for argument in node.args]
    parts += [f"{name}={value}" for name, value in keywords.items()]
    return unit.replace(node, f"{unit.source.code(node.func)}({', '.join(parts)})", "sorting", weight)


def exceptions(unit: Unit) -> Iterator[Change]:
    """Propose other exception types where one is raised or caught."""
    for node in unit.nodes:
        if isinstance(node, ast.Name) and node.id in _ERRORS:
            for other in _ERRORS:
                if other != node.id:
                    yield unit.replace(node, other, "exception", 0.5)
