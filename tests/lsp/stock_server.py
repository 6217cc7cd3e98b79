"""The same probes on pygls as it comes: what the host is measured against."""

import logging
from typing import Any, TypeAlias

import anyio
import anyio.lowlevel
from lsprotocol import types
from pygls.lsp.server import LanguageServer

Params: TypeAlias = Any
"""Not `object`: pygls would take that for a parameter that wants the server."""

server = LanguageServer("stock", "0")


@server.feature("probe/echo")
def echo(params: Params) -> object:
    """Return the params."""
    return params


@server.feature("textDocument/hover")
def hover(params: types.HoverParams) -> types.Hover:
    """Return the line."""
    return types.Hover(contents=f"{params.position.line}")


@server.feature("probe/fail")
def fail(_params: Params) -> None:
    """Fail by a defect."""
    raise ValueError(f"a secret in {__file__}")


@server.feature("probe/sleep")
async def sleep(params: Params) -> str:
    """Answer later."""
    await anyio.sleep(float(params.s))
    return "slept"


@server.feature("probe/say")
def say(params: Params) -> None:
    """Write to the log."""
    logging.getLogger(__name__).warning(str(params.text))


@server.feature("probe/ask")
async def ask(params: Params) -> object:
    """Ask the client to show a document."""
    request = types.ShowDocumentParams(uri="file:///a")
    answer = await server.protocol.send_request_async(str(params.method), request)
    return {"answer": repr(answer)}


@server.feature("probe/flood")
async def flood(params: Params) -> None:
    """Send many notifications, giving way to others in between."""
    for number in range(int(params.n)):
        server.protocol.notify("probe/drop", {"number": number, "text": "x" * 1000})
        if number % 100 == 0:
            await anyio.lowlevel.checkpoint()


@server.feature("probe/text")
def text(params: Params) -> dict[str, object]:
    """Return a document's text."""
    document = server.workspace.get_text_document(str(params.uri))
    return {"text": document.source, "version": document.version}


@server.command("probe.command")
def command(argument: Params) -> dict[str, object]:
    """Return the arguments; the token does not come this far."""
    return {"arguments": [argument]}


@server.command("probe.sleep")
async def sleep_by_command(seconds: float) -> None:
    """End later."""
    await anyio.sleep(seconds)


if __name__ == "__main__":
    server.start_io()
