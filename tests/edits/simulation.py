"""One user who types without pause, several agents, and the real trees and delivery between them.

Every character that matters occurs once in the whole world, so that a text says of itself what was lost,
doubled or brought back: those of the files as they were, those that the user types, and those that agents
write. An agent keeps what it finds in a line that it rewrites, unless it deletes a line that was there from
the start. Time is virtual (`virtual_time`), and a seed decides everything.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import anyio

from podium.domain.changes import FileEdit
from podium.domain.text import Encoding
from podium.engine.tree import CandidateTree, UserFiles
from podium.lsp.delivery import EditorDelivery
from podium.ports import Delivery, Workspace
from tests.edits.editor_model import ROOT, ClientKind, EditorModel, uri
from tests.edits.virtual_time import run

FILES = ("a.py", "b.py", "sub/c.py", "closed.py")
N_LINES = 40
N_AGENTS = 4
OURS = {"a.py": 0x4E00, "b.py": 0x5000, "sub/c.py": 0x5200, "closed.py": 0x5400}
"""Where the characters of each file's first text begin; 512 each."""
TYPED, WRITTEN = 0xF0000, 0x100000


@dataclass
class Outcome:
    """What an episode came to; the characters are those that the laws were broken for."""

    n_steps: int = 0
    n_delivered: int = 0
    n_conflicts: int = 0
    n_edits: int = 0
    n_parts: int = 0
    lost: list[str] = field(default_factory=list[str])
    doubled: list[str] = field(default_factory=list[str])
    leaked: list[str] = field(default_factory=list[str])
    disagreements: list[str] = field(default_factory=list[str])

    @property
    def broken(self) -> bool:
        """Whether a law was broken."""
        return bool(self.lost or self.doubled or self.leaked or self.disagreements)


def simulate(
    seed: int, kind: ClientKind, encoding: Encoding, n_steps: int = 400, *, typing: bool = True
) -> Outcome:
    """Let everybody work for `n_steps` steps (keystrokes, proposals and deliveries), and judge the result."""
    return run(lambda: _World(seed, kind, encoding, n_steps, typing).live())


class _Files:
    """The user's files: the server's documents over a disk to which nothing is written."""

    def __init__(self, editor: EditorModel) -> None:
        self._editor = editor

    @property
    def root(self) -> Path:
        return ROOT

    def read(self, path: str) -> bytes | None:
        document = self._editor.documents.get(uri(path))
        return document.content.encode() if document else self.read_saved(path)

    def read_saved(self, path: str) -> bytes | None:
        return self._editor.disk[path].encode()

    def unsaved(self) -> Mapping[str, bytes]:
        return {path: self.read(path) or b"" for path in FILES}

    def paths(self) -> Sequence[str]:
        return FILES

    async def working_changes(self) -> Sequence[FileEdit]:
        return ()


class _Desk:
    """The session of a delivery."""

    def __init__(self, editor: EditorModel, files: _Files) -> None:
        self.host = editor
        self.root: Path | None = ROOT
        self._files = files

    def uri(self, path: str) -> str:
        return uri(path)

    async def workspace(self) -> Workspace:
        return self._files


@dataclass
class _Change:
    """What an agent's attempt writes and takes away, in characters."""

    written: set[str] = field(default_factory=set[str])
    removed: set[str] = field(default_factory=set[str])


