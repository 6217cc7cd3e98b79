"""Masking: secrets that turn up in texts are replaced before a model or the journal gets to see them.

A secret is what looks like a key of a known kind, or the value of an environment variable that is named like one.
In its place stands `<secret:1a2b3c4d>`, the same for the same secret, so that a model can tell two of them apart and
write a line again that holds one: `restored` puts the secret back where it is known. What contains no secret is
never changed, and masking twice is masking once.

What this cannot see: passwords in prose, keys of kinds that are not listed, and a key of which only a part is shown.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeVar, cast

from podium.domain.changes import FileEdit
from podium.domain.messages import Json

T = TypeVar("T")

_SHORTEST = 8
"""Values of variables with fewer characters are words that turn up everywhere."""
_KEY_NAME = re.compile(r"(^|_)(KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?)$", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z]*|[\d.]*|/.*|https?://.*")
_PLACEHOLDER = re.compile(r"<secret:[0-9a-f]{8}>")
_NOT_TEXT = frozenset({"kind", "path", "files", "model", "tree_hash", "fingerprint"})
"""Members of events that name things; ids are among them too."""

_PEM = r"(?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
_BODY = r"(?:[A-Za-z0-9+/=\s:,-]|\\[nrt])"
_KINDS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("sk-ant-",), r"\bsk-ant-[\w-]{20,}"),
    (("sk-",), r"\bsk-(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{20,}"),
    (("k_live_", "k_test_"), r"\b[srp]k_(?:live|test)_[A-Za-z0-9]{16,}"),
    (("gsk_", "xai-"), r"\b(?:gsk_|xai-)[A-Za-z0-9]{40,}"),
    (("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"\bgh[pousr]_[A-Za-z0-9]{36,}"),
    (("github_pat_",), r"\bgithub_pat_\w{22,}"),
    (("glpat-",), r"\bglpat-[\w-]{20,}"),
    (("AKIA", "ASIA"), r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    (
        ("aws_secret_access_key", "AWS_SECRET_ACCESS_KEY"),
        r"(?i:aws_secret_access_key)\W{1,6}([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+])",
    ),
    (("AIza",), r"\bAIza[\w-]{35}"),
    (("ya29.",), r"\bya29\.[\w-]{20,}"),
    (("xox",), r"\bxox[abeoprs]-[\w-]{10,}"),
    (("hf_",), r"\bhf_[A-Za-z0-9]{30,}"),
    (("npm_",), r"\bnpm_[A-Za-z0-9]{36}\b"),
    (("pypi-",), r"\bpypi-[\w-]{50,}"),
    (("SG.",), r"\bSG\.[\w-]{16,}\.[\w-]{16,}"),
    (("eyJ",), r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"),
    (("Bearer ", "bearer "), r"\b[Bb]earer (?=[\w.~+/-]*\d)([\w.~+/-]{20,}=*)"),
    (("://",), r"://[^\s/:@<>{}$\"'`]+:([^\s/:@<>{}$\"'`*]{6,})@"),
    (
        ("PRIVATE KEY",),
        rf"-----BEGIN {_PEM}(?={_BODY}{{0,400}}?[A-Za-z0-9+/]{{30}}){_BODY}{{40,}}?(?:-----END {_PEM}|(?!{_BODY}))",
    ),
)
"""What keys look like: text that any of them contains, and the pattern; its group is the secret, else all of it is."""
_PATTERNS = tuple(
    (anchor, kind) for anchors, pattern in _KINDS for kind in (re.compile(pattern),) for anchor in anchors
)
"""Each anchor with its pattern: it is looked for first, because nearly every text has none."""


def secrets_of(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the values in `environ` that must never be shown: those of variables that are named like keys."""
    found = {value for name, value in environ.items() if _KEY_NAME.search(name) and _is_secret(value)}
    return tuple(sorted(found, key=lambda value: (-len(value), value)))


def _is_secret(value: str) -> bool:
    return len(value) >= _SHORTEST and not _WORD.fullmatch(value) and not _PLACEHOLDER.search(value)


