"""Missions that have no editor any more: the user is asked whether they go on, or they go on by themselves.

Which of both is the setting `resume`; with `off` they wait for `podium.resume`. It is so with those that were
interrupted before this server started, and with those whose server ends while this one runs. Those that went on
without an editor go on in this one without a question, and what they kept for an editor is delivered.
"""

import logging
from collections.abc import Generator
from contextlib import contextmanager, suppress
from functools import partial

from lsprotocol import types

from podium.domain.events import MissionContinued, MissionEnded, MissionInterrupted, Record
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
        self._taking: set[str] = set()
        self._delivering: set[str] = set()

    def follow(self, conductor: Conductor) -> None:
        """Offer to go on with the missions of `conductor` that were interrupted, or do so; also when others end."""
        conductor.subscribe(self._session.host.guarded("resumption", partial(self._on_record, conductor)))
        for state in conductor.states()[::-1]:
            if state.interrupted or state.detached:
                self._bring_up(conductor, state)

    def _on_record(self, conductor: Conductor, record: Record) -> None:
        match record.event:
            case MissionInterrupted() | MissionContinued(detached=True) | MissionEnded():
                with suppress(UserError):  # it is settled, and not at hand
                    state = conductor.state(record.mission_id)
                    if not conductor.is_own(state):
                        self._bring_up(conductor, state)
            case _:
                pass

    def _bring_up(self, conductor: Conductor, state: MissionState) -> None:
        """Go on with a mission that has nobody to go on with it in an editor, or ask whether it shall."""
        try:
            resume = self._session.loaded().settings.resume
        except UserError:
            return  # each command says what is wrong with the settings
        if resume == "off" or state.id in self._delivering:
            return
        if state.kept():
            self._delivering.add(state.id)
            self._session.host.spawn(f"deliver {state.id}", self._deliver(conductor, state))
        elif state.ending or not (state.interrupted or state.detached) or state.id in self._taking:
            return
        elif state.detached or resume == "auto":
            self._taking.add(state.id)
            self._session.host.spawn(f"resume {state.id}", self._take_over(conductor, state.id))
        else:
            self._questions.ask(self._offer(conductor, state))

    async def _take_over(self, conductor: Conductor, mission_id: str) -> None:
        try:
            with self._telling(mission_id):
                await conductor.orders.take_over(mission_id, self._session.loaded().settings)
        finally:
            self._taking.discard(mission_id)

    async def _deliver(self, conductor: Conductor, state: MissionState) -> None:
        """Bring what was kept of a mission that ended without an editor into this one."""
        try:
            for proposal in state.kept():
                with self._telling(state.id):
                    await conductor.proposals.accept(proposal.id, None)
        finally:
            self._delivering.discard(state.id)

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
                await conductor.orders.cancel(mission_id)

    async def _go_on(self, conductor: Conductor, mission_id: str) -> None:
        with self._telling(mission_id):
            await conductor.orders.resume(mission_id, self._session.loaded().settings)

    @contextmanager
    def _telling(self, mission_id: str) -> Generator[None]:
        """Tell the user why a mission stays as it is."""
        try:
            yield
        except UserError as error:
            _log.warning("%s stays interrupted here: %s", mission_id, error)
            params = types.ShowMessageParams(types.MessageType.Warning, str(error))
            self._session.host.notify(types.WINDOW_SHOW_MESSAGE, params)
