"""etrn - mail in the backlog until its host asks for it: ETRN, ATRN and TURN; fetchmail as an independent client"""

import base64
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading

from checks import check, equal
from patience import WAIT, until
from processes import is_root
from sink import Sink, SinkSession
from smtp import mail


def etrn_server(port, more=None, **keys):
    """A server whose mail for customer.example and all below other.example waits for ETRN; the host is at `port`."""
    sections = {
        "delivery": {"retry": "1s"},
        "domain customer.example": {"type": "remote", "relay": "yes", "hold": "yes", "route": f"[127.0.0.1]:{port}"},
        "domain *.other.example": {"type": "remote", "relay": "yes", "hold": "yes", "route": f"[127.0.0.1]:{port}"},
        "domain plain.example": {"type": "remote", "relay": "yes", "route": f"[127.0.0.1]:{port}"},
    }
    for section, values in {**(more or {}), "domain customer.example": keys}.items():
        sections.setdefault(section, {}).update(values)
    return {"default": sections}


def etrn(service, line, code):
    """458 is the answer until the queue has been read after a start."""
    with service.default.connect(ehlo="customer.example") as client:
        reply = until(lambda: next((r for r in [client.cmd(f"ETRN {line}")] if r.code != 458), None), what="an answer to ETRN")
        equal(reply.code, code, f"ETRN {line}")
        return reply.text


def counter(service, name):
    return int(next(line.split()[-1] for line in service.ctl("counters", "--prometheus").stdout.splitlines()
                    if name in line and not line.startswith("#")))


def queue_for_etrn(service, to, subject="test"):
    """Sends a message and waits until it is in the backlog of each recipient's domain."""
    ident = service.default.send(to=to, data=mail(subject))
    for each in [to] if isinstance(to, str) else to:
        service.events.wait("kept", id=ident, recipient=each)
    return ident


# shows 2.8l, 9.15
def test_etrn(t):
    """It waits, until ETRN; what comes later waits again."""
    sink = t.sink()
    service = t.postern(etrn_server(sink.port))
    with service.default.connect() as client:
        check("ETRN" in client.expect(250, "EHLO c.example").texts)
    equal(etrn(service, "customer.example", 251), "2.0.0 OK, no messages waiting for node customer.example")
    ids = {queue_for_etrn(service, "a@customer.example"), queue_for_etrn(service, "b@customer.example")}
    service.default.send(to="x@plain.example")
    equal(sink.wait()[0].recipients, ["x@plain.example"])
    service.events.wait("delivered", recipient="x@plain.example")
    until(lambda: counter(service, "kept_queue_length") == 2, what="two messages in the backlog")
    equal(len(sink.messages), 1, "messages before ETRN")
    equal(etrn(service, "CUSTOMER.example", 253), "2.0.0 OK, 2 pending messages for node customer.example started")
    equal(sorted(m.recipients[0] for m in sink.wait(3)[1:]), ["a@customer.example", "b@customer.example"])
    for ident in ids:
        service.events.wait("delivered", id=ident)
    service.home.wait_queued(0)
    until(lambda: counter(service, "kept_queue_length") == 0, what="an empty backlog")
    equal(counter(service, "etrn_messages_total"), 2)
    queue_for_etrn(service, "c@customer.example")
    equal(len(sink.messages), 3)


def test_etrn_below(t):
    """@domain is the domain and all below it; a wildcard entry does not have the name itself."""
    sink = t.sink()
    service = t.postern(etrn_server(sink.port, {"domain deep.customer.example": {
        "type": "remote", "relay": "yes", "hold": "yes", "route": f"[127.0.0.1]:{sink.port}"}}))
    queue_for_etrn(service, "a@customer.example")
    queue_for_etrn(service, "b@deep.customer.example")
    queue_for_etrn(service, "c@one.other.example")
    queue_for_etrn(service, "d@a.two.other.example")
    etrn(service, "one.other.example", 253)
    equal(sink.wait(1)[0].recipients, ["c@one.other.example"])
    equal(etrn(service, "@customer.example", 253), "2.0.0 OK, 2 pending messages for node customer.example started")
    equal(sorted(m.recipients[0] for m in sink.wait(3)[1:]), ["a@customer.example", "b@deep.customer.example"])
    etrn(service, "@other.example", 253)
    equal(sink.wait(4)[3].recipients, ["d@a.two.other.example"])
    service.home.wait_queued(0)


