"""How a model is offered tools: natively, or in words where it or its endpoint takes no others.

What was learned of a model holds as long as the server runs, for all missions. Requests and answers stay the
same on this side: who asks sees tool calls, however they were made.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace

from podium.config import ModelSettings
from podium.domain.acquaintance import Acquaintance
from podium.domain.answers import understood
from podium.domain.text_protocol import described, in_words
from podium.engine.roles import filled
from podium.ports import Model, ModelAnswer, ModelRequest, ToolsRefused

_log = logging.getLogger(__name__)
_AS_USUAL = ModelSettings()


class Acquaintances:
    """What this server has learned of the models that it asked, by name and address."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str | None], Acquaintance] = {}

    def of(self, model: str, api_base: str | None) -> Acquaintance:
        """Return what is known of a model."""
        return self._known.get((model, api_base), Acquaintance())

    def learn(self, model: str, api_base: str | None, change: Callable[[Acquaintance], Acquaintance]) -> None:
        """Know more of a model from now on."""
        before = self.of(model, api_base)
        now = self._known[model, api_base] = change(before)
        if now.tools == "text" != before.tools:
            _log.info("`%s` is told of its tools in words from now on", model)


class Dialects:
    """A model that is asked in the way that it understands."""

    def __init__(self, model: Model, known: Acquaintances, settings: Mapping[str, ModelSettings]) -> None:
        self._model = model
        self._known = known
        self._settings = settings

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        """Return the model's answer, and which model gave it; one request more finds out that tools are refused."""
        tools = self._settings.get(request.model, _AS_USUAL).tools
        known = self._known.of(request.model, request.api_base)
        if tools == "text" or (tools == "auto" and known.tools == "text"):
            answer = await self._in_words(request)
        else:
            try:
                answer = await self._model.complete(request)
            except ToolsRefused:
                if tools == "native":
                    raise
                self._known.learn(request.model, request.api_base, Acquaintance.refused_tools)
                answer = await self._in_words(request)
            else:
                self._learn_from(answer, request)
        if answer.window and not known.window:
            window = answer.window
            self._known.learn(request.model, request.api_base, lambda known: known.with_window(window))
        return replace(answer, model=request.model)

    async def _in_words(self, request: ModelRequest) -> ModelAnswer:
        instructions = filled("text_tools", tools=described(request.tools))
        asked = replace(request, messages=in_words(request.messages, instructions), tools=())
        return await self._model.complete(asked)

    def _learn_from(self, answer: ModelAnswer, request: ModelRequest) -> None:
        natively = bool(answer.message.get("tool_calls"))
        names = [
            str(function["name"]) for tool in request.tools if isinstance(function := tool["function"], dict)
        ]
        calls = understood(answer.message, answer.finish_reason, request.request_id, names).get("tool_calls")
        self._known.learn(
            request.model,
            request.api_base,
            lambda known: known.answered(natively=natively, in_words=bool(calls) and not natively),
        )
