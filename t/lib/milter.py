"""milter - a mail filter in the milter protocol that keeps what it hears and answers as the test wants; also wrongly

Milter owns its listening socket, its threads and its sessions until end(). The waits raise Failure; a session that breaks off ends
without a word. Numbers and names: libmilter/mfdef.h.
"""

import os
import socket
import struct
import threading

from checks import Failure
from patience import WAIT, wait_for
from sink import shut_listener

ACCEPT, CONTINUE, DISCARD, REJECT, TEMPFAIL = b"a", b"c", b"d", b"r", b"t"
PROGRESS, SKIP, SHUTDOWN, CONN_FAIL = b"p", b"s", b"4", b"f"
DROP = object()         # the connection is closed instead of an answer
SILENCE = object()      # no answer; what follows is heard


class Raw(bytes):
    """Bytes that are sent as they are, without a length in front."""


def reply_code(text):
    return b"y" + text.encode() + b"\0"


def add_header(name, value):
    return b"h" + name.encode() + b"\0" + value.encode() + b"\0"


def insert_header(index, name, value):
    return b"i" + struct.pack(">I", index) + name.encode() + b"\0" + value.encode() + b"\0"


def change_header(index, name, value):
    return b"m" + struct.pack(">I", index) + name.encode() + b"\0" + value.encode() + b"\0"


def replace_body(data):
    return b"b" + data


def add_rcpt(address):
    return b"+" + address.encode() + b"\0"


def add_rcpt_par(address, params):
    return b"2" + address.encode() + b"\0" + params.encode() + b"\0"


def delete_rcpt(address):
    return b"-" + address.encode() + b"\0"


def change_from(address, params=None):
    return b"e" + address.encode() + b"\0" + (b"" if params is None else params.encode() + b"\0")


def quarantine(reason):
    return b"q" + reason.encode() + b"\0"


COMMANDS = {"C": "connect", "H": "helo", "M": "mail", "R": "rcpt", "T": "data", "L": "header", "N": "eoh", "B": "body", "E": "end",
            "U": "unknown", "A": "abort", "Q": "quit", "K": "quit_nc", "D": "macro", "O": "negotiate"}
# Actions that are asked for at the negotiation.
ADD_HEADERS, CHANGE_BODY, ADD_RCPT, DELETE_RCPT, CHANGE_HEADERS, QUARANTINE, CHANGE_FROM, ADD_RCPT_PAR, SYMLIST = (1 << n for n in range(9))
ALL_ACTIONS = 0xff
# Steps: what is not sent to it, what it does not answer, and other wishes.
NO_CONNECT, NO_HELO, NO_MAIL, NO_RCPT, NO_BODY, NO_HEADERS, NO_EOH, NR_HEADERS, NO_UNKNOWN, NO_DATA, SKIPS, RCPT_REJECTED, NR_CONNECT, \
    NR_HELO, NR_MAIL, NR_RCPT, NR_DATA, NR_UNKNOWN, NR_EOH, NR_BODY, LEADING_SPACE = (1 << n for n in range(21))
NO_ANSWER = {"header": NR_HEADERS, "connect": NR_CONNECT, "helo": NR_HELO, "mail": NR_MAIL, "rcpt": NR_RCPT, "data": NR_DATA,
             "unknown": NR_UNKNOWN, "eoh": NR_EOH, "body": NR_BODY}


class Milter:
    """
    `answers` = {stage: answer} for connect helo mail rcpt data header eoh body end unknown, each bytes (CONTINUE is the usual), Raw,
    DROP, SILENCE, a list of bytes (all are sent, the last is the verdict), or a function(session, payload) that returns one of these
    or None (the usual one). `actions` and `steps` are what it asks for; `symbols` = {stage number: "i {auth_type}"} its macro lists;
    `negotiated` (bytes) replaces its whole answer to the negotiation. At `unix` (a path) or on a port of loopback.
    """
    def __init__(self, t, answers=None, actions=ALL_ACTIONS, steps=0, version=6, symbols=None, negotiated=None, unix=None, port=None):
        self.answers, self.actions, self.steps, self.version = dict(answers or {}), actions, steps, version
        self.symbols, self.negotiated, self.sessions, self.news = symbols or {}, negotiated, [], threading.Condition()
        if unix is not None:
            self.connect = f"unix:{unix}"
            self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.listener.bind(str(unix))
            os.chmod(unix, 0o666)
            self.listener.listen(200)
        else:
            self.listener = socket.create_server(("127.0.0.1", port or t.port()), backlog=200)
            self.connect = f"inet:127.0.0.1:{self.listener.getsockname()[1]}"
        t.cleanup(self.end)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            if connection.family == socket.AF_INET:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            session = MilterSession(self, connection)
            with self.news:
                self.sessions.append(session)
                self.news.notify_all()
            threading.Thread(target=session.serve, daemon=True).start()

    def wait(self, what, predicate, timeout=WAIT):
        """Until predicate(self) is true; called whenever something was heard."""
        if not wait_for(self.news, lambda: predicate(self), timeout):
            raise Failure(f"the milter waited for {what}; it heard {[s.names() for s in self.sessions]}")

    def wait_heard(self, command, count=1, timeout=WAIT):
        """Until that command (its name) has come so often, in all sessions; returns the payloads."""
        def found():
            return [payload for s in self.sessions for name, payload in s.heard if name == command]
        self.wait(f"{count} {command}", lambda _: len(found()) >= count, timeout)
        return found()

    def wait_sessions(self, count=1, timeout=WAIT):
        self.wait(f"{count} connections", lambda _: len(self.sessions) >= count, timeout)

    def wait_messages(self, count=1, timeout=WAIT):
        def found():
            return [m for s in self.sessions for m in s.messages]
        self.wait(f"{count} messages", lambda _: len(found()) >= count, timeout)
        return found()

    def end(self):
        shut_listener(self.listener, self.sessions)


