"""Conversations and windows: what is left out where a model can read only little, and of which model that is learned."""

from pathlib import Path

import pytest

from podium.domain.conversation import Conversation, after
from podium.domain.events import ConversationCompacted
from podium.domain.messages import Json, Message
from podium.engine.briefs import Opening
from podium.engine.dialects import Acquaintances
from podium.engine.room import Room, Windows
from podium.ports import ModelRequest
from tests.engine.play import play
from tests.engine.scenario import Scenario

SCENARIOS = Path(__file__).parents[1] / "scenarios"
LAST_RULE = "Rule 040"


async def asked(scenario: str, tmp_path: Path) -> list[ModelRequest]:
    """Return the requests of the planner in a scenario."""
    (root := tmp_path / "project").mkdir()
    played = await play(Scenario.read(SCENARIOS / f"{scenario}.md"), root, tmp_path / "state")
    return [request for request in played.model.script.requests if request.role == "planner"]


def text(request: ModelRequest) -> str:
    return "\n".join(str(message.get("content")) for message in request.messages)


@pytest.mark.anyio
async def test_a_shortened_opening_keeps_the_goal_the_rules_of_the_team_and_the_role(tmp_path: Path) -> None:
    first, *shorter = await asked("an-opening-that-is-too-long-is-shortened", tmp_path)
    assert [len(text(request)) for request in (first, *shorter)] == sorted(
        (len(text(request)) for request in (first, *shorter)), reverse=True
    )
    beginning, ending = text(first).split("Rule 002")[0], text(first).rsplit("# Goal", 1)[1]
    for request in shorter:
        assert text(request).startswith(beginning)
        assert text(request).endswith(ending)
        assert "characters left out to save room" in text(request)


@pytest.mark.anyio
async def test_a_model_that_cannot_read_the_opening_leaves_the_agent_to_a_larger_one(tmp_path: Path) -> None:
    requests = await asked("an-opening-that-is-too-long-goes-to-a-larger-model", tmp_path)
    assert [request.model for request in requests] == ["builtin/repair", "other/large", "other/large"]
    assert len({str(request.messages[:2]) for request in requests}) == 1


@pytest.mark.anyio
async def test_a_fallback_that_cannot_read_the_opening_says_nothing_of_the_model(tmp_path: Path) -> None:
    requests = await asked("an-opening-that-a-fallback-cannot-read-goes-back", tmp_path)
    own, small = "builtin/repair", "other/small"
    assert [request.model for request in requests] == [own, small, own, own]
    assert LAST_RULE in str(requests[-1].messages[-1])  # a result that is not cut to a share of 3,000 tokens


def test_the_window_that_an_overflow_teaches_is_that_of_the_model_that_was_asked() -> None:
    windows, opening = Windows(Acquaintances(), {}, None), Opening(({"role": "user", "content": "go"},))
    read: tuple[Message, ...] = (
        {"role": "assistant", "content": "I read."},
        {"role": "user", "content": "and?"},
        {"role": "assistant", "content": "more"},
    )
    room = Room(windows, ("own", "spare"), opening)
    room.overflowed((*opening.messages, *read), "spare", 5_000)
    assert (windows.of("own"), windows.of("spare")) == (None, 5_000)
    room.overflowed((*opening.messages, *read), "own", None)
    assert (windows.of("own") or 0) > 0
    assert windows.of("spare") == 5_000


def test_a_known_window_is_kept_to_before_anybody_refuses() -> None:
    windows, rules = Windows(Acquaintances(), {}, None), "A rule. " * 2_000
    messages: tuple[Message, ...] = (
        {"role": "system", "content": f"{rules}\nThe goal."},
        {"role": "user", "content": "Your role."},
    )
    room = Room(windows, ("small",), Opening(messages, spare=(rules,)))
    assert room.compactions(messages, step_done=False) == ()
    windows.learn("small", 4_000)
    (shorter,) = room.compactions(messages, step_done=False)
    assert (shorter.kept, shorter.dropped, shorter.note["role"]) == (0, 1, "system")
    assert str(shorter.note["content"]).endswith("The goal.")
    assert len(str(shorter.note["content"])) < 4_000 * 3


@pytest.mark.parametrize("window", [None, 4_000, 128_000])
def test_a_model_that_refuses_whatever_it_is_sent_is_given_up_after_a_few_requests(
    window: int | None,
) -> None:
    opening = Opening(({"role": "user", "content": "go"},))
    messages: Conversation = opening.messages
    for n in range(3):
        call: Json = {
            "id": f"c{n}",
            "type": "function",
            "function": {"name": "read_file", "arguments": "{}"},
        }
        result = "line\n" * 2_000
        messages = (
            *messages,
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": f"c{n}", "content": result},
        )
    room = Room(Windows(Acquaintances(), {}, None), ("small",), opening)
    for _ in range(20):
        shorter = room.overflowed(messages, "small", window)
        if shorter is None:
            return
        for one in shorter:
            event = ConversationCompacted("a", one.kept, one.dropped, one.note, one.cut)
            messages = after(messages, event)
    pytest.fail("it would be asked forever")
