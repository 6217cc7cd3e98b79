"""The built-in client by itself: what it answers, and how it ends."""

import sys
from collections.abc import Sequence
from pathlib import Path

import anyio
import pytest

from podium.domain.messages import Json
from podium.lsp.client import Params, RequestFailed, ServerDied, connect
from tests.cli.command import HERE, asked, server_is_gone

pytestmark = pytest.mark.anyio


def serve(scene: str) -> Sequence[str]:
    return (sys.executable, str(HERE / "fake_server.py"), scene)


def ignore(_method: str, _params: Params) -> None:
    """Let notifications pass."""


async def answers(folder: Path, requests: dict[str, Json]) -> dict[str, Json]:
    """Return what the client answered to each of the server's `requests`."""

    async def first(_text: str, titles: Sequence[str]) -> str | None:
        return titles[0] if titles else None

    with anyio.fail_after(30):
        async with connect(
            serve("curious"), folder, options={}, on_notification=ignore, on_message=first
        ) as client:
            return await client.execute("podium.test", requests)


async def test_every_request_of_a_server_gets_an_answer(tmp_path: Path) -> None:
    told = await answers(
        tmp_path,
        {
            "window/workDoneProgress/create": {"token": "t"},
            "client/registerCapability": {"registrations": []},
            "workspace/codeLens/refresh": {},
            "workspace/configuration": {"items": [{"section": "podium"}, {"section": "x"}]},
            "window/showDocument": {"uri": "file:///a"},
            "window/showMessageRequest": {"type": 3, "message": "?", "actions": [{"title": "Yes"}]},
        },
    )
    assert told == {
        "window/workDoneProgress/create": None,
        "client/registerCapability": None,
        "workspace/codeLens/refresh": None,
        "workspace/configuration": [None, None],
        "window/showDocument": {"success": True},
        "window/showMessageRequest": {"title": "Yes"},
    }


async def test_what_the_client_does_not_know_is_an_error_and_not_silence(tmp_path: Path) -> None:
    told = await answers(tmp_path, {"podium/unheardOf": {}, "workspace/applyEdit": {"edit": {"changes": 3}}})
    unknown, malformed = told.values()
    assert isinstance(unknown, dict)
    assert unknown["code"] == -32601
    assert isinstance(malformed, dict)
    assert malformed["code"] == -32602


async def test_an_edit_that_cannot_be_applied_says_why(tmp_path: Path) -> None:
    missing = (tmp_path / "missing.txt").as_uri()
    told = await answers(
        tmp_path, {"workspace/applyEdit": {"edit": {"documentChanges": [{"kind": "delete", "uri": missing}]}}}
    )
    reason = f"{tmp_path / 'missing.txt'} does not exist."
    assert told == {"workspace/applyEdit": {"applied": False, "failureReason": reason}}


async def test_a_server_that_is_asked_to_end_ends(tmp_path: Path) -> None:
    async with connect(serve("curious"), tmp_path, options={"model": "m"}, on_notification=ignore) as client:
        assert client.encoding == "utf-8"
    assert server_is_gone(tmp_path)
    (initialize,) = asked(tmp_path, "initialize")
    assert initialize["initializationOptions"] == {"model": "m"}
    assert len(asked(tmp_path, "exit")) == 1


async def test_an_error_of_the_server_carries_its_code_and_message(tmp_path: Path) -> None:
    with pytest.raises(ExceptionGroup) as failed:
        async with connect(serve("refuses"), tmp_path, options={}, on_notification=ignore):
            pass
    (error,) = failed.value.exceptions
    assert isinstance(error, RequestFailed)
    assert (error.code, str(error)) == (RequestFailed.INVALID_PARAMS, "there is no setting `modle`")


async def test_the_death_of_the_server_ends_whatever_waits_for_it(tmp_path: Path) -> None:
    async def wait_in_vain() -> None:
        async with connect(serve("dies"), tmp_path, options={}, on_notification=ignore) as client:
            await client.execute("podium.task", {})
            await anyio.sleep_forever()

    with pytest.raises(ExceptionGroup) as failed, anyio.fail_after(30):
        await wait_in_vain()
    (error,) = failed.value.exceptions
    assert isinstance(error, ServerDied)
    assert error.exit_code == 3
    assert "the roof is on fire" in str(error)


async def test_a_server_is_asked_to_end_when_its_user_is_cancelled(tmp_path: Path) -> None:
    with anyio.move_on_after(20) as scope:
        async with connect(serve("curious"), tmp_path, options={}, on_notification=ignore):
            scope.cancel()
            await anyio.sleep_forever()
    assert scope.cancelled_caught
    assert len(asked(tmp_path, "exit")) == 1
    assert server_is_gone(tmp_path)
