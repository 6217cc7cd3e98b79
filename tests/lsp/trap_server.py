"""A server on the host with probes: each handler shows one behaviour that a client can observe."""

import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, TypeAlias

import anyio
import anyio.lowlevel
from lsprotocol import types
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from podium.adapters.processes import see_end
from podium.errors import UserError
from podium.lsp.documents import Document, DocumentChange
from podium.lsp.host import Host, serve
from podium.lsp.rpc import AskFailed

Params: TypeAlias = dict[str, Any]


class Start(BaseModel):
    """Params of a typed custom request."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)
    mission_id: str
    max_parallel: int = 1


class Note(BaseModel):
    """Something to remember, or to write into the log."""

    text: str


class Probes:
    """The handlers, and what they remember."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.seen: list[str] = []

    def echo(self, params: object) -> object:
        return params

    def typed(self, params: Start) -> Start:
        return params

    def hover(self, params: types.HoverParams) -> types.Hover:
        return types.Hover(contents=f"{params.position.line}")

    def fail(self, _params: object) -> None:
        raise ValueError(f"a secret in {__file__}")

    def refuse(self, _params: object) -> None:
        raise UserError("Set `model` first.")

    def unserialisable(self, _params: object) -> object:
        return object()

    async def sleep(self, params: Params) -> str:
        await anyio.sleep(float(params["s"]))
        return "slept"

    def block(self, params: Params) -> None:
        """Hold the loop up for a while, as a slow handler would."""
        subprocess.run([sys.executable, "-c", f"import time; time.sleep({float(params['s'])})"], check=True)

    def note(self, params: Note) -> None:
        self.seen.append(params.text)

    def say(self, params: Note) -> None:
        logging.getLogger(__name__).warning(params.text)

    def told(self, _params: object) -> list[str]:
        return self.seen

    def command(self, params: types.ExecuteCommandParams) -> object:
        return {"token": params.work_done_token, "arguments": params.arguments}

    async def sleep_by_command(self, params: types.ExecuteCommandParams) -> None:
        await anyio.sleep(float(str((params.arguments or [0])[0])))

    async def ask(self, params: Params) -> object:
        """Ask the client and tell how it went."""
        try:
            answer = await self.host.ask(params["method"], params["params"], float(params["timeoutS"]))
        except AskFailed as failure:
            return {"failure": type(failure).__name__, "message": str(failure)}
        return {"answer": repr(answer)}

    def open_requests(self, _params: object) -> int:
        return self.host.n_open_requests

    async def flood(self, params: Params) -> dict[str, int]:
        """Send many notifications, giving way to others in between; return how many were accepted."""
        accepted = 0
        for number in range(int(params["n"])):
            accepted += self.host.notify_if_room("probe/drop", {"number": number, "text": "x" * 1000})
            if number % 100 == 0:
                await anyio.lowlevel.checkpoint()
        logging.getLogger(__name__).warning("flooded")
        return {"accepted": accepted}

    def litter(self, _params: object) -> None:
        """Write to standard output in the two ways that corrupt a stream."""
        print("a stray print", flush=True)
        subprocess.run([sys.executable, "-c", "print('from a child', repr(open(0).read()))"], check=True)

    def text(self, params: Params) -> object:
        document = self.host.documents.get(params["uri"])
        return document and {"text": document.content, "version": document.version}

    async def text_after_wait(self, params: Params) -> object:
        """Return the text as it is at the first step, and again after the next change."""
        documents, uri = self.host.documents, params["uri"]
        first = documents.get(uri)
        before = first and first.content
        await documents.wait_until(uri, lambda now: (now and now.content) != before, 5)
        changed = documents.get(uri)
        return [before, changed and changed.content]

    async def wait_text(self, params: Params) -> bool:
        def holds(document: Document | None) -> bool:
            return document is not None and document.content == params["text"]

        return await self.host.documents.wait_until(params["uri"], holds, float(params["timeoutS"]))

    def on_change(self, change: DocumentChange) -> None:
        self.seen.append(f"{change.kind} {change.document.version}")

    def start_mission(self, params: Params) -> str:
        """Start work that outlives the request and writes a file when it is cancelled."""
        self.host.task_group.start_soon(self._mission, anyio.Path(str(params["path"])), float(params["s"]))
        return "started"

    async def _mission(self, path: anyio.Path, cleanup_s: float) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(cleanup_s)
                await path.write_text("checkpointed", "utf-8")
                logging.getLogger(__name__).warning("the mission is checkpointed")

    async def service(self) -> None:
        """Outlive the missions, and say so."""
        try:
            await anyio.sleep_forever()
        finally:
            logging.getLogger(__name__).warning("the service ends")

    def modules(self, _params: object) -> list[str]:
        return sorted({name.partition(".")[0] for name in sys.modules})

    def memory_mb(self, _params: object) -> float:
        statm = Path("/proc/self/statm").read_text("ascii")
        return int(statm.split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


async def build(host: Host) -> None:
    """Register the probes."""
    probes = Probes(host)
    for method in (
        "echo",
        "fail",
        "refuse",
        "unserialisable",
        "sleep",
        "block",
        "told",
        "ask",
        "flood",
        "litter",
    ):
        host.request(f"probe/{method}", getattr(probes, method))
    for method in ("text", "text_after_wait", "wait_text", "start_mission", "memory_mb", "modules"):
        host.request(f"probe/{method}", getattr(probes, method))
    host.request("probe/open_requests", probes.open_requests)
    host.request("probe/typed", probes.typed, Start)
    host.request("textDocument/hover", probes.hover, types.HoverParams)
    host.request("probe/note", probes.note, Note)
    host.notification("probe/say", probes.say, Note)
    host.notification("probe/fail", probes.fail)
    host.notification(
        "window/workDoneProgress/cancel",
        lambda params: probes.seen.append(f"cancel {params.token}"),
        types.WorkDoneProgressCancelParams,
    )
    host.command("probe.command", probes.command)
    host.command("probe.sleep", probes.sleep_by_command)
    host.on_initialize(lambda _params, can: setattr(can, "code_action_provider", True))
    host.documents.subscribe(probes.on_change)
    host.services.start_soon(probes.service)


if __name__ == "__main__":
    sys.exit(serve(build, see_end, grace_s=float(sys.argv[1])))
