"""Questions to the user through `window/showMessageRequest`: one at a time, never replaced.

No answer (the client has no such request, or the user closed it) leaves the question open for
`podium.answer`.
"""

from collections import deque

import anyio
from lsprotocol import types

from podium.domain.events import QuestionAnswered, QuestionAsked, Record
from podium.engine.conductor import Conductor
from podium.errors import UserError
from podium.lsp.host import Host
from podium.lsp.rpc import AskFailed

ANSWER_S = 24 * 3600.0


class Questions:
    """Shows open questions, the oldest first."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._conductor: Conductor | None = None
        self._queue: deque[QuestionAsked] = deque()
        self._news = anyio.Event()
        self._shown: tuple[str, anyio.CancelScope] | None = None

    def follow(self, conductor: Conductor) -> None:
        """Show the questions of `conductor`'s missions."""
        self._conductor = conductor
        conductor.subscribe(self._host.guarded("questions", self._on_record))
        self._host.spawn("questions", self._show_each(conductor))

    def _on_record(self, record: Record) -> None:
        match record.event:
            case QuestionAsked():
                self._queue.append(record.event)
                self._news.set()
            case QuestionAnswered():
                if self._shown and self._shown[0] == record.event.question_id:
                    self._shown[1].cancel()
            case _:
                pass

    async def _show_each(self, conductor: Conductor) -> None:
        while True:
            while not self._queue:
                await self._news.wait()
                self._news = anyio.Event()
            question = self._queue.popleft()
            with anyio.CancelScope() as scope:
                self._shown = (question.question_id, scope)
                await self._show(conductor, question)
            self._shown = None

    async def _show(self, conductor: Conductor, question: QuestionAsked) -> None:
        params = types.ShowMessageRequestParams(
            types.MessageType.Info,
            f"Podium asks: {question.text}",
            [types.MessageActionItem(option) for option in question.options],
        )
        try:
            conductor.question(question.question_id)
            chosen = await self._host.ask(types.WINDOW_SHOW_MESSAGE_REQUEST, params, ANSWER_S)
            if isinstance(chosen, types.MessageActionItem):
                await conductor.answer(question.question_id, chosen.title)
        except (AskFailed, UserError):
            return
