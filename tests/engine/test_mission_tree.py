"""A mission's tree is what the user has now, and over it what has been accepted and is not there yet."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.adapters.disk_workspace import DiskWorkspace
from podium.domain.changes import FileEdit
from podium.engine.mission_tree import MissionTree
from podium.engine.tree import UserFiles


def text(**changed: str) -> bytes:
    """Return ten lines, some of them others: `text(l3="three")`."""
    return "".join(changed.get(f"l{n}", str(n)) + "\n" for n in range(10)).encode()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "a.txt").write_bytes(text())
    return tmp_path


@pytest.fixture
def tree(root: Path) -> MissionTree:
    return MissionTree(str(root), UserFiles(DiskWorkspace(root)))


def test_what_is_typed_elsewhere_in_a_changed_file_is_seen_by_the_next_task(
    root: Path, tree: MissionTree
) -> None:
    assert tree.land("p-1", [FileEdit("a.txt", text(), text(l2="two"))]) == []
    (root / "a.txt").write_bytes(text(l8="typed"))
    tree.refresh()
    assert tree.read("a.txt") == text(l2="two", l8="typed")
    assert tree.candidate().overlay == {"a.txt": text(l2="two", l8="typed")}
    assert tree.edits() == (FileEdit("a.txt", text(l8="typed"), text(l2="two", l8="typed")),)


def test_a_change_that_waits_has_its_way_in_the_tree_and_only_there(root: Path, tree: MissionTree) -> None:
    tree.land("p-1", [FileEdit("a.txt", text(), text(l2="two"))])
    (root / "a.txt").write_bytes(text(l2="typed", l8="typed"))
    tree.refresh()
    assert tree.read("a.txt") == text(l2="two", l8="typed")
    assert (root / "a.txt").read_bytes() == text(l2="typed", l8="typed")
    assert tree.conflicts_with_user([FileEdit("a.txt", text(), text(l2="two"))]) == [
        "a.txt, line 3 now:\nBefore:\n    2\nYours:\n    two\nNow:\n    typed"
    ]


def test_what_was_delivered_is_the_users_from_then_on(root: Path, tree: MissionTree) -> None:
    change = FileEdit("a.txt", text(), text(l2="two"))
    tree.land("p-1", [change])
    (root / "a.txt").write_bytes(text(l2="two"))
    tree.delivered([change])
    tree.put("p-1", ())
    (root / "a.txt").write_bytes(text(l2="two", l5="typed"))
    assert tree.read("a.txt") == text(l2="two", l5="typed")
    tree.refresh()
    assert tree.edits() == (FileEdit("a.txt", text(l5="typed"), text(l2="two", l5="typed")),)
    (root / "a.txt").write_bytes(text())
    tree.refresh()
    assert (tree.read("a.txt"), tree.edits()) == (text(), ())


def test_what_went_into_a_buffer_that_cannot_be_seen_counts_until_the_file_says_otherwise(
    root: Path, tree: MissionTree
) -> None:
    one, two = text(l2="two"), text(l2="two", l5="five")
    for key, before, after in (("p-1", text(), one), ("p-2", one, two)):
        tree.land(key, [FileEdit("a.txt", before, after)])
        tree.delivered([FileEdit("a.txt", before, after)])
        tree.put(key, ())
        assert tree.read("a.txt") == after
    assert tree.edits() == (FileEdit("a.txt", text(), two),)
    (root / "a.txt").write_bytes(text(l2="two", l5="five", l9="saved"))
    tree.refresh()
    assert tree.read("a.txt") == text(l2="two", l5="five", l9="saved")


def test_what_is_taken_out_is_gone_and_what_came_later_stays(tree: MissionTree) -> None:
    tree.land("p-1", [FileEdit("a.txt", text(), text(l2="two")), FileEdit("b.txt", None, b"new\n")])
    tree.land("p-2", [FileEdit("a.txt", text(l2="two"), text(l2="two", l7="seven"))])
    tree.take_out("p-1")
    assert tree.read("a.txt") == text(l7="seven")
    assert tree.read("b.txt") is None
    assert not tree.holds("p-1")


def test_a_conflict_lands_nothing_of_a_change_and_tells_both_sides(tree: MissionTree) -> None:
    tree.land("p-1", [FileEdit("a.txt", text(), text(l2="mine"))])
    edits = [FileEdit("b.txt", None, b"new"), FileEdit("a.txt", text(), text(l2="yours"))]
    (conflict,) = tree.land("p-2", edits)
    assert "Yours:\n    yours\nNow:\n    mine" in conflict
    assert tree.conflicts(edits) == ["a.txt"]
    assert tree.read("b.txt") is None
    assert tree.read("a.txt") == text(l2="mine")


def test_all_that_waits_as_one_change_still_meets_the_users_lines(root: Path, tree: MissionTree) -> None:
    tree.land("p-1", [FileEdit("a.txt", text(), text(l2="two"))])
    tree.land("p-2", [FileEdit("a.txt", text(l2="two"), text(l2="two", l7="seven"))])
    assert tree.as_one("p-3") == (FileEdit("a.txt", text(), text(l2="two", l7="seven")),)
    (root / "a.txt").write_bytes(text(l2="typed", l0="zero"))
    (edit,) = tree.as_one("p-4")
    assert edit.before == text()
    assert len(tree.conflicts_with_user([edit])) == 1


def test_a_file_that_cannot_be_read_any_more_is_as_it_was_last(root: Path, tree: MissionTree) -> None:
    tree.land("p-1", [FileEdit("a.txt", text(), text(l2="two"))])
    (root / "a.txt").unlink()
    (root / "a.txt").mkdir()
    tree.refresh()
    assert tree.read("a.txt") == text(l2="two")


lines = st.lists(st.sampled_from(["a\n", "b\n", "\n", "c\r\n", "x"]), max_size=6).map("".join)


@given(lines, lines, lines)
def test_whatever_is_typed_an_unchanged_tree_follows_and_a_landed_change_is_never_lost(
    before: str, after: str, typed: str
) -> None:
    held = {"f": before.encode()}

    class Held:
        def read(self, path: str) -> bytes | None:
            return held.get(path)

        def overlay(self) -> dict[str, bytes | None]:
            return {}

        def permissions(self, path: str) -> int | None:
            assert path
            return None

        def created(self) -> dict[str, int | None]:
            return {}

        def paths(self) -> list[str]:
            return [*held]

    tree = MissionTree("/", Held())
    assert tree.land("p", [FileEdit("f", before.encode(), after.encode())]) == []
    assert tree.read("f") == after.encode()
    held["f"] = typed.encode()
    tree.refresh()
    tree.take_out("p")
    assert tree.read("f") == typed.encode()
