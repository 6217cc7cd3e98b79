"""Takes back what arrived of a change that was refused as a whole.

In open documents that is done character by character, so that it needs no agreement with what was typed since,
and again until it is done. A file that the change created goes. What its user typed into it meanwhile goes to
the file that it is a moved copy of, since that one is back or still there; where there is none, or the same lines
were changed there too, the created file stays with that typing and nothing else.
"""

from collections.abc import Mapping
from typing import Protocol

import anyio

from podium.domain.changes import FileEdit
from podium.domain.lines import extent
from podium.domain.text_file import TextFile
from podium.errors import ToolError
from podium.lsp.arrivals import LATE_S, Arrivals, stands_in
from podium.lsp.targets import Desk

_TRIES = 10


class Errand(Protocol):
    """A delivery that was refused, and how to change files once more."""

    @property
    def arrivals(self) -> Arrivals:
        """What was seen of its edits."""
        ...

    def read(self, path: str) -> bytes | None:
        """Return what a file holds now."""
        ...

    async def put_right(self, paths: tuple[str, ...]) -> None:
        """Take the edits of this delivery out of open documents; where typing outruns that, again."""
        ...

    async def undo(self, edit: FileEdit) -> bool:
        """Return whether a part of this delivery could be undone by `edit`."""
        ...

    async def beside(self, edit: FileEdit) -> bool:
        """Return whether `edit` could be delivered, whatever becomes of this delivery."""
        ...


class TakingBack:
    """Takes back `sent`, which is what was asked of each file at last."""

    def __init__(self, errand: Errand, desk: Desk, sent: Mapping[str, FileEdit]) -> None:
        self._errand = errand
        self._arrivals = errand.arrivals
        self._desk = desk
        self._sent = sent

    async def run(self) -> list[str]:
        """Return the paths of the files in which something could not be taken back."""
        await self._hear()
        created_last = sorted(self._sent.values(), key=lambda edit: edit.before is None)
        return [edit.path for edit in created_last if not await self._take_out(edit)]

    async def _hear(self) -> None:
        """Give the client the time to tell of what it applied, and of which it has not told yet."""
        with anyio.move_on_after(LATE_S):
            for path, edit in self._sent.items():
                await self._desk.host.documents.wait_until(
                    self._desk.uri(path), lambda _, edit=edit: self._is_there(edit), LATE_S
                )

    def _is_there(self, edit: FileEdit) -> bool:
        return bool(self._arrivals.back(edit.path)) or stands_in(edit, self._errand.read(edit.path))

    async def _take_out(self, edit: FileEdit) -> bool:
        """Return whether a file is without `edit`, after having seen to it; once more where its user opens it."""
        for _ in range(_TRIES):
            if edit.before is None:
                await self._carry_typing(edit)
            await self._errand.put_right((edit.path,))
            back = self._back(edit)
            if back is None:
                return not self._arrivals.back(edit.path)
            if await self._errand.undo(back):
                return True
        return False

    def _back(self, edit: FileEdit) -> FileEdit | None:
        """Return what takes `edit` back as a whole, where it stands and nothing can be told character by character."""
        now = self._errand.read(edit.path)
        if edit.before is None and now == b"":
            return FileEdit(edit.path, now, None)
        put_right = edit.path in self._arrivals.followed() and edit.before is not None
        if put_right or not stands_in(edit, now):
            return None
        return edit.back()

    async def _carry_typing(self, created: FileEdit) -> None:
        """Bring what was typed into a moved copy to where it was moved from."""
        now, origin = self._errand.read(created.path), self._origin(created)
        if origin is None or now in (None, created.after) or not self._arrivals.back(created.path):
            return
        taken_over = self._arrivals.taking_over(created.path)
        if await self._errand.beside(FileEdit(origin, created.after, now)):
            taken_over()

    def _origin(self, created: FileEdit) -> str | None:
        """Return the path of the deleted file that a created one is a copy of, in most of its lines."""
        for edit in self._sent.values():
            if edit.after is None and self._errand.read(edit.path) is not None and _alike(edit, created):
                return edit.path
        return None


def _alike(deleted: FileEdit, created: FileEdit) -> bool:
    try:
        before, after = (TextFile.decode(content or b"").text for content in (deleted.before, created.after))
    except ToolError:
        return False
    return extent(before, after) * 2 <= before.count("\n")
