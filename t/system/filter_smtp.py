"""filter_smtp - mail filters of a virtual server, as SMTP clients meet them: each stage, what a filter changes, and its trouble"""

import os
import signal
import ssl
import threading

from authority import Authority
from checks import check, equal
from milter import (ACCEPT, DISCARD, DROP, REJECT, SILENCE, TEMPFAIL, Milter, add_header, add_rcpt, change_from, change_header,
                    delete_rcpt, insert_header, quarantine, replace_body, reply_code)
from patience import until
from sasl import plain, verifier
from smtp import mail

FOLDED = b"\tthis goes on where our field ends\r\n"


def service_with(t, *milters, **keys):
    """A service whose virtual server asks these filters, in this order."""
    sections = {f"filter f{n}": {"connect": m.connect, **keys} for n, m in enumerate(milters)}
    return t.postern({"default": sections})


def begin(client, recipients=("b@default.example",), sender="a@sender.example"):
    client.expect(250, f"MAIL FROM:<{sender}>")
    for each in recipients:
        client.expect(250, f"RCPT TO:<{each}>")


def test_what_it_sees(t):
    """All stages in order, with macros; the content without our own trace field; it comes out as it went in, with the field on top."""
    filter = Milter(t)
    service = service_with(t, filter)
    data = mail("seen", body="..dots\r\n.\r\nend\r\n")
    with service.default.connect(ehlo="c.example") as client:
        ids = [client.message(to=["b@default.example", "c@default.example"], data=data, params=" SIZE=100", ehlo=None) for _ in range(2)]
    seen = filter.wait_messages(2)
    equal(len(filter.sessions), 1, "connections to the filter")
    names = [name for name in filter.sessions[0].names() if name not in ("macro", "negotiate", "header", "body")]
    equal(names[:8], ["connect", "helo", "mail", "rcpt", "rcpt", "data", "eoh", "end"], "stages")
    equal(seen[0].sender, "<a@sender.example>", "sender")
    equal(seen[0].recipients, ["<b@default.example>", "<c@default.example>"], "recipients")
    check("Received" not in [name for name, _ in seen[0].header], "our own trace field is shown")
    equal(seen[0].body, b"..dots\r\n.\r\nend\r\n", "body")
    equal(seen[0].macros["mail"]["i"], ids[0], "the id")
    equal(seen[0].macros["connect"]["{client_addr}"], "127.0.0.1", "the client")
    equal(seen[0].macros["connect"]["{daemon_port}"], str(service.default.port), "the port")
    for drop in service.home.wait_drops(2):
        check(drop.message.endswith(data), "content changed:", drop.message[-200:])
        equal(drop.email["Received"].split()[0], "from", "trace field")
    until(lambda: "quit" in filter.sessions[0].names() or filter.sessions[0].over.is_set(), what="the filter hears the end")


# shows 9a.5
def test_each_stage(t):
    """Each verdict at each stage is the reply to that command; the session and its next message go on."""
    answers = {
        "helo": lambda s, p: REJECT if b"bad" in p else None,
        "mail": lambda s, p: {b"<bad@x>": REJECT, b"<late@x>": TEMPFAIL}.get(p.split(b"\0")[0]),
        "rcpt": lambda s, p: reply_code("450 4.2.0 Greylisted") if b"grey" in p else REJECT if b"bad" in p else None,
        "end": lambda s, p: reply_code("554 5.7.1 First\r\n554 5.7.1 second") if b"spam" in s.message.body else None,
    }
    service = service_with(t, Milter(t, answers))
    with service.default.connect() as client:
        client.expect("550 5.7.1", "EHLO bad.example")
        client.expect(250, "EHLO good.example")
        client.expect("550 5.7.1", "MAIL FROM:<bad@x>")
        client.expect("451 4.7.1", "MAIL FROM:<late@x>")
        client.expect(250, "MAIL FROM:<a@sender.example>")
        client.expect("450 4.2.0 Greylisted", "RCPT TO:<grey@default.example>")
        client.expect("550 5.7.1", "RCPT TO:<bad@default.example>")
        client.expect(250, "RCPT TO:<b@default.example>")
        client.expect(354, "DATA")
        client.send(b"Subject: x\r\n\r\nspam\r\n.\r\n")
        reply = client.reply()
        equal((reply.code, len(reply.lines)), (554, 2), "its own words")
        begin(client)
        client.content(mail("ham"))
        client.expect(250, "MAIL FROM:<a@sender.example>")      # pipelined: each command has its own reply
        client.send("RCPT TO:<grey@default.example>\r\nRCPT TO:<b@default.example>\r\nDATA\r\n")
        equal([client.reply().code for _ in range(3)], [450, 250, 354], "replies in order")
        client.send(mail("piped") + b".\r\nQUIT\r\n")
        equal([client.reply().code for _ in range(2)], [250, 221], "the end")
    drops = service.home.wait_drops(2)
    equal(sorted(d.email["Subject"] for d in drops), ["ham", "piped"], "stored")
    for drop in drops:
        equal(drop.receivers, ["b@default.example"], "recipients")
    service.events.wait("refused", filter="f0", recipient="grey@default.example")


