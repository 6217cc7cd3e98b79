"""A language server that plays a canned mission: what the command line does is tested against it.

Run as `fake_server.py SCENE`; it reads and writes raw frames and records what it was
asked in `asked.json` of its working directory. Scenes: see `SCENES`.
"""

import base64
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

Message: TypeAlias = dict[str, Any]

MISSION = "m-1"
_seq = 0
_asked: list[Message] = []


def read() -> Message:
    """Return the next message; end with the client."""
    length = 0
    while line := sys.stdin.buffer.readline().strip():
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    if not length:
        sys.exit(1)
    message = json.loads(sys.stdin.buffer.read(length))
    _asked.append(message)
    Path("asked.json").write_text(json.dumps(_asked), encoding="utf-8")
    return message


def send(**message: object) -> None:
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    sys.stdout.buffer.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
    sys.stdout.buffer.flush()


def event(kind: str, **members: object) -> None:
    global _seq
    _seq += 1
    at = 1_800_000_000.0 + _seq
    params = {"missionId": MISSION, "seq": _seq, "at": at, "event": {"kind": kind, **members}}
    send(method="podium/event", params=params)


def ask(method: str, params: Message) -> Message:
    """Send a request and return its response; other messages meanwhile are recorded only."""
    send(id=f"s-{method}", method=method, params=params)
    while True:
        message = read()
        if message.get("id") == f"s-{method}" and "method" not in message:
            return message


def until(*commands: str, refusal: str = "") -> Message:
    """Return the argument of the next of `commands`, which is answered with nothing, or refused."""
    while True:
        message = read()
        if message.get("method") == "shutdown":
            send(id=message["id"], result=None)
        if message.get("method") == "exit":
            sys.exit(0)
        if message.get("method") == "workspace/executeCommand" and message["params"]["command"] in commands:
            answer: Message = {"error": {"code": -32803, "message": refusal}} if refusal else {"result": {}}
            send(id=message["id"], **answer)
            return message["params"]["arguments"][0]


