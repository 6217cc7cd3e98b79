"""A missing statement: an update of a collection or variable, a guard, a base case, a way out."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from podium.adapters.repair.source import Block, Function, blocks
from podium.adapters.repair.unit import Change, Unit, is_docstring
from podium.adapters.repair.uses import dotted

_ENDS = (ast.Return, ast.Break, ast.Continue, ast.Raise)
_CHANGES = ("append", "add", "appendleft", "extend", "insert", "update", "push")


@dataclass(frozen=True, slots=True)
class Gap:
    """A place for a new line: before `line`, at `indent`, in a loop or not, last in its block or not."""

    line: int
    indent: str
    suspicion: float
    loop: ast.For | ast.While | None
    last: bool
    after_loop: bool


def updates(unit: Unit) -> Iterator[Change]:
    """Propose updates that the flow of data misses: what a loop reads or returns, and nothing changes."""
    found = [*_collected(unit), *_stepped(unit)]
    for gap in _gaps(unit):
        for text, weight, needed in found:
            inside = gap.loop is not None or gap.after_loop
            place = (1.0 if gap.last or gap.after_loop else 0.5) if inside else 0.2
            kind = "missing.needed" if needed else "missing.update"
            yield unit.insert(gap.line, gap.indent + text, kind, gap.suspicion, weight * place)


def _collected(unit: Unit) -> list[tuple[str, float, bool]]:
    """Return `seen.add(x)` and `found.append(x)` for the collections of the unit."""
    found: list[tuple[str, float, bool]] = []
    sets, lists = unit.names.with_use(["set"]), unit.names.with_use(["sequence"])
    for name in dict.fromkeys([*sets, *lists]):
        method = _adding_method(unit, name, "add" if name in sets else "append")
        need = 1.0 if _begins_empty(unit, name) and not _is_changed(unit, name) else 0.3
        if name in unit.names.parameters and not _is_changed(unit, name) and not _is_tested(unit, name):
            need = 0.05
        for value in unit.names.variables:
            if value != name:
                likely = 1.0 if _is_item(unit, value) else 0.5
                found.append((f"{name}.{method}({value})", need * likely, need == 1.0))
    for name in unit.names.with_use(["dict"]):
        for key in unit.names.variables:
            for value in (*unit.names.variables, "1"):
                if key not in (name, value) and value != name:
                    found.append((f"{name}[{key}] = {value}", 0.1, False))
    return found


def _stepped(unit: Unit) -> list[tuple[str, float, bool]]:
    """Return `n += 1`, `before = node` and `node = node.next` for variables that a loop could carry on."""
    found: list[tuple[str, float, bool]] = []
    constant = _never_updated(unit)
    for name in unit.names.variables:
        need = 1.0 if name in constant else 0.15
        if "number" in unit.names.uses_of(name):
            found += [(f"{name} += 1", need, need == 1.0), (f"{name} -= 1", need * 0.6, need == 1.0)]
            found += [(f"{name} //= 2", need * 0.3, need == 1.0)] if name in constant else []
        for other in unit.names.variables:
            if other != name:
                found.append(
                    (f"{name} = {other}", need * 0.7 * unit.names.likeness(name, other), need == 1.0)
                )
        for attribute in _links(unit, name):
            found.append((f"{name} = {name}.{attribute}", need, need == 1.0))
    return found


def guards(unit: Unit) -> Iterator[Change]:
    """Propose base cases at the top of each function, and `continue` or `break` in loops."""
    for function in unit.functions:
        first = next((node for node in function.body if not is_docstring(node)), None)
        if first is None or first.lineno == function.lineno:
            continue
        indent = unit.source.indent(first.lineno)
        for condition, weight in _base_conditions(unit, function):
            for value, likely in _base_values(unit, function):
                text = f"{indent}if {condition}:\n{indent}    return {value}".rstrip()
                yield unit.insert(
                    first.lineno, text, "missing.guard", unit.suspected(first) or unit.floor, weight * likely
                )
    for gap in _gaps(unit):
        if gap.loop is not None and not gap.last:
            for condition in _skip_conditions(unit, gap.loop):
                for word in ("continue", "break"):
                    text = f"{gap.indent}if {condition}:\n{gap.indent}    {word}"
                    yield unit.insert(
                        gap.line, text, "missing.skip", gap.suspicion, 1.0 if word == "continue" else 0.6
                    )


def exits(unit: Unit) -> Iterator[Change]:
    """Propose `return`, `break` and `continue` at the ends of blocks."""
    for gap in _gaps(unit):
        if not gap.last:
            continue
        if gap.loop is not None:
            for word, weight in (("break", 1.0), ("continue", 0.4)):
                yield unit.insert(gap.line, gap.indent + word, "missing.exit", gap.suspicion, weight)
        for name in unit.names.variables:
            weight = 0.8 if name not in unit.names.parameters else 0.4
            yield unit.insert(
                gap.line, f"{gap.indent}return {name}", "missing.exit", gap.suspicion, weight * 0.5
            )
        for value in ("True", "False", "None"):
            yield unit.insert(gap.line, f"{gap.indent}return {value}", "missing.exit", gap.suspicion, 0.25)


def repeated(unit: Unit) -> Iterator[Change]:
    """Propose simple statements of the unit once more, at other places of it."""
    simple = [
        unit.source.code(node)
        for node in unit.statements
        if isinstance(node, ast.Expr | ast.Assign | ast.AugAssign | ast.Return)
        and node.lineno == node.end_lineno
    ]
    for gap in _gaps(unit):
        for text in dict.fromkeys(simple):
            if not text.startswith("return") or gap.last:
                yield unit.insert(
                    gap.line,
                    gap.indent + text,
                    "missing.repeat",
                    gap.suspicion,
                    1.0 if gap.last or gap.after_loop else 0.5,
                )


def _gaps(unit: Unit) -> Iterator[Gap]:
    for block in blocks(unit.root):
        if (
            isinstance(block[0], ast.FunctionDef | ast.ClassDef)
            or unit.source.parent(block[0]) is unit.source.tree
        ):
            continue
        if isinstance(unit.source.parent(block[0]), ast.ClassDef):
            continue
        yield from _gaps_of(unit, block)


def _gaps_of(unit: Unit, block: Block) -> Iterator[Gap]:
    owner = unit.source.parent(block[0])
    if not isinstance(owner, ast.stmt | ast.ExceptHandler) or block[0].lineno == owner.lineno:
        return
    indent = unit.source.indent(block[0].lineno)
    loop = _loop_of(unit, block[0])
    for index, node in enumerate(block):
        if is_docstring(node):
            continue
        before = block[index - 1] if index else None
        near = max(unit.suspected(node), unit.suspected(before) if before else 0.0)
        after_loop = isinstance(before, ast.For | ast.While)
        if near > 0 and not isinstance(before, _ENDS):
            yield Gap(node.lineno, indent, near, loop, False, after_loop)
    last = block[-1]
    near = max(unit.suspected(last), unit.suspected(block[0]))
    if near > 0 and not isinstance(last, _ENDS):
        yield Gap(
            (last.end_lineno or last.lineno) + 1,
            indent,
            near,
            loop,
            True,
            isinstance(last, ast.For | ast.While),
        )


def _loop_of(unit: Unit, node: ast.stmt) -> ast.For | ast.While | None:
    for above in unit.source.ancestors(node):
        if isinstance(above, ast.For | ast.While):
            return above
        if isinstance(above, ast.FunctionDef | ast.AsyncFunctionDef):
            return None
    return None


def _adding_method(unit: Unit, name: str, usual: str) -> str:
    used = [
        node.func.attr
        for node in ast.walk(unit.root)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and dotted(node.func.value) == name
    ]
    return next((method for method in used if method in _CHANGES[:3]), usual)


def _is_changed(unit: Unit, name: str) -> bool:
    for node in ast.walk(unit.root):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if dotted(node.func.value) == name and node.func.attr in _CHANGES:
                return True
        elif (
            isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store) and dotted(node.value) == name
        ) or (isinstance(node, ast.AugAssign) and dotted(node.target) == name):
            return True
    return False


def _is_tested(unit: Unit, name: str) -> bool:
    return any(
        isinstance(node, ast.Compare)
        and isinstance(node.ops[0], ast.In | ast.NotIn)
        and dotted(node.comparators[0]) == name
        for node in ast.walk(unit.root)
    )


def _begins_empty(unit: Unit, name: str) -> bool:
    for node in ast.walk(unit.root):
        if isinstance(node, ast.Assign) and dotted(node.targets[0]) == name:
            return isinstance(node.value, ast.List | ast.Set | ast.Dict | ast.Call)
    return _is_tested(unit, name)


def _is_item(unit: Unit, name: str) -> bool:
    """Return whether a loop runs over `name`, or it is taken out of a collection."""
    targets: list[ast.expr] = []
    for node in ast.walk(unit.root):
        if isinstance(node, ast.For | ast.comprehension):
            targets.append(node.target)
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call | ast.Subscript):
            targets += node.targets
    taken = {dotted(part) for target in targets for part in ast.walk(target)}
    return name in taken or name in unit.names.parameters


def _never_updated(unit: Unit) -> set[str]:
    """Return the variables that are set before a loop, read in it or after it, and never set in one."""
    outside: set[str] = set()
    inside: set[str] = set()
    for node in ast.walk(unit.root):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store) and dotted(node):
            (
                inside
                if _loop_of(unit, unit.statement(node)) or isinstance(unit.statement(node), ast.For)
                else outside
            ).add(dotted(node))
    tested = {
        dotted(part)
        for loop in ast.walk(unit.root)
        if isinstance(loop, ast.While)
        for part in ast.walk(loop.test)
        if dotted(part)
    }
    return (outside | tested) - inside


def _links(unit: Unit, name: str) -> list[str]:
    return [
        attribute
        for attribute in unit.names.attributes
        if "object" in unit.names.uses_of(name) and attribute not in ("value", "data", "key", "name", "label")
    ][:4]


def _base_conditions(unit: Unit, function: Function) -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    for argument in function.args.args:
        name = argument.arg
        uses = unit.names.uses_of(name)
        if name in ("self", "cls"):
            continue
        if "number" in uses:
            found += [
                (f"{name} == 0", 1.0),
                (f"{name} <= 0", 0.7),
                (f"{name} < 0", 0.8),
                (f"{name} <= 1", 0.6),
                (f"{name} == 1", 0.5),
            ]
        else:
            found.append((f"not {name}", 1.0))
            if "object" in uses or not uses:
                found.append((f"{name} is None", 0.6))
            if uses & {"sequence", "text"}:
                found.append((f"len({name}) <= 1", 0.6))
    return found


def _base_values(unit: Unit, function: Function) -> list[tuple[str, float]]:
    returned = [
        unit.source.code(node.value)
        for node in ast.walk(function)
        if isinstance(node, ast.Return)
        and isinstance(node.value, ast.Constant | ast.List | ast.Name | ast.Dict)
    ]
    plain = ["[]", "0", "None", "False", "1", "True", '""', "{}", "-1"]
    parameters = [argument.arg for argument in function.args.args if argument.arg not in ("self", "cls")]
    found = dict.fromkeys(plain, 0.4) | dict.fromkeys(parameters, 0.5) | dict.fromkeys(returned, 1.0)
    return list(found.items())


def _skip_conditions(unit: Unit, loop: ast.For | ast.While) -> list[str]:
    if not isinstance(loop, ast.For):
        return []
    items = [part.id for part in ast.walk(loop.target) if isinstance(part, ast.Name)]
    holders = unit.names.with_use(["set", "dict"])[:3]
    return [f"not {item}" for item in items] + [f"{item} in {holder}" for item in items for holder in holders]
