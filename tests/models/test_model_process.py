"""The model process, with a real HTTP endpoint, asked directly and through the real litellm."""

import signal
import subprocess
import sys
import time
import venv
from collections.abc import AsyncIterator
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from sysconfig import get_path

import anyio
import psutil
import pytest

from podium.adapters.models.client import ModelProcess
from podium.errors import ModelUnavailable
from podium.ports import (
    ContextOverflow,
    Json,
    ModelAnswer,
    ModelFault,
    ModelRequest,
    RateLimited,
    ToolsRefused,
)
from tests.models.formats import Break
from tests.models.provider import Provider, Received, Reply, calls, drops, fails, says

pytestmark = pytest.mark.anyio
DATE_IN_1000_S = "<date>"

TOOL: dict[str, Json] = {
    "type": "function",
    "function": {
        "name": "read_file",
        "parameters": {"type": "object", "properties": {"path": {"type": "string"}}},
    },
}
KEY, OPENAI_KEY = "secret-of-the-user-4711", "key-for-openai-4711"
DIRECT, LITELLM = "openai/tiny", "hosted_vllm/tiny"
both_ways = pytest.mark.parametrize("name", [DIRECT, LITELLM])


@pytest.fixture(scope="module")
async def openai() -> AsyncIterator[Provider]:
    """What the model process takes for OpenAI itself."""
    async with Provider(lambda _: calls(("read_file", {"path": "a.py"}))) as provider:
        yield provider


@pytest.fixture(scope="module")
async def model(openai: Provider) -> AsyncIterator[ModelProcess]:
    proxy = "http://127.0.0.1:9"  # not for this machine
    environ = {
        "MY_KEY": KEY,
        "http_proxy": proxy,
        "OPENAI_BASE_URL": openai.url,
        "OPENAI_API_KEY": OPENAI_KEY,
    }
    async with anyio.create_task_group() as tasks:
        process = ModelProcess(environ)
        await tasks.start(process.run)
        await process.warm(DIRECT, "http://127.0.0.1:1")
        await process.warm(LITELLM)
        yield process
        tasks.cancel_scope.cancel()


def request(provider: Provider | str, model: str = "openai/tiny", text: str = "hello") -> ModelRequest:
    url = provider if isinstance(provider, str) else provider.url
    return ModelRequest("r1", model, "worker", ({"role": "user", "content": text},), (TOOL,), api_base=url)


async def ask(model: ModelProcess, reply: Reply, name: str = "openai/tiny") -> ModelAnswer:
    async with Provider([reply]) as provider:
        return await model.complete(request(provider, name))


# --- answers ----------------------------------------------------------------------------------------


@both_ways
async def test_an_answer_in_words_holds_only_the_keys_of_the_contract(model: ModelProcess, name: str) -> None:
    answer = await ask(model, says("hello", reasoning_content="hm", refusal=None), name)
    assert answer.message == {"role": "assistant", "content": "hello"}
    assert answer.finish_reason == "stop"


