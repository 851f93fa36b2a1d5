"""auth_out - authentication at remote hosts: another Postern, a host with few mechanisms, Kerberos; which account is
used; secrets are never shown
"""

import base64
import contextlib
import os
import socket
import ssl
import subprocess
import threading
import time

import gssapi
from checks import check, equal
from patience import until
from processes import is_root
from sasl import Kdc, b64, plain, run, verifier
from sink import Sink, SinkSession

SECRET = "s3cret pass phrase"


class AuthSession(SinkSession):
    """Takes PLAIN and LOGIN, and no MAIL before."""
    def _verb(self, verb, line):
        if verb == "AUTH":
            return self._auth(line.split()[1:])
        if verb == "MAIL" and not self.known:
            return self.say("MAIL", line, "530 5.7.0 who are you?")
        return super()._verb(verb, line)

    def reset(self):
        super().reset()
        self.known = getattr(self, "known", False)

    def _ask(self, challenge):
        self.connection.sendall(f"334 {b64(challenge)}\r\n".encode())
        return base64.b64decode(self.stream.readline().strip()).decode()

    def _auth(self, words):
        if words[0] == "PLAIN":
            _, user, password = base64.b64decode(words[1]).decode().split("\0")
        else:
            user, password = self._ask("Your name, please"), self._ask("And the word")
        self.sink.accounts.append((words[0], user, password))
        self.known = password == SECRET
        return self.say("AUTH", "", "235 2.7.0 welcome" if self.known else "535 5.7.8 never heard of you")


def auth_sink(t, mechanisms="PLAIN LOGIN", **options):
    sink = t.sink(ehlo=["PIPELINING", "SIZE", "8BITMIME"] + ([f"AUTH {mechanisms}"] if mechanisms else []), **options)
    sink.accounts, sink.session = [], AuthSession
    return sink


def secret_file(service, text=SECRET + "\n", name="secret", mode=0o600):
    file = service.folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    file.chmod(mode)
    if is_root() and not service.as_root:
        os.chown(file, service.test.uid, service.test.gid)
    return file


def make_pair(folder):
    """A self-signed certificate and its key."""
    certificate, key = folder / "relay.pem", folder / "relay.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", certificate,
                    "-days", "30", "-subj", "/CN=relay.example"], check=True, capture_output=True, timeout=60)
    return certificate, key


def sender(t, port, user="bob", servers=None, start=True, secret=SECRET + "\n", **delivery):
    """A service whose mail goes to that port, as that user."""
    service = t.postern(servers=servers, start=False)
    service.secret = secret_file(service, secret)
    service.default.set("delivery", **{"smart_host": f"[127.0.0.1]:{port}", "outbound_auth": "basic", "user": user, "secret_file": service.secret,
                                       **delivery})
    return service.start() if start else service


def relay_to(t, accounts=None, authentication="basic", **access):
    """A service with a virtual server "relay" that wants an authentication, and whose default one is yet to be set up."""
    service = t.postern(servers={"default": {}, "relay": {"delivery": {"fqdn": "relay.example"}, "domain far.example": {"type": "default"},
                                                          "domain relay.example": {"type": "alias"}}}, start=False)
    service.passwords = secret_file(service, "".join(f"{n}:{h}\n" for n, h in (accounts or {"bob": verifier(SECRET)}).items()), "passwords")
    service["relay"].set("access", authentication=authentication, relay_list=None,
                         **({"password_file": service.passwords, "basic_requires_tls": "no"} if authentication == "basic" else {}), **access)
    service.secret = secret_file(service)
    service.default.set("delivery", smart_host=f"[127.0.0.1]:{service['relay'].port}", outbound_auth="basic", user="bob",
                        secret_file=service.secret)
    return service


def no_secret(service, *more):
    """Neither in the event log nor in any protocol log, in whatever form."""
    service.stop()
    text = (service.folder / "events.log").read_text()
    logs = [p for p in (service.folder / "logs").rglob("*") if p.is_file()]
    check(logs, "there is no protocol log")
    text += "".join(p.read_text() for p in logs)
    check("AUTH" in text, "no authentication in the protocol log")
    for word in (SECRET, b64(SECRET), b64(SECRET)[:12], plain("bob", SECRET), plain("bob", SECRET)[6:18], *more):
        check(word not in text, "the logs show", word)
    return text


