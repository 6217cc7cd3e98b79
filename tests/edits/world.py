"""One user, several agents, and the real trees, delivery, review and undo between them, in virtual time.

Each method that a name in `STEPS` stands for is something that somebody does at this moment; `pass_time` lets
the editor and the deliveries go on. What holds at the end stands in `laws.py`. An agent keeps what it finds
in a line that it rewrites, unless it deletes a line that holds nothing of the user's typing.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup

from podium.domain.changes import FileEdit
from podium.domain.events import Apply, Event, MissionEnded, MissionStarted, PlanSet
from podium.domain.mission import MissionState, Proposal, fold
from podium.domain.plan import Task
from podium.domain.text import Encoding
from podium.engine.landing import Landing
from podium.engine.mission_tree import MissionTree
from podium.engine.past import Past
from podium.engine.proposals import ProposalDesk
from podium.engine.tree import CandidateTree, UserFiles
from podium.errors import ToolError, UserError
from podium.lsp.delivery import EditorDelivery
from podium.lsp.targets import as_saved, is_plain
from podium.ports import Workspace
from tests.edits.editor_model import ROOT, ClientKind, EditorModel, uri
from tests.edits.files import Characters, first_files, telling

N_TASKS = 150
STEPS: Mapping[str, int] = {
    "type": 70,
    "erase": 9,
    "open": 1,
    "save": 1,
    "begin_task": 9,
    "close_task": 10,
    "undo_task": 1,
    "decide": 4,
}
"""What anybody may do, and how often beside the others."""


class Files:
    """The user's files as the server sees them: its documents over the editor's disk."""

    def __init__(self, editor: EditorModel) -> None:
        self._editor = editor

    @property
    def root(self) -> Path:
        return ROOT

    def read(self, path: str) -> bytes | None:
        document = self._editor.documents.get(uri(path))
        saved = self.read_saved(path)
        return as_saved(document.content, saved or b"") if document else saved

    def read_saved(self, path: str) -> bytes | None:
        return self._editor.disk.get(path)

    def permissions(self, path: str) -> int | None:
        assert path
        return None

    def unsaved(self) -> Mapping[str, bytes]:
        return {path: self.read(path) or b"" for path in self.paths()}

    def paths(self) -> Sequence[str]:
        return self._editor.paths()

    async def working_changes(self) -> Sequence[FileEdit]:
        return ()


class Desk:
    """The session of a delivery."""

    def __init__(self, editor: EditorModel, files: Files) -> None:
        self.host = editor
        self.root: Path | None = ROOT
        self._files = files

    def uri(self, path: str) -> str:
        return uri(path)

    async def workspace(self) -> Workspace:
        return self._files


class World:
    """The whole of it. `journal` is what was recorded, `erased` what the user took away."""

    def __init__(self, rng: Random, kind: ClientKind, encoding: Encoding, apply: Apply) -> None:
        self.rng = rng
        self.first = first_files()
        self.editor = EditorModel(kind, encoding, dict(self.first), rng)
        self.files = Files(self.editor)
        self.front_end = EditorDelivery(Desk(self.editor, self.files))
        self.tree = MissionTree(str(ROOT), UserFiles(self.files))
        self.landing = Landing(
            self.tree, self.front_end, lambda: self.state, self._record, anyio.lowlevel.checkpoint, Past()
        )
        self.chars = Characters()
        self.own = telling(self.first.values())
        self.erased: set[str] = set()
        self.journal: list[Event] = []
        self.state = MissionState("m")
        self.n_conflicts = 0
        self.blocked: list[str] = []
        self._cursor = ("a.py", 0)
        self._begun: list[CandidateTree] = []
        self._delivering = anyio.Lock()
        self._desk = ProposalDesk(self.front_end, self.files, self._current, self._record_for)
        tasks = tuple(Task(f"t{n}", "A task") for n in range(1, N_TASKS + 1))
        for event in (MissionStarted("Change it.", "task", "some/model", apply), PlanSet(tasks)):
            self._fold(event)
        for path in ("a.py", "crlf.py", "bom.py", "mixed.py", "tail.py", "latin.txt"):
            self.editor.open(path)

    def held(self, path: str) -> bytes | None:
        """Return what the editor would save of a file, hidden buffers included."""
        saved = self.editor.disk.get(path)
        return as_saved(self.editor.text(path), saved or b"") if path in self.editor.buffers else saved

    # --- the journal --------------------------------------------------------------------------------

    def _fold(self, event: Event) -> None:
        self.journal.append(event)
        self.state = fold(self.state, event, float(len(self.journal)))
        self.landing.follow(event, self.state)

    async def _record(self, event: Event) -> None:
        self._fold(event)

    async def _record_for(self, _mission_id: str, event: Event) -> MissionState:
        self._fold(event)
        return self.state

    @asynccontextmanager
    async def _current(self, _mission_id: str) -> AsyncGenerator[MissionState]:
        yield self.state

    # --- time ---------------------------------------------------------------------------------------

    async def wire(self) -> None:
        """Tell the server now and then what was typed; never returns."""
        while True:
            await anyio.sleep(self.rng.uniform(0.0, 0.3))
            self.editor.tell()

    async def pass_time(self) -> None:
        """Let a moment pass, as between two keystrokes."""
        await anyio.sleep(self.rng.uniform(0.0, 0.15) if self.rng.random() < 0.95 else 1.0)

    async def settle(self) -> None:
        """Let everything that is under way come to its end, and tell the server all that was typed."""
        async with self._delivering:
            self.editor.tell()

    def step(self, name: str, group: TaskGroup) -> None:
        """Do one of `STEPS`; what takes time goes on in `group`."""
        match name:
            case "type":
                self.type()
            case "erase":
                self.erase()
            case "open":
                self.open()
            case "save":
                self.editor.save(self._seen())
            case "begin_task":
                self.begin_task()
            case "close_task":
                group.start_soon(self.close_task)
            case "undo_task":
                group.start_soon(self.undo_task)
            case _:
                group.start_soon(self.decide)

    # --- the user -----------------------------------------------------------------------------------

    def _seen(self) -> str:
        return self.rng.choice([path for path in self.editor.paths() if self.editor.is_seen(path)])

    def _place(self) -> tuple[str, int]:
        """Return where the user types: mostly where they typed before."""
        path, at = self._cursor
        if not self.editor.is_seen(path) or self.rng.random() < 0.2 or at > len(self.editor.text(path)):
            path = self._seen()
            at = self.rng.randint(0, len(self.editor.text(path)))
        text = self.editor.text(path)
        # No editor lets a cursor into a line's end, or before a byte order mark.
        return path, max(at - (text[at - 1 : at + 1] == "\r\n"), int(text.startswith("\ufeff")))

    def type(self) -> None:
        """Type a character, or sometimes a new line."""
        path, at = self._place()
        newline = "\r\n" if "\r\n" in self.editor.text(path) else "\n"
        new = newline if self.rng.random() < 0.1 else self.chars.type(path)
        self.editor.replace(path, at, at, new)
        self._cursor = (path, at + len(new))

    def erase(self) -> None:
        """Erase up to three characters of one line."""
        path, at = self._place()
        text = self.editor.text(path)
        end = min(len(text), at + self.rng.randint(1, 3))
        if "\n" not in text[at:end] and "\r" not in text[at:end]:
            self.erased |= set(text[at:end])
            self.editor.replace(path, at, end, "")
        self._cursor = (path, at)

    def open(self) -> None:
        """Open a file that is not open."""
        if closed := [path for path in self.editor.paths() if not self.editor.is_seen(path)]:
            self.editor.open(self.rng.choice(closed))

    async def decide(self) -> None:
        """Accept or reject some hunks of a proposal that waits; all of one that may move a file."""
        waiting = self.state.under_review()
        if not waiting or self._delivering.locked():
            return
        proposal = self.rng.choice(waiting)
        numbers = proposal.undecided()
        n_chosen = self.rng.randint(1, len(numbers)) if self.state.apply == "review" else len(numbers)
        chosen = self.rng.sample(numbers, n_chosen)
        async with self._delivering:
            try:
                if self.rng.random() < 0.75:
                    await self._desk.accept(proposal.id, chosen)
                else:
                    await self._desk.reject(proposal.id, chosen)
            except UserError:
                self.n_conflicts += 1

    # --- the agents ---------------------------------------------------------------------------------

    def begin_task(self) -> None:
        """Let an agent read and write; nobody sees that yet."""
        tree = CandidateTree(str(ROOT), self.tree)
        if self.editor.changes_files and self.rng.random() < 0.2:
            self._change_files(tree)
        for path in self.rng.sample(tree.paths(), min(2, len(tree.paths()))):
            for _ in range(self.rng.randint(1, 2)):
                self._rewrite(tree, path)
        self._begun.append(tree)

    def _change_files(self, tree: CandidateTree) -> None:
        """Create a file, or delete or move one; what no editor can create again is left alone."""
        fresh = f"new{len(self.chars.written)}.py"
        path = self.rng.choice([path for path in tree.paths() if is_plain(tree.read(path) or b"")])
        content = tree.read(path)
        match self.rng.choice(("create", "delete", "move")):
            case "delete" if not telling([content]) & self.chars.typed and len(tree.paths()) > 5:
                tree.write(path, None)
            case "move" if self.state.apply != "review" and content is not None:
                tree.write(fresh, content)
                tree.write(path, None)
            case _:
                lines = [self.chars.write(fresh) for _ in range(self.rng.randint(0, 3))]
                tree.write(fresh, "\n".join(lines).encode())

    def _rewrite(self, tree: CandidateTree, path: str) -> None:
        """Change one line of a file, or put one in."""
        content = tree.text(path)
        lines = content.text.split("\n")
        at = self.rng.randrange(len(lines))
        mark = self.chars.write(path)
        match self.rng.choice(("insert", "append", "replace", "delete")):
            case "delete" if not set(lines[at]) & self.chars.typed:
                del lines[at]
            case "insert":
                lines.insert(at, f"{mark} += 1")
            case "replace":
                lines[at] = f"{mark}(" + lines[at].strip() + ")"
            case _:
                lines[at] += mark
        try:
            tree.write(path, content.encode("\n".join(lines)))
        except ToolError:  # typing that Latin-1 cannot hold was saved, or a mark moved into such a file
            return

    async def close_task(self) -> None:
        """Have the task that began first accepted and delivered, or proposed."""
        async with self._delivering:
            if not self._begun or len(self.state.proposals) >= N_TASKS:
                return
            edits = self._begun.pop(0).edits()
            # Leases keep two tasks from taking the same file away.
            taken = any(edit.after is None and self.tree.read(edit.path) is None for edit in edits)
            number = len(self.state.proposals) + 1
            if not edits or taken or self.tree.land(f"m.p{number}", edits):
                self.n_conflicts += bool(edits)
                return
            await self.landing.deliver(f"m.p{number}", f"Task {number}", edits, f"t{number}")
            if self.state.proposals[f"m.p{number}"].refused:
                self.n_conflicts += 1
                if self.rng.random() < 0.5:  # its Worker did it anew, and that was not better
                    for event in self.landing.withdrawal(f"m.p{number}"):
                        await self._record(event)

    async def undo_task(self) -> None:
        """Undo, or redo, what some task delivered."""
        if self.state.proposals:
            await self._turn(self.rng.choice(list(self.state.proposals.values())).task_id)

    async def end(self) -> None:
        """End the mission."""
        async with self._delivering:
            self._fold(MissionEnded("signed_off", "Done."))

    async def undo(self) -> None:
        """Undo the whole mission, or redo it; what could not be is in `blocked` afterwards."""
        await self._turn("")

    async def _turn(self, task_id: str) -> None:
        async with self._delivering:
            try:
                undoing = await self.landing.undo(task_id)
            except UserError:
                return
            self.blocked = [turned.reason for turned in undoing.proposals if turned.reason]

    def applied(self, proposal: Proposal) -> tuple[FileEdit, ...]:
        """Return what a proposal changed in the user's files and is there still, as the journal has it."""
        in_files = proposal.state == "delivered" or (proposal.state == "waiting" and proposal.accepted)
        return proposal.written if in_files else ()
