"""What agents found when they looked at files, reused while the content is the same.

It is kept by question and by the hash of the content that was seen, never by path: so it holds in every tree of the
mission in which a file has this content, and in no other. Only searches and outlines are kept, where finding
out costs more than reading; what reads or lists files is as cheap as finding it here would be.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TypeAlias

MOST = 100_000
"""How many contents are kept, of all questions together: about 15 MB. The question asked last is always kept."""

Found: TypeAlias = tuple[str, ...]


@dataclass(slots=True)
class Seen:
    """What one question found, by content."""

    _found: dict[bytes, Found] = field(default_factory=dict[bytes, Found])

    def of(self, content: bytes, look: Callable[[], Found]) -> Found:
        """Return what `look` finds in `content`, which is looked at once. May be called in any thread."""
        digest = blake2b(content, digest_size=16).digest()
        if (found := self._found.get(digest)) is None:
            found = self._found[digest] = look()
        return found

    def __len__(self) -> int:
        """Return how many contents were looked at."""
        return len(self._found)


class Looks:
    """What the agents of a mission found. `most` contents are kept, those of the latest questions."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._seen: dict[Hashable, Seen] = {}

    def about(self, *question: Hashable) -> Seen:
        """Return what this question found so far, and where what it finds next belongs."""
        seen = self._seen.pop(question, None) or Seen()
        while self._seen and len(self) + len(seen) > self._most:
            del self._seen[next(iter(self._seen))]
        self._seen[question] = seen
        return seen

    def __len__(self) -> int:
        """Return how many contents are kept."""
        return sum(map(len, self._seen.values()))
