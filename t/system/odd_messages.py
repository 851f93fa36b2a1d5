"""odd_messages - some sixty odd messages in by four ways, and out by five, byte for byte behind our trace fields"""

import re
import subprocess

from checks import check, equal
from counted_sink import sink_context
from odd_messages import all_messages, headers
from patience import until

BASE = ("PIPELINING", "SIZE", "8BITMIME", "ENHANCEDSTATUSCODES")
SENDER = "a@s.example"
MBOX = re.compile(rb"\AFrom \S+ [A-Z][^\r]*\r\n")
FIELD = re.compile(rb"[^\r\n]+\r\n(?:[ \t][^\r\n]*\r\n)*")


def fields(message):
    """(the fields of a header, what follows): it ends where a line is no field."""
    at, found = 0, []
    while (field := FIELD.match(message, at)) and re.match(rb"[!-9;-~]+[ \t]*:", field[0]):
        found.append(field[0])
        at = field.end()
    return found, message[at:]


def begins_with_header(message):
    return message.startswith(b"\r\n") or bool(fields(message)[0])


def by_smtp(message):
    """As it was; no mbox line, and what has no header gets the empty line that says so."""
    message = MBOX.sub(b"", message)
    return message if begins_with_header(message) else b"\r\n" + message


def ours(message, way):
    """Without the Received and, in drop files, Return-Path fields that we put first."""
    found, rest = fields(message)
    at = 1 + (way == "drop")
    equal([name_of(f) for f in found[:at]], [b"received", b"return-path"][:at], way)
    return b"".join(found[at:]) + rest


def name_of(field):
    return field.partition(b":")[0].strip().lower()


def split(message):
    """(fields that are neither private nor may be added, names of those that may, the body)."""
    found, rest = fields(message)
    rest = rest[2:] if rest.startswith(b"\r\n") else rest
    adds = (b"date", b"message-id", b"from")
    return [f for f in found if name_of(f) not in (b"bcc", b"return-path", b"resent-bcc", *adds)], [f for f in found if name_of(f) in adds], rest


class Ways:
    """A service with five ways out; the recipients of a message are its number at each of them."""
    def __init__(self, t):
        self.sinks = {"clear": t.sink(ehlo=BASE), "chunks": t.sink(ehlo=BASE + ("CHUNKING",)),
                      "binary": t.sink(ehlo=BASE + ("CHUNKING", "BINARYMIME")), "tls": t.sink(ehlo=BASE, tls=sink_context(t))}
        self.service = t.postern({"default": {f"domain {name}.test": {"type": "remote", "route": f"[127.0.0.1]:{sink.port}"}
                                              for name, sink in self.sinks.items()}})

    def recipients(self, number):
        return [f"n{number}@{name}.test" for name in self.sinks] + [f"n{number}@default.example"]

    def wait(self, count):
        """{number: {way out: content without our trace fields}} of so many messages."""
        for sink in self.sinks.values():
            sink.wait(count, 120)
        self.service.home.wait_drops(count, 60)
        found = {n: {} for n in range(count)}
        for name, sink in self.sinks.items():
            for message in sink.messages:
                found[int(message.recipients[0][1:].partition("@")[0])][name] = ours(message.data, name)
        for drop in self.service.home.drops():
            found[int(drop.receivers[0][1:].partition("@")[0])]["drop"] = ours(drop.message, "drop")
        self.service.home.wait_queued(0)
        return found


def judge(rows, found, becomes):
    """Each is at each way out what it becomes; hosts without BINARYMIME need not take lines of over 998 octets, and get them broken."""
    for number, (name, message) in enumerate(rows.items()):
        equal(sorted(found[number]), ["binary", "chunks", "clear", "drop", "tls"], name)
        for way, got in found[number].items():
            broken = way not in ("binary", "drop") and longest(message) > 998
            check(not broken or longest(got) <= 998, f"{name}, {way}: a line of {longest(got)}")
            becomes(f"{name}, {way}", message, got, broken)


def longest(message):
    return max(len(line) for line in message.split(b"\r\n"))


def compare(what, got, wanted, broken):
    """`broken`: but for line ends, and blanks that continue a field."""
    if broken:
        got, wanted = re.sub(rb"\r\n[ \t]?", b"", got), re.sub(rb"\r\n[ \t]?", b"", wanted)
    check(got == wanted, f"{what}: {got[:2000]!r}, wanted {wanted[:2000]!r}")


def same(what, message, got, broken):
    compare(what, got, by_smtp(message), broken)


def test_by_data(t):
    """DATA, some hundred in one session, as the client stuffs them."""
    ways, rows = Ways(t), all_messages()
    with ways.service.default.connect(ehlo="c.example") as client:
        for number, message in enumerate(rows.values()):
            client.message(SENDER, ways.recipients(number), message, ehlo=None)
    judge(rows, ways.wait(len(rows)), same)


