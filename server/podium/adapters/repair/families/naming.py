"""The wrong name: another variable, attribute, or part of the same object was meant."""

import ast
from collections.abc import Iterator
from difflib import SequenceMatcher

from podium.adapters.repair.source import is_read
from podium.adapters.repair.unit import Change, Unit
from podium.adapters.repair.uses import dotted


def variables(unit: Unit) -> Iterator[Change]:
    """Propose other names in scope for each name that is read."""
    for node in unit.nodes:
        name = dotted(node)
        if not name or not is_read(node) or unit.source.field(node) == "func":
            continue
        if name not in unit.names.variables and name not in unit.names.globals:
            continue
        near = _bound_near(unit, node)
        for other in unit.names.variables:
            if other != name and not _same_side(unit, node, other):
                weight = unit.names.likeness(name, other) * (0.6 + 0.2 * _alike(name, other))
                weight *= 1.25 if other in near or other in unit.names.unread else 1.0
                weight *= _odd_index(unit, node, name, other)
                yield unit.replace(node, other, "name.variable", weight)


def targets(unit: Unit) -> Iterator[Change]:
    """Propose other variables to assign to."""
    for node in unit.nodes:
        name = dotted(node)
        if name and isinstance(getattr(node, "ctx", None), ast.Store):
            for other in unit.names.variables:
                if other != name:
                    yield unit.replace(node, other, "name.target", unit.names.likeness(name, other))


def attributes(unit: Unit) -> Iterator[Change]:
    """Propose other attributes of the file for each that is read or written, and the object without it."""
    for node in unit.nodes:
        if not isinstance(node, ast.Attribute) or unit.source.field(node) == "func":
            continue
        value = unit.source.atom(node.value)
        for other in unit.names.attributes:
            if other != node.attr and not dotted(node):
                yield unit.replace(
                    node, f"{value}.{other}", "name.attribute", 0.6 + 0.4 * _alike(node.attr, other)
                )
        if isinstance(node.ctx, ast.Load) and value != "self":
            yield unit.replace(node, value, "name.attribute", 0.4)


def parts(unit: Unit) -> Iterator[Change]:
    """Propose `name.attribute` for `name`, `name[0]` for `name` and `name` for `name[i]`."""
    used = _attributes_by_name(unit)
    for node in unit.nodes:
        if (
            isinstance(node, ast.Subscript)
            and isinstance(node.ctx, ast.Load)
            and not isinstance(node.slice, ast.Slice)
        ):
            yield unit.replace(node, unit.source.code(node.value), "name.part", 0.5)
            yield unit.replace(node, unit.source.code(node.slice), "name.part", 0.3)
        name = dotted(node)
        if not name or not is_read(node):
            continue
        above = unit.source.parent(node)
        if isinstance(above, ast.Attribute | ast.Subscript) and unit.source.field(node) == "value":
            continue
        for attribute in used.get(name, ()):
            yield unit.replace(node, f"{name}.{attribute}", "name.part", 0.8)
        if "sequence" in unit.names.uses_of(name):
            for index in ("0", "-1"):
                yield unit.replace(node, f"{name}[{index}]", "name.part", 0.3)
    yield from _indexed(unit)


def _indexed(unit: Unit) -> Iterator[Change]:
    """Propose a sequence taken at an index where the index itself stands."""
    sequences = [name for name in unit.names.with_use(["sequence"]) if not name.startswith("self.")][:3]
    for node in unit.nodes:
        name = dotted(node)
        if name and "number" in unit.names.uses_of(name) and is_read(node):
            above = unit.source.parent(node)
            if isinstance(above, ast.Compare | ast.Return | ast.Assign | ast.AugAssign | ast.Call):
                for sequence in sequences:
                    yield unit.replace(node, f"{sequence}[{name}]", "name.part", 0.25)


def called(unit: Unit) -> Iterator[Change]:
    """Propose another function of the module where one is called."""
    functions = [name for name in unit.names.globals if "function" in unit.names.uses_of(name)]
    methods = _own_methods(unit)
    for node in unit.nodes:
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id in unit.names.globals:
            for other in functions:
                if other != node.func.id:
                    yield unit.replace(node.func, other, "name.function", 0.5)
        elif isinstance(node.func, ast.Attribute) and node.func.attr in methods:
            for other in methods:
                if other != node.func.attr:
                    new = f"{unit.source.atom(node.func.value)}.{other}"
                    yield unit.replace(
                        node.func, new, "name.function", 0.4 + 0.6 * _alike(node.func.attr, other)
                    )


def _own_methods(unit: Unit) -> list[str]:
    return [
        node.name
        for klass in unit.source.tree.body
        if isinstance(klass, ast.ClassDef)
        for node in klass.body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("__")
    ]


def _attributes_by_name(unit: Unit) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for node in ast.walk(unit.root):
        if isinstance(node, ast.Attribute) and dotted(node.value) and unit.source.field(node) != "func":
            held = found.setdefault(dotted(node.value), [])
            if node.attr not in held:
                held.append(node.attr)
    return found


def _same_side(unit: Unit, node: ast.expr, other: str) -> bool:
    """Return whether the replacement would compare or subtract a name with itself."""
    above = unit.source.parent(node)
    match above:
        case ast.Compare(left=left, comparators=[right]) | ast.BinOp(left=left, right=right):
            return other == dotted(right if node is left else left)
        case _:
            return False


def _alike(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other).ratio()


def _bound_near(unit: Unit, node: ast.expr) -> set[str]:
    """Return the names that the innermost loop around `node` runs over."""
    loop = next((above for above in unit.source.ancestors(node) if isinstance(above, ast.For)), None)
    return {part.id for part in ast.walk(loop.target) if isinstance(part, ast.Name)} if loop else set()


def _odd_index(unit: Unit, node: ast.expr, name: str, other: str) -> float:
    """Return more than 1 where a sequence is indexed by `name` here and by `other` everywhere else."""
    holder = next((above for above in unit.source.ancestors(node) if isinstance(above, ast.Subscript)), None)
    if holder is None or not dotted(holder.value) or node is holder.value:
        return 1.0
    counts = unit.names.indexes_of(dotted(holder.value))
    return 2.5 if counts.get(name, 0) == 1 and counts.get(other, 0) > 1 else 1.0
