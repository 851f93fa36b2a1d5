"""counted_sink - sinks that let in so many connections at a time, and refuse or cut the others as the test wants"""

import socket
import ssl
import subprocess
import threading

from sink import SinkSession


ESTABLISHED = 1     # the first byte of TCP_INFO; one that its client has closed is in another state before a thread here sees it


class CountedSession(SinkSession):
    """Knows whether it is one too many: `over`."""
    def serve(self):
        with self.sink.news:
            self.sink.open.add(self)
            now = live(self.sink)
            self.over = now > self.sink.limit
            self.sink.most = max(self.sink.most, now)
            self.sink.refused += self.over
        try:
            super().serve()
        finally:
            with self.sink.news:
                self.sink.open.discard(self)

    def is_live(self):
        try:
            return self.connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == ESTABLISHED
        except OSError:
            return False

    def _verb(self, verb, line):
        if verb == "RCPT" and self.sender is None:
            return self.say("NO", line, "503 5.5.1 MAIL first")
        return super()._verb(verb, line)

    def secure(self):
        if self.over and self.sink.breaks_tls:
            self.shut()
            raise OSError("no handshake for this one")
        super().secure()


def live(sink):
    """Connections that their clients have not closed."""
    return sum(session.is_live() for session in list(sink.open))


def limited(t, limit, answers, slow=0.03, breaks_tls=False, **options):
    """A sink with so many good connections at a time; `answers` are for the others, `asked` counts them."""
    pause = threading.Event()

    def for_over(given):
        def answer(session, line):
            if not session.over:
                return None
            session.sink.asked += 1
            return given(session, line) if callable(given) else given
        return answer

    def dot(session, message):
        pause.wait(slow)
        return for_over(answers["DOT"])(session, message) if "DOT" in answers else None
    sink = t.sink(answers={**{verb: for_over(given) for verb, given in answers.items()}, "DOT": dot}, **options)
    sink.asked, sink.session, sink.open, sink.most, sink.refused, sink.limit, sink.breaks_tls = 0, CountedSession, set(), 0, 0, limit, breaks_tls
    return sink


def sink_context(t):
    key, certificate = t.folder / "sink.key", t.folder / "sink.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=sink.example",
                    "-days", "2", "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
