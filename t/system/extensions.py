"""extensions - BDAT in and out, binary content, DSN parameters passed on, reports of success and of relaying"""

from checks import check, equal
from smtp import mail

ALL = ("PIPELINING", "SIZE", "8BITMIME", "ENHANCEDSTATUSCODES", "CHUNKING", "BINARYMIME", "DSN", "SMTPUTF8")


def smart(sink):
    return {"default": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}", "retry": "1s"}}}


def chunks(client, to, parts, params="", rcpt_params=""):
    """One message by BDAT, everything pipelined; the replies."""
    text = f"MAIL FROM:<a@default.example>{params}\r\nRCPT TO:<{to}>{rcpt_params}\r\n".encode()
    for number, part in enumerate(parts):
        text += b"BDAT %d%s\r\n" % (len(part), b" LAST" if number + 1 == len(parts) else b"") + part
    client.send(text)
    return [client.reply() for _ in range(2 + len(parts))]


# shows 9.12
def test_chunks_pipelined(t):
    service = t.postern()
    data = mail("chunks", "One\r\n.two\r\n" + "x" * 70 + "\r\n", size=300000)
    with service.default.connect(ehlo="c.example") as client:
        parts = [data[at:at + 9999] for at in range(0, len(data), 9999)]
        replies = chunks(client, "b@default.example", parts)
        equal([r.code for r in replies], [250] * len(replies), "all good")
        check(replies[2].text == "2.0.0 9999 octets received", replies[2])
        # a chunk refused in the middle: its octets are no commands
        replies = chunks(client, "b@default.example", [b"x\r\n", b"bare\nRSET\r\nQUIT\r\n", b"NOOP\r\n"])
        equal([r.code for r in replies], [250, 250, 250, 554, 503], "error in the middle")
        client.expect(503, "DATA")
        client.expect(250, "NOOP")
        equal([r.code for r in chunks(client, "b@default.example", [data, b""])], [250, 250, 250, 250], "0 LAST")
    drops = service.home.wait_drops(2)
    equal([d.message.endswith(data) for d in drops], [True, True], "content as it was")


# shows 2.5b
def test_chunk_session_size(t):
    service = t.postern({"default": {"messages": {"max-session-size": "10K", "max-message-size": "8K"}}})
    with service.default.connect(ehlo="c.example") as client:
        line = b"x" * 62 + b"\r\n"
        equal([r.code for r in chunks(client, "b@default.example", [line * 64, line * 64])], [250] * 4, "at the message limit")
        equal([r.code for r in chunks(client, "b@default.example", [line * 32])], [250] * 3, "at the session limit")
        reply = client.cmd("MAIL FROM:<a@s.example>")
        check(f"{reply.code} {reply.text}".startswith("552 5.3.4"), reply)
    with service.default.connect(ehlo="c.example") as client:
        equal([r.code for r in chunks(client, "b@default.example", [line * 64, line * 64 + b"x"])], [250, 250, 250, 552], "one beyond")


# shows 2.7k, 9.12
def test_binary(t):
    sink, plain = t.sink(ehlo=ALL), t.sink(ehlo=("8BITMIME", "CHUNKING"))
    service = t.postern(smart(sink))
    data = b"Subject: binary\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: binary\r\n\r\na\nb\rc\x00\xff\n.\n"
    with service.default.connect(ehlo="c.example") as client:
        for to in ("x@remote.example", "b@default.example"):
            equal([r.code for r in chunks(client, to, [data], " BODY=BINARYMIME")], [250] * 3)
    message = sink.wait()[0]
    check(message.data.endswith(data), message.data)
    check("BODY=BINARYMIME" in message.params, message.params)
    check(service.home.wait_drops()[0].message.endswith(data), "drop file")
    other = t.postern(smart(plain))
    with other.default.connect(ehlo="c.example") as client:
        chunks(client, "x@remote.example", [data], " BODY=BINARYMIME")
    other.events.wait("failed", recipient="x@remote.example", status="5.6.3", reason=lambda s: "BINARYMIME" in s)
    report = other.home.wait_drops()[0]
    check(b"text/rfc822-headers" in report.message and b"a\nb" not in report.message, report.message)
    equal(plain.messages, [])


# shows 2.7i
def test_chunks_out(t):
    sink = t.sink(ehlo=ALL)
    service = t.postern(smart(sink))
    data = mail("out", ".one\r\n..two\r\n", size=700000)
    service.default.send("a@s.example", "x@remote.example", data)
    message = sink.wait()[0]
    check(message.data.endswith(data), "content")
    check(any(line.startswith("BDAT ") for line in message.session.lines), message.session.lines)
    check("DATA" not in message.session.lines, message.session.lines)