async def test_of_content_in_parts_the_text_counts(model: ModelProcess) -> None:
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    parts = [thought, {"type": "text", "text": "hel"}, {"type": "text", "text": "lo"}]
    message = {"role": "assistant", "content": parts}
    reply = Reply(body={"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
    assert (await ask(model, reply)).message["content"] == "hello"


async def test_a_refusal_is_told_as_such(model: ModelProcess) -> None:
    answer = await ask(model, says(None, refusal="I cannot do that."))
    assert (answer.message["content"], answer.finish_reason) == ("I cannot do that.", "refusal")


@both_ways
async def test_a_tool_call_arrives_with_what_was_asked_unchanged(model: ModelProcess, name: str) -> None:
    async with Provider([calls(("read_file", {"path": "a.py"}))]) as provider:
        answer = await model.complete(request(provider, name))
    (seen,) = provider.requests
    assert seen.path == "/v1/chat/completions"
    assert seen.body["model"] == "tiny"
    assert seen.body["messages"] == [{"role": "user", "content": "hello"}]
    assert seen.body["tools"] == [TOOL]
    assert bool(seen.body.get("stream")) == (name == DIRECT)
    (call,) = tool_calls(answer)
    assert call == {"id": call["id"], "type": "function", "function": call["function"]}
    assert call["function"] == {"name": "read_file", "arguments": '{"path": "a.py"}'}
    assert answer.finish_reason == "tool_calls"


@both_ways
async def test_a_conversation_with_tool_results_passes(model: ModelProcess, name: str) -> None:
    async with Provider([says("done")]) as provider:
        conversation: tuple[dict[str, Json], ...] = (
            {"role": "system", "content": "You read."},
            {"role": "user", "content": "ünïcode, \x00, 🎼"},
            {
                "role": "assistant",
                "content": "I look.",
                "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "read_file", "arguments": "{}"}}
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "text"},
        )
        await model.complete(replace(request(provider, name), messages=conversation))
        assert provider.requests[0].body["messages"] == list(conversation)


@pytest.mark.parametrize("name", ["openai/gpt-4o-mini", "gpt-4o-mini"])
async def test_openai_itself_is_asked_through_litellm(
    model: ModelProcess, openai: Provider, name: str
) -> None:
    answer = await model.complete(replace(request("", name), api_base=None))
    assert openai.requests[-1].headers["authorization"] == f"Bearer {OPENAI_KEY}"
    assert openai.requests[-1].body["tools"] == [TOOL]
    assert tool_calls(answer)[0]["function"] == {"name": "read_file", "arguments": '{"path": "a.py"}'}


@both_ways
async def test_missing_call_ids_are_filled_in_and_differ(model: ModelProcess, name: str) -> None:
    function = {"name": "read_file", "arguments": "{}"}
    reply = says(
        None, tool_calls=[{"type": "function", "function": function}] * 2, finish_reason="tool_calls"
    )
    ids = [call["id"] for call in tool_calls(await ask(model, reply, name))]
    assert all(ids)
    assert len(set(map(str, ids))) == 2


async def test_usage_and_cost_come_from_the_provider(model: ModelProcess) -> None:
    usage = (await ask(model, says("x"), "openai/gpt-4o-mini")).usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens) == (1000, 8, 768)
    assert not usage.estimated
    assert usage.cost_usd == pytest.approx(232 * 0.15e-6 + 768 * 0.075e-6 + 8 * 0.6e-6)


async def test_the_cost_of_an_unknown_model_is_unknown(model: ModelProcess) -> None:
    assert (await ask(model, says("x"), "openai/tiny")).usage.cost_usd is None


async def test_how_much_a_listed_model_can_read_is_told(model: ModelProcess) -> None:
    assert (await ask(model, says("x"), "openai/gpt-4o-mini")).window == 128_000
    assert (await ask(model, says("x"), "openai/tiny")).window is None


@both_ways
async def test_cached_tokens_count_under_both_of_their_names(model: ModelProcess, name: str) -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": 8, "prompt_cache_hit_tokens": 64}
    assert (await ask(model, says("x", usage), name)).usage.cached_tokens == 64


@both_ways
async def test_usage_that_the_provider_did_not_send_is_marked_as_an_estimate(
    model: ModelProcess, name: str
) -> None:
    usage = (await ask(model, says("x" * 350, usage=None), name)).usage
    assert usage.estimated
    assert usage.prompt_tokens > 10
    assert usage.completion_tokens > 10


@both_ways
async def test_an_answer_cut_at_the_length_limit_says_so(model: ModelProcess, name: str) -> None:
    assert (await ask(model, says("half a sen", finish_reason="length"), name)).finish_reason == "length"


@both_ways
async def test_fifty_agents_are_answered_at_once(model: ModelProcess, name: str) -> None:
    async with Provider(
        lambda received: says(received.body["messages"][0]["content"]).after(0.5)
    ) as provider:
        answers: dict[str, Json] = {}

        async def agent(text: str) -> None:
            answers[text] = (await model.complete(request(provider, name, text))).message["content"]

        async with anyio.create_task_group() as agents:
            for number in range(50):
                agents.start_soon(agent, f"agent {number}")
    assert answers == {text: text for text in answers}
    assert len(answers) == 50
    arrivals = [received.arrived_at for received in provider.requests]
    replies = [received.answered_at or 0.0 for received in provider.requests]
    assert sum(arrival < min(replies) for arrival in arrivals) >= 20


async def test_the_same_request_in_flight_is_made_once_and_paid_for_once(model: ModelProcess) -> None:
    async with Provider(
        lambda received: says(received.body["messages"][0]["content"]).after(0.5)
    ) as provider:
        answers: list[ModelAnswer] = []

        async def agent(text: str) -> None:
            answers.append(await model.complete(request(provider, text=text)))

        async with anyio.create_task_group() as agents, anyio.create_task_group() as gives_up:
            gives_up.start_soon(agent, "same")
            for text in ("same", "same", "other"):
                agents.start_soon(agent, text)
            await anyio.wait_all_tasks_blocked()
            gives_up.cancel_scope.cancel()
        again = await model.complete(request(provider, text="same"))
    assert sorted(received.body["messages"][0]["content"] for received in provider.requests) == [
        "other",
        "same",
        "same",
    ]
    assert again.usage.prompt_tokens == 1000, "an answer is no cache"
    assert sorted(str(answer.message["content"]) for answer in answers) == ["other", "same", "same"]
    assert sorted(answer.usage.prompt_tokens for answer in answers) == [0, 1000, 1000]


async def test_long_messages_pass_in_both_directions(model: ModelProcess) -> None:
    text = "0123456789abcdef" * (512 * 1024)
    answer = await ask(model, says(text))
    assert answer.message["content"] == text
    with pytest.raises(ModelUnavailable, match="no built-in model"):
        await model.complete(request("", "builtin/nothing", text=text * 4))  # 32 MiB


# --- what goes wrong --------------------------------------------------------------------------------

QUOTA = fails(429, "You exceeded your current quota", "insufficient_quota")
TOO_LONG = (
    "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens."
)
LLAMA_CPP = "the request exceeds the available context size, try increasing it"


@both_ways
@pytest.mark.parametrize(
    ("reply", "kind", "said"),
    [
        (fails(429, "slow down", "rate_limit_exceeded"), RateLimited, "slow down"),
        (fails(500, "oops"), ModelFault, "oops"),
        (fails(502, "bad gateway"), ModelFault, "bad gateway"),
        (fails(503, "overloaded, reduce the length of the queue"), RateLimited, "overloaded"),
        (fails(504, "gateway timeout"), ModelFault, "gateway timeout"),
        (fails(529, "Overloaded"), RateLimited, "Overloaded"),
        (fails(408, "request timeout"), ModelFault, "request timeout"),
        (Reply(502, "<html>Bad gateway</html>"), ModelFault, "Bad gateway"),
        (Reply(200, "this is not json"), ModelFault, "not JSON"),
        (Reply(200, {"object": "chat.completion", "choices": []}), ModelFault, "without choices"),
        (drops(), ModelFault, ""),
        (fails(400, TOO_LONG, "context_length_exceeded"), ContextOverflow, "8192"),
        (fails(400, "Input too large for model", "context_length_exceeded"), ContextOverflow, "too large"),
        (fails(400, LLAMA_CPP), ContextOverflow, "context size"),
        (fails(413, "Payload refused"), ContextOverflow, "Payload"),
        (
            fails(429, "Request too large for tiny: Limit 10000, Requested 20000"),
            ContextOverflow,
            "too large",
        ),
        (QUOTA, ModelUnavailable, "no credit"),
        (fails(402, "Insufficient Balance"), ModelUnavailable, "no credit"),
        (fails(401, "Incorrect API key provided: sk-abcdefgh"), ModelUnavailable, "key"),
        (fails(403, "forbidden"), ModelUnavailable, "forbidden"),
        (fails(404, "The model `tiny` does not exist"), ModelUnavailable, "has no model `NAME`"),
        (fails(400, "Unknown parameter foo"), ModelUnavailable, "Unknown parameter foo"),
        (fails(422, "tools: not allowed"), ToolsRefused, "tools: not allowed"),
        (fails(400, "registry.ollama.ai/library/gemma does not support tools"), ToolsRefused, "gemma"),
        (fails(500, "tools param requires --jinja flag"), ToolsRefused, "--jinja"),
        (fails(404, "No endpoints found that support tool use."), ToolsRefused, "No endpoints"),
    ],
)
async def test_a_provider_error_becomes_one_plain_sentence_after_one_request(
    model: ModelProcess, name: str, reply: Reply, kind: type[Exception], said: str
) -> None:
    async with Provider([reply, says("a retry that nobody asked for")]) as provider:
        with pytest.raises((ModelFault, ModelUnavailable)) as caught:
            await model.complete(request(provider, name))
    assert type(caught.value) is kind
    assert said.replace("NAME", name) in str(caught.value)
    assert "litellm" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(provider.requests) == 1


@pytest.mark.parametrize("name", ["deepseek/tiny", "anthropic/tiny"])
@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (fails(429, "slow down", retry_after="3"), RateLimited),
        (fails(400, TOO_LONG), ContextOverflow),
        (fails(401, "who are you"), ModelUnavailable),
        (drops(), ModelFault),
    ],
)
async def test_other_providers_errors_mean_the_same(
    model: ModelProcess, name: str, reply: Reply, kind: type[Exception]
) -> None:
    with pytest.raises((ModelFault, ModelUnavailable)) as caught:
        await ask(model, reply, name)
    assert type(caught.value) is kind


