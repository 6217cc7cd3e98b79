"""Keeps conversations within the context windows of their models.

How long a conversation is, the provider's own count tells, and an estimate of what came after it. What is left
out when it grows too long is decided in `domain.compaction`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, inf

from podium.config import ModelSettings
from podium.domain.acquaintance import Acquaintance
from podium.domain.compaction import Compaction, compacted, narrowed, shortened_result
from podium.domain.conversation import Conversation
from podium.domain.messages import Message
from podium.engine.briefs import Opening
from podium.engine.dialects import Acquaintances
from podium.engine.tools.table import OFFERED

CHARS_PER_TOKEN = 3.0
"""Before a provider has counted; code has fewer characters to a token than prose."""
STEP_DONE, FULL, AFTERWARDS = 0.6, 0.85, 0.35
"""Shares of the window: from which on a conversation is shortened between two turns, and in the middle of one,
and how much of it the messages may take afterwards."""
MOST_ANSWER = 8_000
"""Tokens of the window that are left for an answer, at most: a quarter of it in small ones."""
OPENING_SHARE = 0.6
"""How much of the window an opening may take that was too long for it."""
RESULT_SHARE = 0.2
"""How much of the window one result of a tool may take."""

_OFFERED_CHARS = len(json.dumps(OFFERED))


@dataclass(frozen=True, slots=True)
class Windows:
    """How many tokens models can read: as the user said, or as was learned."""

    known: Acquaintances
    settings: Mapping[str, ModelSettings]
    api_base: str | None

    def of(self, model: str) -> int | None:
        """Return the tokens that a model can read, or None while nobody has told."""
        said = self.settings[model].context_window if model in self.settings else None
        return said or self.known.of(model, self.api_base).window

    def learn(self, model: str, window: int) -> None:
        """Know from now on that a model's window holds no more than `window` tokens."""

        def smaller(known: Acquaintance) -> Acquaintance:
            return known.with_window(min(window, known.window or window))

        self.known.learn(model, self.api_base, smaller)


class Room:
    """How much of its model's window one conversation takes; the messages of its `opening` always stay.

    `models` may be asked, the first first. One that turns out too small for the opening alone is left to others that
    can read more; where there are none, what is spare in the opening is shortened.
    """

    def __init__(self, windows: Windows, models: Sequence[str], opening: Opening) -> None:
        self._windows = windows
        self.models = tuple(models)
        self._n_opening, self._spare = len(opening.messages), opening.spare
        self._measured: Conversation = ()
        self._chars = 0
        self._counted_chars, self._counted_tokens = 0, 0
        self._share = AFTERWARDS

    @property
    def most_result(self) -> int | None:
        """How many characters a result of a tool may have; None where the window is not known."""
        window = self._windows.of(self.models[0])
        return ceil(window * RESULT_SHARE * self._chars_per_token) if window else None

    @property
    def counted_tokens(self) -> int:
        """Return the provider's count of the latest prompt."""
        return self._counted_tokens

    def fitting(self, result: str) -> str:
        """Return a tool's result, cut where it would take too much of the window."""
        most = self.most_result
        return result if most is None else shortened_result(result, most)

    def chars(self, messages: Conversation) -> int:
        """Return how many characters a request with these messages has, roughly."""
        n_known = len(self._measured)
        if messages[:n_known] == self._measured:
            self._chars += _length(messages[n_known:])
        else:
            self._chars = _length(messages)
        self._measured = messages
        return _OFFERED_CHARS + self._chars

    def new_chars(self, messages: Conversation) -> int:
        """Return how many of the characters came after what the provider has counted."""
        return self.chars(messages) - self._counted_chars

    def count(self, messages: Conversation, prompt_tokens: int) -> None:
        """Learn what the provider has counted of a request with these messages."""
        self._counted_chars, self._counted_tokens = self.chars(messages), prompt_tokens

    def compactions(self, messages: Conversation, *, step_done: bool) -> Sequence[Compaction]:
        """Return how to shorten a conversation that takes too much of its window; nothing where it does not."""
        window = self._windows.of(self.models[0])
        if window is None:
            return ()
        if len(messages) == self._n_opening and self._beside_opening(messages, window) < 0:
            return self._for_opening(messages, self.models[0], window) or ()
        most = window - min(MOST_ANSWER, window // 4)
        if self._tokens(messages) <= most * (STEP_DONE if step_done else FULL):
            return ()
        return self._compacted(messages, window)

    def overflowed(
        self, messages: Conversation, model: str, window: int | None
    ) -> Sequence[Compaction] | None:
        """Return how to shorten a conversation that `model` refused; `window` is what the provider said of it.

        Each time less is kept. It is nothing where other models are asked instead from now on, and None where there
        is nothing left to do.
        """
        self._windows.learn(model, window or max(1_000, self._tokens(messages) * 9 // 10))
        known = self._windows.of(model) or 0
        hopeless = window is not None and self._beside_opening(messages, known) < 0
        shorter = () if hopeless else self._compacted(messages, known)
        self._share /= 2
        return shorter or self._for_opening(messages, model, known)

    def _compacted(self, messages: Conversation, window: int) -> Sequence[Compaction]:
        room = max(0.0, self._beside_opening(messages, window))
        shorter = compacted(messages, self._n_opening, ceil(room * self._share))
        return (shorter,) if shorter else ()

    def _for_opening(self, messages: Conversation, model: str, window: int) -> Sequence[Compaction] | None:
        """Leave the conversation to models that can read more than its opening, or return how to shorten that."""
        others = [name for name in self.models if name != model and (self._windows.of(name) or inf) > window]
        if others:
            self.models = tuple(others)
            return ()
        room = window * self._chars_per_token - _OFFERED_CHARS
        excess = self._opening_chars(messages) - ceil(room * OPENING_SHARE)
        shorter = narrowed(self._spare, excess)
        self._spare = tuple(shorter.get(part, part) for part in self._spare)
        found: list[Compaction] = []
        for n, message in enumerate(messages[: self._n_opening]):
            was = text = str(message["content"])
            for part, short in shorter.items():
                text = text.replace(part, short)
            if text != was:
                found.append(Compaction(n, 1, {**message, "content": text}))
        return found or None

    def _beside_opening(self, messages: Conversation, window: int) -> float:
        """Return how many characters a window holds beside what always stays; fewer than none where that is too long."""
        return window * self._chars_per_token - _OFFERED_CHARS - self._opening_chars(messages)

    def _opening_chars(self, messages: Conversation) -> int:
        return _length(messages[: self._n_opening])

    def _tokens(self, messages: Conversation) -> int:
        return self._counted_tokens + ceil(self.new_chars(messages) / self._chars_per_token)

    @property
    def _chars_per_token(self) -> float:
        if not self._counted_tokens:
            return CHARS_PER_TOKEN
        return max(1.0, min(CHARS_PER_TOKEN * 2, self._counted_chars / self._counted_tokens))


def _length(messages: Iterable[Message]) -> int:
    """Return how many characters messages have as JSON."""
    return sum(len(json.dumps(message)) for message in messages)
