"""The host against a real client: order, errors, both directions, limits of the streams."""

from collections.abc import Iterator

import pytest

from tests.lsp.raw_client import Message, RawClient, frame

SERVER = "tests.lsp.trap_server"
URI = "file:///project/b.txt"


@pytest.fixture(scope="module")
def shared() -> Iterator[RawClient]:
    with RawClient(SERVER, "3") as client:
        client.initialize()
        yield client


@pytest.fixture
def client(shared: RawClient) -> RawClient:
    shared.received.clear()
    shared.answer = lambda _request: None
    return shared


def ask_params(timeout_s: float = 30, method: str = "window/showDocument") -> Message:
    return {"method": method, "params": {"uri": "file:///a"}, "timeoutS": timeout_s}


# --- requests -------------------------------------------------------------------------------------------


def test_custom_params_are_validated_and_every_wrong_field_is_named(client: RawClient) -> None:
    error = client.request("probe/typed", {"missionId": 3, "maxParallell": 2})["error"]
    assert error["code"] == -32602
    assert error["data"] == {"fields": ["missionId", "maxParallell"]}
    good = {"missionId": "m1", "maxParallel": 2}
    assert client.request("probe/typed", good)["result"] == good


@pytest.mark.parametrize("params", [None, [], [1], "text", 3])
def test_params_of_the_wrong_shape_are_refused(client: RawClient, params: object) -> None:
    for method in ("probe/typed", "textDocument/hover", "workspace/executeCommand"):
        assert client.request(method, params)["error"]["code"] == -32602


def test_invalid_params_of_a_nested_field_are_named_as_on_the_wire(client: RawClient) -> None:
    params = {"textDocument": {"uri": URI}, "position": {"line": "x", "character": 0}}
    assert "position.line" in client.request("textDocument/hover", params)["error"]["message"]


def test_the_users_errors_are_told_in_their_words_and_defects_only_to_the_log(client: RawClient) -> None:
    assert client.request("probe/refuse")["error"] == {"code": -32803, "message": "Set `model` first."}
    client.request("probe/fail")
    client.wait_log("ValueError: a secret in")


def test_a_result_that_has_no_form_in_json_is_a_defect(client: RawClient) -> None:
    assert client.request("probe/unserialisable")["error"]["code"] == -32603


def test_unknown_requests_are_refused_and_unknown_notifications_ignored(client: RawClient) -> None:
    client.notify("$/unknown", {"a": 1})
    assert client.request("$/unknown")["error"]["code"] == -32601
    assert client.request("workspace/executeCommand", {"command": "no"})["error"]["code"] == -32602
    assert len(client.received) == 2


