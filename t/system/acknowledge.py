"""acknowledge - acknowledge = safe: 250 when the next hop has the message or the disk has it, whichever comes first

POSTERN_OFFER_MS makes the time in which the next hop may take it long (LONG: only the hop answers) or short (SHORT: the hop, which
waits for its gate, is never in time).
"""

import os
import re
import signal
import threading

from checks import check, equal
from patience import until
from smtp import mail
from spool_states import check_legal

LONG, SHORT = "600000", "1"
REMOTE = "x@remote.example"


def counter(service, name):
    return int(re.search(rf"^{name}_total (-?\d+)$", service.ctl("counters", "default").stdout, re.M)[1])


def service_for(t, sink, wait_ms=LONG, **sections):
    service = t.postern({"default": {"delivery": {"acknowledge": "safe", "smart-host": f"[127.0.0.1]:{sink.port}", "retry": "1s"},
                                     "domain other.example": {"type": "remote"}, **sections}}, start=False)
    service.env["POSTERN_OFFER_MS"] = wait_ms
    return service.start()


def drafts(service):
    """What is written and not in the queue."""
    return [path for path in (service.home.path / "queue/new").iterdir() if not path.name.endswith(".lock")]


def wait_offers(service):
    """Until pickup and deliver have found each other: what was sent before is stored."""
    def is_passed():
        service.default.send(to=REMOTE, data=mail("first"))
        return counter(service, "messages_passed_through") > 0
    until(is_passed, what="a message that is passed through")
    service.home.wait_queued(0)


class Gate:
    """A host that answers the content of what has `gated` in it only when the gate is open, `waiting` until then."""
    def __init__(self, t):
        self.gate, self.waiting = threading.Event(), threading.Semaphore(0)
        t.cleanup(self.gate.set)
        self.sink = t.sink(answers={"DOT": self.answer})

    def answer(self, _session, message):
        if b"gated" in message.data:
            self.waiting.release()
            self.gate.wait()

    def wait(self):
        check(self.waiting.acquire(timeout=60), "nothing came to the host")

    def came(self, subject):
        return [m for m in list(self.sink.messages) if subject.encode() in m.data]


def begin(server, subject, to=(REMOTE,)):
    """A client that has sent the whole message and waits for the reply."""
    client = server.connect(ehlo="c.example")
    client.expect(250, "MAIL FROM:<a@s.example>")
    for each in to:
        client.expect(250, f"RCPT TO:<{each}>")
    client.expect(354, "DATA")
    client.send(mail(subject) + b".\r\n")
    return client


# shows 2.6s
def test_taken(t):
    """The client waits as long as the host does and the disk need not; its 250 is the host's, and nothing is left of the message."""
    host = Gate(t)
    service = service_for(t, host.sink)
    wait_offers(service)
    passed = counter(service, "messages_passed_through")
    with begin(service.default, "gated", (REMOTE, "y@remote.example", "z@other.example")) as client:
        host.wait()
        equal((len(drafts(service)), service.home.queued()), (1, []), "the draft while the host thinks")
        host.gate.set()
        ident = re.search(r"\b[0-9a-z]{16}\b", client.expect(250).text)[0]
    until(lambda: not drafts(service), what="the draft to go")
    equal(service.home.queued(), [])
    equal(counter(service, "messages_passed_through"), passed + 1)
    service.events.wait("accepted", id=ident)
    equal(len(service.events.all("delivered", id=ident)), 3)
    equal(len(host.came("gated")), 1)
    service.stop()
    check_legal(service.home, "at the end")


# shows 2.6s
def test_not_in_time(t):
    """The disk is first: 250 while the host still thinks; what the host says then counts as ever. So of a refusal: a report."""
    host = Gate(t)
    service = service_for(t, host.sink, SHORT)
    for fate in ("taken", "refused"):
        with begin(service.default, f"gated {fate}", ("no-one@remote.example" if fate == "refused" else REMOTE,)) as client:
            host.wait()
            client.expect(250)
        equal((len(service.home.queued()), drafts(service)), (1, []), "the message while the host thinks")
        if fate == "refused":
            host.sink.answers["DOT"] = lambda _session, message: None if host.gate.wait() and b"report" in message.data else "550 5.7.1 not here"
        host.gate.set()
        service.home.wait_queued(0)
        host.gate.clear()
    equal(len(host.came("gated taken")), 1)
    check_legal(service.home, "at the end")


