"""tls_fallback - a host whose TLS fails once, or always: when mail goes in clear, and that nothing is lost or returned by it"""

import os
import ssl
import subprocess

from checks import check, equal
from processes import is_root
from sink import Sink


def context_of(folder):
    certificate, key = folder / "host.pem", folder / "host.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", certificate,
                    "-days", "30", "-subj", "/CN=mx.example"], check=True, capture_output=True, timeout=60)
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    found.load_cert_chain(certificate, key)
    return found


def nonsense(session, _):
    session.connection.sendall(b"220 go ahead\r\n")
    session.connection.recv(1000)
    session.connection.sendall(b"500 this is no TLS at all, whatever was said\r\n")
    return Sink.DROP


def cut(session, _):
    session.connection.sendall(b"220 go ahead\r\n")
    session.connection.recv(1000)
    return Sink.DROP


NOT_NOW = "454 4.7.0 TLS not available due to temporary reason"
ONCE = {"nonsense": nonsense, "cut": cut, "no answer": Sink.DROP, "454": NOT_NOW, "554": "554 5.7.0 no TLS"}


def said(session, *verbs):
    return any(line.split(" ")[0].upper() in verbs for line in session.lines)


def service_for(t, sinks, tls, **delivery):
    """Mail to NAME.test goes to the sink of that name."""
    service = t.postern({"default": {"delivery": {"retry": "1h", "outbound-tls": tls, **delivery}}}, start=False)
    for number, sink in enumerate(sinks):
        service.default.set(f"domain d{number}.test", type="remote", route=f"[127.0.0.1]:{sink.port}")
    return service.start()


def test_one_failure(t):
    """Of any kind: the mail goes by TLS at once, over a second connection."""
    tls = context_of(t.folder)
    for mode in ("may", "required"):
        sinks = [t.sink(tls=tls, answers={"STARTTLS": [answer]}) for answer in ONCE.values()]
        service = service_for(t, sinks, mode)
        for number in range(len(sinks)):
            service.default.send("a@default.example", f"x@d{number}.test")
        for number, (what, sink) in enumerate(zip(ONCE, sinks)):
            equal(service.events.wait("delivered", recipient=f"x@d{number}.test")["tls"][:3], "TLS", f"{what}, {mode}")
            equal(len(sink.sessions), 2, f"connections, {what}, {mode}")
        equal(service.events.all("deferred"), [], mode)
        equal(service.events.all("handshake"), [], mode)
        service.end()


def test_one_failure_of_each_message(t):
    """No number of messages makes one failure two, and a success makes the next failure the first one again."""
    sink = t.sink(tls=context_of(t.folder), answers={"STARTTLS": [nonsense, None] * 3})
    service = service_for(t, [sink], "may", )
    service.default.set("messages", max_messages_per_connection="1")
    service.ctl("reload")
    for number in range(3):
        ident = service.default.send("a@default.example", "x@d0.test")
        equal(service.events.wait("delivered", id=ident)["tls"][:3], "TLS", number)
    equal([said(s, "MAIL") for s in sink.sessions], [False, True] * 3, "sessions with mail")


def test_tls_is_broken(t):
    """Twice by itself: in clear, and the next message too. Cut or put off: not in clear, not soon."""
    tls = context_of(t.folder)
    broken, refuses, cuts, later = sinks = [t.sink(tls=tls, answers={"STARTTLS": lambda *a, f=f: f(*a) if callable(f) else f})
                                            for f in (nonsense, "554 5.7.0 no TLS", cut, NOT_NOW)]
    service = service_for(t, sinks, "may")
    for number in range(4):
        service.default.send("a@default.example", f"x@d{number}.test")
    for number, sink in enumerate((broken, refuses)):
        equal(service.events.wait("delivered", recipient=f"x@d{number}.test")["tls"], "-")
        equal([said(s, "MAIL") for s in sink.sessions], [False, False, True], "sessions with mail")
        service.default.send("a@default.example", f"y@d{number}.test")
        service.events.wait("delivered", recipient=f"y@d{number}.test")
        check(not any(said(s, "STARTTLS") for s in sink.sessions[2:]), "TLS is tried again at once")
        event = service.events.wait("handshake", result="plain", host=f"[127.0.0.1]:{sink.port}")
        check(event["reason"], event.line)
    for number, sink, status in ((2, cuts, "4.4.2"), (3, later, "4.7.4")):
        event = service.events.wait("deferred", recipient=f"x@d{number}.test")
        equal((event["status"], 50 <= int(event["next"]) <= 70), (status, True), event.line)
        equal((len(sink.sessions), len(sink.messages)), (2, 0), "connections and messages")
    equal(len(service.events.all("handshake", result="plain")), 2, "hosts that get mail in clear")


def test_clear_text_is_refused(t):
    """What a host refuses in clear because TLS has failed is not returned, and ends the clear text."""
    tls, words = context_of(t.folder), {"MAIL": "530 5.7.0 Must issue a STARTTLS command first", "RCPT": "550 5.7.10 Encryption needed",
                                        "DATA": "554 5.7.1 no", "DOT": "550 5.6.0 no"}

    def only_in_clear(answer):
        return lambda session, _: None if getattr(session, "tls", None) or getattr(getattr(session, "session", None), "tls", None) else answer
    sinks = [t.sink(tls=tls, answers={"STARTTLS": [nonsense, nonsense], verb: only_in_clear(answer)}) for verb, answer in words.items()]
    service = service_for(t, sinks, "may")
    for number in range(len(sinks)):
        service.default.send("a@default.example", f"x@d{number}.test")
    for number, sink in enumerate(sinks):
        event = service.events.wait("deferred", recipient=f"x@d{number}.test")
        equal((event["status"][0], 50 <= int(event["next"]) <= 70), ("4", True), event.line)
        service.events.wait("handshake", result="tls", host=f"[127.0.0.1]:{sink.port}")
    service.ctl("queue", "retry", "--all", "--yes")
    for number in range(len(sinks)):
        equal(service.events.wait("delivered", recipient=f"x@d{number}.test")["tls"][:3], "TLS")
    equal((service.home.drops(), service.home.badmails()), ([], []), "reports")


def test_account(t):
    """Where an account is used nothing goes in clear, though the host is on this machine and would take it."""
    sink = t.sink(tls=context_of(t.folder), answers={"STARTTLS": lambda *a: nonsense(*a)}, ehlo=("AUTH PLAIN SCRAM-SHA-256",))
    service = t.postern(start=False)
    secret = service.folder / "secret"
    secret.write_text("open sesame\n")
    secret.chmod(0o600)
    if is_root():
        os.chown(secret, service.test.uid, service.test.gid)
    service.default.set("delivery", smart_host=f"[127.0.0.1]:{sink.port}", outbound_auth="basic", user="bob", secret_file=secret, retry="1h")
    service.start()
    for number in range(2):
        ident = service.default.send("a@default.example", "x@far.example")
        equal(service.events.wait("deferred", id=ident)["status"], "4.7.5", number)
    check(not any(said(s, "AUTH", "MAIL") for s in sink.sessions), "in clear")
    equal(service.events.all("handshake"), [], "clear text")
