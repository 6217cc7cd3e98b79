"""Whole missions, each told by a file in `tests/scenarios`, and the laws that hold in all of them."""

import json
from collections.abc import Collection, Iterable, Sequence
from itertools import groupby, pairwise
from pathlib import Path

import pytest

from podium.domain import mission_file
from podium.domain.checks import CheckResult
from podium.domain.conversation import Conversation, conversation
from podium.domain.events import (
    AgentStarted,
    AgentTold,
    AttemptStarted,
    CheckFinished,
    ConversationCompacted,
    Event,
    MissionEnded,
    ModelAnswered,
    ModelAsked,
    PlanSet,
    Record,
    TaskAccepted,
    TaskDropped,
    TaskStuck,
    ToolReturned,
    from_json,
    to_json,
)
from podium.domain.masking import Mask
from podium.domain.mission import MissionState, replay
from podium.domain.mission_file import MissionFile
from podium.domain.plan import Task
from podium.domain.pruning import without_conversations
from podium.domain.summary import from_line, summary_of, to_line
from podium.domain.text_protocol import described, in_words
from podium.engine.roles import filled
from podium.engine.tools.table import OFFERED
from podium.ports import ModelRequest
from tests.engine.play import Played, play
from tests.engine.scenario import Scenario

pytestmark = pytest.mark.anyio
WORDS = filled("text_tools", tools=described(OFFERED))
SCENARIOS = sorted((Path(__file__).parent.parent / "scenarios").glob("*.md"))


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
async def test_a_scenario_goes_as_it_is_told(
    path: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    scenario = Scenario.read(path)
    root = tmp_path / "project"
    root.mkdir()
    played = await play(scenario, root, tmp_path / "state")
    _the_laws_hold(played)
    if request.config.getoption("--update-scenarios"):
        scenario.update(played.expected)
    else:
        assert played.expected == scenario.expected


async def test_answers_and_calls_that_are_good_for_nothing_are_counted(tmp_path: Path) -> None:
    (root := tmp_path / "project").mkdir()
    scenario = next(path for path in SCENARIOS if path.stem == "wrong-calls-are-explained")
    played = await play(Scenario.read(scenario), root, tmp_path / "state")
    assert [state.spent.corrections for state in played.live.values()] == [2 + 5 + 2 + 1]


def _the_laws_hold(played: Played) -> None:
    """Assert what is true in every mission, whatever it is about."""
    for mission_id, live in played.live.items():
        events = played.events(mission_id)
        assert [r for r in played.records if r.mission_id == mission_id] == played.journalled[mission_id]
        assert replay(mission_id, played.journalled[mission_id]) == live == played.reopened[mission_id]
        assert [from_json(to_json(event)) for event in events] == events
        assert [type(event) for event in events].count(MissionEnded) == 1
        _what_is_kept_of_it_later_is_the_same(live, played.journalled[mission_id])
        assert not live.agents
        assert not live.questions
        _needs_come_first(events)
        _no_two_tasks_hold_one_file(events)
        _no_check_runs_twice_on_one_tree(events)
        _requests_are_the_fold_of_events(events, played.model.script.requests)
    shortened = {r.event.agent_id for r in played.records if isinstance(r.event, ConversationCompacted)}
    _conversations_only_grow(played.model.script.requests, shortened)
    assert not played.model.script.unused(), "replies are left over"
    assert not played.left_over, "the user had more to do"


def _requests_are_the_fold_of_events(events: list[Event], requests: Iterable[ModelRequest]) -> None:
    """Assert that the journal has each conversation to the byte; ids repeat from mission to mission."""
    asked: dict[str, list[Conversation]] = {}
    for request in requests:
        asked.setdefault(request.request_id, []).append(request.messages)
    for n, event in enumerate(events):
        if isinstance(event, ModelAsked) and event.request_id in asked:
            told = [e for e in events[:n] if getattr(e, "agent_id", "") == event.agent_id]
            messages = conversation(told)
            assert any(one in asked[event.request_id] for one in (messages, in_words(messages, WORDS)))


def _what_is_kept_of_it_later_is_the_same(live: MissionState, records: Sequence[Record]) -> None:
    """Assert that summaries and files are read as they were written, and that a mission is the same without its words."""
    summary = summary_of(live)
    assert from_line(to_line(summary)) == summary
    mission = MissionFile(live.id, "1", 0.0, tuple(records))
    assert mission_file.read(mission_file.written(mission, Mask()), "file") == mission
    changed = {record.seq: record for record in without_conversations(records)}
    slim = [changed.get(record.seq, record) for record in records]
    assert replay(live.id, slim) == live
    assert not any(conversation_words(record.event) for record in slim)


def conversation_words(event: Event) -> bool:
    """Return whether an event holds what was said to a model, or by one."""
    match event:
        case AgentStarted():
            return bool(event.opening)
        case ModelAnswered() | AgentTold():
            return "content" in event.message or "tool_calls" in event.message
        case ToolReturned():
            return bool(event.result or event.arguments)
        case _:
            return False


def _needs_come_first(events: Iterable[Event]) -> None:
    closed: set[str] = set()
    tasks: dict[str, Task] = {}
    for event in events:
        match event:
            case PlanSet():
                tasks = {task.id: task for task in event.tasks}
            case TaskAccepted() | TaskDropped():
                closed.add(event.task_id)
            case AttemptStarted():
                assert set(tasks[event.task_id].needs) <= closed, f"{event.task_id} came too early"
            case _:
                pass


def _no_two_tasks_hold_one_file(events: Iterable[Event]) -> None:
    tasks: dict[str, Task] = {}
    running: set[str] = set()
    for event in events:
        match event:
            case PlanSet():
                tasks = {task.id: task for task in event.tasks}
            case TaskAccepted() | TaskDropped() | TaskStuck():
                running.discard(event.task_id)
            case AttemptStarted():
                running.add(event.task_id)
                held = [path for task_id in running for path in tasks[task_id].files]
                assert len(held) == len(set(held)), f"two of {running} hold one file"
            case _:
                pass


def _no_check_runs_twice_on_one_tree(events: Iterable[Event]) -> None:
    """Assert that what is recorded of a check and a tree is one run: two would not take the same time."""
    runs: dict[tuple[str, str], CheckResult] = {}
    for event in events:
        if isinstance(event, CheckFinished):
            result = event.result
            assert runs.setdefault((result.tree_hash, event.call), result) == result, event.call


def _conversations_only_grow(requests: list[ModelRequest], shortened: Collection[str]) -> None:
    """Assert that each request of a conversation begins with the bytes of the one before, or with its opening."""

    def agent(request: ModelRequest) -> tuple[str, str]:
        return str(request.messages[:2]), request.request_id.split(".")[0]

    for (_, agent_id), requested in groupby(sorted(requests, key=agent), key=agent):
        for one, two in pairwise(requested):
            stays = one.messages[:2] if agent_id in shortened else one.messages
            before, after = json.dumps(stays), json.dumps(two.messages)
            now_in_words = bool(one.tools) and not two.tools
            assert now_in_words or after.startswith(before[:-1])
            assert now_in_words or json.dumps(one.tools) == json.dumps(two.tools)
