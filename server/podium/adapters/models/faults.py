"""What a provider's error means for the caller: a passing fault, a request too long, or nothing to be had.

The same reply means the same, whoever asked. litellm renames errors (a refused and a dropped connection are both `InternalServerError`), but keeps the
chain of causes. So the innermost HTTP response or operating system error decides, and litellm's own text
only where there is neither. The module imports no library that speaks to providers.
"""

import json
import re
import socket
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from podium.adapters.models.environment import key_variables
from podium.adapters.models.rates import rates_in, retry_after_s
from podium.domain.pace import Refusal
from podium.errors import ModelUnavailable, ModelUnreachable
from podium.ports import ContextOverflow, ModelFault, ModelRequest, RateLimited, ToolsRefused

_MAX_QUOTED = 300
_OVERFLOW = re.compile(
    r"context.?(length|window|size)|prompt is too long|input (is )?too (long|large)|too many (input )?tokens"
    r"|request too large|exceed_context_size|maximum number of tokens|reduce the length",
    re.IGNORECASE,
)
_WINDOW = (
    re.compile(  # the text never holds another number in these places: the prompt's comes before or after
        r"(?:context (?:length|window|size)(?: limit)?(?: \(n_ctx\))? (?:is|of|to)(?: only)? "
        r"|limit(?: is|ed to)? |maximum(?: of)? |tokens > |\"n_ctx\": ?)(\d[\d,]*)",
        re.IGNORECASE,
    )
)
_NO_TOOLS = re.compile(
    r"not support(ed|ing)? (for )?(the )?(use of )?[`'\"]?(tool|function.?call)"
    r"|(\btools?\b|function.?call(s|ing)?|tool.?(use|call(s|ing)?|choice)\b)[`'\"]?.{0,60}"
    r"(not (supported|allowed|available|permitted|implemented)|unsupported|requires --)"
    r"|(unsupported|unknown|unrecognized|unexpected|extra).{0,40}\btools\b|support tool use"
    r"|support parameters: \[[^\]]*'tools'",
    re.IGNORECASE,
)
_QUOTA = re.compile(
    r"insufficient_quota|exceeded your current quota|insufficient (balance|credits?|funds)|credit balance"
    r"|billing_hard_limit|out of credits|payment required",
    re.IGNORECASE,
)
_KEY = re.compile(
    r"missing credentials|missing \w+ api key|api.?key (not|is not) valid|api_key_invalid|incorrect api key"
    r"|invalid api key|no api.?key|api_key client option must be set",
    re.IGNORECASE,
)
_NO_PROVIDER = re.compile(r"LLM Provider NOT provided", re.IGNORECASE)
_LITELLM_PREFIX = re.compile(
    r"^(litellm\.)?(\w+(Error|Timeout|Exception): )+(\w+Exception - )?|^\w+Exception - "
)
_LITELLM_SUFFIX = re.compile(r"\.? *Handle with `litellm\.\w+`\.?\s*$")
_SECRET = re.compile(
    r"\b(sk|pk|gsk|xai|key|rk)-[\w*.-]{6,}|\bgsk_\w{6,}|\bAIza[\w-]{10,}|\bhf_\w{8,}|(?<=Bearer )\S+",
    re.IGNORECASE,
)
_RATE = re.compile(
    r"per.?(second|minute|hour|day|month)|\b(rpm|tpm|rpd|tpd|rps|qps)\b|(tokens|requests)/|resource.?exhausted"
    r"|throttl",
    re.IGNORECASE,
)
_CONCURRENCY = re.compile(
    r"concurren|parallel|simultaneous|in.?flight|at (the same time|once)\b", re.IGNORECASE
)
_OVERLOAD = re.compile(r"overload|capacity|server.?(is )?busy|too busy|(service )?unavailable", re.IGNORECASE)
_FIRST_SERVER_ERROR = 500
_PASSING = frozenset({408, 409, 425})
_TOO_MANY, _UNAVAILABLE, _OVERLOADED = 429, 503, 529
_REFUSALS = {
    402: "The account for `{model}` has no credit left",
    403: "The provider does not let this key use `{model}`",
    404: "The provider has no model `{model}`",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """What is known of a provider's refusal, header names in lower case; status 0 where there was none."""

    status: int
    headers: dict[str, str]
    body: str


def meaning(
    error: BaseException, request: ModelRequest, secrets: Sequence[str] = ()
) -> ModelFault | ModelUnavailable:
    """Return what `error`, raised by litellm or httpx for `request`, tells the caller to do.

    `secrets` are masked in the message, as is what looks like a key.
    """
    causes = list(_causes(error))
    missing = next((cause for cause in causes if isinstance(cause, ImportError)), None)
    if missing is not None:
        return ModelUnavailable(f"The installation is incomplete ({missing}): install podium-ls again.")
    reply = _reply(causes)
    text = str(error).partition("\nTraceback")[0]  # litellm appends one to some messages
    wordless = f"status {reply.status}" if reply.status else "The connection broke off."
    said = masked(_sentence(reply, text), secrets) or wordless
    return _of_connection(causes, request, said) or _of_reply(f"{text} {reply.body}", reply, request, said)


def meaning_of_reply(
    reply: Reply, request: ModelRequest, secrets: Sequence[str] = ()
) -> ModelFault | ModelUnavailable:
    """Return what a provider's refusal of `request` tells the caller to do; `secrets` as for `meaning`."""
    said = masked(_sentence(reply, reply.body), secrets) or f"status {reply.status}"
    return _of_reply(reply.body, reply, request, said)


def masked(text: str, secrets: Sequence[str] = ()) -> str:
    """Return `text` on one line, at most 300 characters, without `secrets` and what looks like a key."""
    for secret in secrets:
        text = text.replace(secret, "***")
    text = " ".join(_SECRET.sub("***", text).split())
    return text if len(text) <= _MAX_QUOTED else text[: _MAX_QUOTED - 1] + "…"


def missing_key_error(model: str, variable: str) -> ModelUnavailable:
    """Return the error for a model whose provider needs a key that is not there."""
    return ModelUnavailable(
        f"`{model}` needs a key: set {variable} in the environment of the editor, "
        f"or `api_base` for a provider of your own."
    )


def _of_connection(
    causes: list[BaseException], request: ModelRequest, said: str
) -> ModelFault | ModelUnavailable | None:
    where = request.api_base or f"the provider of `{request.model}`"
    for cause in causes:
        if isinstance(cause, json.JSONDecodeError):
            return ModelFault(f"The provider's answer was not JSON ({said}).")
        if isinstance(cause, OSError) and (error := _of_socket(cause, where, request.api_base)):
            return error
    return None


def _of_socket(error: OSError, where: str, api_base: str | None) -> ModelFault | ModelUnavailable | None:
    if isinstance(error, ConnectionRefusedError):
        return ModelUnreachable(f"No model answers at {where}: start it or set `api_base`.")
    if isinstance(error, ssl.SSLCertVerificationError):
        return ModelUnavailable(
            f"The certificate of {where} is not trusted: set SSL_CERT_FILE or correct `api_base`."
        )
    if isinstance(error, socket.gaierror):
        if api_base and error.errno == socket.EAI_NONAME:
            return ModelUnavailable(f"There is no host of the name in {where}: correct `api_base`.")
        return ModelFault(f"{where} cannot be found: the network may be down.")
    if isinstance(error, TimeoutError):
        return ModelFault(f"{where} took no connection in time: the network may be down.")
    return None


def _of_reply(text: str, reply: Reply, request: ModelRequest, said: str) -> ModelFault | ModelUnavailable:
    return (
        _of_tools(text, reply, request, said)
        or _of_text(text, reply, request, said)
        or _of_status(reply, request, said)
    )


def _of_tools(text: str, reply: Reply, request: ModelRequest, said: str) -> ToolsRefused | None:
    """Return the refusal of tools; llama.cpp answers it with 500, others with 400, 404 or 422."""
    if (400 <= reply.status < 429 or 500 <= reply.status <= 501) and _NO_TOOLS.search(text):
        return ToolsRefused(
            f"`{request.model}` cannot be asked with tools ({said}): set `tools` of this model to auto or text."
        )
    return None


def _of_text(
    text: str, reply: Reply, request: ModelRequest, said: str
) -> ModelFault | ModelUnavailable | None:
    if reply.status >= _FIRST_SERVER_ERROR and reply.headers:
        return None
    if _KEY.search(text):
        return _key_error(request, said)
    if _QUOTA.search(text) and not _comes_back(text, reply):
        return ModelUnavailable(f"The account for `{request.model}` has no credit left: {said}")
    if reply.status == 413 or _OVERFLOW.search(text):
        window = _WINDOW.search(text)
        return ContextOverflow(said, window=int(window[1].replace(",", "")) if window else None)
    if _NO_PROVIDER.search(text):
        return ModelUnavailable(
            f"`{request.model}` names no known provider: set `model` to provider/name, for example openai/gpt-4o-mini."
        )
    return None


def _comes_back(text: str, reply: Reply) -> bool:
    """Return whether a used up quota is one of a minute or a day, as Gemini's, and not one of money."""
    if "insufficient" in text.lower() or reply.status != _TOO_MANY:
        return False
    return retry_after_s(reply.headers, text) is not None


def _of_status(reply: Reply, request: ModelRequest, said: str) -> ModelFault | ModelUnavailable:
    status = reply.status
    if status == 401:
        return _key_error(request, said)
    after_s = retry_after_s(reply.headers, reply.body)
    if refusal := _refusal(reply):
        return RateLimited(said, after_s, refusal, rates_in(reply.headers))
    if status in _PASSING or not 400 <= status < _FIRST_SERVER_ERROR:
        return ModelFault(said, after_s)
    refused = _REFUSALS.get(status, "The provider refused the request to `{model}`")
    return ModelUnavailable(f"{refused.format(model=request.model)}: {said}")


def _refusal(reply: Reply) -> Refusal | None:
    """Return why the provider refuses for now, or None if it does not."""
    if reply.status in {_UNAVAILABLE, _OVERLOADED}:
        return "overload"
    if reply.status != _TOO_MANY:
        return None
    if _CONCURRENCY.search(reply.body):
        return "concurrency"
    if _RATE.search(reply.body):
        return "rate"
    return "overload" if _OVERLOAD.search(reply.body) else "unclear"


def _key_error(request: ModelRequest, said: str) -> ModelUnavailable:
    used = request.api_key_env or " or ".join(key_variables(request.model))
    if used:
        return ModelUnavailable(
            f"The provider refused the key for `{request.model}`: correct {used}, or name another variable "
            f"in `api_key_env` ({said})."
        )
    return ModelUnavailable(
        f"The provider of `{request.model}` wants a key: name the variable that holds it in `api_key_env` ({said})."
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield what caused `error`, the innermost first, `error` itself last."""
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        if isinstance(cause, BaseExceptionGroup):  # one error for each address of a host
            chain += cast("BaseExceptionGroup[BaseException]", cause).exceptions
        cause = cause.__cause__ or cause.__context__
    return reversed(chain)


def _reply(causes: list[BaseException]) -> Reply:
    # The inner errors hold the real response; the outer ones one that litellm made up.
    for cause in causes:
        response: Any = getattr(cause, "response", None)
        headers: Any = getattr(response, "headers", None)
        if headers:
            named = {str(name).lower(): str(value) for name, value in headers.items()}
            readable = getattr(response, "is_stream_consumed", True)  # httpx raises otherwise
            return Reply(int(response.status_code), named, str(response.text) if readable else "")
    for cause in causes:
        status: object = getattr(cause, "status_code", None)
        if isinstance(status, int):
            return Reply(status, {}, "")
    return Reply(0, {}, "")


def _sentence(reply: Reply, text: str) -> str:
    """Return the provider's own words, or else litellm's `text` without the names of its classes."""
    try:
        body: object = json.loads(reply.body)
    except ValueError:
        body = None
    if isinstance(body, dict):
        fields = cast("dict[str, Any]", body)
        inner: object = fields.get("error", fields)
        said = cast("dict[str, Any]", inner).get("message") if isinstance(inner, dict) else inner
        if isinstance(said, str) and said.strip():
            return said
    return _LITELLM_SUFFIX.sub("", _LITELLM_PREFIX.sub("", text))
