"""Marks where a provider may cache a prompt, for providers that cache only what is marked (Anthropic's models).

Three marks of the four that are allowed: behind the tools and what all agents of a mission are told (the system
message), behind the opening of the conversation, and at its end, so that the next request finds all of it. Whoever
refuses the marks is not sent them again.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from podium.ports import Message

_MARK: Mapping[str, object] = {"type": "ephemeral"}
_WANTS_MARKS = re.compile(r"(^|/|\.)(anthropic|claude)\b|claude-", re.IGNORECASE)
_REFUSES_MARKS = re.compile(r"cache_control|cache.?point|prompt caching", re.IGNORECASE)


def wants_marks(model: str) -> bool:
    """Return whether `model` (with its provider, as litellm names it) caches only what is marked."""
    return bool(_WANTS_MARKS.search(model))


def refuses_marks(said: str) -> bool:
    """Return whether a provider's refusal is about the marks."""
    return bool(_REFUSES_MARKS.search(said))


def marked(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Return the messages with their marks; the others stay the same objects."""
    at = {n for n in (0, 1, len(messages) - 1) if 0 <= n < len(messages)}
    return [_with_mark(message) if n in at else message for n, message in enumerate(messages)]


def _with_mark(message: Message) -> dict[str, Any]:
    content = message.get("content")
    if message.get("role") == "tool":
        return {**message, "cache_control": _MARK}
    if not isinstance(content, str) or not content:
        return message
    return {**message, "content": [{"type": "text", "text": content, "cache_control": _MARK}]}
