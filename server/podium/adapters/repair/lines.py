r"""Text by lines, as Python counts them (`\\n`, `\\r\\n` and `\\r` end a line, nothing else does)."""

import re

_LINE_END = re.compile(r"\r\n|\n|\r")


def line_starts(text: str) -> list[int]:
    """Return the index of each line's first character, and the length of the text as the last item."""
    starts = [0, *(match.end() for match in _LINE_END.finditer(text))]
    if starts[-1] != len(text) or len(starts) == 1:
        starts.append(len(text))
    return starts


def unique_edit(text: str, start: int, end: int, new: str) -> tuple[str, str]:
    """Return (old, new) for the replacement of `text[start:end]`, widened until `old` is unique in `text`.

    Whole lines are taken, and more lines before and after by turns. The end of the last line is left out,
    because the file may have none.
    """
    starts = line_starts(text)
    first = max(index for index, at in enumerate(starts) if at <= start)
    last = next((index for index, at in enumerate(starts) if at >= end and index > first), len(starts) - 1)
    while True:
        low, high = starts[first], starts[last]
        old = text[low:high]
        if text.count(old) == 1 or (first == 0 and last == len(starts) - 1):
            changed = text[low:start] + new + text[end:high]
            bare = old.removesuffix("\n")
            if high == len(text) and changed.endswith("\n") and text.count(bare) == 1:
                return bare, changed.removesuffix("\n")
            return old, changed
        first, last = max(0, first - 1), min(len(starts) - 1, last + (first == 0 or last - first < 8))
