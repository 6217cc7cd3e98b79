"""The state of a mission is the fold of its events, and nothing else."""

from dataclasses import replace

from podium.domain.changes import FileEdit
from podium.domain.checks import CheckResult
from podium.domain.events import (
    AgentEnded,
    AgentStarted,
    AttemptStarted,
    CheckFinished,
    Event,
    FindingChanged,
    LeaseAwaited,
    MissionEnded,
    MissionStarted,
    ModelAnswered,
    ModelAsked,
    ModelFailed,
    PlanSet,
    ProposalDelivered,
    ProposalMade,
    ProposalRedone,
    ProposalRefused,
    ProposalUndone,
    QuestionAnswered,
    QuestionAsked,
    Record,
    ReviewSubmitted,
    TaskAccepted,
    TaskReopened,
    TaskStuck,
)
from podium.domain.findings import Finding, finding_id
from podium.domain.limits import Spent
from podium.domain.messages import Json, Message, Usage
from podium.domain.mission import MissionState, replay
from podium.domain.plan import Task
from podium.domain.spending import summed

STARTED = MissionStarted("Tidy up.", "task", "some/model", "verified", process=7)
PLANNED = PlanSet((Task("a", "A"), Task("b", "B", needs=("a",))))
WORKER = AgentStarted("worker-1", "worker", "a", "some/model", ())


def after(*events: Event) -> MissionState:
    return replay("m-1", [Record("m-1", n, 100.0 + n, event) for n, event in enumerate(events)])


def result(check: str, exit_code: int) -> CheckResult:
    return CheckResult(check, (check,), exit_code, 0.1, "", "hash")


def answer(*tools: str, usage: Usage | None = None) -> ModelAnswered:
    calls: list[Json] = [{"function": {"name": name}} for name in tools]
    message: Message = {"role": "assistant", "tool_calls": calls}
    return ModelAnswered("worker-1", "worker-1.1", message, "stop", usage or Usage())


def test_a_mission_plans_until_it_has_a_plan_and_runs_until_it_ends() -> None:
    assert after(STARTED).status == "planning"
    assert after(STARTED, PLANNED).status == "running"
    ended = after(STARTED, PLANNED, MissionEnded("stopped", "Enough."))
    assert (ended.status, ended.reason, ended.started_at, ended.ended_at) == ("stopped", "Enough.", 100, 102)


def test_a_review_never_plans() -> None:
    assert after(MissionStarted("Look.", "review", "m", "verified")).status == "running"


def test_a_mission_waits_only_when_nobody_in_it_can_go_on() -> None:
    asked = QuestionAsked("q", "Which?", (), "a", "worker-1")
    other = AgentStarted("worker-2", "worker", "b", "some/model", ())
    assert after(STARTED, PLANNED, WORKER, asked).status == "waiting"
    assert after(STARTED, PLANNED, WORKER, other, asked).status == "running"
    going_on = after(STARTED, PLANNED, WORKER, asked, QuestionAnswered("q", "this"))
    assert going_on.status == "running"
    assert not going_on.questions


def test_progress_counts_closed_tasks() -> None:
    state = after(STARTED, PLANNED, TaskAccepted("a", (), "hash", ()))
    assert state.progress == (1, 2)
    assert [t.id for t in state.plan.ready()] == ["b"]


def test_a_stuck_task_is_pending_again_when_it_is_reopened() -> None:
    stuck = (STARTED, PLANNED, AttemptStarted("a", 1, "code"), TaskStuck("a", "No."))
    assert after(*stuck).plan.tasks["a"].state == "stuck"
    assert after(*stuck, TaskReopened("a")).plan.tasks["a"].state == "pending"


def test_attempts_tokens_and_money_add_up() -> None:
    usage = Usage(prompt_tokens=100, completion_tokens=10, cached_tokens=50, cost_usd=0.25)
    asked = (ModelAsked("worker-1", "worker-1.1"), answer("read_file", usage=usage))
    state = after(STARTED, PLANNED, WORKER, AttemptStarted("a", 1, "code"), *asked, *asked)
    assert (state.spent.attempts, state.spent.model_requests, state.spent.tokens) == (1, 2, 220)
    assert (state.spent.cost_usd, state.spent.cost_known, state.spent.cached_tokens) == (0.5, True, 100)
    assert (state.agents["worker-1"].requests, state.agents["worker-1"].tokens) == (2, 220)


