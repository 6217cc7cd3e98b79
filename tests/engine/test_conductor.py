"""The conductor lives on, whatever happens to a mission, and its records can always be replayed."""

import sqlite3
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import anyio
import pytest

from podium.adapters.checks.runner import LocalChecks
from podium.adapters.disk_workspace import DiskWorkspace
from podium.adapters.journal import SqliteJournal
from podium.adapters.knowledge_file import KnowledgeFile
from podium.config import Settings
from podium.domain.events import (
    AgentStarted,
    Event,
    MissionEnded,
    MissionInterrupted,
    MissionStarted,
    PlanSet,
    Process,
    QuestionAsked,
    Record,
    ReviewSubmitted,
    TaskDropped,
)
from podium.domain.messages import Json
from podium.domain.mission_request import MissionRequest
from podium.domain.plan import Task
from podium.domain.plan_text import parse, rendered
from podium.domain.requests import TakePlan
from podium.engine.conductor import Conductor
from podium.engine.roles import prompt
from podium.engine.services import Services
from podium.engine.stopwatch import Stopwatch
from podium.errors import NotRecorded, UserError
from podium.ports import Journal
from tests.engine.play import DiskFrontEnd, StagedModel

pytestmark = pytest.mark.anyio

ASKS: list[Json] = [["ask_user", {"question": "Which?"}], {"hangs": True}]
REQUEST = MissionRequest("task", "Do it.")


@asynccontextmanager
async def services(root: Path, *replies: Json, **others: Sequence[Json]) -> AsyncGenerator[Services]:
    checks = LocalChecks(root, {"check": "true"})
    async with await SqliteJournal.open(root, state=root.parent / "state") as journal:
        model = StagedModel({"planner": replies, **others})
        yield Services(model, DiskWorkspace(root), checks, journal, DiskFrontEnd(root), KnowledgeFile(root))
    await checks.aclose()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


class Watch:
    """Waits for an event of a kind."""

    def __init__(self, conductor: Conductor, kind: type[Event]) -> None:
        self._kind = kind
        self._seen = anyio.Event()
        self.event: Event | None = None
        conductor.subscribe(self._see)

    def _see(self, record: Record) -> None:
        if isinstance(record.event, self._kind):
            self.event = record.event
            self._seen.set()

    async def wait(self) -> None:
        with anyio.fail_after(10):
            await self._seen.wait()


async def test_two_answers_at_once_are_one_answer_and_one_refusal(root: Path) -> None:
    async with services(root, *ASKS) as outside:
        async with Conductor(outside, lambda _: True) as conductor:
            asked = Watch(conductor, QuestionAsked)
            mission_id = await conductor.start(REQUEST, Settings.model_validate({}))
            await asked.wait()
            question_id = next(iter(conductor.state(mission_id).questions))
            refused: list[str] = []

            async def answer() -> None:
                try:
                    await conductor.orders.answer(question_id, "this")
                except UserError as error:
                    refused.append(str(error))

            async with anyio.create_task_group() as both:
                both.start_soon(answer)
                both.start_soon(answer)
            assert len(refused) == 1
            await conductor.orders.cancel(mission_id)
        async with Conductor(outside, lambda _: True) as again:
            assert (await again.whole(mission_id)).status == "cancelled"


async def test_a_question_that_is_open_when_the_mission_ends_is_closed(root: Path) -> None:
    async with services(root, *ASKS) as outside, Conductor(outside, lambda _: True) as conductor:
        asked = Watch(conductor, QuestionAsked)
        mission_id = await conductor.start(REQUEST, Settings.model_validate({}))
        await asked.wait()
        question_id = next(iter(conductor.state(mission_id).questions))
        assert conductor.state(mission_id).status == "waiting"
        assert (await conductor.orders.cancel(mission_id)).status == "cancelled"
        assert not conductor.state(mission_id).questions
        with pytest.raises(UserError, match="no open question"):
            await conductor.orders.answer(question_id, "too late")


async def test_a_review_is_asked_for_with_one_role_prompt_and_not_the_one_for_a_tasks_change(
    root: Path,
) -> None:
    async with services(root) as outside, Conductor(outside, lambda _: True) as conductor:
        began = Watch(conductor, AgentStarted)
        await conductor.start(MissionRequest("review", "Review it."), Settings.model_validate({}))
        await began.wait()
        assert isinstance(began.event, AgentStarted)
        told = "".join(str(message["content"]) for message in began.event.opening)
        assert prompt("reviewer_project") in told
        assert prompt("reviewer") not in told


