"""Undo takes back exactly what a mission changed, whatever was edited since, or leaves everything as it is."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Literal, TypeAlias

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.adapters.checks.runner import LocalChecks
from podium.adapters.disk_workspace import DiskWorkspace
from podium.adapters.journal import SqliteJournal
from podium.adapters.knowledge_file import KnowledgeFile
from podium.config import Settings
from podium.domain.changes import FileEdit
from podium.domain.events import (
    Event,
    MissionEnded,
    MissionStarted,
    PlanSet,
    ProposalDecided,
    ProposalDelivered,
    ProposalMade,
    ProposalUndone,
    Record,
)
from podium.domain.messages import Json
from podium.domain.mission import MissionState, fold
from podium.domain.mission_request import MissionRequest
from podium.domain.plan import Task
from podium.engine.conductor import Conductor
from podium.engine.services import Services
from podium.engine.tree import MergeConflict, merged_content
from podium.engine.undo import Undoing, turn
from podium.errors import UserError
from podium.ports import Delivery
from tests.engine.play import DiskFrontEnd, StagedModel

STARTED = (
    MissionStarted("Tidy up.", "task", "some/model", "verified"),
    PlanSet((Task("a", "A"), Task("b", "B"))),
)
SIGNED_OFF = MissionEnded("signed_off", "Done.")
SETTINGS = Settings.model_validate({"max_parallel": 1})


# --- the laws: files in memory ------------------------------------------------------------------------


@dataclass
class Files:
    """The user's files; a front end without delays."""

    held: dict[str, bytes | None] = field(default_factory=dict[str, bytes | None])

    async def deliver(self, label: str, edits: Sequence[FileEdit]) -> Delivery:
        now = {edit.path: self.held.get(edit.path) for edit in edits}
        try:
            then = {edit.path: merged_content(edit, now[edit.path]) for edit in edits}
        except MergeConflict as conflict:
            return Delivery("refused", f"{label}: {conflict}")
        self.held |= then
        return Delivery(
            "editor", edits=tuple(FileEdit(p, now[p], then[p]) for p in then if now[p] != then[p])
        )


class Mission:
    """A mission as far as undo is concerned: proposals that are delivered to `files`."""

    def __init__(self, **held: str) -> None:
        self.files = Files({path: text.encode() for path, text in held.items()})
        self.state = MissionState("m")
        self.told: list[Event] = []
        for event in STARTED:
            self._fold(event)

    def _fold(self, event: Event) -> None:
        self.told.append(event)
        self.state = fold(self.state, event, float(len(self.told)))

    async def record(self, event: Event) -> None:
        self._fold(event)

    async def deliver(self, number: str, *edits: FileEdit, task_id: str = "a") -> None:
        """Deliver a proposal."""
        self._fold(ProposalMade(number, f"Change {number}", edits, task_id))
        delivery = await self.files.deliver("", edits)
        assert delivery.outcome == "editor"
        self._fold(ProposalDelivered(number, "editor", delivery.edits))

    async def undo(self, task_id: str = "") -> Undoing:
        if not self.state.ending:
            self._fold(SIGNED_OFF)
        return await turn(self.state, task_id, self.files, self.record)

    def text(self, path: str) -> str:
        return (self.files.held[path] or b"").decode()

    def type(self, path: str, text: str) -> None:
        self.files.held[path] = text.encode()


Whose: TypeAlias = Literal["nobody", "mission", "before", "later"]
How: TypeAlias = Literal["replace", "delete", "insert", "double"]
blocks = st.lists(
    st.tuples(
        st.sampled_from(["nobody", "mission", "before", "later"]),
        st.sampled_from(["replace", "delete", "insert", "double"]),
    ),
    min_size=1,
    max_size=12,
)


