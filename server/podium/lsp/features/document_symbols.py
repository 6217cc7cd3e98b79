"""`textDocument/documentSymbol`: the tasks of a plan document, with their states."""

from lsprotocol import types

from podium.domain.plan import BOXES
from podium.domain.plan_text import Item
from podium.lsp.host import Host
from podium.lsp.plan_files import OpenPlan, PlanFiles


class DocumentSymbols:
    """Answers `textDocument/documentSymbol`."""

    def __init__(self, host: Host, files: PlanFiles) -> None:
        self._host = host
        self._files = files
        host.request(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL, self._symbols, types.DocumentSymbolParams)

    def _symbols(
        self, params: types.DocumentSymbolParams
    ) -> list[types.DocumentSymbol] | list[types.SymbolInformation] | None:
        plan = self._files.opened(params.text_document.uri)
        if plan is None:
            return None
        document = self._host.client.text_document
        able = document.document_symbol if document else None
        if able and able.hierarchical_document_symbol_support:
            return [self._symbol(plan, item) for item in plan.page.items]
        uri = params.text_document.uri
        return [
            types.SymbolInformation(types.Location(uri, symbol.range), symbol.name, symbol.kind)
            for symbol in (self._symbol(plan, item) for item in plan.page.items)
        ]

    def _symbol(self, plan: OpenPlan, item: Item) -> types.DocumentSymbol:
        name = f"{BOXES[item.mark]} {item.id} {item.title}" if item.id else f"{BOXES[item.mark]} {item.title}"
        return types.DocumentSymbol(
            name,
            types.SymbolKind.Event,
            range=self._files.lines(plan, item.line, item.end),
            selection_range=self._files.lines(plan, item.line, item.line + 1),
            detail=item.mark,
        )
