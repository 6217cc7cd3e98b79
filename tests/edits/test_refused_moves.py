"""A move is refused because its user types into the file while it goes; what they typed is there once."""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

from lsprotocol import types

from podium.domain.changes import FileEdit
from podium.domain.splices import spliced
from podium.lsp.arrivals import Arrivals
from podium.lsp.delivery import EditorDelivery
from podium.lsp.targets import Operation, Target
from podium.ports import Delivery
from tests.edits.editor_model import EditorModel, uri
from tests.edits.virtual_time import run
from tests.edits.world import Desk, Files

T = TypeVar("T")

OLD, NEW = "old.py", "new.py"
TEXT = "".join(f"line {n}\n" for n in range(1, 6))


class Busy(EditorModel):
    """A Neovim whose user types into the old file while it is deleted, and then, having opened it, into the new one.

    Both are (what is looked for, what is typed behind it).
    """

    def __init__(
        self, in_old: tuple[str, str], in_new: tuple[str, str], *, in_new_when_it_goes: bool = False
    ) -> None:
        super().__init__("neovim", "utf-16", {OLD: TEXT.encode()}, Random(1))  # noqa: S311 - reproducible
        self._in_old, self._in_new, self._late = in_old, in_new, in_new_when_it_goes
        self.open(OLD)

    async def ask(self, method: str, params: object, timeout_s: float, kind: type[T]) -> T:
        if self._in_old[0] and self.documents.get(uri(OLD)) and NEW in self.disk:
            self.put(OLD, *self._in_old)
            self._in_old = ("", "")
        if self._late and types.DeleteFile(uri(NEW)) in _changes(params):
            self.type_into_new()
        answer = await super().ask(method, params, timeout_s, kind)
        if not self._late and self.text(NEW):
            self.type_into_new()
            self.tell()
        return answer

    def type_into_new(self) -> None:
        if self._in_new[0]:
            self.open(NEW)
            self.put(NEW, *self._in_new)
            self._in_new = ("", "")

    def put(self, path: str, place: str, new: str) -> None:
        at = self.text(path).index(place) + len(place)
        self.replace(path, at, at, new)


def _changes(params: object) -> Sequence[Operation]:
    assert isinstance(params, types.ApplyWorkspaceEditParams)
    return params.edit.document_changes or ()


def moved(editor: Busy, to: str = TEXT) -> Delivery:
    edits = (FileEdit(NEW, None, to.encode()), FileEdit(OLD, TEXT.encode(), None))
    return run(lambda: EditorDelivery(Desk(editor, Files(editor))).deliver("Move it", edits))


def test_typing_into_the_copy_goes_to_the_file_that_stays_and_the_copy_goes() -> None:
    editor = Busy(("line 1", " is old"), ("line 5", " is new"))
    assert moved(editor).outcome == "refused"
    assert editor.paths() == [OLD]
    assert editor.text(OLD) == "line 1 is old\nline 2\nline 3\nline 4\nline 5 is new\n"


def test_a_copy_that_the_move_changed_gives_its_typing_back_without_that_change() -> None:
    editor = Busy(("line 1", " is old"), ("line 5", " is new"))
    assert moved(editor, TEXT.replace("line 3", "line three")).outcome == "refused"
    assert editor.paths() == [OLD]
    assert editor.text(OLD) == "line 1 is old\nline 2\nline 3\nline 4\nline 5 is new\n"


def test_typing_into_the_same_line_of_both_stays_where_it_was_typed_and_nothing_else_is_there_twice() -> None:
    editor = Busy(("line 5", " is old"), ("line 5", " is new"))
    assert moved(editor).outcome == "refused"
    assert editor.text(OLD) == TEXT.replace("line 5", "line 5 is old")
    assert editor.text(NEW) == " is new"


def test_a_created_file_that_is_no_copy_keeps_only_what_was_typed_into_it() -> None:
    editor = Busy(("line 1", " is old"), ("else", "!"))
    assert moved(editor, "something else\n").outcome == "refused"
    assert editor.text(OLD) == TEXT.replace("line 1", "line 1 is old")
    assert editor.text(NEW) == "!"


def test_a_copy_that_is_typed_into_while_it_goes_comes_back_with_nothing_but_that() -> None:
    editor = Busy(("line 1", " is old"), ("line 5", " is new"), in_new_when_it_goes=True)
    assert moved(editor).outcome == "refused"
    assert editor.text(OLD) == TEXT.replace("line 1", "line 1 is old")
    assert editor.text(NEW) == " is new"


def test_what_several_edits_put_into_a_file_that_is_not_open_can_be_taken_out_once_it_is() -> None:
    editor = Busy(("", ""), ("", ""))
    editor.disk[NEW] = b"3\n2\n1\n"
    start = types.Range(types.Position(0, 0), types.Position(0, 0))
    with Arrivals(Desk(editor, files := Files(editor)), files.read) as arrivals:
        for line, now in (("2\n", "1\n"), ("3\n", "2\n1\n")):
            edits = (types.TextEdit(start, line),)
            arrivals.expect([Target(NEW, now.encode(), (line + now).encode(), edits, now)])
        editor.open(NEW)
        editor.put(NEW, "2", "!")
        editor.tell()
        assert spliced(editor.text(NEW), arrivals.back(NEW)) == "!1\n"
