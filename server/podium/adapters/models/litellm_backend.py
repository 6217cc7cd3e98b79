"""Answers requests through litellm; loaded in the model process only.

One call here is one HTTP request: litellm's and the provider libraries' own retries are off, because who
asks decides when to ask again. Answers of the providers that are known to do it well are streamed, so that one
that stalls is noticed; each chunk costs 0.4 ms of CPU in this process.
"""

import contextlib
import gc
import importlib
import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, cast

import anyio

from podium.adapters.models import wire
from podium.adapters.models.answers import CalledTool, Counted, answer
from podium.adapters.models.cache_marks import marked, refuses_marks, wants_marks
from podium.adapters.models.environment import NO_KEY, key_variables, missing_key
from podium.adapters.models.faults import meaning, missing_key_error
from podium.adapters.models.habits import IN_ONE_PIECE, Habits
from podium.adapters.models.litellm_stream import NothingCame, Stream, answer_of
from podium.adapters.models.thoughts import Thoughts, with_thought
from podium.domain.masking import secrets_of
from podium.errors import ModelUnavailable
from podium.ports import Json, ModelAnswer, ModelFault, ModelRequest

_CONNECT_TIMEOUT_S = 20.0
_STREAMED = frozenset({"anthropic", "gemini", "ollama_chat", "openai"})
"""The providers whose streams are known to hold all that an answer in one piece would."""
_NOTES = (
    "_hidden_params"  # where litellm puts the cost (None for a model without a known price) and the headers
)


class _Function(Protocol):
    name: str | None
    arguments: object  # some local servers send the object itself instead of its JSON text


class _ToolCall(Protocol):
    id: str | None
    function: _Function


class _ReplyMessage(Protocol):
    content: str | None
    tool_calls: Sequence[_ToolCall] | None


class _Choice(Protocol):
    message: _ReplyMessage
    finish_reason: str | None


class _TokenDetails(Protocol):
    cached_tokens: int | None


class _Tokens(Protocol):
    prompt_tokens: int
    completion_tokens: int | None
    prompt_tokens_details: _TokenDetails | None


class _Response(Protocol):
    """What is used of litellm's answer."""

    choices: Sequence[_Choice]
    usage: _Tokens | None


class _Litellm(Protocol):
    """What is used of litellm."""

    async def acompletion(self, **arguments: object) -> _Response: ...

    def get_llm_provider(self, model: str) -> tuple[str, str, str | None, str | None]: ...


