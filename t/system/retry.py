"""retry - the retry table, expiry and delay, and the form of a report"""

import email
import email.policy
import threading

from checks import Skip, check, equal
from patience import until
from queue_files import write_queue_files
from sink import Sink
from smtp import mail


REPLACED = "its process is replaced: a change, or an upgrade"


def reports(service, count=1, timeout=30):
    return [drop.email for drop in service.home.wait_drops(count, timeout)]


def fields_of_status(report):
    """The parts of message/delivery-status: a list of header blocks."""
    part = [p for p in report.walk() if p.get_content_type() == "message/delivery-status"][0]
    return [dict(block.items()) for block in part.get_payload()]


# shows 6.1, 6.3
def test_report_of_a_refusal(t):
    sink = t.sink(answers={"RCPT": "550 5.1.1 <x@remote.example>: no such mailbox here"})
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}"}}})
    ident = service.default.send("author@default.example", "x@remote.example", mail("the subject", "the body\r\n"))
    drop = service.home.wait_drops()[0]
    equal((drop.sender, drop.receivers), ("", ["author@default.example"]))
    report = drop.email
    equal(report.get_content_type(), "multipart/report")
    equal(report.get_param("report-type"), "delivery-status")
    equal(report["From"].addresses[0].addr_spec, "postmaster@default.example")
    equal(report["To"].addresses[0].addr_spec, "author@default.example")
    check(report["Date"] and report["Message-ID"] and report["Subject"], "fields every message needs")
    parts = [p.get_content_type() for p in report.iter_parts()]
    equal(parts[:2], ["text/plain", "message/delivery-status"])
    check(parts[2] in ("message/rfc822", "text/rfc822-headers"), parts)
    text = next(report.iter_parts()).get_content()
    check("x@remote.example" in text and "no such mailbox" in text, text)
    message, recipient = fields_of_status(report)[:2]
    check("default.example" in message["Reporting-MTA"], message)
    equal(recipient["Final-Recipient"].replace(" ", ""), "rfc822;x@remote.example")
    equal((recipient["Action"], recipient["Status"]), ("failed", "5.1.1"))
    check("550" in recipient["Diagnostic-Code"] and recipient["Diagnostic-Code"].lower().startswith("smtp;"), recipient)
    check("Remote-MTA" in recipient and "Last-Attempt-Date" in recipient, recipient)
    check(b"the subject" in drop.message and b"the body" in drop.message, "the original")
    check(max(len(line) for line in drop.message.split(b"\r\n")) <= 998, "line length")
    service.events.wait("report", kind="failure", **{"for": ident})
    service.home.wait_queued(0)
    equal(len(service.home.drops()), 1, "one report")


def test_arrival_ahead(t):
    """Mail that was accepted under a clock years ahead expires all the same: it counts from when it was first tried under the right one."""
    sink = t.sink(answers={"RCPT": "450 4.2.0 not now"})
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}", "retry": "1s", "delay-notify": "unlimited"}}})
    id = service.default.send(sender="author@default.example", to="x@remote.example")
    service.events.wait("deferred", id=id)
    service.stop()
    ahead = chr(ord(id[0]) + 1) + id[1:]     # the time is the beginning of an id
    for file in [*service.home.queue.rglob(id), *service.home.queue.rglob(f"{id}.note")]:
        if file.name == id:
            file.rename(file.with_name(ahead))
        else:
            file.unlink()
    service.default.set("delivery", expire="4s")
    service.start()
    service.events.wait("deferred", id=ahead)
    event = service.events.wait("expired", id=ahead)
    equal(event["recipient"], "x@remote.example")
    service.home.wait_queued(0)


def hangs_at(t, sink, verb):
    """It says nothing there until the event is set that is given; the other one tells that a client waits."""
    reached, go_on = threading.Event(), threading.Event()
    t.cleanup(go_on.set)
    sink.answers = {verb: lambda session, line: (reached.set(), go_on.wait(), None)[2]}
    return reached, go_on


