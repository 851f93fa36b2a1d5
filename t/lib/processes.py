"""processes - what /proc says about processes, signals with a value, and the end of all processes below this one

Processes that vanish while they are read give None, False or an empty value. end_all() kills by pid whatever a test left behind.
"""

import ctypes
import os
import signal
import threading
from pathlib import Path


def is_root():
    return os.geteuid() == 0


def parent_of(pid):
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    except (OSError, IndexError):
        return None


def is_alive(pid):
    """A zombie is not alive."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (OSError, IndexError):
        return False


def descendants_of(pid):
    """Pids of all processes below `pid`, from one reading of /proc."""
    below = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            below.setdefault(parent_of(entry), []).append(int(entry))
    found, todo = [], [pid]
    while todo:
        children = sorted(below.get(todo.pop(), []))
        found += children
        todo += children
    return found


def program_of(pid):
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe")).split(" ")[0]
    except OSError:
        return ""


def status_of(pid):
    """/proc/PID/status as a dict."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {k: v.strip() for k, v in (line.split(":", 1) for line in lines if ":" in line)}


def descriptors_of(pid):
    """{descriptor: its target in /proc/PID/fd}"""
    found = {}
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found[int(entry.name)] = os.readlink(entry)
        except OSError:
            pass
    return found


def signal_value(pid, number, value):
    """Sends a signal with a value: sigqueue(3)."""
    class Sigval(ctypes.Union):
        _fields_ = [("number", ctypes.c_int), ("pointer", ctypes.c_void_p)]
    libc = ctypes.CDLL(None, use_errno=True)
    libc.sigqueue.argtypes = [ctypes.c_int, ctypes.c_int, Sigval]
    if libc.sigqueue(pid, number, Sigval(number=value)) != 0:
        raise OSError(ctypes.get_errno(), "sigqueue")


def adopt_orphans():
    """Daemons started below this process become its children, so that end_all() finds them."""
    PR_SET_CHILD_SUBREAPER = 36
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_all():
    """Kills every process below this one, by pid, and reaps it."""
    for _ in range(50):
        left = [pid for pid in descendants_of(os.getpid()) if is_alive(pid)]
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        threading.Event().wait(0.02)