def text_of(plan: list[tuple[Whose, How]], *edited: Whose) -> str:
    """Return a text of one block for each entry of `plan`; those of `edited` have edited theirs."""
    out: list[str] = []
    for n, (whose, how) in enumerate(plan):
        body = [f"body {n}\n"]
        if whose in edited:
            new = f"{whose} {n}\n"
            body = {"replace": [new], "delete": [], "insert": [*body, new], "double": [new, *body, new]}[how]
        out += [f"{{ {n}\n", *body, f"}} {n}\n"]
    return "".join(out)


@given(plan=blocks)
@settings(max_examples=150, deadline=None)
def test_undo_leaves_exactly_the_users_edits_and_undoing_that_is_as_if_nothing_was(
    plan: list[tuple[Whose, How]],
) -> None:
    async def law() -> None:
        mission = Mission(f=text_of(plan, "before"))
        edit = FileEdit("f", text_of(plan).encode(), text_of(plan, "mission").encode())
        await mission.deliver("p", edit)
        mission.type("f", text_of(plan, "before", "mission", "later"))
        undone = await mission.undo()
        assert [t.reason for t in undone.proposals] == [""]
        assert mission.text("f") == text_of(plan, "before", "later")
        await mission.undo()
        assert mission.text("f") == text_of(plan, "before", "mission", "later")

    anyio.run(law)


lines = st.lists(st.sampled_from(["a\n", "b\n", "\n", "c\r\n", "x"]), max_size=8).map("".join)


@given(before=lines, after=lines, now=lines)
@settings(max_examples=150, deadline=None)
def test_whatever_the_texts_are_an_undo_is_refused_without_a_trace_or_can_be_undone(
    before: str, after: str, now: str
) -> None:
    async def law() -> None:
        mission = Mission(f=before)
        await mission.deliver("p", FileEdit("f", before.encode(), after.encode()))
        mission.type("f", now)
        (undone,) = (await mission.undo()).proposals
        if undone.reason:
            assert mission.text("f") == now
        elif mission.text("f") != now:
            await mission.undo()
            assert mission.text("f") == now

    anyio.run(law)


# --- order, parts, conflicts --------------------------------------------------------------------------

pytestmark = pytest.mark.anyio


def edited(before: str | None, after: str | None, path: str = "f") -> FileEdit:
    was, then = (None if text is None else text.encode() for text in (before, after))
    return FileEdit(path, was, then)


async def three_changes() -> Mission:
    mission = Mission(f="1\n")
    await mission.deliver("p-1", edited("1\n", "2\n"))
    await mission.deliver("p-2", edited("2\n", "3\n"), task_id="b")
    await mission.deliver("p-3", edited(None, "new\n", "g"), task_id="b")
    return mission


async def test_changes_of_the_same_lines_are_undone_last_first_and_redone_first_first() -> None:
    mission = await three_changes()
    undone = await mission.undo()
    assert [t.proposal.id for t in undone.proposals] == ["p-3", "p-2", "p-1"]
    assert (mission.text("f"), mission.files.held["g"]) == ("1\n", None)
    assert {p.state for p in mission.state.proposals.values()} == {"undone"}
    redone = await mission.undo()
    assert (redone.direction, [t.proposal.id for t in redone.proposals]) == ("redone", ["p-1", "p-2", "p-3"])
    assert (mission.text("f"), mission.text("g")) == ("3\n", "new\n")


async def test_a_task_whose_lines_another_changed_later_is_refused_until_that_is_undone() -> None:
    mission = await three_changes()
    refused = await mission.undo("a")
    assert [bool(t.reason) for t in refused.proposals] == [True]
    assert (mission.text("f"), mission.state.proposals["p-1"].state) == ("3\n", "delivered")
    await mission.undo("b")
    await mission.undo("a")
    assert mission.text("f") == "1\n"


