"""A mission on a terminal, or as plain lines where output goes elsewhere."""

import sys
import time
from collections.abc import Mapping

import anyio
from rich.console import Console, Group, RenderableType
from rich.live import Live

from podium.cli.questions import typed_answer, unattended_answer
from podium.cli.render import happening, question_lines, standing, summary, task_line
from podium.domain.events import AttemptStarted, Event, PlanSet, TaskAccepted
from podium.domain.messages import Json
from podium.domain.mission import MissionState, Question

_FRAME_S = 0.2
_ALL = 1_000_000


def screen(*, quiet: bool, attended: bool) -> "Screen":
    """Return the view for this process's standard output.

    `quiet` keeps everything but questions and the last line away; `attended` says that somebody can answer.
    """
    console = Console(file=sys.stdout, highlight=False, markup=False, emoji=False)
    return Screen(console, quiet=quiet, attended=attended)


class Screen:
    """Prints what happens, and below it keeps the plan up to date where the terminal can.

    Colours follow the terminal and `NO_COLOR`, the width follows `COLUMNS`.
    """

    def __init__(self, console: Console, *, quiet: bool, attended: bool) -> None:
        self._console = console
        self._quiet = quiet
        self._attended = attended
        self._state = MissionState("")
        lively = console.is_terminal and not quiet
        self._live = Live(console=console, auto_refresh=False) if lively else None

    def happened(self, _params: Mapping[str, Json], event: Event, state: MissionState) -> None:
        """Print what the event leaves behind."""
        self._state = state
        if self._quiet:
            return
        if (shown := happening(event, state)) is not None:
            self._print(shown)
        if self._live is None and isinstance(event, PlanSet):
            self._print(*standing(state, time.time(), _ALL))
        if self._live is None and isinstance(event, AttemptStarted | TaskAccepted):
            self._print(task_line(state, event.task_id))

    async def keep_fresh(self) -> None:
        """Draw the plan and the seconds of the agents, a few times a second."""
        if self._live is None:
            await anyio.sleep_forever()
            return
        self._live.start()
        while True:
            self._draw()
            await anyio.sleep(_FRAME_S)

    async def ask(self, question: Question) -> str:
        """Return the user's answer; the plan stands still meanwhile."""
        if not self._attended:
            return unattended_answer(question)
        live, self._live = self._live, None
        if live:
            live.transient = True  # the plan makes room for the question and comes back below it
            live.stop()
        self._print(question_lines(question.text, question.options))
        try:
            return await typed_answer(question)
        finally:
            if live:
                live.transient = False
                live.start()
            self._live = live

    def ended(self, state: MissionState, status: str, reason: str) -> None:
        """Leave the plan as it stands, and print the last line."""
        self._state = state
        if self._live:
            self._draw()
            self._live.stop()
            self._print("")
        elif not self._quiet and state.plan.tasks:
            self._print(*standing(state, state.ended_at, _ALL))
        self._print(summary(state, status, reason))

    def _draw(self) -> None:
        if self._live:
            lines = max(5, self._console.height - 3)
            self._live.update(Group(*standing(self._state, time.time(), lines)), refresh=True)

    def _print(self, *parts: RenderableType) -> None:
        for part in parts:
            self._console.print(part, soft_wrap=not self._console.is_terminal)
