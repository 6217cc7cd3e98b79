"""The plan documents: where they lie, what they hold, and what each has in common with what Podium wrote.

What the user changed is what differs from that. An open document and the file below it can drift apart, so each
has its own.
"""

import re
import sys
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from lsprotocol import types

from podium.domain.mission import MissionState
from podium.domain.plan_text import Page, parse
from podium.domain.text import Position
from podium.domain.yielding import updated
from podium.errors import UserError
from podium.lsp.atomic import write_atomically
from podium.lsp.documents import Document
from podium.lsp.session import Session
from podium.lsp.targets import Client

PATTERN = "**/.podium/missions/*/plan.md"
"""What clients are told of where plan documents lie."""

MOST_EARLIER = 16

_PATH = re.compile(r"\.podium/missions/([^/]+)/plan\.md")


def mission_of(path: str) -> str | None:
    """Return the id of the mission whose plan document a path of the workspace is."""
    found = _PATH.fullmatch(path)
    return found[1] if found else None


def plan_path(mission_id: str) -> str:
    """Return the path of a mission's plan document, relative to the workspace."""
    return f".podium/missions/{mission_id}/plan.md"


@dataclass(frozen=True, slots=True)
class Edited:
    """A text that the user has let go of, by saving it, and what it was made of."""

    text: str
    base: str


@dataclass(slots=True)
class PlanFile:
    """One mission's plan document.

    `on_disk` is what Podium last wrote there or read; None means that there is no file. `disk_base` and
    `buffer_base` are what the file and the open document have in common with Podium's renderings; the latter is
    None while it is not open. `earlier` are contents of the file with their bases: an editor may have read it
    before it was written again. `notes` are explanations for the user, by the id or title of the task.
    """

    mission_id: str
    on_disk: str | None = None
    disk_base: str = ""
    buffer_base: str | None = None
    handed_over: Edited | None = None
    saves_itself: bool = False
    refusal: str = ""
    notes: dict[str, str] = field(default_factory=dict[str, str])
    earlier: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=MOST_EARLIER))
    stale: bool = False
    busy: bool = False

    @property
    def path(self) -> str:
        """Its path, relative to the workspace."""
        return plan_path(self.mission_id)

    def holds(self, text: str, base: str) -> None:
        """Take note of what is on the disk now, and of what it has in common with Podium's renderings."""
        self.on_disk, self.disk_base = text, base
        self.earlier.append((text, base))

    def may_hold(self, rendering: str) -> None:
        """Take note of what another server, which carries the mission out, writes there."""
        self.earlier.append((rendering, rendering))

    def base_of(self, text: str) -> str | None:
        """Return the base of a text that the file holds, or held; None where it never did."""
        return next((base for held, base in reversed(self.earlier) if held == text), None)

    @property
    def base(self) -> str:
        """What the text that the user sees has in common with Podium's renderings."""
        return self.disk_base if self.buffer_base is None else self.buffer_base


@dataclass(frozen=True, slots=True)
class OpenPlan:
    """A plan document that is open in the editor, as it was read."""

    file: PlanFile
    document: Document
    page: Page


