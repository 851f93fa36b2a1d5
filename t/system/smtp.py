"""smtp - the dialogue of the listener over a real socket: order, replies, bad bytes, pipelining, relay decision"""

import socket

from checks import Failure, check, equal
from patience import until
from smtp import mail


# shows 2.6l, 9.6, 9.7, 9.8, 9.9, 9.11, 9.16
def test_greeting_and_extensions(t):
    service = t.postern()
    with service.default.connect() as client:
        check(client.banner.code == 220 and client.banner.text.startswith("default.example "), "banner", client.banner)
        reply = client.expect(250, "EHLO client.example")
        check(reply.texts[0].startswith("default.example"), reply)
        words = [text.split()[0] for text in reply.texts[1:]]
        for extension in ("PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"):
            check(extension in words, extension, "is not offered:", words)
        check("SIZE 26214400" in reply.texts, reply.texts)
        for absent in ("STARTTLS", "AUTH"):
            check(absent not in words, absent, "is offered but not there yet")
        client.expect(250, "HELO client.example")
        client.expect(250, "NOOP")
        client.expect(250, "RSET")
        client.expect(214, "HELP")
        client.expect(252, "VRFY someone")
        client.expect(502, "EXPN list")
        client.expect(500, "XYZZY")
        client.expect(221, "QUIT")
        check(client.is_closed(), "open after QUIT")


def test_order_of_commands(t):
    service = t.postern({"default": {"access": {"helo-required": "yes"}}})
    with service.default.connect() as client:
        client.expect(503, "MAIL FROM:<a@b.example>")
        client.expect(250, "EHLO c.example")
        client.expect(503, "RCPT TO:<b@default.example>")
        client.expect(503, "DATA")
        client.expect(250, "MAIL FROM:<a@b.example>")
        client.expect(503, "MAIL FROM:<a@b.example>")
        reply = client.cmd("DATA")
        check(reply.code in (503, 554), reply)
        client.expect(250, "RCPT TO:<b@default.example>")
        client.expect(250, "EHLO c.example")
        client.expect(503, "RCPT TO:<b@default.example>")


def test_message_arrives(t):
    service = t.postern()
    ident = service.default.send("a@sender.example", "b@default.example", mail("greetings", "One\r\n.two\r\n..three\r\n"))
    drop = service.home.wait_drops()[0]
    equal((drop.sender, drop.receivers), ("a@sender.example", ["b@default.example"]))
    check(ident in drop.path.name, ident, drop.path.name)
    equal(drop.body, b"One\r\n.two\r\n..three\r\n")
    head = drop.message.decode()
    check(head.startswith("Received: from client.example ([127.0.0.1])\r\n\tby default.example with ESMTP id " + ident), head)
    check("\r\nReturn-Path: <a@sender.example>\r\n" in head, head)
    service.events.wait("accepted", id=ident, client="127.0.0.1", sender="a@sender.example", recipients="1")
    service.events.wait("dropped", id=ident)


def test_helo_says_smtp(t):
    service = t.postern()
    with service.default.connect() as client:
        client.expect(250, "HELO old.example")
        client.message(ehlo=None)
    check(b" with SMTP id " in service.home.wait_drops()[0].message, "HELO is SMTP")


# shows 9.3
def test_names_of_clients(t):
    """Whatever a computer calls itself, its mail is taken; Received has the name, or the address where no name can stand."""
    service = t.postern()
    names = {b"B\xc3\xbcro-PC": None, b"Mary's-PC": None, b"Marys PC": None, b"[IPv6:fe80::1%eth0]": None, b"a\tb)\xff": None, b"": None,
             b"MY_PC": "MY_PC", b"[192.0.2.9]": "[192.0.2.9]"}
    for name, shown in names.items():
        with service.default.connect() as client:
            client.expect(250, b"EHLO " + name)
            ident = client.message(ehlo=None)
            service.events.wait("accepted", id=ident)
            until(lambda: any(ident in d.path.name for d in service.home.drops()), what="a drop file")
            drop = [d for d in service.home.drops() if ident in d.path.name][0]
            check(drop.message.startswith(b"Received: from " + (shown or "[127.0.0.1]").encode() + b" ([127.0.0.1])\r\n"), name, drop.message)
    with service.default.connect() as client:
        client.message(ehlo=None)
        equal(service.events.wait("accepted", count=len(names) + 1)["helo"], "-")
    check(any("B\\xc3\\xbcro-PC" in line or "B\\\\xc3\\\\xbcro-PC" in line for line in service.events.lines), "the name is shown escaped")


