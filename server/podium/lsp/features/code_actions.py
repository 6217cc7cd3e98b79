"""Code actions: *Fix with Podium* on the diagnostics of any server, *Accept* and *Reject* on waiting changes.

In plan documents, what their lenses offer on the lines that are meant.
"""

from collections.abc import Iterable, Mapping
from typing import cast

from lsprotocol import types

from podium.domain.messages import Json
from podium.lsp.features.diagnostics import SOURCE
from podium.lsp.features.plan_lenses import PlanLenses
from podium.lsp.session import Session


class CodeActions:
    """Answers `textDocument/codeAction`."""

    def __init__(self, session: Session, lenses: PlanLenses) -> None:
        self._lenses = lenses
        options = types.CodeActionOptions([types.CodeActionKind.QuickFix])
        session.host.request(types.TEXT_DOCUMENT_CODE_ACTION, self._actions, types.CodeActionParams, options)

    async def _actions(self, params: types.CodeActionParams) -> list[types.CodeAction]:
        uri = params.text_document.uri
        offers = await self._lenses.at(uri, params.range.start.line, params.range.end.line)
        waiting = [d for d in params.context.diagnostics if _data(d).get("proposalId")]
        actions = [action for diagnostic in waiting for action in _decisions(diagnostic)]
        actions += _decisions_on_all(waiting)
        actions += [_fix(uri, d) for d in params.context.diagnostics if d not in waiting]
        ours = [d for d in params.context.diagnostics if _data(d).get("findingId")]
        if len(ours) > 1:
            ids: list[Json] = [_data(d)["findingId"] for d in ours]
            actions.append(_action("Fix all with Podium", "podium.fix", {"findingIds": ids}, ours))
        return [*actions, *(_action(offer.title, offer.command, offer.argument, ()) for offer in offers)]


def _decisions(diagnostic: types.Diagnostic) -> Iterable[types.CodeAction]:
    data = _data(diagnostic)
    argument: dict[str, Json] = {"proposalId": data["proposalId"], "hunks": [data["hunk"]]}
    yield _action("Accept this change", "podium.accept", argument, [diagnostic])
    yield _action("Reject this change", "podium.reject", argument, [diagnostic])


def _decisions_on_all(waiting: Iterable[types.Diagnostic]) -> Iterable[types.CodeAction]:
    """Return the actions on what proposals do to the file, and on all they do, for those that are `waiting`."""
    for proposal_id, label in dict.fromkeys((_data(d)["proposalId"], _data(d)["label"]) for d in waiting):
        mine = [d for d in waiting if _data(d)["proposalId"] == proposal_id]
        argument: dict[str, Json] = {"proposalId": proposal_id}
        if in_file := _data(mine[0]).get("fileHunks"):
            here = {**argument, "hunks": in_file}
            yield _action(f"Accept “{label}” in this file", "podium.accept", here, mine)
            yield _action(f"Reject “{label}” in this file", "podium.reject", here, mine)
        yield _action(f"Accept all of “{label}”", "podium.accept", argument, mine)
        yield _action(f"Reject all of “{label}”", "podium.reject", argument, mine)


def _fix(uri: str, diagnostic: types.Diagnostic) -> types.CodeAction:
    finding_id = _data(diagnostic).get("findingId")
    short = (diagnostic.message.strip().splitlines() or ["this problem"])[0][:60]
    if finding_id:
        return _action(f"Fix with Podium: {short}", "podium.fix", {"findingIds": [finding_id]}, [diagnostic])
    start, end = diagnostic.range.start, diagnostic.range.end
    plain: dict[str, Json] = {
        "range": {
            "start": {"line": start.line, "character": start.character},
            "end": {"line": end.line, "character": end.character},
        },
        "message": diagnostic.message.strip() or "problem without a message",
        "source": diagnostic.source,
        "code": diagnostic.code,
    }
    return _action(
        f"Fix with Podium: {short}", "podium.fix", {"uri": uri, "diagnostics": [plain]}, [diagnostic]
    )


def _action(
    title: str, command: str, argument: Mapping[str, Json], diagnostics: Iterable[types.Diagnostic]
) -> types.CodeAction:
    return types.CodeAction(
        title,
        kind=types.CodeActionKind.QuickFix,
        diagnostics=list(diagnostics),
        command=types.Command(title, command, arguments=[dict(argument)]),
    )


def _data(diagnostic: types.Diagnostic) -> Mapping[str, Json]:
    """Return what a diagnostic of Podium holds for its actions; nothing for other servers'."""
    data = diagnostic.data
    if diagnostic.source != SOURCE or not isinstance(data, Mapping):
        return {}
    return cast("Mapping[str, Json]", data)