DSN = (" RET=HDRS ENVID=QQ+2B1", " NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;first+2Bname@there.example")


# shows 2.7i, 6.5
def test_dsn_handed_on(t):
    sink = t.sink(ehlo=ALL)
    service = t.postern(smart(sink))
    with service.default.connect(ehlo="c.example") as client:
        equal([r.code for r in chunks(client, "x@remote.example", [mail()], *DSN)], [250] * 3)
    message = sink.wait()[0]
    check("RET=HDRS ENVID=QQ+2B1" in message.params, message.params)
    equal(message.rcpt_params, {"x@remote.example": DSN[1].strip()})
    service.home.wait_queued(0)
    equal(service.home.drops(), [], "the peer will tell")


def fields(drop):
    return [dict(part.items()) for part in drop.email.walk() if part.get("Action") or part.get("Reporting-MTA")]


# shows 6.5, 6.6
def test_dsn_relayed(t):
    """A peer without DSN: we tell that it was relayed, and only those who asked."""
    sink = t.sink()
    service = t.postern(smart(sink))
    with service.default.connect(ehlo="c.example") as client:
        equal([r.code for r in chunks(client, "x@remote.example", [mail()], *DSN)], [250] * 3)
        equal([r.code for r in chunks(client, "y@remote.example", [mail()], rcpt_params=" NOTIFY=FAILURE")], [250] * 3)
    message = sink.wait(2)[0]
    check("RET" not in message.params and not any(message.rcpt_params.values()), message.params, message.rcpt_params)
    report = service.home.wait_drops()[0]
    equal((report.sender, report.receivers), ("", ["a@default.example"]))
    top, status = fields(report)
    equal(top["Original-Envelope-Id"], "QQ+1")
    equal((status["Action"], status["Status"][0], status["Original-Recipient"]), ("relayed", "2", "rfc822; first+name@there.example"))
    service.home.wait_queued(0)
    equal(len(service.home.drops()), 1, "reports")
    check(service.events.all("report")[0]["kind"] == "relayed", service.events.all("report"))


# shows 6.6
def test_dsn_delivered(t):
    service = t.postern()
    with service.default.connect(ehlo="c.example") as client:
        equal([r.code for r in chunks(client, "b@default.example", [mail()], *DSN)], [250] * 3)
    drops = service.home.wait_drops(2)
    report = [d for d in drops if d.sender == ""][0]
    equal([f["Action"] for f in fields(report) if "Action" in f], ["delivered"])
    service.home.wait_queued(0)
    equal(len(service.home.drops()), 2, "no report about a report")


# shows 6.5
def test_dsn_never(t):
    """NOTIFY=NEVER: a refusal for good is not reported."""
    sink = t.sink(answers={"RCPT": "550 5.1.1 no"})
    service = t.postern(smart(sink))
    with service.default.connect(ehlo="c.example") as client:
        equal([r.code for r in chunks(client, "x@remote.example", [mail()], rcpt_params=" NOTIFY=NEVER")], [250] * 3)
    service.events.wait("failed", recipient="x@remote.example")
    service.home.wait_queued(0)
    equal((service.home.drops(), service.home.badmails(), service.events.all("report")), ([], [], []))


# shows 6.4
def test_what_comes_back(t):
    """The original with a failure, its header when RET=HDRS says so or when it is large; the header alone never has the body."""
    sink = t.sink(answers={"RCPT": lambda s, line: "550 5.1.1 no"})
    service = t.postern(smart(sink))
    for number, (params, size, kind) in enumerate([("", 0, "message/rfc822"), (" RET=FULL", 0, "message/rfc822"), (" RET=HDRS", 0, "text/rfc822-headers"),
                                                   ("", 90000, "text/rfc822-headers"), (" RET=FULL", 90000, "text/rfc822-headers")]):
        data = mail(subject=f"number {number}", body="the body\r\n", size=size)
        with service.default.connect() as client:
            client.message("a@default.example", "x@remote.example", data, params=params)
        report = service.home.wait_drops(number + 1)[number].email
        part = list(report.iter_parts())[2]
        equal(part.get_content_type(), kind, f"{params} {size}")
        text = part.as_bytes()
        check(f"number {number}".encode() in text, text[:500])
        equal(b"the body" in text, kind == "message/rfc822", f"the body is there, {params} {size}")


def say_utf8(service, to, data=None, sender="a@default.example"):
    with service.default.connect(ehlo="c.example") as client:
        client.expect(250, f"MAIL FROM:<{sender}> SMTPUTF8 BODY=8BITMIME")
        reply = client.cmd(f"RCPT TO:<{to}>")
        if reply.code == 250:
            client.content(data)
        return reply


