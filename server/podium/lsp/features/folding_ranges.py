"""`textDocument/foldingRange`: each task of a plan document folds to its line."""

from lsprotocol import types

from podium.lsp.host import Host
from podium.lsp.plan_files import PlanFiles


class FoldingRanges:
    """Answers `textDocument/foldingRange`."""

    def __init__(self, host: Host, files: PlanFiles) -> None:
        self._files = files
        host.request(types.TEXT_DOCUMENT_FOLDING_RANGE, self._ranges, types.FoldingRangeParams)

    def _ranges(self, params: types.FoldingRangeParams) -> list[types.FoldingRange] | None:
        plan = self._files.opened(params.text_document.uri)
        if plan is None:
            return None
        return [
            types.FoldingRange(item.line, item.end - 1)
            for item in plan.page.items
            if item.end - item.line > 1
        ]
