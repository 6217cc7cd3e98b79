"""What agents are told: prompts filled with facts, as text for language models and as data for programs.

The order serves provider caches, which reuse what a prompt has in common with the beginning of an earlier one:
first what all agents of a mission share, then what all agents of a task share, then the role, then the rest.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from podium.domain.changes import FileEdit
from podium.domain.checks import Check, CheckResult
from podium.domain.conversation import Conversation
from podium.domain.events import Place
from podium.domain.findings import Finding
from podium.domain.knowledge import Fact
from podium.domain.merge import unified_diff
from podium.domain.messages import Json, Message
from podium.domain.mission import Proposal
from podium.domain.plan import BOXES, Plan, Task
from podium.domain.steering import Steer
from podium.domain.text_file import TextFile
from podium.engine.roles import filled, prompt
from podium.engine.tools.outline import project_shape
from podium.engine.tree import CandidateTree
from podium.engine.verification import Verdict, described
from podium.errors import ToolError

INSTRUCTION_FILES = ("AGENTS.md", "CLAUDE.md", ".github/copilot-instructions.md")
MOST_INSTRUCTIONS = 3_000
MANIFESTS = ("pyproject.toml", "package.json", "Cargo.toml", "go.mod", "Makefile")
MOST_MANIFEST = 1_500
MOST_TEST_FILES = 40
MOST_DIFF = 12_000
MOST_TRIED, MOST_TRIED_DIFF, MOST_TRIED_PROBLEM = 3, 1_200, 400

_TEST_FILE = re.compile(r"(?:^|/)(?:test_[^/]*|[^/]*[._-](?:test|spec))\.\w+$")


@dataclass(frozen=True, slots=True)
class Brief:
    """A text that every agent of a mission is told. What of it can be left out where little can be read is `spare`."""

    text: str
    spare: tuple[str, ...] = ()


def project_brief(
    tree: CandidateTree, checks: Sequence[Check], name: str, known: Sequence[Fact] = ()
) -> Brief:
    """Return what every agent of a mission is told about the project: shape, checks, its rules, what is known."""
    shape = project_shape(tree.paths())
    rules = "\n\n".join(_instructions(tree))
    brief = filled(
        "project",
        name=name,
        shape=shape or "no files",
        checks="\n".join(f"- {c.name}: {c.command}" for c in checks if c.kind != "probe") or "- none found",
        rules=rules or "none",
    )
    facts = "\n".join(f"- {fact.text}" + f" ({fact.place})" * bool(fact.place) for fact in known)
    text = "\n\n".join((brief, filled("knowledge", facts=facts))) if facts else brief
    return Brief(text, (shape, rules, facts))


def _instructions(tree: CandidateTree) -> Iterable[str]:
    for path, text in _texts(tree, INSTRUCTION_FILES, MOST_INSTRUCTIONS):
        yield f"{path}:\n{text}"


def _texts(tree: CandidateTree, paths: Iterable[str], most: int) -> Iterable[tuple[str, str]]:
    """Yield those of the files that are there, with the beginning of each."""
    for path in paths:
        try:
            content = tree.read(path)
        except ToolError:
            continue
        if content:
            yield path, content.decode("utf-8", "replace")[:most]


@dataclass(frozen=True, slots=True)
class Assignment:
    """What one agent is to do: the task, in the words that everybody who works on it reads, and its own part."""

    task: str = ""
    own: str = ""


@dataclass(frozen=True, slots=True)
class Opening:
    """The first messages of a conversation, and the ids of the user's messages (steers) that are in them.

    `spare` are the parts of their texts that can be shortened where a model cannot read all of them.
    """

    messages: tuple[Message, ...]
    heard: tuple[str, ...] = ()
    spare: tuple[str, ...] = ()


def mission_brief(project: Brief, goal: str, files: Sequence[str], text: str) -> Brief:
    """Return what every agent of a mission is told: the rules, the project, and the user's request."""
    parts = [prompt("common"), project.text, f"# Goal of the mission\n{goal}"]
    if files:
        parts.append(f"Look first at: {', '.join(files)}")
    if text:
        parts.append(f"# Text\n{text}")
    return Brief("\n\n".join(parts), (*project.spare, text))


