"""One mission from the command line: start the server, ask for it, follow it to its end.

The server is a child of this process and the mission lives in it, so both end together: Ctrl-C asks the
server to cancel the mission, waits a bounded time for its end, and leaves nothing behind.
"""

import json
import math
import os
import signal
import sys
from collections.abc import AsyncIterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import anyio
from anyio.abc import TaskGroup

from podium.domain import events
from podium.domain.events import (
    Event,
    MissionContinued,
    MissionEnded,
    MissionInterrupted,
    ProposalMade,
    ProposalRefused,
    QuestionAnswered,
    QuestionAsked,
)
from podium.domain.messages import Json
from podium.domain.mission import MissionState, Proposal, Question, fold
from podium.lsp.client import Client, RequestFailed, connect

SERVE = (sys.executable, "-P", "-m", "podium", "serve")  # -P: never import from the workspace
CANCEL_PATIENCE_S = 10.0
_WARNING = 2
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Order:
    """What to do where: a command of the wire contract on a workspace, with settings for the server."""

    workspace: Path
    command: str
    argument: Mapping[str, Json]
    settings: Mapping[str, Json]
    serve: Sequence[str] = SERVE


class View(Protocol):
    """How a mission is shown."""

    def happened(self, params: Mapping[str, Json], event: Event, state: MissionState, /) -> None:
        """Show an event: as it came, as a value, and what it made of the mission."""
        ...

    async def keep_fresh(self) -> None:
        """Show time passing, until cancelled."""
        ...

    async def ask(self, question: Question) -> str:
        """Return the user's answer, or what stands for it where nobody can be asked."""
        ...

    def ended(self, state: MissionState, status: str, reason: str) -> None:
        """Show how the mission ended; the last call."""
        ...


class Run:
    """A mission that is followed; made inside the event loop.

    `state` is where the mission stood last; `interrupted`, whether a signal asked for its end.
    """

    def __init__(self, order: Order, view: View) -> None:
        self.state = MissionState("")
        self.interrupted = False
        self._order = order
        self._view = view
        self._scope = anyio.CancelScope()
        self._asking = anyio.Lock()
        self._prompts: dict[str, anyio.CancelScope] = {}

    async def to_its_end(self) -> None:
        """Return when the mission has ended or was interrupted, and the server is gone.

        Exceptions arrive in a group.

        Raises:
            RequestFailed: the server refused the settings or the command.
            ServerDied: the server ended by itself.
        """
        arriving, events_in = anyio.create_memory_object_stream[Mapping[str, Json]](math.inf)

        def on_notification(method: str, params: Mapping[str, Json]) -> None:
            if method == "podium/event":
                arriving.send_nowait(params)
            else:
                warn(method, params)

        order = self._order
        connection = connect(
            order.serve,
            order.workspace,
            options=order.settings,
            on_notification=on_notification,
            on_log=_tell if "PODIUM_LOG" in os.environ else None,
        )
        with anyio.open_signal_receiver(*SIGNALS) as signals, arriving, events_in, self._scope:
            async with anyio.create_task_group() as owner:
                clients: list[Client] = []
                owner.start_soon(self._heed, signals, clients, owner)
                async with connection as client:
                    clients.append(client)
                    owner.start_soon(self._view.keep_fresh)
                    answer = await client.execute(order.command, order.argument)
                    self.state = MissionState(str(answer["missionId"]))
                    async for params in events_in:
                        if params["missionId"] == self.state.id and self._take_in(params, client, owner):
                            break
                owner.cancel_scope.cancel()

    def _take_in(self, params: Mapping[str, Json], client: Client, owner: TaskGroup) -> bool:
        """Show an event and react to it; return whether it is the last. What is past is only taken note of."""
        event = events.from_json(json.dumps(params["event"]))
        at = params["at"]
        self.state = fold(self.state, event, at if isinstance(at, int | float) else 0.0)
        if params.get("past"):
            return False
        self._view.happened(params, event, self.state)
        if isinstance(event, MissionContinued):
            for question in self.state.questions.values():
                owner.start_soon(self._ask, question, client)
            for proposal in self.state.under_review():
                owner.start_soon(self._review, proposal, client)
        elif isinstance(event, QuestionAsked):
            owner.start_soon(self._ask, self.state.questions[event.question_id], client)
        elif isinstance(event, ProposalMade | ProposalRefused):
            proposal = self.state.proposals[event.proposal_id]
            if proposal in self.state.under_review():
                owner.start_soon(self._review, proposal, client)
        elif isinstance(event, QuestionAnswered) and event.question_id in self._prompts:
            self._prompts[event.question_id].cancel()
        return isinstance(event, MissionEnded | MissionInterrupted)

    async def _ask(self, question: Question, client: Client) -> None:
        """Bring the user's answer to the server, unless the question is answered elsewhere first."""
        with anyio.CancelScope() as prompt, suppress(RequestFailed):
            self._prompts[question.id] = prompt
            async with self._asking:
                answer = await self._view.ask(question)
            await client.execute("podium.answer", {"questionId": question.id, "answer": answer})

    async def _review(self, proposal: Proposal, client: Client) -> None:
        """Bring the user's decision on a whole proposal to the server; one that cannot be applied is rejected.

        A change that could not be delivered is not rejected where nobody can be asked: the mission stops, and
        the change waits on.
        """
        text, options = f"Apply “{proposal.label}”?", ("accept", "reject")
        if proposal.refused:
            text, options = (
                f"“{proposal.label}” was not applied: {proposal.reason}. Try again?",
                (*options, "stop"),
            )
        question = Question(proposal.id, text, options, proposal.task_id, "")
        async with self._asking:
            answer = (await self._view.ask(question)).strip()
        if proposal.refused and answer == "stop":
            await self._cancel(client)
            return
        argument: dict[str, Json] = {"proposalId": proposal.id}
        reason = "" if answer == "reject" else answer
        if answer == "accept":
            try:
                await client.execute("podium.accept", argument)
            except RequestFailed as error:
                reason = str(error)
            else:
                return
        with suppress(RequestFailed):
            await client.execute("podium.reject", {**argument, "reason": reason})

    async def _heed(
        self, signals: AsyncIterable[signal.Signals], clients: Sequence[Client], owner: TaskGroup
    ) -> None:
        """Cancel the mission at the first signal; at the second, or without a mission, stop at once."""
        async for _ in signals:
            if self.interrupted or not self.state.id:
                for client in clients:
                    client.hurry()
                self._scope.cancel()
            else:
                sys.stderr.write("Cancelling the mission. A second Ctrl-C stops at once.\n")
                owner.start_soon(self._cancel, clients[0])
            self.interrupted = True

    async def _cancel(self, client: Client) -> None:
        self._scope.deadline = anyio.current_time() + CANCEL_PATIENCE_S
        with suppress(RequestFailed):
            await client.execute("podium.cancel", {"missionId": self.state.id})


def warn(method: str, params: Mapping[str, Json]) -> None:
    """Tell what the server warns of; other notifications are for editors."""
    if method == "window/showMessage" and params["type"] == _WARNING:
        sys.stderr.write(f"podium: {params['message']}\n")


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")