def test_cut(t):
    """An order to retry whose attempt is cut by a change is no order that is lost: the next process tries. Each cut is an event."""
    sink = t.sink(answers={"RCPT": ["450 4.2.0 not now"]})
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}", "retry": "4h"}}}, service={"grace": "1s"})
    id = service.default.send(to="x@remote.example")
    service.events.wait("deferred", id=id)
    cut = {"id": id, "recipient": "x@remote.example", "host": f"[127.0.0.1]:{sink.port}", "reason": REPLACED}
    reached, go_on = hangs_at(t, sink, "DATA")
    service.ctl("queue", "default", "retry", "--all", "--yes")
    check(reached.wait(60), "no attempt came")
    again, go_on_again = hangs_at(t, sink, "DOT")
    service.ctl("set", "default", "delivery.hop-limit=77")
    service.events.wait("cut", **cut)
    check(again.wait(60), "the order is lost")
    sink.answers = {}
    go_on.set()
    service.ctl("hosts", "pause", "default", "127.0.0.1")
    service.events.wait("cut", count=2, **cut)
    go_on_again.set()
    service.ctl("hosts", "resume", "default", "127.0.0.1")
    sink.wait()
    service.home.wait_queued(0)


def test_cut_before_it_is_connected(t):
    sink = t.sink()
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}"}}}, service={"grace": "1s"})
    reached, go_on = hangs_at(t, sink, "CONNECT")
    id = service.default.send(to="x@remote.example")
    check(reached.wait(60), "no attempt came")
    service.ctl("stop", "default")
    service.events.wait("cut", id=id, recipient="x@remote.example", host=f"[127.0.0.1]:{sink.port}", reason="the virtual server stops")
    sink.answers = {}
    go_on.set()
    service.ctl("start", "default")
    sink.wait()


def test_refused_in_the_answer_to_ehlo(t):
    """A host that refuses us there and hangs up: HELO is tried in vain, and the sender gets the host's words."""
    def refuse(session, _):
        session.connection.sendall(b"550 5.7.1 Your address is blocked, see https://mx.example/why\r\n")
        return Sink.DROP
    sink = t.sink(answers={"EHLO": refuse})
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}"}}})
    service.default.send("a@default.example", "x@remote.example")
    report = service.home.wait_drops(1)[0]
    check(b"https://mx.example/why" in report.message and b"Status: 5.7.1" in report.message, report.message)


# shows 6.2
def test_one_report_for_all_that_failed_together(t):
    sink = t.sink(answers={"RCPT": "554 5.7.1 " + "not today " * 60})
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}"}}})
    service.default.send("author@default.example", [f"x{n}@remote.example" for n in range(5)])
    report = reports(service)[0]
    service.home.wait_queued(0)
    equal(len(service.home.drops()), 1, "reports")
    blocks = fields_of_status(report)[1:]
    equal(sorted(b["Final-Recipient"].split(";")[1].strip() for b in blocks), [f"x{n}@remote.example" for n in range(5)])


def test_report_goes_out_by_smtp(t):
    """Back to a sender elsewhere, with the null sender, through the same smart host."""
    sink = t.sink(answers={"RCPT": lambda s, line: "550 5.1.1 no" if "nobody@" in line else None})
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}"}}})
    service.default.send("author@elsewhere.example", "nobody@remote.example")
    message = sink.wait()[0]
    equal((message.sender, message.recipients), ("", ["author@elsewhere.example"]))
    check(b"multipart/report" in message.data, message.data)


# shows 2.5f
def test_copy_of_reports(t):
    sink = t.sink(answers={"RCPT": "550 5.1.1 no"})
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}"}, "messages": {"ndr-copy-to": "boss@default.example"}}})
    service.default.send("author@default.example", "nobody@remote.example")
    until(lambda: sorted(r for d in service.home.drops() for r in d.receivers) == ["author@default.example", "boss@default.example"],
          what="report and copy")


