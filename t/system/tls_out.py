"""tls_out - outbound TLS: every mode against every kind of host, DANE in signed zones with forged and missing answers,
no downgrade
"""

import ssl

from authority import Authority
from checks import check, equal
from dns import Forger, fail_with_servfail
from processes import is_root
from sink import Sink
from smtp import mail

WANTED = ("MAIL", "RCPT", "DATA", "BDAT")


def garbage(session, _):
    session.connection.sendall(b"220 go ahead\r\n")
    session.connection.recv(1000)
    session.connection.sendall(b"500 this is no TLS at all, whatever was said\r\n")
    return Sink.DROP


def no_mail_in_clear(sink):
    for session in sink.sessions:
        words = [line.split(" ")[0].upper() for line in session.lines]
        check(session.tls or not set(words) & set(WANTED), "said in clear:", words)


# --- modes -----------------------------------------------------------------------------------------------------

CLEAR, NONE, NAME = ("-", "none"), ("TLS", "none"), ("TLS", "name")
# peer: what becomes of mail under may, required, verify: how it went, or the status it waits with
TABLE = {
    "plain": (CLEAR, "4.7.4", "4.7.4"),
    "refuses": ("4.7.4", "4.7.4", "4.7.4"),
    "garbage": (CLEAR, "4.7.5", "4.7.5"),
    "drops": ("4.4.2", "4.4.2", "4.4.2"),
    "itself": (NONE, NONE, "4.7.5"),
    "stranger": (NONE, NONE, "4.7.5"),
    "other": (NONE, NONE, "4.7.5"),
    "expired": (NONE, NONE, "4.7.5"),
    "good": (NONE, NONE, NAME),
    "injects": (NONE, NONE, NAME),
}
REASONS = {"itself": "signed by itself", "stranger": "not signed by an authority", "other": "for another name (wanted: mx.example)",
           "expired": "has expired", "plain": "does not offer STARTTLS", "refuses": "refused STARTTLS: 454 4.7.0 not now"}


def make_peers(t, authority):
    stranger = t.folder / "stranger"
    stranger.mkdir()
    other = Authority(stranger)
    other.sign("stranger", "mx.example")
    authority.sign("good", "mx.example", "IP:127.0.0.1")
    authority.sign("other", "mx.other.example")
    authority.sign("expired", "mx.example", dates=("200101000000Z", "200201000000Z"))
    authority.sign_itself("itself", "mx.example")
    good = authority.context("good")
    return {
        "plain": t.sink(), "itself": t.sink(tls=authority.context("itself", chain=False)), "stranger": t.sink(tls=other.context("stranger")),
        "other": t.sink(tls=authority.context("other")), "expired": t.sink(tls=authority.context("expired")), "good": t.sink(tls=good),
        "refuses": t.sink(tls=good, answers={"STARTTLS": "454 4.7.0 not now"}), "garbage": t.sink(tls=good, answers={"STARTTLS": garbage}),
        "drops": t.sink(tls=good, answers={"STARTTLS": Sink.DROP}),
        "injects": t.sink(tls=good, answers={"STARTTLS": "220 go ahead\r\n250-mx.example\r\n250-PIPELINING\r\n250 SIZE 1"}),
    }


def judge(service, ident, want, peer):
    if isinstance(want, str):
        deferred = service.events.wait("deferred", id=ident)
        equal(deferred["status"], want, f"status of {ident}")
        check(REASONS.get(peer, "") in deferred["reason"], deferred.line)
        return
    delivered = service.events.wait("delivered", id=ident)
    equal((delivered["tls"][:3].rstrip(), delivered["verified"]), want, delivered.line)


# shows 2.6g
def test_every_mode_with_every_peer(t):
    authority = Authority(t.folder)
    peers = make_peers(t, authority)
    dns = t.dns("mx A 127.0.0.1")
    service = t.postern({"default": {"delivery": {"retry": "1h", "authorities": authority.certificate}}}, service={"dns-server": dns.address}, start=False)
    modes = ("may", "required", "verify", "off")
    for peer, sink in peers.items():
        for mode in modes:
            service.default.set(f"domain {mode}-{peer}.test", type="remote", route=f"mx.example:{sink.port}", outbound_tls=mode)
    service.start()
    sent = {}
    for peer in peers:
        for mode in modes:
            with service.default.connect() as client:
                sent[peer, mode] = client.message("a@default.example", f"x@{mode}-{peer}.test")
    for (peer, mode), ident in sent.items():
        judge(service, ident, CLEAR if mode == "off" else TABLE[peer][modes.index(mode)], peer)
    event = service.events.wait("handshake", result="plain")
    check(event["host"].endswith(f":{peers['garbage'].port}") and event["reason"], event.line)
    for peer in ("refuses", "garbage", "drops"):
        sessions = [s for s in peers[peer].sessions if "STARTTLS" in s.lines and any(line.startswith("MAIL") for line in s.lines)]
        equal(sessions, [], "mail over the connection whose TLS failed")
    equal({s.asked for s in peers["good"].sessions if s.tls}, {"mx.example"}, "the name that was asked for")
    for peer in ("itself", "good"):
        under = [m for m in peers[peer].messages if m.session.tls]
        equal(len(under), 3 if peer == "good" else 2, f"messages under TLS at {peer}")


