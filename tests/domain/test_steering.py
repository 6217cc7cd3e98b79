"""What the user says reaches those it is meant for, and a pause is a stretch of time with a beginning and an end."""

import pytest

from podium.domain.events import (
    AgentStarted,
    AgentTold,
    Event,
    MissionEnded,
    MissionPaused,
    MissionResumed,
    MissionStarted,
    ModelAnswered,
    ModelAsked,
    PlanSet,
    QuestionAsked,
    Steered,
)
from podium.domain.messages import Usage
from podium.domain.mission import MissionState, Pause, fold
from podium.domain.plan import Task
from podium.domain.rights import Role
from podium.domain.steering import Steer, audience
from podium.domain.stuck import way_out

STARTED = MissionStarted("Tidy up.", "task", "some/model", "verified")
WORKER = AgentStarted("worker-1", "worker", "a", "some/model", ())


def after(*events: Event) -> MissionState:
    state = MissionState("m-1")
    for second, event in enumerate(events):
        state = fold(state, event, float(second))
    return state


@pytest.mark.parametrize(
    ("task_id", "running", "hears"),
    [
        ("", {"planner"}, {"planner", "commander"}),
        ("", {"commander"}, {"commander"}),
        ("", {"worker", "reviewer"}, {"commander", "planner", "searcher", "worker", "reviewer"}),
        ("", set[Role](), {"commander", "planner", "searcher", "worker", "reviewer"}),
        ("a", {"commander"}, {"commander", "planner", "searcher", "worker", "reviewer"}),
    ],
)
def test_who_leads_hears_what_is_said_to_the_mission(
    task_id: str, running: set[Role], hears: set[Role]
) -> None:
    assert set(audience(task_id, running)) == hears


def test_what_is_said_to_a_task_concerns_who_works_on_it_and_who_judges_the_whole() -> None:
    steer = Steer("s-1", "Be quick.", "a", "next", audience("a", ()), 0.0)
    assert steer.concerns("worker", "a")
    assert steer.concerns("reviewer", "a")
    assert steer.concerns("commander", "")
    assert not steer.concerns("worker", "b")


def test_who_has_heard_a_message_is_known() -> None:
    opening = AgentStarted("worker-2", "worker", "a", "some/model", (), ("s-1",))
    told = AgentTold("worker-1", {"role": "user", "content": "Be quick."}, "s-1")
    state = after(STARTED, WORKER, Steered("s-1", "Be quick."), told, opening)
    assert state.steers["s-1"].told == ("worker-1", "worker-2")
    assert state.steers["s-1"].at == 2.0


def test_a_paused_mission_is_paused_whatever_it_waits_for_and_keeps_its_questions() -> None:
    asked = QuestionAsked("q-1", "Which?", (), "a", "worker-1")
    state = after(STARTED, PlanSet((Task("a", "A"),)), WORKER, asked, MissionPaused(), MissionPaused())
    assert (state.status, list(state.questions)) == ("paused", ["q-1"])
    assert state.pauses == (Pause(4.0),)
    resumed = fold(state, MissionResumed(), 9.0)
    assert (resumed.status, resumed.pauses) == ("waiting", (Pause(4.0, 9.0),))
    assert fold(state, MissionEnded("cancelled", "Cancelled."), 7.0).pauses == (Pause(4.0, 7.0),)


def test_in_a_pause_only_a_request_in_flight_goes_on() -> None:
    asking = after(STARTED, WORKER, ModelAsked("worker-1", "r-1"), MissionPaused())
    assert asking.doing(asking.agents["worker-1"]) == ("asking the model", 2.0)
    answer = ModelAnswered("worker-1", "r-1", {"role": "assistant", "content": "x"}, "stop", Usage())
    settled = fold(asking, answer, 8.0)
    assert settled.doing(settled.agents["worker-1"]) == ("paused", 8.0)


@pytest.mark.parametrize(
    ("answer", "means"),
    [
        ("retry", ("retry", "")),
        (" Take over ", ("take over", "")),
        ("other model", ("other model", "")),
        ("Other model openai/gpt-4o", ("other model", "openai/gpt-4o")),
        ("use another model of the car", ("retry", "use another model of the car")),
        ("skip the first line", ("retry", "skip the first line")),
    ],
)
def test_an_answer_that_is_no_way_out_is_a_hint(answer: str, means: tuple[str, str]) -> None:
    assert way_out(answer) == means
