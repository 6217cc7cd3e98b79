"""An editor, as far as Podium can see one: buffers, a real server, and answers that a test may replace.

Its positions are counted by code of its own, so that a mistake of the server's cannot cancel itself out.
"""

import os
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias
from urllib.parse import unquote, urlsplit

import pytest

from tests.lsp.raw_client import Message, RawClient

Encoding: TypeAlias = Literal["utf-8", "utf-16", "utf-32"]

PATIENCE_S = 100.0
"""Only a wait that would never end takes so long, on a machine that is busy with other things too."""
CAPABILITIES: Message = {
    "workspace": {
        "applyEdit": True,
        "configuration": True,
        "workspaceEdit": {"documentChanges": True, "resourceOperations": ["create", "rename", "delete"]},
    },
    "window": {
        "workDoneProgress": True,
        "showDocument": {"support": True},
        "showMessage": {"messageActionItem": {}},
    },
}


@dataclass
class Buffer:
    """An open document."""

    text: str
    version: int = 1


class CommandFailed(Exception):
    """A command was answered with an error."""

    def __init__(self, error: Message) -> None:
        super().__init__(f"{error['code']}: {error['message']}")
        self.code: int = error["code"]
        self.message: str = error["message"]


class Editor:
    """One editor with its server, on the folder `root`. Everything that is waited for comes in time or fails.

    `replies` replaces the answer to a request of the server: a function of its params that returns the
    members of the response, or None for no answer at all.
    """

    def __init__(self, wire: RawClient, root: Path, encoding: Encoding = "utf-16") -> None:
        self.wire = wire
        self.root = root
        self.encoding: Encoding = encoding
        self.buffers: dict[str, Buffer] = {}
        self.replies: dict[str, Callable[[Message], Message | None]] = {}
        self.applied: list[Message] = []
        self._typing = threading.RLock()
        wire.answer = self._answer

    # --- the user -----------------------------------------------------------------------------------

    def uri(self, path: str) -> str:
        return (self.root / path).as_uri()

    def open(self, path: str, text: str | None = None) -> None:
        """Open a file; with `text`, its buffer holds that, unsaved."""
        on_disk = (self.root / path).read_bytes().decode()
        with self._typing:
            self.buffers[path] = Buffer(on_disk)
            document = {"uri": self.uri(path), "languageId": "text", "version": 1, "text": on_disk}
            self.wire.notify("textDocument/didOpen", {"textDocument": document})
            if text is not None:
                self.type(path, text)

    def type(self, path: str, text: str) -> None:
        """Make `text` the content of a buffer, as typing does: unsaved."""
        with self._typing:
            buffer = self.buffers[path]
            buffer.text, buffer.version = text, buffer.version + 1
            self._changed(path, [{"text": text}])

    def save(self, path: str, reason: int = 1) -> None:
        """Save a buffer; `reason` is LSP's `TextDocumentSaveReason`, 1 where the user does it."""
        with self._typing:
            document = {"uri": self.uri(path)}
            self.wire.notify("textDocument/willSave", {"textDocument": document, "reason": reason})
            (self.root / path).write_text(self.buffers[path].text, encoding="utf-8")
            self.wire.notify("textDocument/didSave", {"textDocument": document})

    def close(self, path: str) -> None:
        """Close a buffer without saving it."""
        with self._typing:
            del self.buffers[path]
            self.wire.notify("textDocument/didClose", {"textDocument": {"uri": self.uri(path)}})

    def text(self, path: str) -> str:
        return self.buffers[path].text

    def disk(self, path: str) -> str:
        return (self.root / path).read_text(encoding="utf-8")

    # --- commands -----------------------------------------------------------------------------------

    def begin(self, command: str, argument: object = None, **members: object) -> int:
        """Send a command and return the id of the request."""
        arguments = [] if argument is None else [argument]
        params = {"command": command, "arguments": arguments, **members}
        return self.wire.begin("workspace/executeCommand", params)

    def execute(self, command: str, argument: object = None, **members: object) -> Message:
        """Return the result of a command.

        Raises:
            CommandFailed: it was refused.
        """
        response = self.wire.response(self.begin(command, argument, **members), PATIENCE_S)
        if "error" in response:
            raise CommandFailed(response["error"])
        result: Message = response["result"]
        return result

    def start(self, command: str, argument: object, **members: object) -> str:
        """Start a mission and return its id."""
        return str(self.execute(command, argument, **members)["missionId"])

    def ended(self, mission_id: str) -> Message:
        """Return a mission when it has ended."""
        info = self.execute("podium.wait", {"missionId": mission_id, "timeoutS": PATIENCE_S - 5})
        assert info["endedAt"], info
        return info

    def mission(self, command: str, argument: object, **members: object) -> Message:
        """Carry a mission out and return it."""
        return self.ended(self.start(command, argument, **members))

    def question(self, mission_id: str) -> Message:
        """Return the mission's open question, once the editor was shown it."""
        self.wire.call("window/showMessageRequest")
        (question,) = self.execute("podium.show", {"missionId": mission_id})["questions"]
        return dict(question)

    def configure(self, settings: Mapping[str, Any]) -> None:
        """Let the user change the editor's settings, and return once the server has heard of it."""
        asked = len(self.requests("workspace/configuration"))
        self.replies["workspace/configuration"] = lambda _: {"result": [dict(settings)]}
        self.wire.notify("workspace/didChangeConfiguration", {"settings": None})
        self.wire.wait_for(lambda _: len(self.requests("workspace/configuration")) > asked)
        # Answers are sent by the thread that reads: what is read later comes after the answer was sent.
        self.execute("podium.agents")

    # --- what the server showed ---------------------------------------------------------------------

    def diagnostics(self, path: str, wanted: Callable[[list[Message]], bool] = bool) -> list[Message]:
        """Return the diagnostics of a file once the latest ones are `wanted`."""
        uri = self.uri(path)
        latest: list[Message] = []

        def shown(_: Message) -> bool:
            nonlocal latest
            mine = [m for m in self.wire.received if _publishes(m, uri)]
            latest = mine[-1]["params"]["diagnostics"] if mine else []
            return bool(mine) and wanted(latest)

        self.wire.wait_for(shown)
        return latest

    def progress(self, token: object) -> list[Message]:
        """Return what a token was told, once it has ended."""
        self.wire.wait_for(lambda m: _reports(m, token) and m["params"]["value"]["kind"] == "end")
        return [m["params"]["value"] for m in tuple(self.wire.received) if _reports(m, token)]

    def tokens(self, mission_id: str) -> list[str]:
        """Return the tokens that the server created for a mission and its agents."""
        created = [m["params"]["token"] for m in self.requests("window/workDoneProgress/create")]
        return [token for token in created if mission_id in token]

    def requests(self, method: str) -> list[Message]:
        return [m for m in tuple(self.wire.received) if m.get("method") == method]

    # --- the editor's side --------------------------------------------------------------------------

    def _answer(self, request: Message) -> Message | None:
        method: str = request["method"]
        params: Message = request.get("params") or {}
        if reply := self.replies.get(method):
            return reply(params)
        match method:
            case "workspace/applyEdit":
                return self.apply(params)
            case "window/showDocument":
                return {"result": {"success": True}}
            case "workspace/configuration":
                return {"result": [None for _ in params["items"]]}
            case _:
                return {"result": None}

    def apply(self, params: Message) -> Message:
        """Do what `workspace/applyEdit` asks for, in buffers, and tell the server of each change first."""
        with self._typing:
            self.applied.append(params)
            for change in params["edit"]["documentChanges"]:
                if change.get("kind") == "delete":
                    place = _path(change["uri"])
                    place.unlink()
                    if (path := place.relative_to(self.root).as_posix()) in self.buffers:
                        self.close(path)
                elif change.get("kind") == "create":
                    _path(change["uri"]).touch()
                else:
                    failure = self._edit(change)
                    if failure:
                        return {"result": {"applied": False, "failureReason": failure}}
        return {"result": {"applied": True}}

    def _edit(self, change: Message) -> str:
        path = _path(change["textDocument"]["uri"]).relative_to(self.root).as_posix()
        version = change["textDocument"]["version"]
        if path not in self.buffers:
            self.open(path)
        elif version != self.buffers[path].version:
            return f"{path} has version {self.buffers[path].version}, the edit is for {version}"
        buffer = self.buffers[path]
        for edit in sorted(change["edits"], key=lambda e: _order(e["range"]["start"]), reverse=True):
            start, end = (self.offset(buffer.text, edit["range"][side]) for side in ("start", "end"))
            buffer.text = buffer.text[:start] + edit["newText"] + buffer.text[end:]
        buffer.version += 1
        self._changed(path, [{"text": buffer.text}])
        return ""

    def offset(self, text: str, position: Message) -> int:
        """Return the offset in code points that a position of the wire means."""
        lines = text.split("\n")
        number, character = _order(position)
        if number >= len(lines):
            return len(text)
        units = {"utf-8": 1, "utf-16": 2, "utf-32": 4}[self.encoding]
        codec = self.encoding if units == 1 else f"{self.encoding}-le"
        before = sum(len(line) + 1 for line in lines[:number])
        return before + len(lines[number].encode(codec)[: character * units].decode(codec))

    def covered(self, text: str, span: Message) -> str:
        """Return the part of `text` that a range of the wire covers."""
        return text[self.offset(text, span["start"]) : self.offset(text, span["end"])]

    def _changed(self, path: str, changes: list[Message]) -> None:
        document = {"uri": self.uri(path), "version": self.buffers[path].version}
        self.wire.notify("textDocument/didChange", {"textDocument": document, "contentChanges": changes})