# shows 9.6
def test_pipelined_in_one_write(t):
    service = t.postern()
    with service.default.connect() as client:
        one = "MAIL FROM:<a@s.example>\r\nRCPT TO:<b@default.example>\r\nRCPT TO:<no@[\r\nDATA\r\n"
        client.send("EHLO c.example\r\n" + one)
        client.expect(250)
        client.expect(250)
        client.expect(250)
        check(client.reply().code in (501, 553), "bad address")
        client.expect(354)
        # end of data, the next message and QUIT in one write
        client.send(mail("first") + b".\r\nMAIL FROM:<a@s.example>\r\nRCPT TO:<b@default.example>\r\nDATA\r\n")
        for code in (250, 250, 250, 354):
            client.expect(code)
        client.send(mail("second") + b".\r\nQUIT\r\n")
        client.expect(250)
        client.expect(221)
    equal(sorted(d.email["Subject"] for d in service.home.wait_drops(2)), ["first", "second"])


def test_replies_fill_the_output(t):
    """Commands whose replies are more than a session keeps, in one write: all are answered, also when the client has closed its side."""
    service = t.postern()
    for closed in (False, True):
        with service.default.connect() as client:
            client.send("EHLO c.example\r\nMAIL FROM:<a@s.example>\r\nRCPT TO:<b@default.example>\r\n" + "BDAT 1\r\nx" * 3000 + "BDAT 0 LAST\r\n")
            if closed:
                client.socket.shutdown(socket.SHUT_WR)
            for _ in range(3 + 3000 + 1):
                client.expect(250)
    equal([d.message.count(b"x" * 3000) for d in service.home.wait_drops(2)], [1, 1])


def test_byte_by_byte(t):
    service = t.postern()
    with service.default.connect() as client:
        for part, code in (("EHLO c.example\r\n", 250), ("MAIL FROM:<a@s.example>\r\n", 250), ("RCPT TO:<b@default.example>\r\n", 250),
                           ("DATA\r\n", 354), ("Subject: slow\r\n\r\n..\r\n.\r\n", 250)):
            for byte in part.encode():
                client.send(bytes([byte]))
            client.expect(code)
    equal(service.home.wait_drops()[0].body, b".\r\n")


# Content that does not begin with a field: what comes out behind our own fields.
OPENINGS = {
    b"toner low\r\nplease refill\r\n": b"\r\ntoner low\r\nplease refill\r\n",
    b"  ALERT tray 2\r\n  toner low\r\n": b"\r\n  ALERT tray 2\r\n  toner low\r\n",
    b"word": b"\r\nword",
    b"From a@b Sat Nov 28 10:00:00 2026\r\nSubject: nightly\r\n\r\ndone\r\n": b"Subject: nightly\r\n\r\ndone\r\n",
    b"From now on\r\n": b"\r\nFrom now on\r\n",
    b"\r\ntext\r\n": b"\r\ntext\r\n",
    b"Subject: x\r\n": b"Subject: x\r\n",
}


# shows 9.1
def test_content_without_a_header(t):
    """By DATA, by DATA byte by byte, and by BDAT in two chunks: the sender of the content never writes our trace fields."""
    service = t.postern()
    with service.default.connect(ehlo="c.example") as client:
        for number, (content, wanted) in enumerate(OPENINGS.items()):
            ends = content.endswith(b"\r\n")
            for way in ("whole", "bytes", "chunks"):
                client.expect(250, "MAIL FROM:<a@s.example>")
                client.expect(250, "RCPT TO:<b@default.example>")
                if way == "chunks":
                    client.send(b"BDAT 3\r\n" + content[:3])
                    client.expect(250)
                    client.send(b"BDAT %d LAST\r\n" % len(content[3:]) + content[3:])
                    client.expect(250)
                else:
                    client.expect(354, "DATA")
                    data = content + (b"" if ends else b"\r\n") + b".\r\n"
                    for piece in [data] if way == "whole" else [bytes([byte]) for byte in data]:
                        client.send(piece)
                    client.expect(250)
                drop = service.home.wait_drops(number * 3 + 1 + ("whole", "bytes", "chunks").index(way))[-1]
                behind = drop.message[drop.message.index(b"Return-Path: <a@s.example>\r\n") + len(b"Return-Path: <a@s.example>\r\n"):]
                equal(behind.rstrip(b"\r\n") + b"\r\n", wanted.rstrip(b"\r\n") + b"\r\n", (way, content))