async def test_all_of_a_proposal_is_undone_or_nothing_of_it_and_the_others_are() -> None:
    mission = Mission(f="1\n", h="h\n")
    await mission.deliver("p-1", edited("h\n", "H\n", "h"))
    await mission.deliver("p-2", edited("1\n", "2\n"), edited(None, "new\n", "g"), edited("h\n", None, "i"))
    mission.type("g", "new\nand mine\n")
    undone = await mission.undo()
    assert [(t.proposal.id, bool(t.reason)) for t in undone.proposals] == [("p-2", True), ("p-1", False)]
    assert (mission.text("f"), mission.text("g"), mission.text("h")) == ("2\n", "new\nand mine\n", "h\n")


async def test_a_change_that_the_user_took_back_already_is_undone_and_comes_back_when_redone() -> None:
    mission = Mission(f="1\n")
    await mission.deliver("p", edited("1\n", "2\n"))
    mission.type("f", "1\n")
    assert [t.reason for t in (await mission.undo()).proposals] == [""]
    assert mission.text("f") == "1\n"
    await mission.undo()
    assert mission.text("f") == "2\n"


async def test_a_change_that_the_user_had_made_already_stays_theirs() -> None:
    mission = Mission(f="2\n")
    await mission.deliver("p", edited("1\n", "2\n"))
    await mission.undo()
    assert mission.text("f") == "2\n"


async def test_hunks_that_were_accepted_one_by_one_are_undone_together_and_typing_between_them_stays() -> (
    None
):
    base, both = "1\n\nx\n\n3\n", "one\n\nx\n\nthree\n"
    mission = Mission(f=base)
    await mission.record(ProposalMade("p", "Change p", (edited(base, both),), "a"))
    for hunk, before, after in (
        (1, base, "one\n\nx\n\n3\n"),
        (2, "one\n\ntyped\n\n3\n", "one\n\ntyped\n\nthree\n"),
    ):
        mission.type("f", after)
        await mission.record(ProposalDecided("p", (hunk,), outcome="editor", edits=(edited(before, after),)))
    await mission.undo()
    assert mission.text("f") == "1\n\ntyped\n\n3\n"
    await mission.undo()
    assert mission.text("f") == "one\n\ntyped\n\nthree\n"


async def test_a_proposal_that_is_half_decided_is_not_undone_but_named() -> None:
    mission = Mission(f="1\n\n\n3\n")
    await mission.record(ProposalMade("p", "Change p", (edited("1\n\n\n3\n", "2\n\n\n4\n"),), "a"))
    accepted = ProposalDecided("p", (1,), outcome="editor", edits=(edited("1\n\n\n3\n", "2\n\n\n3\n"),))
    await mission.record(accepted)
    (turned,) = (await mission.undo()).proposals
    assert "waits for review" in turned.reason


# --- with a conductor, on real files ------------------------------------------------------------------


def plan(*files: str) -> Json:
    tasks: list[Json] = [
        {
            "id": f"t{n}",
            "title": f"Correct {path}",
            "instructions": "-",
            "files": [path],
            "needs": [f"t{n - 1}"] if n > 1 else [],
        }
        for n, path in enumerate(files, 1)
    ]
    return ["submit_plan", {"tasks": tasks}]


def corrects(path: str) -> list[Json]:
    return [["edit_file", {"path": path, "old": "wrong", "new": "right"}], ["finish", {"summary": "Done."}]]


APPROVES: Json = ["submit_review", {"verdict": "approve", "findings": []}]
SIGNS_OFF: Json = ["sign_off", {"summary": "Reached."}]


@asynccontextmanager
async def services(root: Path, replies: dict[str, Sequence[Json]]) -> AsyncGenerator[Services]:
    checks = LocalChecks(root, {"check": "true"})
    async with await SqliteJournal.open(root, state=root.parent / "state") as journal:
        yield Services(
            StagedModel(replies),
            DiskWorkspace(root),
            checks,
            journal,
            DiskFrontEnd(root),
            KnowledgeFile(root),
        )
    await checks.aclose()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "a.txt").write_text("top\n\nwrong\n\nend\n")
    return folder


