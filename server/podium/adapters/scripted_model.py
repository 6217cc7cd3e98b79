"""A model that gives replies written in advance: for scenarios, where every step must be known.

Each role (or agent) has its own list of replies, used in order. The script is strict: a request that it
has no reply for is an error that names who asked and at which step, and `unused` tells what is left.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from podium.errors import ModelUnavailable
from podium.ports import Json, Message, ModelAnswer, ModelFault, ModelRequest, Usage

Reply: TypeAlias = "ModelAnswer | ModelFault | ModelUnavailable | Callable[[ModelRequest], ModelAnswer]"
"""An answer; an error to raise; or a function that makes the answer from the request."""


class ScriptEnded(ModelUnavailable):
    """The script has no reply for this step."""


class ScriptedModel:
    """Answers from `script`, which maps a speaker to its replies.

    `speaker` says whose reply a request gets; where the script has no list for that name, the list of the
    request's role is used. By default it is the role. `requests` keeps every request in order.
    """

    def __init__(
        self, script: Mapping[str, Sequence[Reply]], speaker: Callable[[ModelRequest], str] | None = None
    ) -> None:
        self.requests: list[ModelRequest] = []
        self._script = {name: tuple(replies) for name, replies in script.items()}
        self._steps = dict.fromkeys(script, 0)
        self._speaker = speaker or _role

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        """Return the next reply for who asks, or raise it.

        Raises:
            ScriptEnded: there is none.
            ModelFault: the script says so.
            ModelUnavailable: the script says so.
        """
        self.requests.append(request)
        name = self._speaker(request)
        if name not in self._script:
            name = request.role
        step = self._steps.get(name, 0)
        replies = self._script.get(name, ())
        if step >= len(replies):
            raise ScriptEnded(f"The script has no reply {step + 1} for {name}: it holds {len(replies)}.")
        self._steps[name] = step + 1
        reply = replies[step]
        if isinstance(reply, Exception):
            raise reply
        answer = reply if isinstance(reply, ModelAnswer) else reply(request)
        return _with_call_ids(answer, f"call_{name}_{step + 1}")

    def unused(self) -> dict[str, int]:
        """Return how many replies are left for each speaker that has any left."""
        left = {name: len(replies) - self._steps[name] for name, replies in self._script.items()}
        return {name: n_left for name, n_left in left.items() if n_left}


def says(text: str) -> ModelAnswer:
    """Return an answer in words."""
    return ModelAnswer({"role": "assistant", "content": text}, "stop", _USAGE)


def calls(*tools: tuple[str, Mapping[str, Json] | str], text: str | None = None) -> ModelAnswer:
    """Return an answer that calls tools, each given as its name and its arguments.

    Arguments given as text are passed on as they are, so that a script can hold malformed ones. The calls
    get their ids when the answer is given: `call_<speaker>_<step>_<number>`, all from 1.
    """
    tool_calls: list[Json] = [
        {
            "type": "function",
            "function": {
                "name": name,
                "arguments": arguments if isinstance(arguments, str) else json.dumps(arguments),
            },
        }
        for name, arguments in tools
    ]
    message: Message = {"role": "assistant", "content": text, "tool_calls": tool_calls}
    return ModelAnswer(message, "tool_calls", _USAGE)


_USAGE = Usage(prompt_tokens=1000, completion_tokens=10, cost_usd=0.0)


def _with_call_ids(answer: ModelAnswer, prefix: str) -> ModelAnswer:
    tool_calls = answer.message.get("tool_calls")
    if not isinstance(tool_calls, list):
        return answer
    named: list[Json] = [
        {"id": f"{prefix}_{number}", **call} if isinstance(call, dict) else call
        for number, call in enumerate(tool_calls, start=1)
    ]
    return replace(answer, message={**answer.message, "tool_calls": named})


def _role(request: ModelRequest) -> str:
    return request.role
