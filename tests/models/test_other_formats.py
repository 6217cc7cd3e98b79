"""Providers that speak neither OpenAI's format nor are asked directly: streamed through litellm, and what goes wrong there."""

from dataclasses import replace

import pytest

from podium.adapters.models.client import ModelProcess
from podium.errors import ModelUnavailable
from podium.ports import ContextOverflow, Json, ModelAnswer, ModelFault, ModelRequest, RateLimited
from tests.models.formats import Break
from tests.models.provider import Provider, Reply, calls, drops, fails, says

pytestmark = pytest.mark.anyio

OLLAMA, GEMINI, ANTHROPIC = "ollama_chat/qwen3", "gemini/gemini-2.5-pro", "anthropic/claude-sonnet-4-5"
TEXT = "It is said in many words, of which not all may come through."
TWO_CALLS = calls(("read_file", {"path": "a.py"}), ("read_file", {"path": "b.py"}), text="I look.")
TOOL: dict[str, Json] = {
    "type": "function",
    "function": {
        "name": "read_file",
        "parameters": {"type": "object", "properties": {"path": {"type": "string"}}},
    },
}
both = pytest.mark.parametrize("name", [OLLAMA, GEMINI])


def request(provider: Provider, name: str) -> ModelRequest:
    conversation: tuple[dict[str, Json], ...] = (
        {"role": "system", "content": "You read."},
        {"role": "user", "content": "go"},
    )
    base = provider.url.removesuffix("/v1") if name == OLLAMA else provider.url
    return ModelRequest("r1", name, "worker", conversation, (TOOL,), api_base=base, stall_s=1.0)


async def ask(model: ModelProcess, name: str, reply: Reply) -> ModelAnswer:
    async with Provider([reply]) as provider:
        answer = await model.complete(request(provider, name))
        assert [received.streams for received in provider.requests] == [True]
    return answer


@both
async def test_an_answer_is_streamed_whole_with_the_providers_count(model: ModelProcess, name: str) -> None:
    answer = await ask(model, name, says(TEXT))
    assert answer.message == {"role": "assistant", "content": TEXT}
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (1000, 8)
    assert not answer.usage.estimated
    answer = await ask(model, name, TWO_CALLS)
    assert answer.message["content"] == "I look."
    made = answer.message["tool_calls"]
    assert isinstance(made, list)
    arguments = [call["function"] for call in made if isinstance(call, dict)]
    assert arguments == [{"name": "read_file", "arguments": f'{{"path": "{one}.py"}}'} for one in "ab"]


@both
async def test_a_count_that_the_provider_did_not_send_is_an_estimate(model: ModelProcess, name: str) -> None:
    assert (await ask(model, name, says(TEXT, usage=None))).usage.estimated


@both
@pytest.mark.parametrize("how", ["cut", "stall", "silence"])
async def test_a_stream_that_breaks_is_a_fault_that_passes(
    model: ModelProcess, name: str, how: Break
) -> None:
    with pytest.raises(ModelFault):
        await ask(model, name, says(TEXT).breaking(how))


@pytest.mark.parametrize("name", [OLLAMA, GEMINI, ANTHROPIC])
@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (fails(500, "oops"), ModelFault),
        (Reply(502, "<html>Bad gateway</html>"), ModelFault),
        (fails(503, "unavailable"), RateLimited),
        (fails(529, "Overloaded", "overloaded_error"), RateLimited),
        (fails(429, "slow down", retry_after="3"), RateLimited),
        (fails(400, "prompt is too long: 208310 tokens > 200000 maximum"), ContextOverflow),
        (fails(401, "who are you"), ModelUnavailable),
        (drops(), ModelFault),
        (Reply(200, "this is not json"), ModelFault),
    ],
)
async def test_an_error_means_the_same_in_every_format(
    model: ModelProcess, name: str, reply: Reply, kind: type[Exception]
) -> None:
    async with Provider([reply, says("a retry that nobody asked for")]) as provider:
        with pytest.raises((ModelFault, ModelUnavailable)) as caught:
            await model.complete(replace(request(provider, name), timeout_s=20))
        assert len(provider.requests) == 1
    assert type(caught.value) is kind, caught.value
    assert "litellm" not in str(caught.value)
    if isinstance(caught.value, RateLimited) and reply.headers:
        assert caught.value.retry_after_s == 3
