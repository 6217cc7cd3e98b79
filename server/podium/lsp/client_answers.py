"""What the built-in client answers when the server asks it something."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import anyio
from pydantic import ValidationError

from podium.domain.messages import Json
from podium.domain.text import Encoding
from podium.lsp.disk_edits import EditFailed, WorkspaceEdit, apply_to_disk

Params = Mapping[str, Json]
OnMessage = Callable[[str, Sequence[str]], Awaitable[str | None]]
"""Asked with the text and the titles of a `showMessageRequest`; returns a title, or None for no answer."""


async def unanswered(_text: str, _titles: Sequence[str]) -> str | None:
    """Leave a question open: those of missions arrive as events too, and are answered by `podium.answer`."""
    return None


_METHOD_NOT_FOUND = -32601
_INVALID_PARAMS = -32602
_NOTED = frozenset(
    {"window/workDoneProgress/create", "client/registerCapability", "client/unregisterCapability"}
)


class Answers:
    """The editor's side of requests. `shown` are the documents that the server wanted to be looked at."""

    def __init__(self, workspace: Path, on_message: OnMessage) -> None:
        self.shown: list[str] = []
        self.encoding: Encoding = "utf-16"
        self._workspace = workspace
        self._on_message = on_message
        self._editing = anyio.Lock()

    async def answer(self, method: str, params: Params) -> dict[str, Json]:
        """Return the part of the response that says `result` or `error`."""
        try:
            return {"result": await self._result(method, params)}
        except NotImplementedError:
            return _error(_METHOD_NOT_FOUND, f"This client does not offer {method}.")
        except (ValidationError, KeyError) as wrong:
            return _error(_INVALID_PARAMS, f"{method}: {wrong}")

    async def _result(self, method: str, params: Params) -> Json:
        match method:
            case "workspace/applyEdit":
                return await self._apply_edit(WorkspaceEdit.model_validate(params["edit"]))
            case "window/showMessageRequest":
                return await self._ask(params)
            case "window/showDocument":
                self.shown.append(str(params["uri"]))
                return {"success": True}
            case "workspace/configuration":
                # Everything this client has to set went to the server with `initialize`.
                items = params["items"]
                return [None for _ in items] if isinstance(items, list) else []
            case _ if method in _NOTED or method.endswith("/refresh"):
                return None
            case _:
                raise NotImplementedError(method)

    async def _apply_edit(self, edit: WorkspaceEdit) -> Json:
        try:
            async with self._editing:
                await anyio.to_thread.run_sync(apply_to_disk, edit, self._workspace, self.encoding)
        except EditFailed as failure:
            return {"applied": False, "failureReason": str(failure)}
        return {"applied": True}

    async def _ask(self, params: Params) -> Json:
        given = params.get("actions")
        titles = [str(a["title"]) for a in given if isinstance(a, dict)] if isinstance(given, list) else []
        title = await self._on_message(str(params["message"]), titles)
        return None if title is None else {"title": title}


def _error(code: int, message: str) -> dict[str, Json]:
    return {"error": {"code": code, "message": message}}
