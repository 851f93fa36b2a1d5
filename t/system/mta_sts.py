"""mta_sts - MTA-STS (RFC 8461): a policy host over HTTPS, the DNS, and mail hosts that the policy names or not; what is kept over
restarts, and what attackers try
"""

import json
import os
import re
import signal
import threading

from authority import Authority
from checks import check, equal
from dns import Forger, fail_with_servfail
from policy_host import PolicyHost, policy, reply


def start(t, text, zone=(), names=("mx.example",), server=None, webs=()):
    """A service, the policy host of d.example and `webs`, and a mail host mx.example with a certificate for `names`, none: without TLS."""
    folder = t.folder / f"keys{t.count('keys')}"
    folder.mkdir()
    authority = Authority(folder)
    authority.sign("web", "mta-sts.d.example", *webs)
    host = PolicyHost(t, authority.context("web"), text)
    if names:
        authority.sign("mx", *names)
    sink = t.sink(tls=authority.context("mx") if names else None)
    dns = t.dns("d MX 10 mx", "mx A 127.0.0.1", f"mta-sts.d A {host.address}", *zone)
    forger = Forger(t, dns)
    service = t.postern({"default": {"delivery": {"retry": "1h", "port": sink.port, "authorities": authority.certificate, **(server or {})}}},
                        service={"dns-server": forger.address})
    return service, host, sink, forger


RECORD = '_mta-sts.d TXT "v=STSv1; id=1;"'


def outcome(service, to="x@d.example"):
    ident = service.default.send(to=to)
    event = service.events.wait(id=ident, status=bool)
    return event["verified"] if event["event"] == "delivered" else event["event"], event


# shows 9a.2
def test_enforce(t):
    """The host that the policy names, under TLS with a certificate for its name: whatever the name in the policy is written like."""
    service, host, sink, _ = start(t, policy("other.example", "MX.example."), [RECORD])
    equal(outcome(service)[0], "name")
    equal(host.asked, [("mta-sts.d.example", "/.well-known/mta-sts.txt")])
    equal(service.events.wait("policy", domain="d.example")["mode"], "enforce")
    equal(outcome(service)[0], "name")
    equal(len(host.asked), 1, "requests for one policy")
    equal({s.asked for s in sink.sessions}, {"mx.example"})


def test_words_of_a_hostile_host(t):
    """What a policy host says with control bytes in it is its own affair: the next question is answered as any other."""
    for kind in ("text/html\x1b]0;x\x07", "text/html\x01"):
        service, host, sink, _ = start(t, lambda handler, k=kind: reply(handler, policy("mx.example"), kind=k), [RECORD])
        equal(outcome(service)[0], "none")
        trouble = service.events.all("policy", domain="d.example")
        check(trouble and "answers with text/html?" in trouble[0]["reason"], trouble)
        equal([e.line for e in service.events.all("trouble", part="fetch")], [], "trouble of the helper")
        service.stop()


# shows 9a.2
def test_host_that_is_not_named(t):
    service, _, sink, _ = start(t, policy("mail.d.example", "*.d.example"), [RECORD])
    word, event = outcome(service)
    equal((word, event["status"]), ("deferred", "4.7.5"))
    check("the MTA-STS policy of d.example does not name the host mx.example" in event["reason"], event.line)
    equal(sink.sessions, [])


def test_policy_about_the_host_of_another(t):
    """A domain whose MX is another one's host, with a policy that does not name it: mail for the other one goes to its first host as before."""
    service, _, sink, _ = start(t, policy("mail.d.example"), [RECORD, "v MX 10 mx", "v MX 20 spare", "spare A 127.0.0.2"])
    spare = t.sink(port=sink.port, address="127.0.0.2")
    for _ in range(2):
        word, event = outcome(service)
        equal((word, event["status"]), ("deferred", "4.7.5"))
        word, event = outcome(service, "x@v.example")
        equal((word, event["host"]), ("none", "mx.example"), event.line)
    equal(([m.recipients for m in sink.messages], spare.sessions), ([["x@v.example"]] * 2, []))


def test_certificates_and_clear_text(t):
    """The policy names the host; it shows a certificate for the domain and not for itself, or has no TLS at all."""
    service, _, sink, _ = start(t, policy("mx.example"), [RECORD], names=("d.example",))
    word, event = outcome(service)
    equal((word, event["status"]), ("deferred", "4.7.5"))
    check("wanted: mx.example" in event["reason"], event.line)
    equal(sink.messages, [])
    service, _, sink, _ = start(t, policy("mx.example"), [RECORD], names=())
    word, event = outcome(service)
    equal((word, event["status"]), ("deferred", "4.7.4"))
    equal(sink.messages, [])


