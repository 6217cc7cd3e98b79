"""Which missions are dropped: by the rules, and never one of which anything is open."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.domain.changes import FileEdit
from podium.domain.findings import Finding
from podium.domain.mission import MissionState, Proposal
from podium.domain.pruning import Rules, to_drop
from podium.domain.summary import is_settled

DAY = 86_400.0
RULES = Rules(missions=2, conversations_days=30, undo_days=180)


def ended(mission_id: str, day: float) -> MissionState:
    return MissionState(mission_id, started_at=day * DAY, ended_at=day * DAY, ending="signed_off")


def missions(*days: float) -> list[MissionState]:
    return [ended(f"m-{day:g}", day) for day in days]


FINDING = Finding("f", "a", 1, "", "warning", "c", "m", "", "e")
PROPOSAL = Proposal("p", "l", (FileEdit("a", None, b""),), "")
OPEN = {
    "it runs": {"ending": ""},
    "a finding is open": {"findings": {"f": FINDING}},
    "a finding is being fixed": {"findings": {"f": replace(FINDING, state="fixing")}},
    "a change waits": {"proposals": {"p": PROPOSAL}},
    "its plan waits": {"kind": "plan"},
}


def test_conversations_go_first_and_all_of_it_later_counted_from_the_latest_mission() -> None:
    dropped = to_drop(missions(200, 199, 171, 169, 21, 19), RULES)
    assert dropped.conversations == ("m-169", "m-21")
    assert dropped.missions == ("m-19",)


def test_the_latest_are_kept_whatever_their_age() -> None:
    dropped = to_drop(missions(1000, 2, 1), RULES)
    assert (dropped.conversations, dropped.missions) == ((), ("m-1",))


def test_conversations_are_dropped_once() -> None:
    old = [replace(state, pruned=state.id == "m-50") for state in missions(200, 199, 60, 50)]
    assert to_drop(old, RULES).conversations == ("m-60",)


@pytest.mark.parametrize("change", OPEN.values(), ids=OPEN.keys())
def test_nothing_goes_of_a_mission_of_which_something_is_open(change: dict[str, object]) -> None:
    waits = replace(ended("old", 1), **change)
    assert not is_settled(waits)
    assert to_drop([*missions(1000, 999), waits], RULES) == to_drop([], RULES)
    assert is_settled(replace(waits, imported=True)), "what was imported can have no effect"


@given(
    days=st.lists(st.floats(0, 1e4)),
    rules=st.builds(Rules, st.integers(1, 5), st.floats(0, 1e3), st.floats(0, 1e3)),
)
def test_the_rules_hold_for_all_ages(days: list[float], rules: Rules) -> None:
    given_missions = [ended(f"m-{n}", day) for n, day in enumerate(days)]
    dropped = to_drop(given_missions, rules)
    kept = {state.id for state in given_missions[: rules.missions]}
    assert not kept & {*dropped.conversations, *dropped.missions}
    assert not {*dropped.conversations} & {*dropped.missions}
    again = [s for s in given_missions if s.id not in dropped.missions]
    pruned = [replace(s, pruned=s.id in dropped.conversations) for s in again]
    assert not to_drop(pruned, rules).conversations