def planning_text(tree: CandidateTree) -> str:
    """Return what a Planner need not look for: the project's manifests, and which files hold tests."""
    paths = tree.paths()
    tests = [path for path in paths if _TEST_FILE.search(path)]
    more = f" and {len(tests) - MOST_TEST_FILES} more" if len(tests) > MOST_TEST_FILES else ""
    parts = [f"# {path}\n{text}" for path, text in _texts(tree, MANIFESTS, MOST_MANIFEST)]
    if tests:
        parts.append(f"# Test files\n{', '.join(tests[:MOST_TEST_FILES])}{more}")
    return "\n\n".join(parts)


def opening(mission: Brief, role_prompt: str, assignment: Assignment, said: Sequence[Steer] = ()) -> Opening:
    """Return how a conversation begins; `said` is what the user has said since the mission began."""
    steers = (filled("steer", message=steer.text) for steer in said)
    parts = (assignment.task, prompt(role_prompt), assignment.own, *steers)
    messages: tuple[Message, ...] = (
        {"role": "system", "content": mission.text},
        {"role": "user", "content": "\n\n".join(filter(None, parts))},
    )
    return Opening(messages, tuple(steer.id for steer in said), (*mission.spare, assignment.own))


def task_text(task: Task) -> str:
    """Return a task as its Searcher, Worker and Reviewers read it; nothing of its siblings is in it."""
    return (
        f"# Task: {task.title}\n{task.instructions}".rstrip()
        + f"\n\nFiles: {', '.join(task.files) or 'find them'}\nChecks: {', '.join(task.checks) or 'the tests'}"
    )


def work_text(context: str, hint: str, tried: str = "") -> str:
    """Return what else a Worker is told: what was found for the task, what others tried, the user's hint."""
    parts: list[str] = []
    if context:
        parts.append(f"# What was found\n{context}")
    if tried:
        parts.append(f"# What was tried before, and taken back\n{tried}")
    if hint:
        parts.append(f"# Hint\n{hint}")
    return "\n\n".join(parts)


def reworded_text(conversation: Conversation, task: Task) -> str:
    """Return what an agent is told whose task says something else now than the last that its conversation has of it.

    It is empty where that is the same.
    """
    told, text = filled("task_reworded", task=task_text(task)), task_text(task)
    beginning = filled("task_reworded", task="")
    for message in reversed(conversation):
        content = str(message.get("content")) if message["role"] == "user" else ""
        if content == told or content.startswith(text):
            return ""
        if content.startswith(beginning):
            break
    return told


def tried_text(failed: Mapping[tuple[FileEdit, ...], str]) -> str:
    """Return the last changes that failed and what was wrong with each, briefly; nothing where there are none."""
    last = [*failed.items()][-MOST_TRIED:]
    return "\n\n".join(
        f"{diff_of(edits)[:MOST_TRIED_DIFF] or 'Nothing was changed.'}\nfailed: {problem[:MOST_TRIED_PROBLEM]}"
        for edits, problem in last
    )


def places_text(summary: str, places: Sequence[Place]) -> str:
    """Return a Searcher's result for the Worker."""
    lines = [f"- {p.path}:{p.start_line}-{p.end_line}: {p.why}" for p in places]
    return "\n".join([summary, *lines])