@pytest.mark.parametrize(
    "message",
    [[], 3, {}, {"id": 1}, {"id": True, "method": "a"}, {"id": 1.5, "method": "a"}, {"id": 1, "method": 7}],
)
def test_what_is_no_message_is_answered_as_such(client: RawClient, message: object) -> None:
    client.send_bytes(frame(message))
    assert client.wait_for(lambda m: "error" in m)["error"]["code"] == -32600


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 200_000, b'{"text": "\xff"}', b"9" * 5000])
def test_what_is_not_readable_as_json_is_answered_as_such(client: RawClient, body: bytes) -> None:
    client.send_bytes(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
    assert client.response(None)["error"]["code"] == -32700


def test_an_id_that_is_still_open_cannot_be_used_again(client: RawClient) -> None:
    client.send({"id": "twice", "method": "probe/sleep", "params": {"s": 30}})
    client.send({"id": "twice", "method": "probe/echo"})
    assert client.response("twice")["error"]["code"] == -32600
    client.notify("$/cancelRequest", {"id": "twice"})


def test_text_that_is_not_valid_unicode_survives(client: RawClient) -> None:
    params = {"lone": "\ud83d", "pair": "🙂", "keys": {"\udc00": "\u2028\x00"}}
    assert client.request("probe/echo", params)["result"] == params


# --- order and cancellation -----------------------------------------------------------------------------


def test_a_request_that_is_cancelled_while_it_waits_is_not_executed(client: RawClient) -> None:
    client.send(
        {"id": "slow", "method": "probe/block", "params": {"s": 0.2}},
        {"id": "withdrawn", "method": "probe/note", "params": {"text": "executed"}},
        {"method": "$/cancelRequest", "params": {"id": "withdrawn"}},
    )
    assert client.response("withdrawn")["error"]["code"] == -32800
    assert "executed" not in client.request("probe/told")["result"]


def test_a_running_request_is_cancelled_and_answered(client: RawClient) -> None:
    running = client.begin("probe/sleep", {"s": 30})
    client.request("probe/echo")
    client.notify("$/cancelRequest", {"id": running})
    assert client.response(running)["error"]["code"] == -32800
    client.notify("$/cancelRequest", {"id": running})
    client.notify("$/cancelRequest", {"id": "never sent"})
    client.notify("$/cancelRequest")
    assert client.request("probe/open_requests")["result"] == 0


def test_a_request_sees_the_documents_as_they_were_when_it_was_sent(client: RawClient) -> None:
    def version(number: int) -> Message:
        params = {
            "textDocument": {"uri": URI, "version": number},
            "contentChanges": [{"text": f"v{number}"}],
        }
        return {"method": "textDocument/didChange", "params": params}

    item = {"uri": URI, "languageId": "x", "version": 1, "text": "v1"}
    client.send(
        {"method": "textDocument/didOpen", "params": {"textDocument": item}},
        version(2),
        {"id": "looks", "method": "probe/text_after_wait", "params": {"uri": URI}},
        version(3),
        {"id": "last", "method": "probe/text", "params": {"uri": URI}},
    )
    assert client.response("looks")["result"] == ["v2", "v3"]
    assert client.response("last")["result"] == {"text": "v3", "version": 3}


def test_many_requests_in_one_write_are_all_answered_in_order(client: RawClient) -> None:
    client.send(*({"id": f"n{n}", "method": "probe/echo", "params": {"n": n}} for n in range(2000)))
    client.response("n1999")
    assert [m["result"]["n"] for m in client.received] == list(range(2000))


# --- what the server asks -------------------------------------------------------------------------------


def test_an_answer_of_the_client_arrives_as_its_type(client: RawClient) -> None:
    client.answer = lambda _request: {"result": {"success": True}}
    result = client.request("probe/ask", ask_params())["result"]
    assert result == {"answer": "ShowDocumentResult(success=True)"}


def test_an_answer_that_is_an_array_arrives_as_a_list(client: RawClient) -> None:
    client.answer = lambda _request: {"result": [{"apply": "end"}, None]}
    params: Message = {"method": "workspace/configuration", "params": {"items": []}, "timeoutS": 30}
    assert client.request("probe/ask", params)["result"] == {"answer": "[{'apply': 'end'}, None]"}


def test_the_clients_refusal_is_an_exception_of_its_own(client: RawClient) -> None:
    client.answer = lambda _request: {"error": {"code": -32601, "message": "not here"}}
    result = client.request("probe/ask", ask_params())["result"]
    assert result == {"failure": "ClientRefused", "message": "window/showDocument: not here (-32601)"}


def test_one_who_is_not_answered_stops_waiting_and_a_late_answer_is_ignored(client: RawClient) -> None:
    result = client.request("probe/ask", ask_params(timeout_s=0.05))["result"]
    assert result["failure"] == "ClientSilent"
    asked = client.call("window/showDocument")
    assert client.call("$/cancelRequest")["params"] == {"id": asked["id"]}
    client.send({"id": asked["id"], "result": {"success": True}})
    client.send({"id": "never asked", "error": {"code": 1, "message": "x"}})
    assert client.request("probe/open_requests")["result"] == 0
    assert "window/showMessage" not in client.methods()


def test_a_cancelled_progress_reaches_the_feature_that_listens(client: RawClient) -> None:
    client.notify("window/workDoneProgress/cancel", {"token": "t7"})
    assert "cancel t7" in client.request("probe/told")["result"]


# --- streams --------------------------------------------------------------------------------------------


def test_neither_a_print_nor_a_child_process_can_corrupt_the_stream(client: RawClient) -> None:
    assert client.request("probe/litter")["result"] is None
    client.wait_log("a stray print")
    client.wait_log("from a child ''")  # its standard input was empty: it took no byte of the protocol


def test_frames_may_come_in_pieces_and_with_other_headers(client: RawClient) -> None:
    body = b'{"id":"pieces","method":"probe/echo","params":["\xc3\xa9"]}'
    head = b"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nCONTENT-LENGTH:  %d \r\n\r\n" % len(
        body
    )
    for byte in head + body:
        client.send_bytes(bytes([byte]))
    assert client.response("pieces")["result"] == ["é"]


def test_messages_of_megabytes_pass_in_both_directions(client: RawClient) -> None:
    params = {"text": "0123456789" * 300_000}
    assert client.request("probe/echo", params)["result"] == params


def test_a_client_that_lags_loses_what_may_be_lost_and_nothing_else(client: RawClient) -> None:
    client.pause()
    flood = client.begin("probe/flood", {"n": 20_000})
    client.wait_log("flooded")
    client.go_on()
    accepted = client.response(flood)["result"]["accepted"]
    drops = [m["params"]["number"] for m in client.received if m.get("method") == "probe/drop"]
    assert 1000 < accepted == len(drops) < 10_000  # 4 MiB of 1 kB each, plus what the pipe holds
    assert drops == sorted(drops)
    assert client.request("probe/memory_mb")["result"] < 120


def test_a_stream_that_cannot_be_read_ends_the_server_cleanly() -> None:
    with RawClient(SERVER, "3") as client:
        client.send_bytes(b"Content-Length: many\r\n\r\n{}")
        assert client.exit_code() == 1
        assert "The client's stream is unreadable: Content-Length is b'many'." in client.log
        assert "Traceback" not in client.log
