"""Reads the JSON that models write: what is meant is read, what is cut off is not.

Nothing here guesses at content. Only what stands outside of strings is put right, and escapes that JSON does
not know; a text that ends within a string stays unreadable.
"""

import ast
import json
import re
from collections.abc import Iterator
from typing import cast

from podium.domain.messages import Json

_FENCED = re.compile(r"\s*```\w*\n(.*?)\n?```\s*", re.DOTALL)
_LEFTOVER = re.compile(r"[\s\]})`;,]*(?:</?[\w|:.]+>?\s*)*")
_BAD_ESCAPE = re.compile(r"\\(?:(u[0-9a-fA-F]{4})|([\"\\/bfnrt])|(.)|$)", re.DOTALL)
_LONGEST = 1_000_000
_CLOSERS = {"{": "}", "[": "]"}


def read_object(text: str, *, whole: bool = True) -> dict[str, Json]:
    """Return the JSON object that `text` means.

    Read are also objects in a fence, in a JSON string, with line breaks in strings, with commas too many, with
    closing brackets too many or too few, and Python's spelling of them. Where `text` may have been cut off
    (not `whole`), brackets are not added.

    Raises:
        ValueError: it means none, or is cut off; the message says where.
    """
    fenced = _FENCED.fullmatch(text)
    text = (fenced[1] if fenced else text).strip()
    if len(text) > _LONGEST:
        raise ValueError(f"it has {len(text)} characters")
    first: ValueError | None = None
    for reading in _readings(text, whole):
        try:
            value = _leading(reading)
        except ValueError as error:
            first = first or error
            continue
        if isinstance(value, str) and value.strip().startswith("{"):
            return read_object(value, whole=whole)
        if isinstance(value, dict):
            return value
        first = first or ValueError("it is no object")
    pythonic = _python(text)
    if pythonic is None:
        raise first or ValueError("it is empty")
    return pythonic


def _readings(text: str, whole: bool) -> Iterator[str]:
    yield text
    yield _mended(text, whole)


def _leading(text: str) -> Json:
    """Return the value at the beginning of `text`, behind which only brackets and tags may be left over."""
    value, end = json.JSONDecoder(strict=False).raw_decode(text)
    if not _LEFTOVER.fullmatch(text, end):
        raise ValueError(f"something follows the object (char {end})")
    return cast("Json", value)


def _mended(text: str, whole: bool) -> str:
    """Return `text` with escapes that JSON knows, without commas too many, and (if `whole`) all brackets closed."""
    out: list[str] = []
    open_brackets: list[str] = []
    at = 0
    while at < len(text):
        char = text[at]
        if char == '"':
            end = _string_end(text, at)
            out.append(_BAD_ESCAPE.sub(_escape, text[at:end]))
            at = end
            continue
        if char in _CLOSERS:
            open_brackets.append(_CLOSERS[char])
        elif char in "}]":
            _drop_comma(out)
            if not open_brackets or open_brackets.pop() != char:
                break
        out.append(char)
        at += 1
    if whole and open_brackets:
        if text.rstrip().endswith((",", ":")):
            raise ValueError("it is cut off")
        out += reversed(open_brackets)
    return "".join(out)


def _string_end(text: str, start: int) -> int:
    """Return where the string that begins at `start` ends, its closing quote included."""
    at = start + 1
    while at < len(text) and text[at] != '"':
        at += 2 if text[at] == "\\" else 1
    if at >= len(text):
        raise ValueError(f"a string that begins at char {start} is not closed")
    return at + 1


def _escape(match: "re.Match[str]") -> str:
    if match[1] or match[2]:
        return match[0]
    if match[3] == "'":
        return "'"
    return "\\\\" + (match[3] or "")


def _drop_comma(out: list[str]) -> None:
    while out and (out[-1].isspace() or out[-1] == ","):
        out.pop()


def _python(text: str) -> dict[str, Json] | None:
    """Return a Python dictionary of plain values as an object."""
    if not text.startswith("{") or "'" not in text:
        return None
    try:
        value: object = ast.literal_eval(text)
        return cast("dict[str, Json]", json.loads(json.dumps(value)))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