class _World:
    def __init__(self, seed: int, kind: ClientKind, encoding: Encoding, n_steps: int, typing: bool) -> None:
        self.rng = Random(seed)  # noqa: S311 - reproducible
        disk = {path: self._first_text(path, start) for path, start in OURS.items()}
        self.editor = EditorModel(kind, encoding, disk, self.rng)
        files = _Files(self.editor)
        self.delivery = EditorDelivery(_Desk(self.editor, files))
        self.mission = CandidateTree(str(ROOT), UserFiles(files))
        self.outcome = Outcome()
        self.delivering = anyio.Lock()
        self.expected = set("".join(disk.values())) - set("\r\n =ü")
        self.own = frozenset(self.expected)
        self.gone: set[str] = set()
        self.leftover: set[str] = set()
        self.cursor = ("a.py", 0)
        self.n_steps = n_steps
        self.typing = typing
        self.n_typed = self.n_written = 0

    def _first_text(self, path: str, start: int) -> str:
        newline = "\r\n" if path == "b.py" else "\n"
        return "".join(f"ü{chr(start + 2 * n)} = {chr(start + 2 * n + 1)}{newline}" for n in range(N_LINES))

    async def live(self) -> Outcome:
        for path in FILES[:3]:
            self.editor.open(path)
        async with anyio.create_task_group() as everything:
            everything.start_soon(self._wire)
            async with anyio.create_task_group() as people:
                if self.typing:
                    people.start_soon(self._user)
                for _ in range(N_AGENTS):
                    people.start_soon(self._agent)
            everything.cancel_scope.cancel()
        self.editor.tell()
        self._judge()
        return self.outcome

    def _more(self) -> bool:
        self.outcome.n_steps += 1
        return self.outcome.n_steps <= self.n_steps

    # --- who works ----------------------------------------------------------------------------------

    async def _wire(self) -> None:
        while True:
            await anyio.sleep(self.rng.uniform(0.0, 0.3))
            self.editor.tell()

    async def _user(self) -> None:
        """Type in bursts, at one place and then at another."""
        while self._more():
            await anyio.sleep(self.rng.uniform(0.0, 0.2) if self.rng.random() < 0.9 else 1.0)
            path, at = self.cursor
            text = self.editor.text(path)
            if self.rng.random() < 0.2 or at > len(text):
                path = self.rng.choice([p for p in FILES if self.editor.is_seen(p)])
                text = self.editor.text(path)
                at = self.rng.randint(0, len(text))
            if "\r" in text and text[at - 1 : at + 1] == "\r\n":
                at -= 1  # no editor lets a cursor into a line's end
            if self.rng.random() < 0.15:
                self._delete(path, at)
            else:
                new = self._typed("\r\n" if path == "b.py" else "\n")
                self.editor.replace(path, at, at, new)
                at += len(new)
            self.cursor = (path, at)

    def _typed(self, newline: str) -> str:
        if self.rng.random() < 0.1:
            return newline
        self.n_typed += 1
        char = chr(TYPED + self.n_typed)
        self.expected.add(char)
        return char

    def _delete(self, path: str, at: int) -> None:
        text = self.editor.text(path)
        end = min(len(text), at + self.rng.randint(1, 3))
        if "\n" in text[at:end] or "\r" in text[at:end]:
            return
        self.gone |= set(text[at:end])
        self.editor.replace(path, at, end, "")

    async def _agent(self) -> None:
        """Try one task after the other: read, write, have it accepted, deliver."""
        while self._more():
            tree = CandidateTree(str(ROOT), self.mission)
            change = _Change()
            for path in self.rng.sample(FILES, self.rng.randint(1, 3)):
                for _ in range(self.rng.randint(1, 2)):
                    content = tree.text(path)
                    tree.write(path, content.encode(self._rewritten(content.text, change)))
            await anyio.sleep(self.rng.uniform(0.0, 3.0))
            edits = tree.edits()
            if not edits or self.mission.merge(edits):
                self.outcome.n_conflicts += 1
                self.leftover |= change.written
                continue
            async with self.delivering:
                self._more()
                delivery = await self.delivery.deliver("a task", edits)
            self._note(delivery, change)

    def _note(self, delivery: Delivery, change: _Change) -> None:
        if delivery.outcome == "editor":
            self.outcome.n_delivered += 1
            self.expected |= change.written
            self.gone |= change.removed
        else:
            self.outcome.n_conflicts += 1
            if "a part of it is still in" not in delivery.reason:
                self.leftover |= change.written
            else:
                self.outcome.n_parts += 1
                self.gone |= change.removed  # which of them, the laws leave open

    def _rewritten(self, text: str, change: _Change) -> str:
        """Return `text` with one hunk of an agent's at a random place."""
        lines = text.split("\n")
        at = self.rng.randrange(len(lines))
        self.n_written += 1
        mark = chr(WRITTEN + self.n_written)
        match self.rng.choice(("insert", "append", "replace", "delete")):
            case "insert":
                lines.insert(at, f"{mark} += 1")
            case "append":
                lines[at] += mark
            case "replace":
                lines[at] = f"{mark}(" + lines[at].strip() + ")"
            case _ if set(lines[at]) <= self.own | set(" =ü"):
                change.removed |= set(lines.pop(at)) & self.own
                return "\n".join(lines)
            case _:
                lines[at] = mark + lines[at]
        change.written.add(mark)
        return "\n".join(lines)

    # --- the laws -----------------------------------------------------------------------------------

    def _judge(self) -> None:
        found = Counter("".join(self.editor.text(path) for path in FILES))
        outcome, alive = self.outcome, self.expected - self.gone
        outcome.n_edits = self.editor.n_edits
        outcome.lost = sorted(char for char in alive if not found[char])
        outcome.doubled = sorted(
            char
            for char in self.expected
            if found[char] > (char in alive or (char in self.own and self.outcome.n_parts > 0))
        )
        outcome.leaked = sorted(char for char in self.leftover if found[char])
        for path in FILES:
            document = self.editor.documents.get(uri(path))
            if document is not None and document.content != self.editor.text(path):
                outcome.disagreements.append(f"the server's {path}")
            if not self.typing and self.mission.read(path) != self.editor.text(path).encode():
                outcome.disagreements.append(f"the mission's {path}")
