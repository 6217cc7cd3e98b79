"""Interrupted missions at the start of a server: the user is asked whether they go on, or they go on by themselves.

Which of both is the setting `resume`; with `off` they wait for `podium.resume`.
"""

import logging
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial

from lsprotocol import types

from podium.domain.mission import MissionState
from podium.engine.conductor import Conductor
from podium.errors import UserError
from podium.lsp.features.questions import Prompt, Questions
from podium.lsp.session import Session

_log = logging.getLogger(__name__)

GO_ON, LATER, CANCEL = "Go on", "Not now", "Cancel the mission"


class Resumption:
    """Brings the missions that were interrupted before this session to the user's mind."""

    def __init__(self, session: Session, questions: Questions) -> None:
        self._session = session
        self._questions = questions

    def follow(self, conductor: Conductor) -> None:
        """Offer to go on with the missions of `conductor` that were interrupted, or do so."""
        try:
            resume = self._session.loaded().settings.resume
        except UserError:
            return  # each command says what is wrong with the settings
        for state in conductor.interrupted():
            if resume == "auto":
                self._session.host.spawn(f"resume {state.id}", self._go_on(conductor, state.id))
            elif resume == "ask":
                self._questions.ask(self._offer(conductor, state))

    def _offer(self, conductor: Conductor, state: MissionState) -> Prompt:
        def is_open() -> bool:
            return state.id in {waiting.id for waiting in conductor.interrupted()}

        text = f"Podium was ended while it worked on “{state.goal}”. Shall it go on?"
        take = partial(self._take, conductor, state.id)
        return Prompt(text, (GO_ON, LATER, CANCEL), is_open, take)

    async def _take(self, conductor: Conductor, mission_id: str, answer: str) -> None:
        if answer == GO_ON:
            await self._go_on(conductor, mission_id)
        elif answer == CANCEL:
            with self._telling(mission_id):
                await conductor.cancel(mission_id)

    async def _go_on(self, conductor: Conductor, mission_id: str) -> None:
        with self._telling(mission_id):
            await conductor.resume(mission_id, self._session.loaded().settings)

    @contextmanager
    def _telling(self, mission_id: str) -> Generator[None]:
        """Tell the user why a mission stays as it is."""
        try:
            yield
        except UserError as error:
            _log.warning("%s stays interrupted here: %s", mission_id, error)
            params = types.ShowMessageParams(types.MessageType.Warning, str(error))
            self._session.host.notify(types.WINDOW_SHOW_MESSAGE, params)