def test_etrn_replies(t):
    service = t.postern({**etrn_server(t.port()), "none": {}})
    etrn(service, "customer.example", 251)      # the queue has been read: no 458 from now on
    with service.default.connect() as client:
        client.expect(503, "ETRN customer.example")
        client.expect(250, "EHLO c.example")
        client.expect(459, "ETRN plain.example")
        client.expect(459, "ETRN nowhere.example")
        client.expect(459, "ETRN other.example")
        client.expect(251, "ETRN @other.example")
        client.expect(459, "ETRN @example.net")
        client.expect(501, "ETRN #queue")
        client.expect(501, "ETRN")
        client.expect(501, "ETRN customer.example now")
        client.expect(501, "ETRN @")
        client.expect(502, "ATRN customer.example")
        client.expect(502, "TURN")
        client.expect(250, "MAIL FROM:<a@b.example>")
        client.expect(503, "ETRN customer.example")
        client.expect(250, "RSET")
        client.send(b"ETRN customer.example\r\nETRN a.other.example\r\nNOOP\r\n")
        equal([client.reply().code for _ in range(3)], [251, 251, 250], "pipelined")
    with service["none"].connect() as client:
        check("ETRN" not in client.expect(250, "EHLO c.example").text)
        client.expect(502, "ETRN customer.example")


def test_etrn_needs_login_where_mail_does(t):
    service = t.postern({"default": {**etrn_server(t.port())["default"], "access": {"authentication": "basic", "password-file": "/nowhere"}}})
    etrn(service, "customer.example", 530)


def test_mixed_recipients(t):
    """Held, local and other recipients of one message each go their own way, and the other's retries release nothing."""
    sink = t.sink()
    busy = t.sink(answers={"RCPT": ["450 4.2.0 later"] * 2})
    service = t.postern(etrn_server(sink.port, {"domain plain.example": {"route": f"[127.0.0.1]:{busy.port}"}}))
    ident = service.default.send(to=["a@customer.example", "b@default.example", "c@plain.example", "d@one.other.example"])
    equal(service.home.wait_drops()[0].receivers, ["b@default.example"])
    equal(busy.wait()[0].recipients, ["c@plain.example"])
    service.events.wait("delivered", id=ident, recipient="c@plain.example")
    etrn(service, "one.other.example", 253)
    equal(sink.wait()[0].recipients, ["d@one.other.example"])
    service.events.wait("delivered", id=ident, recipient="d@one.other.example")
    equal(len(sink.messages), 1)
    until(lambda: counter(service, "kept_queue_length") == 1, what="the last one in the backlog")
    etrn(service, "customer.example", 253)
    equal(sink.wait(2)[1].recipients, ["a@customer.example"])
    service.home.wait_queued(0)


def test_failed_attempt_holds_again(t):
    """Tried once for each ETRN: not reached, refused for now, taken; a final refusal is returned."""
    port = t.port()
    service = t.postern(etrn_server(port))
    queue_for_etrn(service, "a@customer.example")
    for _ in range(2):
        mark = service.events.mark()
        etrn(service, "customer.example", 253)
        service.events.wait("kept", recipient="a@customer.example", status="4.4.1", since=mark)
    sink = t.sink(port=port, answers={"RCPT": ["450 4.2.1 full", None, "550 5.1.1 nobody"]})
    mark = service.events.mark()
    etrn(service, "customer.example", 253)
    service.events.wait("kept", recipient="a@customer.example", status="4.2.1", since=mark)
    equal(sink.messages, [])
    etrn(service, "customer.example", 253)
    sink.wait(1)
    queue_for_etrn(service, "b@customer.example")
    etrn(service, "customer.example", 253)
    service.events.wait("failed", recipient="b@customer.example", status="5.1.1")


