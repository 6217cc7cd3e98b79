"""`textDocument/codeLens` in plan documents: let the mission go on or pause it, and answer what a task asks.

Each is a command of the contract, and a code action on its line as well.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from lsprotocol import types

from podium.domain.messages import Json
from podium.domain.mission import MissionState
from podium.errors import UserError
from podium.lsp.plan_files import OpenPlan, PlanFiles
from podium.lsp.session import Session


@dataclass(frozen=True, slots=True)
class Offer:
    """A command for what stands in the lines `line:end` of a plan document (0-based)."""

    line: int
    end: int
    title: str
    command: str
    argument: dict[str, Json]


class PlanLenses:
    """Answers `textDocument/codeLens`, and knows what code actions offer."""

    def __init__(self, session: Session, files: PlanFiles) -> None:
        self._session = session
        self._files = files
        session.host.request(
            types.TEXT_DOCUMENT_CODE_LENS, self._lenses, types.CodeLensParams, types.CodeLensOptions()
        )

    async def _lenses(self, params: types.CodeLensParams) -> list[types.CodeLens] | None:
        plan = self._files.opened(params.text_document.uri)
        if plan is None:
            return None
        return [
            types.CodeLens(
                self._files.lines(plan, offer.line, offer.line + 1),
                types.Command(offer.title, offer.command, arguments=[offer.argument]),
            )
            for offer in await self._offers(plan)
        ]

    async def at(self, uri: str, first: int, last: int) -> list[Offer]:
        """Return what there is to offer for the lines `first` to `last` (0-based) of a document."""
        plan = self._files.opened(uri)
        found = await self._offers(plan) if plan else []
        return [offer for offer in found if offer.line <= last and first < offer.end]

    async def _offers(self, plan: OpenPlan) -> list[Offer]:
        conductor = await self._session.conductor()
        try:
            state = conductor.state(plan.file.mission_id)
        except UserError:
            return []
        return [*_of_mission(state), *_of_tasks(state, plan)]


def _of_mission(state: MissionState) -> Iterable[Offer]:
    argument: dict[str, Json] = {"missionId": state.id}
    if state.plan_waits:
        yield Offer(0, 1, "Run this plan", "podium.resume", argument)
    elif state.paused:
        yield Offer(0, 1, "Go on", "podium.resume", argument)
    elif not state.ending:
        yield Offer(0, 1, "Pause", "podium.pause", argument)


def _of_tasks(state: MissionState, plan: OpenPlan) -> Iterable[Offer]:
    """Yield the answers to what is asked about each task: for a stuck one these are retry, skip and the like."""
    for item in plan.page.items:
        for question in (q for q in state.questions.values() if q.task_id == item.id):
            for option in question.options:
                argument: dict[str, Json] = {"questionId": question.id, "answer": option}
                yield Offer(item.line, item.end, option.capitalize(), "podium.answer", argument)
