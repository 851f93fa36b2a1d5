"""host_rules - [host PATTERN]: extensions left out, connections and messages a minute of a host, recipients of a transaction; explain says
which section it is
"""

import json
import time

from checks import check, equal
from counted_sink import limited, sink_context
from smtp import mail

ALL = ("PIPELINING", "SIZE 1000", "8BITMIME", "ENHANCEDSTATUSCODES", "CHUNKING", "DSN", "SMTPUTF8")


def postern(t, domains, start=True, **hosts):
    """`domains`: {name: sink}; `hosts`: {pattern: keys}."""
    keys = {f"domain {name}": {"type": "remote", "route": f"[127.0.0.1]:{sink.port}"} for name, sink in domains.items()}
    return t.postern({"default": {
        "access": {"relay": "only", "relay-list": "127.0.0.1"}, "messages": {"max-session-size": "unlimited"},
        "delivery": {"retry": "1h"}, **keys, **{f"host {pattern}": rules for pattern, rules in hosts.items()}}}, start=start)


def verbs(message):
    return [line.split(" ")[0].split(":")[0] for line in message.session.lines]


# shows 2.7i, 2.8j
def test_without(t):
    """Each extension is offered, and used until it is switched off; a change counts after the reload."""
    sink = t.sink(ehlo=ALL)
    service = postern(t, {"x.example": sink})

    def one(number, body="x\r\n"):
        with service.default.connect(ehlo="c.example") as client:
            client.expect(250, "MAIL FROM:<a@default.example> BODY=8BITMIME RET=HDRS")
            client.expect(250, "RCPT TO:<b@x.example> NOTIFY=FAILURE")
            client.content(b"Subject: x\r\n\r\n" + body.encode())
        message = sink.wait(number)[-1]
        return verbs(message), f"{message.params} {message.rcpt_params}"
    said, params = one(1, "gr\u00fcn\r\n")
    check("BDAT" in said and "SIZE=" in params and "8BITMIME" in params and "RET=" in params and "NOTIFY" in params, said, params)
    service.default.set("host 127.0.0.0/8", without="chunking size dsn 8bitmime pipelining")
    service.ctl("reload")
    # a message over the SIZE that is not heard goes, and so does 8-bit content
    said, params = one(2, "gr\u00fcn\r\n" * 1000)
    check("DATA" in said and "BDAT" not in said and not any(word in params for word in ("SIZE", "8BITMIME", "RET", "NOTIFY")), said, params)
    service.default.set("host 127.0.0.1", without="nothing")
    service.ctl("reload")
    check("BDAT" in one(3)[0], "the more exact section counts")


# shows 2.8j
def test_domain_before_host(t):
    """What a [domain] says goes before the [host] of its hosts, for its mail alone; its limits count apart from those of other mail there."""
    sink = t.sink(ehlo=ALL)
    names = ("a.example", "b.example", "c.example")
    service = postern(t, {name: sink for name in names}, start=False, **{"127.0.0.1": {"without": "chunking", "recipients": "4", "rate": "6000"}})
    service.default.set("domain a.example", without="dsn", recipients="2")
    service.default.set("domain c.example", without="nothing", rate="60", connections="1")
    service.start()
    for number, (name, chunks, dsn, parts) in enumerate(zip(names, (True, False, True), (False, True, True), ((2, 2, 1), (4, 1), (4, 1)))):
        with service.default.connect(ehlo="c.example") as client:
            client.expect(250, "MAIL FROM:<a@default.example> RET=HDRS")
            for user in range(5):
                client.expect(250, f"RCPT TO:<u{user}@{name}>")
            client.content(b"Subject: x\r\n\r\nx\r\n")
        service.home.wait_queued(0)
        found = [message for message in sink.wait(1) if f"@{name}" in str(message.recipients)]
        equal(sorted((len(message.recipients) for message in found), reverse=True), list(parts), name)
        said = {verb for message in found for verb in verbs(message)}
        equal(("BDAT" in said, any("RET=" in str(message.params) for message in found)), (chunks, dsn), name)
    hosts = json.loads(service.ctl("hosts", "default", "--json").stdout)["hosts"]
    equal(sorted((host["account"] or "-", host["rate"]) for host in hosts), [("-", 6000), ("[domain c.example]", 60)])
    told = service.ctl("explain", "--from", "127.0.0.1", "--rcpt", "u@a.example").stdout
    check("without" in told and "dsn" in told and "[domain a.example]" in told, told)
    check("chunking" not in told, "the section that does not count", told)


def test_without_starttls(t):
    """It is not used where mail may go in clear; where TLS is asked for, it is."""
    context = sink_context(t)
    may, must = t.sink(tls=context), t.sink(tls=context)
    service = postern(t, {"may.example": may, "must.example": must}, start=False, **{"127.0.0.1": {"without": "starttls"}})
    service.default.set("domain must.example", **{"outbound-tls": "required"})
    service.start()
    with service.default.connect(ehlo="c.example") as client:
        client.message("a@default.example", ["u@may.example", "u@must.example"], mail(), ehlo=None)
    equal((may.wait()[0].session.tls, bool(must.wait()[0].session.tls)), (None, True))


