"""pickup - pickup files as programs of all kinds write them, and files that should never have been written"""

import fcntl
import os

from checks import check, equal
from patience import until
from programs import ROOT

FIXTURES = ROOT / "t/system/pickup"


# shows 3.7, 3.11, 3.12
def test_plain_lines(t):
    service = t.postern()
    service.home.put("one", "X-Sender: \"A Person\" <a@s.example>\nx-receiver: b@default.example\nX-RECEIVER: c\n\nFrom: a@s.example\n\nhello\n")
    drop = service.home.wait_drops()[0]
    equal((drop.sender, drop.receivers), ("a@s.example", ["b@default.example", "c@default.example"]))
    check(drop.message.startswith(f"Received: from mail pickup service (uid {os.getuid()})\r\n\tby default.example id ".encode()), drop.message)
    check(b"\n" not in drop.raw.replace(b"\r\n", b""), "LF became CRLF")
    until(lambda: list(service.home.pickup.iterdir()) == [], what="the pickup folder to be empty")


# shows 3.8, 3.9, 3.10
def test_envelope_from_header(t):
    service = t.postern()
    service.home.put("one", "From: a@s.example\nSender: real@s.example\nTo: B <b@default.example>, c@default.example\nCc: d@default.example\n"
                            "Bcc: secret@default.example\nSubject: x\n\nhello\n")
    drop = service.home.wait_drops()[0]
    equal(drop.sender, "real@s.example")
    equal(sorted(drop.receivers), ["b@default.example", "c@default.example", "d@default.example", "secret@default.example"])
    check(b"secret" not in drop.message and b"bcc" not in drop.message.lower(), drop.message)
    check(drop.email["Date"] and drop.email["Message-ID"], "Date and Message-ID are added")


# shows 3.5
def test_before_the_start(t):
    service = t.postern()
    service.stop()
    service.home.put("early", "x-sender: a@s.example\nx-receiver: b@default.example\n\nhello\n")
    service.start()
    service.home.wait_drops()


# shows 3.1, 3.2
def test_written_slowly(t):
    """Nothing is taken before the writer is done, however it writes: in place, in pieces, under flock."""
    service = t.postern()
    path = service.home.pickup / "slow"
    with open(path, "wb", buffering=0) as out:
        os.fchmod(out.fileno(), 0o666)
        fcntl.flock(out, fcntl.LOCK_EX)
        out.write(b"x-sender: a@s.example\nx-receiver: b@default.example\n\nfirst ")
        service.default.send()      # something else goes through meanwhile
        service.home.wait_drops(1)
        check(path.exists(), "taken while its writer held it")
        out.write(b"second\n")
    drops = service.home.wait_drops(2, 60)
    check(any(d.body == b"first second\r\n" for d in drops), [d.body for d in drops])


# shows 3.3
def test_names_that_are_waited_for(t):
    service = t.postern()
    data = b"x-sender: a@s.example\nx-receiver: b@default.example\n\nhello\n"
    for name in (".hidden", "x.tmp", "x.part"):
        (service.home.pickup / name).write_bytes(data)
        (service.home.pickup / name).chmod(0o666)
    service.home.put("visible", data)
    service.home.wait_drops(1)
    until(lambda: sorted(p.name for p in service.home.pickup.iterdir()) == [".hidden", "x.part", "x.tmp"], what="the file to go")
    (service.home.pickup / "x.tmp").rename(service.home.pickup / "x.eml")
    service.home.wait_drops(2)


def bad(t, name, make, reason=""):
    service = t.postern()
    make(service.home.pickup / name, service)
    found = service.home.wait_badmails()[0]
    check(reason in found.reason, found.reason)
    service.default.send()
    service.home.wait_drops()
    until(lambda: list(service.home.pickup.iterdir()) == [], what="the pickup folder to be empty")
    equal(len(service.home.badmails()), 1, "badmails")
    service.events.wait("badmailed")


def write(text):
    def make(path, _service):
        part = path.with_name("." + path.name)
        part.write_bytes(text)
        part.chmod(0o666)
        part.rename(path)
    return make


