r"""Text files as models see them, and the way back to bytes.

A model sees text with `\n` only. The file's encoding, byte order mark and every untouched line's own
ending are kept byte for byte; a changed or new line takes the ending that prevails in the file.
"""

import codecs
import re
from collections import Counter
from dataclasses import dataclass
from typing import Literal, TypeAlias

from podium.domain.lines import changes
from podium.errors import ToolError

Encoding: TypeAlias = Literal["utf-8", "utf-16-le", "utf-16-be", "latin-1"]
Newline: TypeAlias = Literal["\n", "\r\n", "\r"]

MAX_BYTES = 2 * 1024 * 1024

_WITH_MARK: tuple[tuple[bytes, Encoding], ...] = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"", "utf-8"),
)
_ENDING = re.compile(r"\r\n|\n|\r")
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class TextFile:
    r"""A file's text, and what is needed to write it back.

    `newline` is the ending of most lines (`\n` where there are none). `endings` holds each line's own
    ending where the file mixes them and is empty otherwise.
    """

    text: str
    encoding: Encoding = "utf-8"
    mark: bytes = b""
    newline: Newline = "\n"
    endings: tuple[str, ...] = ()

    @classmethod
    def decode(cls, content: bytes) -> "TextFile":
        """Return the text of `content`: UTF-8, UTF-16 with a byte order mark, or else Latin-1.

        Raises:
            ToolError: the content is binary or larger than `MAX_BYTES`.
        """
        if len(content) > MAX_BYTES:
            raise ToolError(
                f"The file is too large to read ({len(content):,} bytes; the limit is {MAX_BYTES:,}). "
                "Search in it instead."
            )
        raw, encoding, mark = _decoded(content)
        if "\0" in raw:
            raise ToolError("This is a binary file; it cannot be read or edited as text.")
        endings = _ENDING.findall(raw)
        counted = Counter(endings).most_common()
        newline = counted[0][0] if counted else "\n"
        text = raw if "\r" not in raw else _ENDING.sub("\n", raw)
        return cls(text, encoding, mark, newline, tuple(endings) if len(counted) > 1 else ())

    def encode(self, text: str) -> bytes:
        r"""Return the bytes of this file when its text has become `text`.

        Any `\r\n` or `\r` in `text` counts as a line's end.

        Raises:
            ToolError: the file's encoding has no such character.
        """
        text = _ENDING.sub("\n", text)
        if self.endings:
            text = self._with_own_endings(text)
        elif self.newline != "\n":
            text = text.replace("\n", self.newline)
        try:
            return self.mark + text.encode(self.encoding)
        except UnicodeEncodeError as error:
            line = text.count("\n", 0, error.start) + 1
            raise ToolError(
                f"The file is {self.encoding}, which cannot hold {text[error.start]!r} (line {line} of the new "
                "text). Write it with characters of that encoding, or as an escape."
            ) from error

    def _with_own_endings(self, text: str) -> str:
        before, after = self.text.split("\n"), text.split("\n")
        endings: list[str] = []
        kept = 0
        for change in changes(before, after):
            endings += self.endings[kept : change.start]
            same_size = change.end - change.start == change.new_end - change.new_start
            own = list(self.endings[change.start : change.end]) if same_size else []
            n_new = change.new_end - change.new_start
            endings += own if len(own) == n_new else [self.newline] * n_new
            kept = change.end
        endings += self.endings[kept:]
        endings = (endings + [self.newline] * len(after))[: len(after) - 1]
        return "".join(line + end for line, end in zip(after, [*endings, ""], strict=True))


def _decoded(content: bytes) -> tuple[str, Encoding, bytes]:
    for mark, encoding in _WITH_MARK:
        if content.startswith(mark):
            try:
                return content.removeprefix(mark).decode(encoding), encoding, mark
            except UnicodeDecodeError:
                continue
    if b"\0" in content or len(_CONTROL.findall(content)) * 10 > len(content):
        raise ToolError("This is a binary file, or text in an encoding other than UTF-8, UTF-16 and Latin-1.")
    return content.decode("latin-1"), "latin-1", b""
