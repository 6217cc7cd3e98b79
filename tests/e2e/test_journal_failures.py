"""A journal that cannot be used, seen from an editor: the server serves, and says what to do."""

import sqlite3
from contextlib import closing
from pathlib import Path

import anyio
import pytest

from podium.adapters.journal import SqliteJournal
from podium.domain.events import MissionEnded, MissionStarted
from tests.e2e.editor import CommandFailed, Editor, editing
from tests.journal.disks import small_disk
from tests.lsp.raw_client import Message

ENDED = [MissionStarted("mend it", "task", "m", "verified"), MissionEnded("signed_off", "")]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (root := tmp_path / "project").mkdir()
    return root


def journal_of(project: Path, state: Path) -> Path:
    """Return the path of the journal of a project with one mission in it."""

    async def record() -> Path:
        async with await SqliteJournal.open(project, state=state) as journal:
            await journal.append("m-1", ENDED)
            return journal.path

    return anyio.run(record)


def warned(editor: Editor) -> str:
    """Return the warning that the editor shows."""

    def shows(message: Message) -> bool:
        return message.get("method") == "window/showMessage"

    return str(editor.wire.wait_for(shows)["params"]["message"])


def test_on_a_read_only_disk_missions_are_shown_and_a_new_one_is_refused_with_advice(project: Path) -> None:
    with small_disk(project.parent / "state") as disk:
        journal_of(project, disk.at)
        disk.set_read_only()
        with editing(project, disk.at, {}) as editor:
            assert "set PODIUM_STATE_DIR to another folder" in warned(editor)
            (mission,) = editor.execute("podium.missions")["missions"]
            assert (mission["missionId"], mission["goal"]) == ("m-1", "mend it")
            with pytest.raises(CommandFailed, match="set PODIUM_STATE_DIR to another folder"):
                editor.execute("podium.search", "x")
            (line,) = [i for i in editor.execute("podium.doctor")["lines"] if i["name"] == "journal"]
            assert line["state"] == "limited"
            disk.set_writable()
            assert editor.mission("podium.search", {"pattern": "x"})["missionId"]


def test_a_damaged_journal_is_kept_and_the_editor_says_where(project: Path) -> None:
    path = journal_of(project, project.parent / "state")
    path.write_bytes(damaged := b"\xff" * 5000)
    with editing(project, project.parent / "state", {}) as editor:
        kept = warned(editor).partition("kept as ")[2].partition(";")[0]
        assert Path(kept).read_bytes() == damaged
        assert editor.execute("podium.missions") == {"missions": [], "unreadable": []}
        assert editor.mission("podium.search", {"pattern": "x"})["missionId"]


def test_a_mission_that_a_newer_podium_wrote_is_listed_with_what_to_do(project: Path) -> None:
    path = journal_of(project, project.parent / "state")
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("""INSERT INTO records VALUES (1, 3, 0.0, '{"kind": "from_the_future"}')""")
    with editing(project, project.parent / "state", {}) as editor:
        (unreadable,) = editor.execute("podium.missions")["unreadable"]
        assert unreadable["missionId"] == "m-1"
        assert "update Podium" in unreadable["reason"]
        with pytest.raises(CommandFailed, match="update Podium"):
            editor.execute("podium.show", "m-1")
