r"""Applying the edits of models: `old` becomes `new`, at the one place that `old` means, or not at all.

An exact match that occurs once is taken as it is. Otherwise `old` is found in spite of trailing space,
shifted indentation, look-alike characters, copied line numbers, fences or diff markers, and last by
likeness; then only those lines change that differ between `old` and `new`, and they must agree with
the file's. More than one place, no place, or a contradiction is an error that shows the file's own lines.

Texts have `\n` endings (`TextFile` sees to that). Nothing here knows of files, roles or rights.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from podium.domain.edit_refusals import ambiguous, contradicted, missing
from podium.domain.lines import Change, changes
from podium.domain.matching import Block, Nearness, content_of, find_blocks, find_similar, nearest
from podium.domain.quoting import Reading, elisions, folded, readings, without_stray_fences
from podium.errors import ToolError

How: TypeAlias = Literal["exact", "already applied"] | Nearness

_MIN_TELLING = 10
"""Characters that a single line needs for its presence to mean that an edit was applied before."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace `old` by `new` in the file `path`; an empty `old` creates the file."""

    path: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class EditOutcome:
    """The whole text after the edit.

    `line` is where the change begins (1-based, in the new text). `note` tells the model what was done
    otherwise than asked for, and is empty when the match was exact.
    """

    text: str
    line: int
    how: How = "exact"
    note: str = ""


def apply_edit(text: str, old: str, new: str, path: str = "") -> EditOutcome:
    """Return `text` with `old` replaced by `new`; `path` only tells what kind of text it is.

    Raises:
        ToolError: `old` is missing, ambiguous, empty or equal to `new`, contradicts the file, or `new`
            leaves code out; the text is written for the model and says what to do next.
    """
    old, new = _plain(old), _plain(new)
    if old == new:
        raise ToolError("There is nothing to change: `old` and `new` are the same.")
    if not old:
        return _first_content(text, new)
    new = without_stray_fences(new, old, path)
    found = [reading for reading in readings(old, new) if reading.old != reading.new and reading.old]
    for attempt in (_exact, _by_lines, _by_characters):
        for reading in found:
            outcome = attempt(text, reading)
            if outcome is not None:
                return outcome
    outcome = _already_applied(text, found) or _by_likeness(text, old, new)
    if outcome is None:
        raise missing(text, old)
    return outcome


def refuse_elisions(new: str, standing: Iterable[str] = ()) -> None:
    """Let `new` pass when it holds all its code.

    Raises:
        ToolError: a line stands for code left out ("... rest unchanged ..."), and is not one of the
            `standing` lines, which the file holds already.
    """
    left_out = elisions(new, standing)
    if left_out:
        raise ToolError(
            f"The new text leaves code out ({left_out[0]!r}), which would delete it. Write every line in full, "
            "or replace only the lines that change."
        )


def _plain(quote: str) -> str:
    return quote.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")


def _first_content(text: str, new: str) -> EditOutcome:
    if text.strip():
        raise ToolError(
            "`old` is empty, but the file is not. Give the lines to replace in `old`, or use write_file "
            "to replace the whole file."
        )
    refuse_elisions(new)
    return EditOutcome(new, 1)


# --- the three ways to find it ----------------------------------------------------------------------


def _exact(text: str, reading: Reading) -> EditOutcome | None:
    old, new = reading.old, reading.new
    at = text.find(old)
    if reading.whole_lines and not _is_whole_lines(text, at, old):
        return None
    if at < 0 or not old.strip():
        return None if at < 0 else _exact_blank(text, reading)
    again = text.find(old, at + 1)
    if again >= 0:
        raise ambiguous(text, [text.count("\n", 0, place) for place in _places(text, old)])
    if _stands_around(text, at, reading):
        return _as_it_is(text, text.count("\n", 0, text.find(new)))
    if _lost_its_indentation(text, at, reading):
        return None
    refuse_elisions(new, old.split("\n"))
    return _spliced(text, at, old, new, EditOutcome("", 0, "exact", _sentence(reading.note)))


def _is_whole_lines(text: str, at: int, old: str) -> bool:
    begins = at == 0 or (at > 0 and text[at - 1] == "\n")
    return begins and (old.endswith("\n") or _ends_line(text, at + len(old)))


