"""The lines that the LSP process and its model process exchange.

One message is one line of compact JSON; an `Ask` is two values with a tab between them, the second being
the conversation, which nobody needs to decode who only passes it on. The lines pass between two ends of one program, so they are
decoded without validation: a line that does not fit is a bug, not input. Text is escaped to ASCII, so
that lone surrogates in what a model wrote survive the trip.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, TypeAlias, assert_never, cast

from podium.domain.allowance import Rates, Told, Unit
from podium.domain.pace import Refusal
from podium.errors import ModelUnavailable, ModelUnreachable
from podium.ports import (
    ContextOverflow,
    ModelAnswer,
    ModelFault,
    ModelRequest,
    RateLimited,
    ToolsRefused,
    Usage,
)

_dumps = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Ask:
    """A request to answer; get it from `of`.

    `head` is the request without its conversation. `conversation` holds the messages and tools as the
    members of an object in JSON, as providers take them; a conversation grows long, and is encoded once.
    `api_key` is the key that the user chose by `api_key_env`, or None; `environ` are the variables that the
    provider reads beside it.
    """

    id: int
    head: ModelRequest
    conversation: bytes
    api_key: str | None = None
    environ: Mapping[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def of(
        cls,
        call_id: int,
        request: ModelRequest,
        api_key: str | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> "Ask":
        """Return the line that carries `request`."""
        members: dict[str, object] = {"messages": request.messages}
        if request.tools:
            members["tools"] = request.tools
        head = replace(request, messages=(), tools=())
        return cls(call_id, head, _dumps(members)[1:-1].encode(), api_key, environ or {})

    def request(self) -> ModelRequest:
        """Return the whole request."""
        members = _loads(b"{%b}" % self.conversation)
        return replace(self.head, messages=tuple(members["messages"]), tools=tuple(members.get("tools", ())))


@dataclass(frozen=True, slots=True)
class Warm:
    """Load now what asking `model` takes; answered by `Warmed` or `Failed`."""

    id: int
    model: str
    api_base: str | None = None


@dataclass(frozen=True, slots=True)
class Cancel:
    """Nobody waits for the answer to `id` any more; not answered."""

    id: int


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to an `Ask`."""

    id: int
    answer: ModelAnswer


@dataclass(frozen=True, slots=True)
class Warmed:
    """The answer to a `Warm`."""

    id: int


FailureKind: TypeAlias = Literal["fault", "limited", "overflow", "no_tools", "unreachable", "unavailable"]


@dataclass(frozen=True, slots=True)
class Failed:
    """Why an `Ask` or a `Warm` has no answer."""

    id: int
    kind: FailureKind
    message: str
    retry_after_s: float | None = None
    window: int | None = None
    refusal: Refusal = "unclear"
    rates: Rates = field(default_factory=dict[Unit, Told])

    @classmethod
    def of(cls, call_id: int, error: ModelFault | ModelUnavailable) -> "Failed":
        """Return the line that carries `error`."""
        match error:
            case ToolsRefused():
                return cls(call_id, "no_tools", str(error))
            case ModelUnreachable():
                return cls(call_id, "unreachable", str(error))
            case ModelUnavailable():
                return cls(call_id, "unavailable", str(error))
            case RateLimited():
                kind: FailureKind = "limited"
                return cls(call_id, kind, str(error), error.retry_after_s, None, error.refusal, error.rates)
            case ContextOverflow():
                return cls(call_id, "overflow", str(error), error.retry_after_s, error.window)
            case _:
                return cls(call_id, "fault", str(error), error.retry_after_s)

    def error(self) -> ModelFault | ModelUnavailable:
        """Return the exception that was carried."""
        match self.kind:
            case "fault":
                return ModelFault(self.message, self.retry_after_s)
            case "limited":
                return RateLimited(self.message, self.retry_after_s, self.refusal, self.rates)
            case "overflow":
                return ContextOverflow(self.message, self.retry_after_s, self.window)
            case "no_tools":
                return ToolsRefused(self.message)
            case "unreachable":
                return ModelUnreachable(self.message)
            case "unavailable":
                return ModelUnavailable(self.message)
            case _:
                assert_never(self.kind)


ToHost: TypeAlias = Ask | Warm | Cancel
ToClient: TypeAlias = Answered | Warmed | Failed


def encode(message: ToHost | ToClient) -> bytes:
    """Return `message` as one line, newline included."""
    match message:
        case Ask():
            body: dict[str, object] = {
                "id": message.id,
                "api_key": message.api_key,
                "environ": dict(message.environ),
                "head": _head_json(message.head),
            }
            return b"%b\t%b\n" % (_line(message, body), message.conversation)
        case Answered():
            answer = message.answer
            body = {
                "id": message.id,
                "message": answer.message,
                "finish_reason": answer.finish_reason,
                "usage": asdict(answer.usage),
                "rates": {unit: asdict(told) for unit, told in answer.rates.items()},
                "window": answer.window,
            }
        case Failed() | Warm():
            body = asdict(message)
        case Cancel() | Warmed():
            body = {"id": message.id}
        case _:
            assert_never(message)
    return _line(message, body) + b"\n"


def decode_to_host(line: bytes) -> ToHost:
    """Return the message that the client sent."""
    first, _, conversation = line.partition(b"\t")
    body = _loads(first)
    match body.pop("is"):
        case "Ask":
            head = ModelRequest(messages=(), tools=(), **body["head"])
            return Ask(body["id"], head, conversation, body["api_key"], body["environ"])
        case "Warm":
            return Warm(**body)
        case "Cancel":
            return Cancel(**body)
        case other:
            raise AssertionError(f"no message for the model process: {other}")


def decode_to_client(line: bytes) -> ToClient:
    """Return the message that the model process sent."""
    body = _loads(line)
    match body.pop("is"):
        case "Answered":
            rates = _rates(body["rates"])
            usage, window = Usage(**body["usage"]), body["window"]
            answer = ModelAnswer(body["message"], body["finish_reason"], usage, rates=rates, window=window)
            return Answered(body["id"], answer)
        case "Failed":
            return Failed(rates=_rates(body.pop("rates")), **body)
        case "Warmed":
            return Warmed(**body)
        case other:
            raise AssertionError(f"no message from the model process: {other}")


class Lines:
    """Cuts a stream of chunks into lines of any length, in time linear in the bytes."""

    def __init__(self) -> None:
        self._begun: list[bytes] = []

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the lines that `chunk` completes, without their newlines."""
        *complete, rest = chunk.split(b"\n")
        for line in complete:
            yield b"".join((*self._begun, line))
            self._begun.clear()
        if rest:
            self._begun.append(rest)


_HEAD_FIELDS = tuple(one.name for one in fields(ModelRequest) if one.name not in ("messages", "tools"))


def _head_json(head: ModelRequest) -> dict[str, object]:
    values: dict[str, object] = {name: getattr(head, name) for name in _HEAD_FIELDS}
    values["facts"] = dict(head.facts)
    return values


def _rates(told: Mapping[Unit, Any]) -> Rates:
    return {unit: Told(**one) for unit, one in told.items()}


def _line(message: ToHost | ToClient, body: dict[str, object]) -> bytes:
    return _dumps({"is": type(message).__name__, **body}).encode()


def _loads(line: bytes) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(line))
