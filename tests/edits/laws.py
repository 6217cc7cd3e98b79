"""What must hold of a world when all that was under way has come to its end.

Each law returns what broke it, in a few words; nothing is well.
"""

from collections import Counter
from dataclasses import dataclass, field

from podium.domain.events import Record, from_json, to_json
from podium.domain.mission import replay
from tests.edits.editor_model import uri
from tests.edits.files import PADDING, telling
from tests.edits.world import World


@dataclass
class Verdict:
    """The characters that were lost, doubled, or are there though nobody accepted them; and what disagrees."""

    lost: list[str] = field(default_factory=list[str])
    doubled: list[str] = field(default_factory=list[str])
    leaked: list[str] = field(default_factory=list[str])
    disagreements: list[str] = field(default_factory=list[str])

    def __bool__(self) -> bool:
        """Whether a law was broken."""
        return bool(self.lost or self.doubled or self.leaked or self.disagreements)


def judge(world: World) -> Verdict:
    """Return which laws the world breaks as it is now."""
    buffers = {path: world.editor.text(path) for path in world.editor.paths()}
    found = Counter(char for text in buffers.values() for char in text if char not in PADDING)
    alive, free = _expected(world)
    return Verdict(
        lost=sorted(char for char in alive if not found[char]),
        doubled=sorted(char for char, n in found.items() if n > 1),
        leaked=sorted(char for char in found if char not in alive | free),
        disagreements=_disagreements(world, buffers),
    )


def _expected(world: World) -> tuple[set[str], set[str]]:
    """Return the characters that must be in the files, and those that may: marks that the user erased once."""
    count = Counter(world.own | world.chars.typed)
    for proposal in world.state.proposals.values():
        for edit in world.applied(proposal):
            count.update(telling([edit.after]))
            count.subtract(telling([edit.before]))
    alive = {char for char, n in count.items() if n > 0}
    return alive - world.erased, world.erased & world.chars.written


def _disagreements(world: World, buffers: dict[str, str]) -> list[str]:
    found: list[str] = []
    for path, text in buffers.items():
        document = world.editor.documents.get(uri(path))
        if document is not None and document.content != text:
            found.append(f"the server's {path}")
        in_tree = world.tree.read(path)
        both = telling([in_tree]) & set(text)
        if _only(both, text) != _only(both, _text(in_tree)):
            found.append(f"the order in the mission's {path}")
    records = [Record("m", n, float(n), from_json(to_json(e))) for n, e in enumerate(world.journal, 1)]
    if replay("m", records) != world.state:
        found.append("the journal and the state")
    return found


def same_bytes(world: World) -> list[str]:
    """Return the paths of which the mission's tree and the user's files differ."""
    paths = {*world.tree.paths(), *world.files.paths()}
    return sorted(path for path in paths if world.tree.read(path) != world.held(path))


def as_at_first(world: World) -> list[str]:
    """Return the paths of which the files are not what they were before the mission."""
    paths = {*world.first, *world.files.paths()}
    return sorted(path for path in paths if world.held(path) != world.first.get(path))


def _only(chars: set[str], text: str) -> str:
    return "".join(char for char in text if char in chars)


def _text(content: bytes | None) -> str:
    try:
        return (content or b"").decode()
    except UnicodeDecodeError:
        return (content or b"").decode("latin-1")