class MilterMessage:
    """What was shown of a message until its end: header is a list of (name, value)."""
    def __init__(self, sender=None):
        self.sender, self.recipients, self.header, self.body, self.macros = sender, [], [], b"", {}


class MilterSession:
    def __init__(self, milter, connection):
        self.milter, self.connection, self.stream = milter, connection, connection.makefile("rb")
        self.heard = []         # (name of the command, its payload)
        self.macros = {}        # {name of a command: {macro: value}}, the latest
        self.offered = None     # (version, actions, steps) of the other side
        self.steps = 0
        self.over = threading.Event()
        self.messages, self.message = [], MilterMessage()

    def names(self):
        return [name for name, _ in self.heard]

    def shut(self):
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.connection.close()

    def send(self, data):
        self.connection.sendall(data if isinstance(data, Raw) else struct.pack(">I", len(data)) + data)

    def serve(self):
        try:
            while self._command():
                pass
        except (OSError, ValueError):
            pass
        self.shut()
        self.over.set()
        with self.milter.news:
            self.milter.news.notify_all()

    def _command(self):
        size = self.stream.read(4)
        if len(size) < 4:
            return False
        data = self.stream.read(struct.unpack(">I", size)[0])
        name, payload = COMMANDS.get(chr(data[0]), repr(data[:1])), data[1:]
        self._keep(name, payload)
        with self.milter.news:
            self.heard.append((name, payload))
            self.milter.news.notify_all()
        if name == "negotiate":
            return self._negotiate(payload)
        if name in ("macro", "abort", "quit_nc"):
            return True
        return name != "quit" and self._answer(name, payload)

    def _keep(self, name, payload):
        words = payload.split(b"\0")
        if name == "macro":
            pairs = payload[1:].split(b"\0")
            self.macros[COMMANDS.get(chr(payload[0]), "?")] = {k.decode(): v.decode() for k, v in zip(pairs[0::2], pairs[1::2])}
        elif name in ("mail", "abort", "quit_nc"):
            self.message = MilterMessage(words[0].decode() if name == "mail" else None)
        elif name == "rcpt":
            self.message.recipients.append(words[0].decode())
        elif name == "header":
            self.message.header.append((words[0].decode(), words[1].decode("utf-8", "surrogateescape")))
        elif name in ("body", "end"):
            self.message.body += payload
        if name == "end":
            self.message.macros = {k: dict(v) for k, v in self.macros.items()}
            self.messages.append(self.message)

    def _negotiate(self, payload):
        m = self.milter
        self.offered = struct.unpack(">III", payload[:12])
        if m.negotiated is not None:
            self.send(m.negotiated)
            return True
        self.steps = m.steps & self.offered[2]
        lists = b"".join(struct.pack(">I", stage) + names.encode() + b"\0" for stage, names in m.symbols.items())
        self.send(b"O" + struct.pack(">III", min(m.version, self.offered[0]), m.actions & self.offered[1], self.steps) + lists)
        return True

    def _answer(self, name, payload):
        answer = self.milter.answers.get(name)
        if callable(answer):
            answer = answer(self, payload)
        if answer is DROP:
            return False
        if answer is SILENCE or self.steps & NO_ANSWER.get(name, 0):
            return True
        for part in answer if isinstance(answer, list) else [CONTINUE if answer is None else answer]:
            if part is DROP:
                return False
            self.send(part)
        return True