def review_text(
    edits: Sequence[FileEdit], verdict: Verdict, summary: str, objections: Sequence[str] = ()
) -> str:
    """Return what a Reviewer judges: the diff, what the worker says of it, and what the checks gave.

    `objections` are what earlier Reviewers had against just this change; the worker stands by it.
    """
    excused = f"\nRed as before the mission: {', '.join(verdict.excused)}." if verdict.excused else ""
    parts = [
        f"# What the worker says\n{summary}",
        f"# Diff\n{diff_of(edits)[:MOST_DIFF] or 'Nothing was changed.'}",
        f"# Checks\n{results_text(verdict.results)}{excused}",
    ]
    if objections:
        parts.append(filled("reviewer_objections", objections="\n".join(objections)))
    return "\n\n".join(parts)


def results_text(results: Sequence[CheckResult]) -> str:
    """Return check results in words."""
    return "\n".join(described(result, 1500) for result in results) or "The project has no checks."


def sign_off_text(
    plan: Plan,
    edits: Sequence[FileEdit],
    verdict: Verdict,
    proposals: Collection[Proposal],
    taken_over: Collection[str] = (),
) -> str:
    """Return what the Commander judges at the end, and what of the `proposals` the user did not want.

    Tasks that the user has `taken_over` are marked: their change is not in the diff.
    """
    lines = (f"{BOXES[t.state]} {t.id}: {t.title}" for t in plan.tasks.values())
    mine = (" (done by the user, and not in the diff)" * (t in taken_over) for t in plan.tasks)
    tasks = "\n".join(line + mark for line, mark in zip(lines, mine, strict=True))
    parts = [
        f"# Plan\n{tasks}",
        f"# Diff of the whole mission\n{diff_of(edits)[:MOST_DIFF]}",
        f"# Checks on the whole\n{results_text(verdict.results)}",
    ]
    if rejected := "\n".join(line for proposal in proposals for line in _rejected(proposal)):
        parts.append(f"# Rejected by the user, and not in the diff\n{rejected[:MOST_DIFF]}")
    if undone := "\n".join(f"{p.label}\n{diff_of(p.edits)}" for p in proposals if p.state == "undone"):
        parts.append(f"# Undone by the user after it was applied, and not in the diff\n{undone[:MOST_DIFF]}")
    return "\n\n".join(parts)


def plan_text(plan: Plan) -> str:
    """Return the plan, one line a task."""
    return "\n".join(("# Plan", *(f"{BOXES[t.state]} {t.id}: {t.title}" for t in plan.tasks.values())))


def findings_text(findings: Mapping[str, Finding]) -> str:
    """Return numbered findings, one line each; nothing where there are none."""
    lines = [f"{n}. {f.severity} at {f.path}:{f.line} ({f.quote}): {f.message}" for n, f in findings.items()]
    return "\n".join(("# Open findings", *lines)) if lines else ""


def _rejected(proposal: Proposal) -> Iterable[str]:
    reason = f" ({proposal.reason})" if proposal.reason else ""
    for hunk in proposal.hunks():
        if hunk.number in proposal.rejected:
            yield f"{proposal.label}, {hunk.path}:{hunk.line}{reason}\n{hunk.diff}"


def diff_of(edits: Sequence[FileEdit]) -> str:
    """Return the edits as one unified diff."""
    return "".join(unified_diff(e.path, _shown(e.before), _shown(e.after)) for e in edits)


def _shown(content: bytes | None) -> str | None:
    if content is None:
        return None
    try:
        return TextFile.decode(content).text
    except ToolError:
        return f"(binary, {len(content)} bytes)\n"


def task_facts(task: Task) -> Json:
    """Return a task as data."""
    return {
        "id": task.id,
        "title": task.title,
        "instructions": task.instructions,
        "files": list(task.files),
        "checks": list(task.checks),
    }


def result_facts(results: Sequence[CheckResult]) -> Json:
    """Return check results as data."""
    return [
        {
            "check": r.check,
            "exit_code": r.exit_code,
            "green": r.green,
            "failures": [
                {"test": f.test, "path": f.path, "line": f.line, "message": f.message} for f in r.failures
            ],
        }
        for r in results
    ]