class LitellmBackend:
    """litellm, imported and set up to stay silent, offline and without retries."""

    def __init__(self, litellm: _Litellm, error: type[Exception], timeout: Callable[..., object]) -> None:
        self._litellm = litellm
        self._error = error
        self._timeout = timeout
        self._habits = Habits()
        self._thoughts = Thoughts()
        self._refuse_marks: set[tuple[str, str | None]] = set()

    @classmethod
    def load(cls) -> "LitellmBackend":
        """Import litellm and return it ready; takes seconds, so call it in a thread.

        Raises:
            ModelUnavailable: litellm or something that it imports is not installed.
        """
        try:
            litellm: Any = importlib.import_module("litellm")
            openai: Any = importlib.import_module("openai")
        except ImportError as error:
            raise ModelUnavailable(
                f"The installation is incomplete ({error}): install podium-ls again."
            ) from error
        litellm.suppress_debug_info = True
        litellm.telemetry = False
        return cls(litellm, openai.OpenAIError, openai.Timeout)

    async def rehearse(self, _model: str) -> None:
        """Make one call that reaches nobody, so that the first real one finds all modules loaded.

        It ends with the cyclic garbage collector told to ignore what is loaded: a full collection over
        litellm's objects would stop every agent for up to half a second.
        """
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
            tool: dict[str, Json] = {
                "type": "function",
                "function": {"name": "t", "parameters": {"type": "object"}},
            }
            request = ModelRequest(
                request_id="rehearsal",
                model="openai/rehearsal",
                role="",
                messages=({"role": "user", "content": ""},),
                tools=(tool,),
                api_base=f"http://127.0.0.1:{nobody.getsockname()[1]}/v1",
                timeout_s=10.0,
            )
            with contextlib.suppress(ModelFault, ModelUnavailable):
                await self.complete(wire.Ask.of(0, request, NO_KEY))
        gc.collect()
        gc.freeze()

    async def complete(self, ask: wire.Ask) -> ModelAnswer:
        """Return the answer to `ask`, with its key or else the one in the environment.

        Raises:
            ContextOverflow: the conversation is too long for the model.
            ModelFault: the provider failed in a way that may pass.
            ModelUnavailable: it will not answer until the user changes something.
        """
        return await self._thoughts.answer(ask, self._once)

    async def _once(self, ask: wire.Ask) -> ModelAnswer:
        request = ask.request()
        request = replace(request, model=self._full_name(request))
        endpoint = request.model, request.api_base
        marks = wants_marks(request.model) and endpoint not in self._refuse_marks
        try:
            return await self._ask(ask, request, marks=marks)
        except ModelUnavailable as error:
            if not marks or not refuses_marks(str(error)):
                raise
            self._refuse_marks.add(endpoint)
        return await self._ask(ask, request, marks=False)

    async def _ask(self, ask: wire.Ask, request: ModelRequest, *, marks: bool) -> ModelAnswer:
        api_key = ask.api_key
        streamed = request.model.partition("/")[0] in _STREAMED
        longest_s = request.timeout_s if streamed else min(request.timeout_s, IN_ONE_PIECE * request.stall_s)
        try:
            with anyio.fail_after(longest_s):
                arguments = self._arguments(request, api_key, marks=marks)
                if streamed:
                    head = replace(request, messages=(), tools=())
                    return await self._streamed(arguments, replace(ask, head=head))
                response = await self._litellm.acompletion(**arguments)
        except TimeoutError as error:
            raise ModelFault(f"`{request.model}` did not answer within {longest_s:g} s.") from error
        except self._error as error:
            secrets = [*secrets_of(os.environ), *filter(None, [api_key])]
            raise meaning(error, request, secrets) from error
        return _answer(response, ask)

    async def _streamed(self, arguments: dict[str, Any], ask: wire.Ask) -> ModelAnswer:
        endpoint = (ask.head.api_base or "", ask.head.model)
        stall_s, began = self._habits.stall_s(endpoint, ask.head.stall_s), time.monotonic()
        options = {"include_usage": True}
        try:
            with anyio.fail_after(stall_s):
                stream = await self._litellm.acompletion(**arguments, stream=True, stream_options=options)
            first_s = time.monotonic() - began
            answered = await answer_of(cast("Stream", stream), ask, self._error, stall_s)
        except (TimeoutError, NothingCame) as error:
            self._habits.was_slow(endpoint, stall_s)
            raise ModelFault(f"`{ask.head.model}` sent nothing for {stall_s:g} s.") from error
        self._habits.answered(endpoint, first_s, ask.head.stall_s)
        return answered

    def _full_name(self, request: ModelRequest) -> str:
        """Return the model's name with its provider; a bare name at an address is an OpenAI-compatible one.

        Raises:
            ModelUnavailable: the name says no provider, and nobody knows it.
        """
        if "/" in request.model:
            return request.model
        if request.api_base:
            return f"openai/{request.model}"
        try:
            return f"{self._litellm.get_llm_provider(request.model)[1]}/{request.model}"
        except self._error as error:
            raise ModelUnavailable(
                f"The model `{request.model}` is not known: name its provider too, as in `openai/{request.model}`."
            ) from error

    def _arguments(self, request: ModelRequest, api_key: str | None, *, marks: bool) -> dict[str, Any]:
        arguments: dict[str, Any] = {
            "model": request.model,
            "messages": marked(request.messages) if marks else list(request.messages),
            "timeout": self._timeout(request.timeout_s + 1, connect=_CONNECT_TIMEOUT_S),
            "num_retries": 0,
            "max_retries": 0,
        }
        if request.tools:
            arguments["tools"] = list(request.tools)
        if request.api_base:
            arguments["api_base"] = request.api_base
        if api_key is None:
            api_key = self._key_in_place_of_none(request)
        if api_key is not None:
            arguments["api_key"] = api_key
        return arguments

    def _key_in_place_of_none(self, request: ModelRequest) -> str | None:
        """Return a key for an endpoint that checks none, where litellm would insist on one."""
        variables = key_variables(request.model)
        if any(os.environ.get(name) for name in variables):
            return None
        if request.api_base:
            return NO_KEY
        if missing := missing_key(request.model, os.environ):
            raise missing_key_error(request.model, missing)
        return NO_KEY if variables else None


def _answer(response: _Response, ask: wire.Ask) -> ModelAnswer:
    if not response.choices:
        raise ModelFault(f"`{ask.head.model}` gave an answer without choices.")
    choice = response.choices[0]
    message = choice.message
    called = [
        CalledTool(call.id, call.function.name, call.function.arguments) for call in message.tool_calls or ()
    ]
    said = answer(ask, message.content, called, choice.finish_reason, _counted(response), _headers(response))
    blocks, plain = (getattr(message, name, None) for name in ("thinking_blocks", "reasoning_content"))
    return with_thought(said, ask.head.model, blocks, plain)  # litellm takes away what is not there


def _headers(response: _Response) -> Mapping[str, str]:
    found = cast("Mapping[str, object]", getattr(response, _NOTES, {}).get("headers") or {})
    return {name.lower(): str(value) for name, value in found.items()}


def _counted(response: _Response) -> Counted | None:
    usage = response.usage
    if usage is None:
        return None
    details = usage.prompt_tokens_details
    return Counted(
        prompt=usage.prompt_tokens,
        completion=usage.completion_tokens or 0,
        cached=(details.cached_tokens or 0) if details else 0,
        cost_usd=cast("float | None", getattr(response, _NOTES, {}).get("response_cost")),
    )
