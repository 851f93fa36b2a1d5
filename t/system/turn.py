"""turn - mail that is held until its host asks for it: ETRN"""

from postern import check, equal, mail, until


def held(port, more=None, **keys):
    """A server that holds customer.example and all below other.example for a host at `port`."""
    sections = {
        "delivery": {"retry": "1s"},
        "domain customer.example": {"type": "remote", "relay": "yes", "hold": "yes", "route": f"[127.0.0.1]:{port}"},
        "domain *.other.example": {"type": "remote", "relay": "yes", "hold": "yes", "route": f"[127.0.0.1]:{port}"},
        "domain plain.example": {"type": "remote", "relay": "yes", "route": f"[127.0.0.1]:{port}"},
    }
    for section, values in {**(more or {}), "domain customer.example": keys}.items():
        sections.setdefault(section, {}).update(values)
    return {"default": sections}


def etrn(service, line, code):
    with service.default.connect(ehlo="customer.example") as client:
        return client.expect(code, f"ETRN {line}").text


def counter(service, name):
    return int(next(line.split()[-1] for line in service.ctl("counters", "--prometheus").stdout.splitlines()
                    if name in line and not line.startswith("#")))


def hold(service, to, subject="test"):
    """The mail is in its place when the event is there."""
    ident = service.default.send(to=to, data=mail(subject))
    for each in [to] if isinstance(to, str) else to:
        service.events.wait("held", id=ident, recipient=each)
    return ident


def test_etrn(t):
    """It waits, until ETRN; what comes later waits again."""
    sink = t.sink()
    service = t.postern(held(sink.port))
    with service.default.connect() as client:
        check("ETRN" in client.expect(250, "EHLO c.example").texts)
    equal(etrn(service, "customer.example", 251), "2.0.0 OK, no messages waiting for node customer.example")
    ids = {hold(service, "a@customer.example"), hold(service, "b@customer.example")}
    service.default.send(to="x@plain.example")
    equal(sink.wait()[0].recipients, ["x@plain.example"])
    service.events.wait("delivered", recipient="x@plain.example")
    until(lambda: counter(service, "held_queue_length") == 2, what="two held messages")
    equal(len(sink.messages), 1, "messages before ETRN")
    equal(etrn(service, "CUSTOMER.example", 253), "2.0.0 OK, 2 pending messages for node customer.example started")
    equal(sorted(m.recipients[0] for m in sink.wait(3)[1:]), ["a@customer.example", "b@customer.example"])
    for ident in ids:
        service.events.wait("delivered", id=ident)
    service.home.wait_queued(0)
    until(lambda: counter(service, "held_queue_length") == 0, what="no held message")
    equal(counter(service, "etrn_messages_total"), 2)
    hold(service, "c@customer.example")
    equal(len(sink.messages), 3)


def test_etrn_below(t):
    """@domain is the domain and all below it; a wildcard entry does not have the name itself."""
    sink = t.sink()
    service = t.postern(held(sink.port, {"domain deep.customer.example": {
        "type": "remote", "relay": "yes", "hold": "yes", "route": f"[127.0.0.1]:{sink.port}"}}))
    hold(service, "a@customer.example")
    hold(service, "b@deep.customer.example")
    hold(service, "c@one.other.example")
    hold(service, "d@a.two.other.example")
    etrn(service, "one.other.example", 253)
    equal(sink.wait(1)[0].recipients, ["c@one.other.example"])
    equal(etrn(service, "@customer.example", 253), "2.0.0 OK, 2 pending messages for node customer.example started")
    equal(sorted(m.recipients[0] for m in sink.wait(3)[1:]), ["a@customer.example", "b@deep.customer.example"])
    etrn(service, "@other.example", 253)
    equal(sink.wait(4)[3].recipients, ["d@a.two.other.example"])
    service.home.wait_queued(0)


def test_etrn_replies(t):
    service = t.postern({**held(t.port()), "none": {}})
    with service.default.connect() as client:
        client.expect(503, "ETRN customer.example")
        client.expect(250, "EHLO c.example")
        client.expect(459, "ETRN plain.example")
        client.expect(459, "ETRN nowhere.example")
        client.expect(459, "ETRN other.example")
        client.expect(251, "ETRN @other.example")
        client.expect(459, "ETRN @example.net")
        client.expect(501, "ETRN #queue")
        client.expect(501, "ETRN")
        client.expect(501, "ETRN customer.example now")
        client.expect(501, "ETRN @")
        client.expect(502, "ATRN customer.example")
        client.expect(502, "TURN")
        client.expect(250, "MAIL FROM:<a@b.example>")
        client.expect(503, "ETRN customer.example")
        client.expect(250, "RSET")
        client.send(b"ETRN customer.example\r\nETRN a.other.example\r\nNOOP\r\n")
        equal([client.reply().code for _ in range(3)], [251, 251, 250], "pipelined")
    with service["none"].connect() as client:
        check("ETRN" not in client.expect(250, "EHLO c.example").text)
        client.expect(502, "ETRN customer.example")


