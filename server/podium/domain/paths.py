"""Which paths a model may name: the part of the confinement that needs no file system.

Symbolic links are not looked at here; whoever opens the file checks its real location as well. The
rules are strict where file systems differ, because a name that is harmless on one may reach a protected
file on another (case, trailing dots, streams and invisible characters of NTFS, HFS+ and APFS).
"""

import re
import unicodedata
from functools import lru_cache

from podium.errors import ToolError

_PROTECTED_FOLDERS = frozenset(
    {".git", ".podium", ".ssh", ".aws", ".gnupg", ".kube", ".azure", ".password-store"}
)
_SECRET_NAMES = frozenset(
    {
        ".netrc",
        "_netrc",
        ".npmrc",
        ".pypirc",
        ".git-credentials",
        ".htpasswd",
        ".pgpass",
        ".dockercfg",
        ".env",
    }
)
_SECRET_PATTERN = re.compile(
    r"""\.env\.(?!(?:example|sample|template)$).*
      | id_(?:rsa|dsa|ecdsa|ed25519).*
      | .*\.(?:pem|key|p12|pfx|jks|keystore|kdbx|ppk)
      | credentials(?!.*\.(?:py|pyi|js|jsx|ts|tsx|mjs|cjs|go|rs|java|kt|rb|php|cs|c|h|cc|cpp|hpp|swift|scala
                           |ex|exs|vue|svelte|lua|md|rst|html|css|adoc)$).*""",
    re.VERBOSE,
)
"""Files whose content is a secret. A module of source code may be called `credentials.py`."""

_MAX_NAME_BYTES = 255
_MAX_PATH_BYTES = 4096


@lru_cache(maxsize=4096)
def confined(path: str) -> str:
    """Return `path` in its shortest form: relative to the workspace folder, with `/`, never empty.

    Raises:
        ToolError: the path is not relative, leaves the folder, names the folder itself, cannot be a
            file name, or names a protected file; the text says which of these.
    """
    _refuse_unusable(path)
    _refuse_absolute(path)
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            if not parts:
                raise ToolError(f"{path!r} leaves the workspace folder; name a path inside it.")
            parts.pop()
        elif part not in {"", "."}:
            _refuse_protected(path, part)
            parts.append(part)
    if not parts:
        raise ToolError(f"{path!r} is the workspace folder itself; name a file in it.")
    _refuse_secret(path, parts[-1])
    shortest = "/".join(parts)
    _refuse_absolute(shortest)
    return shortest


def _refuse_unusable(path: str) -> None:
    if not path.strip():
        raise ToolError("The path is empty; name a file relative to the workspace folder.")
    if any(unicodedata.category(char) in {"Cc", "Cs"} for char in path):
        raise ToolError(f"{path!r} holds a control character (NUL, newline ...), which no file here has.")
    too_long = any(len(part.encode()) > _MAX_NAME_BYTES for part in path.split("/"))
    if too_long or len(path.encode()) > _MAX_PATH_BYTES:
        raise ToolError("The path is longer than a file system allows; is it perhaps the file's content?")


def _refuse_absolute(path: str) -> None:
    if "\\" in path:
        raise ToolError(f"{path!r} holds a backslash; write `/` between folders, relative to the workspace.")
    if path.startswith("/") or re.match(r"[A-Za-z]:", path):
        raise ToolError(f"{path!r} is absolute; name it relative to the workspace folder.")
    if path.startswith("~") or re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", path):
        raise ToolError(f"{path!r} is a home folder or an address; name it relative to the workspace folder.")


def _seen_by_any_system(part: str) -> str:
    """Return the name that the most lenient file system would open for `part`."""
    visible = "".join(char for char in part if unicodedata.category(char) != "Cf")
    name = unicodedata.normalize("NFKC", visible).casefold().split(":")[0]
    return name.rstrip(" .")


def _refuse_protected(path: str, part: str) -> None:
    name = _seen_by_any_system(part)
    if name in _PROTECTED_FOLDERS or re.fullmatch(r"git~\d+", name):
        raise ToolError(f"{path!r} is protected: nothing in {part!r} may be read or changed.")


def _refuse_secret(path: str, part: str) -> None:
    name = _seen_by_any_system(part)
    if name in _SECRET_NAMES or _SECRET_PATTERN.fullmatch(name):
        raise ToolError(f"{path!r} is protected: files of this kind hold secrets. Work without its content.")
