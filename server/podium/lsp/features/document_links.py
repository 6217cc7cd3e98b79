"""`textDocument/documentLink`: the files that a plan document names lead to them."""

from lsprotocol import types

from podium.domain.paths import confined
from podium.errors import ToolError
from podium.lsp.host import Host
from podium.lsp.plan_files import PlanFiles


class DocumentLinks:
    """Answers `textDocument/documentLink`."""

    def __init__(self, host: Host, files: PlanFiles) -> None:
        self._files = files
        host.request(types.TEXT_DOCUMENT_DOCUMENT_LINK, self._links, types.DocumentLinkParams)

    def _links(self, params: types.DocumentLinkParams) -> list[types.DocumentLink] | None:
        plan = self._files.opened(params.text_document.uri)
        if plan is None:
            return None
        links: list[types.DocumentLink] = []
        for field in (field for item in plan.page.items for field in item.fields if field.name == "files"):
            for value in field.values:
                try:
                    target = self._files.uri(confined(value.text))
                except ToolError:
                    continue
                span = self._files.columns(plan, field.line, value.start, value.end)
                links.append(types.DocumentLink(span, target))
        return links
