"""
host_limit - a host that refuses further connections while some work: its limit is learnt, and no mail is deferred or returned; one
that asks us to slow down rests, and one message tries it now and then
"""

import os
import random

from checks import check, equal
from counted_sink import limited, sink_context
from patience import until
from processes import is_root
from sink import Sink
from smtp import mail

COUNT = 60
THROTTLED = 40


def secret_file(service):
    file = service.folder / "secret"
    file.write_text("secret\n")
    file.chmod(0o600)
    if is_root() and not service.as_root:
        os.chown(file, service.test.uid, service.test.gid)
    return file


def postern(t, domains, **delivery):
    """`domains`: {name: keys of its section}; a list of sinks as `route`."""
    keys = {f"domain {name}": {"type": "remote", **keys, "route": [f"[127.0.0.1]:{s.port}" for s in keys["route"]]}
            for name, keys in domains.items()}
    service = t.postern({"default": {
        "access": {"relay": "only", "relay-list": "127.0.0.1"}, "messages": {"max-session-size": "unlimited"},
        "delivery": {"retry": "1h", **delivery}, **keys}}, start=False)
    for name in domains:
        if "outbound-auth" in domains[name]:
            service.default.set(f"domain {name}", **{"secret-file": secret_file(service)})
    return service.start()


def send_many(service, domains, count, first=0, alone=False):
    """Each message has a recipient at each domain; `alone`: at one of them."""
    sets = [[d] for d in domains] if alone else [domains]
    with service.default.connect(ehlo="c.example") as client:
        for number in range(first, first + count):
            for one in sets:
                client.message("a@default.example", [f"x{number}@{d}" for d in one], mail(f"number-{number}-"), ehlo=None)


def all_came(service, domains, count=COUNT):
    service.home.wait_queued(0, 100)
    for name, keys in domains.items():
        until(lambda: sum(len(sink.messages) for sink in keys["route"]) >= count, what=f"{name}: messages")
        got = [m.recipients[0] for sink in keys["route"] for m in sink.messages]
        equal((len(set(got)), len(got)), (count, count), f"{name}: messages")
    for event in ("deferred", "failed"):
        equal([e.line for e in service.events.all(event)], [], event)
    equal(service.home.drops(), [], "returned")


OVER = {
    "421 in the greeting": {"CONNECT": "421 4.7.0 Too many concurrent SMTP connections"},
    "554 in the greeting": {"CONNECT": "554 5.7.0 Too many connections from your host"},
    "450 in the greeting": {"CONNECT": "450 4.3.2 busy"},
    "closed": {"CONNECT": Sink.DROP},
    "421 at EHLO": {"EHLO": "421 4.3.2 The maximum number of concurrent connections has exceeded a limit"},
    "closed at EHLO": {"EHLO": Sink.DROP},
    "421 at MAIL": {"MAIL": "421 4.7.0 too many connections"},
    "554 at MAIL": {"MAIL": "554 5.7.0 Too many connections"},
    "451 at MAIL": {"MAIL": "451 4.3.2 Concurrent connections limit exceeded"},
    "closed at MAIL": {"MAIL": Sink.DROP},
    "closed at RCPT": {"RCPT": Sink.DROP},
    "421 to the content": {"DOT": "421 4.7.0 too many connections"},
}
LOGINS = ("432 4.7.12 A password transition is needed", "454 4.7.0 Temporary authentication failure", "535 5.7.8 bad")


# shows 9a.6
def test_further_connections_are_refused(t):
    """Each host lets two in. TLS that works on two is no reason for clear text, a login that does none for a lockout."""
    context = sink_context(t)
    domains = {f"d{number}.example": {"route": [limited(t, 2, answers)]} for number, answers in enumerate(OVER.values())}
    for policy in ("may", "required"):
        domains[f"{policy}.example"] = {"route": [limited(t, 2, {}, breaks_tls=True, tls=context)], "outbound-tls": policy}
    for number, answer in enumerate(LOGINS):
        sink = limited(t, 2, {"AUTH": answer}, ehlo=["PIPELINING", "AUTH PLAIN"])
        sink.answers["AUTH"] = lambda session, _line, no=answer: no if session.over else "235 2.7.0 welcome"
        domains[f"a{number}.example"] = {"route": [sink], "outbound-auth": "basic", "outbound-tls": "off", "user": "us"}
    service = postern(t, domains)
    send_many(service, domains, COUNT)
    all_came(service, domains)
    for (name, keys), what in zip(domains.items(), [*OVER, "may", "required", *LOGINS]):
        sink = keys["route"][0]
        check(sink.refused < 30, name, what, sink.refused, "connections refused")
        check(sink.most > 1, name, what, "one connection at a time")
    for policy in ("may", "required"):
        equal([m for m in domains[f"{policy}.example"]["route"][0].messages if not m.session.tls], [], "messages in clear")
    check(service.events.all("service", what="host-limit"), "an event")