# shows 2.6s
def test_refused(t):
    """A refusal of the whole message at any step, for good or for now, is the client's own reply: no report, nothing queued."""
    sink = t.sink()
    service = service_for(t, sink)
    wait_offers(service)
    for count, (verb, reply) in enumerate([("MAIL", "550 5.1.8 bad sender"), ("RCPT", "550 5.1.1 no such user"), ("DATA", "554 5.5.1 no content"),
                                           ("DOT", "552 5.3.4 too large"), ("RCPT", "450 4.2.1 not now"), ("DOT", "451 4.7.1 greylisted")]):
        sink.answers[verb] = lambda _session, _line, reply=reply: reply
        with begin(service.default, f"refused {count}", (REMOTE, "y@remote.example")) as client:
            client.expect(reply)
            del sink.answers[verb]
            client.expect(250, "NOOP")
        service.events.wait("refused", reply=reply)
        until(lambda: not drafts(service), what="the draft to go")
        equal(service.home.queued(), [], reply)
        equal(counter(service, "messages_refused_by_next_hop"), count + 1)
    equal((len(service.events.all("failed")), counter(service, "ndrs_generated")), (0, 0))
    service.stop()
    check_legal(service.home, "at the end")


# shows 2.6s
def test_what_is_stored(t):
    """Replies that are not one for all, local recipients, a report of success, a busy host: stored, and each recipient has its fate."""
    sink = t.sink(answers={"RCPT": lambda _session, line: "550 5.1.1 no such user" if "<no-" in line else None})
    service = service_for(t, sink)
    wait_offers(service)
    passed = counter(service, "messages_passed_through")
    service.default.send("a@default.example", [REMOTE, "no-one@remote.example"], mail("one of two"))
    report = service.home.wait_drops()[0]
    check(b"no-one@remote.example" in report.raw and b"550 5.1.1" in report.raw, report.raw)
    service.default.send("a@s.example", [REMOTE, "b@default.example"], mail("mixed"))
    service.home.wait_drops(2)
    service.default.send("a@default.example", REMOTE, mail("success"), rcpt=" NOTIFY=SUCCESS")
    service.home.wait_drops(3)
    service.default.send("a@s.example", REMOTE, mail("large", size=300000))
    sink.answers["MAIL"] = lambda _session, _line: "421 4.3.2 busy"     # about the host, not about the message
    service.default.send("a@s.example", REMOTE, mail("busy"))
    del sink.answers["MAIL"]
    service.home.wait_queued(0)
    equal([len([m for m in sink.messages if subject in m.data]) for subject in (b"one of two", b"mixed", b"Subject: success", b"large", b"busy")], [1] * 5)
    equal(counter(service, "messages_passed_through"), passed)


# shows 2.6s
def test_deliver_ends(t):
    """Deliver is killed, or stops, while it has an offer: pickup stores the message, and says 250 itself."""
    host = Gate(t)
    service = service_for(t, host.sink)
    for way in ("kill", "reload"):
        wait_offers(service)
        with begin(service.default, f"gated {way}") as client:
            host.wait()
            if way == "kill":
                os.kill(service.child("deliver"), signal.SIGKILL)
            else:
                service.default.set("delivery", hop_limit=50)
                service.ctl("reload")
                host.gate.set()
            client.expect(250)
        host.gate.set()
        service.home.wait_queued(0)
        check(host.came(f"gated {way}"), way)
        host.gate.clear()


# shows 2.6s
def test_pickup_ends(t):
    """Pickup is killed while a message is offered: the listener gives it to the next one; the client hears 250, and it comes."""
    host = Gate(t)
    service = service_for(t, host.sink)
    wait_offers(service)
    old = service.child("pickup")
    with begin(service.default, "gated") as client:
        host.wait()
        os.kill(old, signal.SIGKILL)
        until(lambda: [pid for pid in service.children("pickup") if pid != old], what="a new pickup")
        host.gate.set()
        client.expect(250)
    until(lambda: host.came("gated"), what="the message")
    wait_offers(service)
    service.stop()
    check_legal(service.home, "at the end")


# shows 2.6s
def test_client_leaves(t):
    """A client that hangs up while its message is offered: it is sent all the same, and nothing is left of it."""
    host = Gate(t)
    service = service_for(t, host.sink)
    wait_offers(service)
    with begin(service.default, "gated"):
        host.wait()
    host.gate.set()
    until(lambda: host.came("gated") and not drafts(service), what="the message to go")
    service.events.wait("accepted", count=2)
    equal(service.home.queued(), [])


# shows 2.6s
def test_no_host(t):
    """No host is there: the message is stored at once, however long a host might have had, and the client hears 250."""
    host = Gate(t)
    service = service_for(t, host.sink)
    wait_offers(service)
    host.sink.end()
    service.default.send("a@s.example", REMOTE, mail("nobody there"))
    equal((len(service.home.queued()), drafts(service)), (1, []))
    service.stop()
    check_legal(service.home, "at the end")
