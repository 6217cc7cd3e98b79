"""The disk of the project is full when a change is to be written to it."""

from pathlib import Path

from tests.e2e.conftest import KEY, WITHOUT_EDITS, settings
from tests.e2e.editor import editing
from tests.e2e.team import APPROVES, Team, edits, plans
from tests.journal.disks import small_disk
from tests.lsp.raw_client import Message
from tests.models.provider import Reply


def test_a_change_that_the_disk_does_not_take_waits_and_is_written_once_there_is_space(
    tmp_path: Path, team: Team
) -> None:
    with small_disk(tmp_path / "project") as disk:
        (disk.at / "check.sh").write_text("exit 0\n", encoding="utf-8")
        (disk.at / "greet.txt").write_text("word\n" * 2_000, encoding="utf-8")

        def fill() -> Reply:
            disk.fill()
            return APPROVES

        team.play(
            planner=plans("greet.txt"),
            worker=edits("greet.txt", "word\n" * 2_000, "world\n" * 2_000),
            reviewer=fill,
        )
        environment = {"SCRIPTED_API_KEY": KEY}
        with editing(
            disk.at, tmp_path / "state", settings(team), capabilities=WITHOUT_EDITS, environment=environment
        ) as editor:
            mission_id = editor.start("podium.task", "Correct the words")
            uri = editor.uri("greet.txt")

            def waits(message: Message) -> bool:
                if message.get("method") != "textDocument/publishDiagnostics":
                    return False
                return message["params"]["uri"] == uri and bool(message["params"]["diagnostics"])

            editor.wire.wait_for(waits)
            (proposal,) = editor.execute("podium.show", mission_id)["proposals"]
            assert proposal["state"] == "waiting"
            assert proposal["reason"].endswith("No space left on device")
            assert editor.disk("greet.txt") == "word\n" * 2_000
            assert {place.name for place in disk.at.iterdir()} <= {
                "check.sh",
                "greet.txt",
                "ballast",
                ".podium",
            }
            disk.free()
            editor.execute("podium.accept", {"proposalId": proposal["id"]})
            assert editor.ended(mission_id)["status"] == "signed_off"
            assert editor.disk("greet.txt") == "world\n" * 2_000