def bare(t, data, what):
    """DATA with wrong line ends is refused as a whole, and what follows is no command."""
    service = t.postern()
    with service.default.connect(ehlo="c.example") as client:
        client.expect(250, "MAIL FROM:<a@s.example>")
        client.expect(250, "RCPT TO:<b@default.example>")
        client.expect(354, "DATA")
        client.send(data + b"\r\n.\r\n")
        reply = client.reply()
        check(500 <= reply.code < 600, what, reply)
        if reply.code == 521 or client.buffer:
            raise Failure(f"{what}: more than one reply: {client.buffer!r}")
        try:
            check(client.cmd("NOOP").code in (250, 421), what, "the smuggled text was taken for commands")
        except (EOFError, ConnectionError):
            pass
    equal(service.home.queued(), [], "queue")
    equal(service.home.drops(), [], "drop")


# shows 2.4l, 9.17
def test_bare_lf(t):
    bare(t, b"Subject: x\r\n\r\none\ntwo", "bare LF")


# shows 2.4l, 9.17
def test_bare_cr(t):
    bare(t, b"Subject: x\r\n\r\none\rtwo", "bare CR")


def test_smuggling_lf_dot_lf(t):
    bare(t, b"Subject: x\r\n\r\none\n.\nMAIL FROM:<evil@s.example>\r\nRCPT TO:<b@default.example>\r\nDATA\r\nbad", "LF . LF")


def test_smuggling_lf_dot_crlf(t):
    bare(t, b"Subject: x\r\n\r\none\n.\r\nMAIL FROM:<evil@s.example>\r\nRCPT TO:<b@default.example>\r\nDATA\r\nbad", "LF . CRLF")


def test_smuggling_crlf_dot_lf(t):
    bare(t, b"Subject: x\r\n\r\none\r\n.\nMAIL FROM:<evil@s.example>\r\nRCPT TO:<b@default.example>\r\nDATA\r\nbad", "CRLF . LF")


def test_smuggling_cr_dot_cr(t):
    bare(t, b"Subject: x\r\n\r\none\r.\rMAIL FROM:<evil@s.example>\r\nDATA\r\nbad", "CR . CR")


# shows 9.19
def test_bad_bytes_in_commands(t):
    service = t.postern()
    for line in (b"NOOP\n", b"NO\0OP\r\n", b"MAIL FROM:<\xe4@s.example>\r\n", b"MAIL FROM:<a\r@s.example>\r\n"):
        with service.default.connect(ehlo="c.example") as client:
            client.send(line)
            reply = client.reply()
            check(500 <= reply.code < 600 or reply.code == 421, line, reply)


def test_long_command_line(t):
    service = t.postern()
    with service.default.connect(ehlo="c.example") as client:
        reply = client.cmd("NOOP " + "x" * 100000)
        check(reply.code in (500, 501), reply)
        client.expect(250, "NOOP")


def test_too_many_errors(t):
    service = t.postern()
    with service.default.connect(ehlo="c.example") as client:
        codes = []
        for _ in range(21):
            try:
                codes.append(client.cmd("XYZZY").code)
            except (EOFError, ConnectionError):
                break
            if codes[-1] == 421:
                break
        check(codes[-1] == 421 and 19 <= len(codes) <= 21, codes)
        check(client.is_closed(), "open after too many errors")


# shows 2.8a, 9.18
def test_addresses(t):
    service = t.postern()
    wanted = {
        "b@default.example": "b@default.example",
        "B@DEFAULT.Example": "B@default.example",
        '"two words"@default.example': '"two words"@default.example',
        "@x.example,@y.example:routed@default.example": "routed@default.example",
        "postmaster": "postmaster@default.example",
    }
    with service.default.connect(ehlo="c.example") as client:
        client.expect(250, "MAIL FROM:<>")
        for address in wanted:
            client.expect(250, f"RCPT TO:<{address}>")
        for bad in ("a@", "@default.example", "a b@default.example", "a@default..example", "a@-.example", "a@b@c"):
            reply = client.cmd(f"RCPT TO:<{bad}>")
            check(500 <= reply.code < 600, bad, reply)
        check(client.cmd("RCPT TO: b@default.example x").code in (501, 555), "no angle brackets, and a word too many")
        client.content()
    drop = service.home.wait_drops()[0]
    equal(drop.sender, "", "sender")
    equal([r.lower() for r in drop.receivers], [r.lower() for r in wanted.values()])


