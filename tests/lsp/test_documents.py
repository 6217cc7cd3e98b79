"""The open documents: exactly what the editor holds, whatever it sends and however it spells a URI."""

import os
from pathlib import Path, PurePosixPath, PureWindowsPath

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types

from podium.domain.text import Encoding, Text
from podium.lsp.documents import Document, DocumentChange, Documents, lsp_range, offsets
from podium.lsp.uris import file_path, key_of, path_of, uri_of

pytestmark = pytest.mark.anyio

URI = "file:///project/a.py"


def opened(text: str, uri: str = URI, version: int = 1) -> types.DidOpenTextDocumentParams:
    return types.DidOpenTextDocumentParams(types.TextDocumentItem(uri, "python", version, text))


def edit(start: tuple[int, int], end: tuple[int, int], text: str) -> types.TextDocumentContentChangePartial:
    span = types.Range(types.Position(*start), types.Position(*end))
    return types.TextDocumentContentChangePartial(range=span, text=text)


def changed(
    *changes: types.TextDocumentContentChangeEvent, version: int = 2, uri: str = URI
) -> types.DidChangeTextDocumentParams:
    return types.DidChangeTextDocumentParams(
        types.VersionedTextDocumentIdentifier(version=version, uri=uri), changes
    )


def closed(uri: str = URI) -> types.DidCloseTextDocumentParams:
    return types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(uri))


def content(documents: Documents, uri: str = URI) -> str | None:
    document = documents.get(uri)
    return document.content if document else None


def test_each_edit_of_one_change_refers_to_the_text_after_the_one_before() -> None:
    documents = Documents()
    documents.did_open(opened("one\ntwo\n"))
    documents.did_change(changed(edit((0, 0), (1, 0), ""), edit((0, 3), (0, 3), "!"), version=9))
    assert content(documents) == "two!\n"
    document = documents.get(URI)
    assert document
    assert (document.version, document.language_id) == (9, "python")


@pytest.mark.parametrize(("encoding", "character"), [("utf-8", 5), ("utf-16", 3), ("utf-32", 2)])
def test_positions_count_what_was_agreed(encoding: Encoding, character: int) -> None:
    documents = Documents(encoding)
    documents.did_open(opened("a🙂b"))
    documents.did_change(changed(edit((0, character), (0, character), "X")))
    assert content(documents) == "a🙂Xb"


def test_a_change_without_a_range_replaces_the_whole_text() -> None:
    documents = Documents()
    documents.did_open(opened("old"))
    documents.did_change(changed(types.TextDocumentContentChangeWholeDocument("new\r\n")))
    assert content(documents) == "new\r\n"


def test_a_document_that_is_opened_twice_is_replaced() -> None:
    documents = Documents()
    documents.did_open(opened("first", version=0))
    documents.did_open(opened("second", version=0))
    assert content(documents) == "second"
    documents.did_close(closed())
    assert documents.get(URI) is None


def test_changes_and_closes_of_unopened_documents_are_ignored() -> None:
    documents = Documents()
    documents.did_change(changed(edit((0, 0), (0, 0), "x")))
    documents.did_close(closed())
    assert list(documents) == []


def test_a_document_is_found_by_any_spelling_of_its_uri_and_keeps_the_clients() -> None:
    documents = Documents()
    documents.did_open(opened("x", uri="file:///w/a%20%28b%29%3Ac.py"))
    document = documents.get("file:///w/a%20(b)%3ac.py")
    assert document is not None
    assert document.uri == "file:///w/a%20%28b%29%3Ac.py"


def test_subscribers_hear_every_change_in_order_until_they_leave() -> None:
    documents = Documents()
    heard: list[tuple[str, str]] = []

    def hear(change: DocumentChange) -> None:
        heard.append((change.kind, change.document.content))

    leave = documents.subscribe(hear)
    documents.did_open(opened("a"))
    documents.did_change(changed(edit((0, 1), (0, 1), "b")))
    documents.did_save(types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(URI)))
    documents.did_close(closed())
    leave()
    documents.did_open(opened("unheard"))
    assert heard == [("opened", "a"), ("changed", "ab"), ("saved", "ab"), ("closed", "ab")]


async def test_delivery_waits_until_the_document_holds_the_text() -> None:
    documents = Documents()
    documents.did_open(opened("a"))

    def arrived(document: Document | None) -> bool:
        return document is not None and document.content == "abc"

    results: list[bool] = []

    async def wait() -> None:
        results.append(await documents.wait_until(URI, arrived, 5))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        documents.did_change(changed(edit((0, 1), (0, 1), "b")))
        await anyio.wait_all_tasks_blocked()
        assert results == []
        documents.did_change(changed(edit((0, 2), (0, 2), "c")))
    assert results == [True]
    assert await documents.wait_until(URI, arrived, 0)
    assert not await documents.wait_until("file:///never", arrived, 0.01)


def test_ranges_and_offsets_agree_in_all_encodings() -> None:
    text = Text("é🙂\r\nlast")
    for encoding in ("utf-8", "utf-16", "utf-32"):
        for start in (0, 1, 2, 4, 8):
            assert offsets(text, lsp_range(text, start, 8, encoding), encoding) == (start, 8)


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        (PurePosixPath("/w/a b#c?d%e.py"), "file:///w/a%20b%23c%3Fd%25e.py"),
        (PurePosixPath("/w/grüße/語.py"), "file:///w/gr%C3%BC%C3%9Fe/%E8%AA%9E.py"),
        (PureWindowsPath("C:\\w\\a b.py"), "file:///c%3A/w/a%20b.py"),
        (PureWindowsPath("\\\\host\\share\\a.py"), "file://host/share/a.py"),
    ],
)
def test_a_path_becomes_the_uri_that_editors_use_and_comes_back(
    path: PurePosixPath | PureWindowsPath, uri: str
) -> None:
    assert uri_of(path) == uri
    windows = isinstance(path, PureWindowsPath)
    assert path_of(uri, windows=windows) == str(path)


@pytest.mark.parametrize(
    "uri", ["file:///c%3A/W/a.py", "file:///C:/w/A.py", "file:///c%3a/w/a.py", "FILE:///c:/w/a.py"]
)
def test_all_spellings_of_a_windows_file_have_one_key(uri: str) -> None:
    assert path_of(uri, windows=True) in {"C:\\w\\a.py", "C:\\W\\a.py", "C:\\w\\A.py"}
    assert key_of(uri, windows=True) == key_of("file:///C%3A/w/a.py", windows=True)


def test_what_is_not_a_file_has_no_path() -> None:
    assert file_path("untitled:Untitled-1") is None
    assert path_of("vscode-notebook-cell:/w/a.ipynb#W0", windows=False) is None
    assert key_of("untitled:Untitled-1") == "untitled:Untitled-1"
    with pytest.raises(ValueError, match="relative"):
        uri_of(PurePosixPath("a.py"))


@given(st.binary(min_size=1).filter(lambda raw: b"\0" not in raw))
def test_every_file_name_survives_the_way_to_a_uri_and_back(raw: bytes) -> None:
    path = Path("/w") / os.fsdecode(raw.replace(b"/", b"_"))
    assert file_path(uri_of(path)) == path
