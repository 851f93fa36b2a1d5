"""report_forms - a report reaches its sender through hosts that cannot take it as it is; long lines are folded for hosts that need it"""

from checks import check, equal
from smtp import mail

EIGHT_BIT = "Subject: Grüße\r\nX-Long: {}\r\nContent-Transfer-Encoding: 8bit\r\n\r\nSchöne Grüße\r\n".format("word " * 600).encode()


def no_multipart(session, message):
    return "550 5.7.1 attachments are not wanted" if b"\nContent-Type: multipart" in message.data else None


# What the host of the sender offers and answers; what the report has to have, and what not.
HOSTS = {
    "no 8BITMIME": (("SIZE",), {}, [b"text/rfc822-headers", b"Subject: Gr=C3=BC=C3=9Fe", b"message/delivery-status"], [b"body"]),
    "8BITMIME": (("8BITMIME",), {}, ["Schöne Grüße".encode(), b"message/rfc822"], []),
    "a small SIZE": (("SIZE 3000", "8BITMIME"), {}, [b"message/delivery-status", b"Subject: Gr=C3=BC"], [b"Sch"]),
    "a smaller SIZE": (("SIZE 1250",), {}, [b"message/delivery-status"], [b"text/rfc822-headers"]),
    "SIZE for a few lines": (("SIZE 700",), {}, [b"x@far.example"], [b"multipart"]),
    "552 to MAIL": (("SIZE", "8BITMIME"), {"MAIL": lambda s, line: "552 5.3.4 too large" if "SIZE" in line and int(line.split("SIZE=")[1].split()[0]) > 3900
                                             else None}, [b"message/delivery-status"], [b"Sch"]),
    "no multipart": (("8BITMIME",), {"DOT": no_multipart}, [b"x@far.example", b"no such user"], [b"multipart", b"=_"]),
}


def test_every_host_gets_the_report(t):
    far = t.sink(answers={"RCPT": "550 5.1.1 no such user"})
    sinks = {what: t.sink(ehlo=extensions, answers=answers) for what, (extensions, answers, _, _) in HOSTS.items()}
    routes = {f"domain old{n}.example": {"type": "remote", "route": f"[127.0.0.1]:{sink.port}"} for n, sink in enumerate(sinks.values())}
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{far.port}"}, **routes}})
    for number in range(len(sinks)):
        service.default.send(f"sender@old{number}.example", "x@far.example", EIGHT_BIT)
    for what, sink in sinks.items():
        report = sink.wait()[0]
        equal((report.sender, len(report.recipients)), ("", 1), what)
        for part in HOSTS[what][2]:
            check(part in report.data, what, "lacks", part, report.data)
        for part in HOSTS[what][3]:
            check(part not in report.data, what, "has", part, report.data)
        if "8BITMIME" not in HOSTS[what][0]:
            check(all(byte < 128 for byte in report.data), what, "8-bit")
        check(max(len(line) for line in report.data.split(b"\r\n")) <= 998, what, "line length")
    service.home.wait_queued(0)
    equal(service.home.badmails(), [], "badmail")


def test_refused_recipient_of_a_report_is_asked_once(t):
    sink = t.sink(answers={"RCPT": "550 5.1.1 no such user"}, ehlo=("SIZE",))
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}"}}})
    service.default.send("author@elsewhere.example", "x@far.example", EIGHT_BIT)
    service.home.wait_badmails()
    equal(sum("author@" in line for s in sink.sessions for line in s.lines if line.startswith("RCPT")), 1, "asked")


# shows 9.23
def test_long_lines(t):
    """5,000 octets without a blank, and with blanks; a host with BINARYMIME gets them as they are."""
    hosts = {"DATA": ("SIZE",), "BDAT": ("CHUNKING", "SIZE"), "binary": ("CHUNKING", "BINARYMIME", "8BITMIME")}
    sinks = {what: t.sink(ehlo=extensions) for what, extensions in hosts.items()}
    domains = {f"domain {what.lower()}.example": {"type": "remote", "route": f"[127.0.0.1]:{sink.port}"} for what, sink in sinks.items()}
    service = t.postern({"default": domains})
    body = "x" * 5000 + "\r\n" + "word " * 1000 + "end\r\n.\r\nshort\r\n"
    for what, sink in sinks.items():
        service.default.send("a@default.example", f"b@{what.lower()}.example", mail("long", body))
        message = sink.wait()[0]
        lines = message.data.split(b"\r\n")
        if what == "binary":
            check(b"x" * 5000 in message.data and "SIZE" not in message.params, what)
            continue
        check(max(len(line) for line in lines) <= 998, what, [len(line) for line in lines])
        text = message.data.replace(b"\r\n ", b"").replace(b" ", b"")
        check(b"x" * 5000 + b"\r\n" + b"word" * 1000 + b"end\r\n.\r\nshort\r\n" in text, what, "the same but for blanks and line ends")
        equal(message.params.split("SIZE=")[1].split()[0], str(len(message.data)), "declared size")
    service.home.wait_queued(0)
