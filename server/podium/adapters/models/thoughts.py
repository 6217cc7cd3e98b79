"""What a model thought before it called tools, on its way back to that model: some must have it, others refuse it.

Anthropic's models sign what they think and are given it back, where they called a tool after it. Of others' thinking
(`reasoning_content`) most want nothing to be sent, and some refuse a conversation without it (DeepSeek, Kimi). So an
endpoint that complains is asked again in the other way, at once and from then on. No other model is sent it.
"""

import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import cast

from podium.adapters.models import wire
from podium.adapters.models.habits import Endpoint
from podium.domain.messages import THOUGHT, Json, Message
from podium.errors import ModelUnavailable
from podium.ports import ModelAnswer

_MARK = b'"%b":' % THOUGHT.encode()
_COMPLAINT = re.compile(r"reasoning.?content|thinking|thought", re.IGNORECASE)
_SIGNED, _PLAIN = "thinking_blocks", "reasoning_content"


def with_thought(answer: ModelAnswer, by: str, blocks: object, plain: object) -> ModelAnswer:
    """Return an answer that calls tools with what its model `by` thought before: signed `blocks`, or `plain` text."""
    found = merged(cast("list[object]", blocks)) if isinstance(blocks, list) else []
    said = _SIGNED if found else _PLAIN
    if "tool_calls" not in answer.message or not (found or (isinstance(plain, str) and plain)):
        return answer
    thought: Json = {"by": by, said: cast("Json", found or plain)}
    return replace(answer, message={**answer.message, THOUGHT: thought})


def merged(fragments: Iterable[object]) -> list[dict[str, object]]:
    """Return the blocks whose fragments a stream holds: each ends with its signature; what was not signed goes."""
    blocks: list[dict[str, object]] = []
    text: list[str] = []
    for fragment in (cast("dict[str, object]", one) for one in fragments if isinstance(one, dict)):
        if fragment.get("type") == "redacted_thinking":
            blocks.append({"type": "redacted_thinking", "data": fragment.get("data")})
            continue
        text.append(str(fragment.get("thinking") or ""))
        if signature := fragment.get("signature"):
            blocks.append({"type": "thinking", "thinking": "".join(text), "signature": signature})
            text.clear()
    return blocks


@dataclass(slots=True)
class Thoughts:
    """Which endpoints have complained about what they were sent of thoughts."""

    _complained: set[Endpoint] = field(default_factory=set[Endpoint])

    async def answer(self, ask: wire.Ask, once: Callable[[wire.Ask], Awaitable[ModelAnswer]]) -> ModelAnswer:
        """Return what `once` gets of an endpoint for `ask`; where that complains, what it gets in the other way.

        What `once` raises otherwise comes back.
        """
        sent = self.sent(ask)
        try:
            return await once(sent)
        except ModelUnavailable as error:
            otherwise = self.otherwise(ask, sent, str(error))
            if otherwise is None:
                raise
        return await once(otherwise)

    def sent(self, ask: wire.Ask) -> wire.Ask:
        """Return `ask` as its endpoint takes it."""
        return _as_taken(ask, _endpoint(ask) in self._complained)

    def otherwise(self, ask: wire.Ask, sent: wire.Ask, said: str) -> wire.Ask | None:
        """Learn from the refusal of what was `sent` of `ask`; return it in the other way, None where that is no help.

        Several may be refused before anything is learned.
        """
        other = _as_taken(ask, complained=True)
        if not _COMPLAINT.search(said) or other.conversation == sent.conversation:
            return None
        self._complained.add(_endpoint(ask))
        return other


def _endpoint(ask: wire.Ask) -> Endpoint:
    return ask.head.api_base or "", ask.head.model


def _as_taken(ask: wire.Ask, complained: bool) -> wire.Ask:
    if _MARK not in ask.conversation:
        return ask
    request = ask.request()
    messages = tuple(_sent(message, request.model, complained) for message in request.messages)
    return wire.Ask.of(ask.id, replace(request, messages=messages), ask.api_key, ask.environ)


def _sent(message: Message, model: str, complained: bool) -> Message:
    thought = message.get(THOUGHT)
    if not isinstance(thought, dict):
        return message
    sent = {name: value for name, value in message.items() if name != THOUGHT}
    if thought["by"] != model:
        return sent
    usual = {_SIGNED: thought[_SIGNED]} if _SIGNED in thought else {}
    other = {_PLAIN: thought[_PLAIN]} if _PLAIN in thought else {}
    return {**sent, **(other if complained else usual)}
