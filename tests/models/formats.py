"""How replies look on the wire: OpenAI's chat format and Anthropic's messages, whole and as streams, sound or broken.

A reply is written once, as a completion in OpenAI's format; this module says what bytes a client gets for it.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Literal, TypeAlias

from tests.models import other_formats

Body: TypeAlias = dict[str, Any]
Break: TypeAlias = Literal[
    "cut", "stall", "silence", "malformed", "unfinished", "repeated", "runaway", "error", "late_cut"
]
"""What is wrong with an answer: `silence` says nothing at all, `late_cut` comes after all but the last call."""
Piece: TypeAlias = "bytes | float | None"
"""Bytes to send, seconds to wait, or (None) the end of the connection."""

FOR_EVER_S = 3600.0
_LETTERS = 12
_OVERLOADED: Body = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
_NOTHING: list[Body] = [{"message": {}, "finish_reason": None}]
_EMPTY: dict[str, Body] = {
    "text": {"text": ""},
    "tool_use": {"input": {}},
    "thinking": {"thinking": "", "signature": ""},
}
_STOP = {
    None: None,
    "stop": "end_turn",
    "tool_calls": "tool_use",
    "length": "max_tokens",
    "content_filter": "refusal",
}


def whole(body: Body, path: str) -> Body:
    """Return what is sent in one piece."""
    if pieces := other_formats.speaks(path):
        return other_formats.whole(list(pieces(body)), path)
    return body if not path.endswith("/messages") else _anthropic(body)


def streamed(body: Body, path: str) -> list[bytes]:
    """Return the events of a stream."""
    if pieces := other_formats.speaks(path):
        return [other_formats.event(piece, path) for piece in pieces(body)]
    return list(_anthropic_events(body) if path.endswith("/messages") else _openai_events(body))


def error(body: Body, path: str) -> Body:
    """Return the body of an error."""
    if not path.endswith("/messages"):
        return body
    named = body["error"]
    return {"type": "error", "error": {"type": named["type"], "message": named["message"]}}


def broken(events: Sequence[bytes], kind: Break | None, path: str) -> list[Piece]:
    """Return the pieces in which a stream arrives that breaks in one way, or in none."""
    half = max(1, len(events) // 2)
    first, second = events[:half], events[half:]
    name = b"event: error\n" if path.endswith("/messages") else b""
    ways: dict[Break | None, list[Piece]] = {
        None: [*events],
        "silence": [FOR_EVER_S],
        "stall": [*first, FOR_EVER_S],
        "cut": [*first, None],
        "late_cut": [*events[:-3], None],
        "malformed": [*first, b"data: {not json\n\n", *second],
        "unfinished": [event for event in events if not _finishes(event)],
        "repeated": [event for event in events for _ in range(2 if b'{"arguments": "' in event else 1)],
        "runaway": [*first, *[first[-1]] * 2000, *second],
        "error": [*first, name + _data(_OVERLOADED)],
    }
    return ways[kind]


def _finishes(event: bytes) -> bool:
    return (
        b"[DONE]" in event
        or b'"finish_reason": "' in event
        or b"message_delta" in event
        or b"message_stop" in event
    )


def _parts(text: str) -> Iterator[str]:
    for start in range(0, len(text), _LETTERS):
        yield text[start : start + _LETTERS]


def _openai_events(body: Body) -> Iterator[bytes]:
    choice: Body = (body["choices"] or _NOTHING)[0]
    message: Body = choice["message"]
    yield _chunk(body, {"role": "assistant", "content": ""})
    content: object = message.get("content")
    for part in _parts(content) if isinstance(content, str) else filter(None, [content]):
        yield _chunk(body, {"content": part})
    calls: list[Body] = message.get("tool_calls") or []
    for index, call in enumerate(calls):
        head: Body = {**call, "function": {"name": call["function"]["name"], "arguments": ""}}
        yield _chunk(body, {"tool_calls": [{"index": index, **head}]})
        for part in _parts(call["function"]["arguments"]):
            yield _chunk(body, {"tool_calls": [{"index": index, "function": {"arguments": part}}]})
    more = {name: value for name, value in message.items() if name not in {"role", "content", "tool_calls"}}
    if choice["finish_reason"]:
        yield _chunk(body, more, choice["finish_reason"])
    if body.get("usage"):
        yield _data({**_head(body), "choices": [], "usage": body["usage"]})
    yield b"data: [DONE]\n\n"


def _chunk(body: Body, delta: Body, finish_reason: str | None = None) -> bytes:
    choices = [{"index": 0, "delta": delta, "finish_reason": finish_reason}]
    return _data({**_head(body), "choices": choices if body["choices"] else []})


def _head(body: Body) -> Body:
    return {"id": body.get("id"), "object": "chat.completion.chunk", "created": 1, "model": body.get("model")}


def _data(value: Body, name: str = "") -> bytes:
    return (f"event: {name}\n" if name else "").encode() + b"data: " + json.dumps(value).encode() + b"\n\n"


def _anthropic(body: Body) -> Body:
    choice: Body = (body["choices"] or _NOTHING)[0]
    content = list(_blocks(choice["message"]))
    head = _anthropic_head(body)
    return {**head, "content": content, "stop_reason": _STOP[choice["finish_reason"]], "usage": _usage(body)}


def _anthropic_head(body: Body) -> Body:
    return {
        "id": body.get("id"),
        "type": "message",
        "role": "assistant",
        "model": body.get("model"),
        "stop_sequence": None,
    }


def _usage(body: Body) -> Body:
    usage: Body = body.get("usage") or {}
    details: Body = usage.get("prompt_tokens_details") or {}
    cached = details.get("cached_tokens", 0)
    return {
        "input_tokens": usage.get("prompt_tokens", 0) - cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": cached,
        "output_tokens": usage.get("completion_tokens", 0),
    }


def _blocks(message: Body) -> Iterator[Body]:
    thoughts: list[Body] = message.get("thinking_blocks") or []
    yield from thoughts
    if message.get("content"):
        yield {"type": "text", "text": message["content"]}
    calls: list[Body] = message.get("tool_calls") or []
    for call in calls:
        arguments = json.loads(call["function"]["arguments"])
        yield {"type": "tool_use", "id": call["id"], "name": call["function"]["name"], "input": arguments}


def _anthropic_events(body: Body) -> Iterator[bytes]:
    choice: Body = (body["choices"] or _NOTHING)[0]
    begin: Body = {**_anthropic_head(body), "content": [], "stop_reason": None, "usage": _usage(body)}
    yield _data({"type": "message_start", "message": begin}, "message_start")
    for index, block in enumerate(_blocks(choice["message"])):
        yield from _block_events(index, block)
    delta: Body = {"stop_reason": _STOP[choice["finish_reason"]], "stop_sequence": None}
    usage = {"output_tokens": _usage(body)["output_tokens"]}
    yield _data({"type": "message_delta", "delta": delta, "usage": usage}, "message_delta")
    yield _data({"type": "message_stop"}, "message_stop")


def _block_events(index: int, block: Body) -> Iterator[bytes]:
    empty: Body = {**block, **_EMPTY.get(block["type"], {})}
    yield _data(
        {"type": "content_block_start", "index": index, "content_block": empty}, "content_block_start"
    )
    if block["type"] == "text":
        deltas: list[Body] = [{"type": "text_delta", "text": part} for part in _parts(block["text"])]
    elif block["type"] == "thinking":
        deltas = [{"type": "thinking_delta", "thinking": part} for part in _parts(block["thinking"])]
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
    elif block["type"] == "redacted_thinking":
        deltas = []
    else:
        arguments = json.dumps(block["input"])
        deltas = [{"type": "input_json_delta", "partial_json": part} for part in _parts(arguments)]
    for delta in deltas:
        yield _data({"type": "content_block_delta", "index": index, "delta": delta}, "content_block_delta")
    yield _data({"type": "content_block_stop", "index": index}, "content_block_stop")
