"""Traps of stock pygls: each is shown to catch it, and not to catch the host."""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager

import pytest

from tests.lsp.raw_client import NoAnswer, RawClient, frame

URI = "file:///project/a.txt"


def invalid_params_are_answered_and_name_the_field(client: RawClient) -> None:
    error = client.request("textDocument/hover", {"textDocument": {"uri": URI}})["error"]
    assert error["code"] == -32602
    assert "position" in error["message"]


def a_request_without_params_is_answered(client: RawClient) -> None:
    client.send({"id": "bare", "method": "probe/echo"})
    assert client.response("bare")["result"] is None


def a_nested_object_may_look_like_a_message(client: RawClient) -> None:
    nested = {"transcript": [{"jsonrpc": "2.0", "id": 1, "method": "tools/call"}]}
    assert client.request("probe/echo", nested)["result"] == nested


def the_keys_of_custom_params_are_untouched(client: RawClient) -> None:
    params = {"c-d": 1, "class": {"type_name": "x"}, "type_name": "y", "_0": 2}
    assert client.request("probe/echo", params)["result"] == params


def a_defect_is_answered_without_its_inside(client: RawClient) -> None:
    error = client.request("probe/fail", {})["error"]
    assert error["code"] == -32603
    assert "secret" not in str(error)
    assert ".py" not in str(error)


def a_defect_in_a_notification_does_not_pop_up(client: RawClient) -> None:
    client.notify("probe/fail", {})
    client.request("probe/echo", {"a": 1})
    assert "window/showMessage" not in client.methods()


def unreadable_json_is_answered_and_does_not_pop_up(client: RawClient) -> None:
    client.send_bytes(b"Content-Length: 9\r\n\r\n{not json")
    assert client.response(None)["error"]["code"] == -32700
    assert "window/showMessage" not in client.methods()


def a_lower_case_header_is_understood(client: RawClient) -> None:
    message = frame({"jsonrpc": "2.0", "id": "low", "method": "probe/echo", "params": {"a": 1}})
    client.send_bytes(message.replace(b"Content-Length", b"content-length"))
    assert client.response("low")["result"] == {"a": 1}


def a_command_gets_the_work_done_token(client: RawClient) -> None:
    params = {"command": "probe.command", "arguments": [{"goal": "x"}], "workDoneToken": "t1"}
    result = client.request("workspace/executeCommand", params)["result"]
    assert result == {"token": "t1", "arguments": [{"goal": "x"}]}


def a_null_result_does_not_hang_the_one_who_asked(client: RawClient) -> None:
    client.answer = lambda _request: {"result": None}  # as Eglot answers what it does not know
    params = {"method": "window/showDocument", "params": {"uri": "file:///a"}, "timeoutS": 30}
    assert "ClientUnreadable" in str(client.request("probe/ask", params)["result"])


def cancelling_one_who_asks_cancels_what_was_asked(client: RawClient) -> None:
    params = {"method": "window/showDocument", "params": {"uri": "file:///a"}, "timeoutS": 30}
    asking = client.begin("probe/ask", params)
    asked = client.call("window/showDocument")
    client.notify("$/cancelRequest", {"id": asking})
    assert client.response(asking)["error"]["code"] == -32800
    assert client.call("$/cancelRequest")["params"] == {"id": asked["id"]}


def shutdown_succeeds_while_requests_run_and_later_ones_are_refused(client: RawClient) -> None:
    params = {"command": "probe.sleep", "arguments": [30]}
    running = [client.begin("workspace/executeCommand", params) for _ in range(3)]
    client.request("probe/echo", {"a": 1})
    assert client.request("shutdown")["result"] is None
    assert [client.response(n)["error"]["code"] for n in running] == [-32800] * 3
    error = client.request("probe/echo", {"a": 1})["error"]
    assert error == {"code": -32600, "message": "shutting down"}


def exit_without_shutdown_is_an_error(client: RawClient) -> None:
    client.notify("exit")
    assert client.exit_code() == 1