async def test_a_bare_name_is_completed_or_refused_at_once(model: ModelProcess) -> None:
    answer = await ask(model, says("hello"), "tiny")  # at an address: an OpenAI-compatible one
    assert answer.message["content"] == "hello"
    for name, told in (("claude-sonnet-4-5", "ANTHROPIC_API_KEY"), ("nobodys-model", "openai/nobodys-model")):
        with pytest.raises(ModelUnavailable, match=told):
            await model.complete(ModelRequest("r", name, "worker", ({"role": "user", "content": "hi"},), ()))


@both_ways
@pytest.mark.parametrize(
    ("headers", "least_s", "most_s"),
    [
        ({"retry_after": "7"}, 7, 7),
        ({"retry_after": "60", "retry_after_ms": "1500"}, 1.5, 1.5),
        ({"retry_after": DATE_IN_1000_S}, 800, 1000),
    ],
)
async def test_the_wait_that_a_provider_asks_for_is_told(
    model: ModelProcess, name: str, headers: dict[str, str], least_s: float, most_s: float
) -> None:
    date = formatdate(time.time() + 1000, usegmt=True)
    sent = {header: value.replace(DATE_IN_1000_S, date) for header, value in headers.items()}
    with pytest.raises(RateLimited) as caught:
        await ask(model, fails(429, "slow down", "rate_limit_exceeded", **sent), name)
    assert least_s <= (caught.value.retry_after_s or 0) <= most_s