# shows 2.8l
def test_held_over_restart(t):
    """The configuration alone says which mail waits for ETRN: after kill -9, and when it says otherwise."""
    sink = t.sink()
    service = t.postern(etrn_server(sink.port))
    for number in range(5):
        queue_for_etrn(service, f"a{number}@customer.example")
    service.kill()
    service.start()
    until(lambda: counter(service, "kept_queue_length") == 5, what="all in the backlog again")
    etrn(service, "customer.example", 253)
    sink.wait(5)
    service.home.wait_queued(0)
    queue_for_etrn(service, "b@customer.example")
    service.default.set("domain customer.example", hold="no")
    service.ctl("reload")
    equal(sink.wait(6)[5].recipients, ["b@customer.example"])


def test_delay_and_expiry(t):
    """Nobody asks: one delay report, then a failure, at the times of all outbound mail."""
    service = t.postern(etrn_server(t.port(), {"delivery": {"delay-notify": "1s", "expire": "3s"}}))
    ident = service.default.send("s@default.example", "a@customer.example")
    quiet = service.default.send("s@default.example", "a@customer.example", mail("second"))
    reports = service.home.wait_drops(4)
    kinds = sorted(part.get_payload()[1]["Action"] for d in reports for part in d.email.walk()
                   if part.get_content_type() == "message/delivery-status")
    equal(kinds, ["delayed", "delayed", "failed", "failed"])
    check(all("4.4.7" in d.message.decode() for d in reports))
    for each in (ident, quiet):
        service.events.wait("expired", id=each, status="4.4.7")
    service.home.wait_queued(0)
    until(lambda: counter(service, "kept_queue_length") == 0, what="an empty backlog")
    etrn(service, "customer.example", 251)


# --- ATRN and TURN: the session turns round ---

ATRN = {"access": {"authentication": "anonymous, basic", "basic-requires-tls": "no", "relay": "only", "relay-list": "127.0.0.1"},
        "domain *.other.example": {"atrn-accounts": "bob, alice"}}


def with_accounts(t, port=None, more=None, start=True, **keys):
    """alice fetches customer.example, she and bob what is below other.example."""
    sections = etrn_server(port or t.port(), {k: dict(v) for k, v in ATRN.items()}, **{"atrn-accounts": "alice", **keys})
    for section, values in (more or {}).items():
        sections["default"].setdefault(section, {}).update(values)
    service = t.postern(sections, start=False)
    passwords = service.folder / "passwords"
    for name in ("alice", "bob", "carol"):
        service.ctl("passwd", "--stdin", passwords, name, input="secret\n")
    service.default.set("access", password_file=passwords)
    return service.start() if start else service


def login(client, user="alice", verb="EHLO c.example"):
    client.expect(250, verb)
    client.expect(235, "AUTH PLAIN " + base64.b64encode(f"\0{user}\0secret".encode()).decode())
    return client


class Turned:
    """The client of ATRN in its second life: a server on the same connection."""
    def __init__(self, t, client, **answers):
        self.sink = Sink(t.port(), answers=answers)
        t.cleanup(self.sink.end)
        self.session = SinkSession(self.sink, client.socket, None)
        self.thread = threading.Thread(target=self.session.serve, daemon=True)
        self.thread.start()

    def end(self):
        self.thread.join(WAIT)
        check(not self.thread.is_alive(), "the turned session does not end")
        return self.sink.messages


# shows 2.8m, 9.15
def test_atrn(t):
    """All of the account's mail comes down its connection, nothing else does, then QUIT; no connection is made to the usual host."""
    usual = t.sink()
    service = with_accounts(t, usual.port)
    big = mail("big", size=300000)
    service.default.send(to="a@customer.example", data=big)
    queue_for_etrn(service, ["b@one.other.example", "c@two.other.example"])
    for number in range(60):
        service.default.send(to=f"n{number}@customer.example")
    service.events.wait("kept", recipient="n59@customer.example")
    with service.default.connect() as client:
        check("ATRN" in client.expect(250, "EHLO c.example").texts)
        login(client)
        equal(client.expect(250, "ATRN").text, "2.0.0 OK now reversing the connection")
        turned = Turned(t, client)
        until(lambda: "turned" in service.ctl("sessions").stdout or not turned.thread.is_alive(), what="the state of the session")
        messages = turned.end()
    equal(len(messages), 63, "messages")
    check(big in next(m.data for m in messages if m.recipients == ["a@customer.example"]))
    equal((turned.session.helo, turned.session.lines[-1]), ("default.example", "QUIT"))
    service.home.wait_queued(0)
    equal(usual.sessions, [])
    with service.default.connect() as client:
        login(client).expect("453 4.0.0 You have no mail", "ATRN customer.example")
        client.expect(250, "NOOP")