def a_form_feed_does_not_end_a_line(client: RawClient) -> None:
    text = "one\ftwo\u2028three\nfour\n"
    open_document(client, text)
    change_document(client, (1, 0), (1, 4), "FOUR")
    expected = text.replace("four", "FOUR")
    assert client.request("probe/text", {"uri": URI})["result"] == {"text": expected, "version": 2}


def a_position_beyond_the_end_of_the_last_line_is_its_end(client: RawClient) -> None:
    open_document(client, "abc")
    change_document(client, (0, 10), (0, 10), "X")
    assert client.request("probe/text", {"uri": URI})["result"]["text"] == "abcX"


def a_client_that_stops_reading_does_not_freeze_the_loop(client: RawClient) -> None:
    client.pause()
    client.begin("probe/flood", {"n": 3000})
    client.notify("probe/say", {"text": "still alive"})
    client.wait_log("still alive")
    client.go_on()


Trap = Callable[[RawClient], None]
TRAPS: list[Trap] = [
    invalid_params_are_answered_and_name_the_field,
    a_request_without_params_is_answered,
    a_nested_object_may_look_like_a_message,
    the_keys_of_custom_params_are_untouched,
    a_defect_is_answered_without_its_inside,
    a_defect_in_a_notification_does_not_pop_up,
    unreadable_json_is_answered_and_does_not_pop_up,
    a_command_gets_the_work_done_token,
    a_null_result_does_not_hang_the_one_who_asked,
    cancelling_one_who_asks_cancels_what_was_asked,
    a_form_feed_does_not_end_a_line,
    a_position_beyond_the_end_of_the_last_line_is_its_end,
]
HANGING: list[Trap] = [
    a_lower_case_header_is_understood,
    a_client_that_stops_reading_does_not_freeze_the_loop,
]
"""Traps after which stock pygls is of no further use."""
ENDING: list[Trap] = [
    shutdown_succeeds_while_requests_run_and_later_ones_are_refused,
    exit_without_shutdown_is_an_error,
]


def name(trap: Trap) -> str:
    return trap.__name__


def open_document(client: RawClient, text: str) -> None:
    document = {"uri": URI, "languageId": "plaintext", "version": 1, "text": text}
    client.notify("textDocument/didOpen", {"textDocument": document})


def change_document(client: RawClient, start: tuple[int, int], end: tuple[int, int], text: str) -> None:
    ends = [{"line": line, "character": character} for line, character in (start, end)]
    change = {"range": {"start": ends[0], "end": ends[1]}, "text": text}
    params = {"textDocument": {"uri": URI, "version": 2}, "contentChanges": [change]}
    client.notify("textDocument/didChange", params)


@contextmanager
def started(module: str, *args: str, patience_s: float = 10) -> Generator[RawClient]:
    with RawClient(module, *args, patience_s=10) as client:
        client.initialize()
        client.patience_s = patience_s
        yield client


@pytest.fixture(scope="module")
def host() -> Iterator[RawClient]:
    with started("tests.lsp.trap_server", "3") as client:
        yield client


@pytest.fixture(scope="module")
def stock() -> Iterator[RawClient]:
    with started("tests.lsp.stock_server", patience_s=0.7) as client:
        yield client


@pytest.mark.parametrize("trap", TRAPS + HANGING, ids=name)
def test_the_host(host: RawClient, trap: Trap) -> None:
    host.received.clear()
    host.answer = lambda _request: None
    trap(host)


@pytest.mark.parametrize("trap", ENDING, ids=name)
def test_a_new_host(trap: Trap) -> None:
    with started("tests.lsp.trap_server", "3") as client:
        trap(client)


@pytest.mark.parametrize("trap", TRAPS, ids=name)
def test_stock_pygls_fails_at(stock: RawClient, trap: Trap) -> None:
    stock.received.clear()
    stock.answer = lambda _request: None
    with pytest.raises((NoAnswer, AssertionError, KeyError)):
        trap(stock)


@pytest.mark.parametrize("trap", HANGING + ENDING, ids=name)
def test_a_new_stock_pygls_fails_at(trap: Trap) -> None:
    with (
        started("tests.lsp.stock_server", patience_s=0.7) as client,
        pytest.raises((NoAnswer, AssertionError, KeyError)),
    ):
        trap(client)
