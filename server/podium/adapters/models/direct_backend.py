"""Answers requests over HTTP itself: OpenAI-compatible endpoints at an address of the user's own.

An endpoint like that needs no translation, so litellm would only add its 7 seconds of loading, its 200 MB
and 5 ms to each request. Answers are streamed, so that one that stalls is noticed, and put together here: what
leaves this process is whole. Nothing is repeated, except that an endpoint which refuses to stream is asked
without, at once and from then on.

The proxies and certificates in the environment count (`trust_env`), as they do for litellm: the model
process sees a filtered environment, in which this machine is exempt from proxies.
"""

import json
import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import anyio
import httpx
from pydantic import ValidationError

from podium.adapters.models import wire
from podium.adapters.models.assembly import Assembly, BadChunk, StreamError
from podium.adapters.models.completion import Completion
from podium.adapters.models.environment import NO_KEY
from podium.adapters.models.faults import Reply, masked, meaning, meaning_of_reply
from podium.adapters.models.habits import IN_ONE_PIECE, Endpoint, Habits
from podium.adapters.models.prices import openai_prices
from podium.adapters.models.reading import BrokeOff, read_stream
from podium.adapters.models.thoughts import Thoughts
from podium.domain.masking import secrets_of
from podium.errors import ModelUnavailable
from podium.ports import ModelAnswer, ModelFault, ModelRequest

_PREFIX = "openai/"
_ENDPOINT = "/chat/completions"
_CONNECT_S = 20.0
_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=100, keepalive_expiry=60.0)
_STREAMED = b'"stream":true,"stream_options":{"include_usage":true},'
_NO_STREAMS = re.compile(r"\bstream", re.IGNORECASE)
_REFUSALS = frozenset({400, 404, 405, 422, 501})


class _RefusesStreamsError(Exception):
    """The endpoint cannot stream, or not like this."""


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked: the request with its model's full name, the bare `name`, and what must never be shown."""

    ask: wire.Ask
    request: ModelRequest
    name: str
    secrets: Sequence[str]

    @property
    def endpoint(self) -> Endpoint:
        base = (self.request.api_base or "").rstrip("/")
        return base if base.endswith(_ENDPOINT) else base + _ENDPOINT, self.name

    def body(self, streamed: bool) -> bytes:
        name = json.dumps(self.name).encode()
        return b'{"model":%b,%b%b}' % (name, _STREAMED if streamed else b"", self.ask.conversation)

    def headers(self) -> dict[str, str]:
        key = self.ask.api_key or NO_KEY
        return {"Content-Type": "application/json", "Authorization": f"Bearer {key.strip()}"}


