"""mend - what scripts, printers and devices send: mended for clients that may relay, refused or left alone for others"""

import re
import smtplib
from email.message import EmailMessage

from checks import check, equal


# name: (what the client sends behind DATA, what comes out, what the event says). {} is our own Date and Message-ID.
CLIENTS = {
    "script that joins lines by LF": (
        b"Subject: report\nFrom: script@b.example\n\nline one\nline two\r\n.\r\n",
        b"Subject: report\r\nFrom: script@b.example\r\n{}\r\nline one\r\nline two\r\n", "lf,date,message-id"),
    "dots doubled behind LF": (
        b"Date: x\nMessage-ID: <y@z>\n\n..one\n...two\n\r\n.\r\n", b"Date: x\r\nMessage-ID: <y@z>\r\n\r\n.one\r\n..two\r\n\r\n", "lf"),
    "framework that writes its Bcc": (
        b"Date: x\r\nBcc: hidden@b.example,\r\n other@b.example\r\nReturn-Path: <a@b>\r\nTo: c@d\r\nMessage-ID: <y@z>\r\n\r\nhi\r\n.\r\n",
        b"Date: x\r\nTo: c@d\r\nMessage-ID: <y@z>\r\n\r\nhi\r\n", "bcc,return-path"),
    "printer": (b"toner low\r\n.\r\n", b"{}\r\ntoner low\r\n", "date,message-id"),
    "printer that indents": (b"  tray 2\r\n  toner low\r\n.\r\n", b"{}\r\n  tray 2\r\n  toner low\r\n", "date,message-id"),
    "console text with CR": (
        b"Subject: x\r\n\r\n10%\r20%\r\n.\r\n", b"Subject: x\r\n{}\r\n10%\r\n20%\r\n", "cr,date,message-id"),
    "text that Windows wrote twice": (
        b"Date: x\r\r\nMessage-ID: <y@z>\r\r\n\r\r\nhi\r\r\n.\r\n", b"Date: x\r\nMessage-ID: <y@z>\r\n\r\nhi\r\n", "cr"),
    "header without an end": (b"Subject: x\r\nDate: y\r\n.\r\n", b"Subject: x\r\nDate: y\r\n{}", "message-id"),
    "text behind the fields": (
        b"Subject: x\r\nDate: y\r\nMessage-ID: <y@z>\r\nhello there\r\n.\r\n",
        b"Subject: x\r\nDate: y\r\nMessage-ID: <y@z>\r\n\r\nhello there\r\n", "header-end"),
    "mail as it should be": (
        b"Date: x\r\nMessage-ID: <y@z>\r\nSubject: x\r\n\r\n..dot\r\nend\r\n.\r\n",
        b"Date: x\r\nMessage-ID: <y@z>\r\nSubject: x\r\n\r\n.dot\r\nend\r\n", None),
    "nothing": (b".\r\n", b"{}", "date,message-id"),
}


def begin(client):
    client.expect(250, "MAIL FROM:<a@s.example>")
    client.expect(250, "RCPT TO:<b@default.example>")


def sent_part(drop):
    mark = b"Return-Path: <a@s.example>\r\n"
    return drop.message[drop.message.index(mark) + len(mark):]


# shows 2.4k, 9.24
def test_mended(t):
    """Each client in one piece and byte by byte: the same comes out, and the event names each mend."""
    service = t.postern({"default": {"access": {"mend": "relay"}}})
    count = 0
    with service.default.connect(ehlo="c.example") as client:
        for name, (data, wanted, mended) in CLIENTS.items():
            for pieces in ([data], [data[i:i + 1] for i in range(len(data))]):
                begin(client)
                client.expect(354, "DATA")
                for piece in pieces:
                    client.send(piece)
                ident = re.search(r"\b([0-9a-z]{16})\b", client.expect(250).text)[1]
                count += 1
                drop = [d for d in service.home.wait_drops(count) if ident in d.path.name][0]
                added = re.search(rb"Date: \w+, [^\r]*\r\nMessage-ID: <%s@default\.example>\r\n" % ident.encode(), drop.message)
                ours = added[0] if added else b"Message-ID: <%s@default.example>\r\n" % ident.encode()
                equal(sent_part(drop), wanted.replace(b"{}", ours), (name, len(pieces)))
                check(len(re.findall(rb"(?mi)^bcc:|^return-path:", drop.message)) == 1, "private fields", drop.message)
                event = service.events.wait("accepted", id=ident)
                equal(event.get("mended"), mended, name)


def test_python_smtplib(t):
    """sendmail() with the bytes of a message: LF lines, dots doubled behind LF."""
    service = t.postern({"default": {"access": {"mend": "relay"}}})
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = "bytes", "a@s.example", "b@default.example"
    message.set_content("one\n.two\n.\n..three\n")
    with smtplib.SMTP("127.0.0.1", service.default.port, timeout=30) as client:
        client.sendmail("a@s.example", ["b@default.example"], message.as_bytes())
        equal(service.home.wait_drops()[0].body.rstrip(b"\r\n"), b"one\r\n.two\r\n.\r\n..three")
        client.sendmail("a@s.example", ["b@default.example"], "Subject: html\n\n" + "<p>word</p> " * 2000)   # one line
    check(any(d.body.rstrip(b"\r\n") == b"<p>word</p> " * 2000 for d in service.home.wait_drops(2)), "the long line")


# shows 2.4k, 2.4l, 9.24
def test_strangers(t):
    """They are refused what lines they cannot write, and their header is left alone."""
    service = t.postern({"default": {"access": {"mend": "relay", "relay-list": None}}})
    with service.default.connect(ehlo="c.example") as client:
        begin(client)
        client.expect(354, "DATA")
        client.send(b"Subject: x\n\nhi\r\n.\r\n")
        client.expect("554 5.6.0")
        begin(client)
        client.expect(354, "DATA")
        client.send(b"Subject: x\r\nBcc: y\r\n\r\nhi\r\n.\r\n")
        client.expect(250)
    drop = service.home.wait_drops()[0]
    equal(sent_part(drop), b"Subject: x\r\nBcc: y\r\n\r\nhi\r\n")
    check("mended" not in service.events.wait("accepted"), "a stranger's message was mended")


def continue_received(t, mend):
    evil = b" (authenticated: ceo@corp.example)\r\n\tby internal.corp.example with ESMTPSA id 1\r\nSubject: x\r\n\r\nbody\r\n"
    service = t.postern({"default": {"access": {"mend": mend}}})
    with service.default.connect(ehlo="c.example") as client:
        begin(client)
        client.expect(354, "DATA")
        client.send(evil + b".\r\n")
        client.expect(250)
        begin(client)
        client.send(b"BDAT 1\r\n" + evil[:1])
        client.expect(250)
        client.send(b"BDAT %d LAST\r\n" % (len(evil) - 1) + evil[1:])
        client.expect(250)
    for drop in service.home.wait_drops(2):
        received = drop.email.get_all("Received")
        equal(len(received), 1)
        check("ceo@corp" not in received[0], received)
        check(drop.message.endswith(b"\r\n" + evil), drop.message)


def test_nobody_writes_our_received(t):
    """Content that begins with a blank, by DATA and BDAT: our field ends before it."""
    continue_received(t, "none")


def test_nobody_writes_our_received_when_mended(t):
    continue_received(t, "all")
