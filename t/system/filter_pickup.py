"""filter_pickup - mail filters and the pickup folder: what they see of a file, and what becomes of it"""

from checks import check, equal
from milter import (ACCEPT, DISCARD, REJECT, TEMPFAIL, Milter, add_header, add_rcpt, change_header, delete_rcpt, quarantine, replace_body,
                    reply_code)
from patience import until

FILE = b"From: a@sender.example\nTo: b@default.example\nSubject: from a file\n\nHello\n"


def service_with(t, *milters, **keys):
    return t.postern({"default": {f"filter f{n}": {"connect": m.connect, **keys} for n, m in enumerate(milters)}})


def put(service, name, data=FILE):
    part = service.folder / f"{name}.part"
    part.write_bytes(data)
    part.chmod(0o666)
    part.rename(service.home.path / "pickup" / name)


def test_what_it_sees_and_changes(t):
    """A file comes from localhost; small and large ones, without our trace field; all changes count."""
    answers = {"end": lambda s, p: [add_header("X-Seen", "yes"), change_header(1, "Subject", "changed"), replace_body(b"new\r\n"),
                                    add_rcpt("<c@default.example>"), delete_rcpt("<b@default.example>"), ACCEPT]
               if b"change" in s.message.body else None}
    filter = Milter(t, answers)
    service = service_with(t, filter)
    put(service, "one.eml")
    seen = filter.wait_messages()[0]
    equal((seen.sender, seen.recipients), ("<a@sender.example>", ["<b@default.example>"]), "envelope")
    equal((seen.body, "Received" in dict(seen.header)), (b"Hello\r\n", False), "content")
    check(filter.wait_heard("connect")[0].startswith(b"localhost\0"), "it comes from localhost")
    drop = service.home.wait_drops(1)[0]
    check(drop.message.endswith(b"\r\n\r\nHello\r\n"), "content:", drop.message)
    equal([drop.message.count(field) for field in (b"\r\nDate: ", b"\r\nMessage-ID: ", b"Received: ")], [1, 1, 1], "fields")
    check("pickup service" in drop.email["Received"], "trace field")
    put(service, "two.eml", FILE + b"change\n")
    large = b"x" * 70 + b"\n"
    put(service, "three.eml", FILE + large * 10000)
    drops = {d.email["Subject"]: d for d in service.home.wait_drops(3) if d.path != drop.path}
    equal((drops["changed"].email["X-Seen"], drops["changed"].receivers), ("yes", ["c@default.example"]), "changed")
    check(drops["changed"].message.endswith(b"\r\n\r\nnew\r\n"), "new body")
    check(drops["from a file"].message.endswith(b"Hello\r\n" + large.replace(b"\n", b"\r\n") * 10000), "large")


def test_verdicts(t):
    """A refused file is badmail with the filter's words, a discarded one is gone, one in quarantine rests in the queue."""
    words = {b"reject": REJECT, b"words": reply_code("554 5.7.1 Not this one"), b"discard": DISCARD, b"odd": [quarantine("odd"), ACCEPT]}
    filter = Milter(t, {"end": lambda s, p: words.get(s.message.body.split()[-1])})
    service = service_with(t, filter)
    for word in words:
        put(service, f"{word.decode()}.eml", FILE + word + b"\n")
    for name in ("reject.eml", "words.eml"):
        event = service.events.wait("badmailed", file=name)
        equal(event["reason"], "refused by a mail filter", "reason")
    check("Not this one" in service.events.wait("badmailed", file="words.eml")["detail"], "the filter's words")
    service.events.wait("discarded", file="discard.eml")
    held = service.events.wait("held", filter="f0")
    until(lambda: held["id"] in service.ctl("queue", "list", "default", "--held", ok=False).stdout, what="held in the queue")
    until(lambda: list((service.home.path / "pickup").iterdir()) == [], what="the folder is empty")
    equal((len(service.home.wait_badmails(2)), service.home.drops()), (2, []), "badmail, delivered")


def test_one_recipient(t):
    """Refused at its recipient, it goes to the others of the file, and its sender is told; badmail only gets what is refused for all."""
    filter = Milter(t, {"rcpt": lambda s, p: reply_code("550-5.7.1 Not for\r\n550 5.7.1 this one") if b"<no" in p else None})
    service = service_with(t, filter)
    put(service, "one.eml", b"From: a@default.example\nTo: no@far.example, b@default.example, no@default.example\nSubject: to some\n\nHello\n")
    equal(service.events.wait("refused", file="one.eml", recipient="no@far.example")["status"], "5.7.1", "status")
    check("f0: Not for" in service.events.wait("refused", file="one.eml", recipient="no@default.example")["reason"], "reason")
    for address in ("no@far.example", "no@default.example"):
        service.events.wait("failed", recipient=address, status="5.7.1")
    drops = {d.email["Subject"]: d for d in service.home.wait_drops(2)}
    equal(drops.pop("to some").receivers, ["b@default.example"], "the others")
    report = drops.popitem()[1]
    equal(report.receivers, ["a@default.example"], "who is told")
    check(b"this one" in report.message and b"no@far.example" in report.message and b"no@default.example" in report.message, "report:", report.message)
    put(service, "all.eml", b"From: a@default.example\nTo: no@far.example, no@default.example\n\nHello\n")
    service.events.wait("badmailed", file="all.eml")


def test_later(t):
    """A file that a filter does not take now waits, and others do not wait for it; at a stop it has its name again."""
    filter = Milter(t, {"mail": lambda s, p: TEMPFAIL if b"late" in p else None})
    service = service_with(t, filter)
    put(service, "late.eml", FILE.replace(b"a@sender", b"late@sender"))
    service.events.wait("trouble", doing="filter")
    put(service, "other.eml")
    service.home.wait_drops(1)
    service.stop()
    equal([p.name for p in (service.home.path / "pickup").iterdir()], ["late.eml"], "it waits in the folder")


def test_bad_answer(t):
    """What cannot be applied to one file counts as a try: others go on at once, and it ends in badmail."""
    filter = Milter(t, {"end": lambda s, p: [add_rcpt("<\u00e4@default.example>"), ACCEPT] if b"bad" in s.message.body else None})
    service = service_with(t, filter)
    put(service, "bad.eml", FILE + b"bad\n")
    service.events.wait("trouble", doing="filter", file="bad.eml")
    put(service, "other.eml")
    service.home.wait_drops(1)
    event = service.events.wait("badmailed", file="bad.eml")
    equal(event["reason"], "refused by a mail filter", "reason")
    check("cannot be taken" in event["detail"], "detail", event["detail"])


def test_held_without_recipients(t):
    """What is held keeps its recipients when a filter deletes all of them; 8-bit text that it added counts."""
    service = service_with(t, Milter(t, {"end": [quarantine("odd"), add_header("X-Why", "\u00e4rger"), delete_rcpt("<b@default.example>"), ACCEPT]}))
    put(service, "one.eml")
    held = service.events.wait("held")["id"]
    until(lambda: held in service.ctl("queue", "list", "default", "--held", ok=False).stdout, what="held in the queue")
    check("8bitmime" in service.ctl("queue", "show", "default", held).stdout, "8-bit text")
    service.ctl("queue", "release", "default", held)
    equal(service.home.wait_drops(1)[0].receivers, ["b@default.example"], "recipients")


def test_not_for_pickup(t):
    """`for = smtp`: files are not shown."""
    filter = Milter(t, {"connect": REJECT})
    service = service_with(t, filter, **{"for": "smtp"})
    put(service, "one.eml")
    service.home.wait_drops(1)
    equal(filter.sessions, [], "sessions")