# shows 2.8j
def test_connections_of_a_host(t):
    """Five domains behind one host: two connections, never more, and all mail comes."""
    sink = limited(t, 2, {"CONNECT": "421 4.7.0 Too many connections"})
    names = [f"d{number}.example" for number in range(5)]
    service = postern(t, {name: sink for name in names}, **{"127.0.0.1": {"connections": "2"}})
    with service.default.connect(ehlo="c.example") as client:
        for number in range(40):
            client.message("a@default.example", [f"u{number}@{name}" for name in names], mail(f"number-{number}-"), ehlo=None)
    sink.wait(40)
    equal((sink.most, sink.refused), (2, 0), "connections at a time")
    service.home.wait_queued(0)


def test_connections_of_unlike_domains(t):
    """The same where each domain has a security of its own, so that no connection is shared."""
    context = sink_context(t)
    sink = limited(t, 1, {"CONNECT": "421 4.7.0 Too many connections"}, tls=context)
    service = postern(t, {"a.example": sink, "b.example": sink, "c.example": sink}, start=False, **{"127.0.0.1": {"connections": "1"}})
    service.default.set("domain b.example", **{"outbound-tls": "required"})
    service.default.set("domain c.example", **{"outbound-tls": "off"})
    service.start()
    with service.default.connect(ehlo="c.example") as client:
        for number in range(10):
            client.message("a@default.example", [f"u{number}@{name}.example" for name in "abc"], mail(f"number-{number}-"), ehlo=None)
    sink.wait(30)
    equal((sink.most, sink.refused), (1, 0), "connections at a time")


# shows 2.8j
def test_rate(t):
    """240 a minute: a message each quarter of a second, though there are two destinations; none is deferred."""
    sink = t.sink()
    service = postern(t, {"a.example": sink, "b.example": sink}, start=False, **{"127.0.0.1": {"rate": "240"}})
    service.default.set("domain b.example", **{"outbound-tls": "off"})
    service.start()
    began = time.monotonic()
    with service.default.connect(ehlo="c.example") as client:
        for number in range(6):
            client.message("a@default.example", [f"u{number}@a.example", f"u{number}@b.example"], mail(f"number-{number}-"), ehlo=None)
    sink.wait(12)
    check(time.monotonic() - began >= 11 * 0.25, "twelve messages need eleven steps")
    equal([e.line for e in service.events.all("deferred")], [])


def test_recipients(t):
    sink = t.sink()
    service = postern(t, {"a.example": sink}, **{"127.0.0.1": {"recipients": "3"}})
    with service.default.connect(ehlo="c.example") as client:
        client.message("a@default.example", [f"u{number}@a.example" for number in range(8)], mail(), ehlo=None)
    equal(sorted(len(m.recipients) for m in sink.wait(3)), [2, 3, 3])
    service.home.wait_queued(0)


# shows 2.8k
def test_explained(t):
    service = t.postern({"default": {
        "delivery": {"smart-host": "smtp.office365.com:587"},
        "domain direct.example": {"type": "remote", "route": "dns"},
        "host smtp.office365.com": {"provider": "microsoft", "connections": "2"}, "host *": {"without": "dsn"}}}, start=False)
    said = service.ctl("explain", "--from", "127.0.0.1", "--auth", "me", "--rcpt", "u@far.example").stdout
    for words in ("connections  2 at smtp.office365.com, by [host smtp.office365.com]", "rate  30 at smtp.office365.com",
                  "without  dsn at smtp.office365.com, by [host *]"):
        what, value = words.split("  ")
        check(any(line.startswith(f"{what} ") and value in line for line in said.splitlines()), words, said)
    check("; provider:" in next(line for line in said.splitlines() if line.startswith("rate ")), said)
    said = service.ctl("explain", "--from", "127.0.0.1", "--auth", "me", "--rcpt", "u@direct.example").stdout
    check("in 2 [host] sections" in said, said)


def test_by_command(t):
    """A section comes with its first key and goes with its last one; explain and a message see it."""
    sink = t.sink(ehlo=ALL)
    service = postern(t, {"x.example": sink})
    service.ctl("set", "default", "host:127.0.0.1.without=chunking", "host:*.example.com.provider=google")
    said = service.ctl("explain", "--from", "127.0.0.1", "--rcpt", "u@x.example").stdout
    check(any(line.startswith("without ") and "chunking at [127.0.0.1], by [host 127.0.0.1]" in line for line in said.splitlines()), said)
    service.default.send(to="u@x.example")
    check("BDAT" not in verbs(sink.wait(1)[0]), "left out")
    equal(service.ctl("get", "default", "host:*.example.com.provider").stdout.split("\t")[1], "google")
    service.ctl("unset", "default", "host:127.0.0.1.without")
    check("[host 127.0.0.1]" not in service.ctl("config", "default").stdout, "gone")
    service.default.send(to="u@x.example")
    check("BDAT" in verbs(sink.wait(2)[1]), "used again")
    equal(service.ctl("set", "default", "host:a..b.rate=5", ok=False).returncode, 64)
