"""The worker: tries candidates in batches until the tests are green, and the one that wins is made.

Steps: find the suspects, run the check (unless a test hangs in it), read the suspect files, try
candidates, finish. Where it is in these steps follows from the conversation alone, and so does
which candidates were tried: they are made again from the same files in the same order.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import cast

from podium.adapters.repair import advice
from podium.adapters.repair.conversation import (
    Step,
    call,
    has_run,
    last_run,
    last_suspects,
    pages,
    steps,
    was_read,
)
from podium.adapters.repair.facts import Facts
from podium.adapters.repair.hints import factors
from podium.adapters.repair.localise import units
from podium.adapters.repair.ranking import Candidate, ranked
from podium.adapters.repair.reports import Suspects, made, tried
from podium.ports import Json, ModelAnswer, ModelRequest

MAX_CANDIDATES = 300
FIRST_BATCH = 12
BATCH = 24
MAX_FILES = 5


def work(request: ModelRequest, facts: Facts) -> ModelAnswer:
    """Return the next step on the task.

    Raises:
        ModelUnavailable: nothing it can do makes the tests pass.
    """
    check = facts.test_check()
    if check is None:
        raise advice.no_pytest()
    done = steps(request.messages)
    if not has_run(done, "suspects"):
        return call(request, "run_command", command="suspects")
    found = last_suspects(done)
    if not (found and found.hangs) and not has_run(done, check):
        return call(request, "run_command", command=check)
    first = last_run(done, check)
    if first is not None and first.green and not _edits(done):
        return call(
            request, "finish", summary="The tests of this task are green already; nothing was changed."
        )
    if found is None or not found.suspects:
        raise advice.nothing_to_work_on("no line of this project's code is run by the failing tests")
    found = _of_check(found, check)
    paths = list(dict.fromkeys(suspect.path for suspect in found.suspects))[:MAX_FILES]
    texts: list[tuple[str, str]] = []
    for path in paths:
        page = pages(done, path)
        if page and page.next_line:
            return call(request, "read_file", path=path, start_line=page.next_line)
        if not page and not was_read(done, path):
            return call(request, "read_file", path=path)
        if page:
            texts.append((path, page.text))
    return _repair(request, done, check, _candidates(tuple(texts), found))


def _repair(
    request: ModelRequest, done: Sequence[Step], check: str, candidates: Sequence[Candidate]
) -> ModelAnswer:
    """Return the step that follows from what was tried: revert, finish, edit, or the next batch.

    A finish that was refused, not judged, is repeated.
    """
    edits = _edits(done)
    n_tried = sum(len(_batch_of(step)) for step in done if step.tool == "try_edits")
    paths = list(dict.fromkeys(candidate.path for candidate in candidates))
    applied = edits[-1] if len(edits) % 2 else None
    if applied is not None:
        if done[-1].tool == "finish" and not done[-1].failed:
            return call(request, "edit_file", path=applied.path, old=applied.new, new=applied.old)
        return call(request, "finish", summary=_summary(applied, n_tried, check))
    chosen = _best(_greens(done, candidates), refused=_refused(done))
    if chosen is not None:
        return call(request, "edit_file", path=chosen.path, old=chosen.old, new=chosen.new)
    batch = candidates[n_tried : n_tried + (BATCH if n_tried else FIRST_BATCH)]
    if not batch or not _progressed(done):
        raise advice.not_found(n_tried, paths)
    offered: Json = [[{"path": item.path, "old": item.old, "new": item.new}] for item in batch]
    return call(request, "try_edits", candidates=offered, check=check)


def _of_check(found: Suspects, check: str) -> Suspects:
    """Return the report for the tests that `check` names; all of it when it names none."""
    named = check.split()[1:]
    groups = {failed.group for failed in found.failing if failed.test in named}
    kept = tuple(suspect for suspect in found.suspects if groups & set(suspect.groups))
    return Suspects(found.failing, found.tests, kept) if named and kept else found


@lru_cache(maxsize=64)
def _candidates(texts: tuple[tuple[str, str], ...], found: Suspects) -> tuple[Candidate, ...]:
    return tuple(
        ranked(
            units(dict(texts), found.suspects),
            MAX_CANDIDATES,
            factors([failed.message for failed in found.failing]),
        )
    )


def _batch_of(step: Step) -> list[list[dict[str, str]]]:
    return cast("list[list[dict[str, str]]]", step.arguments["candidates"])


def _greens(done: Sequence[Step], candidates: Sequence[Candidate]) -> list[Candidate]:
    by_edit = {(item.path, item.old, item.new): item for item in candidates}
    found: list[Candidate] = []
    for step in done:
        if step.tool != "try_edits" or step.result is None:
            continue
        batch = _batch_of(step)
        for result in tried(step.result):
            if result.green and result.candidate < len(batch):
                edit = batch[result.candidate][0]
                known = by_edit.get((edit["path"], edit["old"], edit["new"]))
                found.extend([known] if known else [])
    return found


def _best(greens: Sequence[Candidate], refused: Sequence[Candidate]) -> Candidate | None:
    """Return the likeliest of the candidates that passed, or None."""
    left = [item for item in greens if all((item.old, item.new) != (no.old, no.new) for no in refused)]
    return max(left, key=lambda item: item.score, default=None)


def _edits(done: Sequence[Step]) -> list[Candidate]:
    """Return the edits that were made: at odd places a repair, at even places its reversal."""
    found: list[Candidate] = []
    for step in done:
        if step.tool == "edit_file" and not step.failed:
            found.append(_edit_of(step.arguments))
        elif step.tool == "try_edits" and (number := made(step.result or "")) is not None:
            found.append(_edit_of(_batch_of(step)[number][0]))
    return found


def _refused(done: Sequence[Step]) -> list[Candidate]:
    """Return the repairs that were made and sent back, and those that could not be made."""
    return _edits(done)[::2] + [
        _edit_of(step.arguments) for step in done if step.tool == "edit_file" and step.failed
    ]


def _edit_of(edit: Mapping[str, Json]) -> Candidate:
    path, old, new = (str(edit[name]) for name in ("path", "old", "new"))
    return Candidate(path, old, new, "", 0, 0.0)


def _progressed(done: Sequence[Step]) -> bool:
    """Return whether the last batch was run: a refused one would be refused again."""
    last = next((step for step in reversed(done) if step.tool == "try_edits"), None)
    return last is None or bool(tried(last.result or ""))


def _summary(applied: Candidate, n_tried: int, check: str) -> str:
    gone = [line.strip() for line in applied.old.splitlines() if line.strip() not in applied.new]
    came = [line.strip() for line in applied.new.splitlines() if line.strip() not in applied.old]
    return (
        f"In {applied.path}: `{' / '.join(gone) or 'the same line'}` became `{' / '.join(came) or 'the same at another level'}`. "
        f"With this change `{check}` is green; it was found by trying {n_tried} small edits of the lines that "
        "the failing tests run."
    )
