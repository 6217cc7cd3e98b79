"""An agent: ask the model, carry out its tool calls, until it decides.

The conversation is the fold of the agent's events (`domain.conversation`). It grows at its end, so each
request begins with the bytes of the one before.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol, cast

from podium.domain.answers import flaw_of, understood, was_written
from podium.domain.compaction import LOOKS, Compaction
from podium.domain.conversation import Conversation, after, call_ids, repeats
from podium.domain.edit_formats import NoEdits, written_edits
from podium.domain.events import (
    AgentEnded,
    AgentStarted,
    AgentTold,
    ConversationCompacted,
    Event,
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
from podium.engine.decisions import Decision
from podium.engine.dispatch import ToolCall, ToolOutcome, calls_of, carry_out
from podium.engine.governor import Asker, Governor, Waiting
from podium.engine.past import Past
from podium.engine.pausing import Pausing
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
REPEATS_TOLD, REPEATS_STOPPED = 3, 6
"""How often the same call may give the same result before the agent is told so, and is stopped."""
UNCHANGED = "[unchanged: the result is, word for word, that of an earlier call of yours, which stands above]"


class Record(Protocol):
    """Makes events durable, in one write and in order, and shows them."""

    async def __call__(self, *events: Event) -> None:
        """Return when they are durable."""
        ...


_TOO_LATE = ToolOutcome("error: not carried out, because your turn had ended.", ok=False)
_INTERRUPTED = ToolOutcome("error: not carried out, because the user interrupts you.", ok=False)
_AFTER_A_FAILED_EDIT = ToolOutcome("error: not carried out, because an edit in your text failed.", ok=False)
_UNHEARD = ToolOutcome(
    "error: this does not count yet: read first what was said meanwhile, then decide again.", ok=False
)


_WARNING = "\n[You have made this call "


class AgentGaveUp(Exception):
    """The agent cannot come to a decision; the message says why, in one sentence."""


@dataclass(frozen=True, slots=True)
class AgentDesk:
    """What all agents of a mission share.

    `urgency` tells how urgent a task is now, `task` what it says now, `rank` how urgent the mission is (0 first).
    """

    model: Model
    turns: Turns
    record: Record
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
    """One agent with its conversation. Use as an async context manager, and call `decide` inside."""

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
        self._messages: Conversation = opening.messages
        self._desk = desk
        self._heard = list(opening.heard)
        self._requests = 0
        self._room = Room(desk.windows, (model, *desk.fallbacks), opening)
        self._step_done = False
        self._seen: Counter[tuple[str, str, str]] = Counter()
        self._open_call: ToolCall | None = None
        self._useless = 0
        self._unrecorded: list[Event] = []

    async def __aenter__(self) -> "Agent":
        started = AgentStarted(
            self.id, self._spec.role, self._task_id, self._model, self._messages, tuple(self._heard)
        )
        await self._desk.record(started)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None or issubclass(kind, Exception):
            await self._record(AgentEnded(self.id, "done" if kind is None else "gave up"))

    async def decide(self, context: ToolContext, facts: Mapping[str, Json], reply: str = "") -> Decision:
        """Return the next decision; `reply` is the result of the one before (what the gate said of it).

        Raises:
            AgentGaveUp: no decision within the role's steps, or the agent runs in circles.
            ModelUnavailable: the model does not answer.
        """
        if self._open_call is not None:
            self._decided(self._open_call, reply)
            self._open_call = None
            self._step_done = True
        async with self._desk.turns.turn(self._desk.urgency(self._task_id)):
            self._useless = 0
            for _ in range(self._spec.steps):
                answered = await self._ask(facts)
                if decision := await self._carry_out(answered, context):
                    await self._record()
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
                self._tell(reworded)
            for steer in self._unheard():
                self._heard.append(steer.id)
                self._tell(filled("steer", message=steer.text), steer.id)
            self._shorten(self._room.compactions(self._messages, step_done=self._step_done))
            self._step_done = False
            try:
                if (answered := await self._ask_once(facts)) is not None:
                    return answered
            except TooLong as error:
                shorter = self._room.overflowed(self._messages, error.model, error.window)
                if shorter is None:
                    raise AgentGaveUp(
                        f"What a {self._spec.role} has to be told is longer than {error.model} can read; use a "
                        "model with a larger context, name one in `fallbacks`, or shorten the goal."
                    ) from error
                self._shorten(shorter)

    def _shorten(self, compactions: Sequence[Compaction]) -> None:
        """Leave out what the compactions say."""
        for one in compactions:
            self._forget_looks()
            self._enter(ConversationCompacted(self.id, one.kept, one.dropped, one.note, one.cut))

    def _forget_looks(self) -> None:
        """Let the agent look again at what is in its conversation no more."""
        self._seen = Counter({key: n for key, n in self._seen.items() if key[0] not in LOOKS})

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
            self._messages = was.messages
            self._heard += was.steers
            self._unrecorded.clear()
            if was.shortened:
                self._forget_looks()
            if was.failed:
                raise AgentGaveUp(f"The {self._spec.role} got no answer that it could go on with.")
            if was.answer is not None:
                self._requests += 1
                self._desk.budget.learn(self._room.chars(self._messages), was.answer.usage)
                self._room.count(self._messages, was.answer.usage.prompt_tokens)
                self._messages = after(self._messages, was.answer)
                return was.answer
            self._desk.budget.lose(self._room.new_chars(self._messages), self._room.counted_tokens)
            if not was.abandoned:
                if not (self._unheard() or self._reworded()):
                    return None
                await self._desk.record(ModelFailed(self.id, request_id, ABANDONED, 0.0))
            self._requests += 1

    def _unheard(self) -> list[Steer]:
        return self._desk.steering.unheard(self._spec.role, self._task_id, self._heard)

    def _reworded(self) -> str:
        """Return what the agent has yet to be told of its task."""
        task = self._desk.task(self._task_id)
        return briefs.reworded_text(self._messages, task) if task else ""

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
        async with budget.call(self._room.new_chars(self._messages), self._room.counted_tokens) as call:
            await self._record(ModelAsked(self.id, request_id))
            request = ModelRequest(
                request_id,
                self._room.models[0],
                self._spec.role,
                self._messages,
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
                await self._desk.record(ModelFailed(self.id, request_id, ABANDONED, 0.0))
                return None
            message = self._understood(answer, request_id)
            other = answer.model if answer.model != self._model else ""
            answered = ModelAnswered(self.id, request_id, message, answer.finish_reason, answer.usage, other)
            await self._desk.record(answered)
            budget.learn(self._room.chars(self._messages), answer.usage)
            call.answered = True
        self._room.count(self._messages, answer.usage.prompt_tokens)
        self._messages = after(self._messages, answered)
        return answered

    def _understood(self, answer: ModelAnswer, request_id: str) -> Message:
        taken = {call_id for message in self._messages for call_id in call_ids(message)}
        message = cast("Message", sound(answer.message))
        return understood(message, answer.finish_reason, request_id, TOOLS, taken)

    async def _answer(self, request: ModelRequest) -> ModelAnswer:
        async def on_fault(reason: str, again_in_s: float | None) -> None:
            await self._desk.record(ModelFailed(self.id, request.request_id, reason, again_in_s))

        async def on_wait(waiting: Waiting) -> None:
            await self._desk.record(ModelAwaited(self.id, request.request_id, str(waiting)))

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
                self._returned(call, _TOO_LATE)
                continue
            was = self._desk.past.returned(self.id, call.id)
            if was is not None and not was.decision:
                useful = useful or was.ok or bool(was.arguments)
                self._again(was, call, context)
                continue
            if written and not written.ok:
                self._returned(call, _AFTER_A_FAILED_EDIT)
                continue
            await self._desk.pausing.passed()
            counts = was is not None or self._desk.past.reliving
            if not counts and any(steer.when == "interrupt" for steer in self._unheard()):
                self._returned(call, _INTERRUPTED)
                continue
            outcome = await carry_out(self._spec.role, call, context)
            useful = useful or not outcome.useless
            if was is not None and outcome.decision is None:
                self._desk.past.diverge(f"{call.name} is refused")
            if outcome.decision is not None and not counts and (self._unheard() or self._reworded()):
                self._returned(call, _UNHEARD)
                continue
            if outcome.decision is not None:
                decision, self._open_call = outcome.decision, call
                continue
            shown = self._briefly(call, self._room.fitting(outcome.text))
            self._returned(call, replace(outcome, text=self._with_warning(call, outcome.text, shown)))
        self._bear(useful=useful)
        if decision is None and (written or not calls):
            flaw = "" if written else flaw_of(answered.message, answered.finish_reason)
            self._tell(written.text if written else flaw, correction=bool(flaw))
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
                self._enter(self._return_of(call, outcome))
            lines = [f"- {call.name}: {outcome.text}" for call, outcome in done]
            told = "\n".join(("Edits in your text were carried out like tool calls:", *lines))
            ok = all(outcome.ok for _, outcome in done)
        as_call = ToolCall(answered.request_id, "edits in text", text)
        return ToolOutcome(self._with_warning(as_call, told, told), ok)

    def _briefly(self, call: ToolCall, text: str) -> str:
        """Return a result, or where it is a look at what the conversation holds already, a word on that."""
        if call.name in LOOKS and len(text) > len(UNCHANGED) and repeats(self._messages, text):
            return UNCHANGED
        return text

    def _with_warning(self, call: ToolCall, text: str, shown: str) -> str:
        """Return what is `shown` of a result, with a warning where the call has given the same `text` too often."""
        key = (call.name, call.arguments, text)
        self._seen[key] += 1
        if self._seen[key] >= REPEATS_STOPPED:
            raise AgentGaveUp(
                f"The {self._spec.role} repeated the same call of {call.name} {REPEATS_STOPPED} times."
            )
        if self._seen[key] >= REPEATS_TOLD:
            return f"{shown}{_WARNING}{self._seen[key]} times with this result; do something else.]"
        return shown

    def _returned(self, call: ToolCall, outcome: ToolOutcome) -> None:
        """Put a result into the conversation.

        It is recorded together with the next event of this agent, in one write to the disk: until then it
        has had no effect outside of the conversation and the agent's own tree.
        """
        self._enter(self._return_of(call, outcome))

    def _decided(self, call: ToolCall, reply: str) -> None:
        """Put into the conversation what came of a decision."""
        was = self._desk.past.returned(self.id, call.id)
        text = was.result if was is not None else reply
        self._enter(replace(self._return_of(call, ToolOutcome(text, ok=False)), decision=True))

    def _again(self, was: ToolReturned, call: ToolCall, context: ToolContext) -> None:
        """Make the recorded edits of a call that was carried out before the mission was interrupted."""
        context.tree.make(was.edits)
        if was.result not in {_INTERRUPTED.text, _UNHEARD.text}:
            self._seen[call.name, call.arguments, was.result.partition(_WARNING)[0]] += 1
        self._enter(was)

    def _written_again(self, answer_id: str, context: ToolContext) -> list[tuple[ToolCall, ToolOutcome]]:
        """Make the recorded edits of an answer's text, and return them; none where there are none."""
        done: list[tuple[ToolCall, ToolOutcome]] = []
        while (was := self._desk.past.returned(self.id, f"{answer_id}.text-{len(done) + 1}")) is not None:
            context.tree.make(was.edits)
            outcome = ToolOutcome(was.result, was.ok, was.arguments, was.edits)
            done.append((ToolCall(was.call_id, was.tool, json.dumps(was.arguments)), outcome))
        return done

    def _return_of(self, call: ToolCall, outcome: ToolOutcome) -> ToolReturned:
        return ToolReturned(
            self.id,
            call.id,
            call.name,
            outcome.arguments,
            outcome.text,
            outcome.ok,
            outcome.edits,
            malformed=outcome.malformed,
        )

    def _tell(self, text: str, steer_id: str = "", *, correction: bool = False) -> None:
        self._enter(AgentTold(self.id, {"role": "user", "content": text}, steer_id, correction))

    def _enter(self, event: Event) -> None:
        self._unrecorded.append(event)
        self._messages = after(self._messages, event)

    async def _record(self, *events: Event) -> None:
        events, self._unrecorded = (*self._unrecorded, *events), []
        await self._desk.record(*events)