def _exact_blank(text: str, reading: Reading) -> EditOutcome:
    if text.count(reading.old) == 1:
        return _spliced(text, text.find(reading.old), reading.old, reading.new, EditOutcome("", 0))
    raise ToolError("`old` is only white space, which stands in many places. Include the lines around it.")


def _places(text: str, old: str) -> list[int]:
    places = [text.find(old)]
    while places[-1] >= 0:
        places.append(text.find(old, places[-1] + 1))
    return places[:-1]


def _spliced(text: str, at: int, old: str, new: str, outcome: EditOutcome) -> EditOutcome:
    """Return `outcome` with `old` at `at` replaced; whole lines stay whole lines."""
    end = at + len(old)
    at_line_start = at == 0 or text[at - 1] == "\n"
    if at_line_start and not new and text[end : end + 1] == "\n" and not old.endswith("\n"):
        end += 1
    if at_line_start and old.endswith("\n") and new and new[-1] not in " \n" and end < len(text):
        new += "\n"
    line = text.count("\n", 0, at) + 1
    return EditOutcome(text[:at] + new + text[end:], line, outcome.how, outcome.note)


def _stands_around(text: str, at: int, reading: Reading) -> bool:
    """Return whether the file reads as `new` around its only `old`: the edit adds lines that it added before."""
    old, new = reading.old, reading.new
    added = new.replace(old, "", 1)
    inside = new.find(old)
    if inside < 0 or not any(map(str.isalnum, added)) or "\n" not in new.strip("\n"):
        return False
    start = at - inside
    end = start + len(new.rstrip("\n"))
    begins_line = start == 0 or (start > 0 and (inside == 0 or text[start - 1] == "\n"))
    return begins_line and _ends_line(text, end) and text[start:end] == new.rstrip("\n")


def _ends_line(text: str, at: int) -> bool:
    return text[at : at + 1] in {"", "\n"}


def _lost_its_indentation(text: str, at: int, reading: Reading) -> bool:
    """Return whether `old` is one whole line without its indentation, and all of `new` lacks it too."""
    old, new = reading.old.rstrip("\n"), reading.new.rstrip("\n")
    start = text.rfind("\n", 0, at) + 1
    below = new.split("\n")[1:]
    return (
        "\n" not in old
        and at > start
        and not text[start:at].strip()
        and not old[0].isspace()
        and _ends_line(text, at + len(old))
        and bool(below)
        and all(line.strip() for line in below)
        and any(not line[0].isspace() for line in below)
        and below[-1][0] not in ")]}"
    )


def _by_lines(text: str, reading: Reading) -> EditOutcome | None:
    old, new = _lines_of(reading.old), _lines_of(reading.new)
    lines = text.split("\n")
    blocks = find_blocks(lines, old, new)
    if not blocks:
        old, new = _without_outer_blanks(old, new)
        blocks = find_blocks(lines, old, new)
    if len(blocks) > 1:
        raise ambiguous(text, [block.start for block in blocks])
    return _merged(lines, blocks[0], old, new, reading.note) if blocks else None


def _by_characters(text: str, reading: Reading) -> EditOutcome | None:
    """Find a part of a line that differs in look-alike characters only."""
    plain, wanted = folded(text), folded(reading.old)
    at = plain.find(wanted)
    if at < 0 or not wanted.strip() or reading.whole_lines:
        return None
    places = _places(plain, wanted)
    if len(places) > 1:
        raise ambiguous(text, [text.count("\n", 0, place) for place in places])
    there = text[at : at + len(wanted)]
    new = _in_the_files_characters(reading.old, there, reading.new)
    refuse_elisions(new, there.split("\n"))
    note = _note("look-alike characters", reading.note)
    return _spliced(text, at, there, new, EditOutcome("", 0, "look-alike characters", note))


def _by_likeness(text: str, old: str, new: str) -> EditOutcome | None:
    lines = text.split("\n")
    was, now = _without_outer_blanks(_lines_of(old), _lines_of(new))
    blocks = find_similar(lines, was, now)
    if len(blocks) > 1:
        raise ambiguous(text, [block.start for block in blocks])
    return _merged(lines, blocks[0], was, now, "") if blocks else None


