r"""Replacements of characters in a text, and what becomes of them when somebody types into the same text.

Merging by line asks whether two sides contradict each other. This is for taking a change back that should
never have been there: it is taken back whatever was typed since, and what was typed stays.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from podium.domain.lines import changes
from podium.domain.merge import hunks


@dataclass(frozen=True, slots=True)
class Splice:
    """`new` takes the place of the characters `start:end`, in code points."""

    start: int
    end: int
    new: str


def splices(before: str, after: str) -> tuple[Splice, ...]:
    """Return the small replacements that turn `before` into `after`, in order: lines first, then characters."""
    return tuple(
        Splice(hunk.offset + c.start, hunk.offset + c.end, hunk.new[c.new_start : c.new_end])
        for hunk in hunks(before, after)
        for c in changes(hunk.old, hunk.new)
    )


def spliced(text: str, found: Iterable[Splice]) -> str:
    """Return `text` after replacements that all refer to it, in order, and do not overlap."""
    parts: list[str] = []
    done = 0
    for splice in found:
        parts += (text[done : splice.start], splice.new)
        done = splice.end
    return "".join((*parts, text[done:]))


def rebased(found: Iterable[Splice], typed: Splice) -> tuple[Splice, ...]:
    """Return `found` for the text after `typed`; none of them removes a character that was typed.

    What they put back is put back even where the text around it was deleted.
    """
    moved: list[Splice] = []
    end = typed.start + len(typed.new)
    shift = end - typed.end
    for splice in found:
        if splice.end <= typed.start:
            moved.append(splice)
        elif splice.start >= typed.end:
            moved.append(Splice(splice.start + shift, splice.end + shift, splice.new))
        else:
            moved.append(Splice(min(splice.start, typed.start), typed.start, splice.new))
            if splice.end > typed.end:
                moved.append(Splice(end, splice.end + shift, ""))
    return tuple(moved)


def around_line_ends(text: str, found: Iterable[Splice]) -> tuple[Splice, ...]:
    r"""Return replacements with the same effect on `text` that begin and end outside of each `\r\n`.

    No position of an editor lies between the two. Those that touch become one.
    """
    wide: list[Splice] = []
    for splice in found:
        if wide and wide[-1].end == splice.start:
            last = wide.pop()
            wide.append(Splice(last.start, splice.end, last.new + splice.new))
        else:
            wide.append(splice)
    return tuple(_widened(text, splice) for splice in wide)


def _widened(text: str, splice: Splice) -> Splice:
    start, end, new = splice.start, splice.end, splice.new
    if text[start - 1 : start + 1] == "\r\n":
        start, new = start - 1, "\r" + new
    if text[end - 1 : end + 1] == "\r\n":
        end, new = end + 1, new + "\n"
    return Splice(start, end, new)
