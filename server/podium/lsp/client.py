"""The built-in LSP client: what an editor is, for users of the command line.

It starts the same server that editors start, over the standard streams, and is that server's editor:
workspace edits go to the files on disk. What it deliberately does not have is open documents; everything
the server needs to know of the files stands on the disk.
"""

import json
import os
import signal
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from subprocess import PIPE

import anyio
from anyio.abc import Process, TaskGroup
from anyio.streams.buffered import BufferedByteReceiveStream
from pydantic import TypeAdapter

from podium import __version__
from podium.domain.messages import Json
from podium.domain.text import Encoding
from podium.lsp.client_answers import Answers, OnMessage, Params, unanswered
from podium.lsp.uris import uri_of

OnNotification = Callable[[str, Params], None]
"""Called with method and parameters of each notification, in order; must not block."""
OnLog = Callable[[str], None]
"""Called with each line that the server writes to standard error."""

_OBJECT: TypeAdapter[dict[str, Json]] = TypeAdapter(dict[str, Json])
_ENCODINGS: TypeAdapter[Encoding] = TypeAdapter(Encoding)
_INITIALIZE_S = 30.0
_PATIENCE_S = 5.0
_NO_ANSWER = -32000

CAPABILITIES: Mapping[str, Json] = {
    "general": {"positionEncodings": ["utf-8", "utf-32", "utf-16"]},
    "workspace": {
        "applyEdit": True,
        "configuration": True,
        "workspaceFolders": True,
        "workspaceEdit": {
            "documentChanges": True,
            "resourceOperations": ["create", "rename", "delete"],
            "failureHandling": "transactional",
        },
    },
    "window": {
        "workDoneProgress": True,
        "showDocument": {"support": True},
        "showMessage": {"messageActionItem": {"additionalPropertiesSupport": False}},
    },
    "experimental": {"podium": {"events": True}},
}


class RequestFailed(Exception):
    """The server answered a request with an error. `code` is JSON-RPC's."""

    INVALID_PARAMS = -32602

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class ServerDied(Exception):
    """The server is gone. The message carries its exit code and the end of what it wrote to stderr."""

    def __init__(self, exit_code: int | None, stderr: str) -> None:
        tail = f":\n{stderr}" if stderr else "."
        super().__init__(f"The server ended unexpectedly (exit code {exit_code}){tail}")
        self.exit_code = exit_code


class _Reply:
    """The place where a request waits for its answer."""

    def __init__(self) -> None:
        self.arrived = anyio.Event()
        self.answer: dict[str, Json] | None = None


