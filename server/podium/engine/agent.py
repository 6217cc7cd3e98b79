"""An agent: ask the model, carry out its tool calls, until it decides.

What was said so far stands in its dialogue (`dialogue.py`); how a request is made, in `asking.py`.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import cast

from podium.domain.answers import flaw_of, understood, was_written
from podium.domain.conversation import call_ids
from podium.domain.edit_formats import NoEdits, written_edits
from podium.domain.events import (
    AgentEnded,
    AgentStarted,
    ModelAnswered,
    ModelAsked,
    ModelAwaited,
    ModelFailed,
    ToolReturned,
)
from podium.domain.messages import Json, Message, sound
from podium.domain.plan import Task, Urgency
from podium.domain.rights import TOOLS_OF
from podium.domain.steering import Steer
from podium.domain.strands import ABANDONED
from podium.engine import briefs
from podium.engine.asking import Inquiry, TooLong
from podium.engine.briefs import Opening
from podium.engine.budget import Budget
from podium.engine.decisions import AgentGaveUp, Decision
from podium.engine.dialogue import Dialogue
from podium.engine.dispatch import ToolCall, ToolOutcome, calls_of, carry_out
from podium.engine.governor import Asker, Governor, Waiting
from podium.engine.past import Past
from podium.engine.pausing import Pausing
from podium.engine.recording import Recording
from podium.engine.roles import RoleSpec, filled
from podium.engine.room import Room, Windows
from podium.engine.steering import Steering
from podium.engine.tools.table import OFFERED, TOOLS
from podium.engine.tools.tool import ToolContext
from podium.engine.turns import Turns
from podium.engine.written import carry_out_written
from podium.errors import ToolError
from podium.ports import Model, ModelAnswer, ModelRequest

USELESS_ANSWERS = 3
"""After how many answers in a row of which nothing could be carried out the agent is stopped."""

_TOO_LATE = ToolOutcome("error: not carried out, because your turn had ended.", ok=False)
_INTERRUPTED = ToolOutcome("error: not carried out, because the user interrupts you.", ok=False)
_AFTER_A_FAILED_EDIT = ToolOutcome("error: not carried out, because an edit in your text failed.", ok=False)
_UNHEARD = ToolOutcome(
    "error: this does not count yet: read first what was said meanwhile, then decide again.", ok=False
)


@dataclass(frozen=True, slots=True)
class AgentDesk:
    """What all agents of a mission share.

    `urgency` tells how urgent a task is now, `task` what it says now, `rank` how urgent the mission is (0 first).
    """

    model: Model
    turns: Turns
    recording: Recording
    budget: Budget
    urgency: Callable[[str], Urgency]
    task: Callable[[str], Task | None]
    pausing: Pausing
    steering: Steering
    governor: Governor
    windows: Windows
    rank: int = 0
    past: Past = field(default_factory=Past)
    api_base: str | None = None
    api_key_env: str | None = None
    fallbacks: tuple[str, ...] = ()
    stall_s: float = 60.0


class Agent:
    """One agent with its dialogue. Use as an async context manager, and call `decide` inside."""

    def __init__(
        self,
        agent_id: str,
        spec: RoleSpec,
        task_id: str,
        model: str,
        opening: Opening,
        desk: AgentDesk,
    ) -> None:
        self.id = agent_id
        self._spec = spec
        self._task_id = task_id
        self._model = model
        self._desk = desk
        self._dialogue = Dialogue(agent_id, spec.role, opening, desk.recording)
        self._room = Room(desk.windows, (model, *desk.fallbacks), opening)
        self._requests = 0
        self._step_done = False
        self._open_call: ToolCall | None = None
        self._useless = 0

    async def __aenter__(self) -> "Agent":
        started = AgentStarted(
            self.id,
            self._spec.role,
            self._task_id,
            self._model,
            self._dialogue.messages,
            tuple(self._dialogue.heard),
        )
        await self._desk.recording.record(started)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None or issubclass(kind, Exception):
            await self._dialogue.record(AgentEnded(self.id, "done" if kind is None else "gave up"))

    async def decide(self, context: ToolContext, facts: Mapping[str, Json], reply: str = "") -> Decision:
        """Return the next decision; `reply` is the result of the one before (what the gate said of it).

        Raises:
            AgentGaveUp: no decision within the role's steps, or the agent runs in circles.
            ModelUnavailable: the model does not answer.
        """
        if self._open_call is not None:
            was = self._desk.past.returned(self.id, self._open_call.id)
            self._dialogue.decided(self._open_call, was.result if was is not None else reply)
            self._open_call = None
            self._step_done = True
        async with self._desk.turns.turn(self._desk.urgency(self._task_id)):
            self._useless = 0
            for _ in range(self._spec.steps):
                answered = await self._ask(facts)
                if decision := await self._carry_out(answered, context):
                    await self._dialogue.record()
                    return decision
        raise AgentGaveUp(f"The {self._spec.role} did not decide within {self._spec.steps} steps.")

    async def _ask(self, facts: Mapping[str, Json]) -> ModelAnswered:
        """Return the model's answer, to a request that holds everything that the user has said.

        What counts of its task is in it too, where that was changed meanwhile.
        """
        while True:
            if (relived := await self._relived()) is not None:
                return relived
            await self._desk.pausing.passed()
            if reworded := self._reworded():
                self._dialogue.tell(reworded)
            for steer in self._unheard():
                self._dialogue.hear(steer.id, filled("steer", message=steer.text))
            self._dialogue.shorten(self._room.compactions(self._dialogue.messages, step_done=self._step_done))
            self._step_done = False
            try:
                if (answered := await self._ask_once(facts)) is not None:
                    return answered
            except TooLong as error:
                shorter = self._room.overflowed(self._dialogue.messages, error.model, error.window)
                if shorter is None:
                    raise AgentGaveUp(
                        f"What a {self._spec.role} has to be told is longer than {error.model} can read; use a "
                        "model with a larger context, name one in `fallbacks`, or shorten the goal."
                    ) from error
                self._dialogue.shorten(shorter)

    async def _relived(self) -> ModelAnswered | None:
        """Return the recorded answer to the next request; None where it is to be made.

        Then what was recorded of the conversation is in it already. A request that was in flight is not made again
        as it was where the agent has yet to hear something.

        Raises:
            AgentGaveUp: it did so then.
        """
        while True:
            request_id = f"{self.id}.{self._requests + 1}"
            if (was := self._desk.past.request(self.id, request_id)) is None:
                return None
            self._dialogue.relive(was)
            if was.failed:
                raise AgentGaveUp(f"The {self._spec.role} got no answer that it could go on with.")
            if was.answer is not None:
                self._requests += 1
                self._desk.budget.learn(self._room.chars(self._dialogue.messages), was.answer.usage)
                self._room.count(self._dialogue.messages, was.answer.usage.prompt_tokens)
                self._dialogue.answered(was.answer)
                return was.answer
            self._desk.budget.lose(self._room.new_chars(self._dialogue.messages), self._room.counted_tokens)
            if not was.abandoned:
                if not (self._unheard() or self._reworded()):
                    return None
                await self._desk.recording.record(ModelFailed(self.id, request_id, ABANDONED, 0.0))
            self._requests += 1

    def _unheard(self) -> list[Steer]:
        return self._desk.steering.unheard(self._spec.role, self._task_id, self._dialogue.heard)

    def _reworded(self) -> str:
        """Return what the agent has yet to be told of its task."""
        task = self._desk.task(self._task_id)
        return briefs.reworded_text(self._dialogue.messages, task) if task else ""

    async def _ask_once(self, facts: Mapping[str, Json]) -> ModelAnswered | None:
        """Return the model's answer, or None when the user interrupted the request.

        Raises:
            TooLong: a model cannot read that much.
        """
        self._requests += 1
        request_id = f"{self.id}.{self._requests}"
        budget = self._desk.budget
        if task := self._desk.task(self._task_id):
            facts = {**facts, "task": briefs.task_facts(task)}
        async with budget.call(
            self._room.new_chars(self._dialogue.messages), self._room.counted_tokens
        ) as call:
            await self._dialogue.record(ModelAsked(self.id, request_id))
            request = ModelRequest(
                request_id,
                self._room.models[0],
                self._spec.role,
                self._dialogue.messages,
                OFFERED,
                facts,
                self._desk.api_base,
                self._desk.api_key_env,
                stall_s=self._desk.stall_s,
            )
            answer = await self._desk.steering.abandonable(
                self._spec.role, self._task_id, partial(self._answer, request)
            )
            if answer is None:
                await self._desk.recording.record(ModelFailed(self.id, request_id, ABANDONED, 0.0))
                return None
            message = self._understood(answer, request_id)
            other = answer.model if answer.model != self._model else ""
            answered = ModelAnswered(self.id, request_id, message, answer.finish_reason, answer.usage, other)
            await self._desk.recording.record(answered)
            budget.learn(self._room.chars(self._dialogue.messages), answer.usage)
            call.answered = True
        self._room.count(self._dialogue.messages, answer.usage.prompt_tokens)
        self._dialogue.answered(answered)
        return answered

    def _understood(self, answer: ModelAnswer, request_id: str) -> Message:
        taken = {call_id for message in self._dialogue.messages for call_id in call_ids(message)}
        message = cast("Message", sound(answer.message))
        return understood(message, answer.finish_reason, request_id, TOOLS, taken)

    async def _answer(self, request: ModelRequest) -> ModelAnswer:
        async def on_fault(reason: str, again_in_s: float | None) -> None:
            await self._desk.recording.record(ModelFailed(self.id, request.request_id, reason, again_in_s))

        async def on_wait(waiting: Waiting) -> None:
            await self._desk.recording.record(ModelAwaited(self.id, request.request_id, str(waiting)))

        desk = self._desk
        priority = (desk.rank, desk.urgency(self._task_id))
        inquiry = Inquiry(
            desk.model, Asker(priority, desk.pausing, on_wait), desk.governor, self._room.models[1:], on_fault
        )
        try:
            return await inquiry.ask(request)
        except TooLong as error:
            await on_fault(f"the conversation is longer than {error.model} can read", 0.0)
            raise

    async def _carry_out(self, answered: ModelAnswered, context: ToolContext) -> Decision | None:
        """Carry out what an answer holds, in order; a decision ends the turn, and its own result stays open.

        A decision made without having heard the user, or what its task says now, does not count.
        """
        calls = calls_of(answered.message)
        in_words = not calls or was_written(calls[0].id)
        written = await self._carry_out_text(answered, context) if in_words else None
        useful = written is not None
        decision: Decision | None = None
        for call in calls:
            if decision is not None:
                self._dialogue.returned(call, _TOO_LATE)
                continue
            was = self._desk.past.returned(self.id, call.id)
            if was is not None and not was.decision:
                useful = useful or was.ok or bool(was.arguments)
                self._again(was, call, context)
                continue
            if written and not written.ok:
                self._dialogue.returned(call, _AFTER_A_FAILED_EDIT)
                continue
            await self._desk.pausing.passed()
            counts = was is not None or self._desk.past.reliving
            if not counts and any(steer.when == "interrupt" for steer in self._unheard()):
                self._dialogue.returned(call, _INTERRUPTED)
                continue
            outcome = await carry_out(self._spec.role, call, context)
            useful = useful or not outcome.useless
            if was is not None and outcome.decision is None:
                self._desk.past.diverge(f"{call.name} is refused")
            if outcome.decision is not None and not counts and (self._unheard() or self._reworded()):
                self._dialogue.returned(call, _UNHEARD)
                continue
            if outcome.decision is not None:
                decision, self._open_call = outcome.decision, call
                continue
            self._dialogue.gave(call, outcome, self._room.fitting(outcome.text))
        self._bear(useful=useful)
        if decision is None and (written or not calls):
            flaw = "" if written else flaw_of(answered.message, answered.finish_reason)
            self._dialogue.tell(written.text if written else flaw, correction=bool(flaw))
        return decision

    def _bear(self, *, useful: bool) -> None:
        """Put up with an answer that is good for nothing, a few times in a row."""
        self._useless = 0 if useful else self._useless + 1
        if self._useless == USELESS_ANSWERS:
            raise AgentGaveUp(f"The {self._spec.role} answered {USELESS_ANSWERS} times without deciding.")

    async def _carry_out_text(self, answered: ModelAnswered, context: ToolContext) -> ToolOutcome | None:
        """Carry out the edits that an answer holds as text, and return what the model is told of it, if any.

        There was no call for a result to answer, so the model is told by a message.
        """
        text = answered.message.get("content")
        if "edit_file" not in TOOLS_OF[self._spec.role] or not isinstance(text, str):
            return None
        ok = False
        try:
            edits = written_edits(text)
        except NoEdits:
            return None
        except ToolError as error:
            told = f"error: {error}"
        else:
            done = self._written_again(answered.request_id, context) or await carry_out_written(
                self._spec.role, edits, answered.request_id, context
            )
            for call, outcome in done:
                self._dialogue.returned(call, outcome)
            lines = [f"- {call.name}: {outcome.text}" for call, outcome in done]
            told = "\n".join(("Edits in your text were carried out like tool calls:", *lines))
            ok = all(outcome.ok for _, outcome in done)
        as_call = ToolCall(answered.request_id, "edits in text", text)
        return ToolOutcome(self._dialogue.with_warning(as_call, told, told), ok)

    def _again(self, was: ToolReturned, call: ToolCall, context: ToolContext) -> None:
        """Make the recorded edits of a call that was carried out before the mission was interrupted."""
        context.tree.make(was.edits)
        carried_out = was.result not in {_INTERRUPTED.text, _UNHEARD.text}
        self._dialogue.again(was, call, carried_out=carried_out)

    def _written_again(self, answer_id: str, context: ToolContext) -> list[tuple[ToolCall, ToolOutcome]]:
        """Make the recorded edits of an answer's text, and return them; none where there are none."""
        done: list[tuple[ToolCall, ToolOutcome]] = []
        while (was := self._desk.past.returned(self.id, f"{answer_id}.text-{len(done) + 1}")) is not None:
            context.tree.make(was.edits)
            outcome = ToolOutcome(was.result, was.ok, was.arguments, was.edits)
            done.append((ToolCall(was.call_id, was.tool, json.dumps(was.arguments)), outcome))
        return done