async def test_fixing_an_unknown_finding_is_refused_before_anything_starts(root: Path) -> None:
    async with services(root) as outside, Conductor(outside, lambda _: True) as conductor:
        with pytest.raises(UserError, match="no finding 'f-1'"):
            await conductor.start(replace(REQUEST, finding_ids=("f-1",)), Settings.model_validate({}))
        assert conductor.states() == []


async def test_what_is_unknown_is_named(root: Path) -> None:
    async with services(root) as outside, Conductor(outside, lambda _: True) as conductor:
        for asking in (
            conductor.orders.cancel("m-0"),
            conductor.wait("m-0", 1),
            conductor.orders.answer("q-0", ""),
        ):
            with pytest.raises(UserError, match=r"[mq]-0"):
                await asking


async def test_waiting_gives_the_mission_as_it_is_when_time_is_up(root: Path) -> None:
    async with services(root, {"hangs": True}) as outside, Conductor(outside, lambda _: True) as conductor:
        mission_id = await conductor.start(REQUEST, Settings.model_validate({}))
        assert (await conductor.wait(mission_id, 0.05)).status == "planning"


async def test_where_nobody_keeps_a_plan_document_none_is_taken_for_another_editor(root: Path) -> None:
    async with services(root, {"hangs": True}) as outside, Conductor(outside, lambda _: True) as conductor:
        mission_id = await conductor.start(REQUEST, Settings.model_validate({}))
        with pytest.raises(UserError, match="goes on without an editor"):
            await conductor.orders.carry_out(TakePlan(mission_id))


async def test_missions_are_in_the_order_in_which_they_began_whatever_the_clock_said(root: Path) -> None:
    times = iter([300.0, 100.0, 200.0])
    async with await SqliteJournal.open(
        root, state=root.parent / "state", now=lambda: next(times)
    ) as journal:
        for mission_id in ("m-1", "m-2", "m-3"):
            await journal.append(mission_id, [MissionStarted("x", "task", "m", "verified")])
    async with services(root) as outside, Conductor(outside, lambda _: True) as conductor:
        assert [state.id for state in conductor.states()] == ["m-3", "m-2", "m-1"]


async def test_a_mission_that_a_newer_podium_wrote_stands_apart_and_the_others_can_be_used(
    root: Path,
) -> None:
    async with services(root, *ASKS) as outside:
        for mission_id in ("m-1", "m-2"):
            events = [MissionStarted("x", "task", "m", "verified"), MissionEnded("signed_off", "")]
            await outside.journal.append(mission_id, events)
        assert isinstance(outside.journal, SqliteJournal)
        with closing(sqlite3.connect(outside.journal.path)) as db, db:
            db.execute("""INSERT INTO records VALUES (1, 3, 0.0, '{"kind": "from_the_future"}')""")
        async with Conductor(outside, lambda _: True) as conductor:
            assert [state.id for state in conductor.states()] == ["m-2"]
            assert list(conductor.unreadable()) == ["m-1"]
            with pytest.raises(UserError, match=r"of mission m-1 .* update Podium"):
                conductor.state("m-1")
            asked = Watch(conductor, QuestionAsked)
            mission_id = await conductor.start(REQUEST, Settings.model_validate({}))
            await asked.wait()
            await conductor.orders.cancel(mission_id)


def test_a_stopwatch_counts_only_while_it_is_not_held() -> None:
    clock = [0.0]
    watch = Stopwatch(spent_s=60.0, now=lambda: clock[0])
    for held, clock[0], minutes in (
        (True, 60.0, 2.0),
        (True, 600.0, 2.0),
        (False, 900.0, 2.0),
        (False, 960.0, 3.0),
    ):
        watch.hold(held=held)
        assert watch.minutes == minutes


async def test_a_mission_of_a_process_that_died_is_interrupted_at_the_next_start(root: Path) -> None:
    async with services(root) as outside:
        await outside.journal.append("m-1", [MissionStarted("x", "task", "m", "verified", process=1)])
        async with Conductor(outside, lambda process: process == Process(1)) as other:
            assert other.state("m-1").status == "planning"
        async with Conductor(outside, lambda _: False) as again:
            assert (await again.whole("m-1")).status == "interrupted"
        assert isinstance((await outside.journal.read("m-1"))[-1].event, MissionInterrupted)