def test_sessions_are_resumed(t):
    """The next connection goes on with the session of the last one, in each version of TLS; a domain that wants more proof begins anew."""
    authority = Authority(t.folder)
    authority.sign("good", "mx.example", "IP:127.0.0.1")
    dns = t.dns("mx A 127.0.0.1")
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = authority.context("good")
        context.maximum_version = version
        sink = t.sink(tls=context)
        service = t.postern({"default": {"delivery": {"retry": "1h", "authorities": authority.certificate}}}, service={"dns-server": dns.address},
                            start=False)
        service.default.set("messages", max_messages_per_connection="1")
        for mode in ("may", "verify"):
            service.default.set(f"domain {mode}.test", type="remote", route=f"mx.example:{sink.port}", outbound_tls=mode)
        service.start()
        for domain, verified in [("may.test", "none")] * 3 + [("verify.test", "name")] * 3:
            with service.default.connect() as client:
                ident = client.message("a@default.example", f"x@{domain}")
            equal(service.events.wait("delivered", id=ident)["verified"], verified, domain)
        equal([s.resumed for s in sink.sessions if s.tls], [False, True, True] * 2, f"resumed under {version.name}")
        service.stop()


def test_forward_secrecy(t):
    """Where the host has to prove who it is, the session has forward secrecy and AEAD; elsewhere CBC is better than clear text."""
    authority = Authority(t.folder)
    authority.sign("good", "mx.example", "IP:127.0.0.1")
    using = authority.context("good")
    using.maximum_version = ssl.TLSVersion.TLSv1_2
    using.set_ciphers("ECDHE+AES+SHA1:RSA+AES")
    sink, dns = t.sink(tls=using), t.dns("mx A 127.0.0.1")
    service = t.postern({"default": {"delivery": {"retry": "1h", "authorities": authority.certificate}}}, service={"dns-server": dns.address}, start=False)
    for mode in ("required", "verify"):
        service.default.set(f"domain {mode}.test", type="remote", route=f"mx.example:{sink.port}", outbound_tls=mode)
    service.start()
    for mode in ("required", "verify"):
        service.default.send("a@default.example", f"x@{mode}.test")
    service.events.wait("deferred", recipient="x@verify.test", reason=lambda reason: "handshake" in reason)
    check("_CBC_" in service.events.wait("delivered", recipient="x@required.test")["tls"], "TLS to the old host")
    equal([m.recipients for m in sink.messages], [["x@required.test"]])


def test_check_looks_at_the_authorities(t):
    service = t.postern(start=False)
    service.default.set("delivery", authorities=t.folder / "none")
    service.ctl("check")
    service.default.set("domain strict.test", type="remote", outbound_tls="verify")
    check("none: No such file" in service.ctl("check", ok=False).stdout, "a missing file is no fault")
    (t.folder / "none").write_text("no certificate\n")
    (t.folder / "none").chmod(0o644)
    check("there is no certificate in PEM form in" in service.ctl("check", ok=False).stdout, "an empty file is no fault")


# shows 2.8h
def test_the_domain_overrules_the_server(t):
    """In both directions, by MX, by a route of its own and by the server's smart host."""
    authority = Authority(t.folder)
    authority.sign("good", "mx.example")
    secure, plain = t.sink(tls=authority.context("good")), t.sink()
    dns = t.dns("mx A 127.0.0.1")
    service = t.postern({
        "default": {"delivery": {"retry": "1h", "outbound-tls": "required", "smart-host": f"mx.example:{plain.port}"},
                    "domain loose.test": {"type": "remote", "outbound-tls": "off"}},
        "second": {"delivery": {"retry": "1h", "outbound-tls": "off", "smart-host": f"mx.example:{secure.port}", "authorities": authority.certificate},
                   "domain strict.test": {"type": "remote", "outbound-tls": "verify"}},
    }, service={"dns-server": dns.address})
    loose = service.default.send("a@default.example", ["x@loose.test", "x@far.test"])
    strict = service["second"].send("a@second.example", ["x@strict.test", "x@far.test"])
    events = service.events
    equal(events.wait("delivered", id=loose, recipient="x@loose.test")["tls"], "-", "tls=")
    equal(events.wait("deferred", id=loose, recipient="x@far.test")["status"], "4.7.4", "status")
    equal(events.wait("delivered", id=strict, recipient="x@strict.test")["verified"], "name", "verified=")
    equal(events.wait("delivered", id=strict, recipient="x@far.test")["tls"], "-", "tls=")


