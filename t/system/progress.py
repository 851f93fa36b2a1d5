"""progress - hosts that answer each recipient otherwise: what was heard stands, and the others go on at once"""

import os
import random
import re
import signal

from checks import check, equal
from patience import until
from sink import Sink
from smtp import mail


def names(count, domain="far"):
    return [f"x{n}@{domain}.example" for n in range(count)]


def one_a_transaction(text, limit=1):
    return lambda session, line: text if len(session.recipients) >= limit else None


def to_far(t, sink, **delivery):
    return t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}", **delivery}}})


def rcpts(sink, name):
    return sum(line.startswith(f"RCPT TO:<{name}") for session in sink.sessions for line in session.lines)


ONE_A_TRANSACTION = ("452 4.5.3 Recipients belong to multiple regions ATTR38", "452 One recipient at a time", "451 4.5.3 One recipient at a time",
                     "552 too many recipients")


def to_each(t, sinks, **delivery):
    """One service; each sink has a domain, far0.example, far1.example ..."""
    domains = {f"domain far{n}.example": {"type": "remote", "route": f"[127.0.0.1]:{sink.port}"} for n, sink in enumerate(sinks)}
    return t.postern({"default": {"delivery": delivery, **domains}})


def test_one_recipient_a_transaction(t):
    """Microsoft's ATTR38 and the like: the rest follows at once on the same connection, and is no failed attempt."""
    sinks = [t.sink(answers={"RCPT": one_a_transaction(text)}) for text in ONE_A_TRANSACTION]
    service = to_each(t, sinks, retry="1h")
    for number in range(len(sinks)):
        service.default.send("a@default.example", names(8, f"far{number}"))
    service.home.wait_queued(0)
    for number, sink in enumerate(sinks):
        equal([r for m in sink.messages for r in m.recipients], names(8, f"far{number}"), ONE_A_TRANSACTION[number])
        equal(len(sink.sessions), 1, "connections")
    equal((service.events.all("deferred"), service.home.drops()), ([], []))


def test_no_expiry_while_it_goes_on(t):
    """One recipient a connection, as the host closes after each: every attempt delivers one; the time is over after the second."""
    def answer(session, line):
        return "421 4.3.2 one at a time" if sum(m.session is session for m in sink.messages) else None

    sink = t.sink(answers={"RCPT": one_a_transaction("450 4.7.1 one a connection"), "MAIL": answer})
    service = to_far(t, sink, retry="1s", expire="2s")
    service.default.send("a@default.example", names(4))
    sink.wait(4)
    service.home.wait_queued(0)
    equal((service.events.all("expired"), service.home.drops()), ([], []))


def test_452_to_the_first_waits(t):
    sink = t.sink(answers={"RCPT": "452 4.5.3 too many recipients"})
    service = to_far(t, sink, retry="1s 1h")
    ident = service.default.send("a@default.example", names(3))
    service.events.wait("deferred", count=6, id=ident)
    events = service.events.all("deferred", id=ident)
    equal([e["next"] for e in events[:3]], ["1"] * 3)
    check(all(int(e["next"]) > 3000 for e in events[3:6]), [e["next"] for e in events])
    equal(sum(line.startswith("MAIL") for s in sink.sessions for line in s.lines), 2, "transactions")


def test_fewer_at_once_after_a_failure(t):
    """Content for several is put off, for one it is taken; a firewall resets at the second RCPT: then it is one by one."""
    def data(session, line):
        return "451 4.3.0 too much at once" if len(session.recipients) > 1 else None

    def cut(session, line):
        return Sink.DROP if session.recipients else None

    sinks = [t.sink(answers=answers, ehlo=("SIZE",)) for answers in ({"DATA": data}, {"RCPT": cut})]
    service = to_each(t, sinks, retry="1s 1h")
    for number in range(2):
        service.default.send("a@default.example", names(5, f"far{number}"))
    service.home.wait_queued(0)
    for number, sink in enumerate(sinks):
        equal(sorted(r for m in sink.messages for r in m.recipients), names(5, f"far{number}"))


def test_refused_then_421(t):
    """Two are refused, then the host has enough: they are not asked about again, their sender hears of it, the third is delivered."""
    def answer(session, line):
        return "550 5.1.1 no such user" if "bad" in line else "421 4.3.2 enough" if any("bad" in given for given in session.lines) else None

    sinks = [t.sink(answers={"RCPT": answer}, ehlo=extensions) for extensions in (("PIPELINING",), (), ("PIPELINING", "CHUNKING"))]
    service = to_each(t, sinks, retry="1s")
    for number in range(3):
        service.default.send(f"author{number}@default.example", [f"{name}@far{number}.example" for name in ("bad0", "bad1", "good")])
    service.home.wait_queued(0)
    for number, sink in enumerate(sinks):
        equal([m.recipients for m in sink.messages], [[f"good@far{number}.example"]], "delivered")
        equal([rcpts(sink, f"bad{n}") for n in range(2)], [1, 1], "asked")
    reports = {drop.receivers[0]: re.findall(rb"Final-Recipient: rfc822; (\S+)@far", drop.message) for drop in service.home.drops()}
    equal(reports, {f"author{number}@default.example": [b"bad0", b"bad1"] for number in range(3)})


