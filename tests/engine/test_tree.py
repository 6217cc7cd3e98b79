"""A candidate tree reads through to the user's files, and remembers what it was based on."""

from pathlib import Path

import pytest

from podium.adapters.disk_workspace import DiskWorkspace
from podium.domain.changes import FileEdit
from podium.engine.tree import CandidateTree, MergeConflict, UserFiles, merged_content
from podium.errors import ToolError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "a.txt").write_bytes(b"one\r\ntwo\r\nthree\r\n")
    return tmp_path


@pytest.fixture
def mission(root: Path) -> CandidateTree:
    return CandidateTree(str(root), UserFiles(DiskWorkspace(root)))


def test_nothing_of_a_change_reaches_the_files(root: Path, mission: CandidateTree) -> None:
    mission.write("a.txt", b"changed")
    mission.write("new/b.txt", b"new")
    assert (root / "a.txt").read_bytes() == b"one\r\ntwo\r\nthree\r\n"
    assert not (root / "new").exists()
    assert mission.candidate().overlay == {"a.txt": b"changed", "new/b.txt": b"new"}
    assert [*mission.paths()] == ["a.txt", "new/b.txt"]


def test_a_task_sees_the_mission_and_the_mission_does_not_see_the_task(mission: CandidateTree) -> None:
    mission.write("a.txt", b"mission")
    task = CandidateTree("/", mission)
    assert task.read("a.txt") == b"mission"
    task.write("a.txt", None)
    assert task.read("a.txt") is None
    assert "a.txt" not in task.paths()
    assert mission.read("a.txt") == b"mission"


def test_unsaved_text_of_the_editor_is_what_agents_read(root: Path) -> None:
    workspace = DiskWorkspace(root, lambda: [(root / "a.txt", "typed\n")])
    tree = CandidateTree(str(root), UserFiles(workspace))
    assert tree.read("a.txt") == b"typed\n"
    assert tree.candidate().overlay == {"a.txt": b"typed\n"}
    assert tree.edits() == ()


def test_an_open_document_counts_where_it_lies_and_where_links_lead_is_asked_again_with_each_list(
    root: Path,
) -> None:
    (link := root / "link.txt").symlink_to("a.txt")
    workspace = DiskWorkspace(root, lambda: [(link, "typed\n"), (root.parent / "b.txt", "elsewhere\n")])
    assert (workspace.read("a.txt"), workspace.read("b.txt")) == (b"typed\n", None)
    assert workspace.unsaved() == {"a.txt": b"typed\n"}
    link.unlink()
    link.symlink_to(".env")
    assert workspace.unsaved() == {}
    assert workspace.read("a.txt") == b"one\r\ntwo\r\nthree\r\n"


class Countable(type(Path())):
    """A path that counts how often links were followed on its way."""

    n_resolved = 0

    def resolve(self, strict: bool = False) -> Path:
        Countable.n_resolved += 1
        return Path(self).resolve(strict)


def test_reading_many_files_follows_the_links_to_each_open_document_once(root: Path) -> None:
    documents = [Countable(root / f"open{n}.txt") for n in range(10)]
    workspace = DiskWorkspace(root, lambda: [(document, "typed\n") for document in documents])
    for _ in range(20):
        workspace.read("a.txt")
    assert Countable.n_resolved == len(documents)


def test_an_edit_keeps_what_it_was_based_on_through_further_edits(mission: CandidateTree) -> None:
    mission.write("a.txt", b"first")
    mission.write("./a.txt", b"second")
    assert mission.edits() == (FileEdit("a.txt", b"one\r\ntwo\r\nthree\r\n", b"second"),)


def test_a_file_keeps_its_permissions_wherever_it_is_moved_and_when_it_comes_back(
    root: Path, mission: CandidateTree
) -> None:
    (root / "run.sh").write_bytes(b"x")
    (root / "run.sh").chmod(0o750)
    for path, to in (("run.sh", "b.sh"), ("b.sh", "c.sh")):
        mission.write(to, mission.read(path), mission.permissions(path))
        mission.write(path, None)
    mission.write("c.sh", b"y")
    mission.write("new.sh", b"z")
    there = {edit.path: edit.permissions for edit in mission.edits()}
    assert there == {"c.sh": 0o750, "new.sh": None, "run.sh": 0o750}
    assert all(edit.back().permissions == edit.permissions for edit in mission.edits())
    assert CandidateTree("/", mission).candidate().created == {"c.sh": 0o750, "new.sh": None}


@pytest.mark.parametrize("path", ["link.txt", "folder/a.txt"])
def test_what_a_link_leads_to_is_named_and_the_link_is_left_alone(
    root: Path, mission: CandidateTree, path: str
) -> None:
    (root / "link.txt").symlink_to("a.txt")
    (root / "folder").symlink_to(".")
    assert mission.read(path) == mission.read("a.txt")
    with pytest.raises(ToolError, match=r"is a symbolic link to a\.txt"):
        mission.permissions(path)
    with pytest.raises(ToolError):
        mission.write(path, None)


def test_a_change_that_is_taken_back_is_no_change(mission: CandidateTree) -> None:
    mission.write("a.txt", b"changed")
    mission.write("a.txt", b"one\r\ntwo\r\nthree\r\n")
    assert mission.edits() == ()


def test_a_wrong_name_is_answered_with_the_nearest(mission: CandidateTree) -> None:
    with pytest.raises(ToolError, match=r"Did you mean a\.txt"):
        mission.text("src/A.txt")
    with pytest.raises(ToolError, match="list_files"):
        mission.text("nothing-like-it")


@pytest.mark.parametrize(
    ("before", "after", "current"),
    [(b"x", b"y", None), (None, b"y", b"z"), (b"x", None, b"z"), (b"\x00\x01", b"\x00\x02", b"\x00\x03")],
    ids=["deleted meanwhile", "created meanwhile", "changed before deletion", "not text"],
)
def test_what_cannot_be_merged_is_a_conflict(
    before: bytes | None, after: bytes | None, current: bytes | None
) -> None:
    with pytest.raises(MergeConflict):
        merged_content(FileEdit("a", before, after), current)


def test_a_change_that_is_there_already_merges_into_itself() -> None:
    assert merged_content(FileEdit("a", b"x", b"y"), b"y") == b"y"
    assert merged_content(FileEdit("a", b"x", None), None) is None
