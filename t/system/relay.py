"""relay - mail to other hosts: smart hosts and MX, fail-over, connections that are kept, extensions, limits"""

from checks import check, equal
from dns import Dns
from patience import until
from sink import Sink
from smtp import mail


def smart(*ports, **delivery):
    keys = {"smart-host": [f"[127.0.0.1]:{port}" for port in ports], "retry": "1s"}
    keys.update({k.replace("_", "-"): v for k, v in delivery.items()})
    return {"default": {"delivery": keys}}


# shows 2.6l, 2.6m, 7.2b, 9.24
def test_smart_host(t):
    sink = t.sink()
    service = t.postern(smart(sink.port))
    data = mail("out", "One\r\n.two\r\n")
    ident = service.default.send("a@s.example", ["x@remote.example", "y@other.example"], data)
    sink.wait(1)
    equal(sorted(r for m in sink.messages for r in m.recipients), ["x@remote.example", "y@other.example"])
    message = sink.messages[0]
    equal((message.sender, message.session.helo), ("a@s.example", "default.example"))
    check(message.data.startswith(b"Received: from client.example ([127.0.0.1])\r\n\tby default.example with ESMTP id " + ident.encode()), message.data)
    check(message.data.endswith(data), message.data)
    check(f"SIZE={len(message.data)}" in message.params, message.params, len(message.data))
    service.events.wait("delivered", id=ident, recipient="x@remote.example", status=lambda s: s.startswith("2."))
    service.home.wait_queued(0)


def test_local_and_remote(t):
    sink = t.sink()
    service = t.postern(smart(sink.port))
    service.default.send("a@s.example", ["b@default.example", "x@remote.example"])
    equal(service.home.wait_drops()[0].receivers, ["b@default.example"])
    equal(sink.wait()[0].recipients, ["x@remote.example"])
    service.home.wait_queued(0)


# shows 2.6m
def test_smart_host_fail_over(t):
    """The first refuses the connection, the second greets with 421: the third gets it."""
    busy, good = t.sink(answers={"CONNECT": lambda s, line: "421 4.3.2 not now"}), t.sink()
    service = t.postern(smart(t.port(), busy.port, good.port))
    service.default.send(to="x@remote.example")
    good.wait()
    equal(len(busy.sessions), 1, "connections to the busy one")


def test_dead_smart_host_comes_last_next_time(t):
    """What could not be reached a moment ago is tried after the others, but it is tried."""
    dead, good = t.port(), t.sink()
    config = smart(dead, good.port)
    config["default"]["messages"] = {"max-messages-per-connection": "1"}
    service = t.postern(config)
    service.default.send(to="x@remote.example")
    good.wait()
    first = t.sink(port=dead)
    service.default.send(to="x@remote.example")
    good.wait(2)
    equal(len(first.sessions), 0, "connections to the first")
    good.answers["CONNECT"] = "421 4.3.2 not now"
    service.default.send(to="x@remote.example")
    first.wait()
    equal(len(good.sessions), 3, "connections to the second")


# shows 2.6m
def test_smart_host_by_name(t):
    """Its address, at its port or the server's; an MX of that name says nothing."""
    port, usual = t.port(), t.port()
    named, literal = Sink(port, "127.0.0.15"), Sink(usual, "127.0.0.16")
    t.cleanup(named.end)
    t.cleanup(literal.end)
    dns = t.dns("relay MX 10 wrong", "relay A 127.0.0.15", "wrong A 127.0.0.17")
    service = t.postern({"default": {"delivery": {"smart-host": f"relay.example:{port}", "port": usual}},
                         "other": {"delivery": {"smart-host": "[127.0.0.16]", "port": usual}}}, service={"dns-server": dns.address})
    service.default.send(to="x@remote.example")
    service["other"].send(to="y@remote.example")
    equal(named.wait()[0].recipients, ["x@remote.example"])
    equal(literal.wait()[0].recipients, ["y@remote.example"])