@pytest.mark.parametrize("name", [DIRECT, LITELLM, "ollama_chat/tiny"])
async def test_a_refused_connection_says_what_to_start(model: ModelProcess, name: str) -> None:
    async with Provider([]) as provider:
        url = provider.url
    with pytest.raises(ModelUnavailable) as caught:
        await model.complete(request(url, name))
    assert str(caught.value) == f"No model answers at {url}: start it or set `api_base`."


async def test_a_host_whose_addresses_all_refuse_says_what_to_start(model: ModelProcess) -> None:
    async with Provider([]) as provider:
        url = provider.url.replace("127.0.0.1", "localhost")
    with pytest.raises(ModelUnavailable, match="start it or set `api_base`"):
        await model.complete(request(url))


@pytest.mark.parametrize("url", ["localhost:8000/v1", "ftp://localhost/v1", "http://"])
async def test_what_is_no_address_is_told(model: ModelProcess, url: str) -> None:
    with pytest.raises(ModelUnavailable, match="correct `api_base`"):
        await model.complete(request(url))


async def test_a_proxy_that_cannot_be_used_is_told() -> None:
    process = ModelProcess({"ALL_PROXY": "gopher://127.0.0.1:1"})
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(process.run)
        with pytest.raises(ModelUnavailable, match="proxy or certificate settings"):
            await process.complete(request("http://provider.invalid/v1"))
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("body", ["[]", '{"choices": [{"text": "x"}]}', '{"choices": "none"}'])
async def test_json_that_is_no_answer_is_a_fault(model: ModelProcess, body: str) -> None:
    with pytest.raises(ModelFault, match="no chat completion"):
        await ask(model, Reply(200, body))


async def test_the_connection_is_used_again(model: ModelProcess) -> None:
    async with Provider([says("a"), fails(429, "slow down"), says("b")]) as provider:
        await model.complete(request(provider))
        with pytest.raises(ModelFault):
            await model.complete(request(provider))
        await model.complete(request(provider))
    assert provider.connections == 1


async def test_an_unknown_provider_says_how_models_are_named(model: ModelProcess) -> None:
    with pytest.raises(ModelUnavailable, match="set `model` to provider/name"):
        await ask(model, says("x"), "gibberish/tiny")


