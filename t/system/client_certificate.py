"""client_certificate - our certificate at hosts that demand one: both versions of TLS, both kinds of keys, OpenSSL and Postfix as the
hosts, refusals, files that are wrong, exchanged or about to end
"""

import os
import socket
import ssl
import subprocess
import threading

from checks import check, equal
from processes import is_root
from slapd import Authority
from sink import Sink

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class Maker(Authority):
    """Pairs of files as an administrator has them: (certificate, key)."""
    def pair(self, stem, kind="ec", days=("20250101000000Z", "20990101000000Z")):
        certificate, key, request = (self.folder / f"{self.name}-{stem}.{end}" for end in ("crt", "key", "csr"))
        wanted = ["rsa:2048"] if kind == "rsa" else ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        self.run("req", "-newkey", *wanted, "-nodes", "-keyout", key, "-out", request, "-subj", f"/CN={stem}.example")
        index, config = self.folder / f"{self.name}.index", self.folder / f"{self.name}.config"
        index.touch()
        config.write_text(f"[ca]\ndefault_ca = own\n[own]\nnew_certs_dir = {self.folder}\ndatabase = {index}\nrand_serial = yes\n"
                          "default_md = sha256\npolicy = any\nunique_subject = no\n[any]\ncommonName = supplied\n")
        self.run("ca", "-batch", "-config", config, "-cert", self.file, "-keyfile", self.key, "-in", request, "-out", certificate, "-notext",
                 "-startdate", days[0], "-enddate", days[1])
        return certificate, key


