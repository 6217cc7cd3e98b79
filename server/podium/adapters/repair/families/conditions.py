"""A wrong condition: negated, too weak, too strong, missing a part, or a constant."""

import ast
from collections.abc import Iterator

from podium.adapters.repair.unit import Change, Unit
from podium.adapters.repair.uses import COLLECTIONS, dotted


def negated(unit: Unit) -> Iterator[Change]:
    """Propose the opposite of each condition that is no plain comparison."""
    for node in conditions(unit):
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yield unit.replace(node, unit.source.code(node.operand), "condition.negate")
        elif not isinstance(node, ast.Constant | ast.Compare):  # operators turn comparisons round
            weight = 0.3 if isinstance(unit.source.parent(node), ast.While) else 1.0
            yield unit.replace(node, f"not {unit.source.atom(node)}", "condition.negate", weight)


def weakened(unit: Unit) -> Iterator[Change]:
    """Propose each `and`/`or` without one of its parts, and chained comparisons without an end."""
    for node in unit.nodes:
        if isinstance(node, ast.BoolOp):
            word = " and " if isinstance(node.op, ast.And) else " or "
            parts = [
                unit.source.atom(part) if isinstance(part, ast.BoolOp) else unit.source.code(part)
                for part in node.values
            ]
            for index in range(len(parts)):
                yield unit.replace(node, word.join(parts[:index] + parts[index + 1 :]), "condition.weaken")


def extended(unit: Unit) -> Iterator[Change]:
    """Propose one more condition with `or` and `and`: emptiness, absence, or a condition used elsewhere."""
    plain = _plain_conditions(unit)
    used = list(
        dict.fromkeys(unit.source.code(node) for node in conditions(unit) if isinstance(node, ast.Compare))
    )
    for node in conditions(unit):
        if isinstance(node, ast.Constant):
            continue
        text = unit.source.atom(node) if isinstance(node, ast.BoolOp | ast.IfExp) else unit.source.code(node)
        for other, weight in [*plain, *((condition, 0.4) for condition in used if condition != text)]:
            if other in text:
                continue
            nearer = weight * (1.0 if _shares_name(node, other) else 0.6)
            yield unit.replace(node, f"{text} or {other}", "condition.extend", nearer)
            yield unit.replace(node, f"{text} and {other}", "condition.extend", nearer)
            if _guards(other):
                yield unit.replace(node, f"{other} and {text}", "condition.extend", nearer)
                yield unit.replace(node, f"{other} or {text}", "condition.extend", nearer)


def decided(unit: Unit) -> Iterator[Change]:
    """Propose a condition where a constant decides: `while True`, `return True`, `return False`."""
    for node in unit.nodes:
        if not (isinstance(node, ast.Constant) and isinstance(node.value, bool)):
            continue
        above = unit.source.parent(node)
        if isinstance(above, ast.While | ast.If | ast.Return | ast.IfExp):
            for other, weight in _plain_conditions(unit):
                yield unit.replace(node, other, "condition.decide", weight)


def absent(unit: Unit) -> Iterator[Change]:
    """Propose `is not None` for truth, and truth for `is not None`, where zero and empty differ from absent."""
    for node in conditions(unit):
        if dotted(node) or isinstance(node, ast.Attribute):
            for test, weight in ((" is not None", 1.0), (" is None", 0.5), (" == 0", 0.2)):
                yield unit.replace(node, unit.source.code(node) + test, "condition.absent", weight)
        match node:
            case ast.UnaryOp(op=ast.Not(), operand=ast.Name() | ast.Attribute() as operand):
                yield unit.replace(node, f"{unit.source.code(operand)} is None", "condition.absent")
            case ast.Compare(left=left, ops=[ast.IsNot()], comparators=[ast.Constant(value=None)]):
                yield unit.replace(node, unit.source.code(left), "condition.absent")
                for attribute in _next_of(unit, left):
                    yield unit.replace(node, f"{attribute} is not None", "condition.absent", 0.8)
            case ast.Compare(left=left, ops=[ast.Is()], comparators=[ast.Constant(value=None)]):
                yield unit.replace(node, f"not {unit.source.atom(left)}", "condition.absent")
                for attribute in _next_of(unit, left):
                    yield unit.replace(node, f"{attribute} is None", "condition.absent", 0.8)
            case _:
                pass