@both_ways
async def test_an_answer_that_takes_too_long_is_a_fault(model: ModelProcess, name: str) -> None:
    async with Provider([says("late").after(5)]) as provider:
        with pytest.raises(ModelFault, match=r"0\.3 s"):
            await model.complete(replace(request(provider, name), timeout_s=0.3))
        assert provider.requests[0].answered_at is None


@both_ways
async def test_cancelling_closes_the_connection_at_once(model: ModelProcess, name: str) -> None:
    arrived = anyio.Event()

    def respond(_: object) -> Reply:
        arrived.set()
        return says("late").after(3)

    async with Provider(respond) as provider, anyio.create_task_group() as tasks:
        tasks.start_soon(model.complete, request(provider, name))
        await arrived.wait()
        tasks.cancel_scope.cancel()
        with anyio.CancelScope(shield=True), anyio.fail_after(2):
            await provider.requests[0].abandoned.wait()
        assert provider.requests[0].answered_at is None
    assert (await ask(model, says("next"), name)).message["content"] == "next"


# --- Anthropic's format, through litellm ------------------------------------------------------------

ANTHROPIC = "anthropic/claude-sonnet-4-5"
TWO_CALLS = calls(("read_file", {"path": "a.py"}), ("read_file", {"path": "b.py" * 10}), text="I look.")


async def test_answers_of_anthropic_are_streamed_with_usage_and_cost(model: ModelProcess) -> None:
    async with Provider([TWO_CALLS]) as provider:
        answer = await model.complete(request(provider, ANTHROPIC))
    (seen,) = provider.requests
    assert seen.streams
    assert answer.message["content"] == "I look."
    arguments = [call["function"] for call in tool_calls(answer)]
    assert arguments[0] == {"name": "read_file", "arguments": '{"path": "a.py"}'}
    assert len(arguments) == 2
    usage = answer.usage
    assert (usage.prompt_tokens, usage.cached_tokens, usage.estimated) == (1000, 768, False)
    assert usage.cost_usd == pytest.approx(232 * 3e-6 + 768 * 0.3e-6 + 8 * 15e-6)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("cut", "broke off|broken|not completed|Not enough"),
        ("unfinished", "finish_reason"),
        ("stall", "sent nothing more"),
        ("silence", r"sent nothing for 0\.5 s"),
        ("malformed", "finish_reason"),
        ("error", "Overloaded"),
    ],
)
async def test_a_stream_of_anthropic_that_breaks_is_a_fault_that_passes(
    model: ModelProcess, how: Break, said: str
) -> None:
    text = says("Some words that do not come to their end, and some more.")
    async with Provider([text.breaking(how)]) as provider:
        with pytest.raises(ModelFault, match=said):
            await model.complete(replace(request(provider, ANTHROPIC), stall_s=0.5))
        assert len(provider.requests) == 1


@pytest.mark.parametrize("how", ["late_cut", "stall"])
async def test_calls_of_anthropic_that_came_whole_before_a_stream_broke_count(
    model: ModelProcess, how: Break
) -> None:
    async with Provider([TWO_CALLS.breaking(how)]) as provider:
        answer = await model.complete(replace(request(provider, ANTHROPIC), stall_s=0.5))
    assert tool_calls(answer)[0]["function"] == {"name": "read_file", "arguments": '{"path": "a.py"}'}
    assert answer.usage.estimated


async def test_cancelling_closes_a_stream_of_litellm(model: ModelProcess) -> None:
    begun = anyio.Event()

    def respond(_: object) -> Reply:
        begun.set()
        return replace(says("word " * 500), chunk_s=0.05)

    async with Provider(respond) as provider, anyio.create_task_group() as tasks:
        tasks.start_soon(model.complete, request(provider, ANTHROPIC))
        await begun.wait()
        await anyio.sleep(0.2)
        tasks.cancel_scope.cancel()
        with anyio.CancelScope(shield=True), anyio.fail_after(10):
            await provider.requests[0].abandoned.wait()


# --- keys -------------------------------------------------------------------------------------------


@both_ways
async def test_the_key_that_the_user_names_is_used_and_never_shown(model: ModelProcess, name: str) -> None:
    async with Provider([says("x"), fails(401, f"the key {KEY} is wrong")]) as provider:
        asked = replace(request(provider, name), api_key_env="MY_KEY")
        await model.complete(asked)
        with pytest.raises(ModelUnavailable, match="correct MY_KEY") as caught:
            await model.complete(asked)
    assert provider.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in str(caught.value)