@dataclass(frozen=True, slots=True)
class Mask:
    """Masks the secrets `values`, longest first, and what looks like a key.

    `salt` makes placeholders of one installation its own: nobody can find out a secret by trying.
    """

    values: tuple[str, ...] = ()
    salt: bytes = b""

    def text(self, text: str) -> str:
        """Return `text` with its secrets masked."""
        return self._replaced(text, self.placeholder)

    def json(self, value: Json) -> Json:
        """Return a JSON value with the secrets in its texts masked; names of members stay."""
        match value:
            case str():
                return self.text(value)
            case list():
                return [self.json(item) for item in value]
            case dict():
                return {name: self.json(item) for name, item in value.items()}
            case _:
                return value

    def event(self, event: T) -> T:
        """Return an event with the secrets in its texts masked; contents of files stay, since undo restores them."""
        return self._value(event, _kept)

    def whole_event(self, event: T) -> T:
        """Return an event with the secrets in all its texts masked, in the contents of files too."""
        return self._value(event, self._edit)

    def _edit(self, edit: FileEdit) -> FileEdit:
        return replace(edit, before=self._content(edit.before), after=self._content(edit.after))

    def _content(self, content: bytes | None) -> bytes | None:
        if content is None:
            return None
        text = content.decode("utf-8", "surrogateescape")
        return self.text(text).encode("utf-8", "surrogateescape")

    def found(self, text: str) -> dict[str, str]:
        """Return the secrets in `text` by their placeholders."""
        secrets: dict[str, str] = {}

        def note(secret: str) -> str:
            placeholder = self.placeholder(secret)
            secrets[placeholder] = secret
            return placeholder

        self._replaced(text, note)
        return secrets

    def placeholder(self, secret: str) -> str:
        """Return what stands for a secret."""
        digest = hmac.new(self.salt, secret.encode("utf-8", "surrogatepass"), hashlib.sha256)
        return f"<secret:{digest.hexdigest()[:8]}>"

    def _replaced(self, text: str, by: Callable[[str], str]) -> str:
        for value in self.values:
            if value in text:
                text = text.replace(value, by(value))
        for anchor, pattern in _PATTERNS:
            if anchor in text:
                text = pattern.sub(lambda match: _within(match, by), text)
        return text

    def _value(self, value: Any, of_edit: Callable[[FileEdit], FileEdit]) -> Any:  # noqa: ANN401 - any member of an event
        match value:
            case str():
                return self.text(value)
            case FileEdit():
                return of_edit(value)
            case tuple():
                items = cast("tuple[Any, ...]", value)
                return tuple(self._value(item, of_edit) for item in items)
            case list() | dict():
                return self.json(cast("Json", value))
            case _ if is_dataclass(value) and not isinstance(value, type):
                return self._members(value, of_edit)
            case _:
                return value

    def _members(self, value: Any, of_edit: Callable[[FileEdit], FileEdit]) -> Any:  # noqa: ANN401 - any dataclass in an event
        changed = {
            field.name: masked
            for field in fields(value)
            if not _names_something(field.name)
            and (masked := self._value(was := getattr(value, field.name), of_edit)) != was
        }
        return replace(value, **changed) if changed else value


def _kept(edit: FileEdit) -> FileEdit:
    return edit


def _names_something(member: str) -> bool:
    return member in _NOT_TEXT or member == "id" or member.endswith(("_id", "_ids"))


def _within(match: re.Match[str], by: Callable[[str], str]) -> str:
    """Return what stands for a match, in which its group, or all of it, is a secret."""
    group = 1 if match.re.groups else 0
    start, end = match.start(group) - match.start(), match.end(group) - match.start()
    return f"{match[0][:start]}{by(match[group])}{match[0][end:]}"


def placeholders(text: str) -> frozenset[str]:
    """Return the placeholders in a text."""
    return frozenset(_PLACEHOLDER.findall(text))


def restored(value: Json, secrets: Mapping[str, str]) -> Json:
    """Return a JSON value with the placeholders of known secrets in its texts replaced by them."""
    match value:
        case str():
            return _PLACEHOLDER.sub(lambda match: secrets.get(match[0], match[0]), value)
        case list():
            return [restored(item, secrets) for item in value]
        case dict():
            return {name: restored(item, secrets) for name, item in value.items()}
        case _:
            return value


def merged(found: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return all secrets of several texts by their placeholders."""
    return {placeholder: secret for secrets in found for placeholder, secret in secrets.items()}
