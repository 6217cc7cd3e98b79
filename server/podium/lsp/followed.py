"""A document that is followed through a delivery: which of its changes are the server's edit, and which typing.

The client tells of the edit that it applied in the same stream as of the user's typing, and in order. The
edit is known by its effect: the text right after it is the text right before it with the edit's ranges
replaced. So it is also found where the client applied it to a newer text than it was made for, which puts
it into other lines and over what was typed there: it went *astray*. From then on the document is followed
with two texts in mind, the one that is there and the one without the edit, in which all typing stays.

One thing cannot be told apart: an edit that inserts one character, applied astray, and an edit that the
client dropped, while it says that it applied it, and its user typed that very character at that very place look the
same on the wire. A blank or a line end is then taken for the user's: those keys are pressed anywhere. For any other
character that would be too much of a coincidence.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Literal, TypeAlias

from lsprotocol import types

from podium.domain.splices import Splice, rebased, spliced, splices
from podium.domain.text import Encoding, Text
from podium.lsp.documents import lsp_position, offsets

Sighting: TypeAlias = Literal["unseen", "arrived", "astray"]

_ROUNDED_UP = ((False, False), (False, True), (True, True))
"""Whether clients move the start and the end of a range up, where it lies inside of a character: not at all, the end
only (as VS Code), or both (as Neovim)."""


@dataclass(frozen=True, slots=True)
class _Mark:
    """A moment: the `text` then, the text that is `wanted` instead, and what was typed `since`."""

    text: str
    wanted: str
    since: tuple[Splice, ...] = ()

    def back(self) -> tuple[Splice, ...]:
        """Return what leads from the text of now to the one that is wanted, typing included."""
        return reduce(rebased, self.since, splices(self.text, self.wanted))


class Followed:
    """One document, from `content` on. `sighting` tells what became of the edit that was expected last."""

    def __init__(self, content: str, encoding: Encoding) -> None:
        self.sighting: Sighting = "unseen"
        self._encoding: Encoding = encoding
        self._text = Text(content)
        self._sent: tuple[types.TextEdit, ...] = ()
        self._made_for = content
        self._mark: _Mark | None = None
        self._otherwise: _Mark | None = None
        """The mark as it would be if the edit that went astray was the user's own typing."""
        self._emptied: _Mark | None = None
        """The mark as it is to be once the typing of before is kept elsewhere."""
        self._refused = False

    def expect(self, edits: Sequence[types.TextEdit], made_for: str) -> None:
        """Look out for an edit that was made for the text `made_for`."""
        self.sighting = "unseen"
        self._sent, self._made_for = tuple(edits), made_for
        self._otherwise, self._refused = None, False

    def change(self, edits: Sequence[types.TextDocumentContentChangeEvent]) -> None:
        """Take in what the client tells in one message: any number of edits of the user's, and the server's."""
        texts, steps = [self._text.content], list[Splice]()
        for edit in edits:
            for step in self._steps(texts[-1], edit):
                steps.append(step)
                texts.append(spliced(texts[-1], (step,)))
            self._text = Text(texts[-1])
        found = self._find(texts) if self._awaits() else None
        if found is None:
            self._type(steps)
            return
        first, last = found
        self._type(steps[:first])
        self._see(texts[first], texts[last], steps[first:last])
        self._type(steps[last:])

    def reads(self, content: str) -> None:
        """Take in what a document holds that nobody told of: one that is opened, or lies on the disk."""
        self.change([types.TextDocumentContentChangeWholeDocument(content)])

    def back(self) -> tuple[Splice, ...]:
        """Return what takes the server's edits out of the text as it is now, and leaves all typing in."""
        return self._mark.back() if self._mark else ()

    def taking_over(self) -> Callable[[], None]:
        """Return what makes `back` lead to an empty document, but for what is typed from this moment on."""
        self._emptied = _Mark(self._text.content, "")

        def take_over() -> None:
            self._mark = self._emptied

        return take_over

    def refused(self) -> None:
        """Take note that the client says that it did not apply the edit: what looks like it astray is typing."""
        self._refused = True
        if self.sighting == "astray":
            self._mark, self.sighting = self._otherwise, "unseen"

    def _awaits(self) -> bool:
        return bool(self._sent) and self.sighting == "unseen"

    def _steps(self, before: str, edit: types.TextDocumentContentChangeEvent) -> Sequence[Splice]:
        """Return a change as splices, each of the text after the one before.

        A client that sends whole texts may send the server's edit and typing as one; where less had to be typed
        to get there from the text with the edit than from the one without, the edit came first.
        """
        if isinstance(edit, types.TextDocumentContentChangePartial):
            return [Splice(*offsets(self._text, edit.range, self._encoding), edit.text)]
        alone = splices(before, edit.text)
        if self._awaits() and before == self._made_for:
            ours = self._spans(before)
            after = splices(spliced(before, ours), edit.text)
            if _effort(after) < _effort(alone):
                return [*ours[::-1], *after[::-1]]
        return alone[::-1]

    def _find(self, texts: Sequence[str]) -> tuple[int, int] | None:
        """Return between which two of the successive `texts` the edit was applied."""
        for first, before in enumerate(texts[:-1]):
            effects = {spliced(before, self._spans(before, up)) for up in _ROUNDED_UP}
            for last in range(first + 1, len(texts)):
                if texts[last] in effects:
                    return first, last
        return None

    def _spans(self, before: str, up: tuple[bool, bool] = (False, False)) -> list[Splice]:
        """Return the edit as its positions say it of `before`, in order; `up` as in `_ROUNDED_UP`."""
        text = Text(before)
        spans = (Splice(*self._ends(text, e.range, up), e.new_text) for e in self._sent)
        return sorted(spans, key=lambda span: (span.start, span.end))

    def _ends(self, text: Text, span: types.Range, up: tuple[bool, bool]) -> tuple[int, int]:
        start, end = offsets(text, span, self._encoding)
        return (
            start + (up[0] and self._is_inside(text, start, span.start)),
            end + (up[1] and self._is_inside(text, end, span.end)),
        )

    def _is_inside(self, text: Text, offset: int, position: types.Position) -> bool:
        """Return whether `position`, of which `offset` was made, lies inside of the character there.

        That comes of typing: in the text that an edit is made for, no position does.
        """
        reached = lsp_position(text, offset, self._encoding)
        inside = reached.line == position.line and reached.character < position.character
        return inside and text.content[offset : offset + 1] not in {"", "\r", "\n"}

    def _moved(self, before: str) -> tuple[Splice, ...]:
        """Return the edit where it belongs in `before`, all that was typed left in."""
        typed = splices(self._made_for, before)
        return reduce(rebased, reversed(typed), tuple(self._spans(self._made_for)))

    def _see(self, before: str, after: str, steps: Sequence[Splice]) -> None:
        """Take the change from `before` to `after` for the server's edit, unless it cannot be."""
        meant = after == spliced(before, self._moved(before))
        if not meant and (self._refused or _is_one_blank(before, after)):
            self._type(steps)
            return
        self.sighting = "arrived" if meant else "astray"
        wanted = before if self._mark is None else spliced(before, self._mark.back())
        self._otherwise = self._mark and replace(self._mark, since=(*self._mark.since, *steps))
        self._mark = _Mark(after, wanted)

    def _type(self, steps: Sequence[Splice]) -> None:
        if self._mark:
            self._mark = replace(self._mark, since=(*self._mark.since, *steps))
        if self._otherwise:
            self._otherwise = replace(self._otherwise, since=(*self._otherwise.since, *steps))
        if self._emptied:
            self._emptied = replace(self._emptied, since=(*self._emptied.since, *steps))


def _effort(found: Sequence[Splice]) -> tuple[int, int]:
    """Return how many characters are typed, and how many erased: whoever erases need not know what is there."""
    return sum(len(splice.new) for splice in found), sum(splice.end - splice.start for splice in found)


def _is_one_blank(before: str, after: str) -> bool:
    """Return whether the space bar or the like could have made this change: it does nothing but insert one blank."""
    found = splices(before, after)
    return len(found) == 1 and found[0].start == found[0].end and found[0].new in {" ", "\t", "\n", "\r\n"}
