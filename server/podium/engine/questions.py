"""Questions to the user: whoever asks waits for the answer, and all others go on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import anyio

from podium.domain.events import Event, QuestionAnswered, QuestionAsked
from podium.domain.mission import MissionState
from podium.engine.ids import Ids
from podium.engine.past import Past
from podium.engine.recording import Recording
from podium.errors import UserError


@dataclass(slots=True)
class _Pending:
    """A question that an agent or task waits on."""

    answered: anyio.Event = field(default_factory=anyio.Event)
    answer: str = ""


class Questions:
    """The questions of one mission that runs. `still_open` are the ids of those that it has from before."""

    def __init__(self, recording: Recording, past: Past, ids: Ids, still_open: Iterable[str]) -> None:
        self._recording = recording
        self._past = past
        self._ids = ids
        self._pending = {question_id: _Pending() for question_id in still_open}

    async def ask(self, text: str, options: Sequence[str], task_id: str = "", agent_id: str = "") -> str:
        """Ask the user and return the answer, however long it takes."""
        if (was := self._past.take(QuestionAsked)) is not None:
            question_id = was.question_id
            if (answer := self._past.answer(question_id)) is not None:
                return answer
            pending = self._pending.setdefault(question_id, _Pending())
        else:
            question_id = self._ids.fresh_anywhere("q")
            pending = self._pending[question_id] = _Pending()
            await self._recording.record(QuestionAsked(question_id, text, tuple(options), task_id, agent_id))
        await pending.answered.wait()
        return pending.answer

    async def answer(self, question_id: str, answer: str) -> None:
        """Give the answer to an open question; whoever asked goes on.

        Raises:
            UserError: it has just been answered, or no longer matters.
        """

        def answered(state: MissionState) -> Sequence[Event]:
            if question_id not in state.questions:
                raise UserError(f"The question {question_id!r} is answered already.")
            return (QuestionAnswered(question_id, answer),)

        await self._recording.record_of_user(answered)
        pending = self._pending.setdefault(question_id, _Pending())  # who asked may come to it later
        pending.answer = answer
        pending.answered.set()

    def withdraw(self) -> list[QuestionAnswered]:
        """Return what ends the questions that are still open with their mission: nobody waits for them any more."""
        still_open = [
            QuestionAnswered(q, None) for q in self._pending if q in self._recording.state.questions
        ]
        self._pending.clear()
        return still_open
