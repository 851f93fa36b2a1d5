"""harness - the sink, the SMTP client, the name server, the waits and the ledger of t/lib do what the tests rely on"""

import socket
import struct

import patience
from checks import Failure, check, equal
from events import LINE, Event
from ledger import Ledger, came_out, text, wait_all_out
from patience import Patience, until
from sink import Sink
from smtp import Smtp
from spool_files import Home, split_x_lines
from spool_states import check_legal


def test_sink_keeps_messages(t):
    sink = t.sink(answers={"RCPT": ["250 2.1.5 fine", "550 5.1.1 nobody here"]})
    with Smtp(("127.0.0.1", sink.port)) as client:
        client.expect(250, "EHLO me")
        client.expect(250, "MAIL FROM:<a@b> SIZE=10")
        client.expect(250, "RCPT TO:<c@d>")
        client.expect("550 5.1.1", "RCPT TO:<e@d>")
        client.content(b"Subject: x\r\n\r\n.dot\r\n")
    message = sink.wait()[0]
    equal((message.sender, message.params, message.recipients), ("a@b", "SIZE=10", ["c@d"]))
    equal(message.data, b"Subject: x\r\n\r\n.dot\r\n")


def test_sink_drops(t):
    sink = t.sink(answers={"DOT": lambda s, m: Sink.DROP})
    with Smtp(("127.0.0.1", sink.port), ehlo="me") as client:
        client.expect(250, "MAIL FROM:<>")
        client.expect(250, "RCPT TO:<c@d>")
        client.expect(354, "DATA")
        client.send(b"x\r\n.\r\n")
        check(client.is_closed(), "still open")
    equal(sink.messages, [])


def test_dns_answers(t):
    dns = t.dns("mail MX 10 mx1", "mx1 A 127.0.0.3")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        client.sendto(b"\0\1\1\0\0\1\0\0\0\0\0\0\4mail\7example\0\0\x0f\0\1", ("127.0.0.1", dns.port))
        answer = client.recv(512)
    equal(struct.unpack("!HHHH", answer[:8])[3], 1, "answers")


def test_drop_lines(t):
    sender, receivers, rest = split_x_lines(b"x-sender: a@b\r\nx-receiver: c@d\r\nX-Receiver: <e@f>\r\nTo: x\r\n\r\nbody")
    equal((sender, receivers, rest), ("a@b", ["c@d", "<e@f>"], b"To: x\r\n\r\nbody"))


def test_event_lines(t):
    line = 'postern-listener[12]: 0123456789abcdef event=refused server=default reply="550 5.7.1 \\"no\\" x" client=::1'
    event = Event(line, LINE.match(line))
    equal((event["program"], event["pid"], event["reply"], event["client"]), ("postern-listener", 12, '550 5.7.1 "no" x', "::1"))


def fails(call, word):
    try:
        call()
    except Failure as failure:
        check(word in str(failure), failure)
        return
    raise Failure(f"nobody noticed: {word}")


def test_patience(t):
    """A machine that stands still for an hour costs a wait one look, a disk that does costs it nothing; time in which both work counts."""
    now = [1000.0]

    class Clock:
        @staticmethod
        def monotonic():
            return now[0]

    def slow_disk(*_):
        now[0] += 600
    real = patience.time, Patience.try_disk
    patience.time, Patience.try_disk = Clock, slow_disk
    try:
        deadline = Patience(20)
        now[0] += 3600
        check(not deadline.is_over(), "over after the pause")
        for _ in range(18):
            now[0] += 1
            check(not deadline.is_over(), "over before its time")
        now[0] += 1
        check(deadline.is_over(), "has no end")
    finally:
        patience.time, Patience.try_disk = real
    fails(lambda: until(lambda: False, 1.5, "the end of the world"), "1.5 s for the end")


def test_given_ports_are_kept(t):
    """No connection that goes out gets a port that this test gave out, and whoever is to listen there can, again and again."""
    port = t.port()
    for _ in range(2):
        t.sink(port=port).end()
        with socket.socket() as other:
            try:
                other.bind(("127.0.0.1", port))
            except OSError:
                continue
            raise Failure("it was free for others")


def test_start_that_is_refused(t):
    """start() does not wait for what will not come, and says why."""
    service = t.postern(start=False)
    with socket.create_server(("127.0.0.1", service.default.port)):
        fails(service.start, "in use by another program")


def empty_home(t):
    home = Home(t.folder / "home")
    for folder in (home.pickup, home.queue / "new", home.queue / "0a1", home.drop, home.badmail):
        folder.mkdir(parents=True)
    return home


def test_ledger_notices_a_loss(t):
    home, sink, ledger = empty_home(t), t.sink(), Ledger()
    (home.drop / "0123456789abcdef-0.eml").write_bytes(b"x-sender: a@b\r\n" + text("L", 1))
    (home.drop / "0123456789abcdeg-0.eml").write_bytes(b"x-sender: a@b\r\n" + text("L", 1))
    ledger.owe("L", 1)
    equal(wait_all_out(home, sink, ledger, 1), 1, "duplicates")
    ledger.owe("R", 2)
    fails(lambda: wait_all_out(home, sink, ledger, 0.2), "('R', 2)")
    (home.drop / "0123456789abcdeh-0.eml").write_bytes(b"x-sender: a@b\r\n" + text("L", 3)[:-5])
    fails(lambda: came_out(home, sink), "not whole")


def test_spool_states_are_judged(t):
    home = empty_home(t)
    for name, data in (("queue/new/0123abcd.lock", b""), ("queue/new/0123abcd.0123456789abcdef", b"half"), ("pickup/any name", b""),
                       ("pickup/.taken-0123456789abcdef-any name", b""), ("queue/0a1/0123456789abcdef.note", b""), ("badmail/0123456789abcdef.bdp", b"")):
        (home.path / name).write_bytes(data)
    check_legal(home, "legal states")
    for name, data in (("queue/0a1/0123456789abcdef", b"postern-queue 1\nhalf"), ("queue/0a1/stray", b""), ("drop/visible", b""), ("queue/stray", b""),
                       ("drop/0123456789abcdef-0.eml", b"half"), ("badmail/0123456789abcdef.bad", b"")):
        (home.path / name).write_bytes(data)
        fails(lambda: check_legal(home, "x"), name)
        (home.path / name).unlink()
