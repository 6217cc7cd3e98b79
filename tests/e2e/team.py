"""A team of agents whose model is a script: what each role answers, over real HTTP.

Where a test says nothing, the Planner plans
one task on the files named in `plan`, the Reviewer approves and the Commander signs off.
"""

import json
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import anyio
from anyio.from_thread import BlockingPortal, start_blocking_portal

from podium.domain.rights import Role
from podium.engine.roles import prompt
from tests.models.provider import Provider, Received, Reply, calls, fails

Answer: TypeAlias = Reply | Callable[[], Reply]


def plans(*files: str, checks: Sequence[str] = (), title: str = "Change it") -> Reply:
    """Return the Planner's answer: one task for each of `files`."""
    tasks = [
        {
            "id": f"t{n}",
            "title": title,
            "instructions": f"Change {file}.",
            "files": [file],
            "checks": [*checks],
        }
        for n, file in enumerate(files, 1)
    ]
    return calls(("submit_plan", {"tasks": tasks}))


def edits(path: str, old: str, new: str) -> Reply:
    """Return the Worker's answer: one edit, and done."""
    return calls(("edit_file", {"path": path, "old": old, "new": new}), ("finish", {"summary": "Done."}))


def writes(path: str, content: str) -> Reply:
    """Return the Worker's answer: a whole file, and done."""
    return calls(("write_file", {"path": path, "content": content}), ("finish", {"summary": "Done."}))


def reviews(*findings: dict[str, Any], verdict: str = "reject") -> Reply:
    """Return a Reviewer's answer."""
    return calls(("submit_review", {"verdict": verdict, "findings": [*findings]}))


def remark(path: str, quote: str, message: str = "This is wrong.", **more: object) -> dict[str, Any]:
    """Return a finding of a review."""
    return {
        "path": path,
        "quote": quote,
        "severity": "warning",
        "code": "wrong-word",
        "message": message,
        **more,
    }


APPROVES = reviews(verdict="approve")
LEAVES_IT = calls(("answer", {}))
"""What the Commander answers to all that it is asked before the user is."""
SIGNS_OFF = calls(("sign_off", {"summary": "Reached."}))


class Team:
    """What the roles answer, in their order; the last answer of a role is repeated."""

    def __init__(self) -> None:
        self.provider: Provider
        self.portal: BlockingPortal
        self._answers: dict[str, list[Answer]] = {}

    def play(self, **answers: Answer | Sequence[Answer]) -> None:
        """Begin anew: each role by its name, with one answer or several."""
        self.provider.requests.clear()
        self._answers = {
            role: [*given] if isinstance(given, Sequence) else [given] for role, given in answers.items()
        }
        self._answers.setdefault("reviewer", [APPROVES])
        self._answers.setdefault("commander", [SIGNS_OFF])

    def requests(self, role: Role) -> list[Received]:
        """Return what `role` was asked so far."""
        return [request for request in self.provider.requests if request.role == role]

    def heard(self, role: Role) -> str:
        """Return everything that the latest request to `role` said, tool results included."""
        request = self.requests(role)[-1]
        return "\n".join(_text(message.get("content") or "") for message in request.body["messages"])

    def abandoned(self, request: Received) -> bool:
        """Return whether the connection of `request` is closed before its answer, within seconds."""
        return bool(self.portal.call(_abandoned, request))

    def respond(self, request: Received) -> Reply:
        role = request.role
        if role == "commander" and prompt("commander_advises") in _text(
            request.body["messages"][1]["content"]
        ):
            return LEAVES_IT
        answers = self._answers.get(role)
        if not answers:
            return fails(400, f"The script has nothing for the {role}.")
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        return answer if isinstance(answer, Reply) else answer()


@contextmanager
def playing() -> Generator[Team]:
    """Serve a team's answers from a thread."""
    team = Team()
    provider = Provider(team.respond)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(provider):
        team.provider, team.portal = provider, portal
        yield team


async def _abandoned(request: Received) -> bool:
    with anyio.move_on_after(5):
        await request.abandoned.wait()
    return request.abandoned.is_set()


def _text(content: object) -> str:
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