class DirectBackend:
    """One pooled HTTP client for all endpoints."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._secrets = secrets_of(os.environ)
        self._habits = Habits()
        self._thoughts = Thoughts()

    @classmethod
    def load(cls) -> "DirectBackend":
        """Return the backend ready; reads the certificates, which takes a tenth of a second.

        Raises:
            ModelUnavailable: the proxies in the environment cannot be used.
        """
        try:
            return cls(
                httpx.AsyncClient(limits=_LIMITS, follow_redirects=True, headers={"User-Agent": "podium"})
            )
        except (ImportError, ValueError, httpx.InvalidURL, OSError) as error:
            raise ModelUnavailable(
                f"The proxy or certificate settings in the environment cannot be used: {masked(str(error))}."
            ) from error

    async def rehearse(self, model: str) -> None:
        """Read what `model` costs, so that the first answer finds it known."""
        openai_prices(model.removeprefix(_PREFIX))

    async def complete(self, ask: wire.Ask) -> ModelAnswer:
        """Return the answer to `ask`, with the key that came with it.

        Raises:
            ContextOverflow: the conversation is too long for the model.
            RateLimited: the provider wants to be asked later.
            ModelFault: the provider failed in a way that may pass.
            ModelUnavailable: it will not answer until the user changes something.
        """
        return await self._thoughts.answer(ask, self._once)

    async def _once(self, ask: wire.Ask) -> ModelAnswer:
        name = ask.head.model.removeprefix(_PREFIX)
        secrets = [*self._secrets, ask.api_key] if ask.api_key else self._secrets
        question = _Question(ask, replace(ask.head, model=_PREFIX + name), name, secrets)
        request = question.request
        try:
            with anyio.fail_after(request.timeout_s):
                return await self._answer(question)
        except TimeoutError as error:
            raise ModelFault(f"`{request.model}` did not answer within {request.timeout_s:g} s.") from error
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise ModelUnavailable(
                f"{request.api_base} is no address of a provider: correct `api_base`."
            ) from error
        except httpx.HTTPError as error:
            raise meaning(error, request, secrets) from error

    async def _answer(self, question: _Question) -> ModelAnswer:
        if self._habits.streams(question.endpoint):
            stall_s = self._habits.stall_s(question.endpoint, question.request.stall_s)
            try:
                return await self._ask(question, stall_s, streamed=True)
            except _RefusesStreamsError:
                self._habits.refused_streams(question.endpoint)
            except httpx.ReadTimeout as error:
                self._habits.was_slow(question.endpoint, stall_s)
                raise ModelFault(f"`{question.request.model}` sent nothing for {stall_s:g} s.") from error
        whole_s = IN_ONE_PIECE * question.request.stall_s
        try:
            return await self._ask(question, whole_s, streamed=False)
        except httpx.ReadTimeout as error:
            self._habits.silent_in_one_piece(question.endpoint)
            raise ModelFault(f"`{question.request.model}` sent nothing for {whole_s:g} s.") from error

    async def _ask(self, question: _Question, stall_s: float, streamed: bool) -> ModelAnswer:
        request, (url, name) = question.request, question.endpoint
        began = time.monotonic()
        async with self._client.stream(
            "POST",
            url,
            content=question.body(streamed),
            headers=question.headers(),
            timeout=httpx.Timeout(None, connect=_CONNECT_S, read=stall_s),
        ) as response:
            if not response.is_success:
                await response.aread()
                if streamed and response.status_code in _REFUSALS and _NO_STREAMS.search(response.text):
                    raise _RefusesStreamsError
                reply = Reply(response.status_code, dict(response.headers), response.text)
                raise meaning_of_reply(reply, request, question.secrets)
            if "text/event-stream" in response.headers.get("content-type", ""):
                body, first_s = await self._streamed(question, response, began)
            else:
                await response.aread()
                body, first_s = _json(response, question.secrets), time.monotonic() - began
        completion = _completion(body, question.secrets)
        if not completion.choices:
            raise ModelFault(f"`{request.model}` gave an answer without choices.")
        self._habits.answered(question.endpoint, first_s, request.stall_s)
        return completion.answer(name, question.ask, response.headers)

    async def _streamed(
        self, question: _Question, response: httpx.Response, began: float
    ) -> tuple[object, float]:
        """Return the answer that comes in chunks, or what counts of one that broke off; and when it began."""
        assembly, model = Assembly(began), question.request.model
        try:
            await read_stream(response, assembly)
        except StreamError as error:
            raise meaning_of_reply(
                Reply(error.status, {}, str(error)), question.request, question.secrets
            ) from error
        except BadChunk as error:
            self._habits.spoiled_stream(question.endpoint)
            said = masked(str(error), question.secrets)
            raise ModelFault(f"The stream of `{model}` holds what is no answer ({said}).") from error
        except BrokeOff as error:
            salvaged = assembly.salvaged()
            if salvaged is None:
                raise ModelFault(
                    f"`{model}` broke off after {assembly.n_characters} characters{error}."
                ) from error
            return salvaged, assembly.first_s
        return assembly.completion(), assembly.first_s


def _json(response: httpx.Response, secrets: Sequence[str]) -> object:
    try:
        body: Any = json.loads(response.content)
    except ValueError as error:
        raise ModelFault(f"The provider's answer was not JSON ({masked(response.text, secrets)}).") from error
    return body


def _completion(body: object, secrets: Sequence[str]) -> Completion:
    try:
        return Completion.model_validate(body)
    except ValidationError as error:
        said = masked(json.dumps(body), secrets)
        raise ModelFault(f"The provider's answer was no chat completion ({said}).") from error
