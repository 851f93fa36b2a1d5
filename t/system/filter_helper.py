"""filter_helper - postern-filter by itself: stages, verdicts, edits, times and hostile filters, asked as a listener asks"""

import os
import threading

import milter
from checks import check, equal
from filter_asker import CHANGED_CONTENT, CHANGED_ENVELOPE, HOLD, TROUBLE, FilterAsker
from milter import Milter, Raw, reply_code
from patience import WAIT, until

MESSAGE = b"Subject: hello\r\nX-Folded: one\r\n\ttwo\r\nTo: c@d.example\r\n\r\nIt works.\r\nReally.\r\n"
HEADER, BODY = MESSAGE[:MESSAGE.index(b"It works")], MESSAGE[MESSAGE.index(b"It works"):]


def section(m, name="one", **keys):
    return f"[filter {name}]\nconnect = {m.connect}\n" + "".join(f"{k.replace('_', '-')} = {v}\n" for k, v in keys.items())


def ask_one(t, answers, message=MESSAGE, keys=None, **options):
    """One message shown to one filter: what it was answered, the filter and the helper."""
    m = Milter(t, answers, **options)
    asker = FilterAsker(t, section(m, **(keys or {})))
    session = asker.session().opening()
    return session.content(message), m, asker


def test_what_a_filter_hears(t):
    m = Milter(t, unix=t.folder / "filter.sock")
    asker = FilterAsker(t, section(m))
    session = asker.session().opening()
    answer = session.content(MESSAGE)
    equal((answer.verdict, answer.flags, answer.header, answer.body), ("go on", 0, HEADER, BODY))
    heard = dict(m.sessions[0].heard)
    equal(heard["connect"], b"client.example\0" + b"4" + (4711).to_bytes(2, "big") + b"192.0.2.1\0")
    equal(heard["mail"], b"<a@b.example>\0SIZE=10\0BODY=8BITMIME\0")
    got = m.wait_messages()[0]
    equal(got.header, [("Subject", "hello"), ("X-Folded", "one\n\ttwo"), ("To", "c@d.example")])
    equal((got.body, got.recipients), (BODY, ["<c@d.example>"]))
    equal((got.macros["connect"], got.macros["mail"], got.macros["end"]), ({"j": "host.example"}, {"i": "id1"}, {"i": "id1"}))
    session.envelope()      # a second message on the same connection
    equal(session.content(b"X: y\r\n\r\n").verdict, "go on")
    session.over()
    check(m.sessions[0].over.wait(20), "the connection did not end")
    equal((len(m.sessions), m.sessions[0].names()[-1]), (1, "quit"))


def test_steps_and_lists(t):
    m = Milter(t, steps=milter.NO_CONNECT | milter.NO_HELO | milter.NO_BODY | milter.NR_HEADERS | milter.NO_EOH | milter.NR_MAIL |
               milter.LEADING_SPACE, symbols={2: "{j}, nothing", 5: "j i"})
    session = FilterAsker(t, section(m)).session().opening()
    equal(session.content(MESSAGE).verdict, "go on")
    names = [n for n in m.sessions[0].names() if n != "macro"]
    equal(names, ["negotiate", "mail", "rcpt", "data", "header", "header", "header", "end"])
    equal(m.sessions[0].macros, {"mail": {"j": "host.example"}, "end": {"j": "host.example", "i": "id1"}})
    equal(m.sessions[0].messages[0].header[0], ("Subject", " hello"))


def test_verdicts(t):
    m = Milter(t)
    asker = FilterAsker(t, section(m, "one") + section(Milter(t), "two"))
    for stage, code, want in (("connect", milter.REJECT, "refuse"), ("connect", milter.TEMPFAIL, "later"),
                              ("connect", milter.CONN_FAIL, "disconnect"), ("helo", milter.REJECT, "refuse"), ("helo", milter.SHUTDOWN, "disconnect")):
        m.answers = {stage: code}
        session = asker.session()
        answer = session.ask("connect", "x", "192.0.2.1", family=4)
        if stage == "helo":
            session.go_on(answer)
            answer = session.ask("helo", "x")
        equal((answer.verdict, answer.filter, answer.flags), (want, "one", 0), stage)
        session.over()
    for stage, code, want in (("mail", milter.REJECT, "refuse"), ("data", milter.DISCARD, "discard"), ("header", milter.TEMPFAIL, "later"),
                              ("eoh", milter.REJECT, "refuse"), ("body", milter.DISCARD, "discard"), ("end", milter.REJECT, "refuse"),
                              ("end", reply_code("550-5.7.1 50%% no\r\n550 5.7.1 never"), "reply")):
        m.answers = {stage: code}
        session = asker.session()
        session.ask("connect", "x", "192.0.2.1", family=4)
        answers = {"mail": session.ask("mail", "<a@b.example>")}
        for name in ("rcpt", "data"):
            answers[name] = session.ask(name, "<c@d.example>" if name == "rcpt" else "")
        answer = answers.get(stage) or session.content(MESSAGE)
        equal((answer.verdict, answer.filter), (want, "one"), stage)
        if want == "reply":
            equal(answer.text, "550 5.7.1 50% no\n550 5.7.1 never")
        session.over()
    m.answers = {"rcpt": lambda _, payload: milter.REJECT if b"bad@" in payload else None}
    session = asker.session()
    session.ask("connect", "x", "192.0.2.1", family=4)
    session.ask("mail", "<a@b.example>")
    equal([session.ask("rcpt", f"<{name}@d.example>").verdict for name in ("c", "bad", "e")], ["go on", "refuse", "go on"])