# shows 2.6n
def test_smart_host_after_direct(t):
    """yes: for a domain that cannot be found; on-failure: also for one that cannot be reached. Never after a domain's own no."""
    port = t.port()
    dns = t.dns("away MX 10 mx", "mx A 127.0.0.13", "silent MX 0 .", "empty TXT nothing")
    sinks = {"yes": t.sink(), "on-failure": t.sink()}
    service = t.postern({after: {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}", "smart-host-after-direct": after, "port": port}}
                         for after, sink in sinks.items()}, service={"dns-server": dns.address})
    for after, sink in sinks.items():
        sent = {domain: service[after].send(f"a@{after}.example", f"x@{domain}.example") for domain in ("nothing", "empty", "away", "silent")}
        equal(service.events.wait("failed", id=sent["silent"])["status"], "5.1.10", "status")
        wanted = ["empty", "nothing"]
        if after == "yes":
            service.events.wait("deferred", id=sent["away"])
        else:
            wanted = ["away"] + wanted
        equal(sorted(m.recipients[0] for m in sink.wait(len(wanted))), [f"x@{domain}.example" for domain in wanted], after)


def test_fallback_of_a_domain_known_to_be_away(t):
    """on-failure: what waits while the domain is being tried, and that is in vain, goes to the smart host as well."""
    port, sink = t.port(), t.sink()
    dns = t.dns("away MX 10 mx", "mx A 127.0.0.13")
    service = t.postern({"default": {"messages": {"max-recipients": "1"},
                                     "delivery": {"smart-host": f"[127.0.0.1]:{sink.port}", "smart-host-after-direct": "on-failure", "port": port}}},
                        service={"dns-server": dns.address})
    several = "x-sender: a@default.example\r\n" + "".join(f"x-receiver: y{n}@away.example\r\n" for n in range(3)) + "\r\n"
    service.default.send(to="x@away.example")
    sink.wait(1)
    service.home.put("several", several.encode() + mail())
    equal(sorted(m.recipients[0] for m in sink.wait(4)[1:]), [f"y{n}@away.example" for n in range(3)])
    equal(service.events.all("deferred"), [])
    service.home.wait_queued(0)


def test_host_that_refuses_all_is_not_away(t):
    """554 instead of a greeting is a word about all mail: it is returned for that, and not put off because "the destination is down"."""
    sink = t.sink(answers={"CONNECT": "554 5.7.1 no service for you"})
    config = smart(sink.port, retry="15m")
    config["default"]["messages"] = {"max-recipients": "1"}
    service = t.postern(config)
    several = "x-sender: a@default.example\r\n" + "".join(f"x-receiver: y{n}@remote.example\r\n" for n in range(3)) + "\r\n"
    service.default.send("a@default.example", "x@remote.example")
    service.events.wait("failed", status="5.7.1")
    service.home.put("several", several.encode() + mail())
    service.events.wait("failed", count=4, status="5.7.1")
    equal(service.events.all("deferred"), [])


# shows 2.7k
def test_another_host_that_can(t):
    """What the first host cannot take goes to the second; when none can, it is returned."""
    full = ("PIPELINING", "SIZE 100000", "8BITMIME", "SMTPUTF8")
    small, old, good = t.sink(ehlo=("PIPELINING", "SIZE 1000", "8BITMIME", "SMTPUTF8")), t.sink(ehlo=("PIPELINING",)), t.sink(ehlo=full)
    service = t.postern({"default": {"delivery": {"smart-host": [f"[127.0.0.1]:{sink.port}" for sink in (small, old, good)]}}})

    def say(data, params):
        with service.default.connect() as client:
            return client.message("a@default.example", "x@remote.example", data, params=params)
    say(mail(size=5000) + "ü".encode(), " BODY=8BITMIME")
    say(mail(subject="Grüße", size=5000), " BODY=8BITMIME SMTPUTF8")
    equal([m.recipients for m in good.wait(2)], [["x@remote.example"]] * 2)
    ident = say(mail(size=200000), "")
    old.wait()
    ident = say(mail(size=200000) + "ü".encode(), " BODY=8BITMIME")
    failed = service.events.wait("failed", id=ident)
    check(failed["status"] in ("5.3.4", "5.6.3"), failed.line)
    equal((len(small.messages), len(old.messages), len(good.messages)), (0, 1, 2))