def test_parameters(t):
    service = t.postern()
    with service.default.connect(ehlo="c.example") as client:
        client.expect(250, "MAIL FROM:<a@s.example> SIZE=100 BODY=8BITMIME SMTPUTF8")
        client.expect(250, "RSET")
        client.expect(501, "MAIL FROM:<a@s.example> SIZE=abc")
        client.expect(501, "MAIL FROM:<a@s.example> BODY=WRONG")
        check(client.cmd("MAIL FROM:<a@s.example> UNKNOWN=1").code in (504, 555), "unknown parameter")
        check(client.cmd("MAIL FROM:<a@s.example> SIZE=1 SIZE=2").code == 501, "twice")
        client.expect(250, "MAIL FROM:<a@s.example>")
        check(client.cmd("RCPT TO:<b@default.example> NOPE=1").code in (504, 555), "unknown parameter")


# shows 9.9
def test_utf8(t):
    service = t.postern()
    with service.default.connect(ehlo="c.example") as client:
        client.expect(250, "MAIL FROM:<jürgen@s.example> SMTPUTF8")
        client.expect(250, "RCPT TO:<bärbel@default.example>")
        client.content("Subject: Grüße\r\n\r\nÄ\r\n".encode())
    drop = service.home.wait_drops()[0]
    equal((drop.sender, drop.receivers), ("jürgen@s.example", ["bärbel@default.example"]))
    check(b"with UTF8SMTP id" in drop.message and "Grüße".encode() in drop.message, drop.message)


# shows 2.4q, 2.4t, 2.8e, 7.2b
def test_relay_list(t):
    service = t.postern({"default": {"access": {"relay-list": "127.0.0.2, 127.0.1.0/24"},
                                     "delivery": {"smart-host": f"[127.0.0.1]:{t.port()}"},
                                     "domain open.example": {"type": "remote", "relay": "yes"},
                                     "domain closed.example": {"type": "remote"}}})
    for source, code in (("127.0.0.1", 550), ("127.0.0.2", 250), ("127.0.1.77", 250), ("127.0.2.1", 550)):
        with service.default.connect(source=source, ehlo="c.example") as client:
            client.expect(250, "MAIL FROM:<a@default.example>")
            client.expect(250, "RCPT TO:<b@default.example>")
            client.expect(250, "RCPT TO:<b@open.example>")
            for remote in ("x@remote.example", "x@closed.example"):
                client.expect(code if code == 250 else f"550 5.7.1 Unable to relay for {remote}", f"RCPT TO:<{remote}>")
    refused = service.events.wait("refused", recipient="x@remote.example", client="127.0.0.1")
    check("5.7.1" in refused["reply"], refused.line)


# shows 2.4q
def test_relay_all_except(t):
    service = t.postern({"default": {"access": {"relay": "all-except", "relay-list": "127.0.0.2"}}})
    for source, code in (("127.0.0.1", 250), ("127.0.0.2", 550)):
        with service.default.connect(source=source, ehlo="c.example") as client:
            client.expect(250, "MAIL FROM:<a@b.example>")
            client.expect(code, "RCPT TO:<x@remote.example>")


# shows 2.4p
def test_connection_list(t):
    service = t.postern({"default": {"access": {"connection-control": "only", "connection-list": "127.0.0.1"}}})
    with service.default.connect(ehlo="c.example") as client:
        client.expect(250, "NOOP")
    with service.default.connect(source="127.0.0.2") as client:
        equal(client.banner.code, 554, "greeting")
        check("5.7.1" in client.banner.text, client.banner)
        check(client.is_closed(), "open after 554")
    service.default.set("access", connection_control="all-except")
    mark = service.events.mark()
    service.ctl("reload")
    service.events.wait("config", since=mark)

    def turned():
        with service.default.connect(source="127.0.0.2") as client:
            return client.banner.code == 220
    until(turned, what="the new list to hold")
    with service.default.connect() as client:
        equal(client.banner.code, 554, "greeting")


def test_many_clients_at_once(t):
    """One loop holds many sessions; a new one is served beside them."""
    service = t.postern()
    clients = [service.default.connect(ehlo="c.example") for _ in range(300)]
    try:
        service.default.send()
        for client in clients[::50]:
            client.message(ehlo=None)
        service.home.wait_drops(7)
    finally:
        for client in clients:
            client.close()