def _already_applied(text: str, found: Sequence[Reading]) -> EditOutcome | None:
    """Return the file as it is where `new` stands at one place, and it is plain that `old` stood there."""
    lines = text.split("\n")
    for reading in found:
        _, new = _without_outer_blanks([], _lines_of(reading.new))
        solid = [line.strip() for line in new if line.strip()]
        telling = len(solid) > 1 or (bool(solid) and len(solid[0]) >= _MIN_TELLING)
        blocks = find_blocks(lines, new, ()) if telling else []
        if len(blocks) == 1 and (len(solid) > 1 or _is_nearest(lines, reading.old, blocks[0])):
            return _as_it_is(text, blocks[0].start)
    return None


def _is_nearest(lines: Sequence[str], old: str, block: Block) -> bool:
    return all(start <= block.start < end for start, end in nearest(lines, _lines_of(old)))


def _as_it_is(text: str, line: int) -> EditOutcome:
    note = f"Already applied: line {line + 1} onwards reads as `new`. Nothing was changed."
    return EditOutcome(text, line + 1, "already applied", note)


# --- merging an inexact match -----------------------------------------------------------------------


def _merged(lines: list[str], block: Block, old: list[str], new: list[str], reading_note: str) -> EditOutcome:
    """Return the file after the edit; only the lines change that differ between `old` and `new`."""
    partner = dict(block.partners)
    quoted = "\n".join(old[i] for i in partner)
    there = "\n".join(lines[j] for j in partner.values())
    result = lines.copy()
    for change in reversed(changes([line.rstrip() for line in old], [line.rstrip() for line in new])):
        start, end = _in_the_file(change, partner, lines, block)
        fresh = new[change.new_start : change.new_end]
        refuse_elisions("\n".join(fresh), lines[block.start : block.end])
        if block.nearness == "similar lines" and start == end and _stand_at(lines, start, fresh):
            continue
        result[start:end] = [block.shift(_in_the_files_characters(quoted, there, line)) for line in fresh]
    if result == lines:
        return _as_it_is("\n".join(lines), block.start)
    note = _note(block.nearness, reading_note)
    return EditOutcome("\n".join(result), block.start + 1, block.nearness, note)


def _stand_at(lines: Sequence[str], place: int, fresh: Sequence[str]) -> bool:
    """Return whether lines that an edit inserts at `place` are there already, from an earlier try."""
    there = lines[place : place + len(fresh)]
    return [content_of(line) for line in there] == [content_of(line) for line in fresh]


def _in_the_file(
    change: Change, partner: Mapping[int, int], lines: Sequence[str], block: Block
) -> tuple[int, int]:
    """Return the lines of the file that `change` replaces, or the place between two where it inserts.

    Raises:
        ToolError: the file does not have those lines, or has others among them.
    """
    there = [partner[i] for i in range(change.start, change.end) if i in partner]
    if there and len(there) == change.end - change.start == there[-1] - there[0] + 1:
        return there[0], there[-1] + 1
    if change.start == change.end and change.start - 1 in partner:
        place = partner[change.start - 1] + 1
    elif change.start == change.end and change.end in partner:
        place = partner[change.end]
    else:
        raise contradicted(lines, block)
    return place, place


def _lines_of(quote: str) -> list[str]:
    lines = quote.split("\n")
    return lines if lines[-1] else lines[:-1]


def _without_outer_blanks(old: list[str], new: list[str]) -> tuple[list[str], list[str]]:
    """Return both without the blank lines around them."""
    trimmed: list[list[str]] = []
    for lines in (old, new):
        solid = [i for i, line in enumerate(lines) if line.strip()]
        trimmed.append(lines[solid[0] : solid[-1] + 1] if solid else [])
    return trimmed[0], trimmed[1]


def _in_the_files_characters(quoted: str, there: str, new: str) -> str:
    """Return `new` with the look-alikes of `quoted` as the file writes them, where that is one character."""
    if len(quoted) != len(there) or quoted == there:
        return new
    written: dict[str, set[str]] = {}
    for mine, theirs in zip(quoted, there, strict=True):
        written.setdefault(mine, set()).add(theirs)
    return new.translate({ord(mine): theirs.pop() for mine, theirs in written.items() if len(theirs) == 1})


# --- what the model is told -------------------------------------------------------------------------


def _sentence(note: str) -> str:
    return note[:1].upper() + note[1:] + "." if note else ""


def _note(nearness: Nearness, reading_note: str) -> str:
    said = f"`old` matched in spite of its {nearness}"
    if nearness == "similar lines":
        said = "`old` matched by likeness; lines that differ stayed as the file has them"
    return _sentence(f"{reading_note}; {said}" if reading_note else said)
