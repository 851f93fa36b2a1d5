"""filter_asker - postern-filter with the test as its master and its listener: questions and answers as in common/msg/msg_filter.h

FilterAsker owns the process and its channels until end(). A question that gets no answer in time raises Failure.
"""

import fcntl
import os
import re
import signal
import socket
import struct
import subprocess
import tempfile

from checks import Failure
from patience import WAIT
from processes import is_root
from programs import BUILD, ROLE_USERS, SANITIZERS
from stand_in import TYPES, ctl_version

STAGES = {name: number for number, name in enumerate(("connect", "helo", "mail", "rcpt", "data", "content", "reset"))}
VERDICTS = ("go on", "refuse", "later", "reply", "discard", "disconnect")
HOLD, CHANGED_CONTENT, CHANGED_ENVELOPE, TROUBLE = 1, 2, 4, 8
TYPE = {name: int(number) for name, number in re.findall(r"^(\w+) = (\d+)$", TYPES, re.M)}


class Answer:
    def __init__(self, data, fd):
        self.verdict, self.flags, text_len = struct.unpack_from("=BBH", data)
        self.verdict = VERDICTS[self.verdict]
        extents = struct.unpack_from("=6Q", data, 8)
        self.filter = data[56:120].split(b"\0")[0].decode()
        self.text = data[120:120 + text_len].decode()
        self.header, self.body, self.changes = (self._part(fd, extents[n:n + 2]) for n in (0, 2, 4))

    @staticmethod
    def _part(fd, extent):
        return os.pread(fd, extent[1], extent[0]) if fd is not None and extent[1] else b""

    @property
    def records(self):
        return self.changes.decode().split("\0")[:-1]


class FilterAsker:
    """`sections` is the text of the file of the virtual server "default"."""
    def __init__(self, t, sections, role="listener"):
        user = "".join(f"{key} = {number}\n" for key, number in ROLE_USERS.items()) if is_root() else ""
        service = f"[service]\nhostname = host.example\nevents = stderr\n{user}"
        files = [("-", "/nowhere/postern.ini", service), ("default", "/nowhere/servers/default.ini", sections)]
        text = "postern-snapshot 1\nhost host.example\nservers 1\n"
        for number, (name, path, content) in enumerate(files):
            text += f"file {len(content)} {number} {name} {path}\n{content}\n"
        config = os.memfd_create("config", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
        os.write(config, text.encode())
        fcntl.fcntl(config, 1033, 15)       # F_ADD_SEALS: all
        self.master, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        null, self.log = os.open("/dev/null", os.O_RDWR), tempfile.TemporaryFile(dir=t.folder)
        os.set_blocking(theirs.fileno(), False)

        def place():
            for n, fd in enumerate([os.dup2(fd, 100 + n) for n, fd in enumerate((theirs.fileno(), config, null, null))]):
                os.dup2(fd, 3 + n)
        self.process = subprocess.Popen([BUILD / "postern-filter", "", "0", "0"], preexec_fn=place, close_fds=False, stderr=self.log,
                                        env={**os.environ, **SANITIZERS})
        for end in (theirs.close, lambda: os.close(config), lambda: os.close(null)):
            end()
        t.cleanup(self.end)
        self.requests = 0
        self.worker = self.channel(role)

    def channel(self, role="listener"):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(WAIT)
        os.set_blocking(theirs.fileno(), False)
        self._send(self.master, "CHANNEL", 0, struct.pack("=I64s16s", 6, b"default", role.encode()), theirs.fileno())
        theirs.close()
        return ours

    @staticmethod
    def _send(to, kind, request, data=b"", fd=None):
        packet = struct.pack("=HHIII", 0x5043, ctl_version(), TYPE[kind], request, len(data)) + data
        socket.send_fds(to, [packet], [] if fd is None else [fd])

    def session(self, source="smtp"):
        self.requests += 1
        return FilterAsk(self, self.requests, source)

    def events(self):
        return os.pread(self.log.fileno(), 1 << 20, 0).decode()

    def receive(self):
        try:
            data = self.worker.recv(65536)
        except TimeoutError:
            raise Failure("postern-filter gave no answer") from None
        if not data:
            raise Failure(f"postern-filter closed the channel: {self.events()}")
        return data

    def end(self):
        self.master.close()
        self.worker.close()
        try:
            code = self.process.wait(WAIT)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
            code = self.process.wait()
        if code != 0:
            raise Failure(f"postern-filter ended with {code}: {self.events()}")


class FilterAsk:
    """One session of the listener."""
    def __init__(self, asker, request, source):
        self.asker, self.request, self.source = asker, request, source

    def send(self, stage, first="", second="", macros=(), family=0, port=0, size=0, fd=None):
        text = "".join(f"{s}\0" for s in (first, second, *(part for pair in macros for part in pair))).encode()
        data = struct.pack("=BBHIQI", STAGES[stage], self.source == "pickup", family, port, size, len(text)) + text
        self.asker._send(self.asker.worker, "FILTER_ASK", self.request, data, fd)

    def answer(self, fd=None):
        data = self.asker.receive()
        request = struct.unpack_from("=I", data, 8)[0]
        if request != self.request:
            raise Failure(f"an answer for {request}, not {self.request}")
        return Answer(data[16:], fd)

    def ask(self, stage, *words, **options):
        self.send(stage, *words, **options)
        return self.answer()

    def content(self, data):
        with tempfile.TemporaryFile() as scratch:
            scratch.write(data)
            scratch.flush()
            self.send("content", size=len(data), fd=scratch.fileno(), macros=[("i", "id1")])
            return self.answer(scratch.fileno())

    def opening(self, client="client.example", address="192.0.2.1"):
        """The stages before the content, all of which have to go on."""
        for stage, words in (("connect", (client, address)), ("helo", ("client.example",))):
            self.go_on(self.ask(stage, *words, family=4, port=4711, macros=[("j", "host.example")] if stage == "connect" else []))
        self.envelope()
        return self

    def envelope(self):
        for stage, words in (("mail", ("<a@b.example>", "SIZE=10 BODY=8BITMIME")), ("rcpt", ("<c@d.example>", "")), ("data", ())):
            self.go_on(self.ask(stage, *words, macros=[("i", "id1")] if stage == "mail" else []))

    @staticmethod
    def go_on(answer):
        if answer.verdict != "go on":
            raise Failure(f"{answer.verdict} by {answer.filter}: {answer.text}")

    def over(self):
        self.asker._send(self.asker.worker, "FILTER_END", self.request)
