"""The loopback provider, also as a process of its own."""

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import anyio
import httpx
import pytest

from tests.models.provider import Provider, Reply, calls, drops, fails, reply_from, says

pytestmark = pytest.mark.anyio
ASKED = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}]}


async def test_replies_come_in_order_over_one_connection_and_requests_are_recorded() -> None:
    async with Provider([says("one"), calls(("t", {"a": 1}))]) as provider, httpx.AsyncClient() as http:
        chat = f"{provider.url}/chat/completions"
        first = (await http.post(chat, json=ASKED)).json()
        second = (await http.post(chat, json=ASKED)).json()
        third = await http.post(chat, json=ASKED)
    assert first["choices"][0]["message"]["content"] == "one"
    assert second["choices"][0]["message"]["tool_calls"][0]["function"] == {
        "name": "t",
        "arguments": '{"a": 1}',
    }
    assert third.status_code == 500
    assert provider.connections == 1
    assert [received.body for received in provider.requests] == [ASKED] * 3


async def test_faults_are_real_http_faults() -> None:
    async with (
        Provider([fails(429, "slow", retry_after="2"), drops()]) as provider,
        httpx.AsyncClient() as http,
    ):
        reply = await http.post(f"{provider.url}/chat/completions", json=ASKED)
        assert (reply.status_code, reply.headers["retry-after"]) == (429, "2")
        with pytest.raises(httpx.RemoteProtocolError):
            await http.post(f"{provider.url}/chat/completions", json=ASKED)


async def test_a_client_that_leaves_before_the_reply_is_noticed() -> None:
    arrived = anyio.Event()

    def respond(_: object) -> Reply:
        arrived.set()
        return says("late").after(60)

    async with (
        Provider(respond) as provider,
        httpx.AsyncClient() as http,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(partial(http.post, f"{provider.url}/chat/completions", json=ASKED, timeout=None))
        await arrived.wait()
        tasks.cancel_scope.cancel()
        with anyio.CancelScope(shield=True), anyio.fail_after(20):
            await provider.requests[0].abandoned.wait()


def test_it_runs_as_a_process_that_prints_its_port(tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text(json.dumps([{"say": "hello"}, {"status": 503, "message": "busy"}]), "utf-8")
    command = [sys.executable, "-m", "tests.models.provider", str(script)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            url = f"http://127.0.0.1:{int(server.stdout.readline())}"
            answer = httpx.post(f"{url}/v1/chat/completions", json=ASKED).json()
            assert answer["choices"][0]["message"]["content"] == "hello"
            assert httpx.post(f"{url}/v1/chat/completions", json=ASKED).status_code == 503
            assert [seen["body"] for seen in httpx.get(f"{url}/requests").json()["requests"]] == [ASKED] * 2
        finally:
            server.terminate()


def test_an_entry_of_a_script_that_says_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="no reply"):
        reply_from({"sya": "typo"})