def and_closes(text):
    """The reply and the end in one go, while the commands that we sent ahead are still to be answered."""
    def answer(session, _line):
        session.connection.sendall(text.encode() + b"\r\n")
        return Sink.DROP
    return answer


def test_one_too_many_is_refused_at_mail(t):
    """While the only good connection holds its message, another one is refused: that message waits and comes."""
    words = ("421 4.7.0 too many connections", "451 4.3.2 Concurrent connections limit exceeded", "554 5.7.0 Too many connections",
             "550 too many concurrent SMTP connections from your IP")
    domains = {}
    for number, answer in enumerate([*words, *map(and_closes, words)]):
        sink = limited(t, 1, {"MAIL": answer})
        sink.answers["DOT"] = lambda session, _m: until(lambda: session.sink.refused, 30, "a refused connection") and None
        domains[f"d{number}.example"] = {"route": [sink]}
    service = postern(t, domains)
    send_many(service, domains, 3, alone=True)
    all_came(service, domains, 3)


def test_destinations_that_share_a_host(t):
    """One connection at a time for two destinations with much mail: neither waits until the other has none."""
    sink = limited(t, 1, OVER["421 in the greeting"], slow=0.06)
    domains = {"one.example": {"route": [sink]}, "two.example": {"route": [sink], "helo": "yes"}}
    service = postern(t, domains)
    for name, count in (("one.example", 50), ("two.example", 10)):
        send_many(service, [name], count)
    service.home.wait_queued(0, 100)
    came = [m.recipients[0].split("@")[1] for m in sink.messages]
    equal(sorted(came), ["one.example"] * 50 + ["two.example"] * 10, "messages")
    check(came.index("two.example") <= 40, came, "one after the other")
    equal(service.events.all("deferred"), [], "deferred")


def test_no_connection_works(t):
    """A 554 is a verdict on the mail then. And one message that ends each connection it comes to: it alone is deferred."""
    never = {"far.example": {"route": [t.sink(answers={"CONNECT": "554 5.7.1 go away"})]}}
    dropping = {"near.example": {"route": [t.sink(answers={"MAIL": lambda _session, line: Sink.DROP if "bad@" in line else None})]}}
    service = postern(t, {**never, **dropping})
    ident = service.default.send("a@default.example", "x@far.example")
    service.events.wait("failed", id=ident)
    send_many(service, dropping, 40)
    bad = service.default.send("bad@default.example", "x@near.example")
    send_many(service, dropping, 40, first=40)
    service.events.wait("deferred", id=bad)
    sink = dropping["near.example"]["route"][0]
    until(lambda: len(sink.messages) == 80, what="80 messages")
    service.home.wait_queued(1)
    equal(len(service.events.all("deferred")), 1, "deferred")


def moody(chance):
    """What an extra connection meets, and when: another at each."""
    verbs = ("CONNECT", "EHLO", "MAIL", "RCPT", "DATA")
    kinds = (Sink.DROP, "421 4.7.0 too many connections", "421 4.3.2 busy", "554 5.7.0 too many connections", "451 4.3.2 connection limit")

    def answer_of(verb):
        def answer(session, _line):
            if not hasattr(session, "mood"):
                session.mood = (chance.choice(verbs), chance.choice(kinds))
            at, kind = session.mood
            if verb != at or (verb in ("RCPT", "DATA") and kind is not Sink.DROP and not kind.startswith("421")):
                return None
            return kind
        return answer
    return {verb: answer_of(verb) for verb in verbs}


def test_limits_at_random(t):
    """Each host lets so many in, and treats the rest as it likes. Arguments are seeds."""
    for seed in (int(a) for a in t.args or "1"):
        chance = random.Random(seed)
        domains = {f"d{number}.example": {"route": [limited(t, chance.randint(1, 6), moody(chance)) for _ in range(1 + number % 2)]}
                   for number in range(6)}
        service = postern(t, domains)
        send_many(service, domains, COUNT)
        all_came(service, domains)
        refused = {name: sum(s.refused for s in keys["route"]) for name, keys in domains.items()}
        check(max(refused.values()) < 40, "seed", seed, refused, "connections refused")
        send_many(service, domains, COUNT, first=COUNT)
        all_came(service, domains, COUNT * 2)
        again = {name: sum(s.refused for s in keys["route"]) - refused[name] for name, keys in domains.items()}
        check(max(again.values()) <= 15, "seed", seed, again, "refused when the limit was known")
        service.end()


THROTTLES = {
    "MAIL": "421 4.7.28 Gmail has detected an unusual rate of unsolicited mail originating from your IP address",
    "RCPT": "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or user complaints",
    "DATA": "421 4.7.28 our system has detected an unusual rate of mail",
    "DOT": "421 4.7.28 our system has detected an unusual rate of mail",
    "CONNECT": "421 4.7.0 try again later, closing connection",
    "EHLO": "421 4.7.0 try again later, closing connection",
}
STAYING = {
    "MAIL": "451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited due to IP reputation",
    "RCPT": "450 4.7.1 Error: too much mail from 192.0.2.1",
    "DOT": "451 4.7.500 Server busy. Please try again later from [192.0.2.1]",
}


