"""What agents and checks cannot do to the user, whatever the model asks for."""

import re
import shutil
import sqlite3
import sys
from contextlib import closing

import pytest

from podium.domain.messages import Json
from tests.e2e.conftest import KEY, Desk
from tests.e2e.team import calls, edits, plans
from tests.models.provider import Reply

WORD = {"greet.txt": "word\n"}
CORRECTS = edits("greet.txt", "word", "world")
HIDDEN = "4f1c-not-for-models"

FORBIDDEN: list[tuple[str, dict[str, Json]]] = [
    ("read_file", {"path": "../outside.txt"}),
    ("read_file", {"path": "link.txt"}),
    ("read_file", {"path": "folder/outside.txt"}),
    ("read_file", {"path": ".git/config"}),
    ("read_file", {"path": ".env"}),
    ("read_file", {"path": "/etc/passwd"}),
    ("write_file", {"path": "../outside.txt", "content": "x"}),
    ("write_file", {"path": "link.txt", "content": "x"}),
    ("write_file", {"path": "folder/new.txt", "content": "x"}),
    ("write_file", {"path": ".git/hooks/pre-commit", "content": "x"}),
    ("delete_file", {"path": ".env"}),
    ("move_file", {"path": "greet.txt", "to": "../greet.txt"}),
]


def corrects_after(desk: Desk, *first: tuple[str, dict[str, Json]]) -> str:
    """Let a Worker make the calls `first`, then correct greet.txt; return what it heard of its calls."""
    opening: Reply = calls(*first)
    desk.team.play(planner=plans("greet.txt"), worker=[opening, CORRECTS])
    mission = desk.editor.mission("podium.task", {"goal": "Correct the word"})
    assert mission["status"] == "signed_off", mission["reason"]
    messages = desk.team.requests("worker")[1].body["messages"]
    return "\n".join(message["content"] for message in messages if message["role"] == "tool")


@pytest.mark.parametrize(
    ("tool", "arguments"), FORBIDDEN, ids=[f"{t} {a.get('to', a['path'])}" for t, a in FORBIDDEN]
)
def test_a_path_that_is_not_the_agents_business_is_refused_with_a_reason(
    desk: Desk, tool: str, arguments: dict[str, Json]
) -> None:
    root = desk.editor.root
    files = {**WORD, ".git/config": HIDDEN, ".env": HIDDEN}
    desk.write(files)
    outside = root.parent / "outside.txt"
    outside.write_text(HIDDEN)
    (root / "link.txt").symlink_to(outside)
    (root / "folder").symlink_to(root.parent)
    heard = corrects_after(desk, (tool, arguments))
    assert heard.startswith("error: ")
    assert HIDDEN not in str([request.body for request in desk.team.provider.requests])
    assert outside.read_text() == HIDDEN
    assert {path: desk.editor.disk(path) for path in files} == files
    assert not (root.parent / "greet.txt").exists()
    assert not (root.parent / "new.txt").exists()
    assert not (root / ".git/hooks").exists()


def test_searching_and_listing_do_not_reveal_what_may_not_be_read(desk: Desk) -> None:
    desk.write({**WORD, ".env": HIDDEN, ".git/config": HIDDEN, "server.pem": HIDDEN})
    outside = desk.editor.root.parent / "outside.txt"
    outside.write_text(HIDDEN)
    (desk.editor.root / "link.txt").symlink_to(outside)
    corrects_after(desk, ("search", {"pattern": HIDDEN[:4]}), ("list_files", {}), ("outline", {}))
    assert HIDDEN not in str([request.body for request in desk.team.provider.requests])


def test_nothing_is_written_through_a_link_in_the_place_of_podiums_folder(desk: Desk) -> None:
    victim = desk.editor.root.parent / "victim"
    victim.mkdir()
    desk.write({"greet.txt": "hello\nword\n"})
    shutil.rmtree(desk.editor.root / ".podium", ignore_errors=True)
    (desk.editor.root / ".podium").symlink_to(victim)
    desk.team.play(planner=plans("greet.txt"), worker=edits("greet.txt", "word", "world"))
    try:
        assert desk.editor.mission("podium.task", "Correct it")["status"] == "signed_off"
        assert list(victim.iterdir()) == []
    finally:
        (desk.editor.root / ".podium").unlink()
        victim.rmdir()


def test_a_plan_that_cannot_be_written_does_not_stop_the_mission(desk: Desk) -> None:
    desk.write({"greet.txt": "hello\nword\n"})
    shutil.rmtree(desk.editor.root / ".podium", ignore_errors=True)
    (desk.editor.root / ".podium").write_text("a file in the way\n", encoding="utf-8")
    desk.team.play(planner=plans("greet.txt"), worker=edits("greet.txt", "word", "world"))
    try:
        assert desk.editor.mission("podium.task", "Correct it")["status"] == "signed_off"
    finally:
        (desk.editor.root / ".podium").unlink()