# shows 2.8m, 9.15
def test_atrn_who(t):
    """Only the domains of the account, only those named; and one turn at a time."""
    service = with_accounts(t)
    queue_for_etrn(service, "a@customer.example")
    queue_for_etrn(service, "b@one.other.example")
    queue_for_etrn(service, "c@two.other.example")
    with service.default.connect(ehlo="c.example") as client:
        client.expect(530, "ATRN customer.example")
        client.expect(530, "TURN")
    with service.default.connect() as client:
        login(client, "carol").expect(450, "ATRN")
        client.expect(450, "ATRN customer.example")
    with service.default.connect() as client, service.default.connect() as other:
        login(client, "bob").expect(450, "ATRN customer.example")
        client.expect(450, "ATRN one.other.example,customer.example")
        client.expect(250, "ATRN one.other.example")
        login(other).expect(451, "ATRN")
        equal([m.recipients for m in Turned(t, client).end()], [["b@one.other.example"]])
    with service.default.connect() as client:
        login(client, "bob", "HELO c.example").expect(250, "TURN")
        equal([m.recipients for m in Turned(t, client).end()], [["c@two.other.example"]])
    equal(len(service.home.queued()), 1)


def test_atrn_in_clear(t):
    """What may not go out in clear does not go down the connection of a client without TLS either."""
    for keys, more in (({"outbound-tls": "required"}, None), ({}, {"delivery": {"outbound-tls": "verify"}})):
        service = with_accounts(t, more=more, **keys)
        queue_for_etrn(service, "a@customer.example")
        with service.default.connect() as client:
            login(client)
            for line in ("ATRN", "ATRN customer.example", "TURN"):
                client.expect("530 5.7.0", line)
        equal(len(service.home.queued()), 1)


def test_atrn_under_tls(t):
    """The deliver worker talks through the listener's TLS."""
    cert, key = t.folder / "cert.pem", t.folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=default.example",
                    "-keyout", key, "-out", cert], check=True, capture_output=True)
    service = with_accounts(t, more={"access": {"certificate": cert, "key": key, "basic-requires-tls": "yes"}}, start=False, **{"outbound-tls": "required"})
    for path in (cert, key):
        path.chmod(0o640)
        if is_root():
            os.chown(path, t.uid, t.gid)
    service.start()
    big = mail("big", size=2000000)
    service.default.send(to="a@customer.example", data=big)
    service.events.wait("kept")
    with service.default.connect(ehlo="c.example") as client:
        client.expect(220, "STARTTLS")
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        client.socket = context.wrap_socket(client.socket)
        login(client).expect(250, "ATRN customer.example")
        messages = Turned(t, client).end()
    check(big in messages[0].data)
    service.home.wait_queued(0)


def test_atrn_cut_short(t):
    """Nothing is lost or goes elsewhere: the client goes in the middle, refuses, is terminated; the worker or everything is killed."""
    usual = t.sink()
    service = with_accounts(t, usual.port)

    def fetch(**answers):
        client = service.default.connect()
        login(client).expect(250, "ATRN customer.example")
        return Turned(t, client, **answers)

    ids = [service.default.send(to=f"n{number}@customer.example") for number in range(4)]
    service.events.wait("kept", id=ids[-1])
    equal(fetch(DOT=Sink.DROP).end(), [])
    until(lambda: counter(service, "kept_queue_length") == 4, what="four in the backlog again")
    equal(fetch(CONNECT="421 4.3.2 not now").end(), [])
    until(lambda: counter(service, "kept_queue_length") == 4, what="four in the backlog again")
    equal(len(fetch(RCPT=["450 4.2.0 later"] * 3).end()), 1)
    until(lambda: counter(service, "kept_queue_length") == 3, what="three in the backlog again")
    stop = threading.Event()
    t.cleanup(stop.set)

    def wait(session, line):
        stop.wait(WAIT)
        return Sink.DROP
    turned = fetch(DATA=wait)
    until(lambda: any(line == "DATA" for line in turned.session.lines), what="DATA")
    session = next(line.split()[0] for line in service.ctl("sessions").stdout.splitlines() if "turned" in line)
    service.ctl("sessions", "terminate", session)
    until(lambda: counter(service, "kept_queue_length") == 3, what="three in the backlog again")
    turned = fetch(DATA=wait)
    until(lambda: any(line == "DATA" for line in turned.session.lines), what="DATA")
    os.kill(service.child("deliver"), signal.SIGKILL)
    until(lambda: counter(service, "kept_queue_length") == 3, what="the next worker to find three")
    turned = fetch(DATA=wait)
    until(lambda: any(line == "DATA" for line in turned.session.lines), what="DATA")
    service.kill()
    service.start()
    until(lambda: counter(service, "kept_queue_length") == 3, what="three after the restart")
    stop.set()
    equal(len(fetch().end()), 3)
    service.home.wait_queued(0)
    equal(usual.sessions, [])


