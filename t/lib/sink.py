"""sink - an SMTP server that keeps the messages it gets and answers as the test wants; with TLS and BDAT

Sink owns its listening socket, its threads and its sessions until end(). The waits raise Failure; a session that breaks off ends
without a word.
"""

import re
import socket
import threading

from checks import Failure
from patience import WAIT, wait_for


class Sink:
    """
    An SMTP server that keeps the messages it gets. `answers` = {verb: answer}: CONNECT EHLO HELO MAIL RCPT DATA DOT RSET QUIT STARTTLS,
    each a reply text, DROP, a function(session, line) returning one of these or None (the usual reply), or a list
    used up one by one. With `tls`, an ssl.SSLContext, STARTTLS is offered; at_once: TLS before the greeting.
    """
    DROP = object()

    def __init__(self, port, address="127.0.0.1", answers=None, ehlo=("PIPELINING", "SIZE", "8BITMIME", "ENHANCEDSTATUSCODES"),
                 tls=None, at_once=False):
        self.answers, self.extensions = dict(answers or {}), list(ehlo)
        self.tls, self.at_once = tls, at_once
        self.messages, self.sessions, self.session = [], [], SinkSession
        self.news = threading.Condition()
        self.port = port
        self.listener = socket.create_server((address, port), backlog=200, family=socket.AF_INET6 if ":" in address else socket.AF_INET)
        self.closing = False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, peer = self.listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            session = self.session(self, connection, peer)
            with self.news:
                self.sessions.append(session)
                self.news.notify_all()
            threading.Thread(target=session.serve, daemon=True).start()

    def answer(self, session, verb, line, usual):
        given = self.answers.get(verb)
        if isinstance(given, list):
            with self.news:
                given = given.pop(0) if given else None
        if callable(given):
            given = given(session, line)
        return usual if given is None else given

    def keep(self, message):
        with self.news:
            self.messages.append(message)
            self.news.notify_all()

    def wait(self, count=1, timeout=WAIT):
        if not wait_for(self.news, lambda: len(self.messages) >= count, timeout):
            raise Failure(f"the sink has {len(self.messages)} of {count} messages")
        return list(self.messages)

    def wait_sessions(self, count=1, timeout=WAIT):
        if not wait_for(self.news, lambda: len(self.sessions) >= count, timeout):
            raise Failure(f"the sink has {len(self.sessions)} of {count} connections")

    def end(self):
        self.closing = True
        shut_listener(self.listener, self.sessions)


def shut_listener(listener, sessions):
    try:
        listener.shutdown(socket.SHUT_RDWR)     # closing alone leaves it listening while accept() waits
    except OSError:
        pass
    listener.close()
    for session in sessions:
        session.shut()


class SinkMessage:
    def __init__(self, session, sender, params, recipients, data, rcpt_params=None):
        self.session, self.sender, self.params, self.recipients, self.data = session, sender, params, recipients, data
        self.rcpt_params = rcpt_params or {}


def note_asked(link, name, _):
    link.asked = name


class SinkSession:
    def __init__(self, sink, connection, peer):
        self.sink, self.connection, self.peer = sink, connection, peer
        self.lines, self.helo, self.stream = [], None, None
        self.tls = None         # (cipher, version, bits) under TLS
        self.resumed = False    # ... with the session of an earlier connection
        self.asked = None       # the name the client asked for
        self.reset()

    def reset(self):
        self.sender, self.params, self.recipients, self.rcpt_params, self.chunks = None, "", [], {}, b""

    def shut(self):
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.connection.close()

    def say(self, verb, line, usual):
        """Sends the reply; returns False when the session is over."""
        answer = self.sink.answer(self, verb, line, usual)
        if answer is Sink.DROP:
            self.shut()
            return False
        self.connection.sendall(answer.encode() + b"\r\n")
        self.said = answer
        return not answer.startswith("421")

    def serve(self):
        try:
            if self.sink.at_once:
                self.secure()
            self.stream = self.connection.makefile("rb")
            self._serve()
        except (OSError, ValueError):
            pass
        finally:
            self.connection.close()
            if self.stream:
                self.stream.close()

    def secure(self):
        self.sink.tls.sni_callback = note_asked     # of the context, which sessions and sinks share: nothing of this session is in it
        self.connection = self.sink.tls.wrap_socket(self.connection, server_side=True)
        self.asked = getattr(self.connection, "asked", None)
        self.tls, self.resumed = self.connection.cipher(), self.connection.session_reused
        self.stream = self.connection.makefile("rb")

    def _serve(self):
        if not self.say("CONNECT", "", "220 sink.example ESMTP"):
            return
        while raw := self.stream.readline():
            stream = self.stream
            line = raw.decode("utf-8", "surrogateescape").rstrip("\r\n")
            self.lines.append(line)
            verb = line.split(" ")[0].upper()
            if verb == "DATA":
                if not self.say("DATA", line, "354 go on" if self.recipients else "554 5.5.1 no valid recipients"):
                    return
                if self.said.startswith("354") and not self._content(stream):
                    return
            elif verb == "BDAT":
                if not self._chunk(stream, line):
                    return
            elif not self._verb(verb, line):
                return
            if verb == "QUIT":
                return

    def _verb(self, verb, line):
        found = re.search(r"<(.*?)>(.*)", line)
        if verb == "STARTTLS" and self.sink.tls and not self.tls:
            if not self.say(verb, line, "220 2.0.0 go ahead"):
                return False
            if self.said.startswith("220"):
                self.secure()
            return True
        if verb in ("EHLO", "HELO"):
            self.helo = line[5:]
            offer = ["STARTTLS"] if self.sink.tls and not self.tls else []
            usual = "\r\n".join(["250-sink.example"] + ["250-" + e for e in offer + self.sink.extensions]) if verb == "EHLO" else "250-sink"
            last = usual.rfind("250-")
            return self.say(verb, line, usual[:last] + "250 " + usual[last + 4:])
        if verb == "MAIL" and found:
            ok = self.say(verb, line, "250 2.1.0 ok")
            if ok and self.said.startswith("2"):
                self.sender, self.params = found[1], found[2].strip()
            return ok
        if verb == "RCPT" and found:
            ok = self.say(verb, line, "250 2.1.5 ok")
            if ok and self.said.startswith("2"):
                self.recipients.append(found[1])
                self.rcpt_params[found[1]] = found[2].strip()
            return ok
        if verb in ("RSET", "NOOP", "QUIT"):
            self.reset()
            return self.say(verb, line, "221 2.0.0 bye" if verb == "QUIT" else "250 2.0.0 ok")
        return self.say(verb, line, "500 5.5.1 unknown")

    def _content(self, stream):
        lines = []
        for raw in stream:
            if raw == b".\r\n":
                return self._whole(b"".join(lines))
            lines.append(raw[1:] if raw.startswith(b".") else raw)
        return False

    def _whole(self, data):
        message = SinkMessage(self, self.sender, self.params, self.recipients, data, self.rcpt_params)
        self.reset()
        # kept before the reply: a test that waits for the next command of the client finds the message here
        answer = self.sink.answer(self, "DOT", message, "250 2.0.0 kept")
        if answer is not Sink.DROP and answer.startswith("2"):
            self.sink.keep(message)
        if answer is Sink.DROP:
            self.shut()
            return False
        self.connection.sendall(answer.encode() + b"\r\n")
        return not answer.startswith("421")

    def _chunk(self, stream, line):
        words = line.split()
        self.chunks += stream.read(int(words[1]))
        if words[2:] == ["LAST"]:
            return self._whole(self.chunks)
        return self.say("BDAT", line, "250 2.0.0 more")
