"""Whether a delivery arrived: what is seen of its edits in the editor's documents.

An edit arrives whole, or not at all, or, from a client that applied it to a newer text than it speaks of, in
other lines than it was meant for; `followed.py` tells them apart, document by document.
"""

import logging
from collections.abc import Callable, Iterable, Sequence

import anyio

from podium.domain.changes import FileEdit
from podium.domain.splices import Splice, spliced
from podium.domain.text import Encoding
from podium.engine.tree import MergeConflict, merged_content
from podium.lsp.documents import Document, DocumentChange
from podium.lsp.followed import Followed
from podium.lsp.targets import Desk, Target, as_saved
from podium.lsp.uris import key_of

_log = logging.getLogger(__name__)

ARRIVAL_S = 5.0
"""How long after the client's word the changed content may take to be seen; clients delay `didChange`."""
UNSEEN_S = 0.5
"""The same for a file that is not open, of which the server may never hear."""
LATE_S = 1.0
"""How late a client may tell of typing, or of a part that it applied of what it then refused."""


def stands_in(edit: FileEdit, current: bytes | None) -> bool:
    """Return whether `current` holds the change, alone or together with what was typed elsewhere since."""
    try:
        return merged_content(edit, current) == current
    except MergeConflict:
        return False


class Arrivals:
    """Follows the documents of one delivery, over all its attempts; `read` gives what a file holds now.

    `swept` brings back the files that were typed into while the editor deleted them, without what this delivery
    had put into them.
    """

    def __init__(self, desk: Desk, read: Callable[[str], bytes | None]) -> None:
        self.swept: list[FileEdit] = []
        self._desk = desk
        self._documents = desk.host.documents
        self._encoding: Encoding = desk.host.encoding
        self._read = read
        self._targets: dict[str, Target] = {}
        self._followed: dict[str, Followed] = {}
        self._was_open: set[str] = set()
        self._seen: set[str] = set()
        self._newer: set[str] = set()
        self._moved = anyio.Event()

    def __enter__(self) -> "Arrivals":
        self._unsubscribe = self._documents.subscribe(self._on_change)
        return self

    def __exit__(self, *_: object) -> None:
        self._unsubscribe()

    def expect(self, targets: Iterable[Target]) -> None:
        """Look out for these from now on."""
        self._targets = {key_of(self._desk.uri(target.path)): target for target in targets}
        self._was_open, self._seen, self._newer = set(), set(), set()
        self._moved = anyio.Event()
        for target in self._targets.values():
            document = self._document(target.path)
            text = document.content if document else target.text
            followed = self._followed.setdefault(target.path, Followed(text, self._encoding))
            if document:
                self._was_open.add(target.path)
            else:
                followed.reads(text)
            followed.expect(target.edits, target.text)

    def _on_change(self, change: DocumentChange) -> None:
        if change.kind == "saved":
            return
        path = next((p for p in self._followed if self._is(p, change)), "")
        if path and change.kind == "changed":
            self._followed[path].change(change.edits)
        if path and change.kind == "opened":
            self._followed[path].reads(change.document.content)
        without = change.document.content
        if path and change.kind == "closed":
            without = spliced(without, self._followed.pop(path).back())
        target = self._targets.get(key_of(change.document.uri))
        if target is None:
            return
        path = target.path
        self._moved.set()
        if change.kind == "opened" and path not in self._followed:
            self._followed[path] = Followed(change.document.content, self._encoding)
            self._followed[path].expect(target.edits, target.text)
        if change.kind == "closed" and target.then is None:
            self._note_swept(target, change.document.content, without)
        if self._read(path) == target.then != target.now:
            self._seen.add(path)
        if change.kind == "changed" and path in self._was_open:
            self._newer.add(path)

    def _note_swept(self, target: Target, content: str, without: str) -> None:
        if content != target.text and target.now is not None:
            kept = as_saved(without, target.now)
            self.swept.append(FileEdit(target.path, None, kept, target.permissions))

    def _document(self, path: str) -> Document | None:
        return self._documents.get(self._desk.uri(path))

    def _is(self, path: str, change: DocumentChange) -> bool:
        return key_of(self._desk.uri(path)) == key_of(change.document.uri)

    def arrived(self, target: Target) -> bool:
        """Return whether the file held the change once, or holds it together with what was typed since."""
        followed = self._followed.get(target.path)
        if followed and followed.sighting != "unseen":
            return followed.sighting == "arrived"
        if target.path in self._seen:
            return True
        return target.now != target.then and stands_in(target.edit, self._read(target.path))

    def back(self, path: str) -> tuple[Splice, ...]:
        """Return what takes the edits of this delivery out of an open document, and leaves all typing in."""
        followed = self._followed.get(path)
        return followed.back() if followed else ()

    def taking_over(self, path: str) -> Callable[[], None]:
        """Return what is to be called once all that an open document holds now is kept elsewhere.

        From then on `back` takes that out as well, and leaves in what was typed after this moment.
        """
        return self._followed[path].taking_over()

    def astray(self) -> list[str]:
        """Return the paths of the documents in which an edit went astray."""
        return [path for path, followed in self._followed.items() if followed.sighting == "astray"]

    def followed(self) -> Sequence[str]:
        """Return the paths of the open documents that are followed."""
        return tuple(path for path in self._followed if self._document(path))

    def answered(self) -> None:
        """Take note that the client has answered: what it tells from now on comes from after the edit."""
        self._newer.clear()

    def refused(self) -> None:
        """Take note that the client says that it applied nothing."""
        for followed in self._followed.values():
            followed.refused()

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
        path, uri = target.path, self._desk.uri(target.path)
        open_before = path in self._was_open
        patience_s = ARRIVAL_S if open_before else UNSEEN_S

        def decided(_: object) -> bool:
            return self.arrived(target) or path in self._newer or path in self.astray()

        await self._documents.wait_until(uri, decided, patience_s)
        if self.arrived(target):
            return True
        if open_before or self._documents.get(uri) is not None:
            return False
        _log.info("%s is not open; the editor's word is all there is for its change.", path)
        return True
