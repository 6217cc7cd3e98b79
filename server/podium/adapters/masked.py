"""Masks secrets where texts leave the server: in requests to models, and in the journal.

Programs that are built in (`builtin/...`) see everything: nothing leaves this machine, and they need the text as it is.
"""

import secrets
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from pathlib import Path
from typing import cast

from podium.domain.events import Event, Record
from podium.domain.masking import Mask, secrets_of
from podium.domain.messages import Message
from podium.ports import Journal, Model, ModelAnswer, ModelRequest

_SALT_BYTES = 32


def mask_of(environ: Mapping[str, str], state: Path) -> Mask:
    """Return the mask for this user: with the secrets in `environ`, and the salt that lies below `state`.

    A placeholder means the same in every server of the user; where nothing can be kept, only in this one.
    """
    place = state / "mask-salt"
    with suppress(OSError):
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError), place.open("xb") as file:
            place.chmod(0o600)
            file.write(secrets.token_bytes(_SALT_BYTES))
    try:
        salt = place.read_bytes()
    except OSError:
        salt = secrets.token_bytes(_SALT_BYTES)
    return Mask(secrets_of(environ), salt)


class MaskedModel:
    """A model that never gets to see a secret, unless it is built in."""

    def __init__(self, model: Model, mask: Mask) -> None:
        self._model = model
        self._mask = mask

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        """Return the answer to the request with its secrets masked. Errors are the model's own."""
        if not request.model.startswith("builtin/"):
            messages = tuple(cast("Message", self._mask.json(message)) for message in request.messages)
            request = replace(request, messages=messages)
        return await self._model.complete(request)


class MaskedJournal:
    """A journal that keeps no secret, but in the contents of the files that missions change: undo restores those."""

    def __init__(self, journal: Journal, mask: Mask) -> None:
        self._journal = journal
        self._mask = mask

    async def append(
        self, mission_id: str, events: Sequence[Event], after: int | None = None
    ) -> Sequence[Record]:
        """Append the events with their secrets masked, and return these as records."""
        masked = [self._mask.event(event) for event in events]
        return await self._journal.append(mission_id, masked, after)

    async def take_in(self, records: Sequence[Record]) -> bool:
        """Write the records of one mission with their secrets masked."""
        masked = [replace(record, event=self._mask.event(record.event)) for record in records]
        return await self._journal.take_in(masked)

    async def read(self, mission_id: str, after: int = 0) -> Sequence[Record]:
        """Return the records of one mission."""
        return await self._journal.read(mission_id, after)

    async def missions(self) -> Mapping[str, int]:
        """Return the number of the last record of each mission."""
        return await self._journal.missions()

    async def summaries(self, edition: str) -> Mapping[str, str]:
        """Return the summaries by mission; they are made of masked records."""
        return await self._journal.summaries(edition)

    async def summarize(self, edition: str, summaries: Mapping[str, tuple[int, str]]) -> None:
        """Keep summaries of missions."""
        await self._journal.summarize(edition, summaries)

    async def drop(self, rewritten: Sequence[Record], mission_ids: Sequence[str]) -> None:
        """Rewrite records and delete missions."""
        await self._journal.drop(rewritten, mission_ids)

    def deciding(self) -> AbstractAsyncContextManager[None]:
        """Be the only server that decides on missions that have ended."""
        return self._journal.deciding()
