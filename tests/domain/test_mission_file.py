"""A mission's file holds all of it but its secrets, and what is no such file is told from one."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.domain import mission_file
from podium.domain.changes import FileEdit
from podium.domain.events import (
    AgentStarted,
    Event,
    MissionEnded,
    MissionImported,
    MissionStarted,
    ProposalMade,
    Record,
    ToolReturned,
)
from podium.domain.masking import Mask
from podium.domain.mission import replay
from podium.domain.mission_file import MissionFile, n_masked, read, written
from podium.errors import UserError

SECRET = "sk-proj-" + "aB3d" * 10
MASK = Mask((), b"salt")
BEGUN = MissionStarted("mend it", "task", "m", "verified")


def mission(*events: Event) -> MissionFile:
    records = [Record("m-1", n, 10.0 + n, event) for n, event in enumerate((BEGUN, *events), 1)]
    return MissionFile("m-1", "1.2.3", 99.5, tuple(records))


def returned(result: str, content: bytes | None = None) -> ToolReturned:
    return ToolReturned("w", "c", "read_file", {}, result, True, (FileEdit("a.py", None, content),))


@given(
    st.lists(st.builds(returned, st.text(st.characters(codec="utf-8")), st.none() | st.binary()), max_size=4)
)
def test_what_is_written_is_read_again(returns: list[Event]) -> None:
    whole = mission(*returns)
    assert read(written(whole, Mask()), "file") == whole


def test_secrets_are_masked_in_texts_and_in_the_contents_of_files() -> None:
    edit = FileEdit("client.py", f"KEY = '{SECRET}' # é".encode(), b"\xff\x00" + SECRET.encode())
    text = written(mission(returned(f"1\t{SECRET}"), ProposalMade("m-1.p-1", "x", (edit,))), MASK)
    _, tool, made = (record.event for record in read(text, "file").records)
    assert isinstance(tool, ToolReturned)
    assert isinstance(made, ProposalMade)
    placeholder = MASK.placeholder(SECRET)
    assert tool.result == f"1\t{placeholder}"
    assert made.edits[0].before == f"KEY = '{placeholder}' # é".encode()
    assert made.edits[0].after == b"\xff\x00" + placeholder.encode()
    assert SECRET not in text
    assert n_masked(text) == 1
    assert n_masked(written(mission(), MASK)) == 0


def test_the_first_line_says_what_the_file_is() -> None:
    header = json.loads(written(mission(), MASK).splitlines()[0])
    assert (header["podium_mission"], header["mission_id"], header["n_records"]) == (1, "m-1", 1)
    assert "podium replay FILE" in header["about"]


def test_members_of_a_later_version_are_ignored_in_the_header() -> None:
    first, rest = written(mission(), MASK).split("\n", 1)
    more = json.dumps({**json.loads(first), "from": "the future"})
    assert read(f"{more}\n{rest}", "file") == mission()


def changed(text: str, n: int, old: str, new: str) -> str:
    lines = text.splitlines()
    assert old in lines[n]
    lines[n] = lines[n].replace(old, new)
    return "\n".join(lines)


WHOLE = written(mission(MissionEnded("signed_off", "")), MASK)
BROKEN = {
    "": "is not a mission",
    "# A page\n": "is not a mission",
    '{"some": "json"}\n': "is not a mission",
    changed(WHOLE, 0, '"podium_mission": 1', '"podium_mission": 2'): "newer Podium: update",
    changed(WHOLE, 0, '"m-1"', '"../m-1"'): "header in the first line is damaged",
    WHOLE[: WHOLE.index("\n", WHOLE.index("\n") + 1)]: "holds 1 of 2 records; get it again",
    changed(WHOLE, 1, "mission_started", "from_the_future"): "line 2 is damaged, or of a newer Podium",
    changed(WHOLE, 1, '"goal"', "goal"): "line 2 is damaged",
    changed(WHOLE, 2, '"seq": 2', '"seq": 3'): "record 2 is missing",
    written(mission(AgentStarted("a", "worker", "t", "m", (), ("s-1",))), MASK): "do not fit together",
    written(mission(MissionImported("1", 0.0), returned("x")), MASK): "do not fit together",
}


@pytest.mark.parametrize(("text", "told"), BROKEN.items(), ids=BROKEN.values())
def test_what_is_no_whole_file_of_a_mission_is_refused_with_its_name(text: str, told: str) -> None:
    with pytest.raises(UserError, match=f"^mission.jsonl.*{told}"):
        read(text, "mission.jsonl")


@given(st.data())
def test_whatever_is_damaged_is_read_as_a_mission_or_refused(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(WHOLE) - 1))
    damaged = WHOLE[:at] + data.draw(st.text(max_size=3)) + WHOLE[at + data.draw(st.integers(0, 9)) :]
    try:
        found = mission_file.read(damaged, "file")
    except UserError:
        return
    replay(found.mission_id, found.records)


def test_an_imported_mission_has_ended_and_waits_for_nothing() -> None:
    made = ProposalMade("m-1.p-1", "x", (FileEdit("a", None, b""),))
    records = [*mission(made).records, Record("m-1", 3, 20.0, MissionImported("1.2.3", 99.5))]
    state = replay("m-1", records)
    assert (state.imported, state.ending, state.under_review()) == (True, "stopped", ())
    assert "had not ended" in state.reason
    ended = mission(MissionEnded("signed_off", "Reached.")).records
    state = replay("m-1", [*ended, Record("m-1", 3, 20.0, MissionImported("1.2.3", 99.5))])
    assert (state.imported, state.ending, state.reason) == (True, "signed_off", "Reached.")