def conditions(unit: Unit) -> Iterator[ast.expr]:
    """Yield what decides in the unit: tests, parts of `and`/`or`, filters of comprehensions, truth returned."""
    for node in unit.nodes:
        above, field = unit.source.parent(node), unit.source.field(node)
        if (
            field == "test"
            or (isinstance(above, ast.BoolOp) and field == "values")
            or (isinstance(above, ast.comprehension) and field == "ifs")
            or (isinstance(above, ast.Return) and isinstance(node, ast.Compare | ast.BoolOp))
        ):
            yield node


def _next_of(unit: Unit, node: ast.expr) -> list[str]:
    return [f"{unit.source.atom(node)}.{name}" for name in unit.names.attributes[:4]] if dotted(node) else []


def _plain_conditions(unit: Unit) -> list[tuple[str, float]]:
    """Return conditions on single names and pairs of them, with weights: `not x`, `x is None`, `x == 0`."""
    names = unit.names
    found: list[tuple[str, float]] = []
    for name in names.variables:
        uses = names.uses_of(name)
        if uses & COLLECTIONS:
            found += [(f"not {name}", 1.0), (name, 0.8)]
        elif "number" in uses:
            found += [
                (f"{name} == 0", 0.6),
                (f"{name} <= 0", 0.3),
                (f"{name} < 0", 0.3),
                (f"{name} > 0", 0.3),
            ]
        elif uses & {"object", "flag"} or not uses:
            found += [
                (f"not {name}", 0.6),
                (name, 0.6),
                (f"{name} is None", 0.7),
                (f"{name} is not None", 0.6),
            ]
    found += [(f"{owner} is None", 0.8) for owner in _followed(unit)]
    found += _memberships(unit)
    numbers = names.with_use(["number"])[:6]
    for index, left in enumerate(numbers):
        for right in numbers[index + 1 :]:
            found += [(f"{left} {symbol} {right}", 0.15) for symbol in ("==", "!=", "<", ">", "<=", ">=")]
            found.append((f"{left} == {right}", 0.15))
    found += _emptied(unit)
    return list(dict(found).items())


def _followed(unit: Unit) -> list[str]:
    """Return `a.next` where the unit goes on from there (`a.next.value`, `a = a.next`)."""
    found = [
        unit.source.code(node)
        for node in ast.walk(unit.root)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Load)
        and isinstance(node.value, ast.Name)
        and node.value.id != "self"
        and unit.source.field(node) != "func"
    ]
    return list(dict.fromkeys(found))[:4]


def _memberships(unit: Unit) -> list[tuple[str, float]]:
    holders = unit.names.with_use(["set", "dict"])[:3]
    others = [name for name in unit.names.variables if not unit.names.uses_of(name) & COLLECTIONS][:6]
    return [
        (f"{other} {word} {holder}", 0.4)
        for holder in holders
        for other in others
        for word in ("not in", "in")
    ]


def _emptied(unit: Unit) -> list[tuple[str, float]]:
    """Return comparisons of counters with zero and of collections with one: what recursion bottoms out at."""
    numbers = unit.names.with_use(["number"])[:4]
    sequences = unit.names.with_use(["sequence", "text"])[:3]
    return [(f"{name} == 0", 0.6) for name in numbers] + [(f"len({name}) <= 1", 0.4) for name in sequences]


def _shares_name(node: ast.expr, text: str) -> bool:
    return any(isinstance(part, ast.Name) and part.id in text for part in ast.walk(node))


def _guards(text: str) -> bool:
    return " " not in text or text.startswith("not ") or " is " in text