def test_testing_and_none(t):
    """They change nothing, whoever the host is."""
    for mode, hosts in (("testing", ("other.example",)), ("none", ())):
        service, host, _, _ = start(t, policy(*hosts, mode=mode), [RECORD], names=("stranger.example",))
        equal((mode, outcome(service)[0]), (mode, "none"))
        equal(service.events.wait("policy", domain="d.example")["mode"], mode)
        service.stop()
        host.end()


def test_off(t):
    """mta-sts = no, of the server or of the domain; outbound-tls = off; smart hosts: nobody is asked."""
    service, host, _, forger = start(t, policy("other.example"), [RECORD], server={"mta-sts": "no"})
    equal(outcome(service)[0], "none")
    service.default.set("delivery", mta_sts="yes")
    service.default.set("domain d.example", type="remote", mta_sts="no")
    service.ctl("reload")
    equal(outcome(service)[0], "none")
    service.default.set("domain d.example", mta_sts=None, outbound_tls="off")
    service.ctl("reload")
    equal(outcome(service)[0], "none")
    service.default.set("domain d.example", outbound_tls=None, route=f"mx.example:{service.default.sections['delivery']['port']}")
    service.ctl("reload")
    equal(outcome(service)[0], "none")
    equal((host.asked, forger.count("_mta-sts.d.example", 16)), ([], 0))
    service.default.sections.pop("domain d.example")
    service.default.write()
    service.ctl("reload")
    equal(outcome(service)[0], "deferred")


def test_kept(t):
    """A policy counts until its end: its record is gone, its host is away, the service was started anew."""
    service, host, sink, forger = start(t, policy("mx.example"), [RECORD], names=("stranger.example",))
    equal(outcome(service)[0], "deferred")
    host.end()
    forger.changes["_mta-sts"] = fail_with_servfail
    service.stop()
    rows = [json.loads(line) for line in (service.state / "mta-sts").read_text().split("\n") if line]
    equal([(row["domain"], row["id"], row["mx"]) for row in rows], [("d.example", "1", "mx.example")])
    equal((service.state / "mta-sts").stat().st_mode & 0o777, 0o600)
    service.start()
    equal(outcome(service)[0], "deferred")
    equal(sink.messages, [])
    service.stop()
    # a file that was damaged, and one that is no file: the policy is gone, the mail goes on
    (service.state / "mta-sts").write_bytes(b"\xff\0{" + b"x" * 5000)
    service.start()
    equal(outcome(service)[0], "none")
    service.stop()
    (service.state / "mta-sts").unlink()
    (service.state / "mta-sts").mkdir()
    service.start()
    equal(outcome(service)[0], "none")


def test_own_trouble(t):
    """Without its file of authorities this host cannot know whether there is a policy: mail waits, and does not go as if there were none."""
    service, _, sink, _ = start(t, policy("mx.example"), [RECORD], names=("stranger.example",))
    authorities = service.default.sections["delivery"]["authorities"]
    authorities.rename(authorities.with_suffix(".away"))
    word, event = outcome(service)
    equal((word, event["status"]), ("deferred", "4.7.5"))
    check("the MTA-STS policy of the domain" in event["reason"], event.line)
    equal(sink.messages, [])


def test_renewed(t):
    """Another id: the new policy counts at once. When it cannot be fetched, the old one does."""
    service, host, _, forger = start(t, policy("other.example"), [RECORD])
    equal(outcome(service)[0], "deferred")
    host.policy = policy("mx.example")

    def renew(answer):
        return answer.replace(b"id=1;", b"id=2;")
    forger.changes["_mta-sts"] = renew
    service.stop()
    service.start()     # the resolver forgets
    equal(outcome(service)[0], "name")
    equal(len(host.asked), 2)
    host.policy = lambda handler: reply(handler, "no", status=500)
    forger.changes["_mta-sts"] = lambda answer: answer.replace(b"id=1;", b"id=3;")
    service.stop()
    service.start()
    equal(outcome(service)[0], "name")
    event = service.events.wait("policy", result="failed")
    check("status 500" in event["reason"] and event["used"] == "old", event.line)


# what the host answers, and what is said about it
BAD = {
    "redirect": (lambda h: reply(h, "", status=301, Location="https://mta-sts.d.example/other"), "status 301"),
    "404": (lambda h: reply(h, policy("other.example"), status=404), "status 404"),
    "html": (lambda h: reply(h, policy("other.example"), kind="text/html"), "text/html"),
    "no type": (lambda h: reply(h, policy("other.example"), kind=None), "text/plain"),
    "page": (lambda h: reply(h, "<html>hello</html>"), "version"),
    "huge": (lambda h: reply(h, policy(*["other.example"] * 10000)), "larger than 64 KiB"),
    "cut": (lambda h: h.connection.close(), ""),
}


