"""dns - the resolver helper with a real name server: DNSSEC, TCP, failures, cache, a killed helper; choice of hosts"""

import os
import signal
import threading

from checks import check, equal
from dns import Forger, fail_with_servfail
from patience import until
from sink import Sink

RECORDS = ("remote MX 10 mx", "mx A 127.0.0.8")
A, MX = 1, 15       # types of records


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


# shows 2.2g
def test_signed_zone(t):
    port = t.port()
    sink = sink_at(t, "127.0.0.8", port)
    dns = t.dns(*RECORDS, signed=True)
    service = service_with(t, dns, port, dnssec="yes", trust_anchor=anchor_file(t, dns.anchor))
    service.default.send(to="x@remote.example")
    sink.wait(1, 40)


# shows 2.2g
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


# shows 2.2g
def test_insecure_domain_needs_no_key(t):
    """Below a key that does not fit, the names that are declared unsigned are believed."""
    port = t.port()
    sink = sink_at(t, "127.0.0.8", port)
    dns = t.dns(*RECORDS)
    other = t.dns(*RECORDS, signed=True)
    service = service_with(t, dns, port, dnssec="yes", trust_anchor=anchor_file(t, other.anchor), dns_insecure=["remote.example", "mx.example"])
    service.default.send(to="x@remote.example")
    sink.wait(1, 40)


# shows 2.7g
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


# shows 2.7a
def test_equal_hosts_share_the_mail(t):
    """Of two with the same preference both are used at a time; the one behind them is not."""
    port = t.port()
    first, second, spare = sink_at(t, "127.0.0.8", port), sink_at(t, "127.0.0.9", port), sink_at(t, "127.0.0.10", port)
    both = threading.Event()
    t.cleanup(both.set)

    def wait(_session, _message):
        if first.sessions and second.sessions:
            both.set()
        both.wait(20)
    first.answers["DOT"] = second.answers["DOT"] = wait
    dns = t.dns("remote MX 10 mx1", "remote MX 10 mx2", "remote MX 20 mx3", "mx1 A 127.0.0.8", "mx2 A 127.0.0.9", "mx3 A 127.0.0.10")
    service = service_with(t, dns, port)
    with service.default.connect(ehlo="c.example") as client:
        for _ in range(20):
            client.message(to="x@remote.example", ehlo=None)
    until(lambda: len(first.messages) + len(second.messages) == 20, what="20 messages")
    check(first.messages and second.messages, len(first.messages), len(second.messages))
    equal(len(spare.sessions), 0, "connections to the one behind them")


# shows 2.7b
def test_either_family(t):
    """AAAA alone, with MX and without, and both with one of them dead."""
    port = t.port()
    six, four = sink_at(t, "::1", port), sink_at(t, "127.0.0.8", port)
    dns = t.dns("plain AAAA ::1", "remote MX 10 plain", "oldest A 127.0.0.8", "oldest AAAA 100::1", "newest A 127.0.0.9", "newest AAAA ::1")
    service = service_with(t, dns, port)
    for domain in ("plain", "remote", "newest"):
        service.default.send(to=f"x@{domain}.example")
    service.default.send(to="x@oldest.example")
    equal(sorted(m.recipients[0] for m in six.wait(3)), ["x@newest.example", "x@plain.example", "x@remote.example"])
    equal(four.wait()[0].recipients, ["x@oldest.example"])


# shows 2.7d
def test_aliases(t):
    """The domain is an alias of one with MX; the MX is an alias; aliases in a circle lead nowhere, and no mail is lost by them."""
    port = t.port()
    sink = sink_at(t, "127.0.0.8", port)
    dns = t.dns("one CNAME remote", *RECORDS, "two MX 10 www", "www CNAME web", "web CNAME mx", "round CNAME about", "about CNAME round")
    service = service_with(t, dns, port)
    circle = service.default.send("a@default.example", "x@round.example")
    service.default.send(to="x@one.example")
    service.default.send(to="x@two.example")
    equal(sorted(m.recipients[0] for m in sink.wait(2)), ["x@one.example", "x@two.example"])
    equal(service.events.wait("deferred", id=circle)["status"], "4.4.3", "status")


