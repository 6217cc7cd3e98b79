"""Running the command line as a real process, with a canned server behind it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from podium.domain.messages import Json

HERE = Path(__file__).parent
PATIENCE_S = 30


def command(scene: str, *argv: str) -> list[str]:
    """Return the argv of the `podium` command whose server plays `scene`."""
    return [sys.executable, str(HERE / "drive.py"), scene, *argv]


def start(folder: Path, scene: str, *argv: str, **environment: str) -> "subprocess.Popen[str]":
    """Start a command in `folder`; the caller ends it."""
    return subprocess.Popen(
        command(scene, *argv),
        cwd=folder,
        env={**os.environ, "COLUMNS": "100", **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def run(folder: Path, scene: str, *argv: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a command in `folder` to its end."""
    with start(folder, scene, *argv, **environment) as process:
        try:
            out, err = process.communicate(timeout=PATIENCE_S)
        finally:
            process.kill()
    return subprocess.CompletedProcess(argv, process.returncode, out, err)


def interrupt_when(process: "subprocess.Popen[str]", kind: str, *signals: signal.Signals) -> str:
    """Send `signals` once `--json` has told of an event of `kind`; return the rest of the output."""
    assert process.stdout
    for line in process.stdout:
        if kind in line:
            break
    for number in signals:
        process.send_signal(number)
    try:
        return process.communicate(timeout=PATIENCE_S)[0]
    finally:
        process.kill()


def server_is_gone(folder: Path) -> bool:
    """Return whether the server that a command started in `folder` has ended."""
    pid = int((folder / "server.pid").read_text(encoding="utf-8"))
    return not is_running(pid)


def is_running(pid: int) -> bool:
    """Return whether there is a process `pid`, a zombie excepted."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def lines(output: str) -> Sequence[dict[str, Json]]:
    """Return the JSON objects of `output`."""
    return [json.loads(line) for line in output.splitlines()]


def asked(folder: Path, method: str) -> Sequence[dict[str, Json]]:
    """Return the parameters of each `method` that the canned server was sent."""
    messages = json.loads((folder / "asked.json").read_text(encoding="utf-8"))
    return [message["params"] for message in messages if message.get("method") == method]