def test_connection_kept_for_another_domain(t):
    """Domains share a kept connection to their common host only when it is to show the same to both, and has shown it for both."""
    authority = Authority(t.folder)
    authority.sign("one", "one.example")
    port = t.port()
    sink = t.sink(port=port, address="127.0.0.94", tls=authority.context("one"))
    dns = t.dns(*[f"{domain} MX 10 mx" for domain in ("loose", "loose2", "strict", "one", "two")], "mx A 127.0.0.94")
    service = t.postern({
        "default": {"delivery": {"retry": "1h", "outbound-tls": "required", "port": port},
                    "domain loose.example": {"type": "remote", "outbound-tls": "off"},
                    "domain loose2.example": {"type": "remote", "outbound-tls": "off"}},
        "second": {"delivery": {"retry": "1h", "outbound-tls": "verify", "port": port, "authorities": authority.certificate}},
    }, service={"dns-server": dns.address})
    for domain, want, name in (("loose", CLEAR, "default"), ("loose2", CLEAR, "default"), ("strict", NONE, "default"), ("one", NAME, "second"),
                               ("two", "4.7.5", "second")):
        judge(service, service[name].send("a@default.example", f"x@{domain}.example"), want, "")
    for session in sink.sessions:
        check(session.tls or not any("strict.example" in line or "two.example" in line for line in session.lines), session.lines)


def test_default_is_may_and_large_mail_is_whole(t):
    """Towards our own listener: what one says of the session, the other says, too."""
    authority = Authority(t.folder)
    authority.sign("good", "second.example")
    for each in ("good.pem", "good.key"):
        (authority.folder / each).chmod(0o644 if each.endswith("pem") else 0o600)
    service = t.postern({"default": {}, "second": {"access": {"certificate": authority.folder / "good.pem", "key": authority.folder / "good.key"}}}, start=False)
    service.default.set("delivery", smart_host=f"[127.0.0.1]:{service['second'].port}")
    if is_root():
        import os
        os.chown(authority.folder / "good.key", t.uid, t.gid)
    service.start()
    data = mail(size=3_000_000, To="b@second.example")
    idents = [service.default.send("a@default.example", "b@second.example", data=data), service.default.send("a@default.example", "b@second.example")]
    said = [service.events.wait("delivered", id=ident)["tls"] for ident in idents]
    heard = [service.events.wait("accepted", server="second", count=n + 1)["tls"] for n in range(2)]
    equal(said, heard, "tls= of both ends")
    check(said[0].startswith("TLSv1.3/"), said)
    bodies = sorted((drop.body for drop in service["second"].home.wait_drops(2)), key=len)
    equal(bodies[1], data.partition(b"\r\n\r\n")[2], "the large one")


def test_tls_at_once(t):
    """Port 465 is TLS from the first byte; nothing else is tried there."""
    t.need_root()
    authority = Authority(t.folder)
    authority.sign("good", "IP:127.0.0.46")
    sink = t.sink(port=465, address="127.0.0.46", tls=authority.context("good"), at_once=True)
    plain = t.sink(port=465, address="127.0.0.47")
    service = t.postern({"default": {
        "delivery": {"retry": "1h", "authorities": authority.certificate},
        "domain verify.test": {"type": "remote", "route": "[127.0.0.46]:465", "outbound-tls": "verify"},
        "domain may.test": {"type": "remote", "route": "[127.0.0.46]:465"},
        "domain plain.test": {"type": "remote", "route": "[127.0.0.47]:465"},
        "domain nobody.test": {"type": "remote", "route": "[127.0.0.48]:465"},
    }})
    sent = {name: service.default.send("a@default.example", f"x@{name}.test") for name in ("verify", "may", "plain", "nobody")}
    equal(service.events.wait("delivered", id=sent["verify"])["verified"], "name", "verified=")
    equal(service.events.wait("delivered", id=sent["may"])["verified"], "none", "verified=")
    equal(service.events.wait("deferred", id=sent["nobody"])["status"], "4.4.1", "status")
    equal(service.events.wait("deferred", id=sent["plain"])["status"], "4.7.5", "status")
    equal(len(sink.wait(2)), 2, "messages")
    no_mail_in_clear(plain)