# shows 2.7f
def test_second_host_is_ourselves(t):
    """While the better one is dead the mail waits: it comes neither to us again nor to one behind us."""
    dns = t.dns("remote MX 10 mx1", "remote MX 20 default", "remote MX 30 mx3", "mx1 A 127.0.0.8", "default A 127.0.0.1", "mx3 A 127.0.0.10")
    service = t.postern(service={"dns-server": dns.address}, start=False)
    port = service.default.port
    service.default.set("delivery", port=port, retry="1s")
    behind = sink_at(t, "127.0.0.10", port)
    service.start()
    ident = service.default.send("a@default.example", "x@remote.example")
    service.events.wait("deferred", id=ident)
    best = sink_at(t, "127.0.0.8", port)
    best.wait()
    equal(len(behind.sessions), 0, "connections to the one behind us")
    equal(len(service.events.all("accepted")), 1, "messages that came in")


def test_domain_without_address(t):
    dns = t.dns("empty TXT nothing", "gone MX 10 nothing")
    service = service_with(t, dns, t.port())
    for domain in ("empty", "gone"):
        ident = service.default.send("a@default.example", f"x@{domain}.example")
        equal(service.events.wait("failed", id=ident)["status"], "5.4.4", domain)


# shows 2.7g
def test_name_server_in_trouble(t):
    """SERVFAIL, and silence, which takes libunbound some seconds: mail for that domain waits, no other is held up."""
    port = t.port()
    sink = sink_at(t, "127.0.0.8", port)
    dns = t.dns(*RECORDS, "broken MX 10 mx", "silent MX 10 mx")
    forger = Forger(t, dns, {"broken": fail_with_servfail, "silent": lambda answer: None})
    service = service_with(t, forger, port)
    idents = [service.default.send("a@default.example", f"x@{domain}.example") for domain in ("silent", "broken")]
    service.default.send(to="x@remote.example")
    sink.wait()
    for ident in reversed(idents):
        equal(service.events.wait("deferred", id=ident, timeout=60)["status"], "4.4.3", "status")
    service.home.wait_queued(2)
    equal(service.home.drops(), [], "reports")


def test_answers_are_kept(t):
    """A second message asks nothing again, nor does another virtual server."""
    port = t.port()
    sink = sink_at(t, "127.0.0.8", port)
    forger = Forger(t, t.dns("remote 300 MX 10 mx", "mx 300 A 127.0.0.8"))
    delivery = {"delivery": {"port": port}}
    service = t.postern({"default": delivery, "other": delivery}, service={"dns-server": forger.address})
    for number, server in enumerate(("default", "default", "other")):
        service[server].send(to="x@remote.example")
        sink.wait(number + 1, 40)
    equal((forger.count("remote.example", MX), forger.count("mx.example", A)), (1, 1), "questions")


# shows 2.6q, 2.7f
def test_own_and_never(t):
    """Ourselves behind a NAT, by name and by address, is the end (5.4.6); what the DNS may not name is no host (5.4.4)."""
    other = sink_at(t, "127.0.0.8", t.port())
    dns = t.dns("name MX 10 nat", "nat A 198.51.100.7", "named MX 10 default", "default A 198.51.100.8",
                "address MX 10 far", "address MX 20 mx", "far A 198.51.100.1", "far A 198.51.100.9", "loop MX 10 l", "l A 127.9.9.9",
                "second MX 10 mx", "second MX 20 nat", "mx A 127.0.0.8", "local A 169.254.7.7")
    service = t.postern({"default": {"general": {"own-address": "nat.example, 198.51.100.9"},
                                     "delivery": {"port": other.port, "retry": "1s", "never-to": "127.9.0.0/16, link-local"}}},
                        service={"dns-server": dns.address})
    wanted = {"name": "5.4.6", "named": "5.4.6", "address": "5.4.6", "loop": "5.4.4", "local": "5.4.4"}
    for domain in [*wanted, "second"]:
        service.default.send("a@default.example", f"x@{domain}.example")
    other.wait(1)
    reports = service.home.wait_drops(len(wanted))
    service.default.send("a@default.example", "lit@[198.51.100.9]")
    service.home.put("literal", "x-sender: a@default.example\nx-receiver: pick@[198.51.100.9]\n\nhello\n")
    receivers = {r for drop in service.home.wait_drops(len(wanted) + 2) for r in drop.receivers}
    check({"lit@default.example", "pick@default.example"} <= receivers, "a literal of ours", receivers)
    for domain, status in wanted.items():
        report = next(drop.message for drop in reports if f"x@{domain}.example".encode() in drop.message)
        check(f"Status: {status}".encode() in report, domain, report)
    equal([m.recipients for m in other.messages], [["x@second.example"]], "only by the better MX")
