"""dead_address - a host that is dead or slow, in the DNS or at its address, does not delay mail that another one takes"""

import socket
import threading
import time

from checks import check, equal
from dns import Forger
from sink import Sink

SOON = 9        # seconds; the time limits that would count otherwise are 30, and 11 or more for a name


def black_hole(t, address="127.0.0.1"):
    """A port that answers no SYN: its queue of connections is full. Returns the port."""
    listener = socket.create_server((address, 0), backlog=0)
    t.cleanup(listener.close)
    for _ in range(4):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(listener.getsockname())
        t.cleanup(client.close)
    return listener.getsockname()[1]


def silent(t):
    """A host that accepts connections and says nothing until the test ends."""
    gate = threading.Event()
    t.cleanup(gate.set)
    return t.sink(answers={"CONNECT": lambda _session, _line: gate.wait() and None})


def sink_at(t, address, port):
    sink = Sink(port, address)
    t.cleanup(sink.end)
    return sink


def send_soon(service, sink, to, count=1):
    begin, had = time.monotonic(), len(sink.messages)
    for _ in range(count):
        service.default.send("a@default.example", to)
    sink.wait(had + count, 60)
    spent = time.monotonic() - begin
    check(spent < SOON, to, spent, "seconds")


def postern(t, routes, **options):
    domains = {f"domain {name}": {"type": "remote", "route": [f"[127.0.0.1]:{port}" for port in ports]} for name, ports in routes.items()}
    return t.postern({"default": {"access": {"relay": "only", "relay-list": "127.0.0.1"}, "delivery": {"retry": "1h"}, **domains}}, **options)


def test_dead_hosts(t):
    """Before a live one, or behind it, at once or when mail goes already."""
    sink = t.sink()
    hole = black_hole(t)
    service = postern(t, {
        "first.example": [hole, sink.port], "second.example": [sink.port, hole],
        "many.example": [hole, black_hole(t), t.port(), sink.port]})
    for name in ("first.example", "second.example", "many.example"):
        send_soon(service, sink, f"x@{name}", 5)
    service.home.wait_queued(0)
    equal(service.events.all("deferred"), [], "deferred")


def test_host_that_says_nothing(t):
    """It accepts the connection: after ten seconds the next one gets the mail."""
    mute, sink = silent(t), t.sink()
    service = postern(t, {"far.example": [mute.port, sink.port]})
    service.default.send("a@default.example", "x@far.example")
    sink.wait(1, 20)
    service.home.wait_queued(0)


def test_dead_names(t):
    """The name server says nothing about the second host, about the first one, or about IPv6 alone."""
    port = t.port()
    sink = sink_at(t, "127.0.0.8", port)
    dns = t.dns("live A 127.0.0.8", "silent A 127.0.0.9", "noipv6 A 127.0.0.8",
                "second MX 10 live", "second MX 20 silent", "first MX 10 silent", "first MX 20 live", "half MX 10 noipv6")

    def without_ipv6(answer):
        return None if b"\x06noipv6\x07example\0\x00\x1c" in answer.lower() else answer
    forger = Forger(t, dns, {"silent": lambda answer: None, "noipv6": without_ipv6})
    service = t.postern({"default": {"delivery": {"port": port, "retry": "1h"}}}, service={"dns-server": forger.address})
    for name in ("second", "half", "first"):
        send_soon(service, sink, f"x@{name}.example")
    service.home.wait_queued(0)
    equal(service.events.all("deferred"), [], "deferred")
