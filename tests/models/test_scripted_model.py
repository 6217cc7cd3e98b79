"""The model whose replies are written in advance."""

import pytest

from podium.adapters.scripted_model import ScriptedModel, ScriptEnded, calls, says
from podium.errors import ModelUnavailable
from podium.ports import Json, ModelFault, ModelRequest

pytestmark = pytest.mark.anyio


def asks(role: str, task: str = "") -> ModelRequest:
    return ModelRequest("r", "scripted", role, (), (), facts={"task": task})


async def test_each_role_gets_its_own_replies_in_order() -> None:
    model = ScriptedModel({"planner": [says("plan")], "worker": [says("one"), says("two")]})
    heard: list[Json] = []
    for role in ("worker", "planner", "worker"):
        heard.append((await model.complete(asks(role))).message["content"])
    assert heard == ["one", "plan", "two"]
    assert model.unused() == {}
    assert [request.role for request in model.requests] == ["worker", "planner", "worker"]


async def test_running_out_names_the_role_and_the_step() -> None:
    model = ScriptedModel({"worker": [says("one")]})
    await model.complete(asks("worker"))
    with pytest.raises(ScriptEnded, match="no reply 2 for worker: it holds 1"):
        await model.complete(asks("worker"))
    with pytest.raises(ScriptEnded, match="no reply 1 for reviewer"):
        await model.complete(asks("reviewer"))


async def test_an_agent_with_replies_of_its_own_does_not_use_its_roles() -> None:
    model = ScriptedModel(
        {"worker": [says("any")], "second": [says("second")]},
        speaker=lambda request: str(request.facts["task"]),
    )
    assert (await model.complete(asks("worker", "second"))).message["content"] == "second"
    assert (await model.complete(asks("worker", "first"))).message["content"] == "any"


async def test_scripted_errors_are_raised_and_what_is_left_is_known() -> None:
    model = ScriptedModel(
        {"worker": [ModelFault("slow down", 2.0), ModelUnavailable("no"), says("x"), says("y")]}
    )
    with pytest.raises(ModelFault, match="slow down"):
        await model.complete(asks("worker"))
    with pytest.raises(ModelUnavailable, match="no"):
        await model.complete(asks("worker"))
    assert model.unused() == {"worker": 2}


async def test_tool_calls_get_ids_that_are_the_same_in_every_run_and_unique_within_one() -> None:
    reply = calls(("read_file", {"path": "a.py"}), ("finish", '{"summary": cut'))
    model = ScriptedModel({"worker": [reply, reply]})
    ids: list[Json] = []
    for _ in range(2):
        found = (await model.complete(asks("worker"))).message["tool_calls"]
        assert isinstance(found, list)
        ids += [call["id"] for call in found if isinstance(call, dict)]
    assert ids == ["call_worker_1_1", "call_worker_1_2", "call_worker_2_1", "call_worker_2_2"]


async def test_a_reply_can_be_made_from_the_request() -> None:
    model = ScriptedModel({"worker": [lambda request: says(f"for {request.role}")]})
    assert (await model.complete(asks("worker"))).message["content"] == "for worker"
