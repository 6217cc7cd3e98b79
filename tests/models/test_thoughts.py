"""What models thought before they called tools goes back to those that want it, in the form in which it came."""

from dataclasses import replace

import pytest

from podium.adapters.models import wire
from podium.adapters.models.client import ModelProcess
from podium.adapters.models.thoughts import Thoughts
from podium.domain.answers import understood
from podium.domain.messages import Json, Message
from podium.errors import ModelUnavailable
from podium.ports import ModelAnswer, ModelRequest
from tests.models.provider import Body, Provider, Received, Reply, calls, fails, says

pytestmark = pytest.mark.anyio

DIRECT, ANTHROPIC, UNSTREAMED = "openai/thinker", "anthropic/claude-sonnet-4-5", "hosted_vllm/thinker"
SIGNED: list[Body] = [
    {"type": "thinking", "thinking": "The file is a.py, I think, so I look there.", "signature": "c2lnbmVk"},
    {"type": "redacted_thinking", "data": "aGlkZGVu"},
]
LOOK = ("read_file", {"path": "a.py"})
TOOL: dict[str, Json] = {
    "type": "function",
    "function": {"name": "read_file", "parameters": {"type": "object"}},
}


def first(provider: Provider, name: str) -> ModelRequest:
    go: Message = {"role": "user", "content": "go"}
    return ModelRequest("r1", name, "worker", (go,), (TOOL,), api_base=provider.url)


def then(request: ModelRequest, answer: ModelAnswer) -> ModelRequest:
    """Return the request with the result of the call, as an agent makes it."""
    message = understood(answer.message, answer.finish_reason, "r1", ["read_file"])
    made = message["tool_calls"]
    assert isinstance(made, list)
    results: list[Message] = [
        {"role": "tool", "tool_call_id": call["id"], "content": "text"}
        for call in made
        if isinstance(call, dict)
    ]
    return replace(request, request_id="r2", messages=(*request.messages, message, *results))


def demands_signed_thoughts(received: Received) -> Reply:
    """Answer as Anthropic does: a call that came after a thought is taken back only behind that thought, unchanged."""
    for message in received.body["messages"]:
        if message["role"] == "assistant" and message["content"][:2] != SIGNED:
            return fails(400, "Expected `thinking` or `redacted_thinking`, but found `tool_use`.")
    return calls(LOOK, thinking_blocks=SIGNED)


async def test_thoughts_that_anthropic_signed_go_back_to_it_to_the_letter(model: ModelProcess) -> None:
    async with Provider(demands_signed_thoughts) as provider:
        request = first(provider, ANTHROPIC)
        answer = await model.complete(request)
        again = await model.complete(then(request, answer))
    assert again.message["tool_calls"]
    assert len(provider.requests) == 2
    assert all(received.streams for received in provider.requests)


@pytest.mark.parametrize("name", [DIRECT, UNSTREAMED])
async def test_an_endpoint_that_demands_its_thoughts_gets_them_from_then_on(
    model: ModelProcess, name: str
) -> None:
    def demands(received: Received) -> Reply:
        lacks = any(
            m["role"] == "assistant" and m.get("reasoning_content") != "hm" for m in received.body["messages"]
        )
        if lacks:
            return fails(
                400, "thinking is enabled but reasoning_content is missing in assistant tool call message"
            )
        return calls(LOOK, reasoning_content="hm")

    async with Provider(demands) as provider:
        request = first(provider, name)
        second = then(request, await model.complete(request))
        await model.complete(second)
        await model.complete(second)
    assert len(provider.requests) == 1 + 2 + 1
    assert all("thought" not in str(received.body) for received in provider.requests)


def test_of_several_that_are_refused_at_once_each_is_asked_again_in_the_other_way_and_once() -> None:
    call: Json = {"id": "c1", "type": "function", "function": {"name": "read_file", "arguments": "{}"}}
    thought: Json = {"by": DIRECT, "reasoning_content": "hm"}
    said: Message = {"role": "assistant", "content": None, "tool_calls": [call], "thought": thought}
    asks = [wire.Ask.of(n, ModelRequest(f"r{n}", DIRECT, "worker", (said,), (TOOL,))) for n in (1, 2)]
    thoughts = Thoughts()
    sent = [thoughts.sent(ask) for ask in asks]
    for ask, refused in zip(asks, sent, strict=True):
        assert thoughts.otherwise(ask, refused, "no such file") is None
        other = thoughts.otherwise(ask, refused, "reasoning_content is missing")
        assert other is not None
        assert b"reasoning_content" in other.conversation
        assert thoughts.sent(ask) == other
        assert thoughts.otherwise(ask, other, "reasoning_content is missing") is None


@pytest.mark.parametrize("name", [DIRECT, UNSTREAMED])
async def test_an_endpoint_that_refuses_thoughts_is_sent_none(model: ModelProcess, name: str) -> None:
    def refuses(received: Received) -> Reply:
        known = {"role", "content", "tool_calls", "tool_call_id"}
        if any(message.keys() - known for message in received.body["messages"]):
            return fails(400, "reasoning_content: extra fields are not permitted")
        return calls(LOOK, reasoning_content="hm")

    async with Provider(refuses) as provider:
        request = first(provider, name)
        await model.complete(then(request, await model.complete(request)))
    assert len(provider.requests) == 2


async def test_signatures_that_are_refused_are_left_out(model: ModelProcess) -> None:
    def refuses(received: Received) -> Reply:
        if "signature" in str(received.body["messages"]):
            return fails(400, "Invalid `signature` in `thinking` block")
        return calls(LOOK, thinking_blocks=SIGNED)

    async with Provider(refuses) as provider:
        request = first(provider, ANTHROPIC)
        await model.complete(then(request, await model.complete(request)))
    assert len(provider.requests) == 3


async def test_another_model_is_not_sent_them_and_other_refusals_are_not_tried_again(
    model: ModelProcess,
) -> None:
    async with Provider([calls(LOOK, thinking_blocks=SIGNED), says("x"), fails(400, "nonsense")]) as provider:
        request = first(provider, ANTHROPIC)
        second = then(request, await model.complete(request))
        await model.complete(replace(second, model=DIRECT))
        with pytest.raises(ModelUnavailable, match="nonsense"):
            await model.complete(second)
    assert "c2lnbmVk" not in str(provider.requests[1].body)
    assert len(provider.requests) == 3