# shows 9a.6
def test_throttle(t):
    """Hosts that say "slow down" to each message: a handful of connections. An operator's retry ends the rest."""
    domains = {f"d{number}.example": {"route": [limited(t, 0, {verb: answer})]}
               for number, (verb, answer) in enumerate([*THROTTLES.items(), *STAYING.items()])}
    sinks = [keys["route"][0] for keys in domains.values()]
    service = postern(t, domains)
    send_many(service, domains, THROTTLED, alone=True)
    service.events.wait("deferred", count=THROTTLED * len(domains), timeout=60)
    for sink in sinks:
        check(len(sink.sessions) <= 12, sink.answers, len(sink.sessions), "connections")
    equal(len(service.events.all("trouble", what="host-rests")), len(domains), "rests")
    waits = [int(e["next"]) for e in service.events.all("deferred")]
    check(40 <= min(waits) and max(waits) <= 75, "waits:", min(waits), max(waits))
    equal(service.ctl("queue", "list").stdout.count("Gmail has detected"), THROTTLED, "messages with a reason")
    before = [sink.asked for sink in sinks]
    service.ctl("retry")
    until(lambda: all(sink.asked > had for sink, had in zip(sinks, before)), what="a probe at each host")
    service.events.wait("deferred", count=THROTTLED * len(domains) * 2, timeout=60)
    for sink, had in zip(sinks, before):
        check(sink.asked - had <= 2, sink.answers, sink.asked - had, "probes")     # one may go on a connection that was open
        sink.answers.clear()
    service.ctl("queue", "retry", "--all", "--yes")
    service.home.wait_queued(0, 60)
    for sink in sinks:
        equal(len({m.recipients[0] for m in sink.messages}), THROTTLED, "messages")
    equal(service.home.drops(), [], "reports")


def test_rests_grow(t):
    """Each rest is twice as long; no attempt is counted, and the message expires as any other."""
    sink = t.sink(answers={"MAIL": THROTTLES["MAIL"]})
    domains = {"far.example": {"route": [sink]}}
    service = postern(t, domains, retry="1s 2s 4s", expire="5s", **{"delay-notify": "2s"})
    send_many(service, domains, 10)
    service.events.wait("expired", count=10, timeout=60)
    seconds = [int(e["seconds"]) for e in service.events.all("trouble", what="host-rests")]
    equal(seconds[:2], [1, 2], "rests")
    check(len(sink.sessions) <= 15, len(sink.sessions), "connections")
    equal(len(service.events.all("report", kind="delay")), 10, "delay reports")


def test_what_is_about_the_message(t):
    """Greylisting, a full mailbox, an unknown sender: other mail does not wait for it."""
    answers = ("451 4.7.1 Greylisting in action, please come back later", "450 4.2.2 mailbox full", "450 4.1.8 sender domain not found")
    domains = {f"d{number}.example": {"route": [t.sink(answers={"RCPT": lambda _s, line, no=answer: None if "good" in line else no})]}
               for number, answer in enumerate(answers)}
    service = postern(t, domains)
    send_many(service, domains, 6)
    service.events.wait("deferred", count=18)
    service.default.send("a@default.example", [f"good@{name}" for name in domains])
    for keys in domains.values():
        keys["route"][0].wait(1)
    equal(service.events.all("trouble", what="host-rests"), [], "rests")


FAILS = (
    {"CONNECT": "421 x"}, {"CONNECT": "451 4.3.0 resources"}, {"CONNECT": Sink.DROP}, {"EHLO": "451 busy", "HELO": "451 busy"},
    {"EHLO": Sink.DROP}, {"MAIL": Sink.DROP}, {"RCPT": Sink.DROP}, {"DATA": Sink.DROP}, {"DOT": Sink.DROP},
)


def test_no_storm(t):
    """However a host fails, message after message: a handful of connections. It comes back by itself, and takes all."""
    domains = {f"d{number}.example": {"route": [t.sink(answers={verb: lambda _s, _l, no=no: no for verb, no in answers.items()})]}
               for number, answers in enumerate(FAILS)}
    sinks = [keys["route"][0] for keys in domains.values()]
    service = postern(t, domains)
    for number in range(20):
        send_many(service, domains, 1, first=number)
        for name in domains:
            service.events.wait("deferred", recipient=f"x{number}@{name}")
    for sink, answers in zip(sinks, FAILS):
        check(len(sink.sessions) <= 8, answers, len(sink.sessions), "connections")
        sink.answers.clear()
    service.home.wait_queued(0, 60)
    for sink in sinks:
        equal(sorted(r for m in sink.messages for r in m.recipients), sorted({r for m in sink.messages for r in m.recipients}), "each once")
        equal(len(sink.messages), 20, "messages")
    equal(service.home.drops(), [], "reports")
