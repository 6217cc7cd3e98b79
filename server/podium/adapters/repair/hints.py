"""What the way in which tests fail says about the sort of slip."""

from collections.abc import Mapping, Sequence

_HANGS: Mapping[str, float] = {
    "missing.update": 2.0, "missing.needed": 2.0, "condition.extend": 1.5, "condition.decide": 2.0, "missing.guard": 1.5,
    "augmented.operator": 1.5, "number.offset": 1.3, "combine.number": 0.6, "combine.recursive": 0.5, "value.return": 0.5,
    "call.wrap": 0.4, "statement.delete": 0.5, "value.initial": 0.6,
}  # fmt: skip
_OUT_OF_RANGE: Mapping[str, float] = {
    "number.offset": 1.6, "compare.boundary": 1.6, "constant.step": 1.3, "number.range": 1.6,
    "condition.extend": 1.3, "term.drop": 1.3, "order.indexes": 2.0, "missing.guard": 1.3, "value.return": 0.6,
}  # fmt: skip
_ABSENT: Mapping[str, float] = {
    "condition.extend": 1.8, "condition.absent": 2.0, "missing.guard": 2.0, "name.attribute": 1.3,
    "statement.return": 2.0, "missing.exit": 2.0, "value.return": 1.5, "number.offset": 0.4, "arithmetic": 0.4,
}  # fmt: skip
_WRONG_TYPE: Mapping[str, float] = {
    "call.wrap": 2.0, "call.sibling": 1.5, "call.unwrap": 1.5, "name.variable": 1.3, "value.return": 1.5,
    "generator": 1.5, "statement.return": 2.0, "missing.exit": 1.5, "compare.boundary": 0.4, "constant.step": 0.5,
    "number.offset": 0.5,
}  # fmt: skip
_SIGNS: tuple[tuple[str, Mapping[str, float]], ...] = (
    ("TestTooSlow", _HANGS),
    ("RecursionError", _HANGS),
    ("IndexError", _OUT_OF_RANGE),
    ("KeyError", _OUT_OF_RANGE),
    ("NoneType", _ABSENT),
    ("assert None", _ABSENT),
    ("TypeError", _WRONG_TYPE),
)


def factors(messages: Sequence[str]) -> dict[str, float]:
    """Return by which factor each kind of change is likelier than usual, given the messages of failing tests."""
    found: dict[str, float] = {}
    for sign, by_kind in _SIGNS:
        share = sum(sign in message for message in messages) / max(1, len(messages))
        for kind, factor in by_kind.items():
            found[kind] = found.get(kind, 1.0) * factor**share
    return found