def test_accept(t):
    first, second = Milter(t), Milter(t)
    asker = FilterAsker(t, section(first, "one") + section(second, "two"))
    for stage in ("connect", "mail", "rcpt", "header", "body"):
        first.answers = {stage: milter.ACCEPT}
        session = asker.session().opening()
        equal(session.content(MESSAGE).verdict, "go on", stage)
        session.envelope()
        equal(session.content(MESSAGE).verdict, "go on", stage)
        session.over()
        heard = first.sessions[-1].names()
        check("end" not in heard, stage, "it went on:", heard)
        equal(heard.count("mail"), 0 if stage == "connect" else 2, "messages that it saw")
    second.wait_messages(10)


def test_edits(t):
    """The second filter sees what the first one made."""
    first = Milter(t, {"end": [milter.insert_header(0, "X-First", "1"), milter.add_header("X-Last", "a\nb\n  c"), milter.PROGRESS,
                               milter.change_header(1, "subject", "changed"), milter.change_header(1, "X-Folded", ""),
                               milter.replace_body(b"new "), milter.replace_body(b"body\r\n"), milter.add_rcpt("<e@f.example>"),
                               milter.add_rcpt_par("g@h.example", "NOTIFY=NEVER"), milter.delete_rcpt("<c@d.example>"),
                               milter.change_from("<>"), milter.quarantine("looks\nodd"), milter.CONTINUE]})
    second = Milter(t, {"end": [milter.change_header(2, "X-Absent", "there"), milter.insert_header(99, "X-End", "e"), milter.ACCEPT]},
                    actions=milter.ADD_HEADERS | milter.CHANGE_HEADERS)
    session = FilterAsker(t, section(first, "one") + section(second, "two")).session().opening()
    answer = session.content(MESSAGE)
    equal(answer.verdict, "go on")
    equal(answer.flags, HOLD | CHANGED_CONTENT | CHANGED_ENVELOPE)
    equal((answer.filter, answer.text), ("one", "looks?odd"))
    equal(answer.header, b"X-First: 1\r\nsubject: changed\r\nTo: c@d.example\r\nX-Last: a\r\n\tb\r\n  c\r\nX-Absent: there\r\n"
          b"X-End: e\r\n\r\n")
    equal(answer.body, b"new body\r\n")
    equal(answer.records, ["+<e@f.example>", "+<g@h.example> NOTIFY=NEVER", "-<c@d.example>", "=<>"])
    seen = second.wait_messages()[0]
    equal((seen.header[0], seen.header[-1], seen.body), (("X-First", "1"), ("X-Last", "a\n\tb\n  c"), b"new body\r\n"))


def test_large(t):
    body = bytes(range(32, 127)) * 20000 + b"\r\n"
    answer, m, _ = ask_one(t, {"end": [milter.replace_body(body[n:n + 65535]) for n in range(0, len(body), 65535)] + [milter.CONTINUE]},
                           MESSAGE + body)
    equal((answer.verdict, answer.body), ("go on", body))
    equal(m.wait_messages()[0].body, BODY + body)
    asker = FilterAsker(t, section(m))
    answer = asker.session().opening().content(b"X: " + b"y" * 70 * 1024 * 16 + b"\r\n\r\n")
    equal((answer.verdict, answer.text), ("reply", "552 5.3.4 The header of the message is too large"))
    equal(asker.session().opening().content(b"no header\r\n").verdict, "go on")


