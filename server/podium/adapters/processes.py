"""Whether another process still lives."""

import ctypes
import os
import sys


def process_lives(pid: int) -> bool:
    """Return whether a process with this id exists; ids may have been given again to another one."""
    if pid <= 0:
        return False
    if sys.platform == "win32":
        synchronize = 0x00100000
        handle = ctypes.windll.kernel32.OpenProcess(synchronize, False, pid)
        if handle:
            ctypes.windll.kernel32.CloseHandle(handle)
        return bool(handle)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
