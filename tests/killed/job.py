"""One mission to be killed in: three tasks, one with a fix loop, one with a question, one that the user types against.

The model behind it is a function of the conversation, so that the same request gets the same answer, and the user
does the same in each life.
"""

import sys
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, cast

import anyio
import anyio.abc

from podium.domain.messages import Json
from podium.lsp.client import Client, RequestFailed, ServerDied, connect
from tests.models.provider import Provider, Received, Reply, calls

ROOT = Path(__file__).parents[2]
SERVE = (sys.executable, "-m", "podium", "serve")
MORTAL = (sys.executable, "-m", "tests.killed.mortal")
FILES = {f"{name}.txt": f"{name} is wrong\n" for name in "abc"} | {
    "check.sh": "! grep -n bad *.txt\n",
}
TYPED = "c is typed\n"
AFTERWARDS = {"a.txt": "a is right\n", "b.txt": "b is right\n", "c.txt": "c is right\n"}
KEY = "KILLED_API_KEY"
DONE: tuple[str, dict[str, Any]] = ("finish", {"summary": "Done."})


@dataclass
class Place:
    """A copy of the project with its own journal, and the provider that its model asks."""

    root: Path
    provider: Provider
    asked: list[str] = field(default_factory=list[str])
    disturb: Callable[[int], None] = lambda _: None
    """Called with the number of each request, while it is in flight."""
    more: dict[str, Json] = field(default_factory=dict[str, Json])
    """Settings beside those that it needs."""

    @property
    def settings(self) -> dict[str, Json]:
        """The settings of its servers."""
        return {
            "model": "openai/scripted",
            "apiBase": self.provider.url,
            "apiKeyEnv": KEY,
            "checks": {"check": ["sh", "check.sh"]},
            "resume": "off",
            **self.more,
        }

    @property
    def state(self) -> Path:
        """Where its journal lies."""
        return self.root.parent / "state"

    @property
    def environment(self) -> dict[str, str]:
        """The variables of its servers that differ from ours."""
        return {
            "PODIUM_STATE_DIR": str(self.state),
            "XDG_CONFIG_HOME": str(self.root.parent / "config"),
            KEY: "sk-scripted-0123456789",
            "PYTHONPATH": str(ROOT),
        }

    def contents(self) -> dict[str, str]:
        """Return what the user's files hold."""
        return {path: (self.root / path).read_text(encoding="utf-8") for path in AFTERWARDS}

    def respond(self, request: Received) -> Reply:
        """Answer as the conversation wants it."""
        messages = cast("list[dict[str, Any]]", request.body["messages"])
        told = "\n".join(str(message.get("content")) for message in messages)
        n_answers = sum(message["role"] == "assistant" for message in messages)
        name = told.partition("# Task: Correct ")[2][:1]
        self.asked.append(f"{request.role} {name} {n_answers}")
        self.disturb(len(self.asked))
        match request.role:
            case "planner":
                return calls(("submit_plan", {"tasks": [_task(name) for name in "abc"]}))
            case "worker":
                return calls(*self._work(name, n_answers))
            case "reviewer":
                if name == "c" and self.contents()["c.txt"] == FILES["c.txt"]:
                    (self.root / "c.txt").write_text(TYPED, encoding="utf-8")
                return calls(("submit_review", {"verdict": "approve"}))
            case _ if name:
                return calls(("answer", {}))
            case _:
                return calls(("sign_off", {"summary": "All is right."}))

    def _work(self, name: str, n_answers: int) -> Sequence[tuple[str, dict[str, Any]]]:
        path = f"{name}.txt"
        match name, n_answers:
            case "a", 0:
                return _edit(path, "wrong", "bad"), DONE
            case "a", _:
                return _edit(path, "bad", "right"), DONE
            case "b", 0:
                return (("ask_user", {"question": "Which word?"}),)
            case "c", n if n > 0:
                return _edit(path, "typed", "right"), DONE
            case _:
                return _edit(path, "wrong", "right"), DONE