# shows 2.7e
def test_another_host_when_nobody_was_taken(t):
    """4xx to all recipients, to DATA, to the content: the next host; also the others, when one was taken."""
    def later(_, line):
        return "451 4.3.0 not here"

    def later_for_y(_, line):
        return "451 4.3.0 not here" if "<y@" in line else None

    def never_for_y(_, line):
        return "550 5.1.1 no" if "<y@" in line else "451 4.3.0 not here"

    def send(first, second):
        """To two hosts that were not asked before: a connection that is kept would be used again, whichever host it leads to."""
        sinks = t.sink(answers=first), t.sink(answers=second)
        service = t.postern(smart(*[sink.port for sink in sinks], retry="15m"))
        return service, service.default.send("a@default.example", ["x@remote.example", "y@remote.example"]), *sinks
    for verb in ("RCPT", "DATA", "DOT"):
        service, _, first, second = send({verb: later}, {})
        equal(second.wait()[0].recipients, ["x@remote.example", "y@remote.example"], verb)
        service.home.wait_queued(0)
        equal((len(first.messages), len(second.messages)), (0, 1), verb)
    _, _, first, second = send({"RCPT": later_for_y}, {})
    equal(first.wait()[0].recipients, ["x@remote.example"])
    equal(second.wait()[0].recipients, ["y@remote.example"])
    service, ident, _, _ = send({"RCPT": never_for_y}, {"RCPT": never_for_y})
    equal(service.events.wait("failed", id=ident)["recipient"], "y@remote.example")
    service.events.wait("deferred", id=ident, recipient="x@remote.example")


# shows 2.7h
def test_connection_is_kept(t):
    sink = t.sink()
    service = t.postern(smart(sink.port))
    for number in range(6):
        service.default.send(to="x@remote.example")
        sink.wait(number + 1)
    equal(len(sink.sessions), 1, "connections for six messages in a row")


# shows 2.5c
def test_messages_per_connection(t):
    sink = t.sink()
    service = t.postern({"default": {"messages": {"max-messages-per-connection": "2"}, "delivery": {"smart-host": f"[127.0.0.1]:{sink.port}"}}})
    for number in range(6):
        service.default.send(to="x@remote.example")
        sink.wait(number + 1)
    equal(len(sink.sessions), 3, "connections for six messages, two each")
    equal([len([m for m in sink.messages if m.session is s]) for s in sink.sessions], [2, 2, 2])


# shows 2.6h
def test_connections_limit(t):
    """Never more connections to one domain than allowed, and all goes out."""
    now = {"open": 0, "most": 0}
    sink = t.sink()
    usual = sink.answer

    def count(session, verb, line, default):
        if verb == "DOT":
            now["open"] = len({s for s in sink.sessions if s.connection.fileno() != -1})
            now["most"] = max(now["most"], now["open"])
        return usual(session, verb, line, default)
    sink.answer = count
    service = t.postern(smart(sink.port, connections_per_domain="3"))
    with service.default.connect(ehlo="c.example") as client:
        for _ in range(40):
            client.message(to="x@remote.example", ehlo=None)
    sink.wait(40)
    check(now["most"] <= 3, now)


# shows 2.5e
def test_recipients_in_portions(t):
    """A message with more recipients than max-recipients goes out in portions."""
    sink = t.sink()
    service = t.postern({"default": {"messages": {"max-recipients": "10"}, "delivery": {"smart-host": f"[127.0.0.1]:{sink.port}"}}})
    service.home.put("many", "x-sender: a@s.example\n" + "".join(f"x-receiver: r{n}@remote.example\n" for n in range(25)) + "\nhello\n")
    until(lambda: sum(len(m.recipients) for m in sink.messages) == 25, what="25 recipients")
    check(all(len(m.recipients) <= 10 for m in sink.messages), [len(m.recipients) for m in sink.messages])
    equal(sorted(r for m in sink.messages for r in m.recipients), sorted(f"r{n}@remote.example" for n in range(25)))


# shows 2.7j
def test_helo_when_ehlo_is_refused(t):
    sink = t.sink(answers={"EHLO": "500 what"})
    service = t.postern(smart(sink.port))
    service.default.send(to="x@remote.example")
    equal(sink.wait()[0].params, "", "parameters after HELO")


# shows 2.7k
def test_size_too_large_for_peer(t):
    sink = t.sink(ehlo=["SIZE 1000"])
    service = t.postern(smart(sink.port))
    service.default.send("a@default.example", "x@remote.example", mail(size=5000))
    report = service.home.wait_drops()[0]
    check("5.3.4" in report.message.decode() and sink.messages == [], report.message.decode())


