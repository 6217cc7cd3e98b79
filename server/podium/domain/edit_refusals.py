"""What a model is told when its edit does not fit: the file's own lines, and what to do next."""

from collections.abc import Iterable, Sequence

from podium.domain.matching import Block, nearest
from podium.domain.quoting import elisions
from podium.errors import ToolError

_MAX_SHOWN = 15
"""Lines of the file in one error."""


def _shown(lines: Sequence[str], ranges: Iterable[tuple[int, int]]) -> str:
    """Return those lines with their numbers, at most `_MAX_SHOWN` in all."""
    shown: list[str] = []
    for start, end in ranges:
        if shown:
            shown.append("  ...")
        shown += [f"  {i + 1}\t{lines[i][:200]}" for i in range(start, end)]
    return "\n".join(shown[:_MAX_SHOWN])


def ambiguous(text: str, places: Sequence[int]) -> ToolError:
    """Return the error for an `old` that begins at several `places` (0-based lines)."""
    lines = text.split("\n")
    more = f" and {len(places) - 10} more" if len(places) > 10 else ""
    numbers = ", ".join(str(place + 1) for place in places[:10])
    shown = _shown(lines, [(place, place + 1) for place in places[:5]])
    return ToolError(
        f"`old` stands in {len(places)} places, lines {numbers}{more}:\n{shown}\n"
        "Include enough of the lines around the one that you mean."
    )


def contradicted(lines: Sequence[str], block: Block) -> ToolError:
    """Return the error for an edit of lines that read otherwise now, where the rest of `old` is `block`."""
    return ToolError(
        "`old` is not what the file says in the lines that the edit changes. They read now:\n"
        f"{_shown(lines, [(block.start, block.end)])}\n"
        "Send the edit again with `old` as it stands there, without the line numbers."
    )


def missing(text: str, old: str) -> ToolError:
    """Return the error for an `old` that is nowhere, with the lines that are nearest to it."""
    left_out = elisions(old)
    hint = ""
    if left_out:
        hint = f" `old` leaves code out ({left_out[0]!r}): quote the lines themselves, or fewer of them."
    lines = text.split("\n")
    places = nearest(lines, old.split("\n"))
    if not places:
        return ToolError(
            f"`old` was not found, and nothing in the file resembles it.{hint} Is it the right file? "
            "Read it, or search for a word of `old`."
        )
    return ToolError(
        f"`old` was not found.{hint} The nearest lines are:\n{_shown(lines, places)}\n"
        "Send the edit again with `old` exactly as it stands in the file, without the line numbers."
    )
