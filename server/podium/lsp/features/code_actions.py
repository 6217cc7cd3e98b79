"""Code actions: *Fix with Podium* on findings and on the diagnostics of any other server."""

from collections.abc import Iterable, Mapping
from typing import cast

from lsprotocol import types

from podium.domain.messages import Json
from podium.lsp.features.findings import SOURCE
from podium.lsp.session import Session


class CodeActions:
    """Answers `textDocument/codeAction`."""

    def __init__(self, session: Session) -> None:
        options = types.CodeActionOptions([types.CodeActionKind.QuickFix])
        session.host.request(types.TEXT_DOCUMENT_CODE_ACTION, self._actions, types.CodeActionParams, options)

    def _actions(self, params: types.CodeActionParams) -> list[types.CodeAction]:
        uri = params.text_document.uri
        actions = [_fix(uri, diagnostic) for diagnostic in params.context.diagnostics]
        ours = [d for d in params.context.diagnostics if _finding_id(d)]
        if len(ours) > 1:
            ids: list[Json] = [_finding_id(d) for d in ours]
            actions.append(_action("Fix all with Podium", {"findingIds": ids}, ours))
        return actions


def _fix(uri: str, diagnostic: types.Diagnostic) -> types.CodeAction:
    finding_id = _finding_id(diagnostic)
    short = diagnostic.message.splitlines()[0][:60]
    if finding_id:
        return _action(f"Fix with Podium: {short}", {"findingIds": [finding_id]}, [diagnostic])
    start, end = diagnostic.range.start, diagnostic.range.end
    plain: dict[str, Json] = {
        "range": {
            "start": {"line": start.line, "character": start.character},
            "end": {"line": end.line, "character": end.character},
        },
        "message": diagnostic.message,
    }
    return _action(f"Fix with Podium: {short}", {"uri": uri, "diagnostics": [plain]}, [diagnostic])


def _action(
    title: str, argument: Mapping[str, Json], diagnostics: Iterable[types.Diagnostic]
) -> types.CodeAction:
    return types.CodeAction(
        title,
        kind=types.CodeActionKind.QuickFix,
        diagnostics=list(diagnostics),
        command=types.Command(title, "podium.fix", arguments=[dict(argument)]),
    )


def _finding_id(diagnostic: types.Diagnostic) -> str:
    """Return the id of the finding that a diagnostic shows, or an empty string for other servers'."""
    data = diagnostic.data
    if diagnostic.source != SOURCE or not isinstance(data, Mapping):
        return ""
    return str(cast("Mapping[str, Json]", data).get("findingId", ""))