# shows 2.6e
def test_postern_to_postern(t):
    """SCRAM; two messages need one authentication; a new helper comes when the old one died; nothing in the logs of either side."""
    service = relay_to(t)
    service.default.set("messages", max_messages_per_connection="2")
    service.start()
    for body in ("one", "two"):
        service.default.send(to="x@far.example", data=f"Subject: {body}\r\n\r\n{body}\r\n".encode())
    drops = service["relay"].home.wait_drops(2)
    check(b"with ESMTPA id" in drops[0].message, drops[0].message)
    event = service.events.wait("auth", server="default", result="ok")
    equal((event["user"], event["mechanism"], event["host"]), ("bob", "SCRAM-SHA-256", f"[127.0.0.1]:{service['relay'].port}"))
    equal(service.events.wait("auth", server="relay", result="ok")["user"], "bob")
    os.kill(service.child("auth"), 9)
    service.events.wait("crash", role="auth")
    mark = service.events.mark()
    service.default.send(to="x@far.example")
    service["relay"].home.wait_drops(3)
    service.events.wait("auth", server="default", result="ok", since=mark)
    no_secret(service)


def test_bound_to_the_connection(t):
    """SCRAM-SHA-256-PLUS: what one Postern takes from its TLS is what the other has."""
    service = relay_to(t)
    certificate, key = make_pair(service.folder)
    for file in (certificate, key):
        secret_file(service, file.read_text(), file.name)
    service["relay"].set("access", certificate=certificate, key=key)
    service.default.set("delivery", outbound_tls="required")
    service.start()
    service.default.send(to="x@far.example")
    service["relay"].home.wait_drops(1)
    for server in ("default", "relay"):
        equal(service.events.wait("auth", server=server, result="ok")["mechanism"], "SCRAM-SHA-256-PLUS", server)
    no_secret(service)


# shows 2.6e
def test_plain_and_login(t):
    """The words arrive as they should; other servers' ways to ask; the inbound log of a real client has no secret either."""
    for mechanism, password in (("PLAIN", SECRET + "\r\n"), ("LOGIN", SECRET)):
        sink = auth_sink(t, f"CRAM-MD5 {mechanism}")
        service = sender(t, sink.port, user="bob", secret=password)
        service.default.send(to="x@far.example")
        sink.wait(1)
        equal(sink.accounts, [(mechanism, "bob", SECRET)])
        no_secret(service)


PROMPTS = (("334 Username:", "334 Password:"), ("334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ"), ("334", "334 "),
           ("334-VXNlcm5hbWU6\r\n334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"), ("334 =?=", "334 \xff"))


class Prompts(AuthSession):
    """Asks for name and password in its own words; PLAIN once more."""
    prompts = ()

    def _hear(self, prompt):
        self.connection.sendall(prompt.encode("latin-1") + b"\r\n")
        return base64.b64decode(self.stream.readline().strip()).decode()

    def _auth(self, words):
        if words[0] == "PLAIN":
            _, user, password = self._hear("334 ").split("\0")
        else:
            user, password = [self._hear(prompt) for prompt in self.prompts]
        self.sink.accounts.append((words[0], user, password))
        self.known = password == SECRET
        return self.say("AUTH", "", "235 ok" if self.known else "535 no")


def test_prompts(t):
    """LOGIN sends the name to the first 334 and the password to the second, whatever stands behind them; PLAIN its word, once more."""
    sinks = [auth_sink(t, mechanism) for mechanism in ["LOGIN"] * len(PROMPTS) + ["PLAIN"]]
    for n, sink in enumerate(sinks):
        sink.session = type("Asks", (Prompts,), {"prompts": PROMPTS[n] if n < len(PROMPTS) else ()})
    service = routed(t, sinks)
    for n in range(len(sinks)):
        service.default.send(to=f"x@n{n}.example")
    for n, sink in enumerate(sinks):
        sink.wait(1)
        equal(sink.accounts, [("LOGIN" if n < len(PROMPTS) else "PLAIN", "bob", SECRET)])


class Refuses(AuthSession):
    """Offers SCRAM and does not take it; perhaps it hangs up then."""
    no, ends = "", False

    def _auth(self, words):
        self.sink.asked.append(words[0])
        if words[0] != "SCRAM-SHA-256":
            return super()._auth(words)
        return self.say("AUTH", "", self.no) and not self.ends