async def test_a_key_goes_with_the_requests_that_need_it_and_nowhere_else() -> None:
    environ_of_the_editor = {
        "OPENAI_API_KEY": KEY,
        "GROQ_API_KEY": "groq-4711",
        "AWS_SECRET_ACCESS_KEY": "aws-4711",
    }
    process = ModelProcess(environ_of_the_editor)
    before, environ = set(psutil.Process().children()), dict[str, str]()
    async with Provider([says("x")]) as provider, anyio.create_task_group() as tasks:
        tasks.start_soon(process.run)
        await process.complete(request(provider))
        (child,) = set(psutil.Process().children()) - before
        environ.update(child.environ())
        tasks.cancel_scope.cancel()
    assert provider.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert not {"OPENAI_API_KEY", "GROQ_API_KEY"} & environ.keys()
    assert "4711" not in str(environ)


async def test_what_a_provider_reads_from_the_environment_comes_with_the_first_request_to_it(
    openai: Provider,
) -> None:
    process = ModelProcess(
        {"HOSTED_VLLM_API_KEY": KEY, "HOSTED_VLLM_API_BASE": openai.url, "AZURE_API_KEY": "x"}
    )
    async with Provider([fails(401, f"no such key: {KEY}")]) as provider, anyio.create_task_group() as tasks:
        tasks.start_soon(process.run)
        await process.complete(replace(request("", LITELLM), api_base=None))
        assert openai.requests[-1].headers["authorization"] == f"Bearer {KEY}"
        with pytest.raises(ModelUnavailable) as caught:
            await process.complete(request(provider, LITELLM))
        assert KEY not in str(caught.value)
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("key", ["schlüssel", "two\nlines"])
async def test_a_key_that_cannot_be_sent_is_told_at_once_and_starts_nothing(key: str) -> None:
    process = ModelProcess({"MY_KEY": key, "OPENAI_API_KEY": key})  # nobody runs it
    for model in (DIRECT, LITELLM):
        with pytest.raises(ModelUnavailable, match="MY_KEY holds"):
            await process.complete(replace(request("http://127.0.0.1:1", model), api_key_env="MY_KEY"))
    for model in (DIRECT, "tiny"):
        with pytest.raises(ModelUnavailable, match="OPENAI_API_KEY holds"):
            await process.complete(request("http://127.0.0.1:1", model))


async def test_a_missing_key_is_told_at_once_and_starts_nothing() -> None:
    process = ModelProcess({})  # nobody runs it
    with pytest.raises(ModelUnavailable, match=r"OPENAI_API_KEY.*`api_base`"):
        await process.complete(replace(request(""), model="openai/gpt-4o-mini", api_base=None))
    with pytest.raises(ModelUnavailable, match="NO_SUCH_KEY is empty"):
        await process.complete(replace(request("http://127.0.0.1:1"), api_key_env="NO_SUCH_KEY"))


# --- the process ------------------------------------------------------------------------------------


async def start_child(process: ModelProcess) -> psutil.Process:
    """Make `process` start its child without litellm, and return the child."""
    known = set(psutil.Process().children())
    with pytest.raises(ModelUnavailable, match="no built-in model"):
        await process.complete(request("", "builtin/nothing"))
    (child,) = set(psutil.Process().children()) - known
    return child


async def test_what_a_model_process_had_not_answered_when_it_died_is_asked_again() -> None:
    process, before = ModelProcess({}), set(psutil.Process().children())
    answers: list[ModelAnswer] = []
    arrived = anyio.Event()

    def respond(received: Received) -> Reply:
        if received.body["messages"][0]["content"].startswith("wait"):
            arrived.set()
            return says("late").after(0.0 if len(provider.requests) > 2 else 60.0)
        return says("soon")

    async def in_flight(text: str) -> None:
        answers.append(await process.complete(request(provider, text=text)))

    with anyio.fail_after(30):
        async with Provider(respond) as provider, anyio.create_task_group() as tasks:
            tasks.start_soon(process.run)
            child = await start_child(process)
            async with anyio.create_task_group() as agents:
                agents.start_soon(in_flight, "wait")
                agents.start_soon(in_flight, "wait as well")
                await arrived.wait()
                await anyio.sleep(0.1)
                child.kill()
            assert [answer.message["content"] for answer in answers] == ["late", "late"]
            assert process.n_asked_again == 2
            assert len(provider.requests) == 4
            tasks.cancel_scope.cancel()
    assert set(psutil.Process().children()) <= before


