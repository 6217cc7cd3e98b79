"""How the server begins and how it ends: every end is bounded, cleans up and tells its exit code."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lsp.raw_client import Message, RawClient

SERVER = "tests.lsp.trap_server"


def hang_up(client: RawClient) -> None:
    client.hang_up()


def exit_only(client: RawClient) -> None:
    client.notify("exit")


def terminate(client: RawClient) -> None:
    client.kill(signal.SIGTERM)


def interrupt(client: RawClient) -> None:
    client.kill(signal.SIGINT)


def shutdown_and_exit(client: RawClient) -> None:
    client.request("shutdown")
    client.notify("exit")


@pytest.mark.parametrize(
    ("end", "exit_code"),
    [(hang_up, 1), (exit_only, 1), (shutdown_and_exit, 0), (terminate, 143), (interrupt, 130)],
)
def test_missions_are_checkpointed_whatever_ends_the_server(
    end: Callable[[RawClient], None], exit_code: int, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "checkpoint"
    with RawClient(SERVER, "5") as client:
        client.initialize()
        client.request("probe/start_mission", {"path": str(checkpoint), "s": 0.05})
        running = client.begin("probe/sleep", {"s": 30})
        end(client)
        assert client.response(running)["error"]["code"] == -32800
        assert client.exit_code() == exit_code
        assert checkpoint.read_text("utf-8") == "checkpointed"
        assert "Traceback" not in client.log
        order = [line for line in client.log.splitlines() if "mission" in line or "service" in line]
        assert order == ["the mission is checkpointed", "the service ends"]


def test_a_server_that_was_started_to_outlive_its_terminal_does_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as `nohup` does, for all that it starts
    try:
        client = RawClient(SERVER, "5")
    finally:
        signal.signal(signal.SIGHUP, before)
    with client:
        client.initialize()
        client.kill(signal.SIGHUP)
        client.request("shutdown")
        client.notify("exit")
        assert client.exit_code() == 0


def test_a_task_that_refuses_to_end_is_abandoned(tmp_path: Path) -> None:
    with RawClient(SERVER, "0.3") as client:
        client.initialize()
        client.request("probe/start_mission", {"path": str(tmp_path / "x"), "s": 60})
        client.kill(signal.SIGTERM)
        assert client.exit_code() == 143


def test_a_client_that_neither_reads_nor_dies_cannot_hold_the_server() -> None:
    with RawClient(SERVER, "5") as client:
        client.initialize()
        client.pause()
        client.begin("probe/flood", {"n": 2000})
        client.wait_log("flooded")
        client.kill(signal.SIGTERM)
        assert client.exit_code() == 143


def test_the_death_of_the_named_parent_ends_the_server_although_its_input_is_open() -> None:
    parent = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        with RawClient(SERVER, "5") as client:
            client.initialize(processId=parent.pid)
            assert client.request("probe/echo")["result"] is None
            parent.kill()
            parent.wait()
            assert client.exit_code() == 1
    finally:
        parent.kill()
        parent.communicate()


def test_a_parent_that_cannot_be_seen_from_here_does_not_count_as_dead() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    with RawClient(SERVER, "5") as client:
        client.initialize(processId=gone.pid)
        assert client.request("probe/sleep", {"s": 0.05})["result"] == "slept"


def test_nothing_is_handled_before_initialize_and_initialize_only_once() -> None:
    with RawClient(SERVER, "5") as client:
        client.notify("probe/say", {"text": "too early"})
        assert client.request("probe/echo")["error"]["code"] == -32002
        assert client.request("initialize", {"processId": "x"})["error"]["code"] == -32602
        folders: Message = {"processId": None, "capabilities": {}, "workspaceFolders": [{"uri": "file:///a"}]}
        assert "workspaceFolders[0].name" in client.request("initialize", folders)["error"]["message"]
        client.initialize()
        again = client.request("initialize", {"processId": None, "rootUri": None, "capabilities": {}})
        assert again["error"]["code"] == -32600
        assert "too early" not in client.log


def test_the_clients_first_encoding_that_is_known_is_taken() -> None:
    offered = ["utf-7", "utf-32", "utf-8", "utf-16"]
    with RawClient(SERVER, "5") as client:
        can = client.initialize({"general": {"positionEncodings": offered}})["capabilities"]
        assert can["positionEncoding"] == "utf-32"


def test_the_server_starts_small_and_says_what_it_can() -> None:
    with RawClient(SERVER, "5") as client:
        can = client.initialize()["capabilities"]
        assert can["textDocumentSync"] == {"openClose": True, "change": 2, "save": True}
        assert can["executeCommandProvider"] == {
            "commands": ["probe.command", "probe.sleep"],
            "workDoneProgress": True,
        }
        assert can["positionEncoding"] == "utf-16"
        assert can["hoverProvider"] is True
        assert can["codeActionProvider"] is True  # put there by a callback of a feature
        assert client.request("probe/memory_mb")["result"] < 80
        modules = client.request("probe/modules")["result"]
        assert not {"litellm", "rich", "httpx", "coverage"} & set(modules)
