"""Cold start to the answer to `initialize`, beside a bare pygls server started in the same run.

Both are processes of this Python that are told to initialize over stdio; they take turns. Resident memory
is read when the answer is there and the workspace is open.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

STARTS = 7
BARE = "from pygls.lsp.server import LanguageServer; LanguageServer('bare', '0').start_io()"


def run() -> dict[str, float]:
    """Return median seconds to the answer, MB, and the ratio to pygls."""
    print(f"{STARTS} cold starts of each, in turn; the first of each is not counted.")
    podium = [sys.executable, "-m", "podium", "serve"]
    took: dict[str, list[float]] = {"podium": [], "pygls": []}
    memory_mb: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PODIUM_STATE_DIR": folder, "XDG_CONFIG_HOME": folder}
        for _ in range(STARTS + 1):
            for name, argv in (("podium", podium), ("pygls", [sys.executable, "-c", BARE])):
                seconds, rss_mb = _start(argv, Path(folder), environment)
                took[name].append(seconds)
                if name == "podium":
                    memory_mb.append(rss_mb)
    for name, seconds in took.items():
        print(f"{name}: {', '.join(f'{s:.2f}' for s in seconds)} s")
    ours, bare = (statistics.median(took[name][1:]) for name in ("podium", "pygls"))
    return {
        "initialize_s": round(ours, 3),
        "rss_mb": round(max(memory_mb), 1),
        "ratio_to_pygls": round(ours / bare, 2),
    }


def _start(argv: list[str], workspace: Path, environment: dict[str, str]) -> tuple[float, float]:
    """Return the seconds from the start of the process to its answer, and its memory in MB."""
    began = time.perf_counter()
    with subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        cwd=workspace,
    ) as process:
        params: dict[str, object] = {"processId": None, "rootUri": workspace.as_uri(), "capabilities": {}}
        _send(process, {"id": 1, "method": "initialize", "params": params})
        _receive(process)
        seconds = time.perf_counter() - began
        _send(process, {"method": "initialized", "params": {}})
        command: dict[str, object] = {"command": "podium.missions", "arguments": []}
        _send(process, {"id": 2, "method": "workspace/executeCommand", "params": command})
        _receive(process)
        rss_mb = psutil.Process(process.pid).memory_info().rss / 1e6
        _send(process, {"id": 3, "method": "shutdown"})
        _receive(process)
        _send(process, {"method": "exit"})
        process.wait(20)
    return seconds, rss_mb


def _send(process: "subprocess.Popen[bytes]", message: dict[str, object]) -> None:
    assert process.stdin
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
    process.stdin.flush()


def _receive(process: "subprocess.Popen[bytes]") -> None:
    """Read until an answer has come; notifications are passed over."""
    assert process.stdout
    while True:
        length = 0
        while line := process.stdout.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        if "method" not in json.loads(process.stdout.read(length)):
            return
