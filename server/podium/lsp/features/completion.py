"""`textDocument/completion`: boxes, ids, files and checks in a plan document."""

import re
from collections.abc import Iterable

import anyio
from lsprotocol import types

from podium.domain.plan import BOXES, TaskState
from podium.domain.text import Position
from podium.lsp.host import Host
from podium.lsp.plan_files import OpenPlan, PlanFiles

MOST_FILES = 200
"""How many files are offered at once; with more of the name typed, there are fewer."""

_IN_BOX = re.compile(r"\s*(?:[-*+]|\d+[.)])\s+\[([^\]]?)$")
_IN_FIELD = re.compile(r"\s+(?:(?:[-*+]|\d+[.)])\s+)?(files|needs|checks)\s*:(.*)$", re.IGNORECASE)
_MEANING: dict[TaskState, str] = {
    "pending": "to do",
    "dropped": "drop this task",
    "running": "is worked on (set by Podium)",
    "completed": "is closed (set by Podium)",
    "stuck": "waits for you (set by Podium)",
}


class Completion:
    """Answers `textDocument/completion`."""

    def __init__(self, host: Host, files: PlanFiles) -> None:
        self._host = host
        self._files = files
        host.request(
            types.TEXT_DOCUMENT_COMPLETION, self._complete, types.CompletionParams, types.CompletionOptions()
        )

    async def _complete(self, params: types.CompletionParams) -> types.CompletionList | None:
        plan = self._files.opened(params.text_document.uri)
        if plan is None:
            return None
        at = params.position
        text = plan.document.text
        start = text.offset_at(Position(at.line, 0), self._host.encoding)
        end = text.offset_at(Position(at.line, at.character), self._host.encoding)
        before = text.content[start:end]
        rest = text.content[end:].split("\n", 1)[0]
        if box := _IN_BOX.match(before):
            closed = re.match(r"[^\]\s]?\s?\]", rest)
            span = self._files.columns(
                plan, at.line, box.start(1), end - start + (closed.end() if closed else 0)
            )
            return _all(_boxes(span))
        if found := _IN_FIELD.match(before):
            typed = found[2].rpartition(",")[2].lstrip().lstrip("`")
            span = self._files.columns(plan, at.line, end - start - len(typed), end - start)
            return await self._values(plan, found[1].lower(), typed, at.line, span)
        return _all(())

    async def _values(
        self, plan: OpenPlan, name: str, typed: str, line: int, span: types.Range
    ) -> types.CompletionList:
        session = self._files.session
        match name:
            case "needs":
                others = (i for i in plan.page.items if i.id and not i.line <= line < i.end)
                found = [(item.id, item.title) for item in others]
                kind = types.CompletionItemKind.Reference
            case "files":
                workspace = await session.workspace()
                paths = await anyio.to_thread.run_sync(workspace.paths)
                found = [(path, "") for path in paths if typed.lower() in path.lower()]
                kind = types.CompletionItemKind.File
            case _:
                checks = (await session.opened()).services.checks
                found = [
                    (check.name, check.command) for check in await anyio.to_thread.run_sync(checks.found)
                ]
                kind = types.CompletionItemKind.Function
        items = [
            types.CompletionItem(text, kind=kind, detail=detail or None, text_edit=types.TextEdit(span, text))
            for text, detail in found[:MOST_FILES]
        ]
        return types.CompletionList(is_incomplete=len(found) > MOST_FILES, items=items)


def _boxes(span: types.Range) -> Iterable[types.CompletionItem]:
    for order, (state, meaning) in enumerate(_MEANING.items()):
        yield types.CompletionItem(
            BOXES[state],
            kind=types.CompletionItemKind.EnumMember,
            detail=meaning,
            sort_text=str(order),
            filter_text=BOXES[state][1],
            text_edit=types.TextEdit(span, BOXES[state][1:]),
        )


def _all(items: Iterable[types.CompletionItem]) -> types.CompletionList:
    return types.CompletionList(is_incomplete=False, items=list(items))