# shows 5.2a, 6.7, 7.2b
def test_null_sender_goes_to_badmail(t):
    sink = t.sink(answers={"RCPT": "550 5.1.1 no such user"})
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}"}}})
    ident = service.default.send("", "x@remote.example", mail("from nobody"))
    bad = service.home.wait_badmails()[0]
    service.home.wait_queued(0)
    check(b"from nobody" in bad.message, bad.message)
    check("x@remote.example" in bad.reason and "5.1.1" in bad.reason, bad.reason)
    check("x-receiver: x@remote.example" in bad.envelope, bad.envelope)
    equal(service.home.drops(), [], "a report for the null sender")
    service.events.wait("badmailed", id=ident)


# shows 6.8
def test_report_that_fails_goes_to_badmail(t):
    """The author does not exist either: one report, no report about it, never a loop."""
    sink = t.sink(answers={"RCPT": "550 5.1.1 no"})
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}"}}})
    service.default.send("author@elsewhere.example", "x@remote.example")
    service.home.wait_badmails()
    service.home.wait_queued(0)
    equal(len(service.events.all("report")), 1, "reports made")
    equal(len(service.home.badmails()), 1)


# shows 2.6a, 7.2b
def test_retry_table(t):
    """Each attempt comes after its own wait: 1s, 2s, then 3s for ever."""
    sink = t.sink(answers={"RCPT": ["451 4.7.1 greylisted"] * 4})
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}", "retry": "1s 2s 3s"}}})
    ident = service.default.send("a@default.example", "x@remote.example")
    sink.wait(1, 40)
    waits = [round(float(e["next"])) for e in service.events.all("deferred", id=ident)]
    equal(len(waits), 4, "failed attempts")
    check(all(abs(got - wanted) <= 1 for got, wanted in zip(waits, (1, 2, 3, 3))) and waits[2] >= 2, "waits:", waits)   # 5 % of chance either way
    deferred = service.events.all("deferred", id=ident)[0]
    equal((deferred["status"], deferred["reason"]), ("4.7.1", "greylisted"), "told once each")


# shows 2.6b
def test_quick_tries(t):
    """A connection that cannot be made, or ends, is tried again after a minute, whatever the table says; a refusal waits for the table."""
    sinks = {"busy": t.sink(answers={"RCPT": lambda s, line: "451 4.2.1 later"})}
    sinks.update({verb.lower(): t.sink(answers={verb: lambda s, line: Sink.DROP}) for verb in ("CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "DOT")})
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{t.port()}", "retry": "1h"},
                                     **{f"domain {name}.example": {"type": "remote", "route": f"[127.0.0.1]:{sink.port}"}
                                        for name, sink in sinks.items()}}})
    for domain, seconds in (("remote", 60), *((name, 3600 if name == "busy" else 60) for name in sinks)):
        ident = service.default.send("a@default.example", f"x@{domain}.example")
        wait = float(service.events.wait("deferred", id=ident)["next"])
        check(abs(wait - seconds) <= seconds / 20 + 1, domain, "waits", wait)


# shows 2.6c, 6.3, 7.2b
def test_expiry(t):
    """A delay report once, then a failure report, then nothing more."""
    sink = t.sink(answers={"RCPT": lambda s, line: "451 4.7.1 never"})
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}", "retry": "1s", "delay-notify": "2s", "expire": "5s"}}})
    ident = service.default.send("author@default.example", "x@remote.example", mail("late"))
    found = reports(service, 2, 40)
    actions = [fields_of_status(r)[1]["Action"] for r in found]
    equal(sorted(actions), ["delayed", "failed"])
    delayed = [fields_of_status(r)[1] for r in found if fields_of_status(r)[1]["Action"] == "delayed"][0]
    failed = [fields_of_status(r)[1] for r in found if fields_of_status(r)[1]["Action"] == "failed"][0]
    equal((delayed["Status"], failed["Status"]), ("4.4.7", "5.4.7") if failed["Status"] == "5.4.7" else ("4.4.7", "4.4.7"))
    check("Will-Retry-Until" in delayed and "Will-Retry-Until" not in failed, delayed, failed)
    service.events.wait("expired", id=ident, recipient="x@remote.example")
    service.home.wait_queued(0)
    equal(len(service.home.drops()), 2)


