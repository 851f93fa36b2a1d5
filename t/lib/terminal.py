"""terminal - a program at a terminal of its own, as a person uses it: what it shows is waited for, then a line is typed"""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios

from checks import Failure, equal
from patience import WAIT, Patience


def take_terminal():
    """In the child. What runs in the background of a shell has Ctrl-C ignored, and would hand that on."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


class Terminal:
    """
    `command` with a new terminal as its standard streams. expect() waits for texts that come in that order; line breaks of a narrow
    terminal count as blanks.
    """
    def __init__(self, command, columns=80, **options):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.shown, self.at = "", 0
        # the session of the program: Ctrl-C reaches it, and nothing else
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                                        preexec_fn=take_terminal, **options)
        os.close(slave)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)

    def read(self, patience):
        """More of what it shows. False: it has ended."""
        while not select.select([self.master], [], [], 0.2)[0]:
            if patience.is_over():
                raise Failure(f"the terminal shows no more:\n{self.shown[self.at:]}\n(all: {self.shown})")
        try:
            data = os.read(self.master, 65536)
        except OSError:     # EIO: no process has it any more
            data = b""
        self.shown += data.decode(errors="replace").replace("\r\n", "\n")
        return data != b""

    def expect(self, *texts):
        patience = Patience(WAIT)
        for text in texts:
            while (found := self.shown.replace("\n", " ").find(text, self.at)) == -1:
                if not self.read(patience):
                    raise Failure(f"ended without {text!r}:\n{self.shown[self.at:]}\n(all: {self.shown})")
            self.at = found + len(text)
        return self

    def type(self, text, end="\n"):
        os.write(self.master, (text if isinstance(text, bytes) else text.encode()) + end.encode())
        return self

    def end(self, status=0):
        """Waits for its end; returns all that it has shown."""
        patience = Patience(WAIT)
        while self.read(patience):
            pass
        equal(self.process.wait(WAIT), status, self.shown)
        return self.shown
