"""Events survive the journal: every kind, whatever is in it."""

import json
from dataclasses import fields
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.domain.changes import FileEdit
from podium.domain.checks import CheckResult, Failure
from podium.domain.events import Event, from_json, to_json
from podium.domain.findings import Finding
from podium.domain.messages import Usage

KINDS: tuple[type[Event], ...] = get_args(Event)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | FINITE | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
OBJECT = st.dictionaries(st.text(max_size=3), JSON, max_size=3)
EDITS = st.lists(
    st.builds(
        FileEdit, st.text(max_size=5), st.none() | st.binary(max_size=8), st.none() | st.binary(max_size=8)
    ),
    max_size=2,
).map(tuple)
SPECIAL: dict[str, st.SearchStrategy[Any]] = {
    "message": OBJECT,
    "note": OBJECT,
    "opening": st.lists(OBJECT, max_size=2).map(tuple),
    "arguments": OBJECT,
    "edits": EDITS,
    "again_in_s": st.none() | FINITE,
    "exported_at": FINITE,
    "worked_s": FINITE,
    "usage": st.builds(Usage, cost_usd=st.none() | FINITE),
    "findings": st.lists(st.builds(Finding), max_size=2).map(tuple),
    "result": st.builds(
        CheckResult, duration_s=FINITE, failures=st.lists(st.builds(Failure), max_size=2).map(tuple)
    ),
}


def some(kind: type[Event]) -> st.SearchStrategy[Event]:
    special = {
        field.name: SPECIAL[field.name]
        for field in fields(kind)
        if field.name in SPECIAL and not (field.name == "result" and field.type is str)
    }
    return st.builds(kind, **special)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@given(data=st.data())
@settings(max_examples=20, deadline=None)
def test_an_event_is_the_same_after_the_journal(kind: type[Event], data: st.DataObject) -> None:
    event = data.draw(some(kind))
    line = to_json(event)
    assert from_json(line) == event
    assert b"\n" not in line
    assert json.loads(line)["kind"] == event.kind


def test_kinds_have_names_of_their_own() -> None:
    names = [next(field.default for field in fields(kind) if field.name == "kind") for kind in KINDS]
    assert len(set(names)) == len(KINDS)


@pytest.mark.parametrize(
    "line",
    ["", "{}", '{"kind": "of_a_newer_podium"}', '{"kind": "task_dropped", "task_id": "a"}', b"\xff\xfe"],
)
def test_a_damaged_or_newer_line_is_an_error_and_not_a_guess(line: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"validation|JSON|utf-8|Unable"):
        from_json(line)