@contextmanager
def editing(
    root: Path,
    state: Path,
    settings: Mapping[str, Any],
    *,
    capabilities: Message | None = None,
    encoding: Encoding = "utf-16",
    environment: Mapping[str, str] | None = None,
    **initialize: object,
) -> Generator[Editor]:
    """Start `podium serve` on `root` and yield an editor that is initialized with `settings`.

    What the server keeps goes below `state`; the server is gone when the block is left.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("PODIUM_")]:
            patch.delenv(name)
        own = {"PODIUM_STATE_DIR": str(state), "XDG_CONFIG_HOME": str(state / "config")}
        for name, value in {**own, **(environment or {})}.items():
            patch.setenv(name, value)
        wire = RawClient("podium", "serve", patience_s=PATIENCE_S)
    with wire:
        editor = Editor(wire, root, encoding)
        offered = {**(CAPABILITIES if capabilities is None else capabilities)}
        offered["general"] = {"positionEncodings": [encoding]}
        params: dict[str, object] = {
            "clientInfo": {"name": "scripted editor"},
            "rootUri": root.as_uri(),
            "initializationOptions": dict(settings),
        }
        result = wire.initialize(offered, **(params | initialize))
        assert result["capabilities"]["positionEncoding"] == encoding
        if offered.get("workspace", {}).get("configuration"):
            wire.call("workspace/configuration")
        yield editor
        if wire.process.poll() is None:
            wire.request("shutdown")
            wire.notify("exit")
            assert wire.exit_code() == 0, wire.log


def _path(uri: str) -> Path:
    return Path(unquote(urlsplit(uri).path))


def _publishes(message: Message, uri: str) -> bool:
    return message.get("method") == "textDocument/publishDiagnostics" and message["params"]["uri"] == uri


def _reports(message: Message, token: object) -> bool:
    return message.get("method") == "$/progress" and message["params"]["token"] == token


def _order(position: Message) -> tuple[int, int]:
    return position["line"], position["character"]