def test_large_without_answers(t):
    """More than goes out at once, to a filter that answers neither fields nor pieces: nothing waits for an answer."""
    header = b"".join(b"X-%d: " % n + b"y" * 990 + b"\r\n" for n in range(400)) + b"\r\n"
    body = b"z" * 998 * 1000 + b"\r\n"
    for steps in (milter.NR_HEADERS, milter.NR_HEADERS | milter.NR_EOH | milter.NR_BODY):
        answer, m, asker = ask_one(t, {}, header + body, steps=steps, keys={"command_time": "5s"})
        equal((answer.verdict, answer.flags), ("go on", 0), asker.events())
        got = m.wait_messages()[0]
        equal((len(got.header), len(got.body)), (400, len(body)))


def test_told_at_once(t):
    """What a filter does not answer does not lie here until the next stage, also when it cannot be sent at once."""
    reads = threading.Event()
    m = Milter(t, {"mail": lambda *_: reads.wait(WAIT) and None}, steps=milter.NR_MAIL | milter.NR_RCPT)
    t.cleanup(reads.set)
    session = FilterAsker(t, section(m)).session()
    session.go_on(session.ask("connect", "x", "192.0.2.1", family=4))
    session.go_on(session.ask("mail", "<a@b.example>"))
    m.wait_heard("mail")
    for n in range(120):        # 2.4 MB: more than the sockets hold
        session.go_on(session.ask("rcpt", f"<{n}@d.example>", "X=" + "y" * 20000))
    session.go_on(session.ask("reset"))
    reads.set()
    m.wait_heard("rcpt", 120)
    m.wait_heard("abort")
    session.go_on(session.ask("mail", "<a@b.example>"))
    m.wait_heard("mail", 2)


def test_body_without_header_end(t):
    """A new body of a content that has no empty line does not become header."""
    answers = {"end": [milter.replace_body(b"X-New: body\r\n"), milter.CONTINUE]}
    for message, header in ((b"Subject: a\r\n", b"Subject: a\r\n\r\n"), (b"Subject: a\r\nno field\r\n", b"Subject: a\r\n\r\n"),
                            (b"no field\r\n", b"\r\n"), (b"", b"\r\n"), (b"Subject: a\r\n\r\n", b"Subject: a\r\n\r\n")):
        answer, _, _ = ask_one(t, answers, message)
        equal((answer.verdict, answer.flags, answer.header, answer.body), ("go on", CHANGED_CONTENT, header, b"X-New: body\r\n"), message)


def test_what_mail_allows(t):
    """SMTPUTF8 and BINARYMIME let pass what is a fault without them; filters share the number of changes."""
    m = Milter(t, {"end": [milter.replace_body(b"a\0b\r\n"), milter.add_rcpt("<\u00e9@f.example>"), milter.CONTINUE]})
    session = FilterAsker(t, section(m)).session()
    for stage, words in (("connect", ("x", "192.0.2.1")), ("mail", ("<a@b.example>", "smtputf8 BODY=BINARYMIME")), ("rcpt", ("<c@d.example>",)), ("data", ())):
        session.go_on(session.ask(stage, *words, family=4))
    answer = session.content(MESSAGE)
    equal((answer.verdict, answer.body, answer.records), ("go on", b"a\0b\r\n", ["+<\u00e9@f.example>"]), answer.text)
    first, second = (Milter(t, {"end": [milter.add_rcpt(f"{n}{word}@f.example") for n in range(500)] + [milter.CONTINUE]}) for word in "ab")
    third = Milter(t, {"end": [milter.add_rcpt("one@f.example"), milter.CONTINUE]})
    sections = section(first, "one") + section(second, "two") + section(third, "three", on_failure="accept")
    equal(len(FilterAsker(t, sections).session().opening().content(MESSAGE).records), 1000)


def test_skip(t):
    """What is skipped is not sent."""
    answer, m, _ = ask_one(t, {"body": milter.SKIP}, MESSAGE + b"x" * 500000, steps=milter.SKIPS)
    equal(answer.verdict, "go on")
    equal(m.sessions[0].names().count("body"), 1)


