"""What the LSP process and its model process say to each other."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.adapters.models import wire
from podium.domain.allowance import Rates, Told
from podium.errors import ModelUnavailable, ModelUnreachable
from podium.ports import (
    ContextOverflow,
    ModelAnswer,
    ModelFault,
    ModelRequest,
    RateLimited,
    Usage,
)

REQUEST = ModelRequest(
    request_id="r1",
    model="openai/tiny",
    role="worker",
    messages=({"role": "user", "content": "line\nline\t\ud800 🎼"},),
    tools=({"type": "function"},),
    facts={"task": {"id": "1"}},
    api_base="http://127.0.0.1:1",
    api_key_env="MY_KEY",
    timeout_s=3.5,
)
RATES: Rates = {"requests": Told(5, 10, 1.5), "tokens": Told(7)}
ANSWER = ModelAnswer(
    {"role": "assistant", "content": "x\n"}, "stop", Usage(1, 2, 3, 0.5, estimated=True), rates=RATES
)


@pytest.mark.parametrize(
    "message",
    [
        wire.Ask.of(1, REQUEST, "key", {"AWS_PROFILE": "p"}),
        wire.Warm(2, "openai/tiny", "http://127.0.0.1:1"),
        wire.Cancel(3),
    ],
)
def test_what_the_client_says_arrives_as_it_was(message: wire.ToHost) -> None:
    assert wire.decode_to_host(wire.encode(message).rstrip(b"\n")) == message


def test_a_request_is_whole_again_on_the_other_side() -> None:
    for request in (REQUEST, replace(REQUEST, tools=(), api_base=None)):
        line = wire.encode(wire.Ask.of(1, request))
        assert line.count(b"\n") == 1
        asked = wire.decode_to_host(line.rstrip(b"\n"))
        assert isinstance(asked, wire.Ask)
        assert asked.request() == request


@pytest.mark.parametrize(
    "message", [wire.Answered(1, ANSWER), wire.Warmed(2), wire.Failed(3, "fault", "slow down", 1.5)]
)
def test_what_the_model_process_says_arrives_as_it_was(message: wire.ToClient) -> None:
    line = wire.encode(message)
    assert line.count(b"\n") == 1
    assert wire.decode_to_client(line) == message


@pytest.mark.parametrize(
    "error",
    [
        ModelFault("a", 2.0),
        RateLimited("b", 2.0, "rate", RATES),
        ContextOverflow("c"),
        ModelUnreachable("d"),
        ModelUnavailable("e"),
    ],
)
def test_an_error_is_raised_on_the_other_side_as_what_it_is(error: ModelFault | ModelUnavailable) -> None:
    failed = wire.decode_to_client(wire.encode(wire.Failed.of(1, error)))
    assert isinstance(failed, wire.Failed)
    again = failed.error()
    assert type(again) is type(error)
    assert str(again) == str(error)
    if isinstance(error, ModelFault) and isinstance(again, ModelFault):
        assert again.retry_after_s == error.retry_after_s
    if isinstance(error, ContextOverflow) and isinstance(again, ContextOverflow):
        assert again.window == error.window
    if isinstance(error, RateLimited) and isinstance(again, RateLimited):
        assert (again.refusal, again.rates) == (error.refusal, error.rates)


@given(st.lists(st.binary(max_size=20).map(lambda line: line.replace(b"\n", b""))), st.integers(1, 7))
def test_lines_are_whole_however_the_stream_is_cut(lines: list[bytes], size: int) -> None:
    stream = b"".join(line + b"\n" for line in lines)
    cut = wire.Lines()
    chunks = [stream[start : start + size] for start in range(0, len(stream), size)]
    assert [line for chunk in chunks for line in cut.feed(chunk)] == lines
