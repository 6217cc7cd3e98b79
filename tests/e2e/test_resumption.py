"""What an editor is asked of interrupted missions when its server starts, and what becomes of the answers."""

import signal
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from tests.e2e.conftest import KEY, settings
from tests.e2e.editor import Editor, editing
from tests.e2e.team import Team, edits, plans
from tests.lsp.raw_client import Message

ASKED = "window/showMessageRequest"
GOALS = ("Mend one", "Mend two", "Mend three", "Mend four")
APPROVAL = "Podium asks: Carry out this plan?\n- Change it"


@dataclass(frozen=True)
class Folder:
    """A folder that servers are started on, one after the other; every plan waits for approval."""

    home: Path
    team: Team

    def serving(self, **more: str) -> AbstractContextManager[Editor]:
        """Start a server with the team as its model."""
        return editing(
            self.home / "project",
            self.home / "state",
            {**settings(self.team, approvePlan=True), **more},
            environment={"SCRIPTED_API_KEY": KEY},
        )


@pytest.fixture
def folder(tmp_path: Path, team: Team) -> Folder:
    (root := tmp_path / "project").mkdir()
    (root / "check.sh").write_text("exit 0\n", encoding="utf-8")
    (root / "greet.txt").write_text("word\n", encoding="utf-8")
    team.play(planner=plans("greet.txt"), worker=edits("greet.txt", "word", "world"))
    return Folder(tmp_path, team)


def answering(editor: Editor, answers: Mapping[str, str]) -> None:
    """Have each offer answered by the goal that it names; whatever else is asked is dismissed."""

    def reply(params: Message) -> Message:
        chosen = [answer for goal, answer in answers.items() if params["message"] == offer(goal)]
        return {"result": {"title": chosen[0]} if chosen else None}

    editor.replies[ASKED] = reply


def asked(editor: Editor) -> Iterator[str]:
    """Yield what the user is asked, each as soon as it comes."""
    yield from (nth(editor, n) for n in count())


def nth(editor: Editor, n: int) -> str:
    editor.wire.wait_for(lambda _: len(editor.requests(ASKED)) > n)
    return str(editor.requests(ASKED)[n]["params"]["message"])


def offer(goal: str) -> str:
    return f"Podium asks: Podium was ended while it worked on “{goal}”. Shall it go on?"


def statuses(editor: Editor) -> list[str]:
    """Return the status of each mission, the oldest first."""
    listed = editor.execute("podium.missions")["missions"]
    return [mission["status"] for mission in reversed(listed)]


def approved(editor: Editor, mission_id: str) -> Message:
    """Approve the plan of a mission, and return it when it has ended."""
    (question,) = editor.execute("podium.show", mission_id)["questions"]
    editor.execute("podium.answer", {"questionId": question["id"], "answer": "yes"})
    return editor.ended(mission_id)


def kill(editor: Editor) -> None:
    editor.wire.kill(signal.SIGKILL)
    editor.wire.exit_code()


def test_each_start_offers_interrupted_missions_as_the_setting_wants_and_does_what_the_user_says(
    folder: Folder,
) -> None:
    with folder.serving() as editor:
        questions, ids = asked(editor), list[str]()
        for goal in GOALS:
            ids.append(editor.start("podium.task", goal))
            assert next(questions) == APPROVAL
        kill(editor)

    with folder.serving() as editor:
        answering(editor, dict(zip(GOALS, ("Go on", "Not now", "Cancel the mission"), strict=False)))
        questions = asked(editor)
        assert [next(questions) for _ in range(5)] == [*map(offer, GOALS), APPROVAL]
        (first, *_) = editor.requests(ASKED)
        assert [action["title"] for action in first["params"]["actions"]] == [
            "Go on",
            "Not now",
            "Cancel the mission",
        ]
        assert statuses(editor) == ["waiting", "interrupted", "cancelled", "interrupted"]
        assert approved(editor, ids[0])["status"] == "signed_off"
        assert editor.text("greet.txt") == "world\n"
        # What was put aside is not lost.
        editor.execute("podium.resume", ids[3])
        assert next(questions) == APPROVAL
        kill(editor)

    with folder.serving() as editor:
        editor.replies[ASKED] = lambda _: None  # the messages stay on the screen
        questions = asked(editor)
        assert next(questions) == offer(GOALS[1])
        editor.execute("podium.resume", ids[1])
        shown = editor.requests(ASKED)[0]
        assert editor.wire.call("$/cancelRequest")["params"] == {"id": shown["id"]}
        assert next(questions) == offer(GOALS[3])
        editor.execute("podium.resume", ids[3])
        assert next(questions) == APPROVAL
        kill(editor)

    with folder.serving(resume="auto") as editor:
        questions = asked(editor)
        assert [next(questions), next(questions)] == [APPROVAL, APPROVAL]
        assert statuses(editor) == ["signed_off", "waiting", "cancelled", "waiting"]
        kill(editor)

    with folder.serving(resume="off") as editor:
        assert statuses(editor) == ["signed_off", "interrupted", "cancelled", "interrupted"]
        editor.execute("podium.resume", ids[1])
        assert next(asked(editor)) == APPROVAL, "an offer would have come before it"
        assert statuses(editor)[3] == "interrupted"
