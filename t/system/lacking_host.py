"""lacking_host - a host lacks what a message needs while another one is down or says "later": it is sent later, not returned"""

from checks import check, equal
from smtp import mail

SMALL = ("PIPELINING", "SIZE 2000", "ENHANCEDSTATUSCODES")
GREY = {"RCPT": "450 4.7.1 Greylisted"}


def postern(t, *sinks, **delivery):
    hosts = [f"[127.0.0.1]:{s.port}" for s in sinks]
    return t.postern({"default": {"delivery": {"smart-host": hosts, "retry": "1s", **delivery}}})


# shows 2.7e
def test_the_other_one_says_later(t):
    """In either order: no report, and the message comes when the other host takes it."""
    for first in (False, True):
        small, grey = t.sink(ehlo=SMALL), t.sink(answers=dict(GREY))
        service = postern(t, *((grey, small) if first else (small, grey)))
        service.default.send("a@default.example", "x@remote.example", mail("large", size=4000))
        deferred = service.events.wait("deferred", recipient="x@remote.example")
        equal(deferred["status"], "4.7.1", deferred.line)
        check(small.sessions, "the small one was not asked")
        grey.answers.clear()
        grey.wait()
        service.home.wait_queued(0)
        equal([e.line for e in service.events.all("failed")], [], "refused")
        equal((small.messages, service.home.drops()), ([], []), "reports")
        service.stop()


def test_the_other_one_is_down(t):
    for first in (False, True):
        small, down = t.sink(ehlo=SMALL), t.sink()
        port = down.port
        down.end()
        service = postern(t, *((down, small) if first else (small, down)))
        service.default.send("a@default.example", "x@remote.example", mail("large", size=4000))
        deferred = service.events.wait("deferred", recipient="x@remote.example")
        equal(deferred["status"], "4.4.1", deferred.line)
        check(small.sessions, "the small one was not asked")
        up = t.sink(port=port)
        service.ctl("retry", "default")
        up.wait()
        service.home.wait_queued(0)
        equal([e.line for e in service.events.all("failed")], [], "refused")
        service.stop()


# shows 2.7k
def test_every_one_lacks_it(t):
    sinks = [t.sink(ehlo=SMALL) for _ in range(2)]
    service = postern(t, *sinks)
    service.default.send("a@default.example", "x@remote.example", mail("large", size=4000))
    failed = service.events.wait("failed", recipient="x@remote.example")
    equal(failed["status"], "5.3.4", failed.line)
    check(all(s.sessions for s in sinks), "one was not asked")
    check(b"5.3.4" in service.home.wait_drops()[0].message, "the report")


def test_recipients_that_the_host_cannot_take(t):
    """One needs SMTPUTF8 and its host has none: the others of the message go, one at a time, and only that one comes back."""
    sink = t.sink(ehlo=("PIPELINING", "8BITMIME"))
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}", "retry": "1s"},
                                     "host *": {"recipients": "1"}}})
    to = ["ü@remote.example", "b@remote.example", "c@remote.example"]
    with service.default.connect(ehlo="c.example") as client:
        client.expect(250, "MAIL FROM:<a@default.example> SMTPUTF8")
        for one in to:
            client.expect(250, f"RCPT TO:<{one}>")
        client.content(mail("plain"))
    failed = service.events.wait("failed", recipient=lambda r: "remote.example" in r)
    service.home.wait_queued(0)
    equal(failed["status"], "5.6.7", failed.line)
    equal(len(service.events.all("failed")), 1, "failed")
    equal(sorted(r for m in sink.wait(2) for r in m.recipients), to[1:], "what came")