async def test_a_request_over_which_two_processes_die_is_given_up() -> None:
    process = ModelProcess({})

    def respond(_: Received) -> Reply:
        (child,) = set(psutil.Process().children()) - before
        child.kill()
        return drops()

    with anyio.fail_after(30):
        async with Provider(respond) as provider, anyio.create_task_group() as tasks:
            before = set(psutil.Process().children())
            tasks.start_soon(process.run)
            with pytest.raises(ModelFault, match="model process ended"):
                await process.complete(request(provider))
            assert len(provider.requests) == 2
            await start_child(process)
            tasks.cancel_scope.cancel()


START = """
import os, signal, sys
import anyio
from podium.adapters.models.client import ModelProcess
from podium.errors import ModelUnavailable
from podium.ports import ModelRequest
async def start(then):
    async with anyio.create_task_group() as tasks:
        process = ModelProcess()
        tasks.start_soon(process.run)
        await then(process)
        tasks.cancel_scope.cancel()
"""


def test_the_model_process_ends_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = f"""{START}
async def die(process):
    try:
        await process.complete(ModelRequest("r", "builtin/nothing", "", (), ()))
    except ModelUnavailable:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(process.complete, ModelRequest("r", "hosted_vllm/x", "", (), (), api_base="http://127.0.0.1:1"))
            await anyio.sleep(0.5)  # the child imports litellm by now
            os.kill(os.getpid(), signal.SIGKILL)
anyio.run(start, die)
"""
    # The child inherits standard error, so this returns when it is gone too.
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, timeout=15, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


async def test_a_workspace_cannot_reach_into_the_model_process_and_the_parent_never_loads_litellm(
    tmp_path: Path,
) -> None:
    # The environment is inside the workspace, as users have it; litellm looks for .env above itself.
    venv.create(tmp_path / ".venv", symlinks=True)
    (site,) = (tmp_path / ".venv/lib").glob("python*/site-packages")
    site.rmdir()
    site.symlink_to(get_path("purelib"))
    (tmp_path / ".env").write_text("OPENAI_API_KEY=from-the-workspace\nOPENAI_ORGANIZATION=evil\n", "utf-8")
    for folder in (tmp_path, tmp_path / ".venv"):
        for module in ("podium", "litellm", "json", "anyio"):
            (folder / f"{module}.py").write_text("raise SystemExit('imported from the workspace')", "utf-8")
    async with Provider([says("hello"), says("again")]) as provider:
        script = f"""{START}
async def ask(process):
    for model in {(DIRECT, LITELLM)}:
        answer = await process.complete(
            ModelRequest("r", model, "", ({{"role": "user", "content": "x"}},), (), api_base={provider.url!r}))
        print(answer.message["content"])
    print([name for name in ("litellm", "openai", "httpx") if name in sys.modules])
anyio.run(start, ask)
"""
        python = str(tmp_path / ".venv/bin/python")
        with anyio.fail_after(40):
            done = await anyio.run_process(
                [python, "-P", "-c", script],
                cwd=tmp_path,
                check=False,
                env={"PYTHONPATH": str(tmp_path / "none")},
            )
    assert done.stdout.decode().split() == ["hello", "again", "[]"], done.stderr.decode()
    for asked in provider.requests:
        assert asked.headers["authorization"] == "Bearer not-needed"
        assert "openai-organization" not in asked.headers


def test_a_model_process_with_a_bug_ends_and_shows_where() -> None:
    command = [sys.executable, "-m", "podium.adapters.models.host"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as host:
        assert host.stdin
        assert host.stdout
        assert host.stderr
        host.stdin.write(b'{"is":"Nonsense"}\n')
        host.stdin.flush()
        assert host.stdout.read() == b""  # it ends although the input is still open
        host.stdin.close()
        assert b"Nonsense" in host.stderr.read()
        assert host.wait(5) == 1


def tool_calls(answer: ModelAnswer) -> list[dict[str, Json]]:
    found = answer.message["tool_calls"]
    assert isinstance(found, list)
    return [call for call in found if isinstance(call, dict)]
