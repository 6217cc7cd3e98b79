"""Changes to files as a coloured unified diff."""

from collections.abc import Iterator, Sequence
from difflib import unified_diff

from rich.text import Text

from podium.domain.changes import FileEdit
from podium.domain.lines import split_lines
from podium.domain.text_file import TextFile
from podium.errors import ToolError

_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def diff_of(edits: Sequence[FileEdit]) -> Text:
    """Return the diff of all `edits`, indented, in the colours that diffs have everywhere."""
    text = Text()
    for edit in edits:
        for line in _lines(edit):
            header = line.startswith(("--- ", "+++ "))
            text.append(f"    {line}\n", "bold" if header else _STYLES.get(line[:1], ""))
    text.rstrip()
    return text


def _lines(edit: FileEdit) -> Iterator[str]:
    try:
        before, after = _text(edit.before), _text(edit.after)
    except ToolError:
        yield f"--- {edit.path} (not text: {len(edit.after or b'')} bytes)"
        return
    old = f"a/{edit.path}" if edit.before is not None else "/dev/null"
    new = f"b/{edit.path}" if edit.after is not None else "/dev/null"
    for line in unified_diff(split_lines(before), split_lines(after), old, new, n=2):
        yield line.rstrip("\n")


def _text(content: bytes | None) -> str:
    return TextFile.decode(content or b"").text
