"""What is answered for plan documents only is registered for them only, where the client can do that.

A capability in the answer to `initialize` claims every document. It stays there for clients that know no other
way; the methods answer null for whatever is no plan document.
"""

from collections.abc import Mapping

from lsprotocol import types

from podium.lsp.host import Host
from podium.lsp.plan_files import PATTERN
from podium.lsp.rpc import AskFailed

REGISTER_S = 10.0
_SELECTOR: list[types.DocumentFilter] = [types.TextDocumentFilterPattern(pattern=PATTERN)]
_TRIGGERS = ["[", ",", ":"]


class Registration:
    """Registers the methods of plan documents."""

    def __init__(self, host: Host) -> None:
        self._host = host
        host.on_initialize(self._leave_out)

    def _leave_out(self, params: types.InitializeParams, capabilities: types.ServerCapabilities) -> None:
        """Claim nothing at first that can be registered later."""
        methods = self._methods(params.capabilities)
        if types.TEXT_DOCUMENT_DOCUMENT_SYMBOL in methods:
            capabilities.document_symbol_provider = None
        if types.TEXT_DOCUMENT_FOLDING_RANGE in methods:
            capabilities.folding_range_provider = None
        if types.TEXT_DOCUMENT_DOCUMENT_LINK in methods:
            capabilities.document_link_provider = None
        if types.TEXT_DOCUMENT_COMPLETION in methods:
            capabilities.completion_provider = None
        if types.TEXT_DOCUMENT_HOVER in methods:
            capabilities.hover_provider = None
        if types.TEXT_DOCUMENT_CODE_LENS in methods:
            capabilities.code_lens_provider = None

    async def register(self) -> None:
        """Register what the client lets a server register; to be called when it has said `initialized`."""
        methods = self._methods(self._host.client)
        if not methods:
            return
        registrations = [types.Registration(method, method, options) for method, options in methods.items()]
        try:
            params = types.RegistrationParams(registrations)
            await self._host.ask(types.CLIENT_REGISTER_CAPABILITY, params, REGISTER_S)
        except AskFailed:
            return

    def _methods(self, client: types.ClientCapabilities) -> Mapping[str, object]:
        """Return the methods that the client lets a server register, with their options."""
        document, workspace = client.text_document, client.workspace
        plain = types.TextDocumentRegistrationOptions(_SELECTOR)
        watchers = [types.FileSystemWatcher(PATTERN)]
        offered = (
            (types.TEXT_DOCUMENT_DOCUMENT_SYMBOL, document and document.document_symbol, plain),
            (types.TEXT_DOCUMENT_FOLDING_RANGE, document and document.folding_range, plain),
            (types.TEXT_DOCUMENT_DOCUMENT_LINK, document and document.document_link, plain),
            (types.TEXT_DOCUMENT_HOVER, document and document.hover, plain),
            (types.TEXT_DOCUMENT_CODE_LENS, document and document.code_lens, plain),
            (
                types.TEXT_DOCUMENT_COMPLETION,
                document and document.completion,
                types.CompletionRegistrationOptions(
                    document_selector=_SELECTOR, trigger_characters=_TRIGGERS
                ),
            ),
            (
                types.WORKSPACE_DID_CHANGE_WATCHED_FILES,
                workspace and workspace.did_change_watched_files,
                types.DidChangeWatchedFilesRegistrationOptions(watchers),
            ),
        )
        return {method: options for method, can, options in offered if can and can.dynamic_registration}
