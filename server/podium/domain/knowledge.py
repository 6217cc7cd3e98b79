"""What is known about a project: facts, each with the place where it shows, as Markdown that people edit.

A fact of an agent counts while what it was seen in stands there, wherever the lines have moved to; then it is
dropped. What the user writes has no place, and counts until they delete it. What is no list item is left alone.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TypeAlias

MOST_FACTS = 40
"""How many facts of agents are kept; the oldest go first."""
MOST_TOLD = 4_000
"""How many characters of facts a mission is told; the user's own come first, then the newest."""
LONGEST_FACT = 300
"""Characters of one fact; what is longer is cut."""

HEAD = """\
# What is known about this project

Podium tells its agents these facts. Edit them as you like: reword, delete, or add your own as list items. A fact
with a place is dropped when what stands there changes; one without a place stays.
"""

_BULLET = re.compile(r"(?:[-*+]|\d{1,3}[.)])\s+(?=\S)")
_EVIDENCE = re.compile(r"\s+— `([^`]+)` <!-- seen ([0-9a-f]{12}) -->$")
_PLACE = re.compile(r"(?P<name>.+?)(?::(?P<first>[1-9]\d{0,6})(?:-(?P<last>[1-9]\d{0,6}))?)?")

Seen: TypeAlias = Mapping[str, str | None]
"""What stands in files (by path) and checks (by name) now; None where there is nothing."""


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that is true of a project, in one line.

    `place` is where it shows: a path, a path with lines (`a.py:3`, `a.py:3-5`; 1-based, inclusive), or the name
    of a check. `seen` is the hash of what stood there. Both are empty for what the user wrote.
    """

    text: str
    place: str = ""
    seen: str = ""


@dataclass(frozen=True, slots=True)
class Revision:
    """The text after a revision, all facts in it, and those that were dropped because their place has changed."""

    text: str
    facts: tuple[Fact, ...]
    stale: tuple[Fact, ...]


def named(place: str) -> str:
    """Return the path, or the name of the check, in a place."""
    return _parts(place)[0]


def _parts(place: str) -> tuple[str, int, int]:
    """Return name, first and last line; 0 for both where the place names no lines."""
    match = _PLACE.fullmatch(place.strip())
    if match is None:
        return "", 0, 0
    first = int(match["first"] or 0)
    return match["name"], first, int(match["last"] or first)


def learned(text: str, place: str, seen: Seen) -> Fact | None:
    """Return the fact with the hash of what stands at `place`, or None where it has no words or nothing is there."""
    words = " ".join(_sound(text).split()).replace("<!--", "< !--")[:LONGEST_FACT].rstrip()
    name, first, last = _parts(place)
    content = seen.get(name)
    if not words or content is None:
        return None
    if not first:
        return Fact(words, name, _hash(content.split("\n")))
    lines = content.split("\n")[first - 1 : last]
    if len(lines) != last - first + 1 or not "".join(lines).strip():
        return None
    return Fact(words, f"{name}:{first}-{last}" if last > first else f"{name}:{first}", _hash(lines))


def standing(fact: Fact, seen: Seen) -> Fact | None:
    """Return the fact, at the place where its lines stand now, or None when they stand nowhere any more.

    A fact of the user, or about something that is not in `seen`, is returned as it is.
    """
    name, first, last = _parts(fact.place)
    if not fact.seen or name not in seen:
        return fact
    lines = (seen[name] or "").split("\n")
    if not first:
        return fact if _hash(lines) == fact.seen else None
    n_lines = last - first + 1
    starts = sorted(range(len(lines) - n_lines + 1), key=lambda start: abs(start - first + 1))
    for start in starts:
        if _hash(lines[start : start + n_lines]) == fact.seen:
            place = f"{name}:{start + 1}" + (f"-{start + n_lines}" if n_lines > 1 else "")
            return replace(fact, place=place)
    return None


def _hash(lines: Sequence[str]) -> str:
    text = "\n".join(line.strip() for line in lines)
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _sound(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def facts_in(text: str) -> tuple[Fact, ...]:
    """Return the facts of a page, in its order: its list items, whatever else it holds."""
    return tuple(fact for _, fact in _blocks(text) if fact is not None)


def _blocks(text: str) -> Iterator[tuple[list[str], Fact | None]]:
    """Yield the lines of a page: those of a list item together with its fact, any other line alone."""
    item: list[str] = []
    for line in text.split("\n"):
        if item and line.startswith(("  ", "\t")) and line.strip():
            item.append(line)
            continue
        if item:
            yield item, _fact(item)
        item = [line] if _BULLET.match(line) else []
        if not item:
            yield [line], None
    if item:
        yield item, _fact(item)


def _fact(item: Sequence[str]) -> Fact:
    text = " ".join(" ".join(item).split())
    text = text[len(match.group()) :] if (match := _BULLET.match(text)) else text
    evidence = _EVIDENCE.search(text)
    words = _sound(text[: evidence.start()] if evidence else text)[:LONGEST_FACT]
    return Fact(words, _sound(evidence[1]), evidence[2]) if evidence else Fact(words)


def revised(text: str, seen: Seen, new: Iterable[Fact] = ()) -> Revision:
    """Return a page without its stale facts and with `new` ones below the last, in place of those that say the same.

    Everything else on the page stays byte for byte. What the user has already written there is not added.
    """
    added = {_key(fact): fact for fact in new}
    kept: list[tuple[list[str], Fact | None]] = []
    stale: list[Fact] = []
    for lines, fact in _blocks(text or (HEAD if added else "")):
        now = standing(fact, seen) if fact else None
        if fact and now is None:
            stale.append(fact)
        elif now and now.seen and _key(now) in added:
            continue
        else:
            if now:
                added.pop(_key(now), None)
            kept.append((lines if now == fact else [_line(now)] if now else lines, now))
    _add(kept, added.values())
    n_too_many = sum(_of_agents(fact) for _, fact in kept) - MOST_FACTS
    oldest = [n for n, (_, fact) in enumerate(kept) if _of_agents(fact)][: max(n_too_many, 0)]
    kept = [block for n, block in enumerate(kept) if n not in oldest]
    page = "\n".join(line for lines, _ in kept for line in lines)
    return Revision(page, tuple(fact for _, fact in kept if fact), tuple(stale))


def _of_agents(fact: Fact | None) -> bool:
    return fact is not None and bool(fact.seen)


def _add(page: list[tuple[list[str], Fact | None]], facts: Iterable[Fact]) -> None:
    """Put facts below the last one of a page, or at its end after an empty line."""
    places = [n for n, (_, fact) in enumerate(page) if fact]
    items: list[tuple[list[str], Fact | None]] = [([_line(fact)], fact) for fact in facts]
    if not items:
        return
    if places:
        page[places[-1] + 1 : places[-1] + 1] = items
        return
    while page and not "".join(page[-1][0]).strip():
        page.pop()
    page += [([""], None), *items, ([""], None)]


def _key(fact: Fact) -> str:
    return " ".join(fact.text.casefold().split()).rstrip(".")


def _line(fact: Fact) -> str:
    return f"- {fact.text} — `{fact.place}` <!-- seen {fact.seen} -->"


def told(facts: Sequence[Fact]) -> tuple[Fact, ...]:
    """Return what of the facts a mission is told, in their order: at most 4,000 characters."""
    own = [n for n, fact in enumerate(facts) if not fact.seen]
    learned_ones = [n for n, fact in enumerate(facts) if fact.seen]
    chosen: set[int] = set()
    n_chars = 0
    for n in (*own, *reversed(learned_ones)):
        n_chars += len(facts[n].text) + len(facts[n].place)
        if n_chars > MOST_TOLD:
            break
        chosen.add(n)
    return tuple(fact for n, fact in enumerate(facts) if n in chosen)