def test_by_bdat(t):
    """BDAT in pieces that end anywhere, each message cut at another place."""
    ways, rows = Ways(t), all_messages()
    with ways.service.default.connect(ehlo="c.example") as client:
        for number, message in enumerate(rows.values()):
            client.expect(250, f"MAIL FROM:<{SENDER}> BODY=8BITMIME")
            for to in ways.recipients(number):
                client.expect(250, f"RCPT TO:<{to}>")
            cut = number * 7 % (len(message) + 1)
            client.send(f"BDAT {cut}\r\n".encode() + message[:cut] + f"BDAT {len(message) - cut} LAST\r\n".encode() + message[cut:])
            client.expect(250)
            client.expect(250)
    judge(rows, ways.wait(len(rows)), same)


def mended(adds):
    """From a file: what is private is out, what lacked of `adds` is there, all other fields and the body are as they were."""
    def becomes(what, message, got, broken):
        stay, had, body = split(by_smtp(message))
        got_stay, got_had, got_body = split(got)
        compare(what, b"".join(got_stay), b"".join(stay), broken)
        equal(got_had[:len(had)], had, what)
        equal(sorted(name_of(f) for f in got_had[len(had):]), sorted(adds - {name_of(f) for f in had}), what)
        compare(what, got_body, body, broken)
    return becomes


def test_by_pickup(t):
    """Files in the pickup folder, lines ending in LF or CRLF."""
    ways, rows = Ways(t), all_messages()
    ways.service.default.set("messages", pickup_dots="plain")
    for number, message in enumerate(rows.values()):
        lines = f"x-sender: {SENDER}\r\n" + "".join(f"x-receiver: {to}\r\n" for to in ways.recipients(number))
        data = lines.encode() + message
        ways.service.home.put(f"n{number}", data.replace(b"\r\n", b"\n") if number % 2 else data)
    judge(rows, ways.wait(len(rows)), mended({b"date", b"message-id"}))


def test_by_sendmail(t):
    """sendmail -i, recipients as arguments."""
    ways, rows = Ways(t), all_messages()
    for number, message in enumerate(rows.values()):
        done = subprocess.run(["sendmail", "-C", ways.service.config, "-i", "-f", SENDER, *ways.recipients(number)],
                              input=message.replace(b"\r\n", b"\n") if number % 2 else message, capture_output=True, timeout=60, check=False,
                              executable=ways.service.bin / "postern-sendmail", env=ways.service.environment(), cwd="/", **ways.service.account())
        equal((done.returncode, done.stderr), (0, b""), list(rows)[number])
    judge(rows, ways.wait(len(rows)), mended({b"date", b"message-id", b"from"}))


def test_nul(t):
    """Content with NUL is refused, or badmail; with BINARYMIME it goes to hosts that take that, as it was."""
    ways = Ways(t)
    data = b"From: a@s.example\r\nDate: x\r\nMessage-ID: <x@s.example>\r\n\r\na\0b\n\rc\r.\n"
    with ways.service.default.connect(ehlo="c.example") as client:
        for way in ("DATA", "BDAT"):
            client.expect(250, f"MAIL FROM:<{SENDER}>")
            client.expect(250, "RCPT TO:<b@default.example>")
            if way == "DATA":
                client.expect(354, "DATA")
                client.send(data[:-6] + b"\r\n.\r\n")
            else:
                client.send(f"BDAT {len(data)} LAST\r\n".encode() + data)
            client.expect("55")
            client.expect(250, "RSET")
        client.expect(250, f"MAIL FROM:<{SENDER}> BODY=BINARYMIME")
        client.expect(250, "RCPT TO:<n0@binary.test>")
        client.send(f"BDAT {len(data)} LAST\r\n".encode() + data)
        client.expect(250)
    ways.sinks["binary"].wait(1)
    equal(ours(ways.sinks["binary"].messages[0].data, "binary"), data)
    ways.service.home.put("nul", b"x-sender: a@s.example\r\nx-receiver: b@default.example\r\n" + data)
    until(lambda: ways.service.home.badmails(), 30, lambda: "a file in badmail")
    equal(ways.service.home.drops(), [])


def test_through_holds(t):
    """The same when they waited, were held, the service ended and came again, and they were released."""
    ways, rows = Ways(t), headers()
    for name in ways.sinks:
        ways.service.ctl("queue", "default", "pause", "--domain", f"{name}.test")
    with ways.service.default.connect(ehlo="c.example") as client:
        for number, message in enumerate(rows.values()):
            client.message(SENDER, ways.recipients(number), message, ehlo=None)
    ways.service.ctl("queue", "default", "hold", "--all", "--yes")
    ways.service.stop()
    ways.service.start()
    for name in ways.sinks:
        ways.service.ctl("queue", "default", "resume", "--domain", f"{name}.test")
    equal([sink.messages for sink in ways.sinks.values()], [[]] * len(ways.sinks))
    ways.service.ctl("queue", "default", "release", "--all", "--yes")
    judge(rows, ways.wait(len(rows)), same)