async def test_what_another_server_does_is_known_when_asked_for(root: Path) -> None:
    lives = {Process(1), Process(2)}
    started = MissionStarted("x", "task", "m", "verified", process=1)
    async with services(root) as outside, Conductor(outside, lives.__contains__, Process(2)) as conductor:
        await outside.journal.append("m-1", [started])
        with pytest.raises(UserError, match="no mission 'm-1'"):
            conductor.state("m-1")
        await conductor.catch_up()
        assert conductor.elsewhere(conductor.state("m-1"))
        await outside.journal.append("m-1", [PlanSet((Task("t", "T", "-"),))])
        for act in (
            conductor.orders.cancel("m-1"),
            conductor.orders.edit_plan("m-1", parse(""), parse("- [ ] **t** Another")),
            conductor.undo("m-1"),
            conductor.proposals.reject("m-1.p-1", None),
        ):
            with pytest.raises(UserError, match=r"does not run here but in another Podium \(process 1\)"):
                await act
        lives.clear()
        await conductor.catch_up()
        await conductor.catch_up()
        assert conductor.state("m-1").status == "interrupted"
        assert [type(r.event) for r in await outside.journal.read("m-1")] == [
            MissionStarted,
            PlanSet,
            MissionInterrupted,
        ]


async def test_of_two_servers_that_see_a_dead_mission_one_writes_it_down(root: Path) -> None:
    started = MissionStarted("x", "task", "m", "verified", process=1)
    async with services(root) as outside, services(root) as others:
        await outside.journal.append("m-1", [started])
        conductors = [Conductor(s, lambda _: False, Process(n)) for n, s in ((2, outside), (3, others))]
        async with anyio.create_task_group() as both:
            for conductor in conductors:
                both.start_soon(conductor.catch_up)
        assert [c.state("m-1").status for c in conductors] == ["interrupted", "interrupted"]
        assert len(await outside.journal.read("m-1")) == 2


async def test_two_servers_never_decide_at_once(root: Path) -> None:
    async with services(root) as outside, services(root) as others:
        async with outside.journal.deciding():
            with pytest.raises(UserError, match="Another Podium is applying a decision"):
                async with others.journal.deciding():
                    raise AssertionError
        async with others.journal.deciding():
            pass


class FullDisk:
    """A journal that takes the first events and then no more, or where it is `passing`, all but one."""

    def __init__(self, journal: Journal, takes: int, *, passing: bool = False) -> None:
        self._journal = journal
        self._passing = passing
        self.takes = takes

    async def append(
        self, mission_id: str, events: Sequence[Event], after: int | None = None
    ) -> Sequence[Record]:
        if self.takes == 0:
            self.takes = 1000 if self._passing else 0
            raise NotRecorded("The disk is full; free some space.")
        self.takes -= 1
        return await self._journal.append(mission_id, events, after)

    async def read(self, mission_id: str, after: int = 0) -> Sequence[Record]:
        return await self._journal.read(mission_id, after)

    async def take_in(self, records: Sequence[Record]) -> bool:
        return await self._journal.take_in(records)

    async def missions(self) -> Mapping[str, int]:
        return await self._journal.missions()

    async def summaries(self, edition: str) -> Mapping[str, str]:
        return await self._journal.summaries(edition)

    async def summarize(self, edition: str, summaries: Mapping[str, tuple[int, str]]) -> None:
        await self._journal.summarize(edition, summaries)

    async def drop(self, rewritten: Sequence[Record], mission_ids: Sequence[str]) -> None:
        await self._journal.drop(rewritten, mission_ids)

    def deciding(self) -> AbstractAsyncContextManager[None]:
        return self._journal.deciding()


async def test_a_full_disk_interrupts_missions_and_not_the_conductor_and_they_go_on_when_there_is_space(
    root: Path,
) -> None:
    async with services(root, {"hangs": True}, {"unavailable": "No key."}) as outside:
        journal = FullDisk(outside.journal, takes=2)
        async with Conductor(replace(outside, journal=journal), lambda _: True) as conductor:
            interrupted = Watch(conductor, MissionInterrupted)
            first = await conductor.start(REQUEST, Settings.model_validate({}))
            with anyio.fail_after(10):
                await conductor.wait(first, None)
            stopped = conductor.state(first)
            assert (stopped.status, stopped.reason) == ("interrupted", "The disk is full; free some space.")
            assert isinstance(interrupted.event, MissionInterrupted), "everybody is shown that it stopped"
            with pytest.raises(UserError, match="disk is full"):
                await conductor.start(REQUEST, Settings.model_validate({}))
            with pytest.raises(UserError, match="disk is full"):
                await conductor.orders.resume(first, Settings.model_validate({}))
            journal.takes = 1000
            assert (await conductor.orders.resume(first, Settings.model_validate({}))).status != "interrupted"
            kinds = [record.event.kind for record in await outside.journal.read(first)]
            assert kinds.count("mission_interrupted") == kinds.count("mission_continued") == 1
            await conductor.orders.cancel(first)
            second = await conductor.start(REQUEST, Settings.model_validate({}))
            await conductor.orders.cancel(second)
            assert conductor.state(second).status == "cancelled"


