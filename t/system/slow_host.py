"""slow_host - a host that takes a message bit by bit holds it for a bounded time: minimum-rate"""

import socket
import threading
import time

from checks import check, equal
from sink import SinkSession
from smtp import mail

SIZE = 5000000


class BitByBit(SinkSession):
    """Takes the content in pieces, 200 KB a second, and never keeps the client waiting for long for the next one."""
    PIECE, PAUSE, pause = 4000, 0.02, threading.Event()

    def _content(self, stream):
        tail = b""
        while piece := self.connection.recv(self.PIECE):
            tail = (tail + piece)[-5:]
            if tail == b"\r\n.\r\n":
                return self._whole(b"")
            self.pause.wait(self.PAUSE)
        return False


def slow_sink(t):
    sink = t.sink()
    sink.session = BitByBit
    # small segments and a small window: what the host has not read, we have not sent
    sink.listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
    sink.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    return sink


def postern(t, sinks, **delivery):
    hosts = [f"[127.0.0.1]:{s.port}" for s in sinks]
    return t.postern({"default": {"delivery": {"smart-host": hosts, "retry": "1h", **delivery}}})


FAST = {"minimum-rate": "10M", "connection-timeout": "3s"}


def test_another_host_follows(t):
    """No wait is as long as three seconds, and the whole would take 25: it ends after 18, and another host has the message."""
    slow, other = slow_sink(t), t.sink()
    service = postern(t, (slow, other), **FAST)
    begun = time.monotonic()
    service.default.send("a@default.example", "x@remote.example", mail("large", size=SIZE))
    other.wait(timeout=60)
    took = time.monotonic() - begun
    check(took > 18, took, "seconds")
    service.home.wait_queued(0)
    equal((len(slow.sessions), len(slow.messages), len(other.messages)), (1, 0, 1), "connections, messages")


def test_no_other_host(t):
    """It waits for its next attempt, and the event says why."""
    slow = slow_sink(t)
    service = postern(t, (slow,), **FAST)
    service.default.send("a@default.example", "x@remote.example", mail("large", size=SIZE))
    deferred = service.events.wait("deferred", timeout=60, recipient="x@remote.example")
    check("too slow" in deferred["reason"] and deferred["status"] == "4.4.2", deferred.line)
    equal(len(slow.sessions), 1, "it is not tried again at once")
    equal(service.events.all("failed"), [], "failed")


def test_slow_enough(t):
    """The same host, with the rate that is usual, and without one."""
    for rate in ({}, {"minimum-rate": "unlimited"}):
        slow = slow_sink(t)
        service = postern(t, (slow,), **rate)
        service.default.send("a@default.example", "x@remote.example", mail("large", size=SIZE // 8))
        slow.wait(timeout=60)
        service.home.wait_queued(0)
        equal(len(slow.sessions), 1, "connections")
        service.stop()
