r"""What models leave in the code they quote: line numbers, fences, diff markers, escapes, look-alikes, elisions.

Nothing here decides that an edit fits; each reading is only tried where the quote as given matches nothing.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePosixPath

_LOOK_ALIKES = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛′", "'"),
        **dict.fromkeys("“”„‟″", '"'),
        **dict.fromkeys("\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000", " "),
        **dict.fromkeys("‐‑‒–—―−", "-"),
        "，": ",", "：": ":", "；": ";", "（": "(", "）": ")",
    }
)  # fmt: skip
"""One character for one, so that places in a text stay the same."""

_NUMBERED = re.compile(r" *(\d+)(?:\t|→| \| ?|\||: )")
_FENCED = re.compile(r"\s*(```+|~~~+)[^\n`]*\n(.*?)\n?[ \t]*\1[ \t]*\n?\s*", re.DOTALL)
_ESCAPE = re.compile(r"\\([nt\"'\\])")
_UNESCAPED = {"n": "\n", "t": "\t"}
_PROSE_SUFFIXES = frozenset({"", ".md", ".mdx", ".markdown", ".rst", ".txt", ".adoc", ".org"})

_DOTS = r"(?:\.\.\.+|…)"
_OPEN = r"(?:#+|//+|/\*+|\*|<!--|--|;+|%+|\{/\*|\"\"\"|'''|\(\*|REM\b)"
_CLOSE = r"(?:\*+/\}?|-->|\"\"\"|'''|\*\))?"
_THING = (
    r"(?:code|function|method|class|file|module|implementation|body|component|script|imports|tests?|logic|"
    r"content|document|definitions?|methods|functions|fields|properties|lines)"
)
_STAYS = r"(?:(?:is|are|here|stays?|remains?|goes|as|above|below|unchanged|omitted)\b.*)"
_SAYS = (
    rf"(?:keep )?(?:the )?(?:rest|remainder) (?:of (?:the |this |your |my )?(?:\w+ )?{_THING}(?: {_STAYS})?|{_STAYS})"
    r"|(?:keep )?(?:the |your |all )?(?:existing|remaining|unchanged|previous|original|other|same) "
    rf"(?:(?:\w+ )?(?:code|implementation|logic)|(?:\w+ )?{_THING} {_STAYS})"
    rf"|(?:\w+ )?{_THING} (?:(?:is|stays?|remains?|are) )?(?:unchanged|the same|as is|as before|omitted.*)"
    r"|(?:unchanged|same as (?:before|above|original)|no changes?(?: (?:here|needed|below|above))?"
    r"|(?:omitted|snipped|truncated)(?: for brevity)?|snip)"
)
"""What an elision says even without dots. A heading like `Other methods` is none."""
_ELISION = re.compile(
    rf"\s*(?:{_OPEN}\s*[\[(]?(?:{_DOTS}\s*)?(?:{_SAYS})\s*{_DOTS}?[\])]?[.:]?\s*{_CLOSE}"
    rf"|{_OPEN}\s*[\[(]?{_DOTS}[\])]?\s*(?:.*\b(?:rest|existing|remaining|unchanged|omitted|previous|same|other|more|original)\b.*)?{_DOTS}?\s*{_CLOSE}"
    rf"|[\[(<{{]?\s*{_DOTS}\s*(?:{_SAYS})\s*{_DOTS}?\s*[\])>}}]?"
    rf"|[\[(<]\s*(?:{_SAYS})\s*[\])>]"
    r"|…)\s*",
    re.IGNORECASE,
)
_MAX_ELISION = 200
"""Characters in a line; no elision is longer, and the search for one takes the square of the length."""


@dataclass(frozen=True, slots=True)
class Reading:
    """An edit as its author may have meant it.

    `note` says what was left out and is empty for the edit as given. `whole_lines` tells that `old`
    can only have stood for whole lines.
    """

    old: str
    new: str
    note: str = ""
    whole_lines: bool = False


def folded(text: str) -> str:
    """Return `text` with typographic look-alikes as plain ASCII; same length."""
    return text if text.isascii() else text.translate(_LOOK_ALIKES)


def elisions(new: str, standing: Iterable[str] = ()) -> list[str]:
    """Return the lines of `new` that stand for code left out, except those among the `standing` lines."""
    there = {line.strip() for line in standing}
    lines = [line.strip() for line in new.split("\n") if len(line) <= _MAX_ELISION]
    return [line for line in lines if line not in there and _ELISION.fullmatch(line)]


def readings(old: str, new: str) -> Iterator[Reading]:
    """Yield the edit as given, then in the ways in which quotes are commonly spoilt."""
    yield Reading(old, new)
    inner = _unfenced(old)
    if inner is not None:
        clean = _unfenced(new)
        yield Reading(
            inner, new if clean is None else clean, "the Markdown fences were left out", whole_lines=True
        )
    if _is_numbered(old):
        yield Reading(_unnumbered(old), _unnumbered(new), "the line numbers were left out", whole_lines=True)
    if _has_markers(old, "-") and _has_markers(new, "+"):
        yield Reading(_unmarked(old), _unmarked(new), "the diff markers were left out", whole_lines=True)
    if _ESCAPE.search(old):
        plain = _unescape(old)
        yield Reading(
            plain, new if "\n" in new and "\n" not in old else _unescape(new), "escapes were undone"
        )


def without_stray_fences(new: str, old: str, path: str) -> str:
    """Return `new` without the fences around it where the file `path` cannot mean them."""
    inner = _unfenced(new)
    is_prose = PurePosixPath(path).suffix.lower() in _PROSE_SUFFIXES
    return new if inner is None or is_prose or "```" in old or "~~~" in old else inner


def _unfenced(text: str) -> str | None:
    found = _FENCED.fullmatch(text)
    return found[2] if found else None


def _is_numbered(text: str) -> bool:
    found = [_NUMBERED.match(line) for line in text.split("\n") if line.strip()]
    numbers = [int(one[1]) for one in found if one]
    if not found or len(numbers) < len(found):
        return False
    steps = {after - before for before, after in pairwise(numbers)}
    return all(1 <= step <= 1 + text.count("\n\n") for step in steps)


def _unnumbered(text: str) -> str:
    return "\n".join(
        _NUMBERED.sub("", line, count=1) if _NUMBERED.match(line) else line for line in text.split("\n")
    )


def _has_markers(text: str, sign: str) -> bool:
    lines = [line for line in text.split("\n") if line]
    return all(line[0] in {sign, " "} for line in lines) and any(line[0] == sign for line in lines)


def _unmarked(text: str) -> str:
    return "\n".join(line[1:] for line in text.split("\n"))


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda found: _UNESCAPED.get(found[1], found[1]), text)