def test_next_host_gets_the_others(t):
    """A refusal of the first host is final, "later" is not (RFC 5321 4.2.1, 5.1)."""
    first = t.sink(answers={"RCPT": lambda s, line: "550 5.1.1 no" if "bad" in line else "451 4.3.0 later"})
    second = t.sink()
    service = t.postern({"default": {"delivery": {"smart-host": [f"[127.0.0.1]:{sink.port}" for sink in (first, second)], "retry": "1h"}}})
    service.default.send("author@default.example", ["good@far.example", "bad@far.example"])
    service.home.wait_drops()
    service.home.wait_queued(0)
    equal([m.recipients for m in second.messages], [["good@far.example"]])
    equal(rcpts(second, "bad"), 0, "asked again")


def test_written_down_before_the_end(t):
    """The worker is killed while the fourth recipient waits for its answer: the others are not asked about again."""
    def answer(session, line):
        if "bad" in line:
            return "550 5.1.1 no such user"
        return one_a_transaction("452 4.5.3 one at a time")(session, line)

    def content(session, message):
        if message.recipients == ["x2@far.example"] and not halted:
            halted.append(message)
            until(lambda: b"\nmarks: fdd." in service.home.queued()[0].read_bytes(), what="marks")
            os.kill(service.child("deliver"), signal.SIGKILL)
            return Sink.DROP
        return None

    halted = []
    sink = t.sink(answers={"RCPT": answer, "DOT": content})
    service = to_far(t, sink, retry="1s")
    service.default.send("author@default.example", ["bad@far.example"] + names(5))
    sink.wait(5)
    report = service.home.wait_drops()[0]
    service.home.wait_queued(0)
    equal(sorted(r for m in sink.messages for r in m.recipients), names(5), "each once")
    equal(rcpts(sink, "bad"), 1, "asked")
    check(b"Final-Recipient: rfc822; bad@far.example" in report.message, report.message)


def moody(seed, refused):
    """A host with opinions about each recipient, that ends connections and puts off whatever it likes."""
    chance = random.Random(seed)

    def mood(session, line):
        luck = chance.random()
        return "421 4.3.2 enough" if luck < 0.06 else "451 4.3.0 later" if luck < 0.12 else None

    def recipient(session, line):
        if session.sender is None:
            return "503 5.5.1 no MAIL"
        if "bad" in line:
            refused.append(line)
            return "550 5.1.1 no"
        luck = chance.random()
        return mood(session, line) or ("452 4.5.3 one at a time" if session.recipients and luck < 0.5 else "450 4.2.1 busy" if luck < 0.1 else None)
    return {"MAIL": mood, "RCPT": recipient, "DATA": mood, "DOT": mood}


def test_reports_name_exactly_the_refused(t):
    """However connections end: each good recipient has the message once, each bad one is refused once and reported once."""
    chance, refused, authors = random.Random(3), [], {}
    sinks = [t.sink(answers=moody(seed, refused), ehlo=extensions) for seed, extensions in ((1, ("PIPELINING",)), (2, ()))]
    service = t.postern({"default": {"messages": {"max-recipients": 5}, "delivery": {
        "smart-host": [f"[127.0.0.1]:{sink.port}" for sink in sinks], "retry": "1s"}}})
    for number in range(25):
        author = f"author{number}@default.example"
        authors[author] = [f"{chance.choice(('good', 'good', 'bad'))}{n}-{number}@far.example" for n in range(chance.randint(1, 5))]
        service.default.send(author, authors[author])
    service.home.wait_queued(0, 100)
    reported = {author: [] for author in authors}
    for drop in service.home.drops():
        reported[drop.receivers[0]] += [name.decode() for name in re.findall(rb"Final-Recipient: rfc822; (\S+)", drop.message)]
    delivered = [r for sink in sinks for m in sink.messages for r in m.recipients]
    everyone = [name for names_of in authors.values() for name in names_of]
    equal(sorted(delivered), sorted(name for name in everyone if name.startswith("good")), "delivered, each once")
    for author, to in authors.items():
        equal(sorted(reported[author]), sorted(name for name in to if name.startswith("bad")), "reported")
    equal(len(refused), len(set(refused)), "asked about again")