HOSTILE = {
    "too long": {"mail": Raw(b"\x7f\xff\xff\xffc")}, "empty": {"mail": Raw(b"\0\0\0\0")}, "unknown": {"mail": b"Z"},
    "twice at once": {"mail": Raw(b"\0\0\0\1c" * 2)}, "twice": {"mail": [milter.CONTINUE, milter.CONTINUE]}, "change too early": {"mail": milter.add_header("a", "b")},
    "discard at helo": {"helo": milter.DISCARD}, "skip not negotiated": {"body": milter.SKIP}, "bad code": {"end": reply_code("250 fine")},
    "reply of two codes": {"end": reply_code("550-no\r\n450 no")}, "no end": {"end": b"y550 no"}, "progress": {"header": milter.PROGRESS},
    "bare cr": {"end": [milter.add_header("X", "a\rb"), milter.CONTINUE]},
    "no name": {"end": [milter.add_header("", "b"), milter.CONTINUE]},
    "colon": {"end": [milter.add_header("a:b", "b"), milter.CONTINUE]}, "short": {"end": [b"m\0\0", milter.CONTINUE]},
    "address": {"end": [milter.add_rcpt("<a@b>\r\nRCPT"), milter.CONTINUE]},
    "half, then cut": {"end": [milter.replace_body(b"half"), milter.DROP]},
    "cut": {"rcpt": milter.DROP}, "header cut": {"header": milter.DROP},
    "many edits": {"end": [milter.add_header("a", "b")] * 10001 + [milter.CONTINUE]},
    "many changes": {"end": [milter.add_rcpt("e@f.example")] * 1001 + [milter.CONTINUE]},
    "large changes": {"end": [milter.add_rcpt_par("e@f.example", "X=" + "y" * 1900)] * 600 + [milter.CONTINUE]},
    "no domain": {"end": [milter.add_rcpt("<e@>"), milter.CONTINUE]},
    "blank in an address": {"end": [milter.delete_rcpt("<e f@g.example>"), milter.CONTINUE]},
    "long address": {"end": [milter.add_rcpt("e" * 600 + "@f.example"), milter.CONTINUE]},
    "empty address": {"end": [milter.add_rcpt("<>"), milter.CONTINUE]},
    "address not ascii": {"end": [milter.change_from("<\u00e9@f.example>"), milter.CONTINUE]},
    "nul": {"end": [milter.replace_body(b"a\0b\r\n"), milter.CONTINUE]},
    "large header": {"end": [milter.add_header("a", "b" * 60000)] * 20 + [milter.CONTINUE]},
}


def test_hostile(t):
    """Whatever it does, a filter that counts is told of, and one that does not changes nothing; the next session has another chance."""
    m = Milter(t)
    asker = FilterAsker(t, section(m))
    lenient = FilterAsker(t, section(m, on_failure="accept"))
    for name, answers in HOSTILE.items():
        m.answers = answers
        session = asker.session()
        said = [session.ask("connect", "x", "192.0.2.1", family=4), session.ask("helo", "x"), session.ask("mail", "<a@b.example>")]
        if said[-1].verdict == "go on":
            said += [session.ask("rcpt", "<c@d.example>"), session.ask("data")]
        if said[-1].verdict == "go on" and name != "cut":
            said += [session.content(MESSAGE)]
        bad = [a for a in said if a.verdict != "go on"]
        check(bad and all(a.verdict == "later" and a.flags == TROUBLE and a.text for a in bad), name, [(a.verdict, a.text) for a in said])
        session.over()
        answer = lenient.session().opening().content(MESSAGE)
        equal((answer.verdict, answer.flags, answer.header, answer.body), ("go on", 0, HEADER, BODY), name)
    m.answers = {"end": [milter.replace_body(b"half"), milter.ACCEPT]}      # as with Sendmail: what came counts
    equal(asker.session().opening().content(MESSAGE).body, b"half")
    check("event=trouble part=filter server=default filter=one" in asker.events(), asker.events())
    equal(asker.events().count("event=trouble"), 1, "once a minute")


def test_hostile_negotiation(t):
    m = Milter(t)
    asker = FilterAsker(t, section(m))
    for number, answer in enumerate((b"O", b"O" + b"\0\0\0\x01" + bytes(8), b"O" + b"\0\0\0\x07" + bytes(8),
                                     b"O\0\0\0\x06\xff\xff\xff\xff\0\0\0\0",
                                     b"O\0\0\0\x06\0\0\0\0\xff\xff\xff\xff", b"c", b"O\0\0\0\x06\0\0\0\0\0\0\0\0\0\0\0\x01i", Raw(b"\0\1"))):
        m.negotiated = answer
        if isinstance(answer, Raw):
            m.negotiated = Raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        session = asker.session()
        equal(session.ask("connect", "x", "192.0.2.1", family=4).verdict, "go on", number)
        equal((session.ask("mail", "<a@b.example>").verdict, number), ("later", number))
        session.over()
    m.negotiated = b"O" + b"\0\0\0\x02" + b"\0\0\0\x3f" + b"\0\0\0\0"      # version 2 has no DATA
    equal(asker.session().opening().content(MESSAGE).verdict, "go on")
    check("data" not in m.sessions[-1].names(), m.sessions[-1].names())