def routed(t, sinks, **delivery):
    """A service whose mail for nK.example goes to sink K, as bob."""
    service = t.postern(start=False)
    for n, sink in enumerate(sinks):
        service.default.sections[f"domain n{n}.example"] = {"type": "remote", "route": f"[127.0.0.1]:{sink.port}", "user": "bob",
                                                            "outbound-auth": "basic", "secret-file": secret_file(service)}
    service.default.set("messages", max_messages_per_connection="1")
    service.default.set("delivery", **delivery)
    return service.start()


def test_next_mechanism(t):
    """What the host offers and does not take: the next one, in the same connection; the next connection begins with it."""
    sinks = [auth_sink(t, "SCRAM-SHA-256 PLAIN") for _ in range(6)]
    for n, no in enumerate(("504 5.5.4 unknown", "534 5.7.9 too weak", "538 5.7.11 needs TLS", "535 5.7.8 no verifier", "432 4.7.12 transition")):
        sinks[n].asked, sinks[n].session = [], type("Refuses", (Refuses,), {"no": no})
    sinks[5].asked, sinks[5].session = [], type("HangsUp", (Refuses,), {"no": "535 5.7.8 go away, bob", "ends": True})
    service = routed(t, sinks)
    for n in range(6):
        service.default.send(to=f"x@n{n}.example")
        service.default.send(to=f"y@n{n}.example")
    for sink in sinks[:5]:
        sink.wait(2)
        equal(sink.asked, ["SCRAM-SHA-256", "PLAIN", "PLAIN"], sink.session.no)
    event = service.events.wait("deferred", recipient="x@n5.example", status="4.7.8")
    check("go away, bob" in event["reason"], event.line)
    equal(sinks[5].asked, ["SCRAM-SHA-256"], "it is left alone")


# shows 2.8j
def test_named_mechanisms(t):
    """auth-mechanisms of the server and of a domain: named and left out; what leaves nothing is an error."""
    sinks = [auth_sink(t, "SCRAM-SHA-256 PLAIN LOGIN") for _ in range(3)]
    service = sender(t, sinks[0].port, auth_mechanisms="-scram-sha-256", start=False)
    for n, named in ((1, "login"), (2, "-scram-sha-256, -scram-sha-256-plus, -login")):
        service.default.sections[f"domain n{n}.example"] = {"type": "remote", "route": f"[127.0.0.1]:{sinks[n].port}", "auth-mechanisms": named,
                                                            "outbound-auth": "basic"}
    service.default.write()
    service.start()
    for to in ("x@far.example", "x@n1.example", "x@n2.example"):
        service.default.send(to=to)
    for sink, mechanism in zip(sinks, ("PLAIN", "LOGIN", "PLAIN")):
        sink.wait(1)
        equal(sink.accounts, [(mechanism, "bob", SECRET)])
    service.default.set("delivery", auth_mechanisms="gssapi")
    done = service.ctl("check", ok=False)
    check("leaves nothing that outbound-auth = basic can use" in done.stdout + done.stderr, done)


def test_inbound_logs(t):
    """PLAIN, LOGIN and SCRAM from clients, right and wrong: no word of it in the logs."""
    service = relay_to(t).start()
    for name, password in (("bob", SECRET), ("eve", SECRET)):
        with service["relay"].connect(source=f"127.0.0.{len(name) + len(password)}", ehlo="c") as client:
            right = name == "bob"
            client.expect(235 if right else 535, f"AUTH PLAIN {plain(name, password)}")
        with service["relay"].connect(source=f"127.0.0.{ord(name[0])}", ehlo="c") as client:
            client.expect(334, "AUTH LOGIN")
            client.expect(334, b64(name))
            client.expect(235 if right else 535, b64(password))
    no_secret(service, plain("eve", SECRET))