def test_what_was_spent_is_booked_on_role_task_and_the_model_that_answered() -> None:
    usage = Usage(prompt_tokens=100, completion_tokens=10, cost_usd=0.25)
    guess = Usage(prompt_tokens=70, estimated=True)
    planner = AgentStarted("planner-1", "planner", "", "some/model", ())
    events = (
        *(STARTED, planner, replace(answer(usage=usage), agent_id="planner-1"), PLANNED, WORKER),
        *(answer(usage=usage), replace(answer(usage=guess), model="other/model")),
    )
    state = after(*events)
    assert summed(state.spending, "role") == {
        "planner": Spent().with_answer(usage),
        "worker": Spent().with_answer(usage).with_answer(guess),
    }
    assert {name: spent.tokens for name, spent in summed(state.spending, "task").items()} == {
        "": 110,
        "a": 180,
    }
    by_model = summed(state.spending, "model")
    assert [*by_model] == ["some/model", "other/model"]
    assert (by_model["other/model"].estimated, by_model["some/model"].estimated) == (1, 0)
    assert sum(by_model.values(), Spent()) == state.spent


def test_one_answer_without_a_price_makes_the_cost_unknown() -> None:
    assert not after(STARTED, WORKER, answer(usage=Usage(cost_usd=None))).spent.cost_known


def test_an_agent_shows_what_it_does() -> None:
    def doing(event: Event) -> str:
        return after(STARTED, WORKER, event).agents["worker-1"].doing

    assert doing(ModelAsked("worker-1", "r")) == "asking the model"
    assert doing(answer("read_file", "search")) == "reading"
    assert doing(answer("of_another_tool")) == "of_another_tool"
    assert doing(LeaseAwaited("worker-1", "a.py", "t-2")) == "waiting for a.py (task t-2)"
    assert doing(answer()) == "thinking"
    assert doing(ModelFailed("worker-1", "r", "429", 1.0)) == "waiting for the model"
    assert "worker-1" not in after(STARTED, WORKER, AgentEnded("worker-1", "done")).agents


def test_only_checks_of_the_gate_are_evidence() -> None:
    state = after(
        STARTED,
        CheckFinished("a", result("tests", 1)),
        CheckFinished("a", result("tests", 0), "agent"),
        CheckFinished("a", result("tests", 0), "baseline"),
    )
    assert not state.checks["a", "tests"].green
    assert after(STARTED, CheckFinished("a", result("tests", 0))).checks["a", "tests"].green


def test_a_finding_lives_on_until_it_is_fixed() -> None:
    finding = Finding("f", "a.py", 1, "x", "error", "code", "Wrong.")
    reviewed = (STARTED, ReviewSubmitted("a", False, (finding,)))
    assert after(*reviewed).findings["f"].state == "open"
    assert after(*reviewed, FindingChanged("f", "fixed")).findings["f"].state == "fixed"
    again = after(*reviewed, FindingChanged("f", "fixed"), ReviewSubmitted("a", False, (finding,)))
    assert again.findings["f"].state == "open"


def test_a_refused_proposal_keeps_the_reason_and_waits_in_every_mode() -> None:
    state = after(STARTED, ProposalMade("p", "Tidy", ()), ProposalRefused("p", "not like this"))
    assert (state.proposals["p"].state, state.proposals["p"].reason) == ("waiting", "not like this")
    assert state.under_review() == (state.proposals["p"],)


def test_an_ended_mission_has_no_agents_and_no_questions() -> None:
    state = after(
        STARTED, WORKER, QuestionAsked("q", "Which?", ()), MissionEnded("cancelled", "By the user.")
    )
    assert not state.agents
    assert not state.questions


def test_the_same_finding_has_the_same_id_wherever_the_line_moves() -> None:
    one = finding_id("m-1", "a.py", "code", "  x = 1\n", "Wrong.")
    assert one == finding_id("m-1", "a.py", "code", "x = 1", " Wrong. ")
    assert one != finding_id("m-1", "b.py", "code", "x = 1", "Wrong.")
    assert one.startswith("f-")


def test_a_proposal_is_delivered_undone_and_delivered_and_knows_what_the_last_of_it_wrote() -> None:
    there, back = FileEdit("a", b"1", b"2"), FileEdit("a", b"2 and more", b"1 and more")
    made = (STARTED, ProposalMade("p", "Tidy", (there,), "a"))
    delivered = (*made, ProposalDelivered("p", "editor", (there,)))
    undone = (*delivered, ProposalUndone("p", "disk", (back,)))
    redone = (*undone, ProposalRedone("p", "editor", (there,)))
    told = [after(*events).proposals["p"] for events in (made, delivered, undone, redone)]
    assert [p.state for p in told] == ["waiting", "delivered", "undone", "delivered"]
    assert [p.written for p in told] == [(), (there,), (back,), (there,)]
    assert [p.delivered_at for p in told] == [0, 102, 102, 102]
