"""Edits read out of a model's prose: for models that answer in text instead of calling tools.

Three forms are read, in any mixture: SEARCH/REPLACE blocks, unified diffs, and whole files in a fence
below a line that is nothing but the path. A fence without a path is an example, not an edit. Nothing is
applied here and paths are not checked.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from podium.domain.edits import Edit
from podium.errors import ToolError


@dataclass(frozen=True, slots=True)
class WholeFile:
    """The whole content that a file shall have."""

    path: str
    content: str


@dataclass(frozen=True, slots=True)
class Deletion:
    """A file that shall go."""

    path: str


WrittenEdit: TypeAlias = Edit | WholeFile | Deletion


class NoEdits(ToolError):
    """A text that holds no edit of any form."""


_SEARCH = re.compile(r"\s*<{5,9} ?(?:SEARCH|ORIGINAL|HEAD)\b.*")
_DIVIDER = re.compile(r"\s*={5,9}\s*")
_REPLACE = re.compile(r"\s*>{5,9} ?(?:REPLACE|UPDATED|\S+)?\s*")
_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})[ \t]*([^`]*)")
_PATH_LINE = re.compile(
    r"\s*(?:#{1,6}\s+|[-*]\s+|\d+\.\s+)?(?:\**(?:file|path|filename)\**\s*:\**\s*)?[*_`\"']*"
    r"(?P<path>(?:[\w.@+~()\[\]-]+[/\\])*[\w.@+~()\[\]-]*\w)[*_`\"']*\s*:?[*_]*\s*",
    re.IGNORECASE,
)
_FENCE_PATH = re.compile(
    r"(?:[\w+#.-]*[ :])?\s*(?:(?:title|file|path|filename)=)?[\"']?(?P<path>[\w./@+-]*[\w-]\.\w+|[\w.@+-]+/[\w./@+-]+)[\"']?\s*"
)
_BARE_NAMES = frozenset(
    {"makefile", "dockerfile", "license", "rakefile", "gemfile", "procfile", "jenkinsfile", "justfile"}
)
_OLD_HEADER = re.compile(r"--- (?:a/)?(?P<path>[^\t\n]+?)(?:\t.*)?\s*")
_NEW_HEADER = re.compile(r"\+\+\+ (?:b/)?(?P<path>[^\t\n]+?)(?:\t.*)?\s*")
_HUNK = re.compile(r"@@.*")
_LENGTHS = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_GIT_EXTRA = re.compile(
    r"(?:diff --git|index [0-9a-f]+\.\.|(?:new|deleted) file mode|old mode|new mode|similarity index)\b.*"
)
_NOWHERE = "/dev/null"
_MAX_PATH_LINE = 300


def written_edits(answer: str) -> list[WrittenEdit]:
    """Return the edits that `answer` holds, in order.

    Raises:
        ToolError: an edit is cut off, lacks its path, or is of a kind that cannot be read.
        NoEdits: there is none.
    """
    reader = _Reader(answer.replace("\r\n", "\n").split("\n"))
    while reader.at < len(reader.lines):
        reader.step()
    if not reader.found:
        raise NoEdits(
            "No edit was found in the answer. Write a line with the file's path, and below it a block:\n"
            "<<<<<<< SEARCH\nthe lines to replace\n=======\nthe new lines\n>>>>>>> REPLACE"
        )
    return reader.found


class _Reader:
    """Walks over the lines of an answer; `at` is the line to look at next, `found` what it held so far."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = lines
        self.at = 0
        self.found: list[WrittenEdit] = []
        self._path = ""
        self._after = 0

    def step(self) -> None:
        """Read what begins at this line, or pass over it."""
        line = self.lines[self.at]
        if _SEARCH.fullmatch(line):
            self._read_block()
        elif self._is_diff_header():
            self._read_diff()
        elif (fence := _FENCE.fullmatch(line)) and not self._edits_inside():
            self._read_fence(fence[1], fence[2].strip())
        elif re.match(r"rename (?:from|to) ", line):
            raise ToolError(
                "A diff cannot rename a file here; use move_file, then edit the file at its new path."
            )
        else:
            self.at += 1

    # --- SEARCH/REPLACE ---

    def _read_block(self) -> None:
        path = self._path_above() or self._path
        if not path:
            raise ToolError("A SEARCH block names no file. Write the path on the line above it.")
        start = self.at + 1
        end = next((i for i in range(start, len(self.lines)) if _REPLACE.fullmatch(self.lines[i])), None)
        again = next(
            (i for i in range(start, end or len(self.lines)) if _SEARCH.fullmatch(self.lines[i])), None
        )
        if end is None or again is not None:
            raise ToolError(
                f"The SEARCH block for {path} is cut off: its >>>>>>> REPLACE is missing. Send it again."
            )
        dividers = [i for i in range(start, end) if _DIVIDER.fullmatch(self.lines[i])]
        if len(dividers) != 1:
            raise ToolError(
                f"The SEARCH block for {path} has {len(dividers)} lines of ======= and needs exactly one. "
                "Where the code itself has such a line, use edit_file."
            )
        self._path = path
        old, new = self.lines[start : dividers[0]], self.lines[dividers[0] + 1 : end]
        self.found.append(Edit(path, _joined(old), _joined(new)))
        self.at = self._after = end + 1

    def _path_above(self) -> str:
        """Return the path on the lines above this one; a fence may stand between."""
        for i in range(self.at - 1, max(self._after - 1, self.at - 4), -1):
            line = self.lines[i]
            fence = _FENCE.fullmatch(line)
            path = _fence_path(fence[2].strip()) if fence else _path_of(line)
            if path:
                return path
            if line.strip() and not fence:
                return ""
        return ""

    # --- unified diffs ---

    def _is_diff_header(self) -> bool:
        ahead = self.lines[self.at : self.at + 2]
        return len(ahead) == 2 and bool(_OLD_HEADER.fullmatch(ahead[0]) and _NEW_HEADER.fullmatch(ahead[1]))

    def _read_diff(self) -> None:
        old_header = _OLD_HEADER.fullmatch(self.lines[self.at])
        new_header = _NEW_HEADER.fullmatch(self.lines[self.at + 1])
        source, target = (header["path"] if header else "" for header in (old_header, new_header))
        self.at += 2
        hunks: list[tuple[str, str]] = []
        while self.at < len(self.lines) and _HUNK.fullmatch(self.lines[self.at]):
            hunks.append(self._read_hunk())
        if target == _NOWHERE:
            self.found.append(Deletion(source))
        elif not hunks:
            raise ToolError(f"The diff of {target} has no hunk (a line that begins with @@). Send it again.")
        elif source == _NOWHERE:
            self.found.append(WholeFile(target, "".join(new for _, new in hunks)))
        elif source != target:
            raise ToolError(
                f"The diff moves {source} to {target}; use move_file, then edit the file at its new path."
            )
        else:
            self.found += [Edit(target, old, new) for old, new in hunks]

    def _read_hunk(self) -> tuple[str, str]:
        """Return what the hunk replaces, and by what; its stated lengths only tell it from prose below."""
        stated = _LENGTHS.match(self.lines[self.at])
        lengths = (int(stated[1] or 1), int(stated[2] or 1)) if stated else None
        self.at += 1
        body: list[str] = []
        while self.at < len(self.lines) and not self._ends_hunk(self.lines[self.at]):
            signs = [line[0] for line in body]
            is_full = lengths == (len(body) - signs.count("+"), len(body) - signs.count("-"))
            if is_full and self.lines[self.at] in {"", "-- "}:
                break
            body.append(self.lines[self.at] or " ")
            self.at += 1
        while body and not body[-1].strip():
            body.pop()
        unended = {i - 1 for i, line in enumerate(body) if line.startswith("\\")}
        ended = [line + ("" if i in unended else "\n") for i, line in enumerate(body)]
        old = "".join(line[1:] for line in ended if line[0] in " -")
        return old, "".join(line[1:] for line in ended if line[0] in " +")

    def _ends_hunk(self, line: str) -> bool:
        return (line != "" and line[0] not in " +-\\") or self._is_diff_header()

    # --- whole files ---

    def _edits_inside(self) -> bool:
        """Return whether what the fence opens is a block or a diff, which are read as such."""
        for line in self.lines[self.at + 1 :]:
            if line.strip():
                ahead = bool(_SEARCH.fullmatch(line) or _GIT_EXTRA.fullmatch(line) or line.startswith("--- "))
                return ahead or (_path_of(line) != "" and self._search_follows())
        return False

    def _search_follows(self) -> bool:
        solid = [line for line in self.lines[self.at + 1 : self.at + 5] if line.strip()]
        return len(solid) > 1 and bool(_SEARCH.fullmatch(solid[1]))

    def _read_fence(self, mark: str, info: str) -> None:
        path = _fence_path(info) or self._path_above()
        start = self.at + 1
        end = self._fence_end(start, mark)
        if end is None and path:
            raise ToolError(f"The file {path} is cut off: its closing {mark} is missing. Send it again.")
        if path and end is not None:
            self.found.append(WholeFile(path, _joined(self.lines[start:end])))
        self.at = self._after = start if end is None else end + 1

    def _fence_end(self, start: int, mark: str) -> int | None:
        """Return the line that closes the fence; fences with a language inside it nest."""
        depth = 0
        for i in range(start, len(self.lines)):
            fence = _FENCE.fullmatch(self.lines[i])
            if not fence or fence[1][0] != mark[0] or len(fence[1]) < len(mark):
                continue
            if fence[2].strip():
                depth += 1
            elif depth:
                depth -= 1
            else:
                return i
        return None


def _joined(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _path_of(line: str) -> str:
    """Return the path that `line` consists of, or an empty string."""
    found = _PATH_LINE.fullmatch(line) if len(line) <= _MAX_PATH_LINE else None
    path = found["path"] if found else ""
    looks_like_one = "/" in path or re.search(r"\.[A-Za-z]\w*$", path) or path.lower() in _BARE_NAMES
    return path if looks_like_one else ""


def _fence_path(info: str) -> str:
    found = _FENCE_PATH.fullmatch(info) if len(info) <= _MAX_PATH_LINE else None
    return found["path"] if found else ""