class PlanFiles:
    """The plan documents of one workspace. Also the place that deliveries into them go to (`targets.Desk`)."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._files: dict[str, PlanFile] = {}

    # --- which there are ----------------------------------------------------------------------------

    def of(self, mission_id: str) -> PlanFile:
        """Return a mission's document, whether it exists or not."""
        if mission_id not in self._files:
            self._files[mission_id] = file = PlanFile(mission_id)
            if (text := self.on_disk(file)) is not None:
                file.holds(text, text)
        return self._files[mission_id]

    def forget(self, file: PlanFile) -> None:
        """Let go of a document that does not change any more; it is read again for who opens it."""
        self._files.pop(file.mission_id, None)

    def at(self, uri: str) -> PlanFile | None:
        """Return the document with this URI, or None where it is no plan document."""
        path = self.session.path_or_none(uri)
        mission_id = mission_of(path) if path else None
        return self.of(mission_id) if mission_id else None

    def opened(self, uri: str) -> OpenPlan | None:
        """Return the open plan document with this URI, or None where it is something else, or not open."""
        file, document = self.at(uri), self.session.host.documents.get(uri)
        return OpenPlan(file, document, parse(document.content)) if file and document else None

    def document(self, file: PlanFile) -> Document | None:
        """Return the document as the editor has it, or None where it is not open."""
        return self.session.host.documents.get(self.uri(file.path))

    def text(self, file: PlanFile) -> str:
        """Return what the user sees: the open document, else the file."""
        document = self.document(file)
        return document.content if document else file.on_disk or ""

    def lines(self, plan: OpenPlan, first: int, end: int) -> types.Range:
        """Return the range of the lines `first:end`, without the last line's end."""
        return self._range(plan, (first, 0), (end - 1, sys.maxsize))

    def columns(self, plan: OpenPlan, line: int, start: int, end: int) -> types.Range:
        """Return the range between two columns (code points) of a line."""
        at = plan.document.text.offset_at(Position(line, 0), "utf-32")
        return self.session.range_of(plan.document, at + start, at + end)

    def _range(self, plan: OpenPlan, start: tuple[int, int], end: tuple[int, int]) -> types.Range:
        first, last = (plan.document.text.offset_at(Position(*at), "utf-32") for at in (start, end))
        return self.session.range_of(plan.document, first, last)

    # --- the disk -----------------------------------------------------------------------------------

    def on_disk(self, file: PlanFile) -> str | None:
        """Return what the file holds, or None where there is none that can be read."""
        try:
            return (self._folder() / file.path).read_bytes().decode("utf-8", "replace")
        except OSError:
            return None

    def edited_on_disk(self, file: PlanFile) -> Edited | None:
        """Return what another program made of the file since Podium last looked, if it did."""
        text = self.on_disk(file)
        if text == file.on_disk:
            return None
        if text is None:
            file.on_disk = None
            return None
        file.holds(text, file.disk_base)
        return Edited(text, file.disk_base)

    def store(self, file: PlanFile, update: str, *, creates: bool) -> None:
        """Bring the file up to date, but for lines that were edited there and not taken.

        Where there is none, it is made if it `creates`; else its user has removed it.
        A cloned repository may hold a link in the place of `.podium`: nothing is written through one.

        Raises:
            UserError: it cannot be written.
        """
        home = self._folder() / ".podium"
        place = self._folder() / file.path
        held = self.on_disk(file)
        if held is None and not creates:
            return
        result = updated(file.disk_base, update, update if held is None else held)
        if result.text != held:
            self._write(place, home, result.text)
        file.holds(result.text, update if held is None else result.base)

    def _write(self, place: Path, home: Path, text: str) -> None:
        try:
            if place.resolve() != place or (home / ".gitignore").is_symlink():
                raise UserError(f"the plan is not written, because a link leads out of {home}")
            home.mkdir(exist_ok=True)
            with suppress(FileExistsError), (home / ".gitignore").open("x", encoding="utf-8") as ignore:
                ignore.write("*\n")
            write_atomically(place, text.encode("utf-8"))
        except OSError as error:
            raise UserError(f"the plan is not written: {error.filename}: {error.strerror}") from error

    def _folder(self) -> Path:
        assert self.session.root is not None  # noqa: S101 - a mission has a workspace
        return self.session.root

    # --- where deliveries go ------------------------------------------------------------------------

    @property
    def host(self) -> Client:
        """The client."""
        return self.session.host

    @property
    def root(self) -> Path | None:
        """The workspace folder."""
        return self.session.root

    def uri(self, path: str) -> str:
        """Return the URI of a path of the workspace, as the client spells it."""
        return self.session.uri(path)

    async def workspace(self) -> "PlanFiles":
        """Return the files that deliveries go to: plan documents, and nothing else."""
        return self

    def read(self, path: str) -> bytes | None:
        """Return what a plan document holds in the editor, else on the disk."""
        document = self.session.host.documents.get(self.uri(path))
        return document.content.encode("utf-8", "surrogatepass") if document else self.read_saved(path)

    def read_saved(self, path: str) -> bytes | None:
        """Return what a plan document holds on the disk."""
        place = self._folder() / path
        return place.read_bytes() if mission_of(path) and place.is_file() else None


def is_final(state: MissionState) -> bool:
    """Return whether nothing can change a mission's plan any more."""
    return bool(state.ending) and not state.plan_waits