class Client:
    """A running server, and the way to talk to it. Made by `connect`.

    `server_capabilities` is what the server offers.
    """

    def __init__(
        self,
        process: Process,
        workspace: Path,
        on_notification: OnNotification,
        on_message: OnMessage,
        on_log: OnLog | None,
    ) -> None:
        self.server_capabilities: Params = {}
        self._process = process
        self._workspace = workspace
        self._answers = Answers(workspace, on_message)
        self._on_notification = on_notification
        self._on_log = on_log
        self._replies: dict[int, _Reply] = {}
        self._n_requests = 0
        self._writing = anyio.Lock()
        self._stderr: deque[str] = deque(maxlen=30)
        self._stderr_read = anyio.Event()
        self._in_a_hurry = False
        self._gone = False

    @property
    def encoding(self) -> Encoding:
        """What positions count in, as the server chose it."""
        return self._answers.encoding

    @property
    def shown(self) -> Sequence[str]:
        """The addresses of the documents that the server wanted to be looked at, in order."""
        return self._answers.shown

    async def execute(self, command: str, argument: Params) -> dict[str, Json]:
        """Return the result of a command of `podium.lsp.protocol.COMMANDS`.

        Raises:
            RequestFailed: the server refused, or the command failed.
        """
        result = await self.request(
            "workspace/executeCommand", {"command": command, "arguments": [dict(argument)]}
        )
        return _OBJECT.validate_python(result)

    async def request(self, method: str, params: Json) -> Json:
        """Return the server's result, however long it takes.

        Raises:
            RequestFailed: the server answered with an error.
        """
        self._n_requests += 1
        number = self._n_requests
        reply = self._replies[number] = _Reply()
        try:
            await self._send({"id": number, "method": method, "params": params})
            await reply.arrived.wait()
        finally:
            del self._replies[number]
        answer = reply.answer
        if answer is None:
            raise RequestFailed(_NO_ANSWER, f"The server ended before it answered {method}.")
        error = answer.get("error")
        if isinstance(error, dict):
            code = error.get("code")
            raise RequestFailed(code if isinstance(code, int) else 0, str(error.get("message")))
        return answer.get("result")

    async def notify(self, method: str, params: Json) -> None:
        """Send a notification."""
        await self._send({"method": method, "params": params})

    def hurry(self) -> None:
        """Close without asking: the server is told to end by a signal, and soon after it is killed."""
        self._in_a_hurry = True

    @asynccontextmanager
    async def running(self, options: Params) -> AsyncGenerator["Client"]:
        """Initialize the server, and end it when the block is left; for `connect`, which says the rest."""
        block = anyio.CancelScope()
        listening = anyio.CancelScope(shield=True)  # a server that is asked to end still has to be heard

        async def listen() -> None:
            with listening:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._keep_stderr)
                    await self._read(tasks)
                    self._gone = True
                    for reply in self._replies.values():
                        reply.arrived.set()
                    block.cancel()

        async with anyio.create_task_group() as owner:
            owner.start_soon(listen)
            self._in_a_hurry = True  # a server that is not initialized has nothing to finish
            try:
                with block:
                    await self._initialize(options)
                    self._in_a_hurry = False
                    yield self
                if block.cancelled_caught:
                    raise await self._died()
            finally:
                await self._close()
                listening.cancel()

    async def _send(self, message: Params) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}, separators=(",", ":")).encode()
        stdin = self._process.stdin
        assert stdin is not None  # noqa: S101 - `connect` opens the pipe
        # A server that is gone is noticed by the reader, which knows more about it.
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            async with self._writing:
                await stdin.send(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    async def _initialize(self, options: Params) -> None:
        uri = uri_of(self._workspace)
        params: Json = {
            "processId": os.getpid(),
            "clientInfo": {"name": "podium", "version": __version__},
            "rootUri": uri,
            "workspaceFolders": [{"uri": uri, "name": self._workspace.name}],
            "capabilities": dict(CAPABILITIES),
            "initializationOptions": dict(options),
        }
        try:
            with anyio.fail_after(_INITIALIZE_S):
                result = _OBJECT.validate_python(await self.request("initialize", params))
        except TimeoutError as error:
            slow = f"The server did not answer `initialize` within {_INITIALIZE_S:.0f} s."
            raise RequestFailed(_NO_ANSWER, slow) from error
        self.server_capabilities = _OBJECT.validate_python(result["capabilities"])
        chosen = self.server_capabilities.get("positionEncoding", "utf-16")
        self._answers.encoding = _ENCODINGS.validate_python(chosen)
        await self.notify("initialized", {})

    async def _read(self, handlers: TaskGroup) -> None:
        """Take in messages until the server closes its output."""
        stdout = self._process.stdout
        assert stdout is not None  # noqa: S101 - `connect` opens the pipe
        stream = BufferedByteReceiveStream(stdout)
        while True:
            try:
                header = await stream.receive_until(b"\r\n\r\n", 8192)
                body = await stream.receive_exactly(_content_length(header))
            except (anyio.EndOfStream, anyio.IncompleteRead, anyio.BrokenResourceError):
                return
            message = _OBJECT.validate_json(body)
            method, number = message.get("method"), message.get("id")
            if isinstance(method, str):
                given = message.get("params")
                params = given if isinstance(given, dict) else {}
                if number is None:
                    self._on_notification(method, params)
                else:
                    handlers.start_soon(self._answer, number, method, params)
            elif isinstance(number, int) and (reply := self._replies.get(number)):
                reply.answer = message
                reply.arrived.set()

    async def _answer(self, number: Json, method: str, params: Params) -> None:
        await self._send({"id": number, **await self._answers.answer(method, params)})

    async def _keep_stderr(self) -> None:
        stderr = self._process.stderr
        assert stderr is not None  # noqa: S101 - `connect` opens the pipe
        rest = ""
        with suppress(anyio.BrokenResourceError):
            async for chunk in stderr:
                *lines, rest = (rest + chunk.decode("utf-8", "replace")).split("\n")
                self._stderr.extend(lines)
                if self._on_log:
                    for line in lines:
                        self._on_log(line)
                rest = rest[-2000:]
        if rest:
            self._stderr.append(rest)
        self._stderr_read.set()

    async def _died(self) -> ServerDied:
        with anyio.move_on_after(_PATIENCE_S):
            await self._process.wait()
            await self._stderr_read.wait()
        return ServerDied(self._process.returncode, "\n".join(self._stderr))

    async def _close(self) -> None:
        """End the server: by asking, then by a signal, then by force. Bounded, and never left half-way."""
        with anyio.CancelScope(shield=True):
            if not (self._gone or self._in_a_hurry):
                with anyio.move_on_after(_PATIENCE_S), suppress(RequestFailed):
                    await self.request("shutdown", None)
                    await self.notify("exit", None)
            if self._in_a_hurry:
                self._signal(signal.SIGTERM)
            if self._process.stdin:
                await self._process.stdin.aclose()
            for force in (signal.SIGKILL,) if self._in_a_hurry else (signal.SIGTERM, signal.SIGKILL):
                with anyio.move_on_after(1.0 if self._in_a_hurry else _PATIENCE_S):
                    await self._process.wait()
                    return
                self._signal(force)
            await self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        """Send a signal to the server; the last resort goes to all that it started as well."""
        if self._process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            if number == signal.SIGKILL:
                os.killpg(self._process.pid, number)
            else:
                self._process.send_signal(number)


@asynccontextmanager
async def connect(
    argv: Sequence[str],
    workspace: Path,
    *,
    options: Params,
    on_notification: OnNotification,
    on_message: OnMessage = unanswered,
    on_log: OnLog | None = None,
) -> AsyncGenerator[Client]:
    """Start the server `argv` on `workspace` and yield a client of it, initialized with `options`.

    The server is gone when the block is left, however it is left. Exceptions arrive in a group.

    Raises:
        ServerDied: the server ended although nobody asked it to; the block is cancelled.
        RequestFailed: the server refused to initialize, or took too long.
    """
    # A session of its own: Ctrl-C in the terminal is for the client, which then asks the server to end.
    async with (
        await anyio.open_process(
            argv, cwd=workspace, stdin=PIPE, stdout=PIPE, stderr=PIPE, start_new_session=True
        ) as process,
        Client(process, workspace, on_notification, on_message, on_log).running(options) as client,
    ):
        yield client


def _content_length(header: bytes) -> int:
    for line in header.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    return 0
