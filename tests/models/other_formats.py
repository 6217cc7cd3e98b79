"""How replies look on the wire of two other providers: Ollama's lines of JSON, and Gemini's events, whole and streamed.

As in `formats`, a reply is written once, as a completion in OpenAI's format.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

Body: TypeAlias = dict[str, Any]

_LETTERS = 12


def speaks(path: str) -> Callable[[Body], Iterator[Body]] | None:
    """Return what makes the pieces of an answer at `path`, or None where it is neither provider's."""
    if path.endswith("/api/chat"):
        return _ollama
    return _gemini if "enerateContent" in path else None


def event(piece: Body, path: str) -> bytes:
    """Return a piece as it is sent in a stream."""
    line = json.dumps(piece).encode()
    return line + b"\n" if path.endswith("/api/chat") else b"data: " + line + b"\r\n\r\n"


def whole(pieces: list[Body], path: str) -> Body:
    """Return the answer in one piece."""
    *_, last = pieces
    if path.endswith("/api/chat"):
        texts = "".join(piece["message"]["content"] for piece in pieces)
        made = [call for piece in pieces for call in piece["message"].get("tool_calls", [])]
        return {**last, "message": {"role": "assistant", "content": texts, "tool_calls": made}}
    parts = [part for piece in pieces for part in piece["candidates"][0]["content"]["parts"]]
    candidate = {**last["candidates"][0], "content": {"role": "model", "parts": parts}}
    return {**last, "candidates": [candidate]}


def _ollama(body: Body) -> Iterator[Body]:
    usage: Body | None = body.get("usage")
    for text, call in _said(body):
        calls = [{"function": {"name": call[0], "arguments": call[1]}}] if call else []
        yield _ollama_line({"content": text, **({"tool_calls": calls} if calls else {})}, done=False)
    told = (
        {"prompt_eval_count": usage["prompt_tokens"], "eval_count": usage["completion_tokens"]}
        if usage
        else {}
    )
    yield {**_ollama_line({"content": ""}, done=True), "done_reason": "stop", **told}


def _ollama_line(message: Body, *, done: bool) -> Body:
    created = "2025-01-01T00:00:00Z"
    return {"model": "x", "created_at": created, "message": {"role": "assistant", **message}, "done": done}


def _gemini(body: Body) -> Iterator[Body]:
    usage: Body | None = body.get("usage")
    for text, call in _said(body):
        part = {"functionCall": {"name": call[0], "args": call[1]}} if call else {"text": text}
        yield {"candidates": [{"index": 0, "content": {"role": "model", "parts": [part]}}]}
    last: Body = {
        "candidates": [{"index": 0, "content": {"role": "model", "parts": []}, "finishReason": "STOP"}]
    }
    if usage:
        prompt, completion = usage["prompt_tokens"], usage["completion_tokens"]
        last["usageMetadata"] = {
            "promptTokenCount": prompt,
            "candidatesTokenCount": completion,
            "totalTokenCount": prompt + completion,
            "cachedContentTokenCount": usage.get("prompt_tokens_details", {}).get("cached_tokens", 0),
        }
    yield last


def _said(body: Body) -> Iterator[tuple[str, tuple[str, Body] | None]]:
    message: Body = body["choices"][0]["message"]
    text: str = message.get("content") or ""
    for start in range(0, len(text), _LETTERS):
        yield text[start : start + _LETTERS], None
    calls: list[Body] = message.get("tool_calls") or []
    for call in calls:
        yield "", (call["function"]["name"], json.loads(call["function"]["arguments"]))