def test_one_malformed_recipient(t):
    """The others get the message; its sender is told of that one; without a sender there is a badmail of it."""
    service = t.postern({"default": {"delivery": {"smart-host": "[127.0.0.1]:1"}}})
    service.home.put("told", "From: a@default.example\nTo: good@default.example, not an address, <x@@y>\nSubject: x\n\nhello\n")
    drops = service.home.wait_drops(2)
    equal(sorted(d.receivers[0] for d in drops), ["a@default.example", "good@default.example"])
    report = next(d.message for d in drops if d.receivers == ["a@default.example"])
    check(report.count(b"Status: 5.1.3") == 2 and b"not an address" in report and b"<x@@y>" in report, report)
    check("not an address" in service.events.wait("accepted", file="told")["malformed"], "the event")
    service.home.put("untold", "x-sender: <>\nx-receiver: \"half\nx-receiver: good@default.example\n\nhello\n")
    service.home.wait_drops(3)
    service.home.wait_badmails(1)


# shows 3.16
def test_no_recipient(t):
    bad(t, "x", write(b"From: a@s.example\nSubject: x\n\nhello\n"), "recipient")


# shows 3.16
def test_no_sender(t):
    bad(t, "x", write(b"To: b@default.example\nSubject: x\n\nhello\n"), "sender")


def test_empty(t):
    bad(t, "x", write(b""))


def test_binary(t):
    bad(t, "x", write(bytes(range(256)) * 50))


# shows 3.7
def test_two_senders(t):
    bad(t, "x", write(b"x-sender: a@s.example\nx-sender: b@s.example\nx-receiver: b@default.example\n\nhello\n"))


# shows 3.16
def test_link(t):
    def make(path, service):
        secret = service.folder / "secret"
        secret.write_text("x-sender: a@s.example\nx-receiver: b@default.example\n\nsecret\n")
        secret.chmod(0o644)
        path.symlink_to(secret)
    bad(t, "x", make)


# shows 3.16
def test_fifo(t):
    bad(t, "x", lambda path, _service: os.mkfifo(path, 0o666))


# shows 3.16
def test_too_large(t):
    service = t.postern({"default": {"messages": {"max-message-size": "10K"}}})
    service.home.put("x", b"x-sender: a@s.example\nx-receiver: b@default.example\n\n" + b"line\n" * 5000)
    check("size" in service.home.wait_badmails()[0].reason or "large" in service.home.badmails()[0].reason, service.home.badmails()[0].reason)


def test_folder_is_left_alone(t):
    service = t.postern()
    (service.home.pickup / "folder").mkdir()
    service.home.put("x", "x-sender: a@s.example\nx-receiver: b@default.example\n\nhello\n")
    service.home.wait_drops()
    check((service.home.pickup / "folder").is_dir(), "a folder in pickup was touched")


# shows 3.13
def test_dots(t):
    """IIS and .NET Framework double leading dots, .NET since 5 does not: `stuffed` and `plain` say which."""
    text = "x-sender: a@s.example\nx-receiver: b@default.example\n\n..one\nend\n"
    for mode, body in (("stuffed", b".one\r\nend\r\n"), ("plain", b"..one\r\nend\r\n")):
        service = t.postern({"default": {"messages": {"pickup-dots": mode}}})
        service.home.put("x", text)
        equal(service.home.wait_drops()[0].body, body, mode)
        service.stop()


# shows 4.1
def test_many_at_once(t):
    service = t.postern()
    for number in range(300):
        service.home.put(f"m{number}", f"x-sender: a@s.example\nx-receiver: b@default.example\n\nSubject: {number}\n\nhello\n")
    service.home.wait_drops(300, 60)
    until(lambda: list(service.home.pickup.iterdir()) == [], what="the pickup folder to be empty")
    equal(len(service.home.drops()), 300)


# shows 3.8, 3.10, 3.13, S4.15
def test_fixtures(t):
    """Files as .NET Framework, .NET 8, CDO, Python and a shell write them (t/system/pickup)."""
    service = t.postern()
    files = sorted(FIXTURES.glob("*.eml"))
    check(len(files) >= 5, "fixtures are missing")
    for path in files:
        service.home.put(path.name, path.read_bytes())
    drops = service.home.wait_drops(len(files), 30)
    equal(service.home.badmails(), [])
    equal(sorted(d.email["Subject"] for d in drops), sorted(f"written by {p.stem}" for p in files))
    for drop in drops:
        equal(drop.sender, "app@default.example", drop.email["Subject"])
        equal(drop.receivers, ["user@default.example"], drop.email["Subject"])
        check(drop.email["Date"] and drop.email["Message-ID"], drop.email["Subject"])
        check(b".leading dot\r\n" in drop.body and b"..leading" not in drop.body, drop.email["Subject"], drop.body)
