"""broken_offers - hosts that offer extensions which do not work: mail comes out once, by plain SMTP, and the host is remembered"""

from checks import check, equal
from sink import Sink, SinkSession
from smtp import mail

ALL = ("PIPELINING", "SIZE 10000000", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "DSN", "CHUNKING")


class NoChunks(SinkSession):
    """BDAT is not known, and what follows it is read as commands."""
    def _chunk(self, stream, line):
        return self.say("BDAT", line, "500 5.5.1 unknown command")


def without(word):
    """Refuses the parameter, whatever it is called."""
    return lambda session, line: "555 5.5.4 unsupported" if word in line else None


def together(answer):
    """Where another command is there already."""
    def found(session, _):
        session.connection.setblocking(False)
        more = session.stream.peek()
        session.connection.setblocking(True)
        return answer if more else None
    return found


def smart(t, sink, **delivery):
    return t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}", "retry": "1h", **delivery}}})


def send_two(service, params="", notify=""):
    """One after the other, the second over a fresh connection, too."""
    for number in range(2):
        with service.default.connect(ehlo="c.example") as client:
            client.expect(250, f"MAIL FROM:<a@default.example>{params}")
            for to in "xyz":
                client.expect(250, f"RCPT TO:<{to}{number}@remote.example>{notify}")
            client.content(mail(f"number-{number}", "MAIL FROM:<evil@x.example>\r\nRSET\r\n.\r\nQUIT\r\n"))
        service.events.wait("delivered", recipient=f"z{number}@remote.example")
    service.home.wait_queued(0)


def check_once(service, sink, name, failures=1):
    """Each message once; a failure costs the first one a connection, the second one nothing."""
    equal([sorted(m.recipients) for m in sink.messages], [[f"{to}{n}@remote.example" for to in "xyz"] for n in range(2)], f"{name}: what came")
    equal(len([s for s in sink.sessions if s.lines]), 1 + failures, f"{name}: connections")
    equal([e["without"] for e in service.events.all("trouble", what="extension-fails")], [name], "events")
    equal(service.events.all("deferred") + service.events.all("failed"), [], name)


def test_no_chunks(t):
    sink = t.sink(ehlo=ALL)
    sink.session = NoChunks
    service = smart(t, sink)
    send_two(service, " BODY=8BITMIME")
    check_once(service, sink, "CHUNKING")
    check(b"evil@x.example" in sink.messages[0].data and sink.messages[0].sender == "a@default.example", sink.messages[0].data)


def test_no_parameters(t):
    """A parameter that is offered and refused is left out; with DSN the author is told that the mail was relayed, as where it is not offered."""
    sink = t.sink(ehlo=("SIZE", "DSN"), answers={"RCPT": without("NOTIFY")})
    service = smart(t, sink)
    send_two(service, notify=" NOTIFY=SUCCESS")
    check_once(service, sink, "DSN")
    reports = [d.email for d in service.home.wait_drops(2)]
    check(all("relayed" in r.as_string() for r in reports), reports[0].as_string())
    sink = t.sink(ehlo=("SIZE", "8BITMIME"), answers={"MAIL": without("SIZE=")})
    service = smart(t, sink)
    send_two(service)
    check_once(service, sink, "SIZE")


def test_no_groups(t):
    """Commands that come together are refused, or end the connection: the second time that counts."""
    sink = t.sink(ehlo=("PIPELINING",), answers={"MAIL": together("503 5.5.1 one by one please")})
    service = smart(t, sink)
    send_two(service)
    check_once(service, sink, "PIPELINING")
    sink = t.sink(ehlo=("PIPELINING",), answers={"RCPT": together(Sink.DROP)})
    service = smart(t, sink)
    send_two(service)
    equal(sorted(r for m in sink.messages for r in m.recipients), sorted(f"{to}{n}@remote.example" for to in "xyz" for n in range(2)), "recipients")
    service.events.wait("trouble", what="extension-fails", without="PIPELINING")


def test_refused_in_plain_words(t):
    """What plain SMTP refuses is final; an unknown recipient is told so at once."""
    sink = t.sink(ehlo=ALL, answers={"RCPT": lambda s, line: "550 5.1.1 no such user" if "unknown@" in line else
                                     "501 syntax" if "odd@" in line else None})
    service = smart(t, sink)
    service.default.send("", ["unknown@remote.example"])
    service.events.wait("failed", recipient="unknown@remote.example", status="5.1.1")
    equal(len(sink.sessions), 1, "connections")
    service.default.send("", ["odd@remote.example", "x@remote.example"])
    service.events.wait("failed", recipient="odd@remote.example", status="5.0.0")
    service.events.wait("delivered", recipient="x@remote.example")
    equal(service.events.all("trouble"), [], "an extension is blamed")


def test_one_recipient_at_a_time(t):
    """A firewall that ends the connection at the second RCPT: after two ends one recipient a transaction, for the next message at once."""
    sink = t.sink(ehlo=("PIPELINING",), answers={"RCPT": lambda session, _: Sink.DROP if session.recipients else None})
    service = smart(t, sink)
    for number in range(2):
        service.default.send("a@default.example", [f"{to}{number}@remote.example" for to in "xyz"])
        for to in "xyz":
            service.events.wait("delivered", recipient=f"{to}{number}@remote.example")
        equal(len([s for s in sink.sessions if s.lines]), 3, "connections")
    service.home.wait_queued(0)
    equal([m.recipients for m in sink.messages], [[f"{to}{n}@remote.example"] for n in range(2) for to in "xyz"], "what came")
    equal([e["without"] for e in service.events.all("trouble", what="extension-fails")], ["PIPELINING,SEVERAL-RECIPIENTS"], "events")