def test_a_check_sees_no_key_of_a_provider_and_no_state_of_the_servers(desk: Desk) -> None:
    desk.write(WORD, check="env; exit 0")
    heard = corrects_after(desk, ("run_command", {"command": "check"}))
    assert "PATH=" in heard
    assert KEY not in heard
    assert "SCRIPTED_API_KEY" not in heard
    assert "PODIUM_STATE_DIR" not in heard


CONFINED = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")


@CONFINED
def test_a_check_and_a_command_have_no_network(desk: Desk) -> None:
    connect = f"import socket; socket.create_connection(('127.0.0.1', {desk.team.provider.port}), 3)"
    desk.write({**WORD, "connect.py": f"{connect}\nprint('connec' + 'ted')\n"}, check="exit 0")
    command = f"{sys.executable} connect.py; echo ended"
    heard = corrects_after(desk, ("run_command", {"command": command}))
    assert "Error" in heard
    assert "ended" in heard
    assert "connected" not in heard


@CONFINED
def test_a_check_that_writes_changes_nothing_of_the_users(desk: Desk) -> None:
    root = desk.editor.root
    harm = f"echo harm > greet.txt; echo harm > {root}/greet.txt; rm -f other.txt; echo harm > new.txt"
    desk.write({**WORD, "other.txt": "mine\n"}, check=f"{harm}; exit 0")
    desk.editor.open("greet.txt")
    corrects_after(desk, ("run_command", {"command": "check"}), ("run_command", {"command": harm}))
    assert desk.editor.disk("greet.txt") == "word\n"
    assert desk.editor.disk("other.txt") == "mine\n"
    assert desk.editor.text("greet.txt") == "world\n"
    assert not (root / "new.txt").exists()


def test_what_checks_print_never_gets_into_the_protocol(desk: Desk) -> None:
    frame = "Content-Length: 2\\r\\n\\r\\n{}"
    desk.write(WORD, check=f"printf '{frame}'; printf '{frame}' >&2; exit 0")
    heard = corrects_after(desk, ("run_command", {"command": "check"}))
    assert "Content-Length: 2" in heard
    assert all(message.get("jsonrpc") == "2.0" for message in tuple(desk.editor.wire.received))


def test_a_role_cannot_use_the_tool_of_another(desk: Desk) -> None:
    desk.write(WORD)
    heard = corrects_after(
        desk, ("sign_off", {"summary": "Done."}), ("submit_review", {"verdict": "approve"})
    )
    assert "A worker may not use sign_off." in heard
    assert "A worker may not use submit_review." in heard


SECRET = "sk-proj-" + "aB3d" * 10


def test_a_secret_in_a_file_is_told_to_no_model_kept_in_no_record_and_survives_an_edit_of_its_line(
    desk: Desk,
) -> None:
    editor, team = desk.editor, desk.team
    desk.write({"client.py": f'KEY = "{SECRET}"  # of Anna\n'})

    def rewrites() -> Reply:
        """Write the line as it was shown, but for the name."""
        shown = re.search(r"1\t(KEY = .*)", team.heard("worker"))
        assert shown
        return edits("client.py", shown[1], shown[1].replace("Anna", "Bob"))

    reads = calls(("read_file", {"path": "client.py"}))
    team.play(planner=plans("client.py", checks=["check"]), worker=[reads, rewrites])
    goal = {"goal": f"The key {SECRET} is Bob's"}
    mission = editor.mission("podium.task", goal)
    assert mission["status"] == "signed_off", mission["reason"]
    assert editor.text("client.py") == f'KEY = "{SECRET}"  # of Bob\n'
    asked = [str(request.body) for request in team.provider.requests]
    assert [SECRET in body for body in asked] == [False] * len(asked)
    assert all("<secret:" in body for body in asked)
    (journal,) = (editor.root.parent / "state" / "journals").glob("*.sqlite3")
    with closing(sqlite3.connect(journal)) as db:
        lines = [line for (line,) in db.execute("SELECT event FROM records")]
    assert [line for line in lines if SECRET in line] == []
    assert SECRET not in mission["goal"]


def test_what_stands_for_a_secret_is_never_written_where_it_stands_for_nothing(desk: Desk) -> None:
    desk.write({"client.py": f'KEY = "{SECRET}"\n', **WORD})
    copies: tuple[str, dict[str, Json]] = (
        "write_file",
        {"path": "greet.txt", "content": "KEY = <secret:0a1b2c3d>"},
    )
    heard = corrects_after(desk, copies)
    assert "<secret:0a1b2c3d> stands for a secret that is not in this file" in heard
    assert desk.editor.text("greet.txt") == "world\n"
