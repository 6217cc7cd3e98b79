"""What was learned of endpoints while asking them: whether they stream, and how long they think before they begin."""

from dataclasses import dataclass, field
from typing import TypeAlias

IN_ONE_PIECE = 10
"""How many times as long as on a byte of a stream is waited for an answer in one piece, which comes when it is whole."""
_LONGEST_STALL_S = 600.0
_SPOILED = 2

Endpoint: TypeAlias = tuple[str, str]
"""An address and the name of a model there."""


@dataclass(slots=True)
class Habits:
    """The habits of all endpoints, for as long as the process lives."""

    _unstreamed: set[Endpoint] = field(default_factory=set[Endpoint])
    _spoiled: dict[Endpoint, int] = field(default_factory=dict[Endpoint, int])
    _stalls_s: dict[Endpoint, float] = field(default_factory=dict[Endpoint, float])

    def streams(self, endpoint: Endpoint) -> bool:
        """Return whether answers come in streams."""
        return endpoint not in self._unstreamed

    def refused_streams(self, endpoint: Endpoint) -> None:
        """Ask for no more streams."""
        self._unstreamed.add(endpoint)

    def spoiled_stream(self, endpoint: Endpoint) -> None:
        """Ask for no more streams after two in a row that held what is no answer."""
        self._spoiled[endpoint] = self._spoiled.get(endpoint, 0) + 1
        if self._spoiled[endpoint] == _SPOILED:
            self._unstreamed.add(endpoint)

    def silent_in_one_piece(self, endpoint: Endpoint) -> None:
        """Ask for streams again: where nothing comes, they tell so sooner."""
        self._unstreamed.discard(endpoint)
        self._spoiled.pop(endpoint, None)

    def stall_s(self, endpoint: Endpoint, usual_s: float) -> float:
        """Return for how long nothing may come: longer where the endpoint was slower than `usual_s` before."""
        return max(usual_s, self._stalls_s.get(endpoint, 0.0))

    def was_slow(self, endpoint: Endpoint, waited_s: float) -> None:
        """Wait twice as long the next time: nothing had begun within `waited_s`."""
        self._stalls_s[endpoint] = min(2 * waited_s, _LONGEST_STALL_S)

    def answered(self, endpoint: Endpoint, first_s: float, usual_s: float) -> None:
        """Know that an answer was well, and began after `first_s`: where that is little, little is waited again."""
        self._spoiled.pop(endpoint, None)
        if first_s < usual_s:
            self._stalls_s.pop(endpoint, None)
