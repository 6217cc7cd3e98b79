"""Both sides of a conflict, in words for the model that is to do its change again.

No conflict markers: what a model is shown, it may write into a file.
"""

from podium.domain.changes import FileEdit
from podium.domain.lines import split_lines
from podium.domain.merge import Conflict, merge3
from podium.domain.text_file import TextFile
from podium.errors import ToolError

MOST_LINES = 30
"""How many lines of one side are shown."""
MOST_PLACES = 10
"""How many places of one file are shown."""


def both_sides(edit: FileEdit, now: bytes | None) -> str:
    """Return where `edit` contradicts what was made of the file meanwhile (`now`): both sides, place by place.

    At most ten places of at most 30 lines a side.
    """
    if now is None:
        return f"{edit.path} was deleted meanwhile."
    try:
        before, yours, there = (TextFile.decode(c or b"").text for c in (edit.before, edit.after, now))
    except ToolError:
        return f"{edit.path} was changed meanwhile, and is not text."
    if edit.before is None:
        return f"{edit.path} was created meanwhile by someone else too.\n{_side('Yours', yours)}\n{_side('Now', there)}"
    if edit.after is None:
        return f"{edit.path}, which you deleted, was changed meanwhile.\n{_side('Before', before)}\n{_side('Now', there)}"
    places = merge3(before, yours, there).conflicts
    shown = [_place(edit.path, place) for place in places[:MOST_PLACES]]
    if len(places) > MOST_PLACES:
        shown.append(f"… and {len(places) - MOST_PLACES} places more in {edit.path}")
    return "\n".join(shown)


def _place(path: str, place: Conflict) -> str:
    first, last = place.theirs.start + 1, max(place.theirs.start + 1, place.theirs.end)
    where = f"line {first}" if first == last else f"lines {first}-{last}"
    sides = (("Before", place.base), ("Yours", place.ours), ("Now", place.theirs))
    return "\n".join((f"{path}, {where} now:", *(_side(name, span.text) for name, span in sides)))


def _side(name: str, text: str) -> str:
    lines = [line.rstrip("\r\n") for line in split_lines(text)]
    more = [f"… {len(lines) - MOST_LINES} lines more"] if len(lines) > MOST_LINES else []
    return "\n".join((f"{name}:", *(f"    {line}" for line in lines[:MOST_LINES] or ["(nothing)"]), *more))
