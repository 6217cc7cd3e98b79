"""Servers that tests share: a model process takes seconds to start, so each kind of editor has one for all."""

from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

import pytest

from podium.domain.messages import Json
from tests.e2e.editor import CAPABILITIES, Editor, Encoding, editing
from tests.e2e.team import Team, playing
from tests.lsp.raw_client import Message

KEY = "sk-scripted-0123456789"

WITHOUT_EDITS: Message = {**CAPABILITIES, "workspace": {"configuration": True}}
WITHOUT_FILES: Message = {
    **CAPABILITIES,
    "workspace": {**CAPABILITIES["workspace"], "workspaceEdit": {"documentChanges": True}},
}


@dataclass(frozen=True)
class Desk:
    """A place to work: an editor whose agents a test scripts. `write` clears the folder and fills it."""

    editor: Editor
    team: Team

    def write(self, contents: dict[str, str], check: str = "exit 0") -> None:
        """Make these files, and a check that runs `check` in a shell, all that is in the folder."""
        editor = self.editor
        editor.replies.clear()
        editor.applied.clear()
        for path in [*editor.buffers]:
            editor.close(path)
        gone = Path(mkdtemp(prefix="gone-", dir=editor.root.parent))
        for place in editor.root.iterdir():  # in one step each: the server may just be writing a plan there
            place.rename(gone / place.name)
        for path, text in {"check.sh": check, **contents}.items():
            place = editor.root / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(text.encode())
        editor.wire.received.clear()

    @contextmanager
    def settings(self, **more: Json) -> Generator[None]:
        """Change settings of the editor for the duration of a block."""
        self.editor.configure(settings(self.team, **more))
        try:
            yield
        finally:
            self.editor.configure(settings(self.team))


@pytest.fixture(scope="session")
def team() -> Iterator[Team]:
    """The scripted team of all shared servers."""
    with playing() as team:
        yield team


def settings(team: Team, **more: Json) -> dict[str, Json]:
    """Return the settings that make `team` the model."""
    return {
        "model": "openai/scripted",
        "apiBase": team.provider.url,
        "apiKeyEnv": "SCRIPTED_API_KEY",
        "checks": {"check": ["sh", "check.sh"]},
        **more,
    }


EDITORS: dict[Encoding, Message] = {"utf-16": CAPABILITIES, "utf-8": WITHOUT_EDITS, "utf-32": WITHOUT_FILES}


class Desks:
    """A desk for each encoding, with an editor that can do more or less (see `EDITORS`); made at first use."""

    def __init__(self, team: Team, home: Path, servers: ExitStack) -> None:
        self._team = team
        self._home = home
        self._servers = servers
        self._made: dict[Encoding, Desk] = {}

    def __getitem__(self, encoding: Encoding) -> Desk:
        if encoding not in self._made:
            root = self._home / encoding / "project"
            root.mkdir(parents=True)
            editor = editing(
                root,
                self._home / encoding / "state",
                settings(self._team),
                encoding=encoding,
                capabilities=EDITORS[encoding],
                environment={"SCRIPTED_API_KEY": KEY},
            )
            self._made[encoding] = Desk(self._servers.enter_context(editor), self._team)
        return self._made[encoding]


@pytest.fixture(scope="session")
def desks(team: Team, tmp_path_factory: pytest.TempPathFactory) -> Generator[Desks]:
    """The desks that tests share; loading a model library takes each of their servers seconds."""
    with ExitStack() as servers:
        yield Desks(team, tmp_path_factory.mktemp("desks"), servers)


@pytest.fixture
def desk(desks: Desks) -> Desk:
    """An editor that can do everything."""
    return desks["utf-16"]


@pytest.fixture
def plain_desk(desks: Desks) -> Desk:
    """An editor that takes no workspace edits."""
    return desks["utf-8"]
