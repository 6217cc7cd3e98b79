"""Answers requests over HTTP itself: OpenAI-compatible endpoints at an address of the user's own.

An endpoint like that needs no translation, so litellm would only add its 7 seconds of loading, its 200 MB
and 5 ms to each request. One call here is one HTTP request, not streamed and never repeated.

The proxies and certificates in the environment count (`trust_env`), as they do for litellm: the model
process sees a filtered environment, in which this machine is exempt from proxies.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import anyio
import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from podium.adapters.models import wire
from podium.adapters.models.answers import CalledTool, Counted, answer
from podium.adapters.models.environment import NO_KEY, key_variables
from podium.adapters.models.faults import Reply, masked, meaning, meaning_of_reply
from podium.adapters.models.prices import openai_prices
from podium.domain.masking import secrets_of
from podium.errors import ModelUnavailable
from podium.ports import ModelAnswer, ModelFault, ModelRequest

_PREFIX = "openai/"
_ENDPOINT = "/chat/completions"
_TIMEOUT = httpx.Timeout(None, connect=20.0)  # the request as a whole has its own
_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=100, keepalive_expiry=60.0)


class _Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _Function(_Lenient):
    name: str | None = None
    arguments: Any = None


class _ToolCall(_Lenient):
    id: str | None = None
    function: _Function


class _Message(_Lenient):
    content: Any = None
    refusal: str | None = None
    tool_calls: Sequence[_ToolCall] | None = None


class _Choice(_Lenient):
    message: _Message
    finish_reason: str | None = None


class _TokenDetails(_Lenient):
    cached_tokens: int | None = None


class _Tokens(_Lenient):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _TokenDetails | None = None
    prompt_cache_hit_tokens: int | None = None  # DeepSeek's name for the same

    def counted(self) -> Counted:
        details = self.prompt_tokens_details
        cached = (details.cached_tokens if details else None) or self.prompt_cache_hit_tokens
        return Counted(self.prompt_tokens or 0, self.completion_tokens or 0, cached or 0)


class _Completion(_Lenient):
    """What is used of an answer."""

    choices: Sequence[_Choice]
    usage: _Tokens | None = None


class DirectBackend:
    """One pooled HTTP client for all endpoints."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._secrets = secrets_of(os.environ)

    @classmethod
    def load(cls) -> "DirectBackend":
        """Return the backend ready; reads the certificates, which takes a tenth of a second.

        Raises:
            ModelUnavailable: the proxies in the environment cannot be used.
        """
        try:
            return cls(
                httpx.AsyncClient(
                    timeout=_TIMEOUT, limits=_LIMITS, follow_redirects=True, headers={"User-Agent": "podium"}
                )
            )
        except (ImportError, ValueError, httpx.InvalidURL, OSError) as error:
            raise ModelUnavailable(
                f"The proxy or certificate settings in the environment cannot be used: {masked(str(error))}."
            ) from error

    async def rehearse(self, model: str) -> None:
        """Read what `model` costs, so that the first answer finds it known."""
        openai_prices(model.removeprefix(_PREFIX))

    async def complete(self, ask: wire.Ask) -> ModelAnswer:
        """Return the answer to `ask`, with its key or else the one in the environment.

        Raises:
            ContextOverflow: the conversation is too long for the model.
            ModelFault: the provider failed in a way that may pass.
            ModelUnavailable: it will not answer until the user changes something.
        """
        name = ask.head.model.removeprefix(_PREFIX)
        request = replace(ask.head, model=_PREFIX + name)
        secrets = [*self._secrets, ask.api_key] if ask.api_key else self._secrets
        content = b'{"model":%b,%b}' % (json.dumps(name).encode(), ask.conversation)
        try:
            with anyio.fail_after(request.timeout_s):
                response = await self._client.post(
                    _url(request), content=content, headers=_headers(request, ask.api_key)
                )
        except TimeoutError as error:
            raise ModelFault(f"`{request.model}` did not answer within {request.timeout_s:g} s.") from error
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise ModelUnavailable(
                f"{request.api_base} is no address of a provider: correct `api_base`."
            ) from error
        except httpx.HTTPError as error:
            raise meaning(error, request, secrets) from error
        if not response.is_success:
            reply = Reply(response.status_code, dict(response.headers), response.text)
            raise meaning_of_reply(reply, request, secrets)
        completion = _completion(response, secrets)
        if not completion.choices:
            raise ModelFault(f"`{request.model}` gave an answer without choices.")
        return _answer(completion, name, ask, response.headers)


def _url(request: ModelRequest) -> str:
    base = (request.api_base or "").rstrip("/")
    return base if base.endswith(_ENDPOINT) else base + _ENDPOINT


def _headers(request: ModelRequest, api_key: str | None) -> dict[str, str]:
    usual = map(os.environ.get, key_variables(request.model))
    key = api_key or next(filter(None, usual), NO_KEY)
    return {"Content-Type": "application/json", "Authorization": f"Bearer {key.strip()}"}


def _completion(response: httpx.Response, secrets: Sequence[str]) -> _Completion:
    try:
        return _Completion.model_validate(json.loads(response.content))
    except ValidationError as error:
        what, cause = "no chat completion", error
    except ValueError as error:
        what, cause = "not JSON", error
    raise ModelFault(f"The provider's answer was {what} ({masked(response.text, secrets)}).") from cause


def _answer(completion: _Completion, name: str, ask: wire.Ask, headers: Mapping[str, str]) -> ModelAnswer:
    choice = completion.choices[0]
    called = [
        CalledTool(call.id, call.function.name, call.function.arguments)
        for call in choice.message.tool_calls or ()
    ]
    counted = completion.usage.counted() if completion.usage else None
    if counted and (prices := openai_prices(name)):
        counted = replace(counted, cost_usd=prices.of(counted))
    refusal = choice.message.refusal
    finish_reason = "refusal" if refusal else choice.finish_reason
    return answer(ask, choice.message.content or refusal, called, finish_reason, counted, headers)
