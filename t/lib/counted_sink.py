"""counted_sink - sinks that let in so many connections at a time, and refuse or cut the others as the test wants"""

import ssl
import subprocess
import threading

from sink import SinkSession


class CountedSession(SinkSession):
    """Knows whether it is one too many: `over`."""
    def serve(self):
        with self.sink.news:
            self.sink.live += 1
            self.over = self.sink.live > self.sink.limit
            self.sink.most = max(self.sink.most, self.sink.live)
            self.sink.refused += self.over
        try:
            super().serve()
        finally:
            with self.sink.news:
                self.sink.live -= 1

    def _verb(self, verb, line):
        if verb == "RCPT" and self.sender is None:
            return self.say("NO", line, "503 5.5.1 MAIL first")
        return super()._verb(verb, line)

    def secure(self):
        if self.over and self.sink.breaks_tls:
            self.shut()
            raise OSError("no handshake for this one")
        super().secure()


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
    sink.asked, sink.session, sink.live, sink.most, sink.refused, sink.limit, sink.breaks_tls = 0, CountedSession, 0, 0, 0, limit, breaks_tls
    return sink


def sink_context(t):
    key, certificate = t.folder / "sink.key", t.folder / "sink.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=sink.example",
                    "-days", "2", "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