# --- fetchmail ---

def fetchmail(t, *args, rc=""):
    """Its exit status and what it said."""
    home = t.folder / "fetchmail"
    home.mkdir(exist_ok=True)
    (home / "rc").write_text(rc)
    (home / "rc").chmod(0o600)
    done = subprocess.run(["fetchmail", "-f", home / "rc", "--pidfile", home / "pid", "-v", "--nosyslog", *map(str, args)], capture_output=True,
                          text=True, timeout=60, check=False, env={**os.environ, "HOME": str(home), "FETCHMAILHOME": str(home)})
    return done.returncode, done.stdout + done.stderr


def test_fetchmail_etrn(t):
    if not shutil.which("fetchmail"):
        t.skip("fetchmail is not installed")
    sink = t.sink()
    service = with_accounts(t, sink.port)
    queue_for_etrn(service, "a@customer.example")
    code, said = fetchmail(t, rc=f'poll 127.0.0.1 protocol etrn service {service.default.port} fetchdomains customer.example\n')
    check("253" in said, code, said)
    equal(sink.wait()[0].recipients, ["a@customer.example"])


class CramGate(threading.Thread):
    """
    Between fetchmail and Postern. fetchmail's ODMR knows no AUTH but CRAM-MD5, which needs passwords in the clear on the server and is
    not in Postern: this says that one dialogue, logs in with PLAIN instead, and passes everything else on as it is.
    """
    def __init__(self, t, to):
        super().__init__(daemon=True)
        self.to, self.listener = to, socket.create_server(("127.0.0.1", t.port()))
        self.port = self.listener.getsockname()[1]
        t.cleanup(self.listener.close)
        self.start()

    def run(self):
        near, _ = self.listener.accept()
        far = socket.create_connection(("127.0.0.1", self.to))
        threading.Thread(target=self.back, args=(far, near), daemon=True).start()
        stream = near.makefile("rb")
        for line in stream:
            if line.upper().startswith(b"AUTH CRAM-MD5"):
                near.sendall(b"334 PDE4OTYuNjk3MTcwOTUyQHBvc3RlcnQ+\r\n")
                stream.readline()
                line = b"AUTH PLAIN " + base64.b64encode(b"\0alice\0secret") + b"\r\n"
            far.sendall(line)
        far.close()

    @staticmethod
    def back(far, near):
        while data := far.recv(65536):
            near.sendall(data)
        near.close()


def test_fetchmail_odmr(t):
    if not shutil.which("fetchmail"):
        t.skip("fetchmail is not installed")
    usual, home = t.sink(), t.sink()
    service = with_accounts(t, usual.port)
    data = mail("for odmr", "One\r\n.two\r\n", size=50000)
    service.default.send(to="a@customer.example", data=data)
    service.events.wait("kept", recipient="a@customer.example")
    gate = CramGate(t, service.default.port)
    code, said = fetchmail(t, rc=f'poll 127.0.0.1 protocol odmr service {gate.port} user "alice" password "secret" sslproto "" '
                                 f'smtphost 127.0.0.1/{home.port} fetchdomains customer.example\n')
    check(home.messages, code, said)
    message = home.wait()[0]
    equal(message.recipients, ["a@customer.example"])
    check(data in message.data)
    service.home.wait_queued(0)
    equal(usual.sessions, [])