# shows 9a.5
def test_changes(t):
    """Header, body and envelope come out as the filter wants them, and the next filter sees that."""
    first = Milter(t, {"end": [add_header("X-Spam", "no"), insert_header(0, "X-First", "1"), change_header(1, "Subject", "changed"),
                               *[replace_body(b"new body\r\n" * 5000)] * 2, add_rcpt("<new@default.example>"), delete_rcpt("<b@default.example>"),
                               change_from("<other@sender.example>"), ACCEPT]})
    second = Milter(t)
    service = service_with(t, first, second)
    service.default.send(to=["b@default.example", "c@default.example"], data=mail("old", size=300000))
    drop = service.home.wait_drops(1)[0]
    equal((drop.email["Subject"], drop.email["X-Spam"], drop.email["X-First"]), ("changed", "no", "1"), "header")
    check(drop.message.endswith(b"\r\n\r\n" + b"new body\r\n" * 10000), "body:", drop.message[-100:])
    equal(sorted(drop.receivers), ["c@default.example", "new@default.example"], "recipients")
    equal(drop.sender, "other@sender.example", "sender")
    equal(second.wait_messages()[0].body, b"new body\r\n" * 10000, "what the second one saw")


def test_nobody_left(t):
    """Without a recipient there is no message: it is thrown away, and the event says so."""
    service = service_with(t, Milter(t, {"end": [delete_rcpt("<b@default.example>"), ACCEPT]}))
    service.default.send()
    service.events.wait("discarded")
    equal(service.home.drops(), [], "delivered")


def test_discard_and_quarantine(t):
    """A discarded message is 250 and nowhere; one in quarantine is in the queue, held from its first moment, until it is released."""
    answers = {"rcpt": lambda s, p: DISCARD if b"none" in p else None,
               "end": lambda s, p: DISCARD if b"discard" in s.message.body else [quarantine("looks odd"), ACCEPT]}
    service = service_with(t, Milter(t, answers))
    for body, to in (("discard\r\n", "b@default.example"), ("x\r\n", "none@default.example")):
        ident = service.default.send(to=to, data=mail(body=body))
        equal(service.events.wait("discarded", id=ident)["filter"], "f0", "which filter")
    held = service.default.send(data=mail("odd"))
    event = service.events.wait("held", id=held)
    equal((event["filter"], event["reason"]), ("f0", "looks odd"), "event")
    until(lambda: held in service.ctl("queue", "list", "default", "--held", ok=False).stdout, what="it is held in the queue")
    equal(service.home.drops(), [], "delivered")
    service.ctl("queue", "release", "default", held)
    equal(service.home.wait_drops(1)[0].email["Subject"], "odd", "released")


def test_quarantine_without_recipients(t):
    """What is held keeps its recipients when a filter deletes all of them; 8-bit text that a filter added is told to other hosts."""
    service = service_with(t, Milter(t, {"end": [quarantine("odd"), add_header("X-Why", "\u00e4rger"), delete_rcpt("<b@default.example>"),
                                                 delete_rcpt("<c@default.example>"), ACCEPT]}))
    held = service.default.send(to=["b@default.example", "c@default.example"])
    service.events.wait("held", id=held)
    until(lambda: held in service.ctl("queue", "list", "default", "--held", ok=False).stdout, what="it is held in the queue")
    check("8bitmime" in service.ctl("queue", "show", "default", held).stdout, "8-bit text")
    service.ctl("queue", "release", "default", held)
    equal(sorted(service.home.wait_drops(1)[0].receivers), ["b@default.example", "c@default.example"], "recipients")


