"""patience - waiting for a condition with a deadline in which the machine worked; the only pause between two looks is here

until() polls, wait_for() waits under a condition variable. Nothing is started; until() raises Failure, wait_for() returns what it saw last.
"""

import os
import tempfile
import threading
import time

from checks import Failure

WAIT = 20.0     # seconds of Patience for one event; long, because only a failing test waits so long


class Patience:
    """
    A deadline in seconds during which this machine worked. A virtual machine that was paused, or a disk that was blocked for half
    a minute, says nothing about the service. So at most LOOK seconds count between two looks, and the time of a small synced
    write, done once a second, does not count at all. Ask is_over(), look once more, then give up.
    """
    LOOK = 1.0
    probe, lock = None, threading.Lock()    # a descriptor, and who makes it

    def __init__(self, seconds):
        self.left = seconds
        self.last = self.probed = time.monotonic()

    def is_over(self):
        now = time.monotonic()
        self.left -= min(now - self.last, self.LOOK)
        if self.left > 0 and now - self.probed >= self.LOOK:
            self.try_disk()
            now = self.probed = time.monotonic()
        self.last = now
        return self.left <= 0

    @classmethod
    def try_disk(cls):
        try:
            with cls.lock:      # the threads of a test share it
                if cls.probe is None:
                    cls.probe, path = tempfile.mkstemp()
                    os.unlink(path)
            os.pwrite(cls.probe, b"patience\n", 0)
            os.fsync(cls.probe)
        except OSError:
            pass    # a full disk, for example: the service is under test, not the disk


def until(look, timeout=WAIT, what="condition"):
    """Calls look() until it returns a true value, and returns that. Raises Failure after `timeout` seconds of Patience."""
    patience, pause = Patience(timeout), threading.Event()
    while True:
        over = patience.is_over()
        found = look()
        if found:
            return found
        if over:
            raise Failure(f"waited {timeout} s for {what() if callable(what) else what}")
        pause.wait(0.02)


def wait_for(news, look, timeout=WAIT):
    """Calls look() at each notification of the condition `news`, until it is true or time is over; returns its last value."""
    patience = Patience(timeout)
    while True:
        over = patience.is_over()
        with news:
            found = look()
            if found or over:
                return found
            news.wait(Patience.LOOK)