def test_bad_answers(t):
    """Each is as no policy: the mail goes as it would without."""
    names = list(BAD)
    zone = [RECORD] + [f"d{n} MX 10 mx\n_mta-sts.d{n} TXT \"v=STSv1; id=1\"\nmta-sts.d{n} CNAME mta-sts.d" for n in range(len(names))]
    service, host, _, _ = start(t, policy("other.example"), zone, webs=[f"mta-sts.d{n}.example" for n in range(len(names))])

    def answer(handler):
        which = handler.headers["Host"].split(".")[1][1:]
        BAD[names[int(which)]][0](handler) if which else reply(handler, policy("mx.example"))
    host.policy = answer
    for number, name in enumerate(names):
        equal((name, outcome(service, f"x@d{number}.example")[0]), (name, "none"))
        event = service.events.wait("policy", domain=f"d{number}.example", result="failed")
        check(BAD[name][1] in event["reason"] and event["used"] == "none", name, event.line)
    before = len(host.asked)
    equal(outcome(service, "y@d1.example")[0], "none")
    equal(len(host.asked), before, "requests to a host that has just failed")


def test_strangers(t):
    """A policy host whose certificate is for another name or of nobody, that has no address, or one that mail never goes to."""
    zone = [RECORD, "e MX 10 mx", '_mta-sts.e TXT "v=STSv1; id=1"', "f MX 10 mx", '_mta-sts.f TXT "v=STSv1; id=1"', "mta-sts.f A 169.254.1.1",
            "g MX 10 mx", '_mta-sts.g TXT "v=STSv1; id=1"', "mta-sts.g CNAME mta-sts.d"]
    service, host, _, _ = start(t, policy("other.example"), zone)
    for domain, why in (("e", "no address"), ("f", "no address"), ("g", "certificate")):
        equal((domain, outcome(service, f"x@{domain}.example")[0]), (domain, "none"))
    event = service.events.wait("policy", domain="g.example", result="failed")
    check("subject name" in event["reason"] or "certificate" in event["reason"], event.line)
    equal(host.asked, [])


def test_helper_ends(t):
    """The fetch helper is killed while a policy is being fetched: its successor is asked, and nothing goes out without an answer."""
    held = threading.Event()

    def slow(handler):
        if not held.is_set():
            held.set()
            os.kill(service.child("fetch"), signal.SIGKILL)
        reply(handler, policy("other.example"))
    service, host, sink, _ = start(t, slow, [RECORD])
    equal(outcome(service)[0], "deferred")
    host.wait(2)
    equal(sink.sessions, [])


def test_dane_wins(t):
    """TLSA records of the host count more than a policy that does not name it (RFC 8461 2)."""
    keys = Authority(t.folder)
    keys.sign_itself("mx", "mx.example")
    keys.sign("web", "mta-sts.d.example")
    host = PolicyHost(t, keys.context("web"), policy("other.example"))
    sink = t.sink(tls=keys.context("mx", chain=False))
    dns = t.dns("d MX 10 mx", "mx A 127.0.0.1", f"_{sink.port}._tcp.mx TLSA 3 1 1 {keys.digest('mx')}", RECORD, f"mta-sts.d A {host.address}",
                signed=True)
    anchor = t.folder / "anchor"
    anchor.write_text(dns.anchor)
    anchor.chmod(0o644)
    service = t.postern({"default": {"delivery": {"retry": "1h", "port": sink.port, "outbound-tls": "dane", "authorities": keys.certificate}}},
                        service={"dns-server": dns.address, "dnssec": "yes", "trust-anchor": anchor})
    equal(outcome(service)[0], "dane")


def test_tls_required_no(t):
    """A sender who would rather have the mail delivered (RFC 8689 5): its header, in any case, and nothing else that looks like it."""
    service, _, sink, _ = start(t, policy("other.example"), [RECORD])
    equal(outcome(service)[0], "deferred")
    for field in ("TLS-Required: No", "tls-required:\r\n  no "):
        service.default.send(to="y@d.example", data=f"{field}\r\nSubject: report\r\n\r\nTLS-Required: yes\r\n".encode())
    equal([m.recipients for m in sink.wait(2)], [["y@d.example"]] * 2)
    for field in ("TLS-Required: Yes", "X-TLS-Required: No", "TLS-Required: No way", "Subject: TLS-Required: No\r\n\r\nTLS-Required: No"):
        ident = service.default.send(to="z@d.example", data=f"{field}\r\n\r\nhello\r\n".encode())
        service.events.wait("deferred", id=ident)
    equal(len(sink.messages), 2)


def test_explain(t):
    service = t.postern({"default": {"domain quiet.test": {"type": "remote", "mta-sts": "no"}}})
    for domain, word in (("d.example", "yes"), ("quiet.test", "no")):
        said = service.ctl("explain", "default", "--from", "127.0.0.1", "--rcpt", f"x@{domain}").stdout
        check(re.search(rf"^ *mta-sts *:? +{word}\b", said, re.M), said)
