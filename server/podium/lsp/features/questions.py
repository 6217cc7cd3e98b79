"""Questions to the user through `window/showMessageRequest`: one at a time, never replaced.

No answer (the client has no such request, or the user closed it) leaves the question open for
`podium.answer`.
"""

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import anyio
from lsprotocol import types

from podium.domain.events import MissionContinued, QuestionAnswered, QuestionAsked, Record
from podium.domain.mission import Question
from podium.engine.conductor import Conductor
from podium.errors import UserError
from podium.lsp.host import Host
from podium.lsp.rpc import AskFailed

ANSWER_S = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Prompt:
    """Something to ask the user, while it `is_open`; `take` gets the option that was chosen."""

    id: str
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
        self._shown: tuple[str, anyio.CancelScope] | None = None

    def follow(self, conductor: Conductor) -> None:
        """Show the questions of `conductor`'s missions."""

        def on_record(record: Record) -> None:
            match record.event:
                case QuestionAsked(question_id):
                    _, question = conductor.question(question_id)
                    self.ask(_prompt(conductor, question))
                case MissionContinued():
                    for question in conductor.state(record.mission_id).questions.values():
                        self.ask(_prompt(conductor, question))
                case QuestionAnswered(question_id):
                    if self._shown and self._shown[0] == question_id:
                        self._shown[1].cancel()
                case _:
                    pass

        conductor.subscribe(self._host.guarded("questions", on_record))
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
            with anyio.CancelScope() as scope:
                self._shown = (prompt.id, scope)
                await self._show(prompt)
            self._shown = None

    async def _show(self, prompt: Prompt) -> None:
        params = types.ShowMessageRequestParams(
            types.MessageType.Info,
            f"Podium asks: {prompt.text}",
            [types.MessageActionItem(option) for option in prompt.options],
        )
        if not prompt.is_open():
            return
        try:
            chosen = await self._host.ask(types.WINDOW_SHOW_MESSAGE_REQUEST, params, ANSWER_S)
            if isinstance(chosen, types.MessageActionItem):
                await prompt.take(chosen.title)
        except (AskFailed, UserError):
            return


def _prompt(conductor: Conductor, question: Question) -> Prompt:
    def is_open() -> bool:
        return any(question.id in state.questions for state in conductor.states())

    return Prompt(
        question.id, question.text, question.options, is_open, partial(conductor.answer, question.id)
    )