def demanding(authority, own, version=None):
    """The TLS of a host that lets nobody in without a certificate of that authority."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*own)
    made.verify_mode = ssl.CERT_REQUIRED
    made.load_verify_locations(authority.file)
    if version:
        made.minimum_version = made.maximum_version = VERSIONS[version]
    return made


def shown(session):
    """The common name that a session of a sink was shown."""
    found = session.connection.getpeercert() if session.tls else None
    return found and dict(part[0] for part in found["subject"])["commonName"]


class Named(Sink):
    """A sink that remembers which certificate each message came with."""
    def keep(self, message):
        message.shown = shown(message.session)
        super().keep(message)


def host(t, tls):
    sink = Named(t.port(), tls=tls)
    t.cleanup(sink.end)
    return sink


def owned(service, *paths):
    """As only root, or the user of the test, may read them."""
    for path in paths:
        path.chmod(0o600)
        if is_root() and not service.as_root:
            os.chown(path, service.test.uid, service.test.gid)
    return paths


def put(service, path, source):
    """The file at `path` is replaced by a copy of `source`, as an administrator does it."""
    new = path.with_name(path.name + ".new")
    new.write_bytes(source.read_bytes())
    owned(service, new)
    new.rename(path)


def smart(service, sink, pair, **more):
    owned(service, *pair)
    service.default.set("delivery", smart_host=f"[127.0.0.1]:{sink.port}", client_certificate=pair[0], client_key=pair[1], retry="1s", **more)


def makers(t):
    t.folder.chmod(0o755)
    good, stranger = Maker(t.folder, "good"), Maker(t.folder, "stranger")
    return good, stranger, good.pair("mx")


# shows 2.6r
def test_hosts_that_demand_one(t):
    """Both versions, both kinds of keys, without and with a proof of the host; explain, probe and the event say it."""
    good, _, own = makers(t)
    proof = good.certificate("host", ["IP:127.0.0.1"])
    for version, kind, mode in (("1.2", "rsa", "may"), ("1.2", "ec", "required"), ("1.3", "rsa", "verify"), ("1.3", "ec", "may")):
        service = t.postern(start=False)
        sink = host(t, demanding(good, proof if mode == "verify" else own, version))
        pair = good.pair(f"us-{kind}-{version}", kind)
        smart(service, sink, pair, outbound_tls=mode, authorities=good.file)
        service.start()
        loaded = service.events.wait("certificate", result="loaded", what="client")
        equal(loaded["file"], str(pair[0]))
        ident = service.default.send(to="x@far.example")
        delivered = service.events.wait("delivered", id=ident)
        equal((delivered["client-cert"], delivered["tls"][:7], delivered["verified"]),
              ("yes", f"TLSv{version}", "name" if mode == "verify" else "none"), delivered.line)
        equal(sink.wait()[0].shown, f"us-{kind}-{version}.example")
        told = service.ctl("explain", "default", "--from", "127.0.0.1", "--rcpt", "x@far.example").stdout
        check(str(pair[0]) in told, told)
        check("client certificate shown" in service.ctl("probe", "default", "--rcpt", "x@far.example").stdout, "probe says nothing")
        service.stop()


def test_host_that_does_not_ask(t):
    """It is shown nothing, and gets the mail."""
    good, _, own = makers(t)
    plain = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    plain.load_cert_chain(*own)
    service, sink = t.postern(start=False), host(t, plain)
    smart(service, sink, good.pair("us"))
    service.start()
    delivered = service.events.wait("delivered", id=service.default.send(to="x@far.example"))
    check("client-cert" not in delivered.line, delivered.line)
    # a host without TLS gets none, although outbound-tls = may
    clear = host(t, None)
    service.default.set("delivery", smart_host=f"[127.0.0.1]:{clear.port}")
    service.ctl("reload")
    service.events.wait("deferred", id=service.default.send(to="y@far.example"), status="4.7.4")
    equal(clear.messages, [])


def test_refusals(t):
    """None, one of a stranger, one that has expired: the mail waits, with the reason, in both versions."""
    good, stranger, own = makers(t)
    cases = {"none": (None, "demands a client certificate"), "stranger": (stranger.pair("us"), "does not trust the issuer"),
             "expired": (good.pair("old", days=("20200101000000Z", "20210101000000Z")), "expired")}
    service = t.postern({"default": {"delivery": {"retry": "1h"}}}, start=False)
    sinks = {version: host(t, demanding(good, own, version)) for version in VERSIONS}
    for name, (pair, _) in cases.items():
        for version, sink in sinks.items():
            more = dict(zip(("client_certificate", "client_key"), owned(service, *pair))) if pair else {}
            service.default.set(f"domain {name}-{version}.test", type="remote", route=f"[127.0.0.1]:{sink.port}", outbound_tls="required", **more)
    service.start()
    service.events.wait("certificate", result="expired", what="client")
    for name, (_, words) in cases.items():
        for version in VERSIONS:
            deferred = service.events.wait("deferred", id=service.default.send(to=f"x@{name}-{version}.test"))
            check(deferred["status"] == "4.7.5" and words in deferred["reason"], name, version, deferred.line)
    check(service.ctl("status", "--check", ok=False).stdout.count("has expired") == 1, "status --check")
    equal([m for sink in sinks.values() for m in sink.messages], [])


def test_one_certificate_a_connection(t):
    """Domains with certificates of their own, and one without, at the same host: none gets the connection of another."""
    good, _, own = makers(t)
    context = demanding(good, own)
    context.verify_mode = ssl.CERT_OPTIONAL
    service, sink = t.postern({"default": {"delivery": {"retry": "1s"}}}, start=False), host(t, context)
    wanted = {"one.test": "one.example", "two.test": "two.example", "none.test": None}
    for domain, name in wanted.items():
        pair = owned(service, *good.pair(name.partition(".")[0])) if name else ()
        service.default.set(f"domain {domain}", type="remote", route=f"[127.0.0.1]:{sink.port}",
                            **dict(zip(("client_certificate", "client_key"), pair)))
    service.start()
    for domain in [*wanted, *wanted]:
        service.events.wait("delivered", id=service.default.send(to=f"x@{domain}"))
    for message in sink.wait(6):
        equal(message.shown, wanted[message.recipients[0].partition("@")[2]], message.recipients)
    equal(len(sink.sessions), 3, "a connection for each certificate, kept for the second message")


def test_server_certificate_is_for_its_smart_host(t):
    """Neither the DNS nor another route leads to a host that is shown it."""
    good, _, own = makers(t)
    context = demanding(good, own)
    context.verify_mode = ssl.CERT_OPTIONAL
    sink, other = host(t, context), host(t, context)
    service = t.postern(start=False)
    smart(service, sink, good.pair("us"))
    service.default.set("domain other.test", type="remote", route=f"[127.0.0.1]:{other.port}")
    service.start()
    for to in ("x@far.example", "x@other.test"):
        service.events.wait("delivered", id=service.default.send(to=to))
    equal((sink.wait()[0].shown, other.wait()[0].shown), ("us.example", None))


def test_files_are_exchanged(t):
    """Under a running service: mail waits for a key that does not fit, a good pair counts by itself, a bad one that follows changes nothing."""
    good, stranger, own = makers(t)
    sink, service = host(t, demanding(good, own)), t.postern(start=False)
    first, wrong = good.pair("first"), stranger.pair("us")
    live = tuple(t.folder / name for name in ("live.crt", "live.key"))
    put(service, live[0], first[0])
    put(service, live[1], wrong[1])
    smart(service, sink, live)
    found = service.ctl("check", ok=False)
    check(found.returncode == 78 and "is not that of the certificate" in found.stdout + found.stderr, found)
    service.start()
    service.events.wait("certificate", result="refused", what="client")
    ident = service.default.send(to="x@far.example")
    deferred = service.events.wait("deferred", id=ident, status="4.7.5")
    check("is not that of the certificate" in deferred["reason"], deferred.line)
    check("mail that needs it waits" in service.ctl("status", "--check", ok=False).stdout, "status --check")
    put(service, live[1], first[1])
    service.events.wait("certificate", result="loaded", what="client", timeout=30)
    service.events.wait("delivered", id=ident, timeout=30)
    put(service, live[1], wrong[1])
    service.ctl("reload")
    service.events.wait("certificate", result="refused", what="client", kept="old", timeout=30)
    check("the old one is in use" in service.ctl("status", "--check", ok=False).stdout, "status --check")
    service.events.wait("delivered", id=service.default.send(to="y@far.example"))
    second = good.pair("second", "rsa")
    for place, source in zip(live, second):
        put(service, place, source)
    service.ctl("reload")
    service.events.wait("certificate", result="loaded", what="client", names="second.example", timeout=30)
    service.ctl("stop", "default")
    service.ctl("start", "default")
    service.events.wait("delivered", id=service.default.send(to="z@far.example"))
    equal([m.shown for m in sink.wait(3)], ["first.example", "first.example", "second.example"])


def test_check(t):
    """What the configuration and the files can have wrong, in [delivery] and in a domain."""
    good, stranger, _ = makers(t)
    pair, other = good.pair("us"), stranger.pair("us")
    service = t.postern(start=False)
    owned(service, *pair, *other)
    missing = t.folder / "missing"
    mixed, soon, open_key = t.folder / "mixed.crt", Maker(t.folder, "short").certificate("soon", ["DNS:soon.example"], 3), t.folder / "open.key"
    mixed.write_bytes(pair[0].read_bytes() + stranger.file.read_bytes())
    open_key.write_bytes(pair[1].read_bytes())
    owned(service, mixed, *soon)
    open_key.chmod(0o644)
    hosts = {"smart_host": "[127.0.0.1]:25", "route": "[127.0.0.1]:25"}
    rows = (
        ({"client_certificate": pair[0]}, 78, "client-key is missing"),
        ({"client_key": pair[1]}, 78, "client-certificate is missing"),
        ({"client_certificate": pair[0], "client_key": pair[1], "outbound_tls": "off"}, 0, "no effect with outbound-tls = off"),
        ({"client_certificate": pair[0], "client_key": other[1]}, 78, "is not that of the certificate"),
        ({"client_certificate": pair[0], "client_key": missing}, 78, "No such file"),
        ({"client_certificate": pair[0], "client_key": open_key}, 78, "everybody may read"),
        ({"client_certificate": mixed, "client_key": pair[1]}, 0, "not in order"),
        ({"client_certificate": soon[0], "client_key": soon[1]}, 0, "expires in"),
    )
    for section, more in (("delivery", {"smart_host": hosts["smart_host"]}), ("domain far.test", {"type": "remote", "route": hosts["route"]})):
        for keys, status, words in rows:
            service = t.postern(start=False)
            service.default.set(section, **more, **keys)
            found = service.ctl("check", ok=False)
            text = found.stdout + found.stderr
            check(found.returncode == status and words in text and ".ini:" in text, section, keys, found)
    service = t.postern(start=False)
    service.default.set("delivery", client_certificate=pair[0], client_key=pair[1])
    check("shown only to hosts of smart-host" in service.ctl("check").stdout, "nothing to show it to")


class OpensslServer:
    """openssl s_server -Verify, behind the few words that lead to STARTTLS; behind TLS it speaks through its standard files."""
    def __init__(self, t, authority, own, version):
        self.tls_port, self.port, self.lines = t.port(), t.port(), []
        option = "-tls1_3" if version == "1.3" else "-tls1_2"
        self.process = subprocess.Popen(["openssl", "s_server", "-accept", f"127.0.0.1:{self.tls_port}", "-cert", own[0], "-key", own[1], option,
                                         "-Verify", "3", "-verify_return_error", "-CAfile", authority.file, "-quiet"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self.serve, daemon=True).start()
        threading.Thread(target=self.speak, daemon=True).start()
        t.cleanup(self.end)

    def end(self):
        self.listener.close()
        self.process.kill()
        self.process.wait()

    def serve(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.lead, args=(client,), daemon=True).start()

    def lead(self, client):
        with client, client.makefile("rb", buffering=0) as stream:
            client.sendall(b"220 s_server.example ESMTP\r\n")
            for line in iter(stream.readline, b""):
                starts = line.upper().startswith(b"STARTTLS")
                client.sendall(b"220 go ahead\r\n" if starts else b"250-s_server.example\r\n250 STARTTLS\r\n")
                if starts:
                    break
            with socket.create_connection(("127.0.0.1", self.tls_port)) as inner:
                threading.Thread(target=self.copy, args=(inner, client), daemon=True).start()
                self.copy(client, inner)

    @staticmethod
    def copy(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def speak(self):
        content = False
        for line in iter(self.process.stdout.readline, b""):
            line = line.rstrip(b"\r\n").decode()
            self.lines.append(line)
            if content and line != ".":
                continue
            content = not content and line.upper() == "DATA"
            self.process.stdin.write(b"354 go on\r\n" if content else b"250 ok\r\n")
            self.process.stdin.flush()


def test_openssl_demands_one(t):
    """s_server -Verify lets in the right certificate, and no other, in both versions."""
    good, stranger, own = makers(t)
    for version in VERSIONS:
        server = OpensslServer(t, good, own, version)
        service = t.postern({"default": {"delivery": {"retry": "1h"}}}, start=False)
        for name, pair in (("us", good.pair("us")), ("stranger", stranger.pair("us"))):
            owned(service, *pair)
            service.default.set(f"domain {name}.test", type="remote", route=f"[127.0.0.1]:{server.port}", client_certificate=pair[0], client_key=pair[1])
        service.default.set("domain none.test", type="remote", route=f"[127.0.0.1]:{server.port}", outbound_tls="required")
        service.start()
        for name, words in (("stranger", "client certificate"), ("none", "client certificate")):
            deferred = service.events.wait("deferred", id=service.default.send(to=f"x@{name}.test"))
            check(deferred["status"] == "4.7.5" and words in deferred["reason"], version, deferred.line)
        delivered = service.events.wait("delivered", id=service.default.send(to="x@us.test"))
        equal(delivered["client-cert"], "yes", delivered.line)
        check("RCPT TO:<x@us.test>" in server.lines, server.lines)
        service.stop()
