"""File URIs and paths: clients spell the same file in several ways.

VS Code writes `file:///c%3A/x`, others `file:///C:/x`; some escape parentheses and some do not. Two URIs
mean the same file when their keys are equal.
"""

import os
import sys
from functools import lru_cache
from pathlib import Path, PurePath, PureWindowsPath
from urllib.parse import quote, unquote_to_bytes

_WINDOWS = sys.platform == "win32"
_SAFE = "/-._~!$&'()*+,;=@"


def path_of(uri: str, *, windows: bool = _WINDOWS) -> str | None:
    """Return the path that a `file:` URI names, in the platform's spelling; None for other schemes.

    `#` and `?` count as part of the path: documents have neither fragment nor query, but some clients do
    not escape them.
    """
    scheme, separator, rest = uri.partition("://")
    if not separator or scheme.lower() != "file":
        return None
    host, slash, tail = rest.partition("/")
    raw = os.fsdecode(unquote_to_bytes((slash + tail).encode("utf-8", "surrogateescape")))
    if not windows:
        return raw or "/"
    if raw[2:3] == ":" and raw[1].isalpha():
        raw = raw[1].upper() + raw[2:]
    elif host and host.lower() != "localhost":
        raw = f"//{host}{raw}"
    return str(PureWindowsPath(raw))


@lru_cache(maxsize=1024)
def file_path(uri: str) -> Path | None:
    """Return the path that a `file:` URI names, or None for other schemes, such as unsaved buffers."""
    path = path_of(uri)
    return None if path is None else Path(path)


def uri_of(path: PurePath) -> str:
    """Return the `file:` URI of an absolute path.

    Raises:
        ValueError: the path is relative.
    """
    if not path.is_absolute():
        raise ValueError(f"{path} is relative and has no URI")
    text = path.as_posix()
    if isinstance(path, PureWindowsPath):
        if text.startswith("//"):
            return "file:" + quote(text, safe=_SAFE)
        return f"file:///{text[0].lower()}%3A" + quote(text[2:], safe=_SAFE)
    return "file://" + quote(os.fsencode(text), safe=_SAFE)


def key_of(uri: str, *, windows: bool = _WINDOWS) -> str:
    """Return what all spellings of one file's URI have in common; other URIs are their own key."""
    path = path_of(uri, windows=windows)
    if path is None:
        return uri
    return "file:" + (path.lower() if windows else path)
