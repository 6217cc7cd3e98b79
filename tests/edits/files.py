r"""The files that a simulated project begins with, and where its characters come from.

Every character that matters occurs once in the whole world. A file that was written as Latin-1 has room for
few of them; when they are used up, nobody writes there any more.
"""

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

PADDING = frozenset("\r\n =+1()\xff\ufeff")
"""What may stand anywhere, and says nothing."""
LATIN = "latin.txt"
N_LINES = 14


def first_files() -> dict[str, bytes]:
    r"""Return one file of each kind: with `\n`, `\r\n` and both, a mark, no last line end, Latin-1."""
    texts = {
        "a.py": "\n".join(_lines(0x4E00)) + "\n",
        "crlf.py": "\r\n".join(_lines(0x5000)) + "\r\n",
        "bom.py": "\r\n".join(_lines(0x5200)) + "\r\n",
        "mixed.py": "".join(line + ("\r\n" if n % 3 else "\n") for n, line in enumerate(_lines(0x5400))),
        "tail.py": "\n".join(_lines(0x5600)),
        LATIN: "\n".join(_lines(0xC0)[:6]) + "\n",
        "sub/closed.py": "\n".join(_lines(0x5800)) + "\n",
    }
    encoded = {path: text.encode("latin-1" if path == LATIN else "utf-8") for path, text in texts.items()}
    return encoded | {"bom.py": codecs.BOM_UTF8 + encoded["bom.py"]}


def _lines(start: int) -> list[str]:
    return [f"\xff{chr(start + 2 * n)} = {chr(start + 2 * n + 1)}" for n in range(N_LINES)]


@dataclass
class Characters:
    """Gives characters that were never used before: `typed` by the user, or `written` by agents."""

    typed: set[str] = field(default_factory=set[str])
    written: set[str] = field(default_factory=set[str])
    _plain: Iterator[int] = field(default_factory=lambda: iter(range(0xF0000, 0x10FFFE)))
    _latin: Iterator[int] = field(default_factory=lambda: iter([*range(0xA1, 0xBF), *range(0xD0, 0xFF)]))

    def type(self, path: str) -> str:
        """Return a character that the user types into a file, nothing where there is none left."""
        return self._next(path, self.typed)

    def write(self, path: str) -> str:
        """Return a character that an agent writes into a file, nothing where there is none left."""
        return self._next(path, self.written)

    def _next(self, path: str, noted: set[str]) -> str:
        found = next(self._latin if path == LATIN else self._plain, None)
        char = "" if found is None else chr(found)
        noted |= {char} - {""}
        return char


def telling(contents: Iterable[bytes | None]) -> set[str]:
    """Return the characters that matter of some files' contents."""
    found: set[str] = set()
    for content in contents:
        try:
            found.update((content or b"").decode())
        except UnicodeDecodeError:
            found.update((content or b"").decode("latin-1"))
    return found - PADDING
