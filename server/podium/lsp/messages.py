"""JSON-RPC messages as values: what a frame from the client says, before anyone knows what it means.

`params` and `result` stay the plain JSON that was sent; no key is renamed and no nested object is taken
for a message. Errors that a handler may raise on purpose stand here too, with the code the client sees.
"""

import json
from dataclasses import dataclass
from typing import TypeAlias, cast

from podium.domain.messages import Json

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
NOT_INITIALIZED = -32002
REQUEST_FAILED = -32803
CANCELLED = -32800

MessageId: TypeAlias = int | str


@dataclass(frozen=True, slots=True)
class Request:
    """The client wants an answer. `params` is None where the member is missing."""

    id: MessageId
    method: str
    params: Json


@dataclass(frozen=True, slots=True)
class Notification:
    """The client tells something. `params` is None where the member is missing."""

    method: str
    params: Json


@dataclass(frozen=True, slots=True)
class Answer:
    """The client's answer to a request of ours."""

    id: MessageId
    result: Json


@dataclass(frozen=True, slots=True)
class Refusal:
    """The client's error response to a request of ours."""

    id: MessageId
    code: int
    message: str
    data: Json = None


@dataclass(frozen=True, slots=True)
class Malformed:
    """No message at all; `code` and `message` go back to the client, with `id` where one was readable."""

    id: MessageId | None
    code: int
    message: str


Incoming: TypeAlias = Request | Notification | Answer | Refusal | Malformed


class RpcError(Exception):
    """What a handler raises to answer a request with an error; `message` is for the client's user."""

    def __init__(self, code: int, message: str, data: Json = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


class InvalidParams(RpcError):
    """The request's params are not what the method takes; the message names the field."""

    def __init__(self, message: str, data: Json = None) -> None:
        super().__init__(INVALID_PARAMS, message, data)


def parse(body: bytes) -> Incoming:
    """Return the message in the frame `body`; never raises."""
    try:
        content = cast("Json", json.loads(body))
    except (ValueError, RecursionError) as error:
        return Malformed(None, PARSE_ERROR, f"not readable as JSON: {error}")
    if not isinstance(content, dict):
        return Malformed(None, INVALID_REQUEST, "a message is one JSON object")
    message_id = valid_id(content.get("id"))
    if "method" in content:
        return _call(message_id, content)
    if message_id is None or not ("result" in content or "error" in content):
        return Malformed(None, INVALID_REQUEST, "neither a request nor a response")
    return _response(message_id, content)


def valid_id(value: Json) -> MessageId | None:
    """Return `value` where it can be the id of a message: a string or an integer."""
    return value if isinstance(value, (int, str)) and not isinstance(value, bool) else None


def _call(message_id: MessageId | None, content: dict[str, Json]) -> Request | Notification | Malformed:
    method = content["method"]
    if not isinstance(method, str):
        return Malformed(message_id, INVALID_REQUEST, "`method` is not a string")
    if "id" not in content:
        return Notification(method, content.get("params"))
    if message_id is None:
        return Malformed(None, INVALID_REQUEST, "`id` is neither a string nor an integer")
    return Request(message_id, method, content.get("params"))


def _response(message_id: MessageId, content: dict[str, Json]) -> Answer | Refusal:
    error = content.get("error")
    if error is None:
        return Answer(message_id, content.get("result"))
    if not isinstance(error, dict):
        return Refusal(message_id, INTERNAL_ERROR, str(error))
    code = error.get("code")
    return Refusal(
        message_id,
        code if isinstance(code, int) else INTERNAL_ERROR,
        str(error.get("message", "")),
        error.get("data"),
    )
