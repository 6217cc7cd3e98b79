"""An answer put together from the chunks of a stream, in the shape of one that was not streamed.

What of a broken stream counts: tool calls whose arguments are whole. They are what the model decided before the
connection broke, and the conversation goes on with their results. Text that broke off does not count: it is
asked for again.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from podium.adapters.models.answers import text_of

_SAME_CHUNKS, _SAME_CHARACTERS = 100, 2_000
"""A stream that sends the same chunk so often, and so much of it, will not come to an end."""


class BadChunk(Exception):
    """An event that is no chunk of an answer; the message is how it begins."""


class StreamError(Exception):
    """The provider reports an error in the middle of a stream; `status` is the one it would have had outside."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(body)
        self.status = status


@dataclass(slots=True)
class _Call:
    id: str | None = None
    name: str = ""
    arguments: list[str] = field(default_factory=list[str])
    whole: dict[str, Any] | None = None  # some servers send an object in place of its JSON text

    def shaped(self) -> dict[str, Any]:
        arguments: object = self.whole if self.whole is not None else self._text()
        return {"id": self.id, "function": {"name": self.name, "arguments": arguments}}

    def _text(self) -> str:
        """Return the arguments; where a chunk that came twice spoils them, without its repetition."""
        text = "".join(self.arguments)
        if _is_object(text):
            return text
        once = "".join(_without_repetitions(self.arguments))
        return once if _is_object(once) else text

    @property
    def is_whole(self) -> bool:
        return bool(self.name) and (self.whole is not None or _is_object(self._text()))


class Assembly:
    """The first choice of an answer in OpenAI's chat format, while its chunks come in.

    It was asked for at the time `asked_at`, and began `first_s` seconds later.
    """

    def __init__(self, asked_at: float) -> None:
        self._asked_at = asked_at
        self.first_s = 0.0
        self._texts: list[str] = []
        self._refusals: list[str] = []
        self._thoughts: list[str] = []
        self._signed_thoughts: list[Any] = []
        self._calls: dict[object, _Call] = {}
        self._finish_reason: str | None = None
        self._usage: object = None
        self._n_same = 0
        self.ended = False
        self.begun = False

    def add(self, data: bytes, now: float) -> None:
        """Take the data of one event in that came at the time `now`.

        Raises:
            BadChunk: it is no chunk.
            StreamError: it is an error.
        """
        if data.strip() == b"[DONE]":
            self.ended = True
            return
        try:
            chunk = json.loads(data)
        except ValueError as error:
            raise BadChunk(data.decode("utf-8", "replace")) from error
        if not isinstance(chunk, dict):
            raise BadChunk(data.decode("utf-8", "replace"))
        if not self.begun:
            self.first_s = now - self._asked_at
        self.add_chunk(cast("dict[str, Any]", chunk))

    def add_chunk(self, chunk: dict[str, Any]) -> None:
        """Take a chunk in.

        Raises:
            BadChunk: it is none.
            StreamError: it is an error.
        """
        if error := chunk.get("error"):
            raise StreamError(_status_of(error), json.dumps(chunk))
        self._usage = chunk.get("usage") or self._usage
        choices = chunk.get("choices")
        if not isinstance(choices, list) or not choices:
            return
        choice = cast("list[Any]", choices)[0]
        if not isinstance(choice, dict) or not isinstance(
            delta := cast("Any", choice).get("delta") or {}, dict
        ):
            raise BadChunk(json.dumps(chunk))
        self.begun = True
        self._finish_reason = cast("Any", choice).get("finish_reason") or self._finish_reason
        self._add_delta(cast("dict[str, Any]", delta))

    def _add_delta(self, delta: dict[str, Any]) -> None:
        if text := text_of(delta.get("content")):
            self._n_same = self._n_same + 1 if self._texts and self._texts[-1] == text else 0
            self._texts.append(text)
        if isinstance(refusal := delta.get("refusal"), str):
            self._refusals.append(refusal)
        if isinstance(thought := delta.get("reasoning_content"), str):
            self._thoughts.append(thought)
        if isinstance(signed := delta.get("thinking_blocks"), list):
            self._signed_thoughts += cast("list[Any]", signed)
        for part in cast("list[dict[str, Any]]", delta.get("tool_calls") or []):
            self._add_call(part)

    def _add_call(self, part: dict[str, Any]) -> None:
        function = cast("dict[str, Any]", part.get("function") or {})
        given, key = part.get("id"), part.get("index")
        if key is None:  # some servers number nothing: an id, or at least a name, begins a call
            begins = given or function.get("name")
            key = (given or len(self._calls)) if begins or not self._calls else next(reversed(self._calls))
        elif (known := self._calls.get(key)) and given and known.id and given != known.id:
            key = given  # others number all of them 0
        call = self._calls.setdefault(key, _Call())
        call.id = call.id or given
        call.name = call.name or function.get("name") or ""
        arguments = function.get("arguments")
        if isinstance(arguments, str):
            call.arguments.append(arguments)
        elif isinstance(arguments, dict):
            call.whole = cast("dict[str, Any]", arguments)

    @property
    def is_complete(self) -> bool:
        """Whether the provider said that the answer has come to its end."""
        return self._finish_reason is not None or self.ended

    @property
    def runs_away(self) -> bool:
        """Whether the same chunk comes again and again."""
        n_same = self._n_same
        return n_same >= _SAME_CHUNKS and n_same * len(self._texts[-1]) >= _SAME_CHARACTERS

    @property
    def n_characters(self) -> int:
        """How much has come in."""
        arguments = sum(len(piece) for call in self._calls.values() for piece in call.arguments)
        return sum(map(len, self._texts)) + arguments

    def completion(self) -> dict[str, Any]:
        """Return the answer as it would have been without streaming."""
        return self._shaped(list(self._calls.values()), self._finish_reason)

    def salvaged(self) -> dict[str, Any] | None:
        """Return what counts of an answer that broke off, or None if nothing does."""
        whole = [call for call in self._calls.values() if call.is_whole]
        return self._shaped(whole, "tool_calls") if whole else None

    def _shaped(self, calls: list[_Call], finish_reason: str | None) -> dict[str, Any]:
        message = {
            "content": "".join(self._texts) or None,
            "refusal": "".join(self._refusals) or None,
            "reasoning_content": "".join(self._thoughts) or None,
            "thinking_blocks": self._signed_thoughts or None,
            "tool_calls": [call.shaped() for call in calls],
        }
        choice = {"message": message, "finish_reason": finish_reason}
        return {"choices": [choice] if self.begun else [], "usage": self._usage}


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _without_repetitions(pieces: list[str]) -> Iterator[str]:
    before = None
    for piece in pieces:
        if piece != before:
            yield piece
        before = piece


def _status_of(error: object) -> int:
    """Return the HTTP status that an error in the middle of a stream would have had."""
    if not isinstance(error, dict):
        return 500
    named = cast("dict[str, Any]", error)
    code = named.get("code")
    if isinstance(code, int) and 400 <= code < 600:
        return code
    words = f"{code} {named.get('type')}"
    if "rate_limit" in words:
        return 429
    return 529 if "overloaded" in words else 500
