"""What a user decides on: hunks that keep their numbers, and what accepting some of them makes of the files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.domain.changes import FileEdit
from podium.domain.events import Event, ProposalDecided, ProposalMade, Record
from podium.domain.mission import MissionState, Proposal, replay
from podium.domain.proposals import Placed, between, numbered, places

BEFORE = b"a\nb\nc\nd\ne\n"
AFTER = b"A\nb\nC\nd\nE\n"
EDITS = (
    FileEdit("new.txt", None, b"new\n"),
    FileEdit("x.txt", BEFORE, AFTER),
    FileEdit("old.txt", b"old\n", None),
)

lines = st.lists(st.sampled_from(["a", "b", "ä", "🐻", ""]), max_size=8).map("\r\n".join)


def decided(*decisions: Event) -> Proposal:
    made = ProposalMade("m-1.p-1", "Change", EDITS)
    state = replay("m-1", [Record("m-1", n, 1.0, event) for n, event in enumerate((made, *decisions))])
    return state.proposals["m-1.p-1"]


def test_hunks_are_numbered_over_all_files_and_a_file_that_comes_or_goes_is_one() -> None:
    found = [(hunk.number, hunk.path, hunk.line, hunk.diff) for hunk in numbered(EDITS)]
    assert found == [
        (1, "new.txt", 1, "+new\n"),
        (2, "x.txt", 1, "-a\n+A\n"),
        (3, "x.txt", 3, "-c\n+C\n"),
        (4, "x.txt", 5, "-e\n+E\n"),
        (5, "old.txt", 1, "-old\n"),
    ]


@pytest.mark.parametrize(
    "edit",
    [
        FileEdit("a.bin", b"\0\1", b"\0\2"),
        FileEdit("a.txt", b"a\nb\n", b"a\r\nb\r\n"),
        FileEdit("a.txt", b"a\n", b"\xef\xbb\xbfA\n"),
    ],
    ids=["binary", "line ends", "byte order mark"],
)
def test_a_change_that_is_not_one_of_lines_is_one_hunk(edit: FileEdit) -> None:
    assert [hunk.number for hunk in numbered((edit,))] == [1]
    assert between((edit,), (), (1,)) == (edit,)
    assert between((edit,), (), ()) == ()


def test_accepting_goes_from_what_was_accepted_before_to_that_and_the_new_hunks() -> None:
    assert between(EDITS, (), (3,)) == (FileEdit("x.txt", BEFORE, b"a\nb\nC\nd\ne\n"),)
    assert between(EDITS, (3,), (3, 4)) == (FileEdit("x.txt", b"a\nb\nC\nd\ne\n", b"a\nb\nC\nd\nE\n"),)
    assert between(EDITS, (), (1, 5)) == (EDITS[0], EDITS[2])


@given(lines, lines, st.data())
def test_all_hunks_in_any_order_give_the_whole_change_byte_for_byte(
    before: str, after: str, data: st.DataObject
) -> None:
    edits = (FileEdit("x.txt", before.encode(), after.encode()),)
    numbers = [hunk.number for hunk in numbered(edits)]
    now, had = before.encode(), list[int]()
    for number in data.draw(st.permutations(numbers)):
        for edit in between(edits, had, {*had, number}):
            assert edit.before == now
            now = edit.after or b""
        had.append(number)
    assert now == after.encode()


@pytest.mark.parametrize(
    ("now", "placed"),
    [
        ("a\nb\nc\nd\ne\n", Placed(2, 3, fits=True)),
        ("A\nb\nc\nd\ne\n", Placed(2, 3, fits=True)),
        ("0\na\nb\nc\nd\ne\n", Placed(3, 4, fits=True)),
        ("a\nb\nmine\nd\ne\n", Placed(2, 3, fits=False)),
        ("0\na\nb\nC\nd\ne\n", Placed(3, 3, fits=True)),
    ],
    ids=["as it was", "another hunk applied", "moved", "changed by the user", "there already"],
)
def test_a_hunk_is_placed_in_the_text_as_it_is_now(now: str, placed: Placed) -> None:
    assert places(EDITS[1], numbered(EDITS), (), now)[3] == placed


def test_accepted_hunks_of_other_lengths_move_those_that_wait() -> None:
    edit = FileEdit("x.txt", BEFORE, b"0\n1\nb\nC\nd\n")
    now = "0\n1\nb\nc\nd\ntyped\ne\n"
    assert places(edit, numbered((edit,)), (1,), now) == {
        2: Placed(3, 4, fits=True),
        3: Placed(5, 7, fits=False),
    }


def test_a_proposal_waits_until_every_hunk_is_decided() -> None:
    first = ProposalDecided("m-1.p-1", accepted=(3,), outcome="editor")
    second = ProposalDecided("m-1.p-1", rejected=(1, 2), reason="not now")
    waits = decided(first, second)
    assert (waits.state, waits.undecided(), waits.reason) == ("waiting", (4, 5), "not now")
    done = decided(first, second, ProposalDecided("m-1.p-1", rejected=(4, 5)))
    assert (done.state, done.undecided(), done.accepted) == ("delivered", (), (3,))
    assert decided(ProposalDecided("m-1.p-1", rejected=(1, 2, 3, 4, 5))).state == "rejected"


def test_only_missions_under_review_or_ended_ones_have_something_to_decide() -> None:
    waiting = {"p": Proposal("p", "Change", EDITS, "")}
    assert MissionState("m-1", apply="verified", proposals=waiting).under_review() == ()
    assert MissionState("m-1", apply="review", proposals=waiting).under_review() == (waiting["p"],)
    assert MissionState("m-1", ending="stopped", proposals=waiting).under_review() == (waiting["p"],)