# shows 2.6d
def test_local_expiry(t):
    """The same for local mail that cannot be dropped, by keys of its own; those of outbound mail say nothing about it."""
    sink = t.sink()
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}", "retry": "1s", "delay-notify": "1h", "expire": "12h",
                                                  "local-delay-notify": "2s", "local-expire": "5s", "paused": "default.example"}}})
    ident = service.default.send("author@far.example", "b@default.example", mail("late"))
    found = [email.message_from_bytes(m.data, policy=email.policy.default) for m in sink.wait(2, 40)]
    equal([fields_of_status(r)[1]["Action"] for r in found], ["delayed", "failed"])
    service.events.wait("expired", id=ident, recipient="b@default.example")
    service.home.wait_queued(0)
    equal((len(sink.messages), service.home.drops()), (2, []))


def test_retry_over_a_restart(t):
    """What waits is tried again after a restart, at its time."""
    port = t.port()
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{port}", "retry": "2s"}}})
    ident = service.default.send("a@default.example", "x@remote.example")
    service.events.wait("deferred", id=ident)
    service.stop()
    equal(len(service.home.queued()), 1)
    sink = t.sink(port=port)
    service.start()
    sink.wait(1, 90)
    service.home.wait_queued(0)


def test_report_with_hostile_text(t):
    """What the peer says cannot break the report's form."""
    sink = t.sink(answers={"RCPT": "550-5.1.1 line one\r\n550 5.1.1 \x1b[31m\xe4\x01 --boundary"})
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}"}}})
    service.default.send("author@default.example", "x@remote.example")
    drop = service.home.wait_drops()[0]
    report = email.message_from_bytes(drop.message, policy=email.policy.default)
    equal([type(d).__name__ for p in report.walk() for d in p.defects], [], "defects")
    check(b"\x1b" not in drop.message and b"\x01" not in drop.message, "control bytes")


# shows 9.8
def test_eight_bit_original(t):
    sink = t.sink(answers={"RCPT": "550 5.1.1 no"})
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}"}}})
    with service.default.connect(ehlo="c.example") as client:
        client.message("author@default.example", "x@remote.example", "Subject: ä\r\n\r\nGrüße\r\n".encode(), ehlo=None, params=" BODY=8BITMIME")
    report = service.home.wait_drops()[0].email
    equal([type(d).__name__ for p in report.walk() for d in p.defects], [], "defects")


def test_peer_says_when(t):
    """A wait that the peer names is kept: not the second of the table."""
    sink = t.sink(answers={"RCPT": ["450 4.7.1 Greylisted, please try again in 2 seconds"]})
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}", "retry": "1s 1h"}}})
    ident = service.default.send("a@default.example", "x@remote.example")
    sink.wait(1, 40)
    equal([e["next"] for e in service.events.all("deferred", id=ident)], ["2"], "waits")


def test_unreadable_for_a_moment(t):
    """A queue file that cannot be opened is tried again within seconds, whatever `retry` says; it goes as soon as it can be read."""
    if t.uid == 0:
        raise Skip("root reads everything")
    sink = t.sink()
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}", "retry": "1h"}}}, start=False)
    write_queue_files(service.home, (t.uid, t.gid), ["r@remote.example"])
    path = service.home.queued()[0]
    path.chmod(0)
    service.start()
    service.events.wait("trouble", what="load", count=2)
    path.chmod(0o600)
    sink.wait(1, 15)
    service.home.wait_queued(0)
