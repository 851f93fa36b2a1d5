"""large_content - large messages to other hosts, byte for byte: in clear and under TLS, by DATA and by BDAT, whatever their lines are

A content without dots at the start of lines, and without long lines, goes from the file to the socket; others are read.
"""

import re
import socket
import threading

from checks import check, equal
from counted_sink import sink_context
from patience import until
from sink import Sink, SinkSession
from smtp import mail

BASE = ("PIPELINING", "SIZE", "8BITMIME", "ENHANCEDSTATUSCODES")
EDGE = 65536        # bytes that are read at a time


def filled(size, line=b"x" * 70 + b"\r\n"):
    return line * (size // len(line))


def bodies():
    """{name: body}; the header before it is of one length, so that with the shifts each byte of a dot's line meets the edge of a piece."""
    rows = {"plain": filled(1 << 20), "few": filled(20000), "empty lines": b"\r\n" * 60000,
            "dot first": b".first\r\n" + filled(200000), "dot last": filled(200000) + b".\r\n", "dots last": filled(200000) + b"...\r\n",
            "998": filled(150000) + b"y" * 998 + b"\r\n" + filled(150000), "997": filled(150000) + b"y" * 997 + b"\r\n" + filled(150000),
            "dots inside": filled(300000, b"a.b.\r\n")}
    for shift in range(5):
        rows[f"dots at the edges {shift}"] = b"s" * shift + b"\r\n" + filled(3 * EDGE, b".z\r\n")
        rows[f"lines at the edges {shift}"] = b"s" * shift + b"\r\n" + filled(3 * EDGE, b"z.\r\n")
    return rows


def received(message):
    """Without our own field."""
    return re.sub(rb"\AReceived: [^\r]*\r\n(?:\t[^\r]*\r\n)*", b"", message.data)


def test_as_it_was(t):
    """To hosts of each kind; also what ends without a CRLF, which a host gets by DATA with one."""
    sinks = {"clear": t.sink(ehlo=BASE), "chunks": t.sink(ehlo=BASE + ("CHUNKING",)), "binary": t.sink(ehlo=BASE + ("CHUNKING", "BINARYMIME")),
             "tls": t.sink(ehlo=BASE, tls=sink_context(t))}
    service = t.postern({"default": {"messages": {"max-message-size": "unlimited", "max-session-size": "unlimited"}, **{
        f"domain {name}.test": {"type": "remote", "route": f"[127.0.0.1]:{sink.port}"} for name, sink in sinks.items()}}})
    rows = {name: mail(name, "") + body for name, body in bodies().items()}
    torn = mail("torn", "") + filled(300000) + b"no end"
    with service.default.connect(ehlo="c.example") as client:
        for name in sinks:
            for data in rows.values():
                client.message(to=f"x@{name}.test", data=data, ehlo=None)
            client.send(f"MAIL FROM:<a@s.example>\r\nRCPT TO:<x@{name}.test>\r\nBDAT {len(torn)} LAST\r\n".encode() + torn)
            for _ in range(3):
                client.expect(250)
    for name, sink in sinks.items():
        sink.wait(len(rows) + 1, 60)
        got = {re.search(rb"^Subject: ([^\r]+)", m.data, re.M)[1].decode(): m for m in sink.messages}
        for what, data in rows.items():
            check(received(got[what]) == data, f"{name}: {what}")
            equal(got[what].params.count(f"SIZE={len(got[what].data)}"), 1, f"{name}: {what}: SIZE")
        equal(received(got["torn"])[-8:], b"no end\r\n" if name in ("clear", "tls") else b"x\r\nno end"[-8:], name)
        equal(any(line.startswith("BDAT") for line in got["plain"].session.lines), name in ("chunks", "binary"), name)
        equal([m.session.tls is not None for m in sink.messages], [name == "tls"] * len(sink.messages), name)
    service.home.wait_queued(0)


class Impatient(SinkSession):
    """Answers in the middle of the content, and goes on to read it, or does not."""
    def _content(self, stream):
        stream.read(100000)
        self.sink.middle.set()
        if not self.say("MIDDLE", "", "552 5.3.4 that is enough"):
            return False
        while self.sink.reads and stream.read(65536):
            pass
        self.sink.over.wait(60)
        return False


def impatient(t, answer, reads):
    sink = t.sink(ehlo=BASE, answers={"MIDDLE": answer})
    sink.session, sink.reads, sink.middle, sink.over = Impatient, reads, threading.Event(), threading.Event()
    t.cleanup(sink.over.set)
    return sink


def test_answer_in_the_middle(t):
    """A host that refuses while the content is on its way is heard, whether it reads on or not; what a host puts off is sent again."""
    hosts = {"reads": impatient(t, "552 5.3.4 that is enough", True), "stops": impatient(t, "552 5.3.4 that is enough", False),
             "later": impatient(t, "421 4.3.2 not now", True), "drops": impatient(t, Sink.DROP, False)}
    service = t.postern({"default": {"delivery": {"retry": "1h"}, "messages": {"max-message-size": "unlimited", "max-session-size": "unlimited"}, **{
        f"domain {name}.test": {"type": "remote", "route": f"[127.0.0.1]:{sink.port}"} for name, sink in hosts.items()}}})
    data = mail("large", "") + filled(12 << 20)
    with service.default.connect(ehlo="c.example") as client:
        idents = {name: client.message(to=f"x@{name}.test", data=data, ehlo=None) for name in hosts}
    for name in ("reads", "stops"):
        event = service.events.wait("failed", id=idents[name], status="5.3.4")
        check("that is enough" in event["reason"], event.line)
    event = service.events.wait("deferred", id=idents["later"])
    check("not now" in event["reason"], event.line)
    service.events.wait("deferred", id=idents["drops"])
    equal([sink.messages for sink in hosts.values()], [[]] * len(hosts))


def test_host_that_stops_reading(t):
    """It is waited for as long as connection-timeout says, from the last byte that it took; one that reads slowly gets all."""
    slow = t.sink(ehlo=BASE)
    stands = impatient(t, lambda session, line: session.sink.over.wait(60) and "250 x", False)
    stands.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    service = t.postern({"default": {"delivery": {"retry": "1h", "connection-timeout": "2s"},
                                     "messages": {"max-message-size": "unlimited", "max-session-size": "unlimited"},
                                     "domain slow.test": {"type": "remote", "route": f"[127.0.0.1]:{slow.port}"},
                                     "domain stands.test": {"type": "remote", "route": f"[127.0.0.1]:{stands.port}"}}})
    data = mail("large", "") + filled(12 << 20)
    with service.default.connect(ehlo="c.example") as client:
        first = client.message(to="x@stands.test", data=data, ehlo=None)
        client.message(to="x@slow.test", data=data, ehlo=None)
    check(received(slow.wait(1, 60)[0]) == data, "the slow one")
    stands.middle.wait(20)
    event = service.events.wait("deferred", id=first, timeout=40)
    check(event["reason"], event.line)
    until(lambda: len(service.home.queued()) == 1, what="the one that waits")