def test_failure_ends_in_a_report_that_says_why(t):
    sink = t.sink()
    service = t.postern({"default": {"delivery": {"retry": "1s", "expire": "2s", "delay-notify": "unlimited", "outbound-tls": "required",
                                                  "smart-host": f"[127.0.0.1]:{sink.port}"}}})
    service.default.send("a@default.example", "x@far.test")
    report = service.home.wait_drops(1, 40)[0]
    text = report.message.decode()
    check("TLS is required for this mail" in text and "does not offer STARTTLS" in text, text)
    no_mail_in_clear(sink)


# --- DANE ------------------------------------------------------------------------------------------------------

def strip(answer):
    """The question alone, as if nothing were there."""
    end = 12
    while answer[end]:
        end += answer[end] + 1
    return answer[:6] + bytes(6) + answer[12:end + 5]


WRONG = "00" * 32
# host: (certificate, TLSA data, what becomes of the mail)
HOSTS = {
    "match": ("good", "3 1 1 {good}", ("TLS", "dane")),
    "mismatch": ("good", f"3 1 1 {WRONG}", "4.7.5"),
    "expired": ("expired", "3 1 1 {expired}", ("TLS", "dane")),
    "anchor": ("anchor", "2 1 1 {ca}", ("TLS", "dane")),
    "anchorname": ("other", "2 1 1 {ca}", "4.7.5"),
    "anchorother": ("itself", "2 1 1 {ca}", "4.7.5"),
    "whole": ("long", "3 0 0 {long}", ("TLS", "dane")),
    "wholeother": ("itself", "3 0 0 {long}", "4.7.5"),
    "unusable": ("itself", f"1 1 1 {WRONG}", NONE),
    "strange": ("itself", f"3 1 9 {WRONG}", NONE),
    "rotten": (None, f"1 1 1 {WRONG}", "4.7.4"),
    "stripped": (None, "3 1 1 {good}", "4.7.4"),
    "none": (None, None, CLEAR),
    "nonetls": ("itself", None, NONE),
    "forged": ("good", "3 1 1 {good}", "4.7.5"),
    "servfail": (None, "3 1 1 {good}", "4.7.5"),
    "hidden": (None, "3 1 1 {good}", "4.7.5"),
}


def make_zone(authority, port):
    records, lines = ["insecure NS ns"], {}
    for number, (host, (_, tlsa, _)) in enumerate(HOSTS.items()):
        records += [f"d-{host} MX 10 {host}", f"{host} A 127.0.0.{100 + number}"]
        if tlsa:
            lines[host] = tlsa.format(**{stem: authority.digest(stem) for stem in ("good", "expired", "ca")}, long=authority.whole("long"))
    records += [f"_{port}._tcp.{host} TLSA {data}" for host, data in lines.items() if host != "match"]
    records += [f"_{port}._tcp.match CNAME common._tlsa", f"common._tlsa TLSA {lines['match']}"]
    # an unsigned domain's MX, though it points to a host with records that do not fit; and the other way round
    zones = {"insecure.example.": ["@ MX 10 mismatch.example.", "host A 127.0.0.100", f"_{port}._tcp.host TLSA 3 1 1 {WRONG}"]}
    return records + ["d-away MX 10 host.insecure"], zones


