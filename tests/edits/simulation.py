"""Episodes of the world from a seed: everybody works for a number of steps, then all is undone and redone."""

from dataclasses import dataclass, field
from random import Random
from typing import get_args

import anyio

from podium.domain.events import Apply
from podium.domain.text import Encoding
from tests.edits.editor_model import ClientKind
from tests.edits.laws import Verdict, as_at_first, judge, same_bytes
from tests.edits.virtual_time import run
from tests.edits.world import STEPS, World

ENCODINGS: tuple[Encoding, ...] = get_args(Encoding)
_SILENT = {name: n for name, n in STEPS.items() if name not in {"type", "erase"}}


@dataclass
class Outcome:
    """What an episode came to."""

    n_steps: int = 0
    n_delivered: int = 0
    n_conflicts: int = 0
    n_undone: int = 0
    verdict: Verdict = field(default_factory=Verdict)


def simulate(seed: int, kind: ClientKind, n_steps: int = 400, *, typing: bool = True) -> Outcome:
    """Play an episode; without `typing`, trees, buffers and journal must agree to the byte."""
    return run(lambda: _Episode(seed, kind, n_steps, typing).play())


class _Episode:
    def __init__(self, seed: int, kind: ClientKind, n_steps: int, typing: bool) -> None:
        rng = Random(seed)  # noqa: S311 - reproducible
        apply: Apply = "review" if seed % 4 == 3 else "verified"
        self.world = World(rng, kind, ENCODINGS[seed % 3], apply)
        self.rng = rng
        self.n_steps = n_steps
        self.typing = typing
        self.outcome = Outcome()

    async def play(self) -> Outcome:
        async with anyio.create_task_group() as everything:
            everything.start_soon(self.world.wire)
            await self._work()
            self.world.blocked.clear()
            await self._undo_and_redo()
            everything.cancel_scope.cancel()
        self.outcome.n_conflicts = self.world.n_conflicts
        return self.outcome

    async def _work(self) -> None:
        steps = STEPS if self.typing else _SILENT
        names, weights = list(steps), list(steps.values())
        async with anyio.create_task_group() as group:
            for name in self.rng.choices(names, weights, k=self.n_steps):
                self.world.step(name, group)
                self.outcome.n_steps += 1
                await self.world.pass_time()
        await self.world.end()
        await self._check()
        proposals = self.world.state.proposals.values()
        self.outcome.n_delivered = sum(bool(self.world.applied(p)) for p in proposals)
        if not self.typing and all(p.state in {"delivered", "undone"} for p in proposals):
            self._note("the mission's files and the user's", same_bytes(self.world))

    async def _undo_and_redo(self) -> None:
        """Undo everything, redo it and undo it again, while the user goes on typing."""
        for direction in ("undo", "redo", "undo"):
            async with anyio.create_task_group() as group:
                group.start_soon(self.world.undo)
                for _ in range(5 if self.typing else 0):
                    self.world.type()
                    self.outcome.n_steps += 1
                    await self.world.pass_time()
            self.outcome.n_steps += 1
            await self._check()
            proposals = self.world.state.proposals.values()
            undone = [p for p in proposals if p.state == "undone"]
            self.outcome.n_undone += len(undone) * (direction == "undo")
            all_undone = not any(self.world.applied(p) for p in proposals)
            if direction == "undo" and not self.typing and all_undone:
                self._note("the files before the mission and after undoing it", as_at_first(self.world))

    async def _check(self) -> None:
        await self.world.settle()
        self.outcome.verdict = self.outcome.verdict or judge(self.world)

    def _note(self, what: str, paths: list[str]) -> None:
        self.outcome.verdict.disagreements += [f"{what}: {path}" for path in paths]
