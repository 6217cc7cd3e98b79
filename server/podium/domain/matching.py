"""Where in a file the lines stand that a model quotes from memory.

A block is found when all its lines agree but for trailing space, look-alike characters, or one shift of
indentation; failing that, when its first and last line agree, the rest is alike to `SIMILAR`, and no
other place is. Lines here have no endings. What is nearest to a block that is not found serves the error.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal, TypeAlias
from unicodedata import normalize

from podium.domain.indentation import Shift, indent_of, shift_between
from podium.domain.lines import changes
from podium.domain.quoting import folded

SIMILAR = 0.8
"""Share of a block's characters that must agree for it to count as found."""

Nearness: TypeAlias = Literal["trailing space", "look-alike characters", "indentation", "similar lines"]
_ORDER: tuple[Nearness, ...] = ("trailing space", "look-alike characters", "indentation")
_N_CANDIDATES = 6
_COMMON = 60
"""A line that occurs more often than this says nothing about a place."""


@dataclass(frozen=True, slots=True)
class Block:
    """Lines `start:end` of a file (0-based) that a quote stands for, and how they differ from it.

    `partners` pairs lines of the quote with lines of the file, by index, where they agree.
    """

    start: int
    end: int
    nearness: Nearness
    shift: Shift
    partners: tuple[tuple[int, int], ...]


def content_of(line: str) -> str:
    """Return what must agree between a quoted line and the file's: no outer space, no look-alikes."""
    text = folded(line).strip()
    return text if text.isascii() else normalize("NFC", text.replace("\u200b", "").replace("\ufeff", ""))


def find_blocks(lines: Sequence[str], quote: Sequence[str], new: Sequence[str]) -> list[Block]:
    """Return the places where all lines of `quote` stand, of the closest kind that there is.

    `new` only helps to tell the unit of indentation. A quote of blank lines is found nowhere.
    """
    wanted = [content_of(line) for line in quote]
    if not any(wanted):
        return []
    there = [content_of(line) for line in lines]
    starts = defaultdict[str, list[int]](list)
    for index, content in enumerate(there):
        starts[content].append(index)
    rarest = min((i for i in range(len(wanted)) if wanted[i]), key=lambda i: len(starts.get(wanted[i], ())))
    found = [
        block
        for at in starts.get(wanted[rarest], ())
        if (start := at - rarest) >= 0 and there[start : start + len(wanted)] == wanted
        if (block := _block(lines, quote, new, start)) is not None
    ]
    closest = min((_ORDER.index(block.nearness) for block in found), default=0)
    return [block for block in found if block.nearness == _ORDER[closest]]


def _block(lines: Sequence[str], quote: Sequence[str], new: Sequence[str], start: int) -> Block | None:
    end = start + len(quote)
    partners = tuple((i, start + i) for i in range(len(quote)))
    shift = _shift(lines, quote, new, partners)
    if shift is None:
        return None
    region = lines[start:end]
    if all(a.rstrip() == b.rstrip() for a, b in zip(quote, region, strict=True)):
        return Block(start, end, "trailing space", Shift(), partners)
    same = all(folded(a).rstrip() == folded(b).rstrip() for a, b in zip(quote, region, strict=True))
    return Block(start, end, "look-alike characters" if same else "indentation", shift, partners)


def _shift(
    lines: Sequence[str], quote: Sequence[str], new: Sequence[str], partners: Sequence[tuple[int, int]]
) -> Shift | None:
    pairs = [
        (indent_of(folded(quote[i])), indent_of(folded(lines[j]))) for i, j in partners if quote[i].strip()
    ]
    return shift_between(pairs, [folded(line) for line in [*quote, "", *new]], lines)


@dataclass(frozen=True, slots=True)
class _Likeness:
    start: int
    end: int
    score: float
    partners: tuple[tuple[int, int], ...]


def find_similar(lines: Sequence[str], quote: Sequence[str], new: Sequence[str]) -> list[Block]:
    """Return the places that are like `quote`: both outer lines agree, and the whole to `SIMILAR`."""
    solid = [i for i, line in enumerate(quote) if line.strip()]
    found: list[Block] = []
    for like in _likenesses(lines, quote) if len(solid) > 2 else ():
        agreed = {i for i, _ in like.partners}
        shift = _shift(lines, quote, new, like.partners)
        if like.score >= SIMILAR and {solid[0], solid[-1]} <= agreed and shift is not None:
            found.append(Block(like.start, like.end, "similar lines", shift, like.partners))
    return found