def test_times(t):
    silent = Milter(t, {"mail": milter.SILENCE})
    asker = FilterAsker(t, section(silent, command_time="1s"))
    session = asker.session()
    session.ask("connect", "x", "192.0.2.1", family=4)
    answer = session.ask("mail", "<a@b.example>")
    equal((answer.verdict, answer.text), ("later", "no answer within command-time"))
    silent.answers = {"end": milter.SILENCE}
    session = FilterAsker(t, section(silent, content_time="1s", on_failure="disconnect")).session().opening()
    answer = session.content(MESSAGE)
    equal((answer.verdict, answer.flags, answer.text), ("disconnect", TROUBLE, "no verdict within content-time"))
    silent.negotiated = milter.Raw(b"")
    asker = FilterAsker(t, section(silent, connect_time="1s"))
    session = asker.session()
    equal(session.ask("connect", "x", "192.0.2.1", family=4).verdict, "go on")
    equal(session.ask("mail", "<a@b.example>").text, "no connection within connect-time")


def test_failure_and_return(t):
    port = t.port()
    sections = f"[filter gone]\nconnect = inet:127.0.0.1:{port}\n"
    asker, lenient = FilterAsker(t, sections), FilterAsker(t, sections + "on-failure = accept\n")
    equal(lenient.session().opening().content(MESSAGE).verdict, "go on")
    session = asker.session()
    equal(session.ask("connect", "x", "192.0.2.1", family=4).verdict, "go on")
    equal(session.ask("helo", "x").verdict, "go on")
    answer = session.ask("mail", "<a@b.example>")
    equal((answer.verdict, answer.flags, answer.text), ("later", TROUBLE, "Connection refused"))
    m = Milter(t, port=port)        # it comes back: the same session goes on, and it hears of connection and HELO
    session.envelope()
    equal(session.content(MESSAGE).verdict, "go on")
    equal([n for n in m.sessions[0].names() if n != "macro"][:4], ["negotiate", "connect", "helo", "mail"])
    for s in m.sessions:            # ended between two messages: no failure
        s.shut()
    session.envelope()
    equal(session.content(MESSAGE).verdict, "go on")
    equal(asker.events().count("event=trouble"), 1, asker.events())
    check("event=filter result=recovered server=default filter=gone" in asker.events(), asker.events())


def test_pickup(t):
    asked, other = Milter(t), Milter(t)
    asker = FilterAsker(t, section(asked, "one", **{"for": "pickup"}) + section(other, "two", **{"for": "smtp"}), role="pickup")
    session = asker.session("pickup")
    session.go_on(session.ask("connect", "localhost"))
    session.envelope()
    equal(session.content(MESSAGE).verdict, "go on")
    equal((dict(asked.sessions[0].heard)["connect"], other.sessions), (b"localhost\0U", []))


def test_taken_over_listener(t):
    """A file that is none, or shorter than it says, ends that worker's channel; others go on."""
    m = Milter(t)
    asker = FilterAsker(t, section(m))
    for fd, size in ((os.open("/dev/null", os.O_RDWR), 5), (os.memfd_create("short"), 5)):
        session = asker.session().opening()
        session.send("content", size=size, fd=fd)
        os.close(fd)
        equal(asker.worker.recv(100), b"")
        asker.worker.close()
        asker.worker = asker.channel()
    equal(asker.session().opening().content(MESSAGE).verdict, "go on")
    until(lambda: "malformed question" in asker.events(), what="an event")


def test_check(t):
    """Where a filter listens is judged; a socket that is not there is a warning."""
    service = t.postern({"default": {"filter one": {"connect": "unix:/nowhere/x.sock"}, "filter two": {"connect": "unix:/etc/passwd",
                                                                                                       "on-failure": "accept"}}}, start=False)
    done = service.ctl("check")
    check("connect: /nowhere/x.sock is not there: the filter does not run; mail is put off until it is one" in done.stdout, done.stdout)
    check("connect: /etc/passwd is no socket; mail goes on without this filter" in done.stdout, done.stdout)
    service.default.set("filter two", connect="inet:localhost:25")
    done = service.ctl("check", ok=False)
    check("connect must be inet:ADDRESS:PORT with a numeric address" in done.stdout + done.stderr, done.stdout, done.stderr)
