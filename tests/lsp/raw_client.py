"""A raw JSON-RPC client that drives a real server process over its standard streams.

It knows nothing of LSP types and corrects nothing, so that a test sees exactly what is on the wire.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeAlias

Message: TypeAlias = dict[str, Any]

ROOT = Path(__file__).parents[2]


class NoAnswer(Exception):
    """The server did not send what was waited for."""


class RawClient:
    """A server process and what it sent so far. As a context manager, it leaves no process behind.

    Whatever is waited for comes within `patience_s`, or `NoAnswer` is raised.
    """

    def __init__(self, module: str, *args: str, patience_s: float = 30) -> None:
        self.patience_s = patience_s
        self.received: list[Message] = []
        self.answer: Callable[[Message], Message | None] = lambda _request: None
        """Called with each request of the server; what it returns is sent as members of the response."""
        self._arrived = threading.Condition()
        self._n_requests = 0
        self._may_read = threading.Event()
        self._may_read.set()
        self._sending = threading.Lock()
        path = os.pathsep.join([str(ROOT / "server"), str(ROOT)])
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, *args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
            bufsize=0,
        )
        self._errors = bytearray()
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._read, self._drain)]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> "RawClient":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._may_read.set()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        for thread in self._threads:
            thread.join(10)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert stream
            stream.close()

    @property
    def log(self) -> str:
        """What the server wrote to standard error so far."""
        return self._errors.decode(errors="replace")

    def initialize(self, capabilities: Message | None = None, **params: object) -> Message:
        """Introduce the client and return the server's result."""
        defaults = {"processId": None, "rootUri": None, "capabilities": capabilities or {}}
        result: Message = self.request("initialize", defaults | params)["result"]
        self.notify("initialized", {})
        return result

    def request(self, method: str, params: object = None, timeout_s: float | None = None) -> Message:
        """Send a request and return the whole response."""
        return self.response(self.begin(method, params), timeout_s)

    def begin(self, method: str, params: object = None) -> int:
        """Send a request and return its id."""
        self._n_requests += 1
        self.send({"id": self._n_requests, "method": method, "params": params})
        return self._n_requests

    def response(self, request_id: int | str | None, timeout_s: float | None = None) -> Message:
        """Return the response to a request that was begun."""
        return self.wait_for(lambda m: "method" not in m and m.get("id") == request_id, timeout_s)

    def call(self, method: str, timeout_s: float | None = None) -> Message:
        """Return the first message of the server that calls `method`."""
        return self.wait_for(lambda m: m.get("method") == method, timeout_s)

    def methods(self) -> Sequence[str]:
        """Return the methods that the server called so far."""
        return [m["method"] for m in tuple(self.received) if "method" in m]

    def wait_for(self, wanted: Callable[[Message], bool], timeout_s: float | None = None) -> Message:
        """Return the first message that is `wanted`."""
        with self._arrived:
            found = self._arrived.wait_for(
                lambda: next((m for m in self.received if wanted(m)), None), timeout_s or self.patience_s
            )
        if found is None:
            raise NoAnswer(f"{self.received[-5:]}\n{self.log}")
        return found

    def wait_log(self, text: str) -> None:
        """Wait until the server has written `text` to standard error."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: text in self.log, self.patience_s):
                raise NoAnswer(f"not in the log: {text!r}\n{self.log}")

    def notify(self, method: str, params: object = None) -> None:
        """Send a notification."""
        self.send({"method": method, "params": params})

    def send(self, *messages: Message) -> None:
        """Send messages as they are, in one write."""
        self.send_bytes(b"".join(frame({"jsonrpc": "2.0", **message}) for message in messages))

    def send_bytes(self, data: bytes) -> None:
        """Send bytes as they are."""
        assert self.process.stdin
        with self._sending:
            waiting = memoryview(data)
            while waiting:
                waiting = waiting[self.process.stdin.write(waiting) or 0 :]

    def pause(self) -> None:
        """Stop reading what the server sends, after at most one more message."""
        self._may_read.clear()

    def go_on(self) -> None:
        """Read again."""
        self._may_read.set()

    def hang_up(self) -> None:
        """Close the server's standard input."""
        assert self.process.stdin
        self.process.stdin.close()

    def kill(self, number: signal.Signals) -> None:
        """Send a signal to the server."""
        self.process.send_signal(number)

    def exit_code(self, timeout_s: float | None = None) -> int:
        """Wait for the end of the server and return its exit code."""
        try:
            return self.process.wait(timeout_s or self.patience_s)
        except subprocess.TimeoutExpired:
            raise NoAnswer(f"the server still runs\n{self.log}") from None

    def _read(self) -> None:
        assert self.process.stdout
        stream = os.fdopen(os.dup(self.process.stdout.fileno()), "rb")
        with stream:
            while header := stream.readline():
                length = int(header.partition(b":")[2])
                while stream.readline().strip():
                    pass
                body = stream.read(length)
                if len(body) < length:
                    return  # the server was ended while it wrote
                message = json.loads(body)
                with self._arrived:
                    self.received.append(message)
                    self._arrived.notify_all()
                if "id" in message and "method" in message:
                    members = self.answer(message)
                    if members is not None:
                        self.send({"id": message["id"], **members})
                self._may_read.wait()

    def _drain(self) -> None:
        assert self.process.stderr
        while chunk := self.process.stderr.read(65536):
            with self._arrived:
                self._errors += chunk
                self._arrived.notify_all()


def frame(message: object) -> bytes:
    """Return `message` as a frame."""
    body = json.dumps(message).encode()
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