def test_utf8_address(t):
    """A message without SMTPUTF8 does not get an address that needs it: it is put off, and nothing is stored."""
    service = service_with(t, Milter(t, {"end": [add_rcpt("<\u00e4@default.example>"), ACCEPT]}))
    with service.default.connect(ehlo="c.example") as client:
        begin(client)
        client.expect(354, "DATA")
        client.send(mail() + b".\r\n")
        equal(client.reply().code // 100, 4, "code")
    equal(service.home.drops(), [], "delivered")


def test_connection_refused(t):
    """A client that a filter does not want hears why instead of a greeting."""
    verdicts = [REJECT, TEMPFAIL, reply_code("554 5.7.1 Not from there"), None]
    service = service_with(t, Milter(t, {"connect": lambda s, p: verdicts.pop(0)}))
    for wanted in ("554 5.7.1", "421 4.7.1", "554 5.7.1 Not from there"):
        with service.default.connect(banner=False) as client:
            client.expect(wanted)
            check(client.is_closed(), "closed")
    with service.default.connect(banner=False) as client:
        client.expect(220)


def test_trouble(t):
    """A filter that cannot be reached, or hangs up: on-failure decides, and the next message asks it again."""
    drop = []
    filter = Milter(t, {"end": lambda s, p: DROP if drop else None})
    service = service_with(t, filter)
    service.default.send(data=mail("one"))
    drop.append(1)
    with service.default.connect(ehlo="c.example") as client:
        begin(client)
        client.expect(354, "DATA")
        client.send(mail("two") + b".\r\n")
        client.expect("451 4.7.1")
        drop.clear()
        begin(client)
        client.content(mail("three"))
    filter.end()
    with service.default.connect(ehlo="c.example") as client:
        client.expect("451 4.7.1", "MAIL FROM:<a@sender.example>")
    service.default.set("filter f0", on_failure="accept")
    service.ctl("reload")
    service.default.send(data=mail("four"))
    equal(sorted(d.email["Subject"] for d in service.home.wait_drops(3)), ["four", "one", "three"], "stored")


def test_helper_is_killed(t):
    """What a session was doing with it is refused for now; the next message goes to its successor, which is told of the connection."""
    filter = Milter(t, {"end": lambda s, p: SILENCE if b"wait" in s.message.body else None})
    service = service_with(t, filter)
    with service.default.connect(ehlo="c.example") as client:
        begin(client)
        client.expect(354, "DATA")
        client.send(mail(body="wait\r\n") + b".\r\n")
        filter.wait_heard("end")
        old = service.child("filter", None)
        os.kill(old, signal.SIGKILL)
        client.expect("451 4.7.1")
        begin(client)
        client.content(mail("later"))
    filter.wait_sessions(2)
    equal([n for n in filter.sessions[1].names() if n in ("connect", "helo", "mail")], ["connect", "helo", "mail"], "told again")
    equal([d.email["Subject"] for d in service.home.wait_drops(1)], ["later"], "stored")


def test_mail_ends_helper(t):
    """A MAIL that ends the helper is asked once more, and then put off."""
    def kill(session, payload):
        if b"<kill@" in payload:
            os.kill(service.child("filter", None), signal.SIGKILL)
        return SILENCE if b"<kill@" in payload else None
    filter = Milter(t, {"mail": kill})
    service = service_with(t, filter)
    with service.default.connect(ehlo="c.example") as client:
        client.expect("451 4.7.1", "MAIL FROM:<kill@x>")
        equal(len(filter.wait_heard("mail", 2)), 2, "how often it was asked")
        begin(client)
        client.content(mail("later"))
    equal([d.email["Subject"] for d in service.home.wait_drops(1)], ["later"], "stored")


def test_reload(t):
    """Changed sections count for sessions that begin; one of a server without a change goes on with the process of before, which then ends."""
    first, second, other = Milter(t), Milter(t), Milter(t)
    service = t.postern({"default": {"filter f0": {"connect": first.connect}}, "same": {"filter f0": {"connect": other.connect}}})
    with service["same"].connect(ehlo="c.example") as client, service.default.connect(ehlo="c.example") as own:
        begin(client, ["b@same.example"])
        begin(own)
        old = service.child("filter", None)
        service.default.set("filter f0", connect=second.connect)
        service.ctl("reload")
        service.default.send(data=mail("new"))
        equal(second.wait_messages()[0].recipients, ["<b@default.example>"], "the new section")
        equal(len(first.sessions), 1, "connections to the filter of before")
        equal(sorted([old, *[pid for pid in service.children("filter") if pid != old]]), sorted(service.children("filter")), "both run")
        client.content(mail("goes on"))
        own.content(mail("too"))
        equal((len(other.sessions), other.wait_messages()[0].body), (1, mail("goes on").split(b"\r\n\r\n", 1)[1]), "on the same connection")
        equal(first.wait_messages()[0].recipients, ["<b@default.example>"], "as its session began")
    until(lambda: old not in service.children("filter"), what="the end of the process of before")
    service["same"].send(data=mail("after"))
    equal(len(other.wait_messages(2)), 2, "messages")
    equal(service.events.all("trouble", part="filter") + service.events.all("crash"), [], "trouble")


def test_slow_filter(t):
    """It delays only those who wait for it: others are served, a client that leaves is let go, and a stop does not wait."""
    go_on = threading.Event()

    def wait(when):
        return go_on.wait(60) and None if when else None
    filter = Milter(t, {"connect": lambda s, p: wait(len(filter.sessions) == 2), "rcpt": lambda s, p: wait(b"slow" in p)})
    service = service_with(t, filter)
    slow = service.default.connect(ehlo="slow.example")
    slow.expect(250, "MAIL FROM:<a@sender.example>")
    slow.send("RCPT TO:<slow@default.example>\r\n")
    filter.wait_heard("rcpt")
    leaves = service.default.connect(banner=False)
    filter.wait_heard("connect", 2)
    equal(service.ctl("sessions").stdout.count("filtering"), 2, "states of the sessions")
    leaves.close()
    until(lambda: service.ctl("sessions").stdout.count("filtering") == 1, what="the session of the client that left is over")
    service.default.send(data=mail("other"))
    service.home.wait_drops(1)
    service.stop()
    slow.expect(421)
    go_on.set()


def test_large_and_binary(t):
    """Large contents, by DATA and BDAT, byte for byte; and a header from a filter that would go on with our trace field."""
    filter = Milter(t)
    service = service_with(t, filter)
    data = mail("large", size=3000000)
    service.default.send(data=data)
    with service.default.connect(ehlo="c.example") as client:
        client.expect(250, "MAIL FROM:<a@sender.example> BODY=BINARYMIME")
        client.expect(250, "RCPT TO:<b@default.example>")
        binary = b"Subject: binary\r\n\r\n" + bytes(range(256)) * 2000
        for piece, last in ((binary[:100000], ""), (binary[100000:], " LAST")):
            client.send(f"BDAT {len(piece)}{last}\r\n".encode() + piece)
            client.expect(250)
        begin(client)
        client.content(FOLDED + data)
    drops = service.home.wait_drops(3)
    equal(len([d for d in drops if d.message.endswith(b"\r\n" + data)]), 2, "large ones")
    equal(len([d for d in drops if d.message.endswith(binary)]), 1, "binary ones")
    equal(len([d for d in drops if b"\r\n\r\n" + FOLDED in d.message]), 1, "the folded line is text")


def test_client_leaves(t):
    """A message that was sent whole is judged and stored though its client has gone; a refused one is not."""
    go_on = threading.Event()
    filter = Milter(t, {"end": lambda s, p: go_on.wait(60) and (REJECT if b"bad" in s.message.body else None)})
    service = service_with(t, filter)
    for body in ("good\r\n", "bad\r\n"):
        with service.default.connect(ehlo="c.example") as client:
            begin(client)
            client.expect(354, "DATA")
            client.send(mail(body=body) + b".\r\n")
    filter.wait_heard("end", 2)
    go_on.set()
    check(service.home.wait_drops(1)[0].message.endswith(b"good\r\n"), "the good one")
    until(lambda: "sessions=0" in service.ctl("status").stdout, what="both sessions are over")
    equal(len(service.home.drops()), 1, "stored")


def test_client_leaves_behind_its_message(t):
    """While filters have its message it counts as a connection of its client: closing early makes no room for more."""
    go_on = threading.Event()
    filter = Milter(t, {"end": lambda s, p: go_on.wait(60) and None})
    service = t.postern({"default": {"filter f": {"connect": filter.connect}, "general": {"connection-limit-per-client": "2"}}})
    for _ in range(2):
        with service.default.connect(ehlo="c.example") as client:
            begin(client)
            client.expect(354, "DATA")
            client.send(mail() + b".\r\n")
    filter.wait_heard("end", 2)
    with service.default.connect() as beyond:
        equal(beyond.banner.code, 421, "a third connection")
    check("sessions=2" in service.ctl("status").stdout, service.ctl("status").stdout)
    go_on.set()
    service.home.wait_drops(2)
    until(lambda: "sessions=0" in service.ctl("status").stdout, what="both are over")
    service.default.send()
    service.home.wait_drops(3)


def test_killed_pickup(t):
    """The scratch file of a content outlives the pickup worker that opened it."""
    service = service_with(t, Milter(t))
    with service.default.connect(ehlo="c.example") as client:
        begin(client)
        client.expect(354, "DATA")
        data = mail("large", size=1000000)
        client.send(data[:1000])
        old = service.child("pickup")
        os.kill(old, signal.SIGKILL)
        until(lambda: [pid for pid in service.children("pickup") if pid != old], what="a new pickup")
        client.send(data[1000:] + b".\r\n")
        client.expect(250)
    check(service.home.wait_drops(1)[0].message.endswith(data), "content")


def test_tls_and_login(t):
    """STARTTLS begins the session anew for the filters, too: HELO again, with the facts of TLS; after AUTH they know who it is."""
    filter = Milter(t)
    service = t.postern({"default": {"filter f": {"connect": filter.connect}}}, start=False)
    authority = Authority(service.folder)
    authority.sign("good", "mx.example")
    authority.sign("client", "client.example")
    (authority.folder / "good.key").chmod(0o600)
    passwords = service.folder / "passwords"
    passwords.write_text(f"alice:{verifier('s3cret pass')}\n")
    passwords.chmod(0o600)
    service.own()
    service.default.set("access", authentication="anonymous, basic", password_file=passwords, certificate=authority.folder / "good.pem",
                        key=authority.folder / "good.key", client_certificate="ask")
    service.start()
    using = ssl.create_default_context()
    using.check_hostname, using.verify_mode = False, ssl.CERT_NONE
    using.load_cert_chain(authority.folder / "client.pem", authority.folder / "client.key")
    with service.default.connect(ehlo="clear.example") as client:
        client.expect(220, "STARTTLS")
        client.socket = using.wrap_socket(client.socket)
        client.expect(250, "EHLO secure.example")
        client.expect(235, "AUTH PLAIN " + plain("alice", "s3cret pass"))
        client.message(ehlo=None, params=" AUTH=bob@default.example SIZE=9")
    message = filter.wait_messages()[0]
    equal(len(filter.sessions), 1, "connections to the filter")
    equal(filter.sessions[0].names().count("helo"), 2, "HELO before and after STARTTLS")
    equal(message.macros["helo"]["{tls_version}"], "TLSv1.3", "the version")
    equal((message.macros["helo"]["{cert_subject}"], message.macros["helo"]["{cert_issuer}"]), ("client.example", "Some Authority"),
          "its certificate")
    equal(message.macros["mail"]["{auth_author}"], "bob@default.example", "who is said to have submitted it")
    equal((message.macros["mail"]["{auth_type}"], message.macros["mail"]["{auth_authen}"]), ("PLAIN", "alice"), "who it is")