REPLIES: dict[str, Sequence[Json]] = {
    "planner": [plan("a.txt")],
    "worker t1": corrects("a.txt"),
    "reviewer t1": [APPROVES],
    "commander": [SIGNS_OFF],
}
REQUEST = MissionRequest("task", "Correct the words.")


async def test_what_one_conductor_delivered_the_next_one_undoes_and_the_third_redoes(root: Path) -> None:
    async with services(root, REPLIES) as outside:
        async with Conductor(outside, lambda _: True) as conductor:
            mission_id = await conductor.start(REQUEST, SETTINGS)
            assert (await conductor.wait(mission_id, 20)).status == "signed_off"
        (root / "a.txt").write_text("my top\n\nright\n\nend\n")
        for direction, word in (("undone", "wrong"), ("redone", "right"), ("undone", "wrong")):
            async with Conductor(outside, lambda _: True) as again:
                undoing = await again.undo(mission_id)
                assert (undoing.direction, len(undoing.proposals)) == (direction, 1)
                assert (root / "a.txt").read_text() == f"my top\n\n{word}\n\nend\n"
                (proposal,) = (await again.whole(mission_id)).proposals.values()
                assert proposal.state == ("undone" if direction == "undone" else "delivered")


async def test_a_running_mission_is_not_undone_but_its_closed_tasks_are_and_it_goes_on_without_them(
    root: Path,
) -> None:
    (root / "b.txt").write_text("wrong\n")
    replies: dict[str, Sequence[Json]] = {
        **REPLIES,
        "planner": [plan("a.txt", "b.txt")],
        "worker t2": [
            ["ask_user", {"question": "Go on?"}],
            ["read_file", {"path": "a.txt"}],
            *corrects("b.txt"),
        ],
        "reviewer t2": [APPROVES],
    }
    async with services(root, replies) as outside, Conductor(outside, lambda _: True) as conductor:
        delivered, asked = anyio.Event(), anyio.Event()
        told: list[Event] = []

        def see(record: Record) -> None:
            told.append(record.event)
            if record.event.kind == "proposal_delivered":
                delivered.set()
            if record.event.kind == "question_asked":
                asked.set()

        conductor.subscribe(see)
        mission_id = await conductor.start(REQUEST, SETTINGS)
        with anyio.fail_after(20):
            await delivered.wait()
            await asked.wait()
        with pytest.raises(UserError, match="cancel it first"):
            await conductor.undo(mission_id)
        with pytest.raises(UserError, match="nothing to undo"):
            await conductor.undo(mission_id, "t2")
        await conductor.undo(mission_id, "t1")
        assert "wrong" in (root / "a.txt").read_text()
        (question_id,) = conductor.state(mission_id).questions
        await conductor.orders.answer(question_id, "yes")
        assert (await conductor.wait(mission_id, 20)).status == "signed_off"
        reads = [e.result for e in told if e.kind == "tool_returned" and e.tool == "read_file"]
        assert ["wrong" in text for text in reads] == [True]
        assert ("wrong" in (root / "a.txt").read_text(), (root / "b.txt").read_text()) == (True, "right\n")
        assert reduce(lambda n, e: n + isinstance(e, ProposalUndone), told, 0) == 1


async def test_what_cannot_be_undone_is_said_in_a_sentence(root: Path) -> None:
    async with services(root, REPLIES) as outside, Conductor(outside, lambda _: True) as conductor:
        mission_id = await conductor.start(MissionRequest("task", "Correct it.", "end"), SETTINGS)
        await conductor.wait(mission_id, 20)
        with pytest.raises(UserError, match="no mission 'm-0'"):
            await conductor.undo("m-0")
        with pytest.raises(UserError, match="no task 't9'"):
            await conductor.undo(mission_id, "t9")
        with pytest.raises(UserError, match="applied as one"):
            await conductor.undo(mission_id, "t1")