# shows 9.9
def test_idn_local(t):
    """A domain written in its own script in the INI; mail for it in either form and any case."""
    service = t.postern({"default": {"domain bücher.example": {"type": "alias"}, "domain *.straße.example": {"type": "alias"}}})
    for to in ("m@bücher.example", "m@BÜCHER.example", "m@xn--bcher-kva.example", "m@XN--bcher-kva.Example", "müller@bücher.example",
               "m@a.straße.example"):
        equal(say_utf8(service, to).code, 250, to)
    drops = service.home.wait_drops(6)
    check(all(b"with UTF8SMTP id" in d.message for d in drops), drops[0].message)
    equal(say_utf8(service, "m@\u200b.example").code, 501, "no name at all")


# shows 2.7i, 2.7k
def test_idn_out(t):
    """To a peer without SMTPUTF8: the domain goes in its ASCII form when that is enough, else 5.6.7."""
    plain, modern = t.sink(ehlo=("PIPELINING", "8BITMIME")), t.sink(ehlo=ALL)
    service, other = t.postern(smart(plain)), t.postern(smart(modern))
    say_utf8(service, "x@münchen.example")
    message = plain.wait()[0]
    equal(message.recipients, ["x@xn--mnchen-3ya.example"])
    check("SMTPUTF8" not in message.params, message.params)
    say_utf8(service, "jürgen@münchen.example")
    service.events.wait("failed", status="5.6.7")
    say_utf8(service, "x@remote.example", mail("Grüße"))
    service.events.wait("failed", status="5.6.7", count=2)
    equal(len(plain.messages), 1, "what went to the plain one")
    say_utf8(other, "jürgen@münchen.example", mail("Grüße"))
    message = modern.wait()[0]
    equal(message.recipients, ["jürgen@münchen.example"])
    check("SMTPUTF8" in message.params, message.params)


def test_mixed_recipients(t):
    """To a peer without SMTPUTF8 only those fail whose local part needs it."""
    plain = t.sink(ehlo=("PIPELINING", "8BITMIME"))
    service = t.postern(smart(plain))
    with service.default.connect(ehlo="c.example") as client:
        client.expect(250, "MAIL FROM:<a@default.example> SMTPUTF8 BODY=8BITMIME")
        for to in ("one@remote.example", "jürgen@remote.example", "two@münchen.example"):
            client.expect(250, f"RCPT TO:<{to}>")
        client.content()
    service.events.wait("failed", recipient="jürgen@remote.example", status="5.6.7")
    plain.wait(1)
    service.home.wait_queued(0)
    equal([m.recipients for m in plain.messages], [["one@remote.example", "two@xn--mnchen-3ya.example"]], "who got it")
    drop = service.home.wait_drops()[0]
    report = drop.email
    equal(report.get_content_type(), "multipart/report")
    equal(report.get_param("report-type"), "global-delivery-status")
    equal([type(d).__name__ for p in report.walk() for d in p.defects], [], "defects")
    equal([p.get_content_type() for p in report.iter_parts()], ["text/plain", "message/global-delivery-status", "message/global"])
    text = drop.message.decode()
    check("Final-Recipient: utf-8; jürgen@remote.example\r\n" in text and "Status: 5.6.7\r\n" in text, text)


def test_utf8_report_to_plain_peer(t):
    """A report with UTF-8 inside but none in its own header goes to a peer without SMTPUTF8 as 8-bit MIME; to nobody when its address needs it."""
    plain = t.sink(ehlo=("PIPELINING", "8BITMIME"))
    service = t.postern(smart(plain))
    say_utf8(service, "jürgen@remote.example", sender="author@elsewhere.example")
    report = plain.wait(1)[0]
    equal((report.sender, report.recipients), ("", ["author@elsewhere.example"]))
    check("BODY=8BITMIME" in report.params and "SMTPUTF8" not in report.params, report.params)
    check("utf-8; jürgen@remote.example".encode() in report.data, report.data)
    say_utf8(service, "x@remote.example", mail("Grüße"), sender="müller@elsewhere.example")
    bad = service.home.wait_badmails()[0]
    check("5.6.7" in bad.reason and "müller@elsewhere.example" in bad.reason, bad.reason)
    service.home.wait_queued(0)


def test_plain_report_of_declared_smtputf8(t):
    """SMTPUTF8 declared and not needed: the report has the types that every reader knows."""
    sink = t.sink(answers={"RCPT": "550 5.1.1 no"}, ehlo=ALL)
    service = t.postern(smart(sink))
    say_utf8(service, "x@remote.example")
    report = service.home.wait_drops()[0].email
    equal([p.get_content_type() for p in report.iter_parts()], ["text/plain", "message/delivery-status", "message/rfc822"])
