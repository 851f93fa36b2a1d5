"""requiretls - REQUIRETLS (RFC 8689): taken under TLS alone, passed on to hosts that prove their names and offer it, else returned,
and the report tells no more than the header
"""

import os
import smtplib
import ssl

from authority import Authority
from checks import check, equal
from smtp import mail

OFFERS = ("PIPELINING", "SIZE", "8BITMIME", "ENHANCEDSTATUSCODES", "REQUIRETLS")


def start(t, hosts, delivery=None):
    """A service with TLS on both sides; `hosts`: (names of the certificate, extensions) of each, the route of hostN.test."""
    authority = Authority(t.folder)
    authority.sign("inbound", "mx.default.example")
    for end in ("pem", "key"):
        os.chown(authority.folder / f"inbound.{end}", t.uid, t.gid)
    sinks = []
    for number, (names, offers) in enumerate(hosts):
        authority.sign(f"host{number}", *names)
        sinks.append(t.sink(tls=authority.context(f"host{number}"), ehlo=offers))
    dns = t.dns("hub A 127.0.0.1")
    service = t.postern({"default": {"access": {"certificate": authority.folder / "inbound.pem", "key": authority.folder / "inbound.key"},
                                     "delivery": {"retry": "1h", "authorities": authority.certificate, **(delivery or {})}}},
                        service={"dns-server": dns.address}, start=False)
    for number, sink in enumerate(sinks):
        service.default.set(f"domain host{number}.test", type="remote", route=f"hub.example:{sink.port}")
    service.start()
    return service, sinks


def send(service, to, options=("REQUIRETLS",), sender="a@default.example", tls=True, data=None):
    with smtplib.SMTP("127.0.0.1", service.default.port, timeout=20) as client:
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            client.starttls(context=context)
            client.ehlo()
            check(client.has_extn("requiretls"), "not offered under TLS")
        else:
            client.ehlo()
            check(not client.has_extn("requiretls"), "offered in clear")
        client.sendmail(sender, [to], data or mail(subject="secret", body="the secret itself\r\n"), mail_options=list(options))


# shows 9a.4
def test_taken_under_tls_alone(t):
    service, _ = start(t, [])
    send(service, "b@default.example")
    service.events.wait("dropped", recipient="b@default.example")
    for tls, option in ((False, "REQUIRETLS"), (True, "REQUIRETLS=yes"), (True, "REQUIRETLS REQUIRETLS")):
        try:
            send(service, "b@default.example", [option], tls=tls)
        except smtplib.SMTPSenderRefused as refusal:
            check(refusal.smtp_code in (501, 555), tls, option, refusal)
        else:
            check(False, "taken:", tls, option)


# shows 9a.4
def test_on_the_way(t):
    """A host that proves its name and offers it gets it; another one does not; without the word nothing changes."""
    service, (good, old, other) = start(t, [(("hub.example",), OFFERS), (("hub.example",), OFFERS[:-1]), (("stranger.example",), OFFERS)])
    for number in range(3):
        send(service, f"x@host{number}.test")
        send(service, f"y@host{number}.test", ())
    equal(service.events.wait("delivered", recipient="x@host0.test")["verified"], "name")
    failed = service.events.wait("failed", recipient="x@host1.test")
    equal(failed["status"], "5.7.30")
    check("does not offer REQUIRETLS" in failed["reason"], failed.line)
    waits = service.events.wait("deferred", recipient="x@host2.test")
    equal(waits["status"], "4.7.5")
    for number in range(3):
        service.events.wait("delivered", recipient=f"y@host{number}.test")      # perhaps on a connection that is there
    said = {m.recipients[0]: [line for line in m.session.lines if line.startswith("MAIL")] for m in good.messages + old.messages + other.messages}
    check(any("REQUIRETLS" in line for line in said["x@host0.test"]), said)
    equal(sorted(said), ["x@host0.test", "y@host0.test", "y@host1.test", "y@host2.test"])
    check(not any("REQUIRETLS" in line for line in said["y@host1.test"] + said["y@host2.test"]), said)
    # the queue says so, also over a restart
    service.stop()
    service.start()
    check("requiretls" in service.ctl("queue", "default", "show", waits["id"]).stdout)


def test_report(t):
    """It goes as its message had to, and shows no more than the header."""
    service, (good, old) = start(t, [(("hub.example",), OFFERS), (("hub.example",), OFFERS[:-1])])
    send(service, "x@host1.test", sender="me@host0.test")
    report = good.wait()[0]
    equal((report.recipients, old.messages), (["me@host0.test"], []))
    check(any("MAIL" in line and "REQUIRETLS" in line for line in report.session.lines), report.session.lines)
    check(b"text/rfc822-headers" in report.data and b"Subject: secret" in report.data and b"the secret itself" not in report.data, report.data)
    # the sender's host does not offer it: no report, and the message is kept
    send(service, "x@host1.test", sender="me@host1.test")
    service.events.wait("badmailed", reason="ndr")
    equal(old.messages, [])


def test_outbound_tls_is_off(t):
    service, (host,) = start(t, [(("hub.example",), OFFERS)], {"outbound-tls": "off"})
    send(service, "x@host0.test")
    failed = service.events.wait("failed", recipient="x@host0.test")
    equal(failed["status"], "5.7.30")
    equal(host.sessions, [])