class Killed(BaseException):
    """The server is gone."""


@dataclass
class MortalJournal:
    """A journal whose server dies right after a task was dropped."""

    journal: Journal
    dead: bool = False

    async def append(
        self, mission_id: str, events: Sequence[Event], after: int | None = None
    ) -> Sequence[Record]:
        if not self.dead:
            await self.journal.append(mission_id, events, after)
            self.dead = any(isinstance(event, TaskDropped) for event in events)
        if self.dead:
            raise Killed
        return await self.journal.read(mission_id, after or 0)

    def __getattr__(self, name: str) -> object:
        return getattr(self.journal, name)


async def test_what_a_task_left_open_that_was_dropped_right_before_a_kill_keeps_no_mission_from_its_sign_off(
    root: Path,
) -> None:
    """An error that a Reviewer found could neither be put right nor dismissed any more."""
    tasks: list[Json] = [
        {"id": "a", "title": "A", "instructions": "Do a.", "files": ["a.txt"]},
        {"id": "b", "title": "B", "instructions": "Do b.", "files": ["b.txt"], "needs": ["a"]},
    ]
    error: Json = {"path": "a.txt", "quote": "a", "severity": "error", "code": "c", "message": "No."}
    writes: list[list[Json]] = [
        [["write_file", {"path": f"{name}.txt", "content": name}], ["finish", {"summary": "Done."}]]
        for name in "ab"
    ]
    outside = services(
        root,
        ["submit_plan", {"tasks": tasks}],
        worker=[*writes[0], {"hangs": True}, *writes[1]],
        reviewer=[
            ["submit_review", {"verdict": "reject", "findings": [error]}],
            ["submit_review", {"verdict": "approve"}],
        ],
        commander=[["sign_off", {"summary": "Done."}]],
    )
    async with outside as living:
        mission_id = ""
        try:
            mortal = replace(living, journal=cast("Journal", MortalJournal(living.journal)))
            async with Conductor(mortal, lambda _: False) as conductor:
                rejected = Watch(conductor, ReviewSubmitted)
                mission_id = await conductor.start(REQUEST, Settings.model_validate({}))
                await rejected.wait()
                base = rendered(conductor.state(mission_id))
                head, _, rest = base.partition("- [/] **a**")
                edited = head + "- [-] **a**" + rest
                await conductor.orders.edit_plan(mission_id, parse(base), parse(edited))
        except* Killed:
            pass
        async with Conductor(living, lambda _: False) as conductor:
            await conductor.orders.resume(mission_id, Settings.model_validate({}))
            mission = await conductor.wait(mission_id, 10)
    assert (mission.ending, mission.reason) == ("signed_off", "Done.")
    assert [finding.state for finding in mission.findings.values()] == ["dismissed"]


@pytest.mark.parametrize("takes", range(1, 5))
async def test_where_one_event_was_not_taken_none_that_follows_is_recorded(root: Path, takes: int) -> None:
    plan: Json = ["submit_plan", {"tasks": [{"id": "t", "title": "T", "instructions": "Do it."}]}]
    async with services(root, plan, plan) as outside:
        journal = FullDisk(outside.journal, takes, passing=True)
        async with Conductor(replace(outside, journal=journal), lambda _: True) as conductor:
            request = MissionRequest("plan", "Do it.")
            mission_id = await conductor.start(request, Settings.model_validate({}))
            with anyio.fail_after(10):
                assert (await conductor.wait(mission_id, None)).status == "interrupted"
            kinds = [record.event.kind for record in await outside.journal.read(mission_id)]
            assert kinds[-1] == "mission_interrupted"
            assert not {"agent_ended", "mission_ended"} & {*kinds}, "a hole in the record"
            with anyio.fail_after(10):
                await conductor.orders.resume(mission_id, Settings.model_validate({}))
                assert (await conductor.wait(mission_id, None)).status == "signed_off"
