"""Workspace edits on disk."""

import os
from pathlib import Path

import pytest

from podium.domain.messages import Json
from podium.domain.text import Encoding
from podium.lsp.disk_edits import EditFailed, WorkspaceEdit, apply_to_disk


def span(line: int, start: int, end: int, end_line: int | None = None) -> Json:
    last = line if end_line is None else end_line
    return {"start": {"line": line, "character": start}, "end": {"line": last, "character": end}}


def change(path: Path, *edits: tuple[Json, str], version: int | None = None) -> Json:
    return {
        "textDocument": {"uri": path.as_uri(), "version": version},
        "edits": [{"range": range_, "newText": text, "annotationId": "x"} for range_, text in edits],
    }


def apply(root: Path, *changes: Json, encoding: Encoding = "utf-8") -> None:
    apply_to_disk(WorkspaceEdit.model_validate({"documentChanges": changes}), root, encoding)


def tree(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


@pytest.mark.parametrize(("encoding", "column"), [("utf-8", 6), ("utf-16", 3), ("utf-32", 2)])
def test_positions_count_units_of_the_negotiated_encoding(
    tmp_path: Path, encoding: Encoding, column: int
) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("😀é=1\n".encode())
    apply(tmp_path, change(path, (span(0, column, column + 1), ":")), encoding=encoding)
    assert path.read_bytes() == "😀é:1\n".encode()


def test_edits_of_one_document_refer_to_the_text_before_all_of_them(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"one two three\n")
    edits = [(span(0, 0, 3), "1"), (span(0, 4, 7), "2"), (span(0, 3, 3), "."), (span(0, 3, 3), "!")]
    apply(tmp_path, change(path, *edits))
    assert path.read_bytes() == b"1.! 2 three\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"a\r\nb\r\nc\r\n", b"a\r\nB\r\nc\r\n"),
        (b"\xef\xbb\xbfa\nb", b"\xef\xbb\xbfa\nB"),
        ("ä\nb\n".encode("latin-1"), "ä\nB\n".encode("latin-1")),
    ],
)
def test_what_no_edit_touches_stays_byte_for_byte(tmp_path: Path, before: bytes, after: bytes) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(before)
    apply(tmp_path, change(path, (span(1, 0, 1), "B")))
    assert path.read_bytes() == after


def test_files_are_created_renamed_and_deleted_in_the_order_given(tmp_path: Path) -> None:
    old, moved, new, gone = (tmp_path / name for name in ("old.sh", "sub/moved.sh", "new/x y.txt", "gone"))
    old.write_bytes(b"echo\n")
    old.chmod(0o755)
    gone.write_bytes(b"")
    apply(
        tmp_path,
        {"kind": "rename", "oldUri": old.as_uri(), "newUri": moved.as_uri()},
        change(moved, (span(0, 0, 4), "true")),
        {"kind": "create", "uri": new.as_uri()},
        change(new, (span(0, 0, 0), "fresh\n")),
        {"kind": "delete", "uri": gone.as_uri()},
    )
    assert tree(tmp_path) == {"new/x y.txt": b"fresh\n", "sub/moved.sh": b"true\n"}
    assert os.access(moved, os.X_OK)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "create", "uri": "taken"},
        {"kind": "delete", "uri": "missing"},
        {"kind": "rename", "oldUri": "missing", "newUri": "x"},
        {"kind": "rename", "oldUri": "a.txt", "newUri": "taken"},
        {"kind": "create", "uri": "../outside"},
        {"kind": "create", "uri": "link/outside"},
        {"kind": "create", "uri": "taken/below-a-file"},
        {"textDocument": {"uri": "a.txt", "version": 7}, "edits": []},
        {"textDocument": {"uri": "missing", "version": None}, "edits": []},
    ],
)
def test_where_one_change_cannot_be_made_none_is(tmp_path: Path, wrong: dict[str, Json]) -> None:
    root = tmp_path / "ws"
    root.mkdir()
    for name in ("a.txt", "taken"):
        (root / name).write_bytes(b"before\n")
    (root / "link").symlink_to(tmp_path)
    before = tree(tmp_path)

    def uri(name: str) -> str:
        return f"{root.as_uri()}/{name}"

    document = wrong.get("textDocument")
    if isinstance(document, dict):
        wrong = {**wrong, "textDocument": {**document, "uri": uri(str(document["uri"]))}}
    for key in ("uri", "oldUri", "newUri"):
        if key in wrong:
            wrong = {**wrong, key: uri(str(wrong[key]))}
    with pytest.raises(EditFailed):
        apply(root, change(root / "a.txt", (span(0, 0, 6), "after")), wrong)
    assert tree(tmp_path) == before


def test_when_the_disk_refuses_half_way_what_was_written_gets_its_content_back(tmp_path: Path) -> None:
    kept, gone, new = (tmp_path / name for name in ("a.txt", "gone", "new"))
    kept.write_bytes(b"before\n")
    gone.write_bytes(b"here\n")
    below = new / "a file where `new` is to be a file as well"
    with pytest.raises(EditFailed):
        apply(
            tmp_path,
            change(kept, (span(0, 0, 6), "after")),
            {"kind": "delete", "uri": gone.as_uri()},
            {"kind": "create", "uri": below.as_uri()},
            {"kind": "create", "uri": new.as_uri()},
        )
    assert tree(tmp_path) == {"a.txt": b"before\n", "gone": b"here\n"}


def test_edits_that_overlap_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"abcdef\n")
    with pytest.raises(EditFailed, match="overlap in line 1"):
        apply(tmp_path, change(path, (span(0, 0, 4), "x"), (span(0, 2, 5), "y")))


def test_the_plain_form_of_an_edit_is_understood(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"a\n")
    edit = {"changes": {path.as_uri(): [{"range": span(0, 0, 1), "newText": "b"}]}}
    apply_to_disk(WorkspaceEdit.model_validate(edit), tmp_path, "utf-16")
    assert path.read_bytes() == b"b\n"


def test_a_file_reached_through_a_link_is_changed_and_the_link_stays(tmp_path: Path) -> None:
    real, link = tmp_path / "real.txt", tmp_path / "link.txt"
    real.write_bytes(b"a\n")
    link.symlink_to(real)
    apply(tmp_path, change(link, (span(0, 0, 1), "b")))
    assert link.is_symlink()
    assert real.read_bytes() == b"b\n"