def _task(name: str) -> dict[str, Any]:
    return {
        "id": name,
        "title": f"Correct {name}",
        "instructions": f"{name}.txt must be right.",
        "files": [f"{name}.txt"],
        "needs": [],
        "checks": [],
    }


def _edit(path: str, old: str, new: str) -> tuple[str, dict[str, Any]]:
    return "edit_file", {"path": path, "old": old, "new": new}


@asynccontextmanager
async def place(home: Path) -> AsyncGenerator[Place]:
    """Lay the project out in `home`, and let its provider answer."""
    root = home / "project"
    root.mkdir(parents=True)
    for path, text in FILES.items():
        (root / path).write_text(text, encoding="utf-8")
    provider = Provider([])
    made = Place(root, provider)
    async with Provider(made.respond) as provider:
        made.provider = provider
        yield made


@dataclass(frozen=True, slots=True)
class Life:
    """What came of one server: the mission, where the server lived long enough, and whether it was killed.

    `n_events` is how many events came.
    """

    mission: Mapping[str, Any] | None
    killed: bool
    resumed_in_s: float = 0.0
    n_events: int = 0


Events: TypeAlias = anyio.abc.ObjectReceiveStream[Mapping[str, Any]]


@asynccontextmanager
async def serving(place: Place, serve: Sequence[str] = SERVE) -> AsyncGenerator[tuple[Client, Events]]:
    """Start a server on the project, and yield its client with the events that it is sent.

    Raises:
        ServerDied: the server was killed.
    """
    argv = ("env", *(f"{name}={value}" for name, value in place.environment.items()), *serve)
    sending, events = anyio.create_memory_object_stream[Mapping[str, Any]](10_000)

    def hear(method: str, params: Mapping[str, Json]) -> None:
        if method == "podium/event" and not params.get("past"):
            sending.send_nowait(cast("Mapping[str, Any]", params["event"]))

    with sending, events:
        async with connect(argv, place.root, options=place.settings, on_notification=hear) as client:
            yield client, events


async def live(place: Place, serve: Sequence[str] = SERVE) -> Life:
    """Let a server carry the mission out, from its start or from where it was, as far as it gets."""
    life = Life(None, killed=True)
    try:
        async with serving(place, serve) as (client, events):
            life = await _to_its_end(client, events)
    except* (ServerDied, RequestFailed):
        pass
    return life


async def _to_its_end(client: Client, events: Events) -> Life:
    listed = cast("list[dict[str, Any]]", (await client.execute("podium.missions", {}))["missions"])
    begun_at = anyio.current_time()
    if not listed:
        goal: dict[str, Json] = {"goal": "Correct the texts."}
        mission_id = str((await client.execute("podium.task", goal))["missionId"])
    else:
        mission_id = str(listed[0]["missionId"])
        if listed[0]["status"] == "interrupted":
            await client.execute("podium.resume", {"missionId": mission_id})
    resumed_in_s = anyio.current_time() - begun_at
    ended, n_events = await follow(client, events, mission_id)
    return Life(ended, False, resumed_in_s, n_events)


async def follow(
    client: Client, events: Events, mission_id: str, on_refusal: Callable[[RequestFailed], None] | None = None
) -> tuple[Mapping[str, Any], int]:
    """Answer what a mission asks, and return it when it has ended, with the number of events until then.

    Where an answer is refused, `on_refusal` is told.
    """
    n_events = 0
    ended: Mapping[str, Any] = {}
    async with anyio.create_task_group() as tasks:

        async def answer() -> None:
            nonlocal n_events
            async for event in events:
                n_events += 1
                if event["kind"] in {"question_asked", "mission_continued"}:
                    shown = await client.execute("podium.show", {"missionId": mission_id})
                    for question in cast("list[dict[str, Json]]", shown["questions"]):
                        given: dict[str, Json] = {"questionId": question["id"], "answer": "right"}
                        try:
                            await client.execute("podium.answer", given)
                        except RequestFailed as refusal:
                            if on_refusal is None:
                                raise
                            on_refusal(refusal)

        tasks.start_soon(answer)
        ended = await client.execute("podium.wait", {"missionId": mission_id})
        tasks.cancel_scope.cancel()
    return ended, n_events
