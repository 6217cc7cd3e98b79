"""The server is killed while it brings a change in that the user accepts, or takes one out that they undo."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from podium.domain.messages import Json
from podium.lsp.client import RequestFailed, ServerDied
from tests.killed.job import MORTAL, SERVE, Place, place, serving

pytestmark = pytest.mark.anyio
ACCEPTED = (*MORTAL, "2", "before")
"""A server that dies once an accepted change is in the files, before it says so."""
UNDONE = (*MORTAL, "1", "before")
"""The same with a change that was undone."""


async def with_a_proposal(there: Place) -> tuple[str, str]:
    """Carry the mission out until task a's change waits, cancel it, and return the ids of both."""
    there.more["apply"] = "review"
    async with serving(there) as (client, events):
        started = await client.execute("podium.task", {"goal": "Correct the texts."})
        mission: dict[str, Json] = {"missionId": started["missionId"]}
        event = await events.receive()
        while (event["kind"], event.get("label")) != ("proposal_made", "Correct a"):
            event = await events.receive()
        await client.execute("podium.cancel", mission)
        return str(started["missionId"]), str(event["proposal_id"])


async def told(there: Place, command: str, serve: Sequence[str] = SERVE, **params: Json) -> dict[str, Any]:
    """Return the answer of a server to one command; nothing where it is killed meanwhile."""
    answer: dict[str, Any] = {}
    try:
        async with serving(there, serve) as (client, _):
            try:
                answer = cast("dict[str, Any]", await client.execute(f"podium.{command}", params))
            except RequestFailed as refusal:
                answer = {"refused": str(refusal)}
    except* ServerDied:
        answer = {}
    return {} if "ended before it answered" in str(answer.get("refused")) else answer


async def test_what_was_accepted_right_before_a_kill_is_known_to_be_in_the_files_whatever_comes_next(
    tmp_path: Path,
) -> None:
    async with place(tmp_path) as there:
        mission_id, proposal_id = await with_a_proposal(there)
        file = there.root / "a.txt"
        assert await told(there, "accept", ACCEPTED, proposalId=proposal_id) == {}
        assert file.read_text(encoding="utf-8") == "a is right\n"
        refused = await told(there, "reject", proposalId=proposal_id)
        assert "does not wait for a decision: it is delivered" in refused["refused"]
        assert await told(there, "undo", UNDONE, missionId=mission_id) == {}
        assert file.read_text(encoding="utf-8") == "a is wrong\n"
        for direction, text in (("undone", "wrong"), ("redone", "right")):
            turned = await told(there, "undo", missionId=mission_id)
            assert turned["direction"] == direction
            assert file.read_text(encoding="utf-8") == f"a is {text}\n"


async def test_what_was_accepted_right_before_a_kill_is_undone_at_once_and_accepted_again_in_silence(
    tmp_path: Path,
) -> None:
    async with place(tmp_path) as there:
        mission_id, proposal_id = await with_a_proposal(there)
        assert await told(there, "accept", ACCEPTED, proposalId=proposal_id) == {}
        accepted = await told(there, "accept", proposalId=proposal_id)
        assert (accepted["accepted"], accepted["waiting"]) == ([1], [])
        assert (await told(there, "undo", missionId=mission_id))["direction"] == "undone"
        assert (there.root / "a.txt").read_text(encoding="utf-8") == "a is wrong\n"
