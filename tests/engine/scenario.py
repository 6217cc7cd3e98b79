"""Scenario files: what they hold, and how they are written back.

A scenario is one Markdown file: the claim as its title, prose, then `## Files before`, `## Goal`,
`## Replies`, optionally `## User`, and last what is expected: `## Events` and `## Files after`. What is in
fenced blocks counts, the rest is for readers.

- Files before: a path in backticks, then its content; `` `a` -> `b` `` is a symbolic link.
- Goal: one JSON object for each mission (`kind`, `goal`, `settings` ...; see `play.py`).
- Replies: below `### worker` or, for one task only, `### worker a`: JSON values, one for each answer.
  `["tool", {arguments}]` is a call, a list of such is several, a text is an answer in words. Objects are
  `{"says": text, "finish": reason}` and `{"calls": [tool, raw arguments], "finish": reason}` for answers that
  ended in another way, `{"overflow": tokens of the window, 0 where the provider does not say}`, `{"fault": text}`, `{"unavailable": text}`, `{"defect": text}`, `{"hangs": true}`, and
  `{"meets": n, "reply": ...}`, which is given once n agents wait for such a reply at the same time, and
  `{"after": beginning of an event's line, "reply": ...}`, which is given once that has happened.
  `### commander asked` is for what the Commander is asked before the user is; without it, the user is.
- User: `{"asked": part of a question, "answer": text}`, in the order of the questions (with `after`, the
  beginning of an event's line, the answer comes then; without one, `null`, the question stays open), and
  `{"at": beginning of an event's line, ...}`, the first of equal ones at the first such event, with `write`
  (files), `cancel`, `pause`, `resume`, `leave` (close Podium, and start it again; missions are resumed), `undo` (a task), `steer` (a text, which may name
  a `task` and `when`), `plan` (pairs of texts: what is replaced in the
  plan document, and by what), or `accept` or `reject` (the label of a proposal), which may name `hunks` and a
  `reason`.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from podium.domain.messages import Json

_FILE = re.compile(r"^`([^`\n]+)`\n+```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"^`([^`\n]+)` -> `([^`\n]+)`$", re.MULTILINE)
_BLOCK = re.compile(r"^```json\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXPECTED = "## Events\n"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario; `told` is the text above what is expected, `expected` the rest."""

    path: Path
    told: str
    expected: str
    files: Mapping[str, str]
    links: Mapping[str, str]
    goals: tuple[dict[str, Json], ...]
    replies: Mapping[str, tuple[Json, ...]]
    user: tuple[dict[str, Json], ...]

    @staticmethod
    def read(path: Path) -> "Scenario":
        """Return the scenario in a file."""
        told, heading, expected = path.read_text(encoding="utf-8").partition(EXPECTED)
        before = _section(told, "Files before")
        replies = _section(told, "Replies")
        return Scenario(
            path,
            told,
            heading + expected,
            {match[1]: match[2] for match in _FILE.finditer(before)},
            {match[1]: match[2] for match in _LINK.finditer(before)},
            tuple(_objects(_section(told, "Goal"))),
            {
                who.strip(): tuple(_values(text))
                for who, text in re.findall(
                    r"^### (.+?)\n(.*?)(?=^### |\Z)", replies, re.MULTILINE | re.DOTALL
                )
            },
            tuple(_objects(_section(told, "User"))),
        )

    def lay_out(self, root: Path) -> None:
        """Write the files and links below `root`."""
        for path, text in self.files.items():
            write(root / path, text)
        for path, target in self.links.items():
            (root / path).symlink_to(target)

    def update(self, expected: str) -> None:
        """Rewrite what is expected."""
        self.path.write_text(self.told + expected, encoding="utf-8")


def rendered(missions: list[list[str]], before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """Return the two last sections as they stand in a file: event lines by mission, and changed files."""
    events = "\n\n".join("\n".join(lines) for lines in missions)
    changed = [
        f"`{path}`\n\n```{path.rsplit('.', 1)[-1]}\n{text}```"
        for path, text in sorted(after.items())
        if before.get(path) != text
    ]
    gone = [f"`{path}` is gone." for path in sorted(before.keys() - after.keys())]
    files = "\n\n".join([*changed, *gone]) or "No file has changed."
    return f"{EXPECTED}\n```text\n{events}\n```\n\n## Files after\n\n{files}\n"


def files_below(root: Path) -> dict[str, str]:
    """Return every file below `root` with its text, links left out."""
    return {
        place.relative_to(root).as_posix(): place.read_text(encoding="utf-8")
        for place in root.rglob("*")
        if place.is_file() and not place.is_symlink()
    }


def write(place: Path, text: str) -> None:
    """Write one file and the folders above it."""
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, encoding="utf-8")


def _section(text: str, title: str) -> str:
    match = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return match[1] if match else ""


def _values(text: str) -> Iterator[Json]:
    """Yield the JSON values in the blocks of a section, one after another with white space between."""
    decoder = json.JSONDecoder()
    for match in _BLOCK.finditer(text):
        rest = match[1].strip()
        while rest:
            value, end = decoder.raw_decode(rest)
            yield value
            rest = rest[end:].lstrip()


def _objects(text: str) -> Iterator[dict[str, Json]]:
    for value in _values(text):
        assert isinstance(value, dict), f"an object is expected, not {value!r}"
        yield value