# shows 2.6g
def test_dane(t):
    authority = Authority(t.folder)
    authority.sign("good", "nobody.example")
    authority.sign("expired", "nobody.example", dates=("200101000000Z", "200201000000Z"))
    authority.sign("anchor", "d-anchor.example")
    authority.sign("other", "nobody.example")
    authority.sign_itself("itself", "nobody.example")
    authority.sign_itself_in_full("long", "nobody.example")
    port = t.port()
    sinks = {host: t.sink(port=port, address=f"127.0.0.{100 + number}", tls=authority.context(stem, stem not in ("itself", "long")) if stem else None)
             for number, (host, (stem, _, _)) in enumerate(HOSTS.items())}
    records, zones = make_zone(authority, port)
    dns = t.dns(*records, signed=True, zones=zones)
    good = bytes.fromhex(authority.digest("good"))
    forger = Forger(t, dns, {"_tcp\x06forged": lambda answer: answer.replace(good, bytes(32)), "_tcp\x08servfail": fail_with_servfail,
                             "_tcp\x06hidden": strip})
    anchor = t.folder / "anchor"
    anchor.write_text(dns.anchor)
    anchor.chmod(0o644)
    service = t.postern({"default": {"delivery": {"retry": "1h", "outbound-tls": "dane", "port": port}}},
                        service={"dns-server": forger.address, "dnssec": "yes", "trust-anchor": anchor})
    sent = {host: service.default.send("a@default.example", f"x@d-{host}.example") for host in HOSTS}
    sent["insecure"] = service.default.send("a@default.example", "x@insecure.example")
    sent["away"] = service.default.send("a@default.example", "x@d-away.example")
    for host, (_, _, want) in HOSTS.items():
        judge(service, sent[host], want, "")
    for host in ("insecure", "away"):
        judge(service, sent[host], NONE, "")
    for host in ("forged", "servfail", "hidden"):
        equal(len(sinks[host].sessions), 0, f"connections to {host}")
    # the connection that is kept for a domain without records is none for one that has them
    judge(service, service.default.send("a@default.example", "y@insecure.example"), NONE, "")
    judge(service, service.default.send("a@default.example", "y@d-mismatch.example"), "4.7.5", "")
    for host, (_, _, want) in HOSTS.items():
        if want != CLEAR:
            no_mail_in_clear(sinks[host])


def test_dane_by_the_resolver_of_this_host(t):
    """dnssec = resolver: records count when its AD bit is set, and not when it is not; a resolver elsewhere is refused."""
    authority = Authority(t.folder)
    authority.sign("good", "nobody.example")
    port = t.port()
    records = []
    for number, (host, tlsa) in enumerate((("fits", authority.digest("good")), ("wrong", WRONG), ("plain", WRONG))):
        t.sink(port=port, address=f"127.0.0.{120 + number}", tls=authority.context("good"))
        records += [f"d-{host} MX 10 {host}", f"{host} A 127.0.0.{120 + number}", f"_{port}._tcp.{host} TLSA 3 1 1 {tlsa}"]
    dns = t.dns(*records)
    forger = Forger(t, dns, {"example": lambda answer: answer[:3] + bytes([answer[3] | 0x20]) + answer[4:],
                             "plain": lambda answer: answer[:3] + bytes([answer[3] & ~0x20]) + answer[4:]})
    service = t.postern({"default": {"delivery": {"retry": "1h", "outbound-tls": "dane", "port": port}}},
                        service={"dns-server": forger.address, "dnssec": "resolver"})
    equal(service.ctl("check", ok=False).returncode, 0)
    for host, want in (("fits", ("TLS", "dane")), ("wrong", "4.7.5"), ("plain", NONE)):
        judge(service, service.default.send("a@default.example", f"x@d-{host}.example"), want, "")
    for servers, words in (("192.0.2.53", "192.0.2.53 is no address of the loopback interface"), (None, "needs dns-server")):
        service.service["dns-server"] = servers
        service.service = {k: v for k, v in service.service.items() if v is not None}
        service.write()
        done = service.ctl("check", ok=False)
        check(done.returncode != 0 and words in done.stdout + done.stderr, done.stdout + done.stderr)


def test_verify_by_mx(t):
    """What an unsigned MX names proves nothing, unless it is the domain's own; a validated one does."""
    authority = Authority(t.folder)
    authority.sign("mx", "mx.example", "mx.own.example")
    port = t.port()
    for address in ("127.0.0.91", "127.0.0.92"):
        t.sink(port=port, address=address, tls=authority.context("mx"))
    records = ["far MX 10 mx", "mx A 127.0.0.91", "own MX 10 mx.own", "mx.own A 127.0.0.92"]
    for signed, want in ((False, "4.7.5"), (True, NAME)):
        dns = t.dns(*records, signed=signed)
        anchor = t.folder / "anchor"
        if signed:
            anchor.write_text(dns.anchor)
            anchor.chmod(0o644)
        keys = {"dnssec": "yes", "trust-anchor": anchor} if signed else {}
        service = t.postern({"default": {"delivery": {"retry": "1h", "outbound-tls": "verify", "port": port, "authorities": authority.certificate}}},
                            service={"dns-server": dns.address, **keys})
        far = service.default.send("a@default.example", "x@far.example")
        own = service.default.send("a@default.example", "x@own.example")
        judge(service, far, want, "")
        judge(service, own, NAME, "")
        if not signed:
            check("wanted: far.example" in service.events.wait("deferred", id=far)["reason"], "the reason names what was wanted")
        service.stop()
