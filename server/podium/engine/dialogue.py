"""The dialogue of an agent with its model: what was said so far, as it grows, and what of it is yet to be recorded.

It is the fold of the agent's events (`domain.conversation`). It grows at its end, so each request begins with the
bytes of the one before. What is said next is not decided here.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from podium.domain.compaction import LOOKS, Compaction
from podium.domain.conversation import Conversation, after, repeats
from podium.domain.events import AgentTold, ConversationCompacted, Event, ModelAnswered, ToolReturned
from podium.domain.rights import Role
from podium.engine.briefs import Opening
from podium.engine.decisions import AgentGaveUp
from podium.engine.dispatch import ToolCall, ToolOutcome
from podium.engine.past import RelivedRequest
from podium.engine.recording import Recording

REPEATS_TOLD, REPEATS_STOPPED = 3, 6
"""How often the same call may give the same result before the agent is told so, and is stopped."""
UNCHANGED = "[unchanged: the result is, word for word, that of an earlier call of yours, which stands above]"

_WARNING = "\n[You have made this call "


class Dialogue:
    """What one agent was told and has answered.

    What enters it is recorded together with the next event of the agent, in one write to the disk: until then it
    has had no effect outside of the dialogue and the agent's own tree.
    """

    def __init__(self, agent_id: str, role: Role, opening: Opening, recording: Recording) -> None:
        self._agent_id = agent_id
        self._role = role
        self._recording = recording
        self._messages: Conversation = opening.messages
        self._heard = list(opening.heard)
        self._unrecorded: list[Event] = []
        self._seen: Counter[tuple[str, str, str]] = Counter()

    @property
    def messages(self) -> Conversation:
        """What the next request holds."""
        return self._messages

    @property
    def heard(self) -> Sequence[str]:
        """The ids of what the user said and the agent has heard."""
        return self._heard

    async def record(self, *events: Event) -> None:
        """Record what entered the dialogue since the last time, and then `events`, in one write."""
        events, self._unrecorded = (*self._unrecorded, *events), []
        await self._recording.record(*events)

    def tell(self, text: str, *, correction: bool = False) -> None:
        """Tell the agent something; a `correction` says what was wrong with its answer."""
        self._enter(AgentTold(self._agent_id, {"role": "user", "content": text}, correction=correction))

    def hear(self, steer_id: str, text: str) -> None:
        """Tell the agent what the user said."""
        self._heard.append(steer_id)
        self._enter(AgentTold(self._agent_id, {"role": "user", "content": text}, steer_id))

    def answered(self, answer: ModelAnswered) -> None:
        """Add the model's answer, which is recorded already."""
        self._messages = after(self._messages, answer)

    def returned(self, call: ToolCall, outcome: ToolOutcome) -> None:
        """Add what came of a call, as it is."""
        self._enter(self._return_of(call, outcome))

    def gave(self, call: ToolCall, outcome: ToolOutcome, fitting: str) -> None:
        """Add what a call gave, of which there is room for `fitting`; in a word where it stands here already.

        Raises:
            AgentGaveUp: it has made the same call too often.
        """
        known = call.name in LOOKS and len(fitting) > len(UNCHANGED) and repeats(self._messages, fitting)
        shown = UNCHANGED if known else fitting
        self.returned(call, replace(outcome, text=self.with_warning(call, outcome.text, shown)))

    def decided(self, call: ToolCall, reply: str) -> None:
        """Add what came of a decision."""
        self._enter(replace(self._return_of(call, ToolOutcome(reply, ok=False)), decision=True))

    def again(self, was: ToolReturned, call: ToolCall, *, carried_out: bool) -> None:
        """Add the recorded result of a call; it counts among its repetitions where it was `carried_out`."""
        if carried_out:
            self._seen[call.name, call.arguments, was.result.partition(_WARNING)[0]] += 1
        self._enter(was)

    def with_warning(self, call: ToolCall, text: str, shown: str) -> str:
        """Return what is `shown` of a result, with a warning where the call has given the same `text` too often.

        Raises:
            AgentGaveUp: it goes on in spite of the warnings.
        """
        key = (call.name, call.arguments, text)
        self._seen[key] += 1
        if self._seen[key] >= REPEATS_STOPPED:
            raise AgentGaveUp(
                f"The {self._role} repeated the same call of {call.name} {REPEATS_STOPPED} times."
            )
        if self._seen[key] >= REPEATS_TOLD:
            return f"{shown}{_WARNING}{self._seen[key]} times with this result; do something else.]"
        return shown

    def shorten(self, compactions: Iterable[Compaction]) -> None:
        """Leave out what the compactions say; the agent may look at it again."""
        for one in compactions:
            self._forget_looks()
            self._enter(ConversationCompacted(self._agent_id, one.kept, one.dropped, one.note, one.cut))

    def relive(self, was: RelivedRequest) -> None:
        """Be what it was in a recorded request."""
        self._messages = was.messages
        self._heard += was.steers
        self._unrecorded.clear()
        if was.shortened:
            self._forget_looks()

    def _forget_looks(self) -> None:
        self._seen = Counter({key: n for key, n in self._seen.items() if key[0] not in LOOKS})

    def _return_of(self, call: ToolCall, outcome: ToolOutcome) -> ToolReturned:
        return ToolReturned(
            self._agent_id,
            call.id,
            call.name,
            outcome.arguments,
            outcome.text,
            outcome.ok,
            outcome.edits,
            malformed=outcome.malformed,
        )

    def _enter(self, event: Event) -> None:
        self._unrecorded.append(event)
        self._messages = after(self._messages, event)
