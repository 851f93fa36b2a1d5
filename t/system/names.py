"""names - the resolver helper with a real name server: DNSSEC, TCP, a helper that is killed"""

import os
import signal

from postern import Sink, equal, until

RECORDS = ("remote MX 10 mx", "mx A 127.0.0.8")


def sink_at(t, address, port):
    sink = Sink(port, address)
    t.cleanup(sink.end)
    return sink


def service_with(t, dns, port, **keys):
    service = {"dns-server": dns.address}
    service.update({k.replace("_", "-"): v for k, v in keys.items()})
    return t.postern({"default": {"delivery": {"port": port, "retry": "1s"}}}, service=service)


def anchor_file(t, text):
    path = t.folder / "anchor"
    path.write_text(text)
    path.chmod(0o644)
    return path


def test_signed_zone(t):
    port = t.port()
    sink = sink_at(t, "127.0.0.8", port)
    dns = t.dns(*RECORDS, signed=True)
    service = service_with(t, dns, port, dnssec="yes", trust_anchor=anchor_file(t, dns.anchor))
    service.default.send(to="x@remote.example")
    sink.wait(1, 40)


def test_wrong_key_is_a_retry_that_says_why(t):
    """A zone that does not fit its key is no reason to send anywhere, nor to return the mail."""
    port = t.port()
    sink = sink_at(t, "127.0.0.8", port)
    dns = t.dns(*RECORDS)
    other = t.dns(*RECORDS, signed=True)
    service = service_with(t, dns, port, dnssec="yes", trust_anchor=anchor_file(t, other.anchor))
    ident = service.default.send("a@default.example", "x@remote.example")
    deferred = service.events.wait("deferred", id=ident, timeout=60)
    equal(deferred["status"], "4.4.3", "status")
    equal(sink.messages, [], "messages")
    equal(service.home.drops(), [], "reports")


def test_insecure_domain_needs_no_key(t):
    """Below a key that does not fit, the names that are declared unsigned are believed."""
    port = t.port()
    sink = sink_at(t, "127.0.0.8", port)
    dns = t.dns(*RECORDS)
    other = t.dns(*RECORDS, signed=True)
    service = service_with(t, dns, port, dnssec="yes", trust_anchor=anchor_file(t, other.anchor), dns_insecure=["remote.example", "mx.example"])
    service.default.send(to="x@remote.example")
    sink.wait(1, 40)


def test_large_answer_comes_by_tcp(t):
    """Sixty hosts do not fit a datagram; the best of them is used."""
    port = t.port()
    sink = sink_at(t, "127.0.0.8", port)
    others = [f"remote MX {20 + n} a-host-with-a-rather-long-name-that-does-not-fit-number-{n}" for n in range(60)]
    dns = t.dns(*RECORDS, *others)
    service = service_with(t, dns, port)
    service.default.send(to="x@remote.example")
    sink.wait(1, 40)


def test_killed_helper_comes_again(t):
    port = t.port()
    sink = sink_at(t, "127.0.0.8", port)
    dns = t.dns(*RECORDS, "other MX 10 mx")
    service = service_with(t, dns, port)
    service.default.send(to="x@remote.example")
    sink.wait(1, 40)
    first = service.child("resolver")
    os.kill(first, signal.SIGKILL)
    service.default.send(to="x@other.example")
    sink.wait(2, 60)
    until(lambda: [pid for pid in service.children("resolver") if pid != first], what="another helper")


def test_no_helper_before_a_name_is_needed(t):
    sink = t.sink()
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}"}}})
    service.default.send(to="x@remote.example")
    sink.wait(1)
    equal(service.children("resolver"), [], "resolver helpers")