def test_wrong_password(t):
    """The mail waits, the host is asked once however much comes; the right password and an operator's word send it."""
    sink = auth_sink(t)
    service = sender(t, sink.port, secret="wr0ng one\n")
    service.default.send(to="x@far.example")
    event = service.events.wait("deferred", status="4.7.8")
    check("authentication with PLAIN failed" in event["reason"] and "never heard of you" in event["reason"], event.line)
    for n in range(3):
        service.default.send(to=f"y{n}@far.example")
    service.events.wait("deferred", count=4)
    equal(len(sink.accounts), 1, "attempts")
    service.events.wait("auth", result="failed", user="bob", mechanism="PLAIN")
    equal(len(service.events.all("auth")), 1)
    service.ctl("retry", "default")
    until(lambda: len(sink.accounts) == 2, what="the attempt that an operator wants")
    secret_file(service)
    until(lambda: service.ctl("retry", "default") and len(sink.messages) == 4, what="all of it")
    check(all(password in ("wr0ng one", SECRET) for _, _, password in sink.accounts), sink.accounts)
    no_secret(service, "wr0ng", b64("wr0ng one"), plain("bob", "wr0ng one"))


# shows 2.1e, 2.6e
def test_secret_file(t):
    """One that everybody may read, that is not there, that is empty or has two lines: the mail waits, and nothing is said to the host."""
    sink = auth_sink(t)
    service = sender(t, sink.port, retry="1s")
    service.secret.chmod(0o644)
    service.default.send(to="x@far.example")
    check("0644" in service.events.wait("deferred", status="4.7.0")["reason"])
    done = service.ctl("check", ok=False)
    check(done.returncode == 78 and "secret-file" in done.stdout + done.stderr and "0644" in done.stdout + done.stderr, done)
    for text, why in ((b"", "empty"), (b"one\ntwo\n", "more than one line"), (b"a" * 1100, "too large")):
        mark = service.events.mark()
        secret_file(service, text)
        until(lambda why=why, mark=mark: any(why in e["reason"] for e in service.events.all("deferred", since=mark)), what=why)
    service.secret.unlink()
    until(lambda: any("No such file" in e["reason"] for e in service.events.all("deferred")), what="the missing file")
    equal(sink.accounts, [])
    check(not any(line.startswith("MAIL") for s in sink.sessions for line in s.lines), "mail without authentication")
    secret_file(service)
    sink.wait(1)


class Impostor(AuthSession):
    """Says it has SCRAM, and does not know the password."""
    script = ()

    def _auth(self, words):
        nonce = base64.b64decode(words[1]).decode().split("r=")[1]
        for step in self.script:
            if step.startswith("235"):
                return self.say("AUTH", "", step)
            self.words.append(self._ask(step.replace("NONCE", nonce + "x")))
        return self.say("AUTH", "", "535 5.7.8 no")


def test_impostor(t):
    """A host that cannot prove that it knows the account, or wants the password made cheap to try, or endless work: it gets no mail."""
    first, proof = "r=NONCE,s=c2FsdA==,i=4096", f"v={b64(bytes(32))}"
    for script, status, why, words in (((first, proof, "235 ok"), "4.7.5", "does not prove", 1), ((first, "235 ok"), "4.7.0", "before it proved itself", 1),
                                       ((first.replace("4096", "1"), "235 ok"), "4.7.5", "iterations", 0),
                                       ((first.replace("4096", "99999999"), "235 ok"), "4.7.5", "iterations", 0),
                                       (("r=mine,s=c2FsdA==,i=4096", "235 ok"), "4.7.5", "does not prove", 0)):
        sink = auth_sink(t, "SCRAM-SHA-256 PLAIN")
        sink.session = type("Scripted", (Impostor,), {"script": script, "words": []})
        service = sender(t, sink.port)
        service.default.send(to="x@far.example")
        check(why in service.events.wait("deferred", status=status)["reason"], service.events.all("deferred"))
        equal(len([word for word in sink.session.words if word]), words, "answers")
        check(not any(line.startswith("MAIL") for s in sink.sessions for line in s.lines), "mail for an impostor")
        service.stop()


def test_hosts_without(t):
    """No AUTH, none of ours, and one that says 454: nothing goes unauthenticated."""
    for mechanisms, answers, status, words in ((None, {}, "4.7.0", "offers no authentication"), ("CRAM-MD5 NTLM", {}, "4.7.4", "that outbound-auth allows"),
                                               ("PLAIN", {"AUTH": "454 4.7.0 directory down"}, "4.7.0", "directory down")):
        sink = auth_sink(t, mechanisms, answers=answers)
        service = sender(t, sink.port)
        service.default.send(to="x@far.example")
        check(words in service.events.wait("deferred", status=status)["reason"], service.events.all("deferred"))
        check(not any(line.startswith("MAIL") for s in sink.sessions for line in s.lines), "mail without authentication")
        service.stop()