def test_some_recipients_refused(t):
    """One refused, one later, one taken: a report for the first only, the second comes with the next attempt."""
    answers = {"no@remote.example": ["550 5.1.1 unknown user"], "later@remote.example": ["450 4.2.1 busy"]}

    def rcpt(_session, line):
        for address, replies in answers.items():
            if f"<{address}>" in line and replies:
                return replies.pop(0) if address.startswith("later") else replies[0]
        return None
    sink = t.sink(answers={"RCPT": rcpt})
    service = t.postern(smart(sink.port))
    ident = service.default.send("a@default.example", ["no@remote.example", "later@remote.example", "yes@remote.example"])
    sink.wait(2, 30)
    equal([m.recipients for m in sink.messages], [["yes@remote.example"], ["later@remote.example"]])
    report = service.home.wait_drops()[0].message.decode()
    check("no@remote.example" in report and "unknown user" in report, report)
    service.events.wait("failed", id=ident, recipient="no@remote.example", status="5.1.1")
    service.events.wait("deferred", id=ident, recipient="later@remote.example")
    service.home.wait_queued(0)
    equal(len(service.home.drops()), 1, "reports")


def drops_connection_at(t, verb):
    """The peer is gone at that point, twice: the message comes with a later attempt, and no failure is reported."""
    sink = t.sink(answers={verb: [Sink.DROP, Sink.DROP]})
    service = t.postern(smart(sink.port))
    ident = service.default.send(to="x@remote.example")
    service.events.wait("deferred", id=ident)
    sink.wait(1, 60)
    service.home.wait_queued(0)
    equal(service.home.drops(), [], "reports")


def test_peer_gone_in_the_data(t):
    drops_connection_at(t, "DATA")


# shows 2.7l
def test_peer_gone_after_the_dot(t):
    drops_connection_at(t, "DOT")


# shows 2.7a, 2.7e
def test_mx_order(t):
    """By preference; a dead first one is passed over, and so is one that says 4xx."""
    port = t.port()
    second = Sink(port, "127.0.0.3", answers={"CONNECT": "450 4.3.2 full"})
    third = Sink(port, "127.0.0.4")
    t.cleanup(second.end)
    t.cleanup(third.end)
    dns = t.dns("remote MX 30 mx3", "remote MX 10 mx1", "remote MX 20 mx2", "mx1 A 127.0.0.2", "mx2 A 127.0.0.3", "mx3 A 127.0.0.4")
    service = t.postern({"default": {"delivery": {"port": port}}}, service={"dns-server": dns.address})
    ident = service.default.send(to="x@remote.example")
    third.wait(1, 40)
    equal(len(second.sessions), 1, "connections to the second")
    delivered = service.events.wait("delivered", id=ident)
    check("mx3.example" in delivered["host"] or "127.0.0.4" in delivered["host"], delivered.line)


def test_several_addresses_of_one_mx(t):
    port = t.port()
    good = Sink(port, "127.0.0.5")
    t.cleanup(good.end)
    dns = t.dns("remote MX 10 mx", "mx A 127.0.0.2", "mx A 127.0.0.5")
    service = t.postern({"default": {"delivery": {"port": port}}}, service={"dns-server": dns.address})
    service.default.send(to="x@remote.example")
    good.wait(1, 40)


# shows 2.7b, 2.7d
def test_no_mx_means_the_address(t):
    port = t.port()
    sink = Sink(port, "127.0.0.6")
    t.cleanup(sink.end)
    dns = t.dns("plain A 127.0.0.6", "alias CNAME plain")
    service = t.postern({"default": {"delivery": {"port": port}}}, service={"dns-server": dns.address})
    service.default.send(to="x@plain.example")
    service.default.send(to="x@alias.example")
    sink.wait(2, 40)


def failing(t, domain, status, *records):
    dns = t.dns(*records)
    service = t.postern(service={"dns-server": dns.address})
    ident = service.default.send("a@default.example", f"x@{domain}")
    failed = service.events.wait("failed", id=ident, timeout=40)
    check(failed["status"].startswith(status), failed.line)
    check(status in service.home.wait_drops()[0].message.decode(), "status in the report")


def test_domain_that_does_not_exist(t):
    failing(t, "nothing.example", "5.1.2", "x A 127.0.0.1")


# shows 2.7c
def test_null_mx(t):
    failing(t, "silent.example", "5.1.10", "silent MX 0 .", "silent A 127.0.0.9")


# shows 2.7f
def test_mx_is_ourselves(t):
    """Mail that would come back to this server is refused as a loop."""
    dns = t.dns("loop MX 10 default", "default A 127.0.0.1")
    service = t.postern(service={"dns-server": dns.address}, start=False)
    service.default.set("delivery", port=service.default.port)
    service.start()
    ident = service.default.send("a@default.example", "x@loop.example")
    failed = service.events.wait("failed", id=ident, timeout=40)
    check(failed["status"] == "5.4.6", failed.line)