def content(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def uri(name: str) -> str:
    return (Path.cwd() / name).as_uri()


def start(apply: str = "verified") -> None:
    event("mission_started", goal="say it right", mission_kind="task", model="fake/model", apply=apply)


def plan(*titles: str) -> None:
    event("plan_set", tasks=[{"id": f"t{n}", "title": title} for n, title in enumerate(titles, 1)])


def end(status: str = "signed_off", reason: str = "All is well.") -> None:
    event("mission_ended", status=status, reason=reason)


def good() -> None:
    """A mission that changes a file and is signed off."""
    sys.stderr.write("a word to the log\n")
    sys.stderr.flush()
    start()
    plan("Correct the greeting", "Tell the world")
    event("attempt_started", task_id="t1", number=1, mode="code")
    event("agent_started", agent_id="a1", role="worker", task_id="t1", model="fake/model", opening=[])
    event("model_asked", agent_id="a1", request_id="r1")
    usage = {"prompt_tokens": 1200, "completion_tokens": 34, "cached_tokens": 1000, "cost_usd": 0.0123}
    answer = {"role": "assistant", "content": "done"}
    event("model_answered", agent_id="a1", request_id="r1", message=answer, finish_reason="stop", usage=usage)
    threading.Event().wait(float(os.environ.get("SCENE_PAUSE_S", "0")))
    event("agent_ended", agent_id="a1", outcome="finished")
    result = {
        "check": "tests",
        "argv": ["pytest"],
        "exit_code": 0,
        "duration_s": 1.5,
        "output": "",
        "tree_hash": "h",
    }
    event("check_finished", task_id="t1", result=result)
    event("review_submitted", task_id="t1", approved=True, findings=[])
    edit = {"path": "a.txt", "before": content("hallo\n"), "after": content("hello\n")}
    event("task_accepted", task_id="t1", edits=[edit], tree_hash="h", checks=["tests"])
    event("proposal_made", proposal_id="p1", label="Correct the greeting", edits=[edit], task_id="t1")
    text_edit = {
        "range": {"start": {"line": 0, "character": 1}, "end": {"line": 0, "character": 2}},
        "newText": "e",
    }
    changes = [{"textDocument": {"uri": uri("a.txt"), "version": None}, "edits": [text_edit]}]
    answer = ask("workspace/applyEdit", {"label": "greeting", "edit": {"documentChanges": changes}})
    assert answer["result"] == {"applied": True}, answer
    event("proposal_delivered", proposal_id="p1", outcome="editor")
    event("task_dropped", task_id="t2", reason="the world knows")
    end()


def question() -> None:
    """A mission that asks, and is signed off when the answer is `yes`."""
    start()
    event("question_asked", question_id="q1", text="Shall I?", options=["yes", "No", "Stop"])
    answer = until("podium.answer")
    event("question_answered", question_id="q1", answer=answer["answer"])
    if answer["answer"] == "yes":
        end()
    else:
        end("stopped", f"You said {answer['answer']}.")


def review(refusal: str = "") -> None:
    """A mission with a change to review; `refusal` is why it cannot be applied."""
    start("review")
    edit = {"path": "a.txt", "before": content("hallo\n"), "after": content("hello\n")}
    event("proposal_made", proposal_id="p1", label="greeting", edits=[edit])
    argument = until("podium.accept", "podium.reject", refusal=refusal)
    if refusal:
        argument = until("podium.reject")
    if "reason" in argument:
        event("proposal_decided", proposal_id="p1", rejected=[1], reason=argument["reason"])
        end("stopped", "Every change was rejected.")
    else:
        event("proposal_decided", proposal_id="p1", accepted=[1], outcome="editor")
        end()


def outdated() -> None:
    """A mission with a change to review that does not fit any more."""
    review("You changed the same lines.")


def kept_out() -> None:
    """A mission with a change that could not be applied."""
    start()
    edit = {"path": "a.txt", "before": content("hallo\n"), "after": content("hello\n")}
    event("proposal_made", proposal_id="p1", label="greeting", edits=[edit])
    event("proposal_refused", proposal_id="p1", reason="the editor said no")
    until("podium.cancel")
    end("cancelled", "Cancelled by the user.")


def patient() -> None:
    """A mission that goes on until it is cancelled."""
    start()
    until("podium.cancel")
    end("cancelled", "Cancelled by the user.")


def asks_until_cancelled() -> None:
    """A mission that waits for an answer, or for its end."""
    start()
    event("question_asked", question_id="q1", text="Shall I?", options=[])
    until("podium.cancel")
    event("question_answered", question_id="q1", answer=None)
    end("cancelled", "Cancelled by the user.")


def deaf() -> None:
    """A mission whose server cares neither for requests, nor for signals, nor for the end of its input."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", "import threading; threading.Event().wait(60)"])
    Path("child.pid").write_text(str(child.pid), encoding="utf-8")
    start()
    threading.Event().wait()


def dies() -> None:
    """A server that falls over in the middle."""
    start()
    sys.stderr.write("Traceback: the roof is on fire\n")
    sys.stderr.flush()
    os._exit(3)


def curious(requests: Message) -> Message:
    """Send each of `requests` (parameters by method) and return what came back, by method."""
    send(method="window/logMessage", params={"type": 3, "message": "curious"})
    answers = {method: ask(method, params) for method, params in requests.items()}
    return {method: answer.get("result", answer.get("error")) for method, answer in answers.items()}


SCENES: Mapping[str, Callable[[], None]] = {
    "good": good,
    "question": question,
    "review": review,
    "kept out": kept_out,
    "outdated": outdated,
    "patient": patient,
    "asks_until_cancelled": asks_until_cancelled,
    "deaf": deaf,
    "dies": dies,
}


def main() -> None:
    scene = sys.argv[1]
    while True:
        message = read()
        method, number = message.get("method"), message.get("id")
        if method == "initialize" and scene == "refuses":
            send(id=number, error={"code": -32602, "message": "there is no setting `modle`"})
        elif method == "initialize":
            Path("server.pid").write_text(str(os.getpid()), encoding="utf-8")
            send(id=number, result={"capabilities": {"positionEncoding": "utf-8"}})
        elif method == "workspace/executeCommand" and scene == "curious":
            send(id=number, result=curious(message["params"]["arguments"][0]))
        elif method == "workspace/executeCommand":
            send(id=number, result={"missionId": MISSION})
            SCENES[scene]()
        elif method == "shutdown":
            send(id=number, result=None)
        elif method == "exit":
            sys.exit(0)


if __name__ == "__main__":
    main()
