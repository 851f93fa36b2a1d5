"""patience - waiting for a condition with a deadline in which the machine worked; the only pause between two looks is here

until() polls, wait_for() waits under a condition variable. Nothing is started; until() raises Failure, wait_for() returns what it saw last.
"""

import os
import tempfile
import threading
import time

from checks import Failure

WAIT = 20.0     # seconds of Patience an event may take; a failed wait is a failed test, so it may be generous


class Patience:
    """
    A deadline in seconds in which this machine worked. A virtual machine that was paused, or a disk that takes no byte for half a minute
    because the one below it is busy, says nothing about the service: between two looks at most LOOK seconds count, and a small write that is
    synced once a second counts nothing, however long it takes. Ask is_over(), look once more, then give up.
    """
    LOOK = 1.0
    probe = None

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
            cls.probe = cls.probe or tempfile.TemporaryFile(buffering=0)
            os.pwrite(cls.probe.fileno(), b"patience\n", 0)
            os.fsync(cls.probe.fileno())
        except OSError:
            pass    # a full disk, say: not our business


def until(look, timeout=WAIT, what="condition"):
    """Calls look() until it returns something true; that is returned. Fails after `timeout` seconds of patience."""
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
    """The same under a condition, at each of its news: what look() returned at last."""
    patience = Patience(timeout)
    while True:
        over = patience.is_over()
        with news:
            found = look()
            if found or over:
                return found
            news.wait(Patience.LOOK)
