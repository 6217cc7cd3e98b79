"""A process that has imported pytest already, and forks for every tree that it is told to test.

Reads lines `{"tree", "limit_s", "targets"}` and answers each with the exit code of pytest there, 124 for one that
used up its time.
"""

import json
import os
import select
import signal
import sys

import pytest

os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
CPU_S = 0.8
ARGUMENTS = ["-x", "-q", "--tb=no", "--assert=plain", "-p", "no:cacheprovider", "-p", "no:faulthandler"]


def run_in(tree: str, targets: list[str]) -> int:
    os.setsid()
    signal.setitimer(signal.ITIMER_PROF, CPU_S)  # its signal ends the process
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nowhere, descriptor)
    os.chdir(tree)
    sys.path[0] = tree
    sys.dont_write_bytecode = True
    return int(pytest.main([*ARGUMENTS, *targets]))


def main() -> None:
    for line in sys.stdin:
        job = json.loads(line)
        child = os.fork()
        if child == 0:
            os._exit(run_in(job["tree"], job["targets"]))
        handle = os.pidfd_open(child)
        ended, _, _ = select.select([handle], [], [], job["limit_s"])
        if not ended:
            os.killpg(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        os.close(handle)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status) if ended else 124}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
