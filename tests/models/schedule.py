"""A provider that fails by schedule: which requests it spoils, and how, follows from a seed and nothing else.

A request says its number in its last message and is answered by two calls that repeat it, so that an answer
shows whether it belongs to its request. Each time that a request comes, it is spoiled with the same chance.
"""

import json
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate

from tests.models.formats import Break
from tests.models.provider import Received, Reply, calls, drops, fails

TOOL = "repeat"

Fault = Callable[[random.Random, Reply], Reply]


def _date(_: random.Random, __: Reply) -> Reply:
    return fails(429, "slow down", retry_after=formatdate(time.time() + 1, usegmt=True))


def _spoken(chance: random.Random, _: Reply) -> Reply:
    return fails(429, f"Rate limit reached. Please try again in {chance.randint(20, 300)}ms.")


def _milliseconds(chance: random.Random, _: Reply) -> Reply:
    return fails(429, "Too many requests per minute", retry_after_ms=str(chance.randint(20, 300)))


def _at_once(_: random.Random, __: Reply) -> Reply:
    return fails(429, "Too many concurrent requests")


def _status(status: int, text: str) -> Fault:
    return lambda _chance, _answer: fails(status, text)


def _break(how: Break) -> Fault:
    return lambda _, answer: answer.breaking(how)


FAULTS: dict[str, Fault] = {
    "429 until a date": _date,
    "429 in words": _spoken,
    "429 in milliseconds": _milliseconds,
    "429 at once": _at_once,
    "503": _status(503, "Service unavailable"),
    "529": _status(529, "Overloaded"),
    "500": _status(500, "The server had an error"),
    "502 in HTML": lambda _chance, _answer: Reply(502, "<html>Bad gateway</html>"),
    "504": _status(504, "Gateway timeout"),
    "408": _status(408, "Request timeout"),
    "no JSON": lambda _chance, _answer: Reply(200, "this is not json"),
    "no choices": lambda _chance, _answer: Reply(200, {"object": "chat.completion", "choices": []}),
    "dropped": lambda _chance, _answer: drops(),
    "cut": _break("cut"),
    "cut late": _break("late_cut"),
    "unfinished": _break("unfinished"),
    "malformed": _break("malformed"),
    "repeated": _break("repeated"),
    "error in the stream": _break("error"),
    "stalled": _break("stall"),
    "silent": _break("silence"),
}
SURVIVED = frozenset({"repeated", "unfinished", "cut late"})
"""Faults after which the answer counts nevertheless."""


@dataclass
class Schedule:
    """Answers requests; `faults` counts what was done to them, `seen` how often each came."""

    seed: int
    share: float
    takes_s: float = 0.02
    faults: Counter[str] = field(default_factory=Counter[str])
    seen: Counter[str] = field(default_factory=Counter[str])

    def __call__(self, request: Received) -> Reply:
        """Return the reply to a request, spoiled or not."""
        number = _text(request.body["messages"][-1]["content"])
        self.seen[number] += 1
        chance = random.Random(f"{self.seed} {number} {self.seen[number]}")  # noqa: S311
        answer = calls((TOOL, {"number": number, "padding": "x" * 40}), (TOOL, {"number": number}))
        answer = answer.after(chance.uniform(0.5, 1.5) * self.takes_s)
        if chance.random() >= self.share:
            return answer
        name = chance.choice(list(FAULTS))
        self.faults[name] += 1
        return FAULTS[name](chance, answer)


def _text(content: str | list[dict[str, str]]) -> str:
    """Return what a message says: as it is, or as Anthropic's clients send it, in blocks."""
    return content if isinstance(content, str) else content[0]["text"]


def numbers_in(message: dict[str, object]) -> set[str]:
    """Return the numbers that the calls of an answer repeat."""
    made = message.get("tool_calls")
    assert isinstance(made, list)
    return {json.loads(call["function"]["arguments"])["number"] for call in made}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
