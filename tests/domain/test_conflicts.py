"""What a Worker is told of a conflict: both sides of each place, in bounds."""

import pytest

from podium.domain.changes import FileEdit
from podium.domain.conflicts import MOST_LINES, MOST_PLACES, both_sides


def edit(before: str | None, after: str | None) -> FileEdit:
    was, then = (None if text is None else text.encode() for text in (before, after))
    return FileEdit("a.txt", was, then)


def test_each_place_is_shown_with_what_stood_there_what_you_wrote_and_what_stands_there_now() -> None:
    told = both_sides(edit("1\n-\n-\n4\n", "one\n-\n-\nfour\n"), b"new\n1st\n-\n-\n")
    assert told == (
        "a.txt, lines 1-2 now:\nBefore:\n    1\nYours:\n    one\nNow:\n    new\n    1st\n"
        "a.txt, line 5 now:\nBefore:\n    4\nYours:\n    four\nNow:\n    (nothing)"
    )


@pytest.mark.parametrize(
    ("change", "now", "told"),
    [
        (edit("1\n", "one\n"), None, "a.txt was deleted meanwhile."),
        (
            edit("1\n", None),
            b"2\n",
            "a.txt, which you deleted, was changed meanwhile.\nBefore:\n    1\nNow:\n    2",
        ),
        (
            edit(None, "1\n"),
            b"2\n",
            "a.txt was created meanwhile by someone else too.\nYours:\n    1\nNow:\n    2",
        ),
        (edit("1\n", "one\n"), b"\0\1", "a.txt was changed meanwhile, and is not text."),
    ],
)
def test_files_that_came_or_went_are_told_as_such(change: FileEdit, now: bytes | None, told: str) -> None:
    assert both_sides(change, now) == told


def test_a_large_conflict_is_cut_and_says_so() -> None:
    before = "".join(f"{n}\nsame {n}\nsame too {n}\n" for n in range(20))
    told = both_sides(
        edit(before, before.replace("same", "SAME").replace("SAME too", "same too")),
        before.replace("same", "Same").replace("Same too", "same too").encode(),
    )
    assert told.count("Yours:") == MOST_PLACES
    assert told.endswith(f"… and {20 - MOST_PLACES} places more in a.txt")
    long = "".join(f"{n}\n" for n in range(100))
    told = both_sides(edit("x\n", long), b"y\n")
    assert f"… {100 - MOST_LINES} lines more" in told
