"""Changes to files, as values."""

from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Annotated

from pydantic import PlainSerializer, PlainValidator


def _as_json(content: bytes | None) -> str | None:
    return None if content is None else b64encode(content).decode("ascii")


def _from_json(content: object) -> bytes | None:
    if content is None or isinstance(content, bytes):
        return content
    if isinstance(content, str):
        return b64decode(content, validate=True)
    raise ValueError("a file's content must be base64 text or null")


Content = Annotated[bytes | None, PlainValidator(_from_json), PlainSerializer(_as_json, when_used="json")]
"""A file's bytes, None where there is no file; base64 in JSON, since files need not be text."""


@dataclass(frozen=True, slots=True)
class FileEdit:
    """One file's change: what it was based on and what it becomes; None where there is no file.

    `permissions` are those of a file that is created or deleted, as in `chmod`; None for those that any new file
    gets, and where the file is there before and after.
    """

    path: str
    before: Content
    after: Content
    permissions: int | None = None

    def back(self) -> "FileEdit":
        """Return what takes this change back."""
        return FileEdit(self.path, self.after, self.before, self.permissions)

    def behind(self, earlier: "FileEdit", before: bytes | None) -> "FileEdit":
        """Return this change and an `earlier` one of the same file as one, on what would be `before` them."""
        own = self.permissions
        return FileEdit(self.path, before, self.after, earlier.permissions if own is None else own)
