"""Questions to the user through `window/showMessageRequest`: one at a time, never replaced.

No answer (the client has no such request, or the user closed it) leaves the question open for
`podium.answer`.
"""

from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import anyio
from lsprotocol import types

from podium.domain.events import (
    MissionContinued,
    MissionEnded,
    MissionInterrupted,
    QuestionAnswered,
    QuestionAsked,
    Record,
)
from podium.domain.mission import Question
from podium.engine.conductor import Conductor
from podium.errors import UserError
from podium.lsp.host import Host
from podium.lsp.rpc import AskFailed

ANSWER_S = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Prompt:
    """Something to ask the user, while it `is_open`; `take` gets the option that was chosen."""

    text: str
    options: tuple[str, ...]
    is_open: Callable[[], bool]
    take: Callable[[str], Awaitable[object]]


class Questions:
    """Shows open questions, the oldest first."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._queue: deque[Prompt] = deque()
        self._news = anyio.Event()
        self._shown: tuple[Prompt, anyio.CancelScope] | None = None

    def follow(self, conductor: Conductor) -> None:
        """Show the questions of `conductor`'s missions."""

        def on_record(record: Record) -> None:
            match record.event:
                case QuestionAsked(question_id):
                    with suppress(UserError):  # in another server, it may be answered by now
                        _, question = conductor.question(question_id)
                        self.ask(_prompt(conductor, question))
                case MissionContinued():
                    for question in conductor.state(record.mission_id).questions.values():
                        self.ask(_prompt(conductor, question))
                    self._withdraw_settled()
                case QuestionAnswered() | MissionEnded() | MissionInterrupted():
                    self._withdraw_settled()
                case _:
                    pass

        conductor.subscribe(self._host.guarded("questions", on_record))
        for state in conductor.states():
            for question in state.questions.values() if conductor.elsewhere(state) else ():
                self.ask(_prompt(conductor, question))
        self._host.spawn("questions", self._show_each())

    def ask(self, prompt: Prompt) -> None:
        """Ask the user, when all that was asked before is answered or put aside."""
        self._queue.append(prompt)
        self._news.set()

    async def _show_each(self) -> None:
        while True:
            while not self._queue:
                await self._news.wait()
                self._news = anyio.Event()
            prompt = self._queue.popleft()
            if prompt.is_open() and (chosen := await self._show(prompt)):
                with suppress(UserError):
                    await prompt.take(chosen)

    async def _show(self, prompt: Prompt) -> str:
        """Return the option that was chosen; nothing where there is no answer, or none is wanted any more."""
        params = types.ShowMessageRequestParams(
            types.MessageType.Info,
            f"Podium asks: {prompt.text}",
            [types.MessageActionItem(option) for option in prompt.options],
        )
        chosen: object = None
        # What takes the answer is not in the scope: it may itself record that the question is settled.
        with anyio.CancelScope() as scope, suppress(AskFailed):
            self._shown = (prompt, scope)
            try:
                chosen = await self._host.ask(types.WINDOW_SHOW_MESSAGE_REQUEST, params, ANSWER_S)
            finally:
                self._shown = None
        return chosen.title if isinstance(chosen, types.MessageActionItem) else ""

    def _withdraw_settled(self) -> None:
        """Take the question that is shown back where it was settled in another way."""
        if self._shown and not self._shown[0].is_open():
            self._shown[1].cancel()


def _prompt(conductor: Conductor, question: Question) -> Prompt:
    def is_open() -> bool:
        return any(question.id in state.questions and not state.interrupted for state in conductor.states())

    return Prompt(question.text, question.options, is_open, partial(conductor.orders.answer, question.id))
