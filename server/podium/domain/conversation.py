"""An agent's conversation: the fold of its events, and nothing else.

So whoever has an agent's events, in the journal or in memory, has its conversation to the byte. It only
grows at its end, but for a compaction, which says exactly what it leaves out.
"""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from podium.domain.events import (
    AgentStarted,
    AgentTold,
    ConversationCompacted,
    Event,
    ModelAnswered,
    ToolReturned,
)
from podium.domain.messages import Message

Conversation: TypeAlias = tuple[Message, ...]
"""The messages of one agent, oldest first; first those of its opening."""


def conversation(events: Iterable[Event]) -> Conversation:
    """Return the conversation that the events of one agent make."""
    messages: Conversation = ()
    for event in events:
        messages = after(messages, event)
    return messages


def after(messages: Conversation, event: Event) -> Conversation:
    """Return the conversation after an event of its agent; most kinds leave it as it is.

    The result of an edit that the model wrote as text answers no call: the model is told of it by a message.
    """
    match event:
        case AgentStarted(opening=opening):
            return opening
        case AgentTold(message=message) | ModelAnswered(message=message):
            return (*messages, message)
        case ToolReturned(call_id=call_id, result=result):
            if call_id not in call_ids(_last_answer(messages)):
                return messages
            return (*messages, {"role": "tool", "tool_call_id": call_id, "content": result})
        case ConversationCompacted(kept=kept, dropped=dropped, note=note, cut=cut):
            rest = (
                {**m, "content": cut.get(call_of(m), m.get("content"))} for m in messages[kept + dropped :]
            )
            return (*messages[:kept], *([note] if note else []), *rest)
        case _:
            return messages


def call_of(message: Message) -> str:
    """Return the id of the call that a tool message answers; nothing for other messages."""
    return str(message.get("tool_call_id", ""))


def call_ids(message: Message) -> list[str]:
    """Return the ids of the calls in an assistant's message."""
    calls = message.get("tool_calls")
    return (
        [str(call.get("id")) for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
    )


def _last_answer(messages: Sequence[Message]) -> Message:
    nothing: Message = {}
    return next((message for message in reversed(messages) if message.get("role") == "assistant"), nothing)


def repeats(messages: Sequence[Message], result: str) -> bool:
    """Return whether a tool's result stands in the conversation already, word for word."""
    return any(message.get("role") == "tool" and message.get("content") == result for message in messages)