# shows 2.7g
def test_dns_down_is_a_retry(t):
    port, dns_port = t.port(), t.port()
    sink = Sink(port, "127.0.0.7")
    t.cleanup(sink.end)
    service = t.postern({"default": {"delivery": {"port": port, "retry": "1s"}}}, service={"dns-server": f"127.0.0.1:{dns_port}"})
    ident = service.default.send("a@default.example", "x@remote.example")
    service.events.wait("deferred", id=ident, timeout=60)
    dns = Dns(t, ["remote MX 10 mx", "mx A 127.0.0.7"], port=dns_port)
    t.cleanup(dns.end)
    sink.wait(1, 90)
    equal(service.home.drops(), [], "reports")


# shows 2.8c, 2.8f, 2.8g
def test_remote_domain_with_its_own_route(t):
    usual, own = t.sink(), t.sink()
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{usual.port}"},
                                     "domain special.example": {"type": "remote", "route": f"[127.0.0.1]:{own.port}", "helo": "yes"},
                                     "domain *.special.example": {"type": "remote", "route": f"[127.0.0.1]:{own.port}"}}})
    service.default.send(to=["x@special.example", "y@sub.special.example", "z@other.example"])
    own.wait(2)
    usual.wait(1)
    equal(sorted(r for m in own.messages for r in m.recipients), ["x@special.example", "y@sub.special.example"])
    check(any(line.startswith("HELO") for s in own.sessions for line in s.lines), "helo = yes")


# shows 2.6p, 2.8g
def test_route_dns_is_no_smart_host(t):
    """A remote domain that says dns goes by its MX, whatever the server's smart host is; from the address that is set."""
    port, usual = t.port(), t.sink()
    own = Sink(port, "127.0.0.14")
    t.cleanup(own.end)
    dns = t.dns("direct MX 10 mx", "mx A 127.0.0.14")
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{usual.port}", "source-address": "127.0.0.18"},
                                     "domain direct.example": {"type": "remote", "route": "dns", "port": port},
                                     "domain usual.example": {"type": "remote"}}}, service={"dns-server": dns.address})
    service.default.send(to=["x@direct.example", "y@usual.example", "z@other.example"])
    equal(own.wait()[0].recipients, ["x@direct.example"])
    until(lambda: sorted(r for m in usual.messages for r in m.recipients) == ["y@usual.example", "z@other.example"], what="the other two")
    equal({s.peer[0] for s in own.sessions + usual.sessions}, {"127.0.0.18"}, "source address")


# shows 2.6k, 2.6t
def test_masquerade(t):
    sink = t.sink()
    service = t.postern(smart(sink.port, masquerade="public.example"))
    service.default.send("a@default.example", "x@remote.example")
    service.default.send("b@foreign.example", "x@remote.example")
    service.default.send("", "x@remote.example")
    equal(sorted(m.sender for m in sink.wait(3)), ["", "a@public.example", "b@foreign.example"])
    sink.answers["RCPT"] = "550 5.1.1 no"
    service.default.send("a@default.example", "x@remote.example")
    equal(service.home.wait_drops()[0].email["From"].addresses[0].addr_spec, "postmaster@public.example", "who writes a report")


# shows 2.6j
def test_hop_limit(t):
    sink = t.sink()
    service = t.postern(smart(sink.port, hop_limit="3"))

    def hops(count):
        return b"".join(b"Received: from x by y; Thu, 1 Jan 2026 00:00:00 +0000\r\n" for _ in range(count)) + mail("hops")
    service.default.send("a@default.example", "x@remote.example", hops(2))      # ours is the third
    sink.wait(1)
    service.default.send("a@default.example", "x@remote.example", hops(3))
    report = service.home.wait_drops()[0]
    check("5.4.6" in report.message.decode(), report.message.decode())
    equal(len(sink.messages), 1)
    service.end()
    service = t.postern(smart(sink.port))
    service.default.send("a@default.example", "x@remote.example", hops(99))     # RFC 5321 6.3
    sink.wait(2)
    service.default.send("a@default.example", "x@remote.example", hops(100))
    check("5.4.6" in service.home.wait_drops()[0].message.decode(), "more than 100")
    equal(len(sink.messages), 2)
