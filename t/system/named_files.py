"""named_files - files that the configuration names, exchanged while the service runs: taken up, or said to be bad"""

import re
import ssl

from checks import check
from ldap_service import PEOPLE, service_for
from slapd import Authority, Slapd

WRONG = "00" * 32
OLD = "example. DS 4711 13 2 " + "11" * 32 + "\n"


def put(path, data):
    """As an administrator does it: a new file takes the place of the old one."""
    new = path.with_name(path.name + ".new")
    new.write_bytes(data if isinstance(data, bytes) else data.encode())
    new.chmod(0o644)
    new.rename(path)
    return path


def context(pair):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*pair)
    return made


def with_anchor(t, dns, anchor, **delivery):
    return t.postern({"default": {"delivery": {"retry": "1s", **{k.replace("_", "-"): v for k, v in delivery.items()}}}}, start=False,
                     service={"dns-server": dns.address, "dnssec": "yes", **({"trust-anchor": anchor} if anchor else {})})


def test_anchors_are_judged(t):
    """check knows a file without a usable key; nothing counts as unsigned by it: mail waits, and the event says why."""
    dns, anchor = t.dns("d MX 10 mx", "mx A 127.0.0.1"), t.folder / "anchor"
    service = with_anchor(t, dns, anchor)
    for text, words in (("", "no DS or DNSKEY record"), ("; none\n", "no DS or DNSKEY record"), (OLD.replace(" 13 ", " 200 "), "algorithm and digest"),
                        (OLD.replace(" 2 ", " 99 "), "algorithm and digest"), ("example. NS ns\n", "line 1 is no DS or DNSKEY record"),
                        (OLD + ". DS 1 200 2 " + "22" * 32 + "\n", "no key of . in it")):
        put(anchor, text)
        found = service.ctl("check", ok=False)
        check(found.returncode == 78 and words in found.stderr + found.stdout, text, found)
    put(anchor, OLD.replace("example", "other"))
    found = service.ctl("check", ok=False)
    check(found.returncode == 0 and "no key of the root" in found.stderr + found.stdout, found)
    put(anchor, ". DS 200 200 2 " + "11" * 32 + "\n")
    service.start()
    ident = service.default.send(to="x@d.example")
    deferred = service.events.wait("deferred", id=ident, status="4.4.3")
    check("no trust anchor" in deferred["reason"], deferred)
    service.events.wait("trouble", part="resolver", what="trust-anchor", reason=lambda r: "algorithm and digest" in r)


def test_no_anchor(t):
    """dnssec without the system's keys: check, start and reload say so, with what brings them."""
    dns = t.dns("d MX 10 mx", "mx A 127.0.0.1")
    service = with_anchor(t, dns, t.folder / "nothing")
    found = service.ctl("check", ok=False)
    check(found.returncode == 78 and "trust-anchor" in found.stdout + found.stderr and "No such file" in found.stdout + found.stderr, found)
    service.start()
    service.events.wait("config", error=lambda e: "dnssec" in e, reason=lambda r: str(t.folder / "nothing") in r)
    since = service.events.mark()
    service.ctl("reload")
    service.events.wait("config", since=since, error=lambda e: "dnssec" in e)


# shows 2.2g
def test_trust_anchor_is_exchanged(t):
    """After a roll-over the next key counts without a restart; a bad file that follows changes nothing."""
    authority = Authority(t.folder, "ours")
    port = t.port()
    t.sink(port=port, tls=context(authority.certificate("good", ["DNS:nobody.example"])))
    dns = t.dns("d MX 10 mx", "mx A 127.0.0.1", f"_{port}._tcp.mx TLSA 3 1 1 {WRONG}", signed=True)
    anchor = put(t.folder / "anchor", OLD)
    service = with_anchor(t, dns, anchor, outbound_tls="dane", port=port).start()
    ident = service.default.send(to="x@d.example")
    service.events.wait("deferred", id=ident, status="4.4.3")
    put(anchor, dns.anchor)
    service.ctl("reload")
    service.events.wait("deferred", id=ident, status="4.7.5", timeout=30)
    since = service.events.mark()
    put(anchor, "; nothing\n")
    service.ctl("reload")
    service.events.wait("trouble", what="trust-anchor", used="old", since=since)
    service.events.wait("deferred", id=ident, status="4.7.5", since=since)


def test_authorities_are_exchanged(t):
    """An update of the authorities counts by itself; one without a certificate changes nothing."""
    old, new = Authority(t.folder, "old"), Authority(t.folder, "new")
    live = put(t.folder / "authorities", old.file.read_bytes())
    sink = t.sink(tls=context(new.certificate("mx", ["IP:127.0.0.1"])))
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}", "outbound-tls": "verify", "authorities": live, "retry": "1s"}}})
    ident = service.default.send(to="x@far.example")
    service.events.wait("deferred", id=ident, status="4.7.5")
    put(live, new.file.read_bytes())
    service.events.wait("delivered", id=ident, timeout=30)
    put(live, "junk\n")
    service.ctl("reload")
    service.events.wait("trouble", what="authorities", used="old")
    service.events.wait("delivered", id=service.default.send(to="y@far.example"))


def test_ca_of_the_directory_is_exchanged(t):
    """The directory's next authority; until then the reason names the certificate; check knows a junk file."""
    old, new = Authority(t.folder, "old"), Authority(t.folder, "new")
    t.folder.chmod(0o755)
    live = put(t.folder / "ca", old.file.read_bytes())
    slapd = Slapd(t, PEOPLE, new.certificate("two", ["IP:127.0.0.1"]))
    service = service_for(t, slapd, uri=slapd.ldaps, ca_file=live, timeout="2s")
    ident = service.default.send(to="ann@default.example")
    service.events.wait("deferred", id=ident, status="4.4.3")
    put(live, new.file.read_bytes())
    service.ctl("reload")
    service.home.wait_drops(timeout=30)
    put(live, "junk\n")
    found = service.ctl("check", ok=False)
    check(found.returncode == 78 and re.search("ca-file|no certificate", found.stdout + found.stderr), found)
    service.ctl("reload")
    service.events.wait("trouble", part="directory", used="old", reason=lambda r: "no certificate" in r)
    service.default.send(to="bob@default.example")
    service.home.wait_drops(2)
    service.home.wait_queued(0)
