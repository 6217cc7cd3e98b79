"""Server-sent events, read out of the bytes of a stream as far as providers use them: the data of each event.

Comments keep a connection alive and say nothing; the names and ids of events say nothing that their data does not.
"""

from collections.abc import Iterator

_MOST_BYTES = 64 * 1024 * 1024


class Events:
    """Cuts a stream of bytes into the data of its events, wherever the chunks begin and end."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the data of each event that `chunk` completes.

        Raises:
            ValueError: a line grows without end.
        """
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > _MOST_BYTES:
            raise ValueError("a line without end")
        for line in lines:
            line = line.removesuffix(b"\r")
            if line.startswith(b"data:"):
                self._data.append(line[6:] if line[5:6] == b" " else line[5:])
            elif not line and self._data:
                yield from self.rest()

    def rest(self) -> Iterator[bytes]:
        """Yield the data of an event that the end of the stream completes."""
        if self._data:
            data = b"\n".join(self._data)
            self._data.clear()
            yield data
