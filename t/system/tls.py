"""tls - inbound TLS with real clients: STARTTLS, TLS ports, server names, versions, tickets, renewal, and attacks"""

import json
import os
import re
import socket
import ssl
import subprocess
import threading
import time

from checks import Failure, check, equal
from patience import until
from processes import is_root
from smtp import Smtp, mail


def openssl(*args, **options):
    done = subprocess.run(["openssl", *map(str, args)], capture_output=True, check=False, timeout=60, **options)
    return done.stdout.decode("utf-8", "replace") + done.stderr.decode("utf-8", "replace")


class Pair:
    """A certificate of its own making and its key, readable for the service's account alone."""
    def __init__(self, service, stem, names, days=90, kind=("rsa:2048",)):
        self.service = service
        self.certificate, self.key = service.folder / f"{stem}.pem", service.folder / f"{stem}.key"
        self.make(names, days, kind)

    def make(self, names, days=90, kind=("rsa:2048",)):
        parts = [path.with_suffix(path.suffix + ".part") for path in (self.certificate, self.key)]
        said = openssl("req", "-x509", "-newkey", *kind, "-nodes", "-keyout", parts[1], "-out", parts[0], "-days", days, "-subj",
                       f"/CN={names[0]}", "-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in names))
        for part, path in zip(parts, (self.certificate, self.key)):
            check(part.exists(), said)
            self.own(part, 0o600 if path == self.key else 0o644)
            part.rename(path)

    def own(self, path, mode):
        path.chmod(mode)
        if is_root() and not self.service.as_root:
            os.chown(path, self.service.test.uid, self.service.test.gid)


def secured(t, access=None, general=None, names=("mx.example.com",), **options):
    """A service, not started, with one pair; service.pair is it."""
    service = t.postern({"default": {"general": general or {}}}, start=False, **options)
    service.pair = Pair(service, "first", names)
    service.default.set("access", **{"helo-required": "yes", "certificate": service.pair.certificate, "key": service.pair.key, **(access or {})})
    return service


def context(**options):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    for key, value in options.items():
        setattr(made, key, value)
    return made


def shake(client, name=None, using=None, session=None):
    """The handshake on a client's socket."""
    equal(client.buffer, b"", "bytes in clear before the handshake")
    client.socket = (using or context()).wrap_socket(client.socket, server_hostname=name, session=session)
    return client


def starttls(client, **options):
    client.expect(250, "EHLO client.example")
    client.expect("220 2.0.0", "STARTTLS")
    return shake(client, **options)


def shown(client):
    """The names in the certificate the server shows."""
    text = openssl("x509", "-inform", "DER", "-noout", "-ext", "subjectAltName", input=client.socket.getpeercert(True))
    return sorted(word.strip(", ")[4:] for word in text.split() if word.startswith("DNS:"))


def names_shown(service, name):
    with service.default.connect() as client:
        return shown(starttls(client, name=name))


def implicit(service, port, **options):
    client = Smtp(("127.0.0.1", port), banner=False)
    shake(client, **options)
    client.banner = client.reply()
    return client


def test_starttls_and_message(t):
    service = secured(t).start()
    service.events.wait("certificate", result="loaded", names="mx.example.com", days=lambda d: d in ("89", "90"))
    with service.default.connect() as client:
        reply = client.expect(250, "EHLO client.example")
        check("STARTTLS" in reply.texts, reply.texts)
        starttls(client)
        client.expect(503, "MAIL FROM:<a@sender.example>")
        reply = client.expect(250, "EHLO client.example")
        check("STARTTLS" not in reply.texts, reply.texts)
        client.expect(503, "STARTTLS")
        ident = client.message()
        cipher = client.socket.cipher()[0]
        client.expect(221, "QUIT")
        check(client.is_closed(), "open after QUIT")
    accepted = service.events.wait("accepted", id=ident)
    equal(accepted["tls"], f"TLSv1.3/{cipher}", "tls= of the event")
    head = service.home.wait_drops()[0].message.decode()
    check(f"\r\n\t(TLSv1.3, {cipher}, 256 bits)\r\n\tby default.example with ESMTPS id {ident};" in head, head)
    with service.default.connect() as client:
        ident = client.message()
    equal(service.events.wait("accepted", id=ident)["tls"], "-", "tls= in clear")


def test_large_message_is_whole(t):
    service = secured(t).start()
    data = mail(size=6_000_000)
    with service.default.connect() as client:
        starttls(client)
        client.message(data=data)
        client.message(data=mail("second"), ehlo=None)
    drops = service.home.wait_drops(2)
    bodies = sorted((drop.body for drop in drops), key=len)
    equal(bodies[1], data.partition(b"\r\n\r\n")[2], "the large one")


def test_pipelined_under_tls(t):
    """More in one record than the server reads at once, then waiting with nothing sent."""
    service = secured(t, general={"idle-command-limit": "unlimited"}).start()
    with service.default.connect() as client:
        starttls(client)
        client.expect(250, "EHLO client.example")
        for rounds in (1, 500, 3000):
            client.send("NOOP one\r\n" * rounds)
            for _ in range(rounds):
                client.expect(250)
        client.send("MAIL FROM:<a@s.example>\r\nRCPT TO:<b@default.example>\r\nDATA\r\n")
        for code in (250, 250, 354):
            client.expect(code)
        client.send(mail("one") + b".\r\nRSET\r\nQUIT\r\n")
        for code in (250, 250, 221):
            client.expect(code)


# shows 9.13
def test_known_clients(t):
    """openssl s_client and swaks, on both kinds of port."""
    port = t.port()
    service = secured(t, general={"tls-listen": f"127.0.0.1:{port}"}).start()
    text = openssl("s_client", "-starttls", "smtp", "-connect", f"127.0.0.1:{service.default.port}", "-servername", "mx.example.com",
                   "-verify_hostname", "mx.example.com", "-CAfile", service.pair.certificate, "-ign_eof", input=b"QUIT\r\n")
    check("Verify return code: 0 (ok)" in text and "221 2.0.0" in text, text)
    text = openssl("s_client", "-connect", f"127.0.0.1:{port}", "-crlf", "-ign_eof", "-CAfile", service.pair.certificate, input=b"QUIT\n")
    check("Verify return code: 0 (ok)" in text and "220 default.example" in text, text)
    for place, how in ((service.default.port, "--tls"), (port, "--tls-on-connect")):
        done = subprocess.run(["swaks", "--server", "127.0.0.1", "--port", str(place), how, "--to", "b@default.example", "--from", "a@s.example"],
                              capture_output=True, text=True, timeout=60, check=False)
        equal(done.returncode, 0, done.stdout + done.stderr)
        check("~> .\n" in done.stdout or " ~> ." in done.stdout, done.stdout)
    equal([e["tls"].split("/")[0] for e in (service.events.wait("accepted", count=n) for n in (1, 2))], ["TLSv1.3", "TLSv1.3"])


# shows 9.13
def test_injected_before_the_handshake(t):
    """What stands behind STARTTLS in the clear is neither run nor answered, before or after the handshake."""
    service = secured(t).start()
    for behind in ("EHLO evil.example\r\nMAIL FROM:<evil@evil.example>\r\nRCPT TO:<b@default.example>\r\n", "NOOP\r\n" * 500, "MAIL FR"):
        with service.default.connect() as client:
            client.expect(250, "EHLO client.example")
            client.send("STARTTLS\r\n" + behind)
            client.expect(220)
            shake(client)
            client.expect("250 2.0.0 OK", "NOOP")
            client.expect("503 5.5.2 Send hello first", "RCPT TO:<b@default.example>")
            client.message()
    for event in service.events.all("accepted"):
        equal(event["sender"], "a@sender.example")
    equal(len(service.events.all("handshake", result="plaintext-discarded", client="127.0.0.1")), 3, "events about it")


# shows 2.4f
def test_required(t):
    service = secured(t, access={"tls": "required"}).start()
    with service.default.connect() as client:
        client.expect(250, "EHLO client.example")
        client.expect("530 5.7.0 Must issue a STARTTLS command first", "MAIL FROM:<a@s.example>")
        client.expect(530, "RSET")
        client.expect(250, "NOOP")
        client.expect(214, "HELP")
        starttls(client)
        client.message()
    service.home.wait_drops()


# shows 2.3d
def test_port_of_its_own(t):
    port = t.port()
    service = secured(t, access={"tls": "off"}, general={"tls-listen": f"127.0.0.1:{port}", "connection-limit": "1"}).start()
    with implicit(service, port) as client:
        check(client.banner.code == 220, client.banner)
        reply = client.expect(250, "EHLO client.example")
        check("STARTTLS" not in reply.texts, reply.texts)
        client.expect(502, "STARTTLS")
        with Smtp(("127.0.0.1", port), banner=False) as second:
            check(second.is_closed(), "words in clear on a port of TLS")
        client.message()
        client.expect(221, "QUIT")
    check(b"with ESMTPS id" in service.home.wait_drops()[0].message, "ESMTPS")

    def plain():
        with service.default.connect() as client:
            return client.banner.code == 220 and "STARTTLS" not in client.expect(250, "EHLO c.example").texts
    until(plain, what="a place for a session in clear")


# shows 2.4h
def test_certificate_by_name(t):
    service = secured(t, names=("mx.example.com", "*.example.net"))
    second = Pair(service, "second", ("special.example.net", "mail.example.org"))
    third = Pair(service, "third", ("*.example.org",), kind=("ec", "-pkeyopt", "ec_paramgen_curve:P-256"))
    pairs = (service.pair, second, third)
    service.default.set("access", certificate=[p.certificate for p in pairs], key=[p.key for p in pairs])
    service.start()
    for name, wanted in (("mx.example.com", "mx.example.com"), ("any.example.net", "mx.example.com"),
                         ("special.example.net", "special.example.net"), ("mail.example.org", "special.example.net"),
                         ("other.example.org", "*.example.org"), ("OTHER.example.org", "*.example.org"),
                         ("two.labels.example.org", "mx.example.com"), ("unknown.example", "mx.example.com"), (None, "mx.example.com")):
        check(wanted in names_shown(service, name), name, "is shown", names_shown(service, name))


def test_two_kinds_of_key_for_one_name(t):
    service = secured(t)
    second = Pair(service, "second", ("mx.example.com",), kind=("ec", "-pkeyopt", "ec_paramgen_curve:P-256"))
    service.default.set("access", certificate=[service.pair.certificate, second.certificate], key=[service.pair.key, second.key])
    service.start()
    for option, wanted in (("ECDSA+SHA256", "id-ecPublicKey"), ("RSA-PSS+SHA256", "rsaEncryption")):
        text = openssl("s_client", "-starttls", "smtp", "-connect", f"127.0.0.1:{service.default.port}", "-sigalgs", option, input=b"QUIT\r\n")
        check(wanted in openssl("x509", "-noout", "-text", input=text.encode()), option, text)


def version_taken(service, version):
    """Whether a client that speaks only this version gets through the handshake."""
    text = openssl("s_client", "-starttls", "smtp", "-connect", f"127.0.0.1:{service.default.port}", f"-{version}",
                   "-cipher", "DEFAULT:@SECLEVEL=0", "-ign_eof", input=b"QUIT\r\n")
    return "221 2.0.0" in text


def cipher_taken(service, cipher):
    using = context(maximum_version=ssl.TLSVersion.TLSv1_2)
    using.set_ciphers(cipher + ":@SECLEVEL=0")
    try:
        with service.default.connect(ehlo="c.example") as client:
            starttls(client, using=using)
            return True
    except (ssl.SSLError, OSError, EOFError):
        return False


# shows 1.10a
def test_client_certificate(t):
    """Asked for, taken whoever signed it, never needed; its fingerprint is shown, also when the session is resumed."""
    service = secured(t, access={"client-certificate": "ask"}).start()
    own = Pair(service, "own", ("client.example",), kind=("ec", "-pkeyopt", "ec_paramgen_curve:P-256"))
    print_of = openssl("x509", "-in", own.certificate, "-noout", "-fingerprint", "-sha256").strip().partition("=")[2]
    wanted = print_of.replace(":", "").lower()

    def seen(client):
        ident = client.message()
        row = json.loads(service.ctl("sessions", "--json").stdout)["sessions"][0]
        check(row["tls"].startswith(client.socket.version()), row["tls"], client.socket.version())
        return row["certificate"], service.events.wait("accepted", id=ident).get("certificate")

    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        for shows in (True, False):
            using, session = context(minimum_version=version, maximum_version=version), None
            if shows:
                using.load_cert_chain(own.certificate, own.key)
            for again in (False, True):
                with service.default.connect() as client:
                    starttls(client, using=using, session=session)
                    equal(seen(client), (wanted, wanted) if shows else (None, None), f"{version.name} {shows} {again}")
                    equal(client.socket.session_reused, again, "resumed")
                    session = client.socket.session
                    check(not shows or wanted in service.ctl("sessions").stdout, service.ctl("sessions").stdout)
    place = ("-starttls", "smtp", "-connect", f"127.0.0.1:{service.default.port}", "-ign_eof")
    text = openssl("s_client", *place, "-cert", own.certificate, "-key", own.key, input=b"QUIT\r\n")
    check("221 2.0.0" in text and "Acceptable client certificate CA names" not in text, text)
    check("221 2.0.0" in openssl("s_client", *place, input=b"QUIT\r\n"), "a client without")
    # Nobody is asked unless the key says so, and who was resumed is asked again once it does.
    service.default.set("access", client_certificate=None)
    mark = service.events.mark()
    service.ctl("reload")
    service.events.wait("config", server="default", result="renewed", since=mark)
    using = context()
    using.load_cert_chain(own.certificate, own.key)
    with service.default.connect() as client:
        starttls(client, using=using)
        equal(seen(client), (None, None), "not asked")
        session = client.socket.session
    mark = service.events.mark()
    service.default.set("access", client_certificate="ask")
    service.ctl("reload")
    service.events.wait("config", server="default", result="renewed", since=mark)
    with service.default.connect() as client:
        starttls(client, using=using, session=session)
        equal(seen(client), (wanted, wanted), "asked again")


# shows 2.4i
def test_oldest_version(t):
    service = secured(t).start()
    equal([version_taken(service, v) for v in ("tls1", "tls1_1", "tls1_2", "tls1_3")], [False, False, True, True])
    failed = service.events.wait("handshake", result="failed", client="127.0.0.1")
    check("unsupported protocol" in failed["reason"], failed.line)
    service.default.set("access", tls_minimum="1.3")
    service.ctl("reload")
    service.events.wait("config", server="default", result="renewed")
    equal([version_taken(service, v) for v in ("tls1_2", "tls1_3")], [False, True])
    service.default.set("access", tls_minimum="1.0")
    done = service.check()
    check(done.returncode != 0 and "tls-minimum under 1.2" in done.stdout + done.stderr, done.stdout, done.stderr)
    mark = service.events.mark()
    service.default.set("access", tls_minimum="1.0", connection_control="only", connection_list="127.0.0.1")
    service.ctl("reload")
    service.events.wait("config", server="default", result="renewed", since=mark)
    equal([version_taken(service, v) for v in ("tls1", "tls1_1", "tls1_2", "tls1_3")], [True, True, True, True])


# shows 2.4j
def test_forward_secrecy(t):
    """sslscan finds ECDHE with AEAD and nothing else; a key lets old devices in, which have RSA key exchange or CBC."""
    service = secured(t).start()

    def offered():
        said = subprocess.run(["sslscan", "--starttls-smtp", "--no-colour", "--no-heartbleed", f"127.0.0.1:{service.default.port}"],
                              capture_output=True, text=True, timeout=120, check=False).stdout
        found = re.findall(r"^(?:Preferred|Accepted)\s+(\S+)\s+\d+ bits\s+(\S+)", said, re.M)
        check(found, said)
        return said, found
    said, found = offered()
    old = [f for f in found if f[0] != "TLSv1.3" and not re.match(r"ECDHE-\w+-(AES\d+-GCM|CHACHA20)", f[1])]
    equal(old, [], "without forward secrecy or AEAD")
    equal({version for version, _ in found}, {"TLSv1.2", "TLSv1.3"})
    for line in ("SSLv3     disabled", "TLSv1.0   disabled", "TLSv1.1   disabled"):
        check(line in said, line, said)
    for weak in ("AES256-GCM-SHA384", "ECDHE-RSA-AES256-SHA"):
        check(not cipher_taken(service, weak), weak)
    service.default.set("access", tls_for_old_devices="yes")
    service.ctl("reload")
    service.events.wait("config", server="default", result="renewed")
    for weak in ("AES256-GCM-SHA384", "ECDHE-RSA-AES256-SHA"):
        check(cipher_taken(service, weak), weak)


def sessions_over(service, using, count):
    """How many of `count` sessions were resumed, each with the ticket of the one before; and the processes that served them."""
    session, resumed = None, 0
    mark = service.events.mark()
    for _ in range(count):
        with service.default.connect() as client:
            starttls(client, using=using, session=session)
            client.message()
            resumed += client.socket.session_reused
            session = client.socket.session
    service.events.wait("accepted", count=count, since=mark)
    return resumed, {event["pid"] for event in service.events.all("accepted", since=mark)}


def test_sessions_are_resumed_by_any_process(t):
    service = secured(t, general={"processes": "3"}).start()
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        using = context(minimum_version=version, maximum_version=version)
        seen, tries = set(), 0
        while len(seen) < 2 and tries < 5:      # the kernel deals connections out as it likes
            resumed, pids = sessions_over(service, using, 12)
            equal(resumed, 11, f"resumed of 12 in {version.name}")
            seen |= pids
            tries += 1
        check(len(seen) > 1, "one process took all sessions")
    # A process that comes later has the same keys.
    using, session = context(), None
    with service.default.connect() as client:
        starttls(client, using=using)
        client.expect(250, "EHLO c.example")
        session = client.socket.session
    mark = service.events.mark()
    for pid in service.children("listener"):
        os.kill(pid, 9)
    service.events.wait("crash", count=3, since=mark)
    until(lambda: len(service.children("listener")) == 3, what="new listeners")
    with service.default.connect() as client:
        starttls(client, using=using, session=session)
        check(client.socket.session_reused, "not resumed after a crash")


def test_tickets_stay_with_their_server(t):
    """Another virtual server with the same certificate does not take them."""
    service = t.postern({"default": {}, "other": {}}, start=False)
    pair = Pair(service, "first", ("mx.example.com",))
    for server in (service.default, service["other"]):
        server.set("access", certificate=pair.certificate, key=pair.key)
    service.start()
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        using = context(minimum_version=version, maximum_version=version)
        with service.default.connect() as client:
            starttls(client, using=using)
            client.expect(250, "EHLO c.example")
            session = client.socket.session
        for server, resumed in ((service["other"], False), (service.default, True)):
            with server.connect() as client:
                starttls(client, using=using, session=session)
                equal(client.socket.session_reused, resumed, f"{server.name} {version.name}")
                client.expect(250, "EHLO c.example")


def test_tickets_outlive_one_turn(t):
    """A session is resumed for at least one period of the ticket keys, and for less than two and a look."""
    period = 2.0
    service = secured(t, env={"POSTERN_TICKETS": str(int(period * 1000))}).start()
    using = context(minimum_version=ssl.TLSVersion.TLSv1_3)
    begin = time.monotonic()
    with service.default.connect() as client:
        starttls(client, using=using)
        client.expect(250, "EHLO c.example")
        session = client.socket.session

    def is_refused():
        with service.default.connect() as client:
            starttls(client, using=using, session=session)
            return not client.socket.session_reused
    until(is_refused, what="the ticket to grow old")
    lasted = time.monotonic() - begin
    check(lasted >= period - 0.1, f"resumed for {lasted:.1f} s only")
    equal(service.events.all("crash"), [], "crashes")


# shows 2.4g
def test_renewed_files(t):
    service = secured(t, as_root=is_root()).start()
    with service.default.connect() as old:
        starttls(old)
        mark = service.events.mark()
        service.pair.make(("renewed.example.com",), days=30)
        service.events.wait("certificate", result="loaded", names="renewed.example.com", days=lambda d: d in ("29", "30"), since=mark)
        equal(names_shown(service, None), ["renewed.example.com"])
        old.message()       # goes on as it began
    # A key of another certificate: the old pair stays, and one event says why; by a command as well as by itself.
    mark, key = service.events.mark(), service.pair.key.read_bytes()
    other = Pair(service, "other", ("other.example.com",))
    os.replace(other.key, service.pair.key)
    service.ctl("reload")
    refused = service.events.wait("certificate", result="refused", kept="old", since=mark)
    check("first.key is not that of the certificate in" in refused["reason"], refused.line)
    equal(names_shown(service, None), ["renewed.example.com"])
    for content, reason in ((b"no key", "no private key"), (b"", "no private key")):
        mark = service.events.mark()
        service.pair.key.write_bytes(content)
        service.ctl("reload")
        check(reason in service.events.wait("certificate", result="refused", since=mark)["reason"], reason)
    mark = service.events.mark()
    service.pair.key.unlink()
    service.ctl("reload")
    check("No such file" in service.events.wait("certificate", result="refused", since=mark)["reason"], "missing file")
    equal(names_shown(service, None), ["renewed.example.com"])
    # And back.
    mark = service.events.mark()
    service.pair.key.write_bytes(key)
    service.pair.own(service.pair.key, 0o600)
    service.ctl("reload")
    service.events.wait("certificate", result="loaded", names="renewed.example.com", since=mark)
    equal(service.events.all("crash"), [], "crashes")


def test_does_not_start_without_files(t):
    service = secured(t)
    service.pair.key.rename(service.folder / "away")
    service.spawn()
    stopped = service.events.wait("state", server="default", state="stopped")
    check("first.key" in stopped["reason"] and "No such file" in stopped["reason"], stopped.line)
    (service.folder / "away").rename(service.pair.key)
    service.pair.key.chmod(0o644)
    done = service.ctl("start", "default", ok=False)
    check("everybody may read" in done.stdout + done.stderr, done.stdout, done.stderr)
    service.pair.key.chmod(0o600)
    service.ctl("start", "default")
    names_shown(service, None)


# shows 1.13b
def test_pair_that_does_not_fit_at_the_start(t):
    """Stopped, with the reason, in one event and without a crash; started by itself when the files are right, or by order."""
    service = secured(t)
    good, other = service.pair.key.read_bytes(), Pair(service, "other", ("other.example",))
    os.replace(other.key, service.pair.key)
    service.default.set("general", processes="2")
    service.spawn()
    stopped = service.events.wait("state", server="default", state="stopped")
    check("is not that of the certificate" in stopped["reason"], stopped.line)
    check("is not that of the certificate" in service.ctl("status", ok=False).stdout, service.ctl("status", ok=False).stdout)
    equal(service.ctl("status", "--check", ok=False).returncode, 2, "status --check")
    done = service.ctl("start", "default", ok=False)
    check(done.returncode != 0 and "is not that of the certificate" in done.stdout + done.stderr, done.stdout, done.stderr)
    until(lambda: service.children() == [], what="nobody left of a start that failed")
    service.pair.key.write_bytes(good)
    service.wait_state("default", "started")
    names_shown(service, None)
    # An operator's stop stays one, whatever happens to the files.
    service.ctl("stop", "default")
    mark = service.events.mark()
    service.pair.make(("mx.example.com",))
    service.ctl("reload")
    equal(service.events.all("state", since=mark), [], "a start nobody asked for")
    equal(service.events.all("crash"), [], "crashes")


def test_check_looks_at_the_files(t):
    """posternctl check says with file and line what would keep a virtual server from starting, and what will one day."""
    service = secured(t)
    file, line = service.default.file, {}

    def faults():
        done = service.ctl("check", ok=False)
        for number, text in enumerate(file.read_text().splitlines(), 1):
            line[text.partition(" ")[0]] = number
        said = [one for one in done.stdout.splitlines() if one.startswith(str(file))]
        return done.returncode, [one.removeprefix(f"{file}:") for one in said]

    equal(faults(), (0, []), "a good pair")
    small = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")
    service.pair.make(("mx.example.com",), days=3, kind=small)
    for wanted in ("expires in", "has expired"):    # of the second one the end is now, which has to pass
        said = until(lambda: [one for one in faults()[1] if wanted in one], what=lambda: f"{wanted}: {faults()}")
        check(faults()[0] == 0 and len(faults()[1]) == 1 and said[0].startswith(f"{line['certificate']}: warning: "), said)
        text = openssl("x509", "-in", service.pair.certificate, "-signkey", service.pair.key, "-days", "0", "-out", service.folder / "old.pem")
        service.pair.certificate.write_bytes((service.folder / "old.pem").read_bytes())
        check(service.pair.certificate.stat().st_size > 0, text)
    service.pair.make(("mx.example.com",), kind=small)
    other = Pair(service, "other", ("other.example",), kind=small)
    key = service.pair.key.read_bytes()
    for content, mode, where, wanted in ((other.key.read_bytes(), 0o600, "certificate", "is not that of the certificate in"),
                                         (b"", 0o600, "certificate", "no private key"), (key, 0o644, "key", "everybody may read"),
                                         (key, 0o600, None, None)):
        service.pair.key.write_bytes(content)
        service.pair.key.chmod(mode)
        status, said = faults()
        if wanted is None:
            equal((status, said), (0, []), "put right")
        else:
            check(status == 78 and len(said) == 1 and said[0].startswith(f"{line[where]}: error: ") and wanted in said[0], status, said)
    service.pair.key.unlink()
    status, said = faults()
    check(status == 78 and len(said) == 1 and "No such file" in said[0] and said[0].startswith(f"{line['key']}: error: key "), said)
    service.pair.key.write_bytes(key)
    service.pair.own(service.pair.key, 0o600)
    passwords = service.folder / "passwords"
    passwords.write_text("# accounts\nalice:{SCRAM-SHA-256}nonsense\n")
    service.pair.own(passwords, 0o600)
    service.default.set("access", authentication="anonymous, basic", password_file=passwords)
    status, said = faults()
    check(status == 0 and len(said) == 2 and "line 2: " in "".join(said) and "there is no account" in "".join(said), said)
    if is_root():
        os.chown(service.pair.key, 0, 0)
        status, said = faults()
        check(status == 0 and "cannot be looked at by this user; root can" in said[0], said)


def test_garbage_in_the_handshake(t):
    service = secured(t).start()
    for garbage in (b"EHLO in.clear\r\n", b"\0" * 3000, b"GET / HTTP/1.0\r\n\r\n", os.urandom(2000), b"\x16\x03\x01\xff\xff" + b"x" * 70000):
        mark = service.events.mark()
        with service.default.connect() as client:
            client.expect(250, "EHLO c.example")
            client.expect(220, "STARTTLS")
            try:
                client.send(garbage)
                rest = client.socket.recv(65536)
                while (more := client.socket.recv(65536)):
                    rest += more
            except ConnectionError:
                rest = b""
            check(b"250" not in rest and b"500" not in rest, "an answer in clear:", rest)
        service.events.wait("handshake", result="failed", since=mark)
    service.default.send()
    equal(service.events.all("crash"), [], "crashes")


def test_half_a_handshake(t):
    """Silence, a piece of the client's first word, or the end in the middle: closed in time, and not a word in clear."""
    service = secured(t, general={"connection-timeout": "2s"}).start()
    for piece in (b"", b"\x16\x03\x01\x02"):
        with service.default.connect() as client:
            client.expect(220, "STARTTLS")
            client.send(piece)
            check(client.is_closed(), "words in clear, or open")
    check("in time" in service.events.wait("handshake", count=2)["reason"], "the reason")
    for reset in (False, True):
        with service.default.connect() as client:
            client.expect(220, "STARTTLS")
            client.send(b"\x16\x03\x01\x02")
            if reset:
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    service.events.wait("handshake", count=4)
    until(lambda: "inbound_connections_current 0" in " ".join(service.ctl("counters", "default").stdout.split()), what="all places to be free")


def test_idle_under_tls(t):
    """The last word is said inside TLS, which is ended as it should be."""
    service = secured(t, general={"connection-timeout": "2s"}).start()
    with service.default.connect() as client:
        starttls(client)
        client.expect("421 4.4.2")
        equal(client.socket.recv(10), b"", "end")       # an end without close_notify would raise


def test_stop_during_sessions(t):
    service = secured(t).start()
    clients = [service.default.connect() for _ in range(3)]
    starttls(clients[0])
    clients[1].expect(220, "STARTTLS")
    service.signal(15)
    clients[0].expect("421 4.3.2")
    shake(clients[1])
    clients[1].expect("421 4.3.2")
    equal(service.wait_end(), 0, "exit status")
    for client in clients:
        client.close()


def test_many_handshakes_at_once(t):
    service = secured(t, general={"processes": "2"}).start()
    faults = []

    def one():
        try:
            with service.default.connect(timeout=60) as client:
                starttls(client)
                client.message()
        except (OSError, Failure, EOFError) as error:
            faults.append(error)
    threads = [threading.Thread(target=one) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(faults, [], "faults")
    service.home.wait_drops(40)


def test_proxy_header_before_tls(t):
    """The PROXY header stands in the clear before the handshake, in the same packet."""
    port = t.port()
    service = secured(t, access={"proxy": "yes", "proxy-trusted": "127.0.0.1"}, general={"tls-listen": f"127.0.0.1:{port}"}).start()
    with Smtp(("127.0.0.1", port), banner=False) as client:
        client.send("PROXY TCP4 192.0.2.77 192.0.2.1 40000 465\r\n")
        shake(client)
        client.expect(220)
        ident = client.message()
    equal(service.events.wait("accepted", id=ident)["client"], "192.0.2.77", "client")
