"""A task is dropped by the user or closed by its evidence, never both."""

from collections.abc import Callable, Sequence

import anyio
import pytest

from podium.domain.events import AttemptStarted, Event, MissionStarted, PlanSet, TaskAccepted, TaskDropped
from podium.domain.mission import MissionState, fold
from podium.domain.plan import Task
from podium.domain.plan_edits import PlanEdit
from podium.domain.plan_text import parse, rendered
from podium.engine.plan_desk import PlanDesk

pytestmark = pytest.mark.anyio


class Mission:
    """Two tasks, of which the first is at work, and the desk for their plan."""

    def __init__(self) -> None:
        self.state = MissionState("m-1")
        self.desk = PlanDesk(self.record, lambda _: None)
        started = MissionStarted("Goal", "task", "model", "verified")
        self.add(started, PlanSet((Task("a", "Do a"), Task("b", "Do b"))), AttemptStarted("a", 1, "code"))

    def add(self, *events: Event) -> None:
        for event in events:
            self.state = fold(self.state, event, 1.0)

    async def record(self, decide: Callable[[MissionState], Sequence[Event]]) -> None:
        self.add(*decide(self.state))

    async def edit(self, old: str, new: str) -> PlanEdit:
        text = rendered(self.state)
        assert old in text
        return await self.desk.edit(parse(text), parse(text.replace(old, new)))


async def test_work_on_a_dropped_task_is_stopped_and_cannot_be_accepted_any_more() -> None:
    mission = Mission()
    with mission.desk.at_work("a") as scope:
        await mission.edit("- [/] **a** Do a\n", "")
        assert mission.state.plan.tasks["a"].state == "dropped"
        with mission.desk.closing("a") as allowed:
            assert not allowed
        await anyio.sleep_forever()
    assert scope.cancelled_caught
    assert mission.state.reasons == {"a": "by the user in the plan"}


async def test_a_task_that_is_being_closed_counts_as_closed() -> None:
    mission = Mission()
    with mission.desk.at_work("a") as scope:
        with mission.desk.closing("a") as allowed:
            assert allowed
            edit = await mission.edit("- [/] **a** Do a\n", "")
            assert not edit.changes
            edit = await mission.edit("Do a", "Do more")
            assert "is completed and stays as it is" in edit.problems[0].message
            edit = await mission.edit("Do b", "Do b well")
            assert (edit.changes, mission.state.plan.tasks["a"].state) == (True, "running")
            mission.add(TaskAccepted("a", (), "", ()))
        await anyio.lowlevel.checkpoint()
    assert not scope.cancelled_caught
    assert [task.state for task in mission.state.plan.tasks.values()] == ["completed", "pending"]


async def test_what_the_user_drops_is_recorded_before_the_plan_without_it() -> None:
    mission = Mission()
    seen: list[Event] = []
    mission.add = lambda *events: seen.extend(events)
    await mission.edit("[ ] **b**", "[-] **b**")
    dropped, plan = seen
    assert dropped == TaskDropped("b", "by the user in the plan")
    assert isinstance(plan, PlanSet)
    assert (plan.tasks[1].state, plan.reason) == ("dropped", "The user edited the plan: dropped b.")
