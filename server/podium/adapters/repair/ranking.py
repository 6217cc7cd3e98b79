"""Order candidates by how likely each is the repair.

P(change) is taken as P(sort of slip) x P(place) x P(exact text): the prior of its kind, the suspicion of
its line, and its weight among the changes of its kind. A kind that can be applied in few places gets more
for each, so that many cheap variations do not drown a rare but telling one.
"""

import ast
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from podium.adapters.repair.families import (
    calls,
    conditions,
    missing,
    naming,
    numbers,
    operators,
    order,
    statements,
    values,
)
from podium.adapters.repair.lines import unique_edit
from podium.adapters.repair.unit import Change, Unit

FAMILIES = (
    operators.comparisons, operators.arithmetic, operators.augmented, operators.connectives,
    numbers.constants, numbers.offsets, numbers.terms, numbers.slices,
    numbers.ranges,
    order.arguments, order.operands, order.elements, order.keys,
    naming.variables, naming.targets, naming.attributes, naming.parts, naming.called,
    calls.siblings, calls.unwrapped, calls.wrapped, calls.own, calls.copies, calls.generators, calls.sorting, calls.exceptions,
    conditions.negated, conditions.weakened, conditions.extended, conditions.decided, conditions.absent,
    values.initial, values.combined, values.aliased, values.texts, values.signs,
    statements.deleted, statements.exchanged, statements.levels, statements.jumps, statements.returns,
    missing.updates, missing.guards, missing.exits, missing.repeated,
)  # fmt: skip

PRIORS: Mapping[str, float] = {
    "compare.boundary": 8, "compare.flip": 5, "compare.equality": 4, "compare.loosen": 3,
    "arithmetic": 7, "augmented.operator": 5, "augmented.plain": 3, "condition.connect": 5,
    "constant.step": 8, "constant.other": 2, "constant.flag": 4, "number.offset": 9, "term.drop": 6,
    "slice.bounds": 4, "slice.cut": 4, "order.arguments": 6, "order.operands": 5, "order.elements": 4,
    "order.indexes": 4, "order.branches": 2, "name.variable": 10, "name.target": 3, "name.attribute": 6,
    "name.part": 3, "name.function": 3, "call.sibling": 6, "call.unwrap": 4, "call.wrap": 4, "call.limit": 5,
    "call.copy": 4, "generator": 4, "sorting": 4, "exception": 3, "condition.negate": 5, "condition.weaken": 4,
    "condition.extend": 8, "condition.decide": 5, "condition.absent": 4, "value.initial": 6, "value.return": 6,
    "combine.number": 6, "combine.sequence": 6, "combine.recursive": 5, "statement.delete": 5, "statement.exchange": 4, "statement.level": 5,
    "statement.jump": 3, "statement.keyword": 3, "missing.update": 5, "missing.needed": 12, "missing.guard": 6, "missing.skip": 2,
    "missing.exit": 3, "missing.repeat": 4, "order.keys": 3, "call.extreme": 4, "call.own": 4, "call.argument": 4, "value.alias": 6,
    "constant.text": 4, "term.negate": 4, "statement.return": 5, "number.range": 4,
}  # fmt: skip

SHARE = 0.3
"""How much of a kind's prior is divided among its changes: 0 none (each gets it all), 1 all of it."""
SUSPICION_POWER = 2.5
REPEAT = 0.99
"""What each candidate of a line costs the next one of that line."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One change as an edit of a file: `old` occurs once in the file at `path`."""

    path: str
    old: str
    new: str
    kind: str
    line: int
    score: float


def ranked(units: Sequence[Unit], limit: int, hints: Mapping[str, float]) -> list[Candidate]:
    """Return the best `limit` candidates of `units`, best first, all different and all valid Python."""
    changes = [(unit, change) for unit in units for family in FAMILIES for change in family(unit)]
    best = sorted(scored(changes, hints), key=lambda item: -item[0])
    found: list[Candidate] = []
    seen: set[str] = set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd but valid candidates are compiled here
        for score, unit, change in _spread(best):
            shape = _shape(unit, change)
            if shape is None or shape in seen:  # invalid, unchanged, or offered before
                continue
            seen.add(shape)
            old, new = unique_edit(unit.source.text, change.start, change.end, change.new)
            found.append(Candidate(unit.source.path, old, new, change.kind, change.line, score))
            if len(found) == limit:
                break
    return found


def scored(
    changes: Sequence[tuple[Unit, Change]], hints: Mapping[str, float]
) -> list[tuple[float, Unit, Change]]:
    """Return each change with its probability, up to a factor that is common to all; impossible ones are left out."""
    mass: dict[str, float] = {}
    for _, change in changes:
        mass[change.kind] = mass.get(change.kind, 0.0) + _likely(change)
    return [
        (
            PRIORS[change.kind] * hints.get(change.kind, 1.0) * _likely(change) / mass[change.kind] ** SHARE,
            unit,
            change,
        )
        for unit, change in changes
        if _likely(change) > 0
    ]


def _likely(change: Change) -> float:
    return change.weight * change.suspicion**SUSPICION_POWER


def _spread(best: Sequence[tuple[float, Unit, Change]]) -> Iterator[tuple[float, Unit, Change]]:
    """Yield by score, where each candidate makes the next ones of its line and kind a little less urgent."""
    taken: dict[tuple[str, int, str], int] = {}
    ordered: list[tuple[float, int, Unit, Change]] = []
    for index, (score, unit, change) in enumerate(best):
        for key in ((unit.source.path, change.line, ""), (unit.source.path, change.line, change.kind)):
            n_before = taken.get(key, 0)
            taken[key] = n_before + 1
            score *= REPEAT**n_before
        ordered.append((score, index, unit, change))
    ordered.sort(key=lambda item: (-item[0], item[1]))
    for score, _, unit, change in ordered:
        yield score, unit, change


def _shape(unit: Unit, change: Change) -> str | None:
    """Return what the unit would be, without formatting; None when it is not valid or nothing changed."""
    first, last = unit.root.lineno, unit.root.end_lineno or unit.root.lineno
    start, end = unit.source.lines_of(first, last)
    text = unit.source.text
    head = "if 1:\n" if unit.source.indent(first) else ""
    changed = head + text[start : change.start] + change.new + text[change.end : max(end, change.end)]
    try:
        tree = ast.parse(changed)
        compile(tree, unit.source.path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return None
    shape = f"{unit.source.path}:{first}:{ast.dump(tree)}"
    return None if shape == unit.shape else shape
