"""sender_route - hosts and accounts by sender: mailbox, domain, null sender; the recipient's domain goes before; explain says it"""

import base64
import os

from checks import check, equal
from processes import is_root
from smtp import mail


def secret_file(service, name):
    file = service.folder / name
    file.write_text(f"{name}\n")
    file.chmod(0o600)
    if is_root() and not service.as_root:
        os.chown(file, service.test.uid, service.test.gid)
    return file


def hosts(sink):
    return f"[127.0.0.1]:{sink.port}"


# shows 9a.7
def test_hosts_by_sender(t):
    usual, boss, news, reports, partner = (t.sink() for _ in range(5))
    service = t.postern({"default": {
        "access": {"relay": "only", "relay-list": "127.0.0.1"}, "delivery": {"smart-host": hosts(usual), "retry": "1s"},
        "domain boss@home.example": {"type": "sender", "route": hosts(boss)},
        "domain @*.home.example": {"type": "sender", "route": hosts(news)},
        "domain <>": {"type": "sender", "route": hosts(reports)},
        "domain partner.example": {"type": "remote", "route": hosts(partner)}}})
    with service.default.connect(ehlo="c.example") as client:
        for number, (sender, rcpt) in enumerate([
                ("a@home.example", "u@far.example"), ("Boss@Home.Example", "u@far.example"), ("x@news.home.example", "u@far.example"),
                ("", "u@far.example"), ("boss@home.example", "u@partner.example")]):
            client.message(sender, [rcpt], mail(f"number-{number}-"), ehlo=None)
    equal([sink.wait(1)[0].sender for sink in (usual, boss, news, reports, partner)],
          ["a@home.example", "Boss@home.example", "x@news.home.example", "", "boss@home.example"])
    service.home.wait_queued(0)
    equal([len(sink.messages) for sink in (usual, boss, news, reports, partner)], [1] * 5)
    # a message that is refused comes back from the null sender: by the hosts of that
    boss.answers["RCPT"] = "550 5.1.1 no"
    service.default.send("boss@home.example", "u@far.example")
    equal(reports.wait(2)[-1].recipients, ["boss@home.example"])
    said = service.ctl("explain", "--from", "127.0.0.1", "--rcpt", "u@far.example", "--sender", "boss@home.example").stdout
    check("by [domain boss@home.example]" in said and hosts(boss) in said, said)
    said = service.ctl("explain", "--from", "127.0.0.1", "--rcpt", "u@partner.example", "--sender", "boss@home.example").stdout
    check("by [domain boss" not in said and hosts(partner) in said, said)


def test_accounts_by_sender(t):
    """Two mailboxes and the server's own account at one smart host: each sender has its own, and no connection is shared."""
    sink = t.sink(ehlo=["PIPELINING", "AUTH PLAIN"], answers={"AUTH": "235 2.7.0 welcome"})
    service = t.postern({"default": {
        "access": {"relay": "only", "relay-list": "127.0.0.1"},
        "delivery": {"smart-host": hosts(sink), "retry": "1s", "outbound-auth": "basic", "outbound-tls": "off", "user": "server"},
        "domain one@home.example": {"type": "sender", "outbound-auth": "basic", "user": "one"},
        "domain @two.example": {"type": "sender", "outbound-auth": "basic", "user": "two"}}}, start=False)
    service.default.set("delivery", **{"secret-file": secret_file(service, "server")})
    service.default.set("domain one@home.example", **{"secret-file": secret_file(service, "one")})
    service.default.set("domain @two.example", **{"secret-file": secret_file(service, "two")})
    service.start()
    senders = ["a@home.example", "one@home.example", "x@two.example"]
    with service.default.connect(ehlo="c.example") as client:
        for number in range(9):
            client.message(senders[number % 3], ["u@far.example"], mail(f"number-{number}-"), ehlo=None)
    sink.wait(9)
    by_user = {}
    for message in sink.messages:
        line = next(line for line in message.session.lines if line.startswith("AUTH PLAIN "))
        _, user, password = base64.b64decode(line.split()[2]).decode().split("\0")
        equal(user, password, "the secret of that account")
        by_user.setdefault(user, set()).add(message.sender)
    equal(by_user, {"server": {senders[0]}, "one": {senders[1]}, "two": {senders[2]}})
