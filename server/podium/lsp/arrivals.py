"""Where a delivery goes, and whether it got there: what is seen of an edit in the editor's documents.

An edit arrives whole, or not at all, or, from a client that applied it to a newer text than it speaks of, in
other lines than it was meant for; each of the three is told apart by what the documents hold afterwards.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import anyio
from lsprotocol import types

from podium.domain.changes import FileEdit
from podium.domain.lines import changes
from podium.domain.text import Encoding, Text
from podium.engine.tree import MergeConflict, merged_content
from podium.lsp.documents import DocumentChange, Documents, offsets
from podium.lsp.uris import key_of
from podium.ports import Workspace

_log = logging.getLogger(__name__)

ARRIVAL_S = 5.0
"""How long after the client's word the changed content may take to be seen; clients delay `didChange`."""
UNSEEN_S = 0.5
"""The same for a file that is not open, of which the server may never hear."""
LATE_S = 1.0
"""How late a client may tell of typing, or of a part that it applied of what it then refused."""

T = TypeVar("T")


class Client(Protocol):
    """What a delivery needs of the client; the host has it."""

    @property
    def documents(self) -> Documents:
        """The open documents."""
        ...

    @property
    def client(self) -> types.ClientCapabilities:
        """What the client can do."""
        ...

    @property
    def encoding(self) -> Encoding:
        """What positions are counted in."""
        ...

    def notify(self, method: str, params: object = None) -> None:
        """Send a notification."""
        ...

    async def ask(self, method: str, params: object, timeout_s: float, kind: type[T]) -> T:
        """Send a request and return the client's result.

        Raises:
            AskFailed: the client refused, did not answer in time, or answered something else.
        """
        ...


class Desk(Protocol):
    """Where a delivery goes: a client and its folder; the session is one."""

    @property
    def host(self) -> Client:
        """The client."""
        ...

    @property
    def root(self) -> Path | None:
        """The workspace folder."""
        ...

    def uri(self, path: str) -> str:
        """Return the URI of a path of the workspace, as the client spells it."""
        ...

    async def workspace(self) -> Workspace:
        """Return the user's files, once they are open."""
        ...


@dataclass(frozen=True, slots=True)
class Target:
    """One file as it is now and as it is to become, and the edits that the editor is asked for."""

    path: str
    now: bytes | None
    then: bytes | None
    edits: tuple[types.TextEdit, ...] = ()
    version: int | None = None
    """The version of the document that the edits speak of, None where it is not open."""

    @property
    def edit(self) -> FileEdit:
        """What changes."""
        return FileEdit(self.path, self.now, self.then)


def stands_in(edit: FileEdit, current: bytes | None) -> bool:
    """Return whether `current` holds the change, alone or together with what was typed since.

    Where lines of the change were typed into, it is there if fewer characters lead from its result to
    `current` than from what was there before.
    """
    try:
        return merged_content(edit, current) == current
    except MergeConflict:
        if current is None or edit.before is None or edit.after is None:
            return False
        return _distance(edit.after, current) < _distance(edit.before, current)


def _distance(before: bytes, after: bytes) -> int:
    a, b = before.decode("utf-8", "replace"), after.decode("utf-8", "replace")
    return sum(c.end - c.start + c.new_end - c.new_start for c in changes(a, b))


class Arrivals:
    """Sees whether changes arrive in the editor's documents, also when the user types on at once.

    `read` gives what a file holds now. `astray` are the texts in which the client's edits hit other lines
    than were meant, each as the edit that takes that back.
    """

    def __init__(self, desk: Desk, read: Callable[[str], bytes | None], targets: Sequence[Target]) -> None:
        self.astray: dict[str, FileEdit] = {}
        self._documents = desk.host.documents
        self._encoding: Encoding = desk.host.encoding
        self._read = read
        self._uris = {target.path: desk.uri(target.path) for target in targets}
        self._targets = {key_of(desk.uri(target.path)): target for target in targets}
        self._before = {path: (self._content(path), read(path)) for path in self._uris}
        self._was_open = {path for path, (text, _) in self._before.items() if text is not None}
        self._sent = dict(self._before)
        self._seen: set[str] = set()
        self._newer: set[str] = set()
        self._moved = anyio.Event()

    def __enter__(self) -> "Arrivals":
        self._unsubscribe = self._documents.subscribe(self._on_change)
        return self

    def __exit__(self, *_: object) -> None:
        self._unsubscribe()

    def _content(self, path: str) -> str | None:
        document = self._documents.get(self._uris[path])
        return document.content if document else None

    def _on_change(self, change: DocumentChange) -> None:
        target = self._targets.get(key_of(change.document.uri))
        if target is None or change.kind == "saved":
            return
        path, now = target.path, self._read(target.path)
        text, before = self._before[path]
        self._before[path] = (self._content(path), now)
        self._moved.set()
        elsewhere = path in self._was_open and (text, before) != self._sent[path]
        if elsewhere and self._applied(target, text or "") == change.document.content:
            if not _is_merge(target.edit, before, now):
                _log.warning("%s: an edit was applied to a newer text than it was made for.", path)
                self.astray[path] = FileEdit(path, now, before)
        elif now == target.then:
            self._seen.add(path)
        if change.kind == "changed" and path in self._was_open:
            self._newer.add(path)

    def _applied(self, target: Target, before: str) -> str:
        """Return `before` with the edits at the places that their positions name in it."""
        text, after = Text(before), before
        spans = [(*offsets(text, edit.range, self._encoding), edit.new_text) for edit in target.edits]
        for start, end, new in sorted(spans, reverse=True):
            after = after[:start] + new + after[end:]
        return after

    def arrived(self, target: Target) -> bool:
        """Return whether the file held the change once, or holds it together with what was typed since."""
        if target.path in self.astray:
            return False
        return target.path in self._seen or stands_in(target.edit, self._read(target.path))

    def answered(self) -> None:
        """Take note that the client has answered: what it tells from now on comes from after the edit."""
        self._newer.clear()

    async def moved(self) -> bool:
        """Return whether typing explains a refusal: a document changed since the edit was sent, or does soon."""
        with anyio.move_on_after(LATE_S):
            await self._moved.wait()
        return self._moved.is_set()

    async def wait(self, target: Target) -> bool:
        """Return whether the change arrives in time.

        A document that the client has open is waited for, until it comes without the change. One that it
        does not have open may sit in a buffer that the server cannot see; there the client's word has to
        do, unless the document opens.
        """
        path, uri = target.path, self._uris[target.path]
        open_before = path in self._was_open
        patience_s = ARRIVAL_S if open_before else UNSEEN_S

        def decided(_: object) -> bool:
            return self.arrived(target) or path in self._newer or path in self.astray

        await self._documents.wait_until(uri, decided, patience_s)
        if self.arrived(target):
            return True
        if open_before or self._documents.get(uri) is not None:
            return False
        _log.info("%s is not open; the editor's word is all there is for its change.", path)
        return True


def _is_merge(edit: FileEdit, before: bytes | None, after: bytes | None) -> bool:
    """Return whether `after` is `edit` merged into `before`."""
    try:
        return merged_content(edit, before) == after
    except MergeConflict:
        return False
