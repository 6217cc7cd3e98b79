"""The searcher: the lines that match most words of a question, definitions first."""

import re
from typing import cast

from podium.adapters.repair.conversation import call, steps
from podium.adapters.repair.facts import Facts
from podium.ports import Json, ModelAnswer, ModelRequest

MAX_WORDS = 6
MAX_PLACES = 20
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{2,}")
_COMMON = frozenset(
    [
        "the",
        "and",
        "for",
        "are",
        "was",
        "where",
        "what",
        "which",
        "who",
        "how",
        "why",
        "does",
        "that",
        "this",
        "with",
        "from",
        "into",
        "find",
        "show",
        "all",
        "used",
        "use",
        "code",
    ]
)
_HIT = re.compile(r"^(?P<path>[^:\n]+):(?P<line>\d+)[:\t-]\s?(?P<text>.*)$", re.MULTILINE)
_DEFINITION = re.compile(r"\s*(?:async\s+def|def|class|function|fn|func|struct|enum|interface|trait|type)\s")


def search(request: ModelRequest, facts: Facts) -> ModelAnswer:
    """Return the next search, or the places found, best first."""
    wanted = facts.task.title if facts.task and facts.task.title else facts.goal
    words = [word for word in dict.fromkeys(_WORD.findall(wanted)) if word.lower() not in _COMMON][:MAX_WORDS]
    done = [step for step in steps(request.messages) if step.tool == "search"]
    if len(done) < len(words):
        return call(request, "search", pattern=words[len(done)])
    matched: dict[tuple[str, int], set[str]] = {}
    texts: dict[tuple[str, int], str] = {}
    for step, word in zip(done, words, strict=False):
        for hit in _HIT.finditer("" if step.failed else step.result or ""):
            place = (hit["path"].strip(), int(hit["line"]))
            matched.setdefault(place, set()).add(word)
            texts[place] = hit["text"]
    order = sorted(matched, key=lambda at: (-len(matched[at]), not _DEFINITION.match(texts[at]), at))
    places: list[dict[str, Json]] = [
        {
            "path": path,
            "start_line": line,
            "end_line": line,
            "why": f"{'defines' if _DEFINITION.match(texts[path, line]) else 'mentions'} {', '.join(sorted(matched[path, line]))}",
        }
        for path, line in order[:MAX_PLACES]
    ]
    summary = f"{len(matched)} lines mention {', '.join(words) or 'nothing searchable'}; the best {len(places)} are listed."
    return call(request, "submit_context", summary=summary, places=cast("Json", places))