def own_address(t):
    """One of this host that is not of the loopback net, for which there is an exception."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))    # sends nothing
            found = probe.getsockname()[0]
        except OSError:
            found = "127.0.0.1"
    if found.startswith("127."):
        t.skip("this host has no address but loopback")
    return found


def test_no_password_in_clear(t):
    """may ends in clear where there is no STARTTLS: no password goes there, and none of it does; with an account it never does where TLS fails.
    off was chosen.
    """
    address = own_address(t)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*make_pair(t.folder))

    def garbage(session, _):
        session.connection.sendall(b"220 go ahead\r\n500 this is no TLS at all\r\n")
        return Sink.DROP
    for answers, tls, mode, status in (({}, None, "may", "4.7.11"), ({"STARTTLS": "454 4.7.0 not now"}, context, "may", "4.7.4"),
                                       ({"STARTTLS": garbage}, context, "may", "4.4.2 4.7.5"), ({"STARTTLS": Sink.DROP}, context, "may", "4.4.2"),
                                       ({}, None, "required", "4.7.4"), ({}, context, "may", None), ({}, context, "required", None),
                                       ({}, None, "off", None)):
        sink = auth_sink(t, "LOGIN PLAIN", answers=answers, tls=tls, address=address)
        service = sender(t, sink.port, smart_host=f"[{address}]:{sink.port}", outbound_tls=mode, retry="1h")
        service.default.send(to="x@far.example")
        if status:
            event = service.events.wait("deferred", status=lambda s, wanted=status: s in wanted.split())
            check(status != "4.7.11" or "the connection has no TLS" in event["reason"], event.line)
        else:
            sink.wait(1)
        said = [word for s in sink.sessions for word in s.lines if word.startswith("AUTH")]
        equal(len(said), 0 if status else 1, f"AUTH lines, {mode} {answers}")
        equal(sink.accounts, [] if status else [("PLAIN", "bob", SECRET)])
        done = service.ctl("check")
        check(f"outbound-tls = {mode}: " in done.stdout + done.stderr and "the password of bob" in done.stdout + done.stderr, done)
        service.stop()


# shows 2.8h, 2.8i
def test_whose_account(t):
    """The domain's over the server's in both directions; no account for hosts that the DNS or another route names, but for a domain that has its own."""
    sinks = {name: auth_sink(t) for name in ("server", "open", "own", "mx", "partner", "named")}
    for name in ("open", "mx", "partner"):
        sinks[name].session = SinkSession
    mx = t.port()
    dns = t.dns("mx MX 10 host", "mine MX 10 host", "host A 127.0.0.1")
    service = t.postern(start=False, service={"dns-server": dns.address})
    other = secret_file(service, SECRET, "other")
    direct = auth_sink(t, port=mx)
    direct.session = type("Either", (AuthSession,), {"_verb": lambda self, verb, line: self._auth(line.split()[1:]) if verb == "AUTH" else
                                                     SinkSession._verb(self, verb, line)})
    for name, keys in {"open": {"route": f"[127.0.0.1]:{sinks['open'].port}", "outbound-auth": "anonymous"},
                       "own": {"route": f"[127.0.0.1]:{sinks['own'].port}", "user": "carol", "secret-file": other},
                       "partner": {"route": f"[127.0.0.1]:{sinks['partner'].port}"},
                       "both": {"route": f"[127.0.0.1]:{sinks['partner'].port}, [127.0.0.1]:{sinks['server'].port}"},
                       "same": {"route": f"[127.0.0.1]:{sinks['server'].port}"},
                       "named": {"route": f"[127.0.0.1]:{sinks['named'].port}", "outbound-auth": "basic"},
                       "mx": {"route": "dns", "port": mx},
                       "mine": {"route": "dns", "port": mx, "outbound-auth": "basic"}}.items():
        service.default.sections[f"domain {name}.example"] = {"type": "remote", **keys}
    service.default.set("delivery", smart_host=f"[127.0.0.1]:{sinks['server'].port}", outbound_auth="basic", user="bob",
                        secret_file=secret_file(service))
    service.start()
    for name in ("open", "own", "mx", "else", "mine", "partner", "both", "same", "named"):
        service.default.send(to=f"x@{name}.example")
    for name, count in (("server", 2), ("open", 1), ("own", 1), ("partner", 2), ("named", 1)):
        sinks[name].wait(count)
    direct.wait(2)
    equal(sinks["partner"].accounts, [], "the smart host's account is shown to another host")
    equal(sinks["named"].accounts, [("PLAIN", "bob", SECRET)])
    equal(set(sinks["server"].accounts), {("PLAIN", "bob", SECRET)})
    equal(sinks["own"].accounts, [("PLAIN", "carol", SECRET)])
    equal(direct.accounts, [("PLAIN", "bob", SECRET)], "only for the domain that names it")
    by = {m.recipients[0]: any(line.startswith("AUTH") for line in m.session.lines) for m in direct.messages + sinks["open"].messages}
    equal(by, {"x@open.example": False, "x@mx.example": False, "x@mine.example": True})


# shows 2.6e
def test_kerberos(t):
    """A real KDC: our principal by its keytab; a host that is an address; no KDC."""
    kdc = Kdc(t)
    keytab, ours = t.folder / "service.keytab", t.folder / "ours.keytab"
    kdc.add("smtp/relay.example", keytab)
    kdc.add("postern/default.example", ours)
    dns = t.dns("relay A 127.0.0.1")
    for file in (keytab, ours):
        file.chmod(0o600)
        if is_root():
            os.chown(file, t.uid, t.gid)
    t.folder.chmod(0o777)    # the replay cache is there
    service = relay_to(t, authentication="integrated", keytab=keytab)
    service.env.update(kdc.env)
    service.service["dns-server"] = dns.address
    service.write()
    port = service["relay"].port
    service.default.set("delivery", smart_host=f"relay.example:{port}", outbound_auth="integrated", user="postern/default.example", secret_file=ours)
    service.default.set("messages", max_messages_per_connection="1")
    service.default.sections["domain address.example"] = {"type": "remote", "route": f"[127.0.0.1]:{port}", "outbound-auth": "integrated"}
    service.default.write()
    service.start()
    service.default.send(to="x@far.example")
    check(b"with ESMTPA id" in service["relay"].home.wait_drops(1)[0].message)
    equal(service.events.wait("auth", server="relay", result="ok")["user"], "postern/default.example@TEST.EXAMPLE")
    equal(service.events.wait("auth", server="default", result="ok")["mechanism"], "GSSAPI")
    service.default.send(to="x@address.example")
    check("needs the name of the host" in service.events.wait("deferred", status="4.7.0")["reason"])
    kdc.end()
    ours.write_bytes(ours.read_bytes())    # a changed file: the tickets of the old one are forgotten

    def waits():
        service.default.send(to="y@far.example")
        return any("no ticket" in event["reason"] for event in service.events.all("deferred", recipient="y@far.example"))
    until(waits, what="the failure to get a ticket")


def kerberos_out(t, ours_options=(), **more):
    """Our account of a real KDC at a relay of ours; tries again each second. The KDC, the service and our keytab."""
    kdc = Kdc(t)
    keytab, ours = t.folder / "service.keytab", t.folder / "ours.keytab"
    kdc.add("smtp/relay.example", keytab)
    kdc.add("postern/default.example", ours, *ours_options)
    for file in (keytab, ours):
        file.chmod(0o600)
        if is_root():
            os.chown(file, t.uid, t.gid)
    t.folder.chmod(0o777)    # the replay cache is there
    service = relay_to(t, authentication="integrated", keytab=keytab)
    service.env.update(kdc.env)
    service.service["dns-server"] = t.dns("relay A 127.0.0.1", "other A 127.0.0.1").address
    service.write()
    service.default.set("delivery", smart_host=f"relay.example:{service['relay'].port}", outbound_auth="integrated", user="postern/default.example",
                        secret_file=ours, retry="1s", **more)
    service.default.set("messages", max_messages_per_connection="1")
    return kdc, service, ours


def der(tag, *parts):
    body = b"".join(parts)
    return bytes([tag, len(body)]) + body


def skewed_error():
    """KRB-ERROR (RFC 4120 5.9.1) about the clock."""
    def number(tag, value):
        return der(0xa0 | tag, der(2, bytes([value])))
    name = der(0xa0, der(2, b"\2")), der(0xa1, der(0x30, der(0x1b, b"krbtgt"), der(0x1b, b"TEST.EXAMPLE")))
    return der(0x7e, der(0x30, number(0, 5), number(1, 30), der(0xa4, der(0x18, b"20261130000000Z")), number(5, 0), number(6, 37),
                         der(0xa9, der(0x1b, b"TEST.EXAMPLE")), der(0xaa, der(0x30, *name))))


@contextlib.contextmanager
def fake_kdc(port, answer):
    """Says the same to everybody."""
    over = threading.Event()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as fake:
        fake.bind(("127.0.0.1", port))
        fake.settimeout(0.1)

        def serve():
            while not over.is_set():
                try:
                    fake.sendto(answer, fake.recvfrom(65536)[1])
                except TimeoutError:
                    pass
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def test_kerberos_reasons(t):
    """No ticket: unknown service, no KDC, a key that no longer fits, clocks that differ, an unknown principal: each has its own words."""
    kdc, service, _ = kerberos_out(t, ("-maxlife", "4 seconds"))
    conf = kdc.folder / "krb5.conf"    # or ended tickets would be taken for five minutes more
    conf.write_text(conf.read_text().replace("[libdefaults]\n", "[libdefaults]\n clockskew = 8\n"))
    service.default.sections["domain other.example"] = {"type": "remote", "route": f"other.example:{service['relay'].port}",
                                                         "outbound-auth": "integrated"}
    service.default.write()
    service.start()
    service.default.send(to="x@far.example")
    service["relay"].home.wait_drops(1)

    def says(words, to="y@far.example"):
        mark, last = service.events.mark(), [0.0]

        def said():
            if time.monotonic() - last[0] > 2:    # one may be delivered with a ticket that is still good
                service.default.send(to=to)
                last[0] = time.monotonic()
            return any("no ticket for " in e["reason"] and words in e["reason"] for e in service.events.all("deferred", since=mark, recipient=to))
        until(said, 60, words)
    says("smtp/other.example: the Kerberos servers know no such service", "x@other.example")
    kdc.end()
    says("postern/default.example: no Kerberos server answers")
    kdc.change("postern/default.example", t.folder / "new.keytab")
    kdc.start()
    says("postern/default.example: the keytab does not fit")
    kdc.end()
    with fake_kdc(kdc.port, skewed_error()):
        says("the clock of this host is not that of")
    kdc.start()
    run("/usr/sbin/kadmin.local", "-r", "TEST.EXAMPLE", "delprinc", "-force", "postern/default.example", env=kdc.env)
    says("postern/default.example: the Kerberos servers do not know this principal")


class KerberosSession(AuthSession):
    """A host whose tokens are bad in one way or another."""
    def _auth(self, words):
        fault = self.sink.fault
        token = base64.b64decode(words[1]) if len(words) > 1 else self._take(b"")
        context = gssapi.SecurityContext(usage="accept")
        answer = context.step(token)
        if fault == "rubbish":
            self._take(b"what is no token")
        elif fault == "proof":
            self._take(answer[:-4] + bytes(4))
        elif fault == "layers":
            self._take(answer)
            wrapped = context.wrap(b"\1\0\0\0", False).message
            self._take(wrapped[:-4] + bytes(4))
        return self.say("AUTH", "", "535 5.7.8 no")

    def _take(self, challenge):
        self.connection.sendall(f"334 {b64(challenge)}\r\n".encode())
        return base64.b64decode(self.stream.readline().strip())


def test_kerberos_bad_tokens(t):
    """A host that answers rubbish, cannot prove itself, spoils its last token: each is told, never as "Success"."""
    kdc, service, _ = kerberos_out(t)
    kdc.add("smtp/other.example", t.folder / "other.keytab")
    os.environ.update(kdc.env, KRB5_KTNAME=str(t.folder / "other.keytab"))
    sink = auth_sink(t, "GSSAPI")
    sink.session = KerberosSession
    service.default.set("delivery", smart_host=f"other.example:{sink.port}")
    sink.fault = "rubbish"
    service.start()
    for fault, words in (("rubbish", "it sent what is no token of Kerberos"), ("proof", "it has not proved who it is"),
                         ("layers", "the token of it is spoilt")):
        sink.fault = fault
        mark = service.events.mark()
        service.default.send(to="y@far.example")
        service.events.wait("deferred", recipient="y@far.example", reason=lambda r, w=words: w in r, since=mark, timeout=60)
