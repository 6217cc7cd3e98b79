"""Streams through the model process: sound, broken in each way, slow, refused and abandoned."""

import json
from dataclasses import replace

import anyio
import pytest

from podium.adapters.models.assembly import Assembly
from podium.adapters.models.client import ModelProcess
from podium.adapters.models.events import Events
from podium.ports import Json, ModelAnswer, ModelFault, ModelRequest, RateLimited
from tests.models.formats import Break
from tests.models.provider import Provider, Received, Reply, calls, fails, says

pytestmark = pytest.mark.anyio

TEXT = "It is said in many words, of which not all may come through, and then some more of them."
STALL_S = 0.3
LOOK = ("read_file", {"path": "a.py"})
WRITE = ("write_file", {"path": "b.py", "content": "text\n" * 20})


def request(provider: Provider, name: str = "openai/tiny") -> ModelRequest:
    hello: tuple[dict[str, Json], ...] = ({"role": "user", "content": "hello"},)
    return ModelRequest("r1", name, "worker", hello, (), api_base=provider.url, stall_s=STALL_S)


async def ask(model: ModelProcess, reply: Reply) -> ModelAnswer:
    async with Provider([reply]) as provider:
        return await model.complete(request(provider))


def called(answer: ModelAnswer) -> list[object]:
    found = answer.message.get("tool_calls") or []
    assert isinstance(found, list)
    return [call["function"] for call in found if isinstance(call, dict)]


async def test_an_answer_is_whole_with_its_usage_and_the_connection_is_used_again(
    model: ModelProcess,
) -> None:
    async with Provider([says(TEXT), calls(LOOK, WRITE), says("again")]) as provider:
        first = await model.complete(request(provider))
        second = await model.complete(request(provider))
        await model.complete(request(provider))
    assert first.message["content"] == TEXT
    assert (first.usage.prompt_tokens, first.usage.cached_tokens, first.usage.estimated) == (1000, 768, False)
    assert called(second)[0] == {"name": "read_file", "arguments": '{"path": "a.py"}'}
    assert len(called(second)) == 2
    assert all(seen.streams for seen in provider.requests)
    assert provider.connections == 1


async def test_who_answers_in_one_piece_is_understood_too(model: ModelProcess) -> None:
    async with Provider([says(TEXT)], streams=False) as provider:
        assert (await model.complete(request(provider))).message["content"] == TEXT


@pytest.mark.parametrize(
    ("how", "kind", "said"),
    [
        ("cut", ModelFault, "`openai/tiny` broke off after 60 characters."),
        ("unfinished", ModelFault, f"`openai/tiny` broke off after {len(TEXT)} characters."),
        ("stall", ModelFault, "`openai/tiny` broke off after 60 characters, and sent nothing more."),
        ("silence", ModelFault, "`openai/tiny` sent nothing for 0.3 s."),
        ("malformed", ModelFault, "The stream of `openai/tiny` holds what is no answer ({not json)."),
        ("error", RateLimited, "Overloaded"),
    ],
)
async def test_a_stream_that_breaks_is_a_fault_that_passes(
    model: ModelProcess, how: Break, kind: type[Exception], said: str
) -> None:
    with pytest.raises(ModelFault) as caught:
        await ask(model, says(TEXT).breaking(how))
    assert type(caught.value) is kind
    assert str(caught.value) == said


@pytest.mark.parametrize("how", ["late_cut", "cut", "stall", "unfinished"])
async def test_calls_that_came_whole_before_a_stream_broke_count(model: ModelProcess, how: Break) -> None:
    answer = await ask(model, calls(LOOK, WRITE).breaking(how))
    names = ["read_file", "write_file"] if how in {"late_cut", "unfinished"} else ["read_file"]
    assert [call["name"] for call in called(answer) if isinstance(call, dict)] == names
    assert answer.finish_reason == "tool_calls"
    assert answer.usage.estimated == (how != "unfinished")


async def test_a_chunk_of_arguments_that_comes_twice_spoils_nothing(model: ModelProcess) -> None:
    answer = await ask(model, calls(("t", {"arguments": "a text of some length"})).breaking("repeated"))
    assert called(answer) == [{"name": "t", "arguments": '{"arguments": "a text of some length"}'}]


async def test_a_stream_that_runs_away_is_ended_early(model: ModelProcess) -> None:
    answer = await ask(model, says(TEXT).breaking("runaway"))
    text = answer.message["content"]
    assert isinstance(text, str)
    assert text.startswith(TEXT[:36])
    assert 2_000 < len(text) < 10_000