def nearest(lines: Sequence[str], quote: Sequence[str]) -> list[tuple[int, int]]:
    """Return up to three places, best first, that somewhat resemble `quote`, as ranges of lines."""
    ranges = [(like.start, like.end) for like in _likenesses(lines, quote) if like.score >= SIMILAR / 2]
    return ranges[:3] or _nearest_lines(lines, [line for line in quote if line.strip()])


def _likenesses(lines: Sequence[str], quote: Sequence[str]) -> list[_Likeness]:
    """Return the places where lines of `quote` stand in its order, most alike first, none overlapping."""
    wanted = [content_of(line) for line in quote]
    there = [content_of(line) for line in lines]
    places: dict[str, list[int]] = {content: [] for content in wanted if content}
    for index, content in enumerate(there):
        if content in places:
            places[content].append(index)
    votes = Counter[int]()
    for index, content in enumerate(wanted):
        for at in places.get(content, ()) if len(places.get(content, ())) <= _COMMON else ():
            votes[at - index] += len(content)
    found: list[_Likeness] = []
    n_tried = _N_CANDIDATES if len(quote) < 200 else 1
    likely = [_likeness(there, wanted, start) for start, _ in votes.most_common(n_tried)]
    for like in sorted(likely, key=lambda like: -like.score):
        if all(like.end <= other.start or other.end <= like.start for other in found):
            found.append(like)
    return found


def _likeness(there: Sequence[str], wanted: Sequence[str], start: int) -> _Likeness:
    slack = 2 + len(wanted) // 4
    low, high = max(0, start - slack), min(len(there), start + len(wanted) + slack)
    partners: list[tuple[int, int]] = []
    unmatched: list[tuple[str, str]] = []
    i = j = 0
    for change in changes(wanted, there[low:high]):
        partners += [(i + k, low + j + k) for k in range(change.start - i)]
        theirs = there[low + change.new_start : low + change.new_end]
        unmatched += zip(wanted[change.start : change.end], theirs, strict=False)
        i, j = change.end, change.new_end
    partners += [(i + k, low + j + k) for k in range(len(wanted) - i)]
    solid = [(a, b) for a, b in partners if wanted[a]]
    if not solid:
        return _Likeness(low, low, 0.0, ())
    first, last = solid[0], solid[-1]
    begin = max(0, first[1] - first[0])
    finish = min(len(there), last[1] + len(wanted) - last[0])
    alike = sum(len(wanted[a]) + 1 for a, _ in solid)
    alike += sum(
        SequenceMatcher(None, a, b).ratio() * (len(a) + 1) for a, b in unmatched[:20] if a and len(a) < 500
    )
    total = sum(len(line) + 1 for line in wanted if line)
    inside = tuple((a, b) for a, b in partners if begin <= b < finish)
    return _Likeness(begin, max(finish, last[1] + 1), alike / total, inside)


def _nearest_lines(lines: Sequence[str], quote: Sequence[str]) -> list[tuple[int, int]]:
    """Return the lines most like the longest line of `quote`, by shared words and then by characters."""
    if not quote:
        return []
    target = max((content_of(line) for line in quote), key=len)[:500]
    words = set(re.findall(r"\w+", target.casefold()))
    shared = [
        (len(words.intersection(re.findall(r"\w+", line.casefold()))), i) for i, line in enumerate(lines)
    ]
    likely = [i for count, i in sorted(shared, key=lambda pair: (-pair[0], pair[1]))[:20] if count]
    scored = [(SequenceMatcher(None, target, lines[i].strip()[:500]).ratio(), i) for i in likely]
    best = sorted(((score, i) for score, i in scored if score > 0.5), key=lambda pair: (-pair[0], pair[1]))
    alike = [i for score, i in best if score > best[0][0] - 0.1]
    apart = [i for n, i in enumerate(alike) if all(abs(i - other) > 2 for other in alike[:n])]
    return [(max(0, i - 1), min(len(lines), i + 2)) for i in apart[:3]]
