r"""How two sequences of lines differ: the ground under merging, hunks and the matching of edits.

Lines end at `\n` only, as in git: a `\r` belongs to its line. The diff is Myers' greedy algorithm
("An O(ND) Difference Algorithm and Its Variations", 1986), bounded: where two texts differ too much for
it, they are split at lines that are unique in both (patience), and what has none counts as replaced.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

_MAX_EDITS = 200
"""Edit distance up to which the greedy search is tried; it costs the square of this many steps."""


@dataclass(frozen=True, slots=True)
class Change:
    """Lines `start:end` of one sequence stand for lines `new_start:new_end` of the other, 0-based."""

    start: int
    end: int
    new_start: int
    new_end: int


def split_lines(text: str) -> list[str]:
    r"""Return the lines with their `\n`; joined they are `text`. Only the last may lack it."""
    lines = [line + "\n" for line in text.split("\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines


def changes(before: Sequence[str], after: Sequence[str]) -> list[Change]:
    """Return what turns `before` into `after`, in order; at least one common line lies between two changes.

    A pure insertion or deletion that could stand in several places stands in the last of them that
    leaves such a line.
    """
    ids: dict[str, int] = {}
    a = [ids.setdefault(line, len(ids)) for line in before]
    b = [ids.setdefault(line, len(ids)) for line in after]
    return _slid(a, b, _gaps(_common(a, b), len(a), len(b)))


def extent(before: str, after: str) -> int:
    """Return how many lines a change touches: at each of its places the more of those that go and that come."""
    found = changes(split_lines(before), split_lines(after))
    return sum(max(c.end - c.start, c.new_end - c.new_start) for c in found)


def _common(a: list[int], b: list[int]) -> list[tuple[int, int]]:
    """Return the pairs of equal lines that both keep, by index, increasing in both."""
    head = 0
    while head < min(len(a), len(b)) and a[head] == b[head]:
        head += 1
    tail = 0
    while tail < min(len(a), len(b)) - head and a[-1 - tail] == b[-1 - tail]:
        tail += 1
    pairs = [(i, i) for i in range(head)]
    pairs += _middle(a, b, (head, len(a) - tail, head, len(b) - tail))
    return pairs + [(len(a) - i, len(b) - i) for i in range(tail, 0, -1)]


def _middle(a: list[int], b: list[int], span: tuple[int, int, int, int]) -> list[tuple[int, int]]:
    """Return the common pairs inside `span` (start and end in `a`, then in `b`)."""
    a0, a1, b0, b1 = span
    in_a, in_b = set(a[a0:a1]), set(b[b0:b1])
    rows = [i for i in range(a0, a1) if a[i] in in_b]
    columns = [j for j in range(b0, b1) if b[j] in in_a]
    if not rows or not columns:
        return []
    found = _greedy([a[i] for i in rows], [b[j] for j in columns])
    if found is not None:
        return [(rows[x], columns[y]) for x, y in found]
    anchors = _unique_pairs(a, b, rows, columns)
    pairs: list[tuple[int, int]] = []
    for i, j in [*anchors, (a1, b1)] if anchors else []:
        pairs += _common_between(a, b, (a0, i, b0, j))
        if (i, j) != (a1, b1):
            pairs.append((i, j))
        a0, b0 = i + 1, j + 1
    return pairs


def _common_between(a: list[int], b: list[int], span: tuple[int, int, int, int]) -> list[tuple[int, int]]:
    a0, a1, b0, b1 = span
    return [(a0 + i, b0 + j) for i, j in _common(a[a0:a1], b[b0:b1])]


def _greedy(a: list[int], b: list[int]) -> list[tuple[int, int]] | None:
    """Return a longest common subsequence as pairs, or None beyond `_MAX_EDITS`."""
    furthest = {1: 0}
    trace: list[dict[int, int]] = []
    for n_edits in range(min(_MAX_EDITS, len(a) + len(b)) + 1):
        trace.append(dict(furthest))
        for k in range(-n_edits, n_edits + 1, 2):
            down = k == -n_edits or (k != n_edits and furthest[k - 1] < furthest[k + 1])
            x = furthest[k + 1] if down else furthest[k - 1] + 1
            while x < len(a) and x - k < len(b) and a[x] == b[x - k]:
                x += 1
            furthest[k] = x
            if x >= len(a) and x - k >= len(b):
                return _walk_back(trace, len(a), len(b))
    return None


def _walk_back(trace: list[dict[int, int]], x: int, y: int) -> list[tuple[int, int]]:
    pairs: list[tuple[int, int]] = []
    for n_edits in range(len(trace) - 1, -1, -1):
        furthest, k = trace[n_edits], x - y
        down = k == -n_edits or (k != n_edits and furthest[k - 1] < furthest[k + 1])
        previous_k = k + 1 if down else k - 1
        previous_x = furthest[previous_k]
        previous_y = previous_x - previous_k
        while x > max(previous_x, 0) and y > max(previous_y, 0):
            x, y = x - 1, y - 1
            pairs.append((x, y))
        x, y = previous_x, previous_y
    return pairs[::-1]


def _unique_pairs(
    a: list[int], b: list[int], rows: Sequence[int], columns: Sequence[int]
) -> list[tuple[int, int]]:
    """Return the longest increasing run of lines that occur once in each of the two."""
    n_in_a, n_in_b = Counter(a[i] for i in rows), Counter(b[j] for j in columns)
    where = {b[j]: j for j in columns if n_in_b[b[j]] == 1}
    pairs = [(i, where[a[i]]) for i in rows if n_in_a[a[i]] == 1 and a[i] in where]
    ends: list[int] = []
    last_of: list[int] = []
    before: list[int] = []
    for index, (_, j) in enumerate(pairs):
        at = bisect_left(ends, j)
        before.append(last_of[at - 1] if at else -1)
        ends[at : at + 1] = [j]
        last_of[at : at + 1] = [index]
    chain: list[tuple[int, int]] = []
    index = last_of[-1] if last_of else -1
    while index >= 0:
        chain.append(pairs[index])
        index = before[index]
    return chain[::-1]


def _gaps(pairs: list[tuple[int, int]], n_a: int, n_b: int) -> list[Change]:
    gaps: list[Change] = []
    i0 = j0 = 0
    for i, j in [*pairs, (n_a, n_b)]:
        if i > i0 or j > j0:
            gaps.append(Change(i0, i, j0, j))
        i0, j0 = i + 1, j + 1
    return gaps


def _slid(a: list[int], b: list[int], found: list[Change]) -> list[Change]:
    """Return `found` with each insertion and deletion moved down as far as equal lines allow."""
    result: list[Change] = []
    for change in reversed(found):
        limit = result[-1].start - 1 if result else len(a)
        start, end, new_start, new_end = change.start, change.end, change.new_start, change.new_end
        only_insert, only_delete = start == end, new_start == new_end
        while end < limit and (
            (only_insert and b[new_start] == b[new_end]) or (only_delete and a[start] == a[end])
        ):
            start, end, new_start, new_end = start + 1, end + 1, new_start + 1, new_end + 1
        result.append(Change(start, end, new_start, new_end))
    return result[::-1]
