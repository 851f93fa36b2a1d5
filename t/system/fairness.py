"""fairness - a destination that hangs, refuses or is slow delays its own mail only"""

import threading
from pathlib import Path

from checks import check, equal
from patience import until
from smtp import mail

COUNT = 2600    # more than the window of loaded messages holds


def hanging(t):
    """A sink that never answers the greeting's EHLO until it is let go."""
    gate = threading.Event()
    t.cleanup(gate.set)

    def wait(_session, _line):
        gate.wait()
    return gate, t.sink(answers={"EHLO": wait})


def fill(service, count, domain):
    with service.default.connect(ehlo="c.example") as client:
        for number in range(count):
            client.message(ehlo=None, to=f"x{number}@{domain}", data=mail("many"))


def test_hanging_destination(t):
    """With more mail for it than the window holds, mail for others and local mail goes at once; then all of its own comes."""
    gate, slow = hanging(t)
    fast = t.sink()
    service = t.postern({"default": {
        "access": {"relay": "only", "relay-list": "127.0.0.1"},
        "messages": {"max-session-size": "unlimited"},
        "domain slow.example": {"type": "remote", "route": f"[127.0.0.1]:{slow.port}"},
        "domain fast.example": {"type": "remote", "route": f"[127.0.0.1]:{fast.port}"}}})
    fill(service, COUNT, "slow.example")
    service.default.send(to=["y@fast.example", "b@default.example"], data=mail("passes"))
    fast.wait(1)
    service.home.wait_drops(1)
    equal(len(slow.messages), 0, "messages of the one that hangs")
    check(len(service.home.queued()) >= COUNT, "the queue")
    gate.set()
    until(lambda: len(slow.messages) >= COUNT, 200, lambda: f"{COUNT} messages, there are {len(slow.messages)}")
    service.home.wait_queued(0)
    equal(len({m.recipients[0] for m in slow.messages}), COUNT, "different recipients")


def test_new_local_mail_before_a_flush(t):
    """Thousands made due at once for a destination that refuses connections: local mail does not wait behind them."""
    dead = t.port()
    service = t.postern({"default": {"messages": {"max-session-size": "unlimited"},
                                     "delivery": {"smart-host": f"[127.0.0.1]:{dead}", "retry": "1h"}}})
    fill(service, COUNT, "remote.example")
    service.events.wait("deferred", count=COUNT, timeout=200)
    sink = t.sink(port=dead)
    service.ctl("retry")
    service.default.send(data=mail("local"))
    service.home.wait_drops(1)
    until(lambda: len(sink.messages) >= COUNT, 200, lambda: f"{COUNT} messages, there are {len(sink.messages)}")
    service.home.wait_queued(0)


def test_probe_that_hangs(t):
    """Mail for a destination that was down and now accepts without a word: one tries, the others wait without work."""
    port = t.port()
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{port}", "retry": "1s"}}})
    fill(service, 20, "remote.example")
    service.events.wait("deferred", count=20)
    gate = threading.Event()
    t.cleanup(gate.set)
    sink = t.sink(port=port, answers={"CONNECT": lambda _session, _line: gate.wait() and None})
    pid = service.child("deliver")
    until(lambda: sink.sessions, what="the probe")
    begin = cpu_ticks(pid)
    threading.Event().wait(2)       # the span that is measured
    spent = cpu_ticks(pid) - begin
    check(spent < 10, spent, "ticks of CPU in 2 s")
    gate.set()
    sink.wait(20, 60)
    service.home.wait_queued(0)


# shows 2.6h
def test_more_destinations_than_connections(t):
    """Two connections for all, two destinations with hundreds of messages each: a third one gets its turn before they are done."""
    ports = [t.port(), t.port()]
    third = t.sink()
    service = t.postern({"default": {
        "messages": {"max-session-size": "unlimited"}, "delivery": {"connections": "2", "retry": "1h"}, "access": {"relay-list": "127.0.0.1"},
        "domain third.example": {"type": "remote", "route": f"[127.0.0.1]:{third.port}"},
        **{f"domain d{port}.example": {"type": "remote", "route": f"[127.0.0.1]:{port}"} for port in ports}}})
    for port in ports:
        fill(service, 400, f"d{port}.example")
    service.events.wait("deferred", count=800, timeout=100)
    sinks = [t.sink(port=port) for port in ports]
    service.ctl("retry")
    sinks[0].wait(1, 60)
    service.default.send(to="x@third.example")
    before = sum(len(s.messages) for s in sinks)
    third.wait(1, 60)
    after = sum(len(s.messages) for s in sinks)
    check(after < 400, after, "of 800 before the third had one; when it came there were", before)
    until(lambda: sum(len(s.messages) for s in sinks) >= 800, 90, lambda: f"800 messages, there are {[len(s.messages) for s in sinks]}")
    service.home.wait_queued(0)


def test_destination_that_comes_back(t):
    """What waits an hour because its destination is down comes when a new message has found it up again."""
    port = t.port()
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{port}", "retry": "1s 1h"}}})
    idents = [service.default.send(to="x@remote.example") for _ in range(20)]
    for ident in idents:
        service.events.wait("deferred", id=ident, next=lambda s: len(s) == 4, timeout=40)
    sink = t.sink(port=port)
    new = service.default.send(to="y@remote.example")
    sink.wait(21, 40)
    service.home.wait_queued(0)
    equal(len(service.events.all("delivered", id=new)), 1, "the new one")
    service.events.wait("service", what="destination-back")


def cpu_ticks(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])