def test_etrn_needs_login_where_mail_does(t):
    service = t.postern({"default": {**held(t.port())["default"], "access": {"authentication": "basic", "password-file": "/nowhere"}}})
    etrn(service, "customer.example", 530)


def test_mixed_recipients(t):
    """Held, local and other recipients of one message each go their own way, and the other's retries release nothing."""
    sink = t.sink()
    busy = t.sink(answers={"RCPT": ["450 4.2.0 later"] * 2})
    service = t.postern(held(sink.port, {"domain plain.example": {"route": f"[127.0.0.1]:{busy.port}"}}))
    ident = service.default.send(to=["a@customer.example", "b@default.example", "c@plain.example", "d@one.other.example"])
    equal(service.home.wait_drops()[0].receivers, ["b@default.example"])
    equal(busy.wait()[0].recipients, ["c@plain.example"])
    service.events.wait("delivered", id=ident, recipient="c@plain.example")
    etrn(service, "one.other.example", 253)
    equal(sink.wait()[0].recipients, ["d@one.other.example"])
    service.events.wait("delivered", id=ident, recipient="d@one.other.example")
    equal(len(sink.messages), 1)
    until(lambda: counter(service, "held_queue_length") == 1, what="the last one held")
    etrn(service, "customer.example", 253)
    equal(sink.wait(2)[1].recipients, ["a@customer.example"])
    service.home.wait_queued(0)


def test_failed_attempt_holds_again(t):
    """Tried once for each ETRN: not reached, refused for now, taken; a final refusal is returned."""
    port = t.port()
    service = t.postern(held(port))
    hold(service, "a@customer.example")
    for _ in range(2):
        mark = service.events.mark()
        etrn(service, "customer.example", 253)
        service.events.wait("held", recipient="a@customer.example", status="4.4.1", since=mark)
    sink = t.sink(port=port, answers={"RCPT": ["450 4.2.1 full", None, "550 5.1.1 nobody"]})
    mark = service.events.mark()
    etrn(service, "customer.example", 253)
    service.events.wait("held", recipient="a@customer.example", status="4.2.1", since=mark)
    equal(sink.messages, [])
    etrn(service, "customer.example", 253)
    sink.wait(1)
    hold(service, "b@customer.example")
    etrn(service, "customer.example", 253)
    service.events.wait("failed", recipient="b@customer.example", status="5.1.1")


def test_held_over_restart(t):
    """Nothing but the configuration says what is held: after kill -9, and when it says otherwise."""
    sink = t.sink()
    service = t.postern(held(sink.port))
    for number in range(5):
        hold(service, f"a{number}@customer.example")
    service.kill()
    service.start()
    until(lambda: counter(service, "held_queue_length") == 5, what="all held again")
    etrn(service, "customer.example", 253)
    sink.wait(5)
    service.home.wait_queued(0)
    hold(service, "b@customer.example")
    service.default.set("domain customer.example", hold="no")
    service.ctl("reload")
    equal(sink.wait(6)[5].recipients, ["b@customer.example"])


def test_delay_and_expiry(t):
    """Nobody asks: one delay report, then a failure, at the times of all outbound mail."""
    service = t.postern(held(t.port(), {"delivery": {"delay-notify": "1s", "expire": "3s"}}))
    ident = service.default.send("s@default.example", "a@customer.example")
    quiet = service.default.send("s@default.example", "a@customer.example", mail("second"))
    reports = service.home.wait_drops(4)
    kinds = sorted(part.get_payload()[1]["Action"] for d in reports for part in d.email.walk()
                   if part.get_content_type() == "message/delivery-status")
    equal(kinds, ["delayed", "delayed", "failed", "failed"])
    check(all("4.4.7" in d.message.decode() for d in reports))
    for each in (ident, quiet):
        service.events.wait("expired", id=each, status="4.4.7")
    service.home.wait_queued(0)
    etrn(service, "customer.example", 251)