async def test_an_endpoint_that_spoils_its_streams_is_asked_without(model: ModelProcess) -> None:
    async with Provider(lambda _: says(TEXT).breaking("malformed"), streams=True) as provider:
        for _ in range(2):
            with pytest.raises(ModelFault):
                await model.complete(request(provider))
        with pytest.raises(ModelFault):  # it breaks without streaming as well
            await model.complete(request(provider))
    assert [seen.streams for seen in provider.requests] == [True, True, False]


async def test_an_endpoint_that_is_silent_without_streaming_is_given_up_in_time_and_asked_for_streams_again(
    model: ModelProcess,
) -> None:
    replies = [says(TEXT).breaking("malformed")] * 2 + [says(TEXT).breaking("silence"), says(TEXT)]
    async with Provider(replies) as provider:
        for said in ("no answer", "no answer", rf"sent nothing for {10 * STALL_S:g} s"):
            with pytest.raises(ModelFault, match=said):
                await model.complete(request(provider))
        assert (await model.complete(request(provider))).message["content"] == TEXT
    assert [seen.streams for seen in provider.requests] == [True, True, False, True]


async def test_an_endpoint_that_refuses_to_stream_is_asked_without_at_once(model: ModelProcess) -> None:
    def respond(received: Received) -> Reply:
        return fails(400, "stream_options: unknown field") if received.streams else says(TEXT)

    async with Provider(respond) as provider:
        for _ in range(2):
            assert (await model.complete(request(provider))).message["content"] == TEXT
    assert [seen.streams for seen in provider.requests] == [True, False, False]


async def test_a_model_that_thinks_longer_than_the_clock_allows_gets_more_time(model: ModelProcess) -> None:
    async with Provider(lambda _: says(TEXT).after(2.5 * STALL_S)) as provider:
        for waited_s in (STALL_S, 2 * STALL_S):
            with pytest.raises(ModelFault, match=rf"sent nothing for {waited_s:g} s"):
                await model.complete(request(provider))
        assert (await model.complete(request(provider))).message["content"] == TEXT


async def test_a_slow_stream_lives_as_long_as_something_comes(model: ModelProcess) -> None:
    asked = says(TEXT)
    answer = await ask(model, replace(asked, chunk_s=STALL_S / 3))
    assert answer.message["content"] == TEXT


async def test_cancelling_closes_a_stream(model: ModelProcess) -> None:
    begun = anyio.Event()

    def respond(_: Received) -> Reply:
        begun.set()
        return replace(says(TEXT), chunk_s=0.05)

    async with Provider(respond) as provider, anyio.create_task_group() as tasks:
        tasks.start_soon(model.complete, request(provider))
        await begun.wait()
        await anyio.sleep(0.1)
        tasks.cancel_scope.cancel()
        with anyio.CancelScope(shield=True), anyio.fail_after(10):
            await provider.requests[0].abandoned.wait()


# --- the parts --------------------------------------------------------------------------------------


def test_events_are_whole_however_the_stream_is_cut() -> None:
    stream = b': keep-alive\r\n\r\nevent: x\r\ndata: {"a":\r\ndata: 1}\r\n\r\nid: 7\ndata:two\n\ndata: last'
    for size in range(1, len(stream)):
        events, found = Events(), list[bytes]()
        for start in range(0, len(stream), size):
            found += events.feed(stream[start : start + size])
        found += events.feed(b"\n")
        assert [*found, *events.rest()] == [b'{"a":\n1}', b"two", b"last"]


@pytest.mark.parametrize(
    "deltas",
    [
        [
            {"index": 0, "id": "a", "name": "f"},
            {"index": 0},
            {"index": 1, "id": "b", "name": "g"},
            {"index": 1},
        ],
        [{"id": "a", "name": "f"}, {}, {"id": "b", "name": "g"}, {}],
        [{"name": "f"}, {}, {"name": "g"}, {}],
        [{"index": 0, "id": "a", "name": "f"}, {"index": 0}, {"index": 0, "id": "b", "name": "g"}],
    ],
)
def test_calls_are_told_apart_however_they_are_numbered(deltas: list[dict[str, object]]) -> None:
    assembly = Assembly(0.0)
    for delta in deltas:
        part = {key: value for key, value in delta.items() if key != "name"}
        function = {"name": delta["name"]} if "name" in delta else {"arguments": "{}"}
        chunk = {"choices": [{"delta": {"tool_calls": [{**part, "function": function}]}}]}
        assembly.add(as_json(chunk), 0.0)
    calls_made = assembly.completion()["choices"][0]["message"]["tool_calls"]
    assert [call["function"]["name"] for call in calls_made] == ["f", "g"]


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()
